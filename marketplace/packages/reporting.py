"""The duty to report that a visit does not take place: owed from when it happened, met by recording it."""

from __future__ import annotations

from datetime import datetime

from marketplace.obligations.duties import Owed, meet, owe
from marketplace.packages import queries
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work
from marketplace.policy.pack import Pack

FAILED, CANCELLED = "failed_visit_report", "cancellation_report"


async def report(work: Work, visit: Visit, package: Package, rule: str, happened_at: datetime) -> None:
    """The duty to report, from when it happened, met by this entry: late ones show as such (P 5.1, L appendix 2)."""
    pack: Pack = await queries.pack_for(work, visit)
    await owe(
        work, pack, rule, subject_type="visit", subject_id=visit.id, reference=package.reference,
        owed_by=Owed(organisation_id=visit.provider_id), owed_to=visit.commissioner_id, link=f"/visits/{visit.id}",
        starts_at=min(happened_at, work.now), commissioner_id=visit.commissioner_id, framework_id=visit.framework_id,
        child_id=visit.child_id, package_id=visit.package_id,
    )  # fmt: skip
    await meet(work, rule, visit.id)
