"""A quite different council's pack through the same functions: nothing of the other two is built in."""

from datetime import date
from typing import Any

import pytest

from marketplace.policy import calculators
from marketplace.policy.ages import age_band
from marketplace.policy.calendar import period_containing
from marketplace.policy.casefile import CaseFaults
from marketplace.policy.coverage import emergency_hours
from marketplace.policy.duties import due_at
from marketplace.policy.facts import RateRow, WeeklySlot
from marketplace.policy.kpis import rate_kpi
from marketplace.policy.pack import load_pack
from marketplace.policy.pricing import price_pattern
from marketplace.policy.scope import needs_of
from tests.policy.policy_builders import HARROWDALE, as_bytes, at, visit

PACK = load_pack(HARROWDALE)
PACKS = {PACK.id: PACK}


def bill(visits: list[dict[str, Any]], lines: list[tuple[str, int]], **fields: Any) -> dict[str, Any]:
    case: dict[str, Any] = {
        "pack": "harrowdale-2026",
        "period": {"first_day": "2026-09-01", "last_day": "2026-09-30"},
        "submitted_at": "2026-10-03T23:59:59+01:00",
        "carried_in_pence": 0,
        "rate_card": [
            {"lot": "april-outings", "activity": "sailing", "band": band, "pence_per_hour": pence, "from": "2026-01-01"}
            for band, pence in (("early_week", 3000), ("late_week", 3600))
        ],
        "visits": [row | {"lot": "april-outings", "activity": "sailing"} for row in visits],
        "claim": {
            "lines": [{"visit": name, "pence": pence} for name, pence in lines],
            "total_pence": sum(pence for _, pence in lines),
        },
    }
    return calculators.invoice(as_bytes(case | fields), PACKS)


def test_a_second_worker_is_free_and_the_whole_actual_time_is_billed() -> None:
    pair = [{"name": "A", "signed": True}, {"name": "B", "signed": True}]
    result = bill([visit("v", workers=pair, actual_end="2026-09-09T19:00:00+01:00")], [("v", 12000)])
    assert (result["gross_pence"], result["defects"]) == (12000, [])


def test_a_bank_holiday_is_an_ordinary_monday_and_friday_belongs_to_the_late_week() -> None:
    period = {"first_day": "2026-08-01", "last_day": "2026-08-31"}
    monday = visit("m", planned_start="2026-08-31T10:00:00+01:00", planned_end="2026-08-31T11:00:00+01:00")
    friday = visit("f", planned_start="2026-08-28T10:00:00+01:00", planned_end="2026-08-28T11:00:00+01:00")
    result = bill([monday, friday], [("m", 3000), ("f", 3600)], period=period, submitted_at="2026-09-03T09:00:00+01:00")
    assert result["defects"] == []


def test_invoices_are_monthly_and_due_on_the_third_day_even_at_a_weekend() -> None:
    assert bill([], [])["due_at"] == "2026-10-04T00:00:00+01:00"  # the 3rd is a Saturday
    with pytest.raises(CaseFaults, match="must be 1 months long"):
        bill([], [], period={"first_day": "2026-09-07", "last_day": "2026-10-04"})
    length = PACK.billing.period_length
    assert period_containing(date(2028, 2, 10), date(2026, 1, 1), length).last_day == date(2028, 2, 29)


def test_every_defect_costs_and_the_sum_changes_with_the_year() -> None:
    unfinished = visit("u", family_signed=False)
    result = bill([visit("v"), unfinished], [("v", 1)], submitted_at="2026-10-04T00:00:00+01:00")
    assert [(defect["kind"], defect["visit"]) for defect in result["defects"]] == [
        ("inaccurate", "v"), ("incomplete", "u"), ("late", None),
    ]  # fmt: skip
    assert (result["deduction_pence"], result["net_pence"]) == (7500, 1500)
    period = {"first_day": "2027-01-01", "last_day": "2027-01-31"}
    assert bill([], [], period=period, submitted_at="2027-02-04T00:00:00+00:00")["deduction_pence"] == 3000


@pytest.mark.parametrize(
    ("outcome", "notice", "percent", "pence"),
    [
        ("cancelled_on_arrival", ..., 80, 7200),
        ("cancelled_by_family", "2026-09-07T15:00:00+01:00", 33, 2970),  # exactly two days is late here
        ("cancelled_by_family", "2026-09-07T14:59:00+01:00", 5, 450),
        ("missed", ..., 0, 0),
    ],
)
def test_its_own_cancellation_shares(outcome: str, notice: Any, percent: int, pence: int) -> None:
    line = bill([visit("v", outcome, notice_at=notice)], [])["lines"][0]
    assert (line["percent"], line["price_pence"]) == (percent, pence)


