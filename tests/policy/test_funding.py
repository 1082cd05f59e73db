"""Splitting a price between payers: exact, the same every time; and an invoice of one payer's part."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy import calculators
from marketplace.policy.casefile import CaseFaults
from marketplace.policy.funding import WHOLE, FundingError, Share, leads, part_of, share_of, split
from tests.policy.policy_builders import as_bytes, invoice, visit

TWO = (Share("council", 6000), Share("nhs", 4000))


@some.composite
def shares_of(draw: Any) -> tuple[Share, ...]:
    cuts = sorted(draw(some.sets(some.integers(1, WHOLE - 1), min_size=0, max_size=5)))
    points = [b - a for a, b in zip([0, *cuts], [*cuts, WHOLE], strict=True)]
    return tuple(Share(f"payer {n}", each) for n, each in enumerate(points))


@given(some.integers(0, 10_000_000), shares_of())
def test_the_parts_make_the_whole_and_none_is_a_penny_from_its_share(pence: int, shares: tuple[Share, ...]) -> None:
    parts = split(pence, shares)
    assert sum(parts.values()) == pence
    assert all(abs(parts[each.payer] * WHOLE - pence * each.basis_points) < WHOLE for each in shares)
    assert parts == split(pence, tuple(reversed(shares)))
    assert [part_of(pence, shares, each.payer) for each in shares] == [parts[each.payer] for each in shares]


@pytest.mark.parametrize(
    ("pence", "points", "parts"),
    [
        (10_000, (6000, 4000), (6000, 4000)),
        (1, (5000, 5000), (1, 0)),  # equal in every way: by name
        (5, (5000, 5000), (3, 2)),
        (100, (3333, 3333, 3334), (33, 33, 34)),
        (2, (3333, 3333, 3334), (1, 0, 1)),
        (1, (2500, 7500), (0, 1)),
        (0, (2500, 7500), (0, 0)),
        (4801, (6000, 4000), (2881, 1920)),
    ],
    ids=str,
)
def test_pennies_left_over_go_to_the_largest_remainders(
    pence: int, points: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    shares = tuple(Share("abc"[n], each) for n, each in enumerate(points))
    assert tuple(split(pence, shares).values()) == parts


@pytest.mark.parametrize(
    "points",
    [((("a", 9999),)), (("a", 5000), ("a", 5000)), (("a", 10000), ("b", 0))],
    ids=["short", "twice", "nothing"],
)
def test_shares_that_are_no_whole_are_refused(points: tuple[tuple[str, int], ...]) -> None:
    with pytest.raises(FundingError):
        split(100, tuple(Share(*each) for each in points))


def test_who_leads_and_who_has_no_share() -> None:
    assert leads(TWO, "council") and not leads(TWO, "nhs") and leads((), "anybody")
    even = (Share("b", 5000), Share("a", 5000))
    assert leads(even, "a") and not leads(even, "b")
    assert (share_of(TWO, "nhs"), share_of(TWO, "other"), share_of((), "other")) == (4000, 0, WHOLE)
    assert (part_of(99, TWO, "other"), part_of(99, (), "other")) == (0, 99)


SHARED = {"shares": [{"payer": "council", "basis_points": 6000}, {"payer": "nhs", "basis_points": 4000}]}


def judged(payer: str, claim: dict[str, int], **fields: Any) -> dict[str, Any]:
    """Three hours at 20 pounds, 60 to 40."""
    return calculators.invoice(as_bytes(invoice([visit("v", **SHARED)], claim, payer=payer) | fields))


def test_each_payers_invoice_has_its_part_and_a_visits_defect_is_charged_once() -> None:
    whole = judged("council", {})["lines"][0]["whole_pence"]
    parts = {payer: judged(payer, {})["lines"][0]["price_pence"] for payer in ("council", "nhs")}
    assert sum(parts.values()) == whole and parts["council"] * 4 == parts["nhs"] * 6
    for payer, deducted in (("council", 10_000), ("nhs", 0)):
        right = judged(payer, {"v": parts[payer]})
        assert right["gross_pence"] == parts[payer] and right["defects"] == []
        for claim in ({}, {"v": whole}):  # left off; or the whole price asked of each
            wrong = judged(payer, claim)
            assert wrong["defects"] and wrong["deduction_pence"] == deducted
            assert wrong["gross_pence"] == (parts[payer] if claim else 0)
        # what is wrong with the invoice itself is its own
        assert judged(payer, {"v": parts[payer]}, submitted_at="2026-12-01T10:00:00Z")["deduction_pence"] == 10_000


def test_a_case_with_wrong_shares_says_so() -> None:
    case = invoice([visit("v", shares=[{"payer": "a", "basis_points": 1}])], {}, payer="a")
    with pytest.raises(CaseFaults, match=r"visits\[0\].shares: the shares do not make 10000 basis points"):
        calculators.invoice(json.dumps(case).encode())


def test_time_billed_on_a_brothers_visit_costs_nothing_here_and_waits_until_it_is_known() -> None:
    def line(billed: str) -> dict[str, Any]:
        workers = [{"name": "A", "signed": True, "billed": billed}, {"name": "B", "signed": True}]
        return calculators.invoice(as_bytes(invoice([visit("v", workers=workers)], {})))["lines"][0]

    here, elsewhere, waits = line("here"), line("elsewhere"), line("waits")
    assert elsewhere["price_pence"] * 2 == here["price_pence"] == waits["price_pence"]
    assert (here["held"], elsewhere["held"], waits["held"]) == (False, False, True)
