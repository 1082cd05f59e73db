"""Lines beside visits: each against its agreement, as far as its sum goes; meetings never (P 4.9, 4.11, 7.3, 14.3)."""

from datetime import date
from typing import Any

import pytest

from marketplace.policy import calculators
from marketplace.policy.facts import Agreement, OtherLine
from marketplace.policy.invoicing import draft_claim
from marketplace.policy.other_lines import judge_others, kinds_allowed, too_few_miles
from marketplace.policy.pack import load_pack
from tests.policy.policy_builders import LEWISHAM, PDPS, as_bytes, invoice

PACK = load_pack(PDPS)
DAY = date(2026, 9, 10)


def agreement(kind: str = "mileage", **more: Any) -> Agreement:
    facts: dict[str, Any] = {
        "id": "g", "kind": kind, "unit_pence": None if kind == "return_to_area" else 45, "most_pence": 1_000,
        "from_": date(2026, 9, 1), "to": date(2026, 9, 30),
    }  # fmt: skip
    return Agreement(**facts | more)


def a_line(kind: str = "mileage", **more: Any) -> OtherLine:
    facts: dict[str, Any] = {
        "id": "l", "kind": kind, "day": DAY, "units": 34, "cost_pence": 0, "evidenced": True,
        "agreement": agreement(kind),
    }  # fmt: skip
    return OtherLine(**facts | more)


@pytest.mark.parametrize(
    ("line", "price", "faults"),
    [
        (a_line(), 630, ()),
        (a_line(units=21), 45, ()),
        (a_line(units=20), 0, ()),
        (a_line(units=3), 0, ()),
        (a_line("report", units=2), 90, ()),
        (a_line("return_to_area", units=1, cost_pence=999), 999, ()),
        (a_line("return_to_area", units=1, cost_pence=1_001), 1_000, ()),
        (a_line(units=60), 1_000, ()),
        (a_line(billed_pence=900), 100, ()),
        (a_line(billed_pence=1_200), 0, ()),
        (a_line("meeting", agreement=agreement("meeting")), 0, ("never_billed",)),
        (a_line(agreement=None), 0, ("no_agreement",)),
        (a_line(agreement=agreement("report")), 0, ("no_agreement",)),
        (a_line(day=date(2026, 8, 31)), 0, ("outside_agreement",)),
        (a_line(day=date(2026, 9, 1)), 630, ()),
        (a_line(day=date(2026, 9, 30)), 630, ()),
        (a_line(day=date(2026, 10, 1)), 0, ("outside_agreement",)),
        (a_line(evidenced=False), 0, ("no_evidence",)),
    ],
    ids=[
        "miles above", "one above", "none above", "few", "reports", "return", "return too dear", "capped", "rest",
        "nothing left", "meeting", "no agreement", "another's", "before", "first day", "last day", "after", "unproved",
    ],
)  # fmt: skip
def test_what_an_agreement_gives_for_a_line(line: OtherLine, price: int, faults: tuple[str, ...]) -> None:
    (judged,) = judge_others(PACK, (line,), None)
    assert (judged.price_pence, judged.payable_pence, judged.faults, judged.claimed) == (price, price, faults, True)
    (left,) = judge_others(PACK, (line,), {})
    assert (left.price_pence, left.payable_pence, left.faults, left.claimed) == (price, 0, faults, False)


def test_a_session_within_the_price_has_no_line_and_the_clause_says_so() -> None:
    said = too_few_miles(PACK, DAY, 20)
    assert said is not None and "first 20 miles" in said and "P 4.9" in said
    assert too_few_miles(PACK, DAY, 0) == said and too_few_miles(PACK, DAY, 21) is None


def test_an_agreements_sum_is_shared_by_its_claimed_lines_in_their_order() -> None:
    lines = (a_line(id="a"), a_line(id="b"), a_line(id="c", agreement=agreement(id="h")))
    assert [each.payable_pence for each in judge_others(PACK, lines, None)] == [630, 370, 630]
    judged = judge_others(PACK, lines, {"b": [630], "c": [631]})
    assert [(each.price_pence, each.payable_pence) for each in judged] == [(630, 0), (630, 630), (630, 630)]


def test_a_claim_beyond_what_is_left_is_beyond_the_agreement() -> None:
    assert judge_others(PACK, (a_line(),), {"l": [1_000]})[0].faults == ()
    assert judge_others(PACK, (a_line(),), {"l": [1_001]})[0].faults == ("beyond_agreement",)
    assert judge_others(PACK, (a_line(agreement=None),), {"l": [1]})[0].faults == ("no_agreement",)


def test_the_pack_says_what_may_be_agreed() -> None:
    assert kinds_allowed(PACK, DAY) == ("mileage", "report", "return_to_area")
    assert kinds_allowed(load_pack(LEWISHAM), DAY) == ("mileage",)


def test_a_draft_claims_them_and_an_invoice_pays_and_faults_them() -> None:
    claim = draft_claim(PACK, (), (), others=(a_line(id="a"), a_line(id="b", agreement=None)))
    assert [(line.visit, line.pence) for line in claim.lines] == [("a", 630)] and claim.total_pence == 630
    judged = _invoice({"l": 630})
    assert (judged["gross_pence"], judged["defects"]) == (630, [])
    assert judged["other_lines"] == [{"id": "l", "price_pence": 630, "payable_pence": 630, "faults": []}]
    # one that is left off waits without loss; one at another sum, or twice, is inaccurate
    assert (_invoice({})["gross_pence"], _invoice({})["defects"]) == (0, [])
    for wrong in ({"l": 629}, [("l", 630), ("l", 630)]):
        judged = _invoice(wrong)
        assert (judged["gross_pence"], judged["defects"]) == (630, [{"kind": "inaccurate", "visit": "l"}])


def _invoice(claim: Any) -> dict[str, Any]:
    case = invoice([], claim, pack=PDPS)
    line = {
        "id": "l", "kind": "mileage", "day": "2026-09-15", "units": 34, "cost_pence": 0, "evidenced": True,
        "billed_pence": 0, "agreement": {"id": "g", "kind": "mileage", "unit_pence": 45, "most_pence": 1000,
                                         "from": "2026-09-01", "to": "2026-09-30"},
    }  # fmt: skip
    return calculators.invoice(as_bytes(case | {"rate_card": [], "other_lines": [line]}))
