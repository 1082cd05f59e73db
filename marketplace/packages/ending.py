"""A package ends with its last day, once nothing of its visits is left to be recorded, signed or decided.

Until then it stays open to everybody who has something to do in it, and is shown as over. A record corrected later
opens it again, for its workers and its family sign anew; the next sweep ends it again and tells nobody twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from marketplace.obligations.duties import cancel
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.states import LAST_DAY_PASSED, package_after
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import BUYS, family_with
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import local_day
from marketplace.settings import Settings
from marketplace.web.filters import day

# Past its last day, and nobody has anything to do for its visits any more; one that is being moved ends with the move.
_OVER = """
SELECT p.id FROM package p WHERE p.provider_id = $1 AND p.state IN ('set_up', 'active') AND p.ends_on < $2
    AND ($3::uuid IS NULL OR p.id = $3)
    AND NOT EXISTS (SELECT FROM visit v WHERE v.commissioner_id = p.commissioner_id AND v.package_id = p.id
        AND (v.outcome IS NULL OR v.outcome = 'delivered' AND NOT (v.family_signed AND v.hands_signed)))
    AND NOT EXISTS (SELECT FROM correction c WHERE c.commissioner_id = p.commissioner_id AND c.package_id = p.id
        AND c.state IN ('open', 'with_referrer'))
    AND NOT EXISTS (SELECT FROM obligation b WHERE b.package_id = p.id AND b.subject_type = 'visit'
        AND b.met_at IS NULL AND b.cancelled_at IS NULL)
    AND NOT EXISTS (SELECT FROM package_move m WHERE m.commissioner_id = p.commissioner_id AND m.package_id = p.id
        AND m.called_off_at IS NULL)
ORDER BY p.id
"""


@sweep("packages_over", every=timedelta(hours=6))
async def packages_over(settings: Settings) -> None:
    """Every provider's packages whose last day has passed; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await end_packages(tenant["id"])


async def end_packages(provider_id: UUID) -> int:
    """End one provider's packages that are over, each in a unit of its own; how many ended."""
    system = system_for(provider_id, "provider")
    async with unit_of_work(system) as work:
        rows = await work.fetch(_OVER, provider_id, local_day(work.now), None)
    ended = 0
    for row in rows:
        async with unit_of_work(system) as work:
            package = await queries.package(work, row["id"], lock=True)
            # once it is held no correction comes between: what was true before is asked again
            if await work.fetchval(_OVER, provider_id, local_day(work.now), package.id) is not None:
                await _end(work, package)
                ended += 1
    return ended


async def _end(work: Work, package: Package) -> None:
    state = package_after("ended", package.state)
    await _tell(work, package)  # the family is within reach until the state changes
    values: dict[Any, Any] = {"state": state, "ended_at": work.now, "ended_reason": LAST_DAY_PASSED}
    await (
        Package.update(values).where(Package.commissioner_id == package.commissioner_id).where(Package.id == package.id)
    )
    for row in await work.fetch(
        "SELECT DISTINCT subject_id FROM obligation WHERE package_id = $1 AND met_at IS NULL AND cancelled_at IS NULL"
        " AND subject_type IN ('package', 'plan', 'plan_version', 'plan_review', 'visit_request')",
        package.id,
    ):
        await cancel(work, row["subject_id"])
    work.audit(
        "package.ended", "package", package.id, commissioner_id=package.commissioner_id, provider=package.provider_id,
        last_day=package.ends_on,
    )  # fmt: skip


async def _tell(work: Work, package: Package) -> None:
    """Both sides and the family, once however often the package is opened again for a correction."""
    assert package.ends_on is not None
    once = f"package {package.id} ended"
    said = f"Package {package.reference} has ended: its last day was {day(package.ends_on)}."
    link = f"/packages/{package.id}"
    await tell(work, said, link, organisation_id=package.provider_id, once=once)
    buys = package.direct_payment_id is not None
    if not buys:
        referrer = await queries.referrer_of(work, package)
        await tell(
            work, said, link, organisation_id=package.commissioner_id,
            person_id=referrer["person_id"] if referrer is not None else package.referrer_id, once=once,
        )  # fmt: skip
    rights = ("see_visits", BUYS) if buys else ("see_visits",)
    people = {grant.person_id for right in rights for grant in await family_with(work, package, right)}
    for person_id in people:
        said = f"The support under {package.reference} has ended: its last day was {day(package.ends_on)}."
        await tell(work, said, "/visits", person_id=person_id, once=once)


async def open_for_correction(work: Work, visit: Visit) -> None:
    """Open the package of a visit about to be corrected, where it ended with its last day: workers and family are asked
    to sign again. Holds the package, so that it does not end meanwhile."""
    package = await queries.package(work, visit.package_id, lock=True)
    if package.state != "ended" or package.ended_reason != LAST_DAY_PASSED:
        return
    values: dict[Any, Any] = {"state": "active", "ended_at": None, "ended_reason": None}
    await (
        Package.update(values).where(Package.commissioner_id == package.commissioner_id).where(Package.id == package.id)
    )
    work.audit("package.opened_again", "package", package.id, commissioner_id=package.commissioner_id, visit=visit.id)
