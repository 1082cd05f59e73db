"""Two billing periods' invoices: clean, late, incomplete, returned and corrected; the latest still to be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.billing import disputes, drafting, submitting
from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.drafting import Draft
from marketplace.billing.parties import is_gln, save_party
from marketplace.demo.cast import BOROUGH, CITY, COUNTY
from marketplace.demo.world import World
from marketplace.frameworks.queries import billing_period
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Claim, ClaimLine

TYPED_WRONG = 1000  # pence
# Due by the end of the Monday, day -21. Early enough to be seen to by now, late enough not to be overdue for payment.
FIRST_SUBMITTED = {"clean": -21, "incomplete": -24, "inaccurate": -24, "late": -17}
# Of the first period's deductions: disputed on, what is said, whether a waiver is proposed.
DISPUTED = {
    "oakthistle": (-3, "We tried on the Monday from four o’clock on and could not get in.", True),
    "tiderow": (-5, "The nights were confirmed on the Tuesday only, so we could not submit before.", False),
}
ClaimFrom = Callable[[Draft], Claim | None]


@dataclass(frozen=True, slots=True)
class Bill:
    """One provider's invoices to one payer: how the first period went, and how far the second one is."""

    firm: str
    payer: str
    first: str  # clean, late, incomplete, inaccurate
    second: str  # open, submitted, returned, accepted


BILLS = (
    Bill("larkfield", BOROUGH, "clean", "open"),
    Bill("tiderow", BOROUGH, "late", "submitted"),
    Bill("brightwater", BOROUGH, "incomplete", "accepted"),
    Bill("harbour", BOROUGH, "inaccurate", "returned"),
    Bill("oakthistle", BOROUGH, "late", "accepted"),
    Bill("fenmeadow", COUNTY, "clean", "submitted"),
    Bill("willowbank", COUNTY, "clean", "open"),
    Bill("larkfield", CITY, "clean", "submitted"),
    Bill("beacon", CITY, "clean", "open"),
)


async def send_bills(world: World) -> None:
    """Each provider's billing, side by side."""
    world.story.tell(_billing_details(world))
    for number, bill in enumerate(BILLS):
        world.story.tell(_bill(world, bill, number))


async def _billing_details(world: World) -> None:
    """What an e-invoice names its parties by: made-up addresses, and numbers of the range GS1 keeps for examples."""
    await world.story.until(world.story.at(-42, "15:00"))
    finance = [world.councils[key].finance for key in (BOROUGH, COUNTY, CITY)]
    managers = [world.firms[key].manager for key in sorted({bill.firm for bill in BILLS})]
    for number, actor in enumerate((*finance, *managers), start=1):
        given = {
            "street": f"{number} Made-up Row", "city": "Ravensmere", "postcode": "ZZ99 3VZ",
            "gln": _example_gln(number),
            "account_name": "Made-up account", "sort_code": "000000", "account_number": f"{number:08}",
        }  # fmt: skip
        await save_party(actor, given, {})


def _example_gln(number: int) -> str:
    start = f"952{number:09}"
    return next(gln for gln in (f"{start}{check}" for check in range(10)) if is_gln(gln))


async def _bill(world: World, bill: Bill, number: int) -> None:
    story, firm, finance = world.story, world.firms[bill.firm], world.councils[bill.payer].finance
    later = timedelta(minutes=17 * number)
    await story.until(story.at(FIRST_SUBMITTED[bill.first], "10:20") + later)
    claims: dict[str, ClaimFrom] = {"incomplete": _with_an_unconfirmed_visit, "inaccurate": _with_a_wrong_amount}
    invoice_id = await _submit(world, bill, -56, claims.get(bill.first))
    if bill.first == "inaccurate":
        await story.until(story.at(-21, "09:40"))
        reason = "One visit is claimed at £10 more than its time and your rate give. Please correct the line."
        await return_invoice(finance, invoice_id, reason)
        await story.until(story.at(-21, "14:15"))
        invoice_id = await _submit(world, bill, -56, None)
    await story.until(story.clock.at + timedelta(hours=29))
    await accept_invoice(finance, invoice_id)
    if bill.firm in DISPUTED:
        story.tell(_dispute(world, bill.firm, invoice_id))
    if bill.second != "open":
        await _second(world, bill, firm.manager, finance, number)


