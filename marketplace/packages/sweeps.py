"""What time alone does to visits: one that is over and of which nothing is recorded becomes a task of the office."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.obligations.duties import Owed, owe
from marketplace.packages import ending, lapse_sweeps, monitoring, queries, reviewing
from marketplace.packages.record_actions import RECORD
from marketplace.platform.actor import system_for
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.jobs import sweep
from marketplace.settings import Settings

LOOK_BACK = timedelta(days=60)
# Registered by being imported; named so that nobody takes the import for a leftover.
OUR_OWN = (
    ending.packages_over,
    monitoring.monitoring_reports,
    reviewing.plan_reviews,
    lapse_sweeps.look_at_visits_of,
    lapse_sweeps.look_at_cover_of_visits,
    lapse_sweeps.look_at_flagged_visits,
)


@sweep("visits_without_record", every=timedelta(minutes=10))
async def visits_without_record(settings: Settings) -> None:
    """Every provider's visits that are over without a word; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await owe_records(tenant["id"])


async def owe_records(provider_id: UUID) -> int:
    """One provider's; returns how many visits became tasks."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        rows = await work.fetch(
            "SELECT v.id, v.commissioner_id, v.framework_id, v.child_id, v.package_id, v.planned_end, p.reference"
            " FROM visit v JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id"
            " WHERE v.provider_id = $1 AND v.outcome IS NULL AND v.planned_end <= $2 AND v.planned_end > $3"
            " AND NOT EXISTS (SELECT 1 FROM obligation b WHERE b.subject_id = v.id AND b.rule_key = $4)"
            " ORDER BY v.planned_end LIMIT 500",
            provider_id, work.now, work.now - LOOK_BACK, RECORD,
        )  # fmt: skip
        for row in rows:
            visit = await queries.visit(work, row["id"])
            await owe(
                work, await queries.pack_for(work, visit), RECORD, title="See to a visit nothing was recorded of",
                subject_type="visit", subject_id=row["id"], reference=row["reference"],
                owed_by=Owed(organisation_id=provider_id, role="coordinator"), link=f"/visits/{row['id']}",
                starts_at=row["planned_end"], commissioner_id=row["commissioner_id"], framework_id=row["framework_id"],
                child_id=row["child_id"], package_id=row["package_id"],
            )  # fmt: skip
        return len(rows)
