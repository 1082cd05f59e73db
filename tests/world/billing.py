"""Billing periods walked through by actions: visits delivered, the period closed, its invoice submitted."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from marketplace.billing.drafting import Draft, draft
from marketplace.billing.parties import save_party
from marketplace.billing.submitting import submit_invoice
from marketplace.frameworks.queries import billing_period
from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import Period, end_of_day
from marketplace.policy.facts import Claim
from tests.world.packages import Case, a_visit, confirmed, delivered


async def period_of(case: Case, day: date) -> Period:
    """The framework's billing period that holds the day."""
    return await ask(case.manager, billing_period, case.world.framework_id, day)


async def the_draft(case: Case, period: Period, claim: Claim | None = None) -> Draft:
    """The case's provider's invoice to the case's commissioner, as it stands."""

    async def question(work: Work) -> Draft:
        ids = case.world.framework_id, case.manager.organisation_id, case.referrer.organisation_id
        return await draft(work, *ids, period, claim=claim)  # type: ignore[arg-type]

    return await ask(case.manager, question)


async def submitted(case: Case, period: Period, claim: Claim | None = None) -> UUID:
    """The period's invoice, as drafted unless a claim is given."""
    shown = (await the_draft(case, period)).fingerprint
    payer = case.referrer.organisation_id
    assert payer is not None
    return await submit_invoice(case.manager, case.world.framework_id, payer, period, claim, shown)


async def visit_done(case: Case, clock: FrozenClock, day: date, *, signed: bool = True) -> UUID:
    """A visit on the day, delivered and written up; `signed` by the family too. The clock stands at its end."""
    visit_id = await a_visit(case, day)
    clock.move_to((await case.visit(visit_id)).planned_end + timedelta(minutes=5))
    await (confirmed if signed else delivered)(case, visit_id)
    return visit_id


async def deducted(case: Case, clock: FrozenClock, day: date) -> UUID:
    """An invoice of five clean visits from the day on, submitted long after it was due."""
    for n in range(5):
        await visit_done(case, clock, day + timedelta(days=n))
    period = await period_of(case, day)
    after(clock, period, days=12)
    return await submitted(case, period)


async def balances(work: Work) -> dict[str, int]:
    """What each account within reach stands at; those at nothing are left out."""
    rows = await work.fetch("SELECT account, sum(pence)::int AS pence FROM ledger_posting GROUP BY account")
    return {row["account"]: row["pence"] for row in rows if row["pence"]}


async def banked(manager: Actor) -> None:
    """The provider has said where its money goes; before that nothing is paid to it."""
    address = {"street": "2 Provider Road", "city": "London", "postcode": "SE0 0AB"}
    account = {"sort_code": "20-20-15", "account_number": "55555555", "account_name": "Alder Care"}
    await save_party(manager, address | account, {})


def after(clock: FrozenClock, period: Period, **later: int) -> None:
    """Move the clock past the period's last day."""
    clock.move_to(end_of_day(period.last_day) + timedelta(**later))
