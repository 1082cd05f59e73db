"""Buying in a direct-payment package: a client account, quotes, purchases paid by transfer, as people make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.purchases import bank
from marketplace.purchases.bank_lines import read_lines
from marketplace.purchases.buying import buy
from marketplace.purchases.buying_queries import PurchaseView, purchase
from marketplace.purchases.quoting import Quote, quote
from marketplace.settings import Settings
from tests.world import people
from tests.world.purchases import Bought


async def officers(bought: Bought) -> tuple[Actor, Actor]:
    """Two finance officers of the council, with a client account one entered and the other confirmed."""
    first = await people.person_in(bought.home.world.admin, "finance")
    second = await people.person_in(bought.home.world.admin, "finance")
    made = await bank.enter_account(first, name="Council client account", sort_code="20-00-00", number="12345678")
    await bank.confirm_account(second, made)
    return first, second


async def quoted(bought: Bought, settings: Settings, visits: Sequence[UUID] = ()) -> Quote:
    """What the mother would pay for these visits (default: all)."""
    return await ask(bought.home.mother, quote, settings, bought.case.package_id, visits or bought.visits)


async def buys(bought: Bought, settings: Settings, visits: Sequence[UUID] = (), **changed: Any) -> PurchaseView:
    """The mother buys these visits (default: all) at the prices shown, by transfer."""
    asked = await quoted(bought, settings, visits)
    values: dict[str, Any] = {
        "method": "transfer", "shown_pence": asked.pence, "top_up_pence": asked.top_up_pence,
    } | changed  # fmt: skip
    made = await buy(bought.home.mother, settings, bought.case.package_id, visits or bought.visits, **values)
    return await seen(bought, made)


async def seen(bought: Bought, purchase_id: UUID) -> PurchaseView:
    """A purchase as the mother sees it."""
    return await ask(bought.home.mother, purchase, purchase_id)


def statement(*lines: tuple[date, int, str]) -> bytes:
    """A bank's CSV file of money that came in: day, pence, what it says."""
    rows = [f"{day:%d/%m/%Y},{pence / 100:.2f},{says}" for day, pence, says in lines]
    return "\n".join(["Date,Amount,Reference", *rows]).encode()


async def transfers(officer: Actor, *lines: tuple[date, int, str]) -> bank.TakenIn:
    """A finance officer takes a statement in."""
    return await bank.take_in(officer, read_lines(statement(*lines)))


async def books_of(work: Work) -> dict[str, int]:
    """What each account of the purchases stands at."""
    rows = await work.fetch(
        "SELECT p.account, sum(p.pence)::int AS pence FROM ledger_posting p JOIN ledger_entry e"
        " ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id WHERE e.purchase_id IS NOT NULL GROUP BY 1"
    )
    return {row["account"]: row["pence"] for row in rows if row["pence"]}
