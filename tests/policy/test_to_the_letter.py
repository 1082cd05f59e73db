"""What a wrong sign or a forgotten word in the money rules would change and no other test saw (docs/mutation.md)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from marketplace.policy.calculators import invoice_facts
from marketplace.policy.facts import (
    Agreement,
    Claim,
    ClaimLine,
    InvoiceFacts,
    OtherLine,
    RateRow,
    Visit,
    VisitWorker,
    WeeklySlot,
)
from marketplace.policy.funding import Share
from marketplace.policy.invoicing import (
    assess_invoice,
    deduction_for,
    draft_claim,
    invoice_due_day,
    pay_by,
    reassess_invoice,
    settle,
)
from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.pricing import RateMissing, half_up, price_pattern, price_visit, rate_on, slots_between
from tests.policy.policy_builders import LEWISHAM, PDPS, as_bytes, at, invoice, rate, rates, visit
from tests.policy.test_third_pack import PACK as THIRD

PACK = load_pack(LEWISHAM)
COMMUNITY = load_pack(PDPS)
MONDAY = date(2026, 9, 7)


@pytest.mark.parametrize(
    ("pack", "days"), [(PACK, 30), (COMMUNITY, 30), (THIRD, 14)], ids=["duty", "duty of another", "terms"]
)
def test_an_invoice_is_paid_by_the_packs_duty_or_by_its_terms(pack: Pack, days: int) -> None:
    assert pay_by(pack, date(2026, 9, 8)) == date(2026, 9, 8) + timedelta(days=days)


def test_where_duty_and_terms_differ_the_duty_counts_and_in_its_own_days() -> None:
    duty = PACK.duty("invoice_payment")
    five = msgspec.structs.replace(duty, count=5, unit="working_days")
    duties = tuple(five if each is duty else each for each in PACK.content.duties)
    pack = Pack(msgspec.structs.replace(PACK.content, duties=duties))
    assert pay_by(pack, date(2026, 8, 27)) == date(2026, 9, 4)  # over a weekend and a bank holiday


def test_a_missing_rate_says_for_what() -> None:
    with pytest.raises(RateMissing) as caught:
        rate_on(rate(2000), "D", "sailing", "sunday", MONDAY)
    found = caught.value
    assert (found.lot, found.activity, found.band, found.day) == ("D", "sailing", "sunday", MONDAY)
    assert str(found) == "holds no rate for lot D, sailing, sunday on 2026-09-07"


def test_half_a_penny_is_rounded_up_and_less_is_not() -> None:
    assert [half_up(top, 6000) for top in (0, 2_999, 3_000, 8_999, 9_000)] == [0, 0, 1, 1, 2]


def test_visits_stand_in_order_of_their_start_then_of_their_activity() -> None:
    long = WeeklySlot(0, "10:00", "16:00", "day_care")
    short = WeeklySlot(0, "11:00", "12:00", "day_care")
    other = WeeklySlot(0, "10:00", "11:00", "home_support")
    found = slots_between([other, short, long], MONDAY, MONDAY)
    assert [slot for _, _, slot in found] == [long, other, short]


def test_a_pattern_says_each_visit_each_week_from_monday_and_all_of_it() -> None:
    slots = [WeeklySlot(2, "10:00", "11:30", "day_care"), WeeklySlot(5, "22:00", "01:00", "day_care")]
    price = price_pattern(PACK, rates("C", "day_care", 2000, 3000, 4000, 9000), "C", slots, date(2026, 9, 9),
                          date(2026, 9, 20), 1)  # fmt: skip
    first = price.visits[1]
    assert (first.start, first.end, first.activity) == (at("2026-09-12 22:00"), at("2026-09-13 01:00"), "day_care")
    assert [(part.band, part.minutes, part.pence) for part in first.parts] == [
        ("saturday", 120, 6000), ("sunday", 60, 4000),
    ]  # fmt: skip
    assert [(week.period.first_day, week.period.last_day) for week in price.weeks] == [
        (MONDAY, date(2026, 9, 13)), (date(2026, 9, 14), date(2026, 9, 20)),
    ]  # fmt: skip
    assert [(week.visits, week.minutes, week.pence) for week in price.weeks] == [(2, 270, 13_000)] * 2
    assert (price.minutes, price.total_pence) == (540, 26_000)
    assert [(part.period.first_day, part.visits, part.minutes) for part in price.periods] == [
        (date(2026, 9, 9), 4, 540)
    ]


def test_the_drafts_total_is_the_sum_of_its_lines() -> None:
    pack, facts = invoice_facts(as_bytes(invoice([visit("a"), visit("b")], {})))
    assert draft_claim(pack, facts.rate_card, facts.visits).total_pence == 12_000


def test_the_deduction_is_once_or_for_each_as_the_pack_says() -> None:
    _, facts = invoice_facts(as_bytes(invoice([], {})))
    assert [deduction_for(PACK, facts.period, count) for count in (0, 1, 3)] == [0, 10_000, 10_000]
    one = deduction_for(THIRD, facts.period, 1)
    assert one > 0 and [deduction_for(THIRD, facts.period, count) for count in (0, 3)] == [0, 3 * one]


def test_nothing_falls_below_nothing_and_nothing_owed_is_lost() -> None:
    assert settle(5_000, 10_000, 300) == (0, 5_300)
    assert settle(20_000, 10_000, 300) == (9_700, 0)
    assert settle(10_300, 10_000, 300) == (0, 0)
    _, facts = invoice_facts(as_bytes(invoice([visit("a")], {"a": 6000}, carried_in_pence=4_000)))
    result = assess_invoice(PACK, facts)
    assert (result.net_pence, result.taken_pence, result.carried_in_pence) == (2_000, 4_000, 4_000)


def test_the_due_day_moves_off_a_weekend_only_where_the_pack_says_so() -> None:
    _, facts = invoice_facts(as_bytes(invoice([], {})))
    assert invoice_due_day(PACK, facts.period) == date(2026, 10, 12)  # the seventh day is a Sunday


@dataclass
class Corrected:
    """An invoice of three visits, late and with one left off, then corrected by leaving another off and billing all."""

    facts: InvoiceFacts

    def claiming(self, **lines: int) -> InvoiceFacts:
        claim = Claim(tuple(ClaimLine(name, pence) for name, pence in lines.items()), sum(lines.values()))
        return _with(self.facts, claim=claim)


def _with(facts: InvoiceFacts, **changes: Any) -> InvoiceFacts:
    return InvoiceFacts(**{name: getattr(facts, name) for name in InvoiceFacts.__struct_fields__} | changes)


def test_a_correction_pays_what_it_claims_now_and_keeps_the_first_submissions_deduction() -> None:
    rows = [visit("a"), visit("b"), visit("c")]
    _, facts = invoice_facts(as_bytes(invoice(rows, {}, carried_in_pence=500)))
    case = Corrected(facts)
    first = assess_invoice(PACK, _with(case.claiming(a=6000), submitted_at=at("2026-10-20 10:00")))
    assert (first.deduction_pence, first.net_pence, first.carried_out_pence) == (10_000, 0, 4_500)
    again = reassess_invoice(
        PACK, _with(case.claiming(a=6000, b=6000, c=6000), submitted_at=at("2026-11-20 10:00")), first
    )
    assert (again.gross_pence, again.deduction_pence, again.net_pence) == (18_000, 10_000, 7_500)
    assert (again.carried_in_pence, again.carried_out_pence) == (500, 0)
    assert (again.defects, again.due_at) == (first.defects, first.due_at)
    assert [line.payable_pence for line in again.lines] == [6000] * 3
    fewer = reassess_invoice(PACK, case.claiming(), first)
    assert (fewer.gross_pence, fewer.net_pence, fewer.carried_out_pence) == (0, 0, 10_500)
    clean = assess_invoice(PACK, case.claiming(a=6000, b=6000, c=6000))
    kept = reassess_invoice(PACK, case.claiming(a=1), clean)
    assert (kept.defects, kept.deduction_pence) == ((), 0)  # what the correction does wrong costs nothing more
    assert (kept.gross_pence, kept.net_pence, kept.carried_out_pence) == (6_000, 5_500, 0)
    moved = msgspec.structs.replace(first, due_at=first.due_at + timedelta(days=1))
    assert reassess_invoice(PACK, case.claiming(), moved).due_at == moved.due_at


TWO = (Share("council", 6_000), Share("nhs", 4_000))


def shared(**fields: Any) -> Visit:
    values: dict[str, Any] = {
        "id": "v", "lot": "C", "activity": "day_care", "planned_start": at("2026-09-09 15:00"),
        "planned_end": at("2026-09-09 15:50"), "outcome": "delivered", "workers": (VisitWorker("A", True),),
        "actual_start": at("2026-09-09 15:00"), "actual_end": at("2026-09-09 15:50"), "activities": "x",
        "family_signed": True, "shares": TWO,
    }  # fmt: skip
    return Visit(**(values | fields))


def facts_of(payer: str, row: Visit, **lines: int) -> InvoiceFacts:
    _, facts = invoice_facts(as_bytes(invoice([], {})))
    claim = Claim(tuple(ClaimLine(name, pence) for name, pence in lines.items()), sum(lines.values()))
    return _with(facts, visits=(row,), payer=payer, claim=claim, rate_card=rate(2_000))


def test_each_payer_is_billed_its_part_and_the_larger_one_bears_the_defect() -> None:
    for payer, part, sum_ in (("council", 1_000, 10_000), ("nhs", 667, 0)):
        claim = draft_claim(PACK, rate(2_000), (shared(),), payer)
        assert claim.lines == (ClaimLine("v", part),)
        result = assess_invoice(PACK, facts_of(payer, shared(), v=part))
        (line,) = result.lines
        assert (line.price_pence, line.payable_pence, line.whole_pence) == (part, part, 1_667)
        assert (line.basis_points, result.defects) == ({s.payer: s.basis_points for s in TWO}[payer], ())
        for row, claimed, kind in (
            (shared(), {}, "incomplete"), (shared(), {"v": part + 1}, "inaccurate"),
            (shared(family_signed=False), {"v": part}, "incomplete"),
        ):  # fmt: skip
            result = assess_invoice(PACK, facts_of(payer, row, **claimed))
            (defect,) = result.defects
            assert (defect.kind, defect.visit, defect.charged) == (kind, "v", sum_ > 0)
            assert result.deduction_pence == sum_


def test_time_billed_on_a_brothers_visit_is_not_billed_here() -> None:
    here, there, more = VisitWorker("A", True), VisitWorker("B", True, "elsewhere"), VisitWorker("C", True)
    whole = {"planned_end": at("2026-09-09 16:00"), "actual_end": at("2026-09-09 16:00"), "shares": ()}
    for workers, pence in (((here,), 2_000), ((here, there), 2_000), ((here, more), 4_000), ((there,), 0)):
        assert price_visit(PACK, rate(2_000), shared(workers=workers, **whole)).pence == pence
    bands = ("early_week", "late_week")
    card = tuple(RateRow("april-outings", "sailing", band, 3_000, date(2026, 1, 1)) for band in bands)
    whole |= {"lot": "april-outings", "activity": "sailing"}
    for workers, pence in (((here, more), 3_000), ((there, here), 3_000), ((there,), 0)):  # a second worker is free
        assert price_visit(THIRD, card, shared(workers=workers, **whole)).pence == pence


def beside(**fields: Any) -> OtherLine:
    agreement = Agreement(id="g", kind="report", unit_pence=5_000, most_pence=12_000, from_=date(2026, 9, 1),
                          to=date(2026, 12, 1))  # fmt: skip
    values: dict[str, Any] = {
        "id": "o", "kind": "report", "day": date(2026, 9, 10), "units": 1, "cost_pence": 0, "evidenced": True,
        "agreement": agreement,
    }  # fmt: skip
    return OtherLine(**(values | fields))


@pytest.mark.parametrize(
    ("line", "amounts", "why", "payable"),
    [
        (beside(), [], None, 0),
        (beside(), [5_000], None, 5_000),
        (beside(), [4_999], ("not_the_price",), 5_000),
        (beside(), [5_000, 5_000], ("claimed_twice",), 5_000),
        (beside(), [1, 5_000], ("not_the_price", "claimed_twice"), 5_000),
        (beside(evidenced=False), [5_000], ("no_evidence",), 0),
        (beside(evidenced=False), [], None, 0),
        (beside(units=3), [15_000], ("beyond_agreement",), 12_000),
    ],
    ids=["not billed", "as agreed", "a penny less", "twice", "twice and wrong", "bare", "bare, not billed", "beyond"],
)
def test_a_line_beside_visits_that_is_billed_stands_in_its_agreement(
    line: OtherLine, amounts: list[int], why: tuple[str, ...] | None, payable: int
) -> None:
    _, facts = invoice_facts(as_bytes(invoice([], {})))
    claim = Claim(tuple(ClaimLine("o", pence) for pence in amounts), sum(amounts))
    result = assess_invoice(COMMUNITY, _with(facts, others=(line,), claim=claim))
    assert [(each.kind, each.visit, each.why, each.charged) for each in result.defects] == (
        [("inaccurate", "o", why, True)] if why else []
    )
    assert (result.gross_pence, result.others[0].payable_pence) == (payable, payable)


def test_the_draft_claims_lines_beside_visits_as_far_as_they_go() -> None:
    claim = draft_claim(COMMUNITY, (), (), "", (beside(), beside(id="p", evidenced=False), beside(id="q", units=2)))
    assert claim == Claim((ClaimLine("o", 5_000), ClaimLine("q", 7_000)), 12_000)
