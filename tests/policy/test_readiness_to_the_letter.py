"""What a wrong sign or a forgotten word in the rules of readiness, lapsing and reminding would change and no other test
saw (docs/mutation.md)."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from marketplace.policy.bounds import DayBound, days_that_end, earliest_day_that_counts, readiness_bounds
from marketplace.policy.clock_stops import Stood
from marketplace.policy.facts import Admission, CheckRecord, CompetencyRecord, ProviderFacts, WorkerFacts
from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.reminders import (
    check_after_stop,
    ends_warned_of,
    remind_again_at,
    remind_at,
    task_due_at,
)
from marketplace.policy.standing import (
    WorkerReason,
    check_current_until,
    competency_current_until,
    explain,
    provider_standing,
    standing_state,
    worker_readiness,
)
from marketplace.policy.status_checks import status_check_due
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS, at

PACK, COMMUNITY, THIRD = load_pack(LEWISHAM), load_pack(PDPS), load_pack(HARROWDALE)
DAY = date(2026, 11, 30)
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


def with_checks(pack: Pack, **changes: Any) -> Pack:
    """The pack with its check of the professional register changed."""
    checks = tuple(
        msgspec.structs.replace(each, **changes) if each.evidence == "registration" else each
        for each in pack.content.worker_checks
    )
    return Pack(msgspec.structs.replace(pack.content, worker_checks=checks))


def facts(**fields: Any) -> WorkerFacts:
    given = {"id": "w", "role": "support_worker", "dbs_checked_on": DAY, "nmc_until": None, "stood_down": False}
    return WorkerFacts(**(given | fields))


def codes(pack: Pack, lot: str, on: date, person: WorkerFacts, **more: Any) -> set[tuple[str, str | None]]:
    return {(each.code, each.item) for each in worker_readiness(pack, lot, on, person, **more).reasons}


# --- reminders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts_at", "due_at", "reminded_at"),
    [
        ("2026-09-07 09:00", "2026-09-11 09:00", "2026-09-10 09:00"),  # 24 hours ahead
        ("2026-09-07 08:00", "2026-09-07 18:00", "2026-09-07 13:00"),  # never in the first half
        ("2026-09-07 08:00", "2026-09-07 08:00", "2026-09-07 08:00"),
        ("2026-09-07 09:00", "2026-09-07 08:00", "2026-09-07 08:00"),
        ("2026-10-19 09:00", "2026-10-25 12:00", "2026-10-24 13:00"),  # the clocks went back in between
    ],
)
def test_a_duty_is_reminded_of_a_day_ahead_or_half_its_time(starts_at: str, due_at: str, reminded_at: str) -> None:
    for pack in (PACK, THIRD):
        assert remind_at(pack, at(starts_at), at(due_at)) == at(reminded_at)
    assert remind_again_at(THIRD, at(due_at)) == at(due_at) + 24 * HOUR


@pytest.mark.parametrize(
    ("stop", "now", "expected"),
    [
        (None, "2026-09-07 09:00", "2026-09-10 09:00"),
        (None, "2026-09-10 12:00", "2026-09-10 12:00"),  # the moment has passed: now
        (("2026-09-08 09:00", "2026-09-10 15:00"), "2026-09-08 09:00", "2026-09-10 15:00"),
        (("2026-09-10 09:00", "2026-09-10 15:00"), "2026-09-08 09:00", "2026-09-10 15:00"),
        (("2026-09-10 09:01", "2026-09-10 15:00"), "2026-09-08 09:00", "2026-09-10 09:00"),
        (("2026-09-08 09:00", "2026-09-09 15:00"), "2026-09-09 15:00", "2026-09-10 09:00"),
        (("2026-09-08 09:00", "2026-09-11 15:00"), "2026-09-11 15:00", "2026-09-11 15:00"),
    ],
)
def test_nobody_is_reminded_while_a_clock_stands(stop: tuple[str, str] | None, now: str, expected: str) -> None:
    stood = Stood(at(stop[0]), at(stop[1])) if stop else None
    found = check_after_stop(THIRD, at("2026-09-07 09:00"), at("2026-09-11 09:00"), stood, at(now))
    assert found == at(expected)


def test_a_task_without_a_clock_is_due_at_the_end_of_the_second_day() -> None:
    for since in ("2026-09-09 00:00", "2026-09-09 23:59"):
        assert task_due_at(THIRD, at(since)) == at("2026-09-12 00:00")
    assert isinstance(task_due_at(PACK, at("2026-09-09 10:00")), datetime)


def test_the_ends_a_day_warns_of_are_the_days_ahead_from_it() -> None:
    ahead = [ONE_DAY * number for number in (0, 10, 30)]
    assert ends_warned_of(THIRD, DAY - ONE_DAY, DAY) == tuple(DAY + each for each in ahead)
    # two days looked at together; an end both warn of is there once
    assert ends_warned_of(THIRD, DAY - 2 * ONE_DAY, DAY) == tuple(
        sorted(day + each for day in (DAY - ONE_DAY, DAY) for each in ahead)
    )
    assert ends_warned_of(THIRD, DAY - 11 * ONE_DAY, DAY).count(DAY) == 1
    assert ends_warned_of(THIRD, DAY, DAY) == ()
    assert ends_warned_of(THIRD, date(2026, 12, 31), date(2027, 1, 1))[0] == date(2027, 1, 1)


def test_a_status_is_looked_up_from_the_first_warning_on() -> None:
    assert status_check_due(PACK, None, DAY) and status_check_due(THIRD, None, DAY)
    for pack, first in ((PACK, date(2026, 4, 17)), (THIRD, date(2026, 12, 10))):  # 84 days ahead; 30
        done = date(2026, 1, 10)
        told = [status_check_due(pack, done, first + timedelta(days=each)) for each in (-1, 0, 1)]
        assert told == [False, True, True], pack.id


# --- days that count --------------------------------------------------------------------------------------------------


def test_the_days_that_end_on_a_day() -> None:
    assert days_that_end(PACK, date(2027, 2, 28), 12) == (date(2026, 2, 28),)
    assert days_that_end(PACK, date(2027, 2, 28), 6) == tuple(date(2026, 8, day) for day in (28, 29, 30, 31))
    assert days_that_end(PACK, date(2028, 2, 29), 12) == ()
    assert days_that_end(PACK, date(2028, 2, 29), 6) == tuple(date(2027, 8, day) for day in (29, 30, 31))
    # the day before the anniversary: of the ends of months, the day after
    assert days_that_end(THIRD, date(2027, 2, 27), 6) == tuple(date(2026, 8, day) for day in (28, 29, 30, 31))
    assert days_that_end(THIRD, date(2027, 2, 28), 12) == (date(2026, 3, 1),)
    assert days_that_end(THIRD, date(2026, 3, 27), 1) == (date(2026, 2, 28),)
    assert days_that_end(THIRD, date(2026, 3, 30), 1) == ()
    assert days_that_end(PACK, date(1, 12, 31), 12) == () and days_that_end(PACK, date(2, 1, 31), 12) == (
        date(1, 1, 31),
    )
    assert days_that_end(PACK, date(2, 1, 31), 13) == ()


def test_the_earliest_day_at_the_beginning_of_the_calendar() -> None:
    assert earliest_day_that_counts(PACK, date(1, 12, 31), 12) == date.min
    assert earliest_day_that_counts(PACK, date(2, 1, 2), 12) == date(1, 1, 2)
    assert earliest_day_that_counts(PACK, date(2, 1, 1), 12) == date.min
    assert earliest_day_that_counts(PACK, date(3, 6, 15), 24) == date(1, 6, 15)
    assert earliest_day_that_counts(PACK, date(2, 1, 31), 13) == date.min


def test_the_bounds_of_a_search_to_the_letter() -> None:
    on = date(2027, 2, 28)
    nurse = readiness_bounds(PACK, "A", on)
    assert (nurse.on, nurse.roles, nurse.registered_roles) == (on, ("childrens_nurse",), ("childrens_nurse",))
    assert nurse.dbs_since == date(2026, 8, 28) and not nurse.own_sign_off_counts
    assert nurse.competencies[0] == DayBound("first_aid", date(2024, 2, 28))
    assert nurse.signing_methods == ("accredited_course", "clinical", "knowledge_test", "observed", "simulation")
    assert nurse.checks == (
        DayBound("references", None), DayBound("right_to_work", None), DayBound("english", None),
        DayBound("supervision", date(2026, 11, 28)), DayBound("car_insurance", None, True), DayBound("profile", None),
    )  # fmt: skip
    assert readiness_bounds(PACK, "C", on).registered_roles == ()
    wheels = readiness_bounds(THIRD, "june-wheels", on)
    assert wheels.competencies == (DayBound("bicycle_repair", date(2026, 9, 1)), DayBound("helmet_fitting", None))
    assert wheels.checks == (DayBound("swimming_badge", date(2024, 3, 1)), DayBound("bus_driver_card", None, True))
    assert wheels.own_sign_off_counts and wheels.dbs_since == date(2026, 3, 1)
    assert readiness_bounds(THIRD, "june-wheels", date(2026, 12, 31)).competencies[1:] == ()
    starred = readiness_bounds(PACK, "C", on, ("seizure_management",)).competencies
    assert starred[-1] == DayBound("seizure_management", date(2026, 2, 28))
    # where no DBS check is required none bounds the search
    checks = tuple(
        msgspec.structs.replace(each, required=each.evidence != "dbs") for each in PACK.content.worker_checks
    )
    assert (
        readiness_bounds(Pack(msgspec.structs.replace(PACK.content, worker_checks=checks)), "A", on).dbs_since is None
    )


def test_a_check_counts_to_its_own_end_or_its_frequencys_whichever_comes_first() -> None:
    done = date(2026, 9, 30)
    assert check_current_until(PACK, "references", done) is None
    assert check_current_until(PACK, "right_to_work", done, DAY) == DAY
    assert check_current_until(PACK, "supervision", done) == date(2026, 12, 30)
    assert check_current_until(PACK, "supervision", done, DAY) == DAY
    assert check_current_until(PACK, "supervision", done, date(2027, 1, 1)) == date(2026, 12, 30)
    assert competency_current_until(THIRD, "lullabies", done) is None
    assert competency_current_until(THIRD, "bicycle_repair", done) == date(2027, 3, 29)


# --- standing and readiness -------------------------------------------------------------------------------------------


def provider(**fields: Any) -> ProviderFacts:
    values: dict[str, Any] = {
        "id": "p", "admissions": (Admission("C", date(2026, 1, 1)),), "suspended": False, "cqc_registered": True,
        "insurance_until": date(2027, 1, 1),
    }  # fmt: skip
    return ProviderFacts(**values | fields)


def test_a_restricted_provider_is_reached_while_it_has_room() -> None:
    for room, reasons, state in (
        (None, (), "active"), (2, (), "restricted"), (1, (), "restricted"),
        (0, ("restriction_used_up",), "restricted"), (-1, ("restriction_used_up",), "restricted"),
    ):  # fmt: skip
        one = provider(room=room)
        found = provider_standing(PACK, "C", DAY, one)
        assert (found.reasons, standing_state(found.reasons, one, "C", DAY)) == (reasons, state), room


@pytest.mark.parametrize(
    ("admissions", "state"),
    [
        ((Admission("C", date(2026, 1, 1), DAY - ONE_DAY),), "ended"),
        ((Admission("C", date(2026, 1, 1), DAY),), "not admitted"),
        ((Admission("C", date(2026, 12, 1)),), "not admitted"),
        ((Admission("B", date(2026, 1, 1), DAY - ONE_DAY),), "not admitted"),
        ((Admission("B", date(2026, 1, 1)), Admission("C", date(2026, 1, 1), DAY - ONE_DAY)), "ended"),
    ],
)
def test_an_admission_has_ended_when_its_last_day_has_passed(admissions: tuple[Admission, ...], state: str) -> None:
    assert standing_state(("not_admitted",), provider(admissions=admissions), "C", DAY) == state


def test_a_providers_workers_are_judged_for_the_child_too() -> None:
    alone = facts(child_sign_offs=(), stood_down=True)
    found = provider_standing(PACK, "C", DAY, provider(workers=(alone,)), child_specific=("catheter_care",))
    reasons = {(each.code, each.item) for each in found.workers[0].reasons}
    assert {("child_sign_off_missing", "catheter_care"), ("stood_down", None)} <= reasons


def test_a_doubted_dbs_certificate_is_told_from_a_missing_check() -> None:
    assert ("dbs_doubted", None) in codes(PACK, "C", DAY, facts(dbs_checked_on=None, dbs_doubted=True))
    assert ("dbs_missing", None) in codes(PACK, "C", DAY, facts(dbs_checked_on=None))
    assert not any(code.startswith("dbs") for code, _ in codes(PACK, "C", DAY, facts(dbs_doubted=True)))


def test_no_dbs_check_is_asked_where_the_pack_requires_none() -> None:
    for changes in (
        [each for each in PACK.content.worker_checks if each.evidence != "dbs"],
        [msgspec.structs.replace(each, required=each.evidence != "dbs") for each in PACK.content.worker_checks],
    ):
        pack = Pack(msgspec.structs.replace(PACK.content, worker_checks=tuple(changes)))
        assert not any(code.startswith("dbs") for code, _ in codes(pack, "C", DAY, facts(dbs_checked_on=None)))
    only = tuple(each for each in PACK.content.worker_checks if each.evidence == "dbs")
    pack = Pack(msgspec.structs.replace(PACK.content, worker_checks=only))
    assert ("dbs_missing", None) in codes(pack, "C", DAY, facts(dbs_checked_on=None))


def test_a_register_is_asked_of_its_own_roles_alone() -> None:
    nurse, carer, nobody = (facts(role=role) for role in ("childrens_nurse", "support_worker", "stargazer"))
    missing = ("nmc_missing", None)
    asking = with_checks(COMMUNITY, required=True)
    assert [missing in codes(asking, "HLFS", DAY, each) for each in (nurse, carer, nobody)] == [True, False, False]
    assert missing not in codes(with_checks(COMMUNITY, required=False), "HLFS", DAY, nurse)
    assert readiness_bounds(asking, "HLFS", DAY).registered_roles == ("childrens_nurse",)
    assert readiness_bounds(with_checks(COMMUNITY, required=False), "HLFS", DAY).registered_roles == ()
    # a check of the register that is limited to neither asks it of nobody
    other = with_checks(PACK, when="driving")
    assert missing not in codes(other, "A", DAY, nurse) and missing in codes(PACK, "A", DAY, nurse)
    assert readiness_bounds(other, "A", DAY).registered_roles == ()
    # asked for both reasons, in either order, both roles are among those to search for
    (by_lot,) = [each for each in PACK.content.worker_checks if each.evidence == "registration"]
    by_role = msgspec.structs.replace(by_lot, key="register", when="registered_role")
    lots = tuple(msgspec.structs.replace(each, registered_roles=("outreach_worker",)) for each in PACK.content.lots)
    for both in ((by_lot, by_role), (by_role, by_lot)):
        twice = Pack(msgspec.structs.replace(PACK.content, worker_checks=both, lots=lots))
        assert readiness_bounds(twice, "A", DAY).registered_roles == ("childrens_nurse", "outreach_worker")
    for until, expected in ((DAY, set()), (DAY - ONE_DAY, {("nmc_lapsed", None)})):
        found = codes(PACK, "A", DAY, facts(role="childrens_nurse", nmc_until=until))
        assert {each for each in found if each[0].startswith("nmc")} == expected


def test_an_unknown_method_signs_nobody_off() -> None:
    guessed = facts(competencies=(CompetencyRecord("first_aid", DAY, "guessed", "Alex Moor"),))
    assert ("competency_not_signed_off", "first_aid") in codes(PACK, "C", DAY, guessed)


def test_reasons_name_what_they_are_about() -> None:
    assert explain(WorkerReason("competency_missing", "first_aid")) == "has not been assessed in first_aid"
    assert explain(WorkerReason("competency_missing")) == "has not been assessed in "
    assert explain(WorkerReason("stood_down"), PACK) == "is stood down"
    assert explain(WorkerReason("worker_check_missing", "right_to_work"), PACK).endswith("in the United Kingdom")
    assert explain(WorkerReason("child_sign_off_missing", "catheter_care"), PACK) == (
        "is not signed off with this child for Catheter care"
    )
    assert explain(WorkerReason("child_sign_off_missing", "juggling"), PACK).endswith("for juggling")


def test_a_recorded_check_runs_out_by_itself() -> None:
    known = tuple(CheckRecord(each.key, DAY) for each in PACK.content.worker_checks if each.key != "right_to_work")
    for until, good in ((DAY, True), (DAY - ONE_DAY, False), (None, True)):
        found = codes(PACK, "C", DAY, facts(checks=(*known, CheckRecord("right_to_work", DAY - ONE_DAY, until))))
        assert (("worker_check_expired", "right_to_work") in found) is not good