def reasons(lot: str, role: str, starts_on: str = "2026-06-01", needs: tuple[str, ...] = (), **fields: Any) -> Any:
    person = {
        "id": "w", "role": role, "dbs_checked_on": "2025-06-02", "nmc_until": None, "stood_down": False,
        "competencies": [],
    } | fields  # fmt: skip
    provider = {
        "id": "p", "admissions": [{"lot": lot, "from": "2026-01-01", "to": None}], "suspended": False,
        "cqc_registered": False, "insurance_until": "2030-01-01", "workers": [person],
    }  # fmt: skip
    case = {"pack": PACK.id, "lot": lot, "starts_on": starts_on, "needs": list(needs), "providers": [provider]}
    result = calculators.eligibility(as_bytes(case), PACKS)["providers"][0]
    assert result["reached"]  # registration is not asked here, not even where the care is regulated
    return [(reason["code"], reason["item"]) for reason in result["workers"][0]["reasons"]]


def test_its_own_roles_competencies_and_methods() -> None:
    assert reasons("july-music", "night_sitter") == []
    assert reasons("march-play", "night_sitter") == [("role_not_for_lot", None)]
    assert reasons("may-rest", "night_sitter") == [("competency_missing", "lullabies")]
    song = {"code": "lullabies", "assessed_on": "2001-01-01", "method": "watched", "signed_off_by": "w"}
    assert reasons("may-rest", "night_sitter", competencies=[song]) == []  # never runs out, and one's own word counts
    there = song | {"method": "was_there"}
    assert reasons("may-rest", "night_sitter", competencies=[there]) == [("competency_not_signed_off", "lullabies")]
    assert reasons("april-outings", "play_lead", needs=("water_safety",)) == [("competency_missing", "water_safety")]


def test_the_anniversary_itself_no_longer_counts() -> None:
    assert reasons("july-music", "play_lead", dbs_checked_on="2025-06-02") == []
    assert reasons("july-music", "play_lead", dbs_checked_on="2025-06-01") == [("dbs_check_overdue", None)]


def test_a_requirement_begins_on_its_day() -> None:
    repair = {"code": "bicycle_repair", "assessed_on": "2026-12-01", "method": "watched", "signed_off_by": "x"}
    fields = {"competencies": [repair], "dbs_checked_on": "2026-12-01"}
    assert reasons("june-wheels", "walking_buddy", "2026-12-31", **fields) == []
    assert reasons("june-wheels", "walking_buddy", "2027-01-01", **fields) == [("competency_missing", "helmet_fitting")]


def test_its_own_clocks() -> None:
    assert due_at(PACK, "referral_response", at("2026-09-04 10:00")) == at("2026-09-09 00:00")
    assert due_at(PACK, "deduction_dispute", at("2026-09-04 10:00")) == at("2026-09-05 22:00")
    assert due_at(PACK, "cancellation_report", at("2026-09-04 10:00")) == at("2026-09-04 10:05")
    case = as_bytes({"pack": PACK.id, "events": [{"duty": "plan_signed", "at": "2026-01-31T10:00:00+00:00"}]})
    assert calculators.deadlines(case, PACKS)["deadlines"][0]["due_at"] == "2026-03-01T00:00:00+00:00"
    with pytest.raises(CaseFaults, match="known: harrowdale-2026"):
        calculators.deadlines(as_bytes({"pack": "lewisham-2017", "events": []}), PACKS)


def test_its_own_longest_time_to_answer_in_an_emergency_binds() -> None:
    day, lewisham = date(2026, 5, 4), load_pack("lewisham-2017")
    assert [emergency_hours(PACK, day, asked) for asked in (None, 1, 12, 13, 0)] == [2, 1, 12, None, None]
    assert [emergency_hours(lewisham, day, asked) for asked in (12, 13, 24, 25)] == [12, 13, 24, None]


def test_its_own_offers_needs_and_measures() -> None:
    card = tuple(
        RateRow("april-outings", "sailing", band, 3000, date(2026, 1, 1)) for band in ("early_week", "late_week")
    )
    slots = [WeeklySlot(5, "10:00", "12:00", "sailing")]
    price = price_pattern(PACK, card, "april-outings", slots, date(2026, 9, 1), date(2026, 10, 31), 3, date(2026, 1, 1))
    assert [(part.period.last_day.day, part.pence) for part in price.periods] == [(30, 24000), (31, 30000)]
    allowed = {need.code: need.allowed for need in needs_of(PACK, "june-wheels")}
    assert allowed == {"turning": False, "life_jacket": False}
    assert [age_band(PACK, age) for age in (2, 3, 9, 10, 17, 19)] == ["3 to 9"] * 3 + ["10 to 17"] * 2 + ["10 to 19"]
    assert rate_kpi(PACK, "laughter", 9, 10).rating == "met"
    assert rate_kpi(PACK, "laughter", 899, 1000).rating == "missed"
    assert rate_kpi(PACK, "tears", 1, 10).rating == "met"
    assert rate_kpi(PACK, "tears", 2, 10).rating == "missed"
    none = rate_kpi(PACK, "laughter", 0, 0)
    assert (none.rating, none.per_mille) == ("not_rated", None)
    assert rate_kpi(PACK, "laughter", 1, 3).per_mille == 333
    with pytest.raises(ValueError, match="4 of 3"):
        rate_kpi(PACK, "laughter", 4, 3)
