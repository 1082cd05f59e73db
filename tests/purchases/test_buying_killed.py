"""Killed in the middle of buying, of a card payment and of taking a statement in: nothing is doubled, nothing lost.

"In the middle" without hooks: another connection holds what a unit writes last (the audit's heads), so the process
stands with everything else written, at Stripe too, and nothing committed. Then it is killed with SIGKILL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from uuid import UUID, uuid4

from marketplace.platform.actor import Actor
from marketplace.purchases import buying_sweeps, cards
from tests.purchases.test_cards import local, running, stands, taking, token
from tests.purchases.test_money_killed import held, kill, until
from tests.world.buying import buys, officers, quoted, seen, statement, transfers

__all__ = ["local", "running", "taking"]


def actor_of(who: Actor) -> dict[str, Any]:
    return {
        "person": str(who.person_id), "role": who.role, "kind": who.organisation_kind,
        "organisation": str(who.organisation_id) if who.organisation_id else None,
    }  # fmt: skip


def started(taking, clock, who: Actor, what: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.purchases.buying_process", clock.at.isoformat(),
         json.dumps({"who": actor_of(who), **what})],
        env={**os.environ, "DATABASE_URL": taking.database_url, "STRIPE_URL": taking.stripe_api_url},
    )  # fmt: skip


async def cut_short(taking, clock, who: Actor, **what: Any) -> None:
    """Begin it in a process of its own, and kill that before it can commit."""
    async with held(taking) as holding:
        process = started(taking, clock, who, what)

        async def waits() -> bool:
            return bool(await holding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits, process)
        kill(process)


async def test_killed_in_the_middle_nothing_is_doubled_and_nothing_lost(bought, taking, local, clock, migrator):
    finance, _ = await officers(bought)
    mother, council = bought.home.mother, bought.home.world.admin.commissioner_id
    asked = await quoted(bought, taking, bought.visits[:1])
    wanted = {"method": "card", "pence": asked.pence, "top_up": asked.top_up_pence, "purchase": str(uuid4())}
    visits = [str(bought.visits[0])]

    await cut_short(taking, clock, mother, package=str(bought.case.package_id), visits=visits, **wanted)
    assert await migrator.fetchval("SELECT count(*) FROM purchase_visit") == 0
    made = await buys(bought, taking, bought.visits[:1], method="card", purchase_id=UUID(wanted["purchase"]))
    assert await migrator.fetchval("SELECT count(*) FROM purchase") == 1

    open_one = await cards.open_payment(mother, taking, made.id)
    await cut_short(
        taking, clock, mother, purchase=str(made.id), payment=str(open_one.payment_id), token=token(local)
    )  # fmt: skip
    assert (await seen(bought, made.id)).status == "confirming"  # and the money is at Stripe
    clock.at += buying_sweeps.LOOKS_AGAIN * 2
    for _ in range(2):
        await buying_sweeps.look_again(taking, council)
    assert (await seen(bought, made.id)).status == "paid"

    other = await buys(bought, taking, bought.visits[1:2])
    line = (other.made_at.date(), other.pence, other.reference)
    await cut_short(taking, clock, finance, csv=statement(line).decode())
    assert await migrator.fetchval("SELECT count(*) FROM bank_receipt") == 0
    assert (await transfers(finance, line)).matched == 1
    assert (await transfers(finance, line)).known == 1
    assert (await seen(bought, other.id)).status == "paid"
    total = made.pence + other.pence
    assert await stands(bought) == {
        "card_money": made.pence, "client_bank": other.pence, "held_for_families": -total
    }  # fmt: skip
