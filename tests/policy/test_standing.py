"""Provider standing and worker readiness, to the day, and never better for less evidence."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy import calculators
from marketplace.policy.facts import Admission, CheckRecord, CompetencyRecord, ProviderFacts, WorkerFacts
from marketplace.policy.pack import UnknownCode, load_pack
from marketplace.policy.scope import needs_of, sort_needs
from marketplace.policy.standing import SENTENCES, explain, provider_standing, worker_readiness
from tests.policy.policy_builders import LEWISHAM, LOT_C, PDPS, as_bytes, eligibility, record, worker

PACK = load_pack(LEWISHAM)
DAY = date(2026, 11, 30)
CHECKS = ("references", "right_to_work", "english", "supervision", "profile")


def provider(**fields: Any) -> dict[str, Any]:
    return calculators.eligibility(as_bytes(eligibility([], provider=fields)))["providers"][0]


def reasons(person: dict[str, Any], **case: Any) -> list[tuple[str, str | None]]:
    result = calculators.eligibility(as_bytes(eligibility([person], **case)))["providers"][0]["workers"][0]
    assert result["ready"] is (result["reasons"] == [])
    return [(reason["code"], reason["item"]) for reason in result["reasons"]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"admissions": []}, ["not_admitted"]),
        ({"admissions": [{"lot": "C", "from": "2026-12-01", "to": None}]}, ["not_admitted"]),
        ({"admissions": [{"lot": "C", "from": "2026-11-30", "to": "2026-11-30"}]}, []),
        ({"admissions": [{"lot": "C", "from": "2026-01-01", "to": "2026-11-29"}]}, ["not_admitted"]),
        (
            {
                "admissions": [
                    {"lot": "C", "from": "2026-01-01", "to": "2026-02-01"},
                    {"lot": "C", "from": "2026-11-01", "to": None},
                ]
            },
            [],
        ),
        ({"insurance_until": "2026-11-30"}, []),
        ({"insurance_until": "2026-11-29"}, ["insurance_lapsed"]),
        (
            {"admissions": [], "suspended": True, "cqc_registered": False, "insurance_until": "2020-01-01"},
            ["cqc_not_registered", "insurance_lapsed", "not_admitted", "suspended"],
        ),
    ],
)
def test_whom_a_broadcast_reaches(fields: dict[str, Any], expected: list[str]) -> None:
    result = provider(**fields)
    assert (result["reasons"], result["reached"]) == (expected, not expected)


def test_a_provider_whose_workers_are_not_ready_is_reached_all_the_same() -> None:
    result = calculators.eligibility(as_bytes(eligibility([worker(stood_down=True)])))["providers"][0]
    assert (result["reached"], result["workers"][0]["ready"]) == (True, False)


@pytest.mark.parametrize(
    ("checked_on", "expected"),
    [
        (None, [("dbs_missing", None)]),
        ("2026-12-01", [("dbs_missing", None)]),
        ("2026-11-30", []),
        ("2026-05-30", []),
        ("2026-05-31", []),
        ("2026-05-29", [("dbs_check_overdue", None)]),
    ],
)
def test_the_dbs_check_to_the_day(checked_on: str | None, expected: list[tuple[str, None]]) -> None:
    assert reasons(worker(dbs_checked_on=checked_on)) == expected


@pytest.mark.parametrize(
    ("assessed_on", "starts_on", "good"),
    [
        ("2024-02-29", "2025-02-28", True),
        ("2024-02-29", "2025-03-01", False),
        ("2025-11-30", "2026-11-30", True),
        ("2025-11-29", "2026-11-30", False),
    ],
)
def test_an_annual_competency_counts_up_to_its_anniversary(assessed_on: str, starts_on: str, good: bool) -> None:
    others = [record(code, starts_on) for code in LOT_C if code != "anaphylaxis"]
    person = worker(dbs_checked_on=starts_on, competencies=[*others, record("anaphylaxis", assessed_on)])
    window = {"admissions": [], "insurance_until": "2030-01-01"}
    found = reasons(person, starts_on=starts_on, provider=window)
    assert found == ([] if good else [("competency_expired", "anaphylaxis")])


def test_three_years_for_first_aid_even_from_a_leap_day() -> None:
    others = [record(code) for code in LOT_C if code != "first_aid"]
    for assessed_on, good in (("2023-11-30", True), ("2023-11-29", False)):
        found = reasons(worker(competencies=[*others, record("first_aid", assessed_on)]))
        assert found == ([] if good else [("competency_expired", "first_aid")])


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], "competency_missing"),
        ([record("anaphylaxis", "2026-12-01")], "competency_missing"),
        ([record("anaphylaxis", method="attendance")], "competency_not_signed_off"),
        ([record("anaphylaxis", by=None)], "competency_not_signed_off"),
        ([record("anaphylaxis", by=" ")], "competency_not_signed_off"),
        ([record("anaphylaxis", by="w")], "competency_not_signed_off"),
        ([record("anaphylaxis", "2020-01-01"), record("anaphylaxis", by=None)], "competency_expired"),
        ([record("anaphylaxis", "2020-01-01"), record("anaphylaxis", "2026-12-01")], "competency_expired"),
        (
            [record("anaphylaxis", "2020-01-01"), record("anaphylaxis", method="attendance"), record("anaphylaxis")],
            None,
        ),
    ],
)
def test_one_code_per_competency_and_any_good_record_serves(records: list[Any], expected: str | None) -> None:
    person = worker(competencies=[record(code) for code in LOT_C if code != "anaphylaxis"] + records)
    assert reasons(person) == ([(expected, "anaphylaxis")] if expected else [])


def test_needs_may_be_starred_or_not_and_a_need_given_twice_asks_once() -> None:
    needs = ["asd_challenging_behaviour", "asd_challenging_behaviour", "first_aid"]
    assert reasons(worker(), needs=needs) == [("competency_missing", "asd_challenging_behaviour")]


def test_a_nurse_is_asked_for_registration_only_where_the_lot_takes_nurses() -> None:
    nurse = worker(role="childrens_nurse")
    assert reasons(nurse) == [("role_not_for_lot", None)]
    codes = {code for code, _ in reasons(nurse, lot="A")}
    assert "nmc_missing" in codes and "role_not_for_lot" not in codes
    carer = {code for code, _ in reasons(worker(role="highly_skilled_carer"), lot="A")}
    assert "role_not_for_lot" in carer and "nmc_missing" not in carer


@pytest.mark.parametrize("role", ["childrens_nurse", "highly_skilled_carer", "support_worker", "outreach_worker"])
def test_in_the_pdps_any_role_fits_and_nothing_but_the_dbs_check_is_asked(role: str) -> None:
    case = {"pack": PDPS, "lot": "HLFS", "provider": {"admissions": []}}
    assert reasons(worker(role=role, competencies=[]), **case) == []
    assert reasons(worker(role=role, competencies=[], dbs_checked_on=None), **case) == [("dbs_missing", None)]


def test_reasons_are_sorted_by_code_then_item() -> None:
    found = reasons(worker(competencies=[], dbs_checked_on=None, stood_down=True, role="outreach_worker"))
    assert found == sorted(found, key=lambda reason: (reason[0], reason[1] or ""))
    assert {"dbs_missing", "stood_down", "role_not_for_lot", "competency_missing"} == {code for code, _ in found}


# --- what the application knows beyond a case file ------------------------------------------------------------------


def facts(**fields: Any) -> WorkerFacts:
    good = tuple(CompetencyRecord(code, date(2026, 8, 30), "observed", "assessor") for code in LOT_C)
    base: dict[str, Any] = {
        "id": "w",
        "role": "support_worker",
        "dbs_checked_on": date(2026, 9, 30),
        "nmc_until": None,
        "stood_down": False,
        "competencies": good,
    }
    return WorkerFacts(**(base | fields))


def codes(person: WorkerFacts, **more: Any) -> list[tuple[str, str | None]]:
    found = worker_readiness(PACK, "C", DAY, person, **more).reasons
    return [(reason.code, reason.item) for reason in found]


def done(*names: str, on: date = date(2026, 10, 1), until: date | None = None) -> tuple[CheckRecord, ...]:
    return tuple(CheckRecord(name, on, until) for name in names)


def test_required_checks_are_part_of_readiness_where_they_are_known() -> None:
    assert codes(facts()) == []
    assert codes(facts(checks=done(*CHECKS))) == []
    assert codes(facts(checks=done(*CHECKS[1:]))) == [("worker_check_missing", "references")]
    assert codes(facts(checks=done(*CHECKS[:3], "profile"))) == [("worker_check_missing", "supervision")]
    late = (*done(*CHECKS[:3], "profile"), *done("supervision", on=date(2026, 8, 29)))
    assert codes(facts(checks=late)) == [("worker_check_expired", "supervision")]
    ended = (*done("references", "english", "supervision", "profile"), *done("right_to_work", until=date(2026, 11, 29)))
    assert codes(facts(checks=ended)) == [("worker_check_expired", "right_to_work")]


def test_a_check_counts_from_its_own_day_on() -> None:
    for day, expected in ((DAY, []), (date(2026, 12, 1), [("worker_check_missing", "references")])):
        assert codes(facts(checks=(*done(*CHECKS[1:]), *done("references", on=day)))) == expected


def test_car_insurance_is_asked_of_those_who_drive() -> None:
    assert codes(facts(checks=done(*CHECKS), drives=True)) == [("worker_check_missing", "car_insurance")]
    assert codes(facts(checks=done(*CHECKS, "car_insurance"), drives=True)) == []


def test_somebody_who_left_or_is_not_signed_off_with_the_child_is_not_ready() -> None:
    assert codes(facts(left_on=date(2026, 11, 29))) == [("left_provider", None)]
    assert codes(facts(left_on=DAY)) == []
    assert codes(facts(child_sign_offs=()), child_specific=("catheter_care",)) == [
        ("child_sign_off_missing", "catheter_care")
    ]
    assert codes(facts(child_sign_offs=("catheter_care",)), child_specific=("catheter_care",)) == []
    assert codes(facts(), child_specific=("catheter_care",)) == []


def test_a_sign_off_under_the_workers_own_name_is_their_own() -> None:
    mine = tuple(CompetencyRecord(code, date(2026, 8, 30), "observed", "Grace Okafor ") for code in LOT_C)
    found = codes(facts(competencies=mine, also_known_as=("Grace Okafor",)))
    assert {code for code, _ in found} == {"competency_not_signed_off"}


def test_paused_and_suspended_lots_leave_a_provider_out() -> None:
    base: dict[str, Any] = {
        "id": "p",
        "admissions": (Admission("C", date(2026, 1, 1)),),
        "suspended": False,
        "cqc_registered": True,
        "insurance_until": date(2027, 1, 1),
    }
    standing = provider_standing(PACK, "C", DAY, ProviderFacts(**base, paused=True, suspended_lots=("C", "B")))
    assert standing.reasons == ("paused", "suspended_lot")
    assert provider_standing(PACK, "C", DAY, ProviderFacts(**base, suspended_lots=("B",))).reached
    assert provider_standing(PACK, "C", DAY, ProviderFacts(**(base | {"insurance_until": None}))).reasons == (
        "insurance_lapsed",
    )
    with pytest.raises(UnknownCode, match="no lot 'Z'"):
        provider_standing(PACK, "Z", DAY, ProviderFacts(**base))


def test_every_reason_can_be_said_to_people() -> None:
    found = worker_readiness(PACK, "C", DAY, facts(competencies=())).reasons
    assert explain(found[0], PACK) == "has not been assessed in Anaphylaxis"
    assert all(explain(code) for code in SENTENCES if "{item}" not in SENTENCES[code])


# --- evidence taken away ----------------------------------------------------------------------------------------------

WHEN = some.sampled_from(
    [date(2019, 1, 1), date(2025, 11, 29), date(2025, 11, 30), date(2026, 8, 30), date(2027, 1, 1)]
)
RECORDS = some.builds(
    CompetencyRecord,
    code=some.sampled_from(LOT_C),
    assessed_on=WHEN,
    method=some.sampled_from(["observed", "attendance", "clinical"]),
    signed_off_by=some.sampled_from([None, "assessor", "w"]),
)
PEOPLE = some.builds(
    facts,
    competencies=some.lists(RECORDS, max_size=25).map(tuple)
    | some.just(facts().competencies)
    | some.lists(RECORDS, max_size=5).map(lambda rows: (*facts().competencies, *rows)),
    checks=some.lists(some.builds(CheckRecord, some.sampled_from(CHECKS), WHEN), max_size=8).map(tuple),
    dbs_checked_on=some.none() | WHEN,
    role=some.sampled_from(["support_worker", "childrens_nurse"]),
)


@given(person=PEOPLE, data=some.data())
def test_readiness_never_improves_by_taking_evidence_away(person: WorkerFacts, data: Any) -> None:
    kept = data.draw(some.lists(some.sampled_from(person.competencies), unique=True)) if person.competencies else []
    checks = person.checks or ()
    fewer = WorkerFacts(
        id=person.id,
        role=person.role,
        dbs_checked_on=data.draw(some.sampled_from([None, person.dbs_checked_on])),
        nmc_until=None,
        stood_down=person.stood_down,
        competencies=tuple(kept),
        checks=checks[: data.draw(some.integers(0, len(checks)))],
    )
    before, after = (worker_readiness(PACK, "C", DAY, one).reasons for one in (person, fewer))
    assert {(one.item) for one in before if one.item} <= {one.item for one in after if one.item}
    assert len(after) >= len(before)


# --- what a lot can be asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lot", "code", "allowed", "child_specific"),
    [
        ("A", "deep_suctioning", True, True),
        ("B", "deep_suctioning", False, False),
        ("C", "deep_suctioning", False, False),
        ("D", "deep_suctioning", False, False),
        ("B", "tracheostomy_care", True, True),
        ("C", "tracheostomy_care", False, False),
        ("B", "stoma_care", True, True),
        ("C", "medication", True, False),
        ("A", "medication", False, False),
        ("C", "personal_care", True, False),
        ("B", "tube_feeding", True, False),
    ],
)
def test_interventions_by_lot(lot: str, code: str, allowed: bool, child_specific: bool) -> None:
    need = {need.code: need for need in needs_of(PACK, lot)}[code]
    assert (need.allowed, need.child_specific) == (allowed, child_specific)


def test_what_a_lot_can_be_asked_for_comes_first() -> None:
    needs = needs_of(PACK, "C")
    assert [need.allowed for need in needs] == sorted((need.allowed for need in needs), reverse=True)
    assert [need.code for need in needs][:2] == ["asd_challenging_behaviour", "seizure_management"]


def test_family_support_excludes_personal_care() -> None:
    needs = {need.code: need.allowed for need in needs_of(load_pack(PDPS), "HLFS")}
    assert needs == {"personal_care": False}


def test_needs_are_sorted_into_what_workers_must_show() -> None:
    found = sort_needs(
        PACK, "B", ("tube_feeding", "catheter_care", "seizure_management", "deep_suctioning", "juggling")
    )
    assert found.competencies == ("gastrostomy_ng", "seizure_management")
    assert found.child_specific == ("catheter_care",)
    assert [need.code for need in found.refused] == ["deep_suctioning", "juggling"]
