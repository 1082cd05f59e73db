"""The invoice rule, sentence by sentence, and what must hold for any invoice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy import calculators
from marketplace.policy.calculators import invoice_facts
from marketplace.policy.invoicing import assess_invoice, draft_claim
from marketplace.policy.pricing import price_visit
from tests.policy.policy_builders import PDPS, as_bytes, invoice, rate_rows, visit

UNSIGNED = {"workers": [{"name": "Worker 1", "signed": False}]}


def judged(visits: list[dict[str, Any]], claim: Any, **fields: Any) -> dict[str, Any]:
    return calculators.invoice(as_bytes(invoice(visits, claim, **fields)))


def kinds(result: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(defect["kind"], defect["visit"]) for defect in result["defects"]]


def pdps(visits: list[dict[str, Any]], claim: Any, **fields: Any) -> dict[str, Any]:
    rows = rate_rows("HLFS", "day_care", 3105, 3105, 3105, 3105)
    return judged([row | {"lot": "HLFS"} for row in visits], claim, pack=PDPS, **({"rate_card": rows} | fields))


@pytest.mark.parametrize(
    "change",
    [
        {"actual_start": None},
        {"actual_end": None},
        {"workers": []},
        {"workers": [{"name": " \u00a0", "signed": True}]},
        {"workers": [{"name": "Worker 1", "signed": True}, {"name": "Worker 2", "signed": False}]},
        {"activities": None},
        {"activities": "\t\n"},
        {"family_signed": False},
    ],
    ids=lambda change: str(change),
)
def test_a_delivered_visit_without_its_record_is_held_and_incomplete_when_claimed(change: dict[str, Any]) -> None:
    result = judged([visit("v", **change)], {"v": 6000})
    assert result["lines"][0]["held"] is True
    assert result["lines"][0]["payable_pence"] == 0
    assert ("incomplete", "v") in kinds(result)
    assert judged([visit("v", **change)], {})["defects"] == []


def test_a_visit_without_times_or_workers_has_no_price_and_no_minutes_but_one_without_a_name_has() -> None:
    for change in ({"actual_start": None}, {"actual_end": None}, {"workers": []}):
        line = judged([visit("v", **change)], {})["lines"][0]
        assert (line["minutes"], line["percent"], line["price_pence"]) == (0, 100, None)
    nameless = judged([visit("v", workers=[{"name": "", "signed": True}, {"name": "B", "signed": True}])], {})
    assert nameless["lines"][0]["price_pence"] == 12000


def test_an_unknown_price_is_never_inaccurate_unless_claimed_twice() -> None:
    row = visit("v", actual_end=None)
    assert kinds(judged([row], {"v": 999})) == [("incomplete", "v")]
    assert kinds(judged([row], [("v", 1), ("v", 1)])) == [("inaccurate", "v"), ("incomplete", "v")]


def test_a_held_visit_claimed_at_the_wrong_price_is_both_incomplete_and_inaccurate() -> None:
    assert kinds(judged([visit("v", family_signed=False)], {"v": 5999})) == [("inaccurate", "v"), ("incomplete", "v")]


def test_a_visit_claimed_twice_pays_once_and_is_one_defect() -> None:
    result = judged([visit("v")], [("v", 6000), ("v", 6000)])
    assert kinds(result) == [("inaccurate", "v")]
    assert result["gross_pence"] == 6000
    wrong = judged([visit("v")], [("v", 6000), ("v", 1)])
    assert kinds(wrong) == [("inaccurate", "v")]


def test_a_claim_for_a_visit_that_is_not_there_is_inaccurate_once() -> None:
    result = judged([visit("v")], [("v", 6000), ("ghost", 5), ("ghost", 5)])
    assert kinds(result) == [("inaccurate", "ghost")]
    assert result["gross_pence"] == 6000


def test_within_a_kind_null_sorts_first_then_by_visit() -> None:
    visits = [visit("b"), visit("a"), visit("c", family_signed=False)]
    case = invoice(visits, {"b": 1, "a": 1, "c": 6000}, submitted_at="2026-10-13T00:00:00+01:00")
    case["claim"]["total_pence"] = 1
    assert kinds(calculators.invoice(as_bytes(case))) == [
        ("inaccurate", None), ("inaccurate", "a"), ("inaccurate", "b"), ("incomplete", "c"), ("late", None),
    ]  # fmt: skip


def test_a_held_over_visit_of_an_earlier_period_that_is_finished_must_be_claimed() -> None:
    old = visit("old", planned_start="2026-08-12T15:00:00+01:00", planned_end="2026-08-12T18:00:00+01:00")
    assert kinds(judged([old], {})) == [("incomplete", "old")]
    assert kinds(judged([old | {"family_signed": False}], {})) == []


def test_a_visit_on_the_last_evening_may_run_past_the_period() -> None:
    night = visit("n", planned_start="2026-10-04T23:30:00+01:00", planned_end="2026-10-05T00:30:00+01:00")
    result = judged([night], {"n": 2000})
    assert (result["lines"][0]["minutes"], result["defects"]) == (60, [])


def test_without_a_deduction_what_was_carried_in_is_still_taken() -> None:
    result = judged([], {}, carried_in_pence=777)
    assert (result["gross_pence"], result["net_pence"], result["carried_out_pence"]) == (0, 0, 777)


@pytest.mark.parametrize(
    ("notice", "percent", "price"),
    [
        ("2026-09-08T15:00:00+01:00", 0, 0),
        ("2026-09-08T15:01:00+01:00", 50, 4658),
        ("2026-09-09T15:00:00+01:00", 50, 4658),
        ("2026-09-09T19:00:00+01:00", 50, 4658),
        (None, 50, 4658),
    ],
)
def test_notice_of_the_family(notice: str | None, percent: int, price: int) -> None:
    line = pdps([visit("v", "cancelled_by_family", notice_at=notice)], {})["lines"][0]
    assert (line["minutes"], line["percent"], line["price_pence"]) == (180, percent, price)
    assert line["held"] is (notice is None)


def test_notice_is_measured_in_elapsed_hours_over_a_clock_change() -> None:
    planned = {"planned_start": "2026-10-25T12:00:00+00:00", "planned_end": "2026-10-25T15:00:00+00:00"}
    period = {"first_day": "2026-10-05", "last_day": "2026-11-01"}
    for notice, percent in (("2026-10-24T13:00:00+01:00", 0), ("2026-10-24T13:01:00+01:00", 50)):
        row = visit("v", "cancelled_by_family", notice_at=notice, **planned)
        assert pdps([row], {}, period=period)["lines"][0]["percent"] == percent


def test_a_chargeable_cancellation_needs_its_workers_names_but_no_signatures() -> None:
    row = visit("v", "cancelled_on_arrival", workers=[{"name": "Worker 1", "signed": False}])
    assert pdps([row], {"v": 9315})["defects"] == []
    nameless = pdps([row | {"workers": [{"name": " ", "signed": True}]}], {"v": 9315})
    assert (nameless["lines"][0]["held"], kinds(nameless)) == (True, [("incomplete", "v")])
    nobody = pdps([row | {"workers": []}], {"v": 1})
    line = nobody["lines"][0]
    assert (line["minutes"], line["percent"], line["price_pence"], line["held"]) == (180, 100, None, True)
    assert kinds(nobody) == [("incomplete", "v")]


def test_what_is_not_chargeable_needs_neither_rate_nor_workers_and_is_never_held() -> None:
    rows = [
        visit("a", "cancelled_by_provider", workers=[]),
        visit("b", "missed", workers=[{"name": "", "signed": False}]),
        visit("c", "cancelled_on_arrival", workers=[]),
        visit("d", "cancelled_by_family", notice_at=None, workers=[]),
    ]
    result = judged(rows, {"a": 0}, rate_card=[])
    assert [(line["price_pence"], line["held"], line["percent"]) for line in result["lines"]] == [(0, False, 0)] * 4
    assert result["defects"] == []
    assert kinds(judged(rows, {"a": 1}, rate_card=[])) == [("inaccurate", "a")]


def test_an_approved_overrun_is_billed_whole_and_a_late_start_costs_nothing() -> None:
    long = {"actual_start": "2026-09-09T15:10:00+01:00", "actual_end": "2026-09-09T18:40:00+01:00"}
    assert judged([visit("v", **long)], {})["lines"][0]["minutes"] == 180
    assert judged([visit("v", **long, overrun_approved=False)], {})["lines"][0]["minutes"] == 180
    assert judged([visit("v", **long, overrun_approved=True)], {})["lines"][0]["minutes"] == 210
    # approved for so long in all: no more than that, and never less than planned
    for approved, billed in ((200, 200), (210, 210), (600, 210), (180, 180), (60, 180)):
        lines = judged([visit("v", **long, overrun_approved=True, approved_minutes=approved)], {})["lines"]
        assert lines[0]["minutes"] == billed
    assert judged([visit("v", **long, approved_minutes=600)], {})["lines"][0]["minutes"] == 180


def test_a_visit_without_a_price_above_nothing_need_not_be_claimed() -> None:
    rows = rate_rows("C", "day_care", 0, 0, 0, 0)
    assert judged([visit("v")], {}, rate_card=rows)["defects"] == []


def test_the_draft_claims_what_can_be_paid_and_has_no_defects() -> None:
    rows = [visit("a"), visit("b", family_signed=False), visit("c", "missed"), visit("d", activities="x")]
    pack, facts = invoice_facts(as_bytes(invoice(rows, {})))
    claim = draft_claim(pack, facts.rate_card, facts.visits)
    assert [line.visit for line in claim.lines] == ["a", "d"]
    drafted = invoice(rows, {line.visit: line.pence for line in claim.lines})
    assert calculators.invoice(as_bytes(drafted))["defects"] == []


# --- properties ---------------------------------------------------------------------------------------------------

HOURS = some.integers(min_value=0, max_value=23)
MINUTES = some.sampled_from([0, 1, 7, 15, 29, 30, 59])


@some.composite
def some_visits(draw) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in range(draw(some.integers(0, 5))):
        day = draw(some.integers(7, 28))
        start = f"2026-09-{day:02}T{draw(HOURS):02}:{draw(MINUTES):02}:00+01:00"
        end = f"2026-09-{day + draw(some.integers(1, 2)):02}T{draw(HOURS):02}:{draw(MINUTES):02}:00+01:00"
        outcome = draw(some.sampled_from(["delivered", "cancelled_on_arrival", "cancelled_by_family", "missed"]))
        people = [{"name": name, "signed": True} for name in draw(some.sampled_from([["A"], ["A", "B"], [""], []]))]
        fields: dict[str, Any] = {"planned_start": start, "planned_end": end, "workers": people}
        if outcome == "delivered":
            fields["family_signed"] = draw(some.booleans())
            fields["overrun_approved"] = draw(some.booleans())
        if outcome == "cancelled_by_family":
            fields["notice_at"] = draw(some.sampled_from([None, start, "2026-09-01T00:00:00+01:00"]))
        if _after(start, end):
            rows.append(visit(f"v{number}", outcome, lot="HLFS", **fields))
    return rows


def _after(start: str, end: str) -> bool:
    return end > start


@some.composite
def some_invoices(draw) -> dict[str, Any]:
    rows = draw(some_visits())
    names = [row["id"] for row in rows] + ["ghost"]
    claim = draw(some.lists(some.tuples(some.sampled_from(names), some.integers(0, 40_000)), max_size=6))
    case = invoice(rows, claim, pack=PDPS, carried_in_pence=draw(some.sampled_from([0, 1, 9_999, 250_000])))
    case["rate_card"] = rate_rows("HLFS", "day_care", *[draw(some.integers(0, 5_000)) for _ in range(4)])
    case["submitted_at"] = draw(some.sampled_from(["2026-10-12T23:59:59+01:00", "2026-10-13T00:00:00+01:00"]))
    case["claim"]["total_pence"] += draw(some.sampled_from([0, 0, 1]))
    return case


@given(some_invoices())
def test_net_and_what_is_taken_make_the_gross_and_what_is_owed_is_conserved(case: dict[str, Any]) -> None:
    result = calculators.invoice(as_bytes(case))
    owed = result["carried_in_pence"] + result["deduction_pence"]
    taken = min(result["gross_pence"], owed)
    assert result["net_pence"] + taken == result["gross_pence"]
    assert result["carried_out_pence"] + taken == owed
    assert result["net_pence"] >= 0 and result["carried_out_pence"] >= 0
    assert result["net_pence"] == 0 or result["carried_out_pence"] == 0
    assert result["gross_pence"] == sum(line["payable_pence"] for line in result["lines"])
    assert result["deduction_pence"] == (10_000 if result["defects"] else 0)


@given(some_invoices())
def test_each_line_pays_its_known_price_or_nothing(case: dict[str, Any]) -> None:
    claimed = {line["visit"] for line in case["claim"]["lines"]}
    for line in calculators.invoice(as_bytes(case))["lines"]:
        pays = line["visit"] in claimed and not line["held"]
        assert line["payable_pence"] == ((line["price_pence"] or 0) if pays else 0)


@given(some.lists(some_invoices(), min_size=1, max_size=5))
def test_carry_is_conserved_over_any_chain_of_invoices(cases: list[dict[str, Any]]) -> None:
    carried = cases[0]["carried_in_pence"]
    begun, gross, net, deducted = carried, 0, 0, 0
    for case in cases:
        result = calculators.invoice(as_bytes(case | {"carried_in_pence": carried}))
        gross, net = gross + result["gross_pence"], net + result["net_pence"]
        deducted, carried = deducted + result["deduction_pence"], result["carried_out_pence"]
    assert begun + deducted - carried == gross - net


@given(some_invoices())
def test_a_visits_price_is_the_sum_of_its_days(case: dict[str, Any]) -> None:
    pack, facts = invoice_facts(as_bytes(case))
    for row in facts.visits:
        price = price_visit(pack, facts.rate_card, row)
        if price.pence is not None:
            assert price.pence == sum(part.pence for part in price.parts)
            assert price.percent == 0 or price.minutes == sum(part.minutes for part in price.parts)
            assert len({part.day for part in price.parts}) == len(price.parts)


@given(some_invoices())
def test_judging_is_pure(case: dict[str, Any]) -> None:
    pack, facts = invoice_facts(as_bytes(case))
    assert assess_invoice(pack, facts) == assess_invoice(pack, facts)