async def _dispute(world: World, firm: str, invoice_id: UUID) -> None:
    """A deduction disputed in time: one waits for an answer, of the other a waiver waits for the second officer."""
    story, finance = world.story, world.councils[BOROUGH].finance
    raised, says, waived = DISPUTED[firm]
    await story.until(story.at(raised, "10:35"))
    dispute_id = await disputes.raise_dispute(world.firms[firm].manager, invoice_id, says)
    if waived:
        await story.until(story.in_office_hours(story.ago(days=1)))
        found = "Our own page could not be reached that Monday, as the record of that day shows."
        await disputes.propose_waiver(finance, dispute_id, "system_fault", found)


async def _second(world: World, bill: Bill, manager: Actor, finance: Actor, number: int) -> None:
    """The period that ended last Sunday: as far as there has been time since."""
    story = world.story
    undecided = bill.second == "submitted"
    await story.until(_this_week(world, 0.9 if undecided else 0.3, number))
    invoice_id = await _submit(world, bill, -28, _without_two_visits if bill.second == "returned" else None)
    await story.until(_this_week(world, 0.7, number))
    if bill.second == "returned":
        reason = "Two visits of the last week are missing, though their records are complete. Please add them."
        await return_invoice(finance, invoice_id, reason)
    elif bill.second == "accepted":
        await accept_invoice(finance, invoice_id)


async def _submit(world: World, bill: Bill, first_day: int, claim_from: ClaimFrom | None) -> UUID:
    story, manager = world.story, world.firms[bill.firm].manager
    framework_id = world.frameworks[bill.payer]
    payer_id = world.councils[bill.payer].admin.organisation_id
    assert manager.organisation_id is not None and payer_id is not None
    period: Period = await ask(manager, _period, framework_id, story.monday + timedelta(days=first_day))
    found = await ask(manager, drafting.draft, framework_id, manager.organisation_id, payer_id, period)
    claim = claim_from(found) if claim_from else None
    return await submitting.submit_invoice(manager, framework_id, payer_id, period, claim, found.fingerprint)


def _with_an_unconfirmed_visit(found: Draft) -> Claim:
    """What the records allow, and one visit more whose record the family has not confirmed."""
    claimed = {line.visit for line in found.facts.claim.lines}
    more = [
        ClaimLine(line.visit, line.price_pence)
        for line in found.result.lines
        if line.held and line.visit not in claimed and line.price_pence
    ][:1]
    lines = (*found.facts.claim.lines, *more)
    return Claim(lines, sum(line.pence for line in lines))


def _without_two_visits(found: Draft) -> Claim:
    """All but the last two visits."""
    lines = found.facts.claim.lines[:-2]
    return Claim(lines, sum(line.pence for line in lines))


def _with_a_wrong_amount(found: Draft) -> Claim:
    """One line with ten pounds too much."""
    first, *others = found.facts.claim.lines
    lines = (ClaimLine(first.visit, first.pence + TYPED_WRONG), *others)
    return Claim(lines, sum(line.pence for line in lines))


def _this_week(world: World, share: float, number: int) -> datetime:
    """A moment of the present week, in office hours where there have been any: this share of what has passed of it."""
    story, monday = world.story, world.story.at(0, "00:00")
    moment = monday + (story.now - monday) * (share + 0.01 * number)
    staffed = story.in_office_hours(moment)
    return moment if staffed == moment else staffed - timedelta(minutes=7 * number)


async def _period(work: Work, framework_id: UUID, day: Any) -> Period:
    return await billing_period(work, framework_id, day)
