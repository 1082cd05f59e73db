"""What time alone does to suspensions: those to a date end by themselves, plans that are not followed give cause."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg

from marketplace.frameworks.queries import framework, pack_of
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import PackError
from marketplace.policy.suspending import NOT_FOLLOWED, RESPONSE, PlanFacts, ground, not_engaged
from marketplace.providers.causes import raise_cause
from marketplace.providers.imposing import add_step
from marketplace.providers.lifting import end_by_date
from marketplace.providers.plans import suspension
from marketplace.settings import Settings
from marketplace.web.filters import day


@sweep("suspensions", every=timedelta(minutes=10))
async def look_at_suspensions(settings: Settings) -> None:
    """Every commissioner that decides about one; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id, name FROM commissioners_with_suspensions()")
    faults: list[Exception] = []
    for tenant in tenants:
        try:
            await look_as_commissioner(tenant["id"], tenant["name"])
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # one commissioner's fault must not stop the others
    if faults:
        raise faults[0]


async def look_as_commissioner(commissioner_id: UUID, name: str = "") -> int:
    """One commissioner's suspensions; returns how much was new: ends told, causes raised."""
    new = 0
    async with unit_of_work(system_for(commissioner_id, "commissioner", name)) as work:
        rows = await work.fetch(
            "SELECT s.* FROM suspension s JOIN my_decided_suspensions() d ON d.framework_id = s.framework_id"
            " AND d.suspension_id = s.id JOIN framework f ON f.id = s.framework_id"
            " WHERE s.lifted_at IS NULL AND s.end_told_at IS NULL AND coalesce(s.commissioner_id,"
            " f.lead_commissioner_id) = $1 ORDER BY s.starts_at, s.id",
            commissioner_id,
        )
        roots: dict[UUID, None] = {}
        for row in rows:
            if row["until_on"] is not None and row["until_on"] < local_day(work.now):
                new += await end_by_date(work, await framework(work, row["framework_id"]), row)
            else:
                roots[row["follows_id"] or row["id"]] = None
        for root in roots:
            new += await _look_at_plan(work, root)
    return new


async def _look_at_plan(work: Work, root: UUID) -> int:
    view = await suspension(work, root)
    missed = await work.fetchval(
        "SELECT EXISTS (SELECT 1 FROM obligation WHERE rule_key = $1 AND subject_id = $2 AND met_at IS NULL"
        " AND cancelled_at IS NULL AND due_at <= $3)",
        RESPONSE, root, work.now,
    )  # fmt: skip
    facts = PlanFacts(
        suspension=str(root), answered=view.answered, answer_missed=missed,
        actions=tuple(action.facts for action in view.actions),
    )  # fmt: skip
    pack = await pack_of(work, view.framework.id)
    rule = ground(pack, view.today, NOT_FOLLOWED)
    if rule is None:
        return 0  # the pack makes nothing of it beyond the missed duty
    new = 0
    titles = {str(action.id): (action.title, action.due_on) for action in view.actions}
    for cause, action in not_engaged(facts, view.today):
        if action:
            title, due_on = titles[action]
            said = f'The action "{title}" was to be done by {day(due_on)}; nobody says that it is.'
        else:
            said = "The provider has not answered its suspension in the time the framework gives."
        raised = await raise_cause(
            work, view.framework, pack, view.provider_id, rule, cause, said, lot=view.lot, partner=view.partner_id
        )
        if raised is not None:
            new += 1
            await add_step(
                work, view.framework.id, root, view.provider_id, "not_engaged", says=said,
                action_id=UUID(action) if action else None,
            )  # fmt: skip
    return new
