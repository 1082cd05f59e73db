"""Reads of families' requests. Row-level security decides whose: the family's that spends, or the provider's asked."""

from __future__ import annotations

from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.purchases.tables import Enquiry, EnquiryAnswer, EnquiryReach


def nothing() -> NotFound:
    """The same answer for a request out of reach and for none."""
    return NotFound("There is no request by that address, or it is not yours to see.")


async def enquiry(work: Work, enquiry_id: UUID, *, lock: bool = False) -> Enquiry:
    """One request. `lock` holds it for the unit (its family only). Raises `NotFound`."""
    query = Enquiry.objects().where(Enquiry.id == enquiry_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise nothing()
    return found


async def answer(work: Work, answer_id: UUID) -> EnquiryAnswer:
    """One answer. Raises `NotFound`."""
    found = await EnquiryAnswer.objects().where(EnquiryAnswer.id == answer_id).first()
    if found is None:
        raise nothing()
    return found


async def my_reach(work: Work, row: Enquiry) -> EnquiryReach:
    """The acting provider's own line of a request, held for the unit. Raises `NotFound`."""
    found = (
        await EnquiryReach.objects()
        .where(EnquiryReach.enquiry_id == row.id)
        .where(EnquiryReach.provider_id == work.actor.provider_id)
        .first()
        .lock_rows("NO KEY UPDATE")
    )
    if found is None:
        raise nothing()
    return found


def is_open(work: Work, row: Enquiry) -> bool:
    """Whether a request still waits: neither closed nor lapsed."""
    return row.state == "open" and work.now < row.open_until


async def people(work: Work, row: Enquiry) -> list[UUID]:
    """Who of the family spends the direct payment, as ids: for telling them."""
    rows = await work.fetch("SELECT person_id FROM enquiry_people($1, $2)", row.commissioner_id, row.id)
    return [each["person_id"] for each in rows]
