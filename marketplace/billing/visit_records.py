"""A visit's record written down or corrected by the provider's office or its rostering system, beside what is billed.

What stands on an invoice that was not returned stays as it was billed: it is put right by a return or a credit note.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.packages import queries
from marketplace.packages.books import no_invoice_meanwhile
from marketplace.packages.ending import open_for_correction
from marketplace.packages.late_records import Entry, Source, write_down
from marketplace.packages.tables import Visit
from marketplace.packages.telling import provider_only
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict


async def record_visit(actor: Actor, visit_id: UUID, entry: Entry, *, version: int, reason: str) -> bool:
    """The office writes a visit down that took place, or corrects its record; False when nothing changes.

    Everybody whose signature stood under the earlier text signs again. Raises `Conflict` when the visit changed since
    it was looked at, is billed, or may not have taken place like this; `InvalidInput` by field; `WrongState`.
    """
    provider_only(actor, "visit.correct")
    async with unit_of_work(actor) as work:
        return await record_in(work, visit_id, entry, "office", reason, version=version)


async def record_in(
    work: Work, visit_id: UUID, entry: Entry, source: Source, reason: str, *, version: int | None = None
) -> bool:
    """As `record_visit`, within a unit that stands already (`version` None: whatever it is)."""
    permit(work.actor, "visit.correct")
    visit = await unbilled(work, visit_id, version)
    return await write_down(work, visit, await queries.package(work, visit.package_id), entry, source, reason)


async def unbilled(work: Work, visit_id: UUID, version: int | None) -> Visit:
    """A visit, held, that no standing invoice has judged. Raises `Conflict` where one has, or when it changed.

    Its package, where it ended with its last day, is opened again.
    """
    found = await queries.visit(work, visit_id)
    await no_invoice_meanwhile(work, found)
    await open_for_correction(work, found)
    visit = await queries.visit(work, visit_id, lock=True)
    if version is not None and visit.version != version:
        raise Conflict("This visit was changed while you were looking at it. Look at it as it is now.")
    billed = await billed_on(work, visit)
    if billed is not None:
        raise Conflict(
            f"This visit is billed on invoice {billed}: its record is corrected once that invoice was returned, or by a"
            " credit note."
        )
    return visit


async def billed_on(work: Work, visit: Visit) -> int | None:
    """The number of the standing invoice that judged the visit as finished, if there is one."""
    return await work.fetchval(
        """SELECT i.number FROM invoice_line l
           JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
           WHERE l.visit_commissioner_id = $1 AND l.visit_id = $2 AND l.counts AND NOT l.held AND i.state <> 'returned'
           ORDER BY i.number LIMIT 1""",
        visit.commissioner_id, visit.id,
    )  # fmt: skip
