"""What time alone does to a workforce: after a worker's last day their sign-in ends; due DBS statuses are looked up."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.identity.people import end_role_of
from marketplace.platform.actor import system_for
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import local_day
from marketplace.providers import coverage, dbs_updates, lapse_sweeps, repeating, suspension_sweeps
from marketplace.settings import Settings

# Registered by being imported; named so that nobody takes the imports for leftovers.
OUR_OWN = (lapse_sweeps.look_at_lapses, lapse_sweeps.mail_lapses, coverage.look_at_covers, coverage.look_at_cover,
           suspension_sweeps.look_at_suspensions, repeating.declarations_again)  # fmt: skip


@sweep("workers_who_left", every=timedelta(hours=1))
async def end_roles_of_workers_who_left(settings: Settings) -> None:
    """Every provider's workers whose last day has passed; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await end_roles(tenant["id"])


async def end_roles(provider_id: UUID) -> int:
    """One provider's; returns how many sign-ins ended."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        left = await work.fetch(
            "SELECT w.id, w.person_id FROM worker w JOIN membership m ON m.person_id = w.person_id"
            " AND m.organisation_id = w.provider_id AND m.role = 'worker' AND m.ended_at IS NULL"
            " WHERE w.provider_id = $1 AND w.left_on < $2",
            provider_id,
            local_day(work.now),
        )
        for row in left:
            await end_role_of(work, row["person_id"], "worker")
        return len(left)


@sweep("dbs_status_checks", every=timedelta(hours=1))
async def look_up_due_dbs_statuses(settings: Settings) -> None:
    """Every provider that has due statuses looked up by themselves: each worker at most once a day."""
    if not settings.dbs_update_service_url:
        return
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT provider_id FROM providers_with_automatic_dbs()")
    for tenant in tenants:
        await dbs_updates.check_due(tenant["provider_id"], settings)
