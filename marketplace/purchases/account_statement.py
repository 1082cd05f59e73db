"""The account of a direct payment over some days: what was given, bought, delivered, gone back, paid elsewhere, left.

Made for the family, fit for what its council asks. The council reads it where the terms ask for an account at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotPermitted
from marketplace.policy.calendar import Period, PeriodLength, period_containing
from marketplace.purchases import queries
from marketplace.purchases.bought_queries import BoughtLine, of_budget
from marketplace.purchases.queries import DirectPaymentView, Spending
from marketplace.referrals.children import own_case

LONGEST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """`given` are units (pence or minutes) of the periods that began in these days; all else is pence and minutes."""

    view: DirectPaymentView
    days: Period
    given: int
    lines: tuple[BoughtLine, ...]
    elsewhere: tuple[Spending, ...]

    @property
    def bought_pence(self) -> int:
        """The price of what was bought for these days."""
        return sum(line.pence for line in self.lines)

    @property
    def budget_pence(self) -> int:
        """What of it the budget pays in the end, less what came back to it."""
        return sum((line.budget_pence or 0) - line.budget_back_pence for line in self.lines)

    @property
    def top_up_pence(self) -> int:
        """What of it the family pays itself in the end."""
        return self.bought_pence - self.back_pence - self.budget_pence

    @property
    def back_pence(self) -> int:
        """What went back, or is on its way."""
        return sum(line.back_pence for line in self.lines)

    @property
    def bought_minutes(self) -> int:
        return sum(line.minutes for line in self.lines)

    @property
    def delivered_minutes(self) -> int:
        return sum(line.delivered_minutes for line in self.lines)

    @property
    def elsewhere_pence(self) -> int:
        return sum(each.pence for each in self.elsewhere)


async def open_account(
    actor: Actor, direct_payment_id: UUID, first_day: date | None = None, last_day: date | None = None
) -> AccountStatement:
    """The account of these days, both counted; by default of the present quarter or year, as the terms ask.

    For a referrer a look at the child's record, logged. Raises `NotFound`; `NotPermitted` to a referrer whose case it
    is not, or where the terms ask the family for no account; `InvalidInput` for days that end before they begin.
    """
    permit(actor, "direct_payment.read")
    async with unit_of_work(actor) as work:
        view = await queries.direct_payment(work, direct_payment_id)
        await look_at_account(work, actor, view)
        return await account_of(work, view, first_day, last_day)


async def look_at_account(work: Work, actor: Actor, view: DirectPaymentView) -> None:
    """Before anything of a family's account is shown: free to the family, to a referrer a look, logged.

    Raises `NotPermitted` to a referrer whose case it is not, or where the terms ask the family for no account.
    """
    if actor.role == "family":
        return
    await own_case(work, actor, view.child_id)
    if view.now.account == "none":
        raise NotPermitted("The terms of this direct payment ask the family for no account.")
    await work.look(view.commissioner_id, "child", view.child_id, "own case, account of a direct payment")


async def account_of(
    work: Work, view: DirectPaymentView, first_day: date | None, last_day: date | None
) -> AccountStatement:
    """The account itself, for whoever reaches the rows. Raises `InvalidInput`."""
    usual = usual_days(view)
    days = Period(first_day or usual.first_day, last_day or max(usual.last_day, first_day or usual.first_day))
    for name, given in (("first_day", days.first_day), ("last_day", days.last_day)):
        if abs((given - view.today).days) > LONGEST_DAYS:
            raise InvalidInput({name: "Enter a day within ten years of today"})
    if days.last_day < days.first_day:
        raise InvalidInput({"last_day": "The last day must be on or after the first"})
    return AccountStatement(
        view,
        days,
        sum(each.given for each in view.budget.periods if days.holds(each.period.first_day)),
        tuple(await of_budget(work, view.id, days)),
        tuple(each for each in view.spending if each.taken_back_at is None and days.holds(each.day)),
    )


def usual_days(view: DirectPaymentView) -> Period:
    """The quarter of the direct payment that today lies in, or its year where the terms ask for one a year."""
    months = 3 if view.now.account == "quarterly" else 12
    today = max(view.today, view.starts_on)
    return period_containing(today, view.starts_on, PeriodLength(months, "months"))
