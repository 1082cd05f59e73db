"""Cases that cannot be computed: nothing on standard output, one line per fault that names the field, exit code 2."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from marketplace.policy import calculators
from marketplace.policy.casefile import CaseFaults
from tests.policy.policy_builders import (
    PDPS,
    as_bytes,
    case_of,
    changed,
    eligibility,
    invoice,
    rate_rows,
    record,
    visit,
    worker,
)

INVOICE = case_of("invoice-01-clean")
ELIGIBLE = eligibility([worker(), worker("w2")])
DEADLINES: dict[str, Any] = {
    "pack": "lewisham-2017",
    "events": [{"duty": "plan_signed", "at": "2026-11-02T15:00:00+00:00"}],
}
CANCELLED = invoice([visit("v", "cancelled_by_family", notice_at=None)], {})
VISIT = "visits.0"
WHOLE = {"invoice": INVOICE, "cancelled": CANCELLED, "eligibility": ELIGIBLE, "deadlines": DEADLINES}
RUN = {"cancelled": "invoice"}

FAULTS: list[tuple[str, str, object, str]] = [
    ("invoice", "pack", "atlantis", 'pack: "atlantis" is not a known pack'),
    ("invoice", "pack", 7, "pack: must be text"),
    ("invoice", "pack", ..., "pack: is missing"),
    ("invoice", "colour", "red", "colour: is not a key of this object"),
    ("invoice", "visits", {}, "visits: must be a list"),
    ("invoice", "visits.0", [], "visits[0]: must be an object"),
    ("invoice", "visits.1.id", "v1", "visits[1].id: this id is used twice"),
    ("invoice", "visits.0.id", 1, "visits[0].id: must be text"),
    ("invoice", "visits.0.id", "a\x00b", "visits[0].id: holds a character that is no text"),
    ("invoice", "visits.0.id", "a\ud800b", "visits[0].id: holds a character that is no text"),
    ("invoice", "visits.0.lot", "E", 'visits[0].lot: "E" is not a known lot'),
    ("invoice", "visits.0.lot", "c", 'visits[0].lot: "c" is not a known lot'),
    ("invoice", "visits.0.activity", "golf", 'visits[0].activity: "golf" is not a known activity'),
    ("invoice", "visits.0.outcome", "abandoned", 'visits[0].outcome: "abandoned" is not a known outcome'),
    ("invoice", "visits.0.outcome", None, "visits[0].outcome: must be text, not null"),
    ("invoice", "visits.0.outcome", "missed", "visits[0].actual_start: is not a key of this object"),
    ("invoice", "visits.0.notice_at", None, "visits[0].notice_at: is not a key of this object"),
    ("invoice", "visits.0.actual_start", ..., "visits[0].actual_start: is missing"),
    ("invoice", "visits.0.family_signed", ..., "visits[0].family_signed: is missing"),
    ("invoice", "visits.0.family_signed", 1, "visits[0].family_signed: must be true or false, not a number"),
    ("invoice", "visits.0.family_signed", None, "visits[0].family_signed: must be true or false, not null"),
    ("invoice", "visits.0.overrun_approved", "yes", "visits[0].overrun_approved: must be true or false"),
    ("invoice", "visits.0.activities", 5, "visits[0].activities: must be text"),
    ("invoice", "visits.0.workers", None, "visits[0].workers: must be a list, not null"),
    ("invoice", "visits.0.workers.0.name", None, "visits[0].workers[0].name: must be text, not null"),
    ("invoice", "visits.0.workers.0.signed", ..., "visits[0].workers[0].signed: is missing"),
    ("invoice", "visits.0.workers.0.role", "x", "visits[0].workers[0].role: is not a key"),
    ("invoice", "visits.0.planned_start", "2026-09-09T15:30:00", "visits[0].planned_start: has no offset"),
    ("invoice", "visits.0.planned_start", "2026-09-09T15:30:01+01:00", "visits[0].planned_start: must lie on a whole"),
    ("invoice", "visits.0.planned_start", "2026-09-09T15:30:00.001+01:00", "planned_start: must lie on a whole minute"),
    ("invoice", "visits.0.planned_start", "2026-09-09T15:30:00.000000001+01:00", "must lie on a whole minute"),
    ("invoice", "visits.0.planned_start", "2026-09-31T15:30:00+01:00", "planned_start: is not a time of the calendar"),
    ("invoice", "visits.0.planned_start", "2026-09-09T24:00:00+01:00", "planned_start: is not a time of the calendar"),
    ("invoice", "visits.0.planned_start", "2026-09-09", "visits[0].planned_start: must be a timestamp"),
    ("invoice", "visits.0.planned_start", 1789000000, "visits[0].planned_start: must be a timestamp"),
    ("invoice", "visits.0.planned_start", None, "visits[0].planned_start: must be a timestamp"),
    ("invoice", "visits.0.planned_start", "٢٠٢٦-09-09T15:30:00+01:00", "visits[0].planned_start: must be a timestamp"),
    ("invoice", "visits.0.planned_start", "0001-01-01T00:00:00+14:00", "visits[0].planned_start: "),
    ("invoice", "visits.0.planned_end", "2026-09-09T15:30:00+01:00", "planned_end: must be after planned_start"),
    ("invoice", "visits.0.planned_end", "2026-09-09T14:30:00+00:00", "planned_end: must be after planned_start"),
    ("invoice", "visits.0.actual_end", "2026-09-09T15:00:00+01:00", "visits[0].actual_end: must be after actual_start"),
    ("invoice", "visits.0.actual_end", "2026-09-09T15:30:00+01:00", "visits[0].actual_end: must be after actual_start"),
    ("invoice", "visits.0.actual_end", "2026-09-09T18:30:30+01:00", "visits[0].actual_end: must lie on a whole minute"),
    ("invoice", "period.last_day", "2026-10-03", "period: must be 28 days long"),
    ("invoice", "period.last_day", "2026-10-05", "period: must be 28 days long"),
    ("invoice", "period", {"first_day": "9999-12-04", "last_day": "9999-12-31"}, "period: must begin before it ends"),
    ("invoice", "period", {"first_day": "2026-10-04", "last_day": "2025-09-07"}, "period: must begin before it ends"),
    ("invoice", "period", {"first_day": "2026-10-04", "last_day": "2026-09-07"}, "period: must be 28 days long"),
    ("invoice", "period.last_day", "2026-02-30", "period.last_day: must be a day of the calendar"),
    ("invoice", "period.last_day", "2026-10-04T00:00:00+01:00", "period.last_day: must be a day of the calendar"),
    ("invoice", "period.last_day", 20261004, "period.last_day: must be a day of the calendar"),
    ("invoice", "submitted_at", "2026-10-08T10:00:00", "submitted_at: has no offset"),
    ("invoice", "carried_in_pence", -1, "carried_in_pence: must not be negative"),
    ("invoice", "carried_in_pence", 1.5, "carried_in_pence: must be a whole number of pence"),
    ("invoice", "carried_in_pence", 1.0, "carried_in_pence: must be a whole number of pence"),
    ("invoice", "carried_in_pence", True, "carried_in_pence: must be a whole number of pence"),
    ("invoice", "carried_in_pence", "100", "carried_in_pence: must be a whole number of pence"),
    ("invoice", "carried_in_pence", None, "carried_in_pence: must be a whole number of pence"),
    ("invoice", "carried_in_pence", 10**400, "carried_in_pence: must not be above"),
    ("invoice", "claim.total_pence", -5, "claim.total_pence: must not be negative"),
    ("invoice", "claim.lines.0.pence", 64.5, "claim.lines[0].pence: must be a whole number"),
    ("invoice", "claim.lines.0.visit", None, "claim.lines[0].visit: must be text"),
    ("invoice", "claim.lines.0.note", "", "claim.lines[0].note: is not a key"),
    ("invoice", "claim", None, "claim: must be an object, not null"),
    ("invoice", "rate_card.0.pence_per_hour", -2150, "rate_card[0].pence_per_hour: must not be negative"),
    ("invoice", "rate_card.0.band", "night", 'rate_card[0].band: "night" is not a known day band'),
    ("invoice", "rate_card.0.lot", "Z", 'rate_card[0].lot: "Z" is not a known lot'),
    ("invoice", "rate_card.0.activity", "golf", "rate_card[0].activity: "),
    ("invoice", "rate_card.0.from", None, "rate_card[0].from: must be a day"),
    ("invoice", "rate_card.1.band", "weekday", "rate_card[1]: the same lot, activity, band and from is used twice"),
    ("invoice", "rate_card.0.from", "2026-09-10", "holds no rate for lot C, day_care, weekday on 2026-09-09"),
    ("invoice", "rate_card", [], "rate_card: holds no rate for lot C, day_care"),
    ("cancelled", "visits.0.notice_at", "2026-09-08T10:00:30+01:00", "visits[0].notice_at: must lie on a whole minute"),
    ("cancelled", "visits.0.notice_at", ..., "visits[0].notice_at: is missing"),
    ("cancelled", "visits.0.family_signed", True, "visits[0].family_signed: is not a key"),
    ("eligibility", "lot", "Z", 'lot: "Z" is not a known lot'),
    ("eligibility", "starts_on", "2026-11-30T00:00:00Z", "starts_on: must be a day"),
    ("eligibility", "needs", ["ventilation"], 'needs[0]: "ventilation" is not a known competency of lot C'),
    ("eligibility", "needs", ["juggling"], 'needs[0]: "juggling" is not a known competency of lot C'),
    ("eligibility", "needs", None, "needs: must be a list"),
    ("eligibility", "providers.0.suspended", "no", "providers[0].suspended: must be true or false"),
    ("eligibility", "providers.0.insurance_until", None, "providers[0].insurance_until: must be a day"),
    ("eligibility", "providers.0.paused", False, "providers[0].paused: is not a key"),
    ("eligibility", "providers.0.admissions.0.lot", "Q", 'providers[0].admissions[0].lot: "Q" is not a known lot'),
    ("eligibility", "providers.0.admissions.0.to", ..., "providers[0].admissions[0].to: is missing"),
    ("eligibility", "providers.0.admissions.0.to", "2026-01-04", "admissions[0].to: must not be before"),
    ("eligibility", "providers.0.workers.1.id", "w", "providers[0].workers[1].id: this id is used twice"),
    ("eligibility", "providers.0.workers.0.role", "pilot", 'providers[0].workers[0].role: "pilot" is not a known role'),
    ("eligibility", "providers.0.workers.0.dbs_checked_on", "", "dbs_checked_on: must be a day"),
    ("eligibility", "providers.0.workers.0.stood_down", 0, "stood_down: must be true or false"),
    ("eligibility", "providers.0.workers.0.competencies.0.code", "x", "competencies[0].code: "),
    ("eligibility", "providers.0.workers.0.competencies.0.method", "x", "competencies[0].method: "),
    ("eligibility", "providers.0.workers.0.competencies.0.signed_off_by", False, "signed_off_by: must be text"),
    ("deadlines", "events.0.duty", "coffee", 'events[0].duty: "coffee" is not a known duty'),
    ("deadlines", "events.0.at", "2026-11-02T15:00:00", "events[0].at: has no offset"),
    ("deadlines", "events.0.at", "2026-11-02", "events[0].at: must be a timestamp"),
    ("deadlines", "events.0.at", "9999-12-31T23:59:59+00:00", "events[0].at: lies outside the years"),
    ("deadlines", "events.0.due_at", "x", "events[0].due_at: is not a key"),
    ("deadlines", "events", None, "events: must be a list"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "fault"), FAULTS, ids=lambda value: str(value)[:60])
def test_a_fault_is_one_line_that_names_the_field(kind: str, path: str, value: object, fault: str) -> None:
    calculator = getattr(calculators, RUN.get(kind, kind))
    with pytest.raises(CaseFaults) as caught:
        calculator(as_bytes(changed(WHOLE[kind], path, value)))
    assert any(line.startswith(fault) or fault in line for line in caught.value.lines), caught.value.lines
    assert all("\n" not in line and line.strip() for line in caught.value.lines)


def test_the_whole_cases_are_good() -> None:
    for kind, case in WHOLE.items():
        assert getattr(calculators, RUN.get(kind, kind))(as_bytes(case))


def test_every_fault_is_reported_and_none_that_only_follows_from_another() -> None:
    case = changed(changed(INVOICE, "visits.0.planned_end", "x"), "visits.1.lot", "Z")
    with pytest.raises(CaseFaults) as caught:
        calculators.invoice(as_bytes(changed(case, "carried_in_pence", -1)))
    assert [line.split(":")[0] for line in caught.value.lines] == [
        "carried_in_pence", "visits[0].planned_end", "visits[1].lot",
    ]  # fmt: skip


def test_the_first_visit_after_the_period_is_refused_and_an_earlier_one_is_held_over() -> None:
    after = visit("v", planned_start="2026-10-05T00:00:00+01:00", planned_end="2026-10-05T01:00:00+01:00")
    with pytest.raises(CaseFaults, match="must not be after the period's last day"):
        calculators.invoice(as_bytes(invoice([after], {})))
    utc = visit("v", planned_start="2026-10-04T23:30:00+00:00", planned_end="2026-10-05T00:30:00+00:00")
    with pytest.raises(CaseFaults, match="must not be after the period's last day"):
        calculators.invoice(as_bytes(invoice([utc], {})))
    before = visit("v", planned_start="2026-08-01T00:00:00+01:00", planned_end="2026-08-01T01:00:00+01:00")
    assert calculators.invoice(as_bytes(invoice([before], {"v": 2000})))["defects"] == []


def test_days_without_published_bank_holidays_are_refused_not_guessed() -> None:
    period = {"first_day": "2028-12-04", "last_day": "2028-12-31"}
    with pytest.raises(CaseFaults, match=r"period\.last_day: the bank holidays of 2029-01-08 are not known"):
        calculators.invoice(as_bytes(invoice([], {}, period=period)))
    row = visit("v", planned_start="2011-09-09T15:00:00+01:00", planned_end="2011-09-09T18:00:00+01:00")
    with pytest.raises(CaseFaults, match=r"visits\[0\]: the bank holidays of 2011-09-09"):
        calculators.invoice(
            as_bytes(invoice([row], {}, rate_card=rate_rows("C", "day_care", 1, 1, 1, 1, since="2010-01-01")))
        )


def test_pdps_asks_for_no_needs_and_knows_its_own_training_only() -> None:
    case = eligibility([], pack=PDPS, lot="HLFS", needs=["first_aid"], provider={"admissions": []})
    with pytest.raises(CaseFaults, match="known: none at all"):
        calculators.eligibility(as_bytes(case))
    trained = worker(competencies=[record("first_aid", method="attendance")])
    case = eligibility([trained], pack=PDPS, lot="HLFS", provider={"admissions": []})
    assert calculators.eligibility(as_bytes(case))["providers"][0]["workers"][0]["ready"] is True


def test_a_worker_may_hold_any_competency_of_the_pack() -> None:
    person = worker(competencies=[*worker()["competencies"], record("ventilation")])
    assert calculators.eligibility(as_bytes(eligibility([person])))["providers"][0]["workers"][0]["ready"] is True


def test_ids_need_be_unique_in_their_own_list_only() -> None:
    case = eligibility([worker("same")])
    case["providers"].append({**case["providers"][0], "id": "other"})
    assert len(calculators.eligibility(as_bytes(case))["providers"]) == 2
    case["providers"][1]["id"] = "p"
    with pytest.raises(CaseFaults, match=r"providers\[1\]\.id: this id is used twice"):
        calculators.eligibility(as_bytes(case))


def test_seconds_may_be_given_where_the_moment_itself_counts() -> None:
    late = calculators.invoice(as_bytes(changed(INVOICE, "submitted_at", "2026-10-12T23:59:59.999999+01:00")))
    assert late["defects"] == []
    at = "2026-11-02T15:00:07.5+00:00"
    due = calculators.deadlines(as_bytes({"pack": "lewisham-2017", "events": [{"duty": "cqc_report", "at": at}]}))
    assert due["deadlines"][0]["due_at"] == "2026-11-03T15:00:07.500000+00:00"


@pytest.mark.parametrize("stamp", ["2026-09-09T14:30:00Z", "2026-09-09T20:00:00+05:30", "2026-09-09T15:30+01:00"])
def test_any_offset_is_taken(stamp: str) -> None:
    case = changed(changed(INVOICE, "visits.0.planned_start", stamp), "visits.0.actual_start", stamp)
    assert calculators.invoice(as_bytes(case)) == calculators.invoice(as_bytes(INVOICE))


# --- as a process -----------------------------------------------------------------------------------------------------

ZERO = '"carried_in_pence": 0'


def carrying(number: str) -> bytes:
    return json.dumps(INVOICE).replace(ZERO, f'"carried_in_pence": {number}').encode()


RAW: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("not JSON", b"hello"),
    ("a list", b"[]"),
    ("null", b"null"),
    ("two objects", b"{} {}"),
    ("cut off", b'{"pack": "lewisham-2017"'),
    ("not UTF-8", b'{"pack": "\xff"}'),
    ("NaN", carrying("NaN")),
    ("Infinity", carrying("Infinity")),
    ("a key twice", carrying(f"0, {ZERO}")),
    ("nested too deeply", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ("a number of 5000 digits", carrying("9" * 5000)),
    ("a line break in a key", json.dumps(INVOICE | {"a\nb": 1}).encode()),
]  # fmt: skip


def run(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "marketplace.policy_commands", "policy", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False)


@pytest.mark.parametrize(("name", "data"), RAW, ids=[name for name, _ in RAW])
def test_what_is_no_case_exits_2_with_nothing_on_standard_output(name: str, data: bytes) -> None:
    done = run("invoice", "-", data=data)
    assert (done.returncode, done.stdout) == (2, b"")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and b"Traceback" not in done.stderr, lines


def test_faults_go_to_standard_error_one_line_each(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_bytes(as_bytes(changed(changed(INVOICE, "visits.0.lot", "Z"), "submitted_at", "soon")))
    for table in ([], ["--table"]):
        done = run("invoice", str(file), *table)
        assert (done.returncode, done.stdout) == (2, b"")
        assert [line.split(":")[0] for line in done.stderr.decode().splitlines()] == ["submitted_at", "visits[0].lot"]


def test_a_file_that_cannot_be_read_exits_2(tmp_path: Path) -> None:
    for name in (tmp_path / "nowhere.json", tmp_path):
        done = run("deadlines", str(name))
        assert (done.returncode, done.stdout) == (2, b"") and b"cannot be read" in done.stderr
    assert run("invoice").returncode == 2
    assert run("nonsense").returncode == 2


def test_a_table_shows_strange_ids_without_steering_the_terminal() -> None:
    case = invoice([visit("v\x1b[2J€")], {})
    done = run("invoice", "-", "--table", data=as_bytes(case))
    assert done.returncode == 0 and b"\x1b" not in done.stdout
