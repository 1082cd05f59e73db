"""What time alone does to contracts: meetings come near, charges nobody objected to are booked; each once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg

from marketplace.contracts.charges import book_due
from marketplace.contracts.dates import TASKS, due_days, owe_holding
from marketplace.contracts.steps import Place, subject
from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.obligations.duties import cancel
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.jobs import sweep
from marketplace.policy import contracts as rules
from marketplace.policy.pack import PackError
from marketplace.settings import Settings

FAULTS = (MarketplaceError, PackError, asyncpg.PostgresError)


@sweep("contracts", every=timedelta(hours=1))
async def look_at_contracts(settings: Settings) -> None:
    """Each commissioner's contracts; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    faults: list[Exception] = []
    for tenant in tenants:
        try:
            await look_as_commissioner(tenant["id"], tenant["name"])
        except FAULTS as error:
            faults.append(error)  # one commissioner's fault must not stop what is due at the others
    if faults:
        raise faults[0]


async def look_as_commissioner(commissioner_id: UUID, name: str = "") -> int:
    """One commissioner's contracts; returns how much was new: what is asked for, charges booked.

    Each is a unit of its own: where one cannot be done the other is, and the first fault is raised after it.
    """
    new, faults = 0, list[Exception]()
    for part in (owe_what_comes_near, book_due):
        try:
            async with unit_of_work(system_for(commissioner_id, "commissioner", name)) as work:
                new += await part(work)
        except FAULTS as error:
            faults.append(error)
    if faults:
        raise faults[0]
    return new


async def owe_what_comes_near(work: Work) -> int:
    """Ask for the meetings and visits that are due within the pack's days; how many were new.

    The lead keeps the pack's days; a partner is asked for what it has set itself. What was asked of a provider that is
    no longer admitted is asked no more.
    """
    own, new = work.actor.commissioner_id, 0
    assert own is not None
    for view in await my_frameworks(work):
        pack = await pack_of(work, view.id)
        for kind, (rule, _) in TASKS.items():
            near = {}
            found = await due_days(work, view.id, own, kind)
            for provider_id, (last, chosen) in found.items():
                due = chosen or (rules.due_on(pack, kind, last) if view.led_by(own) else None)
                if due is not None and rules.ask_from(pack, due) <= work.now:
                    near[provider_id] = due
            names = {
                row["id"]: row["name"]
                for row in await work.fetch("SELECT id, name FROM organisation WHERE id = ANY ($1)", list(near))
            }
            for provider_id, due in near.items():
                place = Place(view, pack, own, provider_id, names.get(provider_id, "a provider"))
                new += await owe_holding(work, place, kind, due)
            gone = await work.fetch(
                "SELECT DISTINCT provider_id FROM admission WHERE framework_id = $1 AND NOT provider_id = ANY ($2)",
                view.id, list(found),
            )  # fmt: skip
            for row in gone:
                await cancel(work, subject(view.id, row["provider_id"], own, kind), rule)
    return new
