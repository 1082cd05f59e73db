"""What the family of the demo pays for visits, what comes back to it, and what goes on to the provider.

Its first block came by bank transfer, the second one by card where a stand-in takes cards while the demo is loaded, and
else by transfer too. A third was called off, and its money waits to go back; for a fourth money has come whose line in
the bank's statement names nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from marketplace.demo import cards
from marketplace.demo.cast import BOROUGH
from marketplace.demo.world import Home, World
from marketplace.platform.database import Work, ask
from marketplace.policy.buying import Method
from marketplace.purchases import bank, bank_lines, by_hand
from marketplace.purchases.bought_queries import balances_by_hand, refunds_by_hand
from marketplace.purchases.buying import buy, pay_otherwise
from marketplace.purchases.by_hand import ByBank
from marketplace.purchases.quoting import Buyable, buyable, quote
from marketplace.purchases.references import shown
from marketplace.purchases.the_rest import call_off_rest, the_rest

# Visits of the package by their day, counted from this week's Monday: what was unusual about them.
HAPPENINGS = {-24: "cancelled_in_time", -10: "cancelled_late"}
FIRST, SECOND, THIRD, LAST = (-31, -24, -17), (-10, -3, 4), (11,), (18,)
SOMEBODY = "FASTER PAYMENT MOBILE APP"


async def pay(world: World, home: Home, package_id: UUID) -> None:
    """Every block in its time; the council's finance officers see to the client account beside it."""
    story, mother, finance = world.story, home.family[0], world.councils[BOROUGH].finance
    await story.until(story.at(-35, "09:10"))
    await _client_account(world)
    await story.until(story.at(-35, "20:15"))
    first = await _buy(world, home, package_id, FIRST, "transfer")
    await story.until(story.at(-33, "09:50"))
    reference, pence = await ask(mother, _reference, first)
    await _statement(world, -34, (pence, reference))
    await story.until(story.at(-22, "11:05"))
    for refund in await ask(finance, refunds_by_hand):
        await by_hand.record_refund(finance, refund.id, ByBank(_day(world, -22), "CA 1207"))
    await story.until(story.at(-21, "11:20"))
    for balance in await ask(finance, balances_by_hand):
        await by_hand.record_payout(
            finance, balance.framework_id, balance.provider_id, ByBank(_day(world, -21), "CA 1208"),
            pence=balance.pence,
        )  # fmt: skip
    await story.until(story.at(-13, "20:05"))
    by_card = cards.taken(story.cards)
    second = await _buy(world, home, package_id, SECOND, "card" if by_card else "transfer")
    if by_card and not await cards.pay(story.cards, mother, second):
        await pay_otherwise(mother, story.cards, second, "transfer")
        by_card = False
    if not by_card:
        await story.until(story.at(-12, "09:45"))
        reference, pence = await ask(mother, _reference, second)
        await _statement(world, -12, (pence, reference))
    await story.until(story.at(-8, "20:25"))
    third = await _buy(world, home, package_id, THIRD, "transfer")
    await story.until(story.at(-6, "09:30"))
    reference, pence = await ask(mother, _reference, third)
    await _statement(world, -6, (pence, reference))
    await story.until(story.at(-4, "20:10"))
    last = await _buy(world, home, package_id, LAST, "transfer")
    rest = await ask(mother, the_rest, third)
    await call_off_rest(mother, third, reason="We are with the grandparents that week.", kept_pence=rest.kept_pence)
    await story.until(story.at(-3, "10:10"))
    _, pence = await ask(mother, _reference, last)
    await _statement(world, -3, (pence, SOMEBODY), (1_250, "INTEREST"))
    interest = next(each for each in (await ask(finance, bank.receipts))[0] if each.says == "INTEREST")
    await bank.set_aside(finance, interest.id, "The bank’s interest of the quarter: no family paid it.")


async def _client_account(world: World) -> None:
    """Where families transfer to: made up, entered by one officer and confirmed by another."""
    council = world.councils[BOROUGH]
    assert council.second_finance is not None
    account = await bank.enter_account(
        council.finance, name="Ravensmere client account (made up)", sort_code="00-00-00", number="00000042"
    )
    await bank.confirm_account(council.second_finance, account)


async def _buy(world: World, home: Home, package_id: UUID, days: Sequence[int], method: Method) -> UUID:
    """The visits of these days, at the price that is shown."""
    mother, settings = home.family[0], world.story.cards
    wanted = {_day(world, each) for each in days}
    offer: Buyable = await ask(mother, buyable, package_id)
    chosen = [each.id for each in offer.visits if each.day in wanted]
    asked = await ask(mother, quote, settings, package_id, chosen)
    return await buy(
        mother, settings, package_id, chosen, method=method, shown_pence=asked.pence, top_up_pence=asked.top_up_pence
    )


async def _statement(world: World, day: int, *lines: tuple[int, str]) -> None:
    """The bank's statement of the client account, as the officer takes it in."""
    on = _day(world, day)
    text = "".join(f"{on.isoformat()},{pence / 100:.2f},{says}\n" for pence, says in lines)
    await bank.take_in(
        world.councils[BOROUGH].finance, bank_lines.read_lines(f"Date,Amount,Reference\n{text}".encode())
    )


def _day(world: World, day: int) -> date:
    return world.story.monday + timedelta(days=day)


async def _reference(work: Work, purchase_id: UUID) -> tuple[str, int]:
    row = await work.fetchrow("SELECT reference, pence FROM purchase WHERE id = $1", purchase_id)
    assert row is not None
    return shown(row["reference"]), row["pence"]
