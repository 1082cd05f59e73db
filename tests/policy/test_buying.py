"""Until when a purchase is paid, and what of its prices the budget pays: for any budget, uses and visits."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from marketplace.policy.buying import Share, ToBuy, budget_kept, pay_by, shares
from marketplace.policy.calendar import LONDON, PeriodLength, local
from marketplace.policy.direct_payments import Terms, Use, budget_on
from marketplace.policy.pack import load_pack
from tests.policy import policy_builders

LEWISHAM = load_pack(policy_builders.LEWISHAM)

START = date(2026, 4, 6)
NOW = datetime(2026, 5, 11, 12, tzinfo=LONDON)
days = some.integers(0, 60).map(lambda n: START + timedelta(days=n))
money = some.builds(Use, days, some.integers(0, 20_000), some.integers(0, 600))
visit = some.builds(ToBuy, days, some.integers(1, 15_000), some.integers(15, 600))


@settings(max_examples=150, deadline=None)
@given(
    some.lists(visit, min_size=1, max_size=8), some.lists(money, max_size=6), some.integers(1, 30_000),
    some.sampled_from(["money", "hours"]), some.sampled_from([7, 28]),
)  # fmt: skip
def test_the_budget_pays_what_it_holds_and_no_more(visits, uses, units, kind, length):
    pack = LEWISHAM
    terms = (Terms(START, kind, units, PeriodLength(length)),)
    found = shares(pack, terms, uses, None, visits)
    horizon = max(each.day for each in [*uses, *visits])
    for each, share in zip(visits, found, strict=True):
        assert share.budget_pence + share.top_up_pence == each.pence
        assert 0 <= share.budget_pence <= each.pence and 0 <= share.budget_minutes <= each.minutes
    after = [
        *uses, *(Use(each.day, s.budget_pence, s.budget_minutes) for each, s in zip(visits, found, strict=True))
    ]  # fmt: skip
    day = START
    while day <= horizon:
        before, then = (budget_on(pack, terms, tuple(those), day).left for those in (uses, after))
        # what was overspent before stays so; nothing bought overspends more
        assert then >= min(before, 0), day
        day += timedelta(days=length)


def test_the_earliest_is_served_first_and_what_lies_outside_takes_nothing():
    terms = (Terms(START, "money", 100, PeriodLength(7)),)
    late, early = ToBuy(START + timedelta(days=3), 80, 60), ToBuy(START, 60, 60)
    assert shares(LEWISHAM, terms, (), None, (late, early)) == (Share(40, 40, 30), Share(60, 0, 60))
    outside = ToBuy(START - timedelta(days=1), 50, 60)
    assert shares(LEWISHAM, terms, (), None, (outside,)) == (Share(0, 50, 0),)
    assert shares(LEWISHAM, terms, (), START, ()) == ()


@pytest.mark.parametrize(
    ("method", "hours", "expected"),
    [
        ("card", 100, NOW + timedelta(hours=24)),
        ("card", 5, NOW + timedelta(hours=5)),
        ("card", 0, None),
        ("transfer", 100, datetime(2026, 5, 15, tzinfo=LONDON)),
        ("transfer", 5, None),
        ("transfer", 13, datetime(2026, 5, 12, tzinfo=LONDON)),
    ],
)
def test_until_when_it_is_paid(method, hours, expected):
    first = local(NOW + timedelta(hours=hours))
    assert pay_by(LEWISHAM, method, NOW, first) == expected


@given(some.integers(0, 500), some.integers(0, 500), some.integers(0, 1000))
def test_what_comes_back_is_the_familys_own_first(budget, own, back):
    back = min(back, budget + own)
    kept, minutes = budget_kept(LEWISHAM, START, Share(budget, own, 60), back)
    assert kept == budget - max(0, back - own) and 0 <= minutes <= 60
