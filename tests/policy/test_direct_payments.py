"""What a direct payment leaves: periods, changes, carrying over, hours; and who may buy at the framework's price."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from marketplace.policy.calendar import Period, PeriodLength
from marketplace.policy.direct_payments import (
    Terms,
    Use,
    budget_on,
    in_force,
    period_starts,
    periods_of,
    purchase_refusals,
)
from marketplace.policy.pack import load_pack
from marketplace.policy.pack_files import PACK_FOLDERS
from tests.policy.policy_builders import HARROWDALE

PACK = load_pack("lewisham-2017")
KEEPS_NOTHING = load_pack(HARROWDALE)
WEEK, MONTH = PeriodLength(7), PeriodLength(1, "months")
START = date(2026, 4, 6)
WEEKLY = Terms(START, "money", 12_000, WEEK)


def days(count: int) -> date:
    return START + timedelta(days=count)


def test_a_budget_is_what_is_given_less_what_is_spent_and_promised():
    uses = (Use(days(0), 5_000, 0), Use(days(8), 3_000, 0), Use(days(11), 2_000, 0), Use(days(15), 700, 0))
    budget = budget_on(PACK, (WEEKLY,), uses, days(9))
    assert (budget.given, budget.carried, budget.spent, budget.committed) == (12_000, 7_000, 3_000, 2_000)
    assert (budget.left, budget.later) == (14_000, 700)
    assert budget.period == Period(days(7), days(13))
    strict = budget_on(KEEPS_NOTHING, (WEEKLY,), uses, days(9))
    assert (strict.carried, strict.left) == (0, 7_000)


def test_overspending_is_carried_below_zero():
    budget = budget_on(PACK, (WEEKLY,), (Use(days(1), 30_000, 0),), days(7))
    assert (budget.carried, budget.left) == (-18_000, -6_000)


def test_other_terms_cut_the_period_and_the_latest_written_counts_from_its_day_on():
    later = Terms(days(14), "money", 20_000, MONTH)
    earlier = Terms(days(7), "money", 15_000, WEEK)
    assert in_force((WEEKLY, later)) == (WEEKLY, later)
    assert in_force((WEEKLY, later, earlier)) == (WEEKLY, earlier)
    assert in_force((WEEKLY, Terms(START, "hours", 60, WEEK))) == (Terms(START, "hours", 60, WEEK),)
    spans = periods_of((WEEKLY, Terms(days(10), "money", 1, WEEK)), days(12), days(30))
    assert [each for each, _ in spans] == [
        Period(days(0), days(6)), Period(days(7), days(9)), Period(days(10), days(12))
    ]  # fmt: skip


def test_hours_count_minutes_and_nothing_of_the_money_before():
    hours = Terms(days(7), "hours", 240, WEEK)
    uses = (Use(days(1), 1_000, 90), Use(days(8), 9_900, 150))
    budget = budget_on(PACK, (WEEKLY, hours), uses, days(8))
    assert (budget.kind, budget.carried, budget.spent, budget.left) == ("hours", 0, 150, 90)
    assert [each.given for each in budget.periods] == [240]


def test_before_its_first_day_and_after_its_last_it_stands_as_on_that_day():
    assert budget_on(PACK, (WEEKLY,), (), days(-30)).period.first_day == START
    ended = budget_on(PACK, (WEEKLY,), (Use(days(8), 100, 0),), days(99), last_day=days(10))
    assert (ended.period, ended.left) == (Period(days(7), days(10)), 23_900)


def test_other_terms_begin_where_a_period_does():
    assert period_starts((WEEKLY,), days(9), 3) == (days(7), days(14), days(21))
    changed = (WEEKLY, Terms(days(10), "money", 1, WEEK))
    assert period_starts(changed, days(8), 3) == (days(7), days(10), days(17))
    assert period_starts((WEEKLY,), days(-50), 1) == (START,)


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 50_000)), max_size=12),
    st.integers(0, 100),
    st.sampled_from([WEEK, PeriodLength(28), MONTH]),
)
def test_nothing_is_counted_twice_or_lost(spent, on, length):
    """Given to date less everything used up to the period's end is what is left, however it is cut into periods."""
    terms = (Terms(START, "money", 12_000, length),)
    uses = tuple(Use(days(day), pence, 0) for day, pence in spent)
    budget = budget_on(PACK, terms, uses, days(on))
    used = sum(use.pence for use in uses if use.day <= budget.period.last_day)
    assert budget.left == 12_000 * len(budget.periods) - used
    assert used + budget.later == sum(use.pence for use in uses)


def test_who_may_buy_is_decided_on_each_visits_date():
    born, allowed = date(2008, 6, 1), {"lots": ("C",), "starts_on": START, "ends_on": None, "takes_new_families": True}
    assert purchase_refusals(PACK, born, (date(2026, 5, 31),), "C", **allowed) == ()
    assert purchase_refusals(PACK, born, (date(2026, 5, 31), date(2026, 6, 1)), "C", **allowed) == ("too_old",)
    assert purchase_refusals(KEEPS_NOTHING, born, (date(2026, 5, 31),), "C", **allowed) == ("too_old",)
    assert purchase_refusals(PACK, born, (days(-1),), "A", **allowed) == ("outside_dates", "lot_not_allowed")
    nobody = {"lots": None, "starts_on": None, "ends_on": None, "takes_new_families": False}
    assert purchase_refusals(PACK, born, (START,), "C", **nobody) == ("no_direct_payment", "closed_to_new_families")


def test_every_pack_says_what_the_rules_need():
    for name in PACK_FOLDERS:
        pack = load_pack(name)
        assert pack.purchases.band_providers >= 2
        assert "purchases.unspent_carries_over" in {d.key.removeprefix("settings.") for d in pack.decisions()}
