"""What visits take off an allocation, how it stands, and from when its referrer is warned."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.policy.budgets import Draw, drawn, figures, must_warn
from marketplace.policy.pack import load_pack
from marketplace.policy.pricing import VisitPrice
from tests.policy.policy_builders import LEWISHAM

DAY = date(2026, 9, 7)
PACK = load_pack(LEWISHAM)


@pytest.mark.parametrize(
    ("price", "minutes", "pence"),
    [
        (VisitPrice(90, 100, 3600), 90, 3600),
        (VisitPrice(90, 50, 1800), 45, 1800),
        (VisitPrice(45, 50, 900), 23, 900),  # half a minute rounds up
        (VisitPrice(90, 0, 0), 0, 0),
        (VisitPrice(90, 100, 0), 0, 0),  # billed on a brother's visit
        (VisitPrice(0, 100, None), 60, 0),  # its record allows no price yet: the planned hour counts
    ],
    ids=["whole", "half", "odd", "in time", "shared", "unknown"],
)
def test_what_a_visit_takes(price: VisitPrice, minutes: int, pence: int) -> None:
    assert drawn("minutes", price, 60) == minutes
    assert drawn("pence", price, 60) == pence


def test_figures_and_the_day_it_runs_out() -> None:
    draws = [
        Draw(DAY + timedelta(days=14), "expected", 400),
        Draw(DAY, "spent", 500),
        Draw(DAY + timedelta(days=7), "committed", 300),
    ]
    found = figures(1000, draws)
    assert (found.spent, found.committed, found.expected, found.left, found.forecast) == (500, 300, 400, 200, 1200)
    assert found.runs_out_on == DAY + timedelta(days=14)
    assert figures(1200, draws).runs_out_on is None  # to the penny is enough
    assert figures(700, draws).runs_out_on == DAY + timedelta(days=7)
    unknown = figures(1000, draws[1:], forecast=False)
    assert unknown.expected is None and unknown.forecast is None and unknown.left == 200
    assert figures(1, []).left == 1 and figures(400, draws[1:2]).left == -100


def test_the_referrer_is_warned_within_the_packs_days() -> None:
    assert PACK.budget.warn_days == 42
    found = figures(1, [Draw(DAY + timedelta(days=42), "expected", 2)])
    assert must_warn(PACK, found, DAY) and not must_warn(PACK, found, DAY - timedelta(days=1))
    assert must_warn(PACK, found, DAY + timedelta(days=50))
    assert not must_warn(PACK, figures(2, [Draw(DAY, "spent", 2)]), DAY)
