"""Packs: every rule has what a rule needs, faults are named, versions and decisions work, a stored copy is the same."""

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import marketplace.policy
from marketplace.policy.pack import (
    Pack,
    PackError,
    UnknownCode,
    available_packs,
    check_folder,
    load_pack,
    pack_from_json,
    pack_to_json,
)
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

ALL = [LEWISHAM, PDPS, HARROWDALE]
EVERY_RULE = [(str(name), noun, rule) for name in ALL for noun, rule in load_pack(name).rules()]


def every(name: Any) -> str:
    return getattr(name, "name", str(name))


@pytest.mark.parametrize("name", ALL, ids=every)
def test_every_rule_has_clause_unit_first_day_and_title(name: Any) -> None:
    pack = load_pack(name)
    rules = list(pack.rules())
    assert len(rules) > 50
    for noun, rule in rules:
        where = f"{noun}.{rule.key}"
        assert rule.title.strip() and rule.clause.strip() and rule.unit.strip(), where
        assert rule.from_ >= pack.first_day, where
        assert rule.decision == bool(rule.question and rule.question.strip().endswith("?")), where
        assert "TODO" not in rule.title and not rule.title.endswith("."), where


@pytest.mark.parametrize("name", ALL, ids=every)
def test_every_rule_from_elsewhere_or_nowhere_is_a_decision(name: Any) -> None:
    # A clause that names only D or N, or only another council's document, leaves something to confirm.
    pack = load_pack(name)
    own = {LEWISHAM: "L", PDPS: "P", "harrowdale-2026": "H"}[pack.id]
    structural = {"bands", "documents", "reasons", "record_fields", "roles", "activities", "kpis", "methods"}
    for noun, rule in pack.rules():
        sources = {part.split()[0] for part in rule.clause.split(", ")}
        if own not in sources and noun not in structural and not rule.key.startswith("reminders."):
            assert rule.decision, f"{noun}.{rule.key} ({rule.clause})"


@pytest.mark.parametrize("name", ALL, ids=every)
def test_what_follows_a_rejection_of_what_good_standing_asks_is_a_rule_of_the_pack(name: Any) -> None:
    content = load_pack(name).content
    asked = {rule.key for rule in content.provider_requirements if rule.effect == "standing"}
    assert asked <= {rule.requirement for rule in content.suspensions}


def test_the_packs_that_come_along() -> None:
    assert available_packs() == (PDPS, LEWISHAM)
    assert load_pack(LEWISHAM) is load_pack(LEWISHAM)
    with pytest.raises(UnknownCode, match="there is no pack 'atlantis'"):
        load_pack("atlantis")


def test_lewisham_holds_the_specifications_tables() -> None:
    pack = load_pack(LEWISHAM)
    assert list(pack.lots) == ["A", "B", "C", "D"]
    always = {lot: [row.competency for row in pack.requirements(lot) if row.kind == "always"] for lot in pack.lots}
    starred = {
        lot: [row.competency for row in pack.requirements(lot) if row.kind == "where_needed"] for lot in pack.lots
    }
    assert [len(always[lot]) for lot in "ABCD"] == [12, 9, 9, 11]
    assert [len(starred[lot]) for lot in "ABCD"] == [2, 5, 2, 2]
    assert set(always["D"]) - set(always["C"]) == {"asd_challenging_behaviour", "mental_health"}
    assert {code for code, rule in pack.competencies.items() if rule.months == 36} == {
        "first_aid", "health_and_safety", "equality_and_diversity",
    }  # fmt: skip
    assert len(pack.kpis) == 18
    assert {key for key, rule in pack.kpis.items() if rule.target is not None} == {
        "staff_trained",
        "invoices_four_weekly",
    }
    assert len(pack.content.documents) == 15
    assert pack.lots["A"].registered_roles == ("childrens_nurse",)
    assert not any(pack.lots[lot].registered_roles for lot in "BCD")
    assert pack.charging.cancelled_on_arrival_percent == pack.charging.cancelled_late_percent == 0
    assert pack.billing.deduction_pence == 10_000


def test_pdps_holds_what_its_one_specification_says() -> None:
    pack = load_pack(PDPS)
    assert list(pack.lots) == ["GHC", "CHC", "GCS", "CCS", "HLFS"]
    assert (pack.lots["HLFS"].youngest, pack.lots["HLFS"].oldest) == (6, 18)
    assert pack.lots["HLFS"].normally_at_most_months == 3
    assert not pack.content.requirements and all(rule.offered for rule in pack.content.competencies)
    assert len(pack.competencies) == 18
    charging = pack.charging
    assert (charging.cancelled_on_arrival_percent, charging.cancelled_late_percent) == (100, 50)
    assert charging.notice_hours == 24 and pack.pathway.panel_approval_first


@pytest.mark.parametrize("name", ALL, ids=every)
def test_a_stored_pack_is_the_same_pack(name: Any) -> None:
    pack = load_pack(name)
    again = pack_from_json(pack_to_json(pack))
    assert again.content == pack.content
    assert again.content_hash == pack.content_hash
    assert len(pack.content_hash) == 64


def test_another_value_gives_another_hash() -> None:
    pack = load_pack(LEWISHAM)
    other = pack.with_decisions({"settings.billing.due_days": 8})
    assert other.content_hash != pack.content_hash
    assert (pack.billing.due_days, other.billing.due_days) == (7, 8)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no stored pack"),
        (b"[]", "no stored pack"),
        (b'{"pack": {}}', "no stored pack"),
        (b"\xff", "no stored pack"),
    ],
)
def test_bytes_that_are_no_pack_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(PackError) as caught:
        pack_from_json(data)
    assert "not a stored pack" in str(caught.value)


def test_a_stored_pack_is_checked_again() -> None:
    data = pack_to_json(load_pack(HARROWDALE)).replace(b'"roles":["night_sitter"]', b'"roles":["ghost"]')
    with pytest.raises(PackError, match=r"lots\.may-rest\.roles: names 'ghost'"):
        pack_from_json(data)


# --- decisions ------------------------------------------------------------


@pytest.mark.parametrize("name", ALL, ids=every)
def test_every_decision_can_be_confirmed_as_proposed(name: Any) -> None:
    pack = load_pack(name)
    decisions = pack.decisions()
    assert decisions and len({decision.key for decision in decisions}) == len(decisions)
    confirmed = pack.with_decisions({decision.key: decision.value for decision in decisions})
    assert confirmed.content == pack.content
    for decision in decisions:
        assert decision.kind != "choice" or str(decision.value) in decision.choices
        assert decision.question and decision.clause and decision.unit


def test_answers_from_a_form_are_read_as_their_type() -> None:
    pack = load_pack(LEWISHAM).with_decisions(
        {
            "settings.charging.cancelled_late_percent": "50",
            "settings.charging.exact_notice_is_enough": "false",
            "settings.pathway.emergency_never_waives": "DBS check\nInsurance",
            "requirements.B.de_escalation": "always",
            "kpis.satisfaction": "85",
            "reasons.waiver": "storm = A storm\nflood = A flood = high water",
            "lots.D": False,
        }
    )
    assert pack.charging.cancelled_late_percent == 50
    assert pack.charging.exact_notice_is_enough is False
    assert pack.pathway.emergency_never_waives == ("DBS check", "Insurance")
    assert {row.kind for row in pack.requirements("B") if row.competency == "de_escalation"} == {"always"}
    assert pack.kpis["satisfaction"].target == 85
    assert [(reason.code, reason.title) for reason in pack.reasons("waiver")] == [
        ("storm", "A storm"), ("flood", "A flood = high water"),
    ]  # fmt: skip
    assert pack.lots["D"].regulated is False
    assert pack.with_decisions({"kpis.satisfaction": ""}).kpis["satisfaction"].target is None


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"settings.charging.missed_percent": 101}, "settings.charging.missed_percent"),
        ({"settings.charging.missed_percent": "half"}, "settings.charging.missed_percent"),
        ({"settings.charging.missed_percent": -1}, "settings.charging.missed_percent"),
        ({"requirements.B.de_escalation": "sometimes"}, "requirements.B.de_escalation"),
        ({"settings.billing.deduction_pence": 1}, "is not a decision of this pack"),
        ({"nonsense": 1}, "is not a decision of this pack"),
        ({"reasons.waiver": ""}, "needs at least one reason"),
    ],
    ids=str,
)
def test_answers_that_do_not_fit_are_refused_by_name(answers: dict[str, Any], reason: str) -> None:
    with pytest.raises(PackError) as caught:
        load_pack(LEWISHAM).with_decisions(answers)
    assert caught.value.faults
    assert reason in str(caught.value)


# --- versions over time -----------------------------------------------------------------------------------------------


def test_a_rule_applies_from_its_day_and_what_is_before_the_pack_is_judged_as_its_first_day() -> None:
    pack = load_pack(HARROWDALE)
    found = [
        pack.on(date.fromisoformat(day)).billing.deduction_pence for day in ("2020-01-01", "2026-12-31", "2027-01-01")
    ]
    assert found == [2500, 2500, 3000]
    assert len(pack.on(date(2026, 6, 1)).requirements("june-wheels")) == 1
    assert len(pack.on(date(2027, 6, 1)).requirements("june-wheels")) == 2


# --- checking a folder ------------------------------------------------------------


MISSED = 'key = "charging.missed_percent"'


def broken(tmp_path: Path, file: str, old: str, new: str) -> list[str]:
    for source in HARROWDALE.glob("*.toml"):
        (tmp_path / source.name).write_text(source.read_text())
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    return [str(fault) for fault in check_folder(tmp_path)]


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("lots.toml", 'title = "March: play at home"\n', "", "lots.toml: lots.march-play.title: is missing"),
        ("lots.toml", 'title = "March: play at home"', 'title = " "', "lots.toml: lots.march-play.title"),
        ("lots.toml", 'clause = "H 4"\n', "", "lots.toml: lots.june-wheels.clause: is missing"),
        ("lots.toml", "from = 2026-01-01\n", "", "lots.toml: lots.march-play.from: is missing"),
        ("lots.toml", 'unit = "list"', 'unit = "bananas"', "lots.toml: lots.march-play.unit"),
        ("lots.toml", "regulated = false\n", 'regulated = "no"\n', "lots.toml: lots.march-play.regulated"),
        ("lots.toml", 'roles = ["play_lead"]', 'roles = ["ghost"]', "lots.march-play.roles: names 'ghost'"),
        ("lots.toml", 'key = "march-play"', 'key = "march-play"\ncolour = 1', "lots.march-play.colour: is not a key"),
        ("lots.toml", 'key = "april-outings"', 'key = "march-play"', "march-play: is given twice for the same day"),
        ("lots.toml", "[[activities]]\n", "[[activities]\n", "lots.toml: cannot be read as TOML"),
        ("lots.toml", "[[roles]]", "[[rolls]]", "lots.toml: rolls: is not a noun of a pack"),
        ("lots.toml", "oldest = 12", "oldest = 7", "lots.june-wheels.oldest: is below the youngest age"),
        ("money.toml", "value = 80", "value = 180", "settings.charging.cancelled_on_arrival_percent.value"),
        ("money.toml", MISSED, 'key = "charging.mist"', "settings.charging.missed_percent: is missing"),
        ("money.toml", MISSED, 'key = "charging.mist"', "is not a setting this software knows"),
        ("money.toml", "weekdays = [4, 5, 6]", "weekdays = [4, 5]", "bands: must take each weekday"),
        ("money.toml", 'question = "How much does each defect cost?"\n', "", "billing.deduction_pence.question"),
        ("money.toml", "decision = true\n", "", "settings.billing.deduction_pence.decision"),
        ("people.toml", "months = 24", "months = 2.5", "people.toml: competencies.water_safety.months"),
        ("people.toml", 'competency = "lullabies"', 'competency = "hum"', "requirements.may-rest.lullabies.competency"),
        ("duties.toml", 'key = "referral_response"', 'key = "reply"', "duties.referral_response: is missing"),
        ("duties.toml", 'unit = "working_days"', 'unit = "percent"', "duties.toml: duties.referral_response.unit"),
        ("duties.toml", 'owed_by = "provider"', 'owed_by = "postman"', "duties.toml: duties.referral_response.owed_by"),
        ("pathway.toml", 'code = "wind"', 'code = "tide"', "reasons.decline.reasons: needs at least one reason"),
        ("pack.toml", "[pack]", "[puck]", "exactly one [pack] table is needed, found 0"),
        ("pack.toml", "value = 17", "value = 2", "settings.ages.oldest: is below the youngest age"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_key_and_reason(tmp_path: Path, file: str, old: str, new: str, fault: str) -> None:
    found = broken(tmp_path, file, old, new)
    assert any(fault in line for line in found), found


def test_every_fault_of_a_folder_is_named_at_once(tmp_path: Path) -> None:
    for source in HARROWDALE.glob("*.toml"):
        (tmp_path / source.name).write_text(source.read_text().replace("title = ", "titel = "))
    faults = check_folder(tmp_path)
    assert {fault.file for fault in faults} == {source.name for source in HARROWDALE.glob("*.toml")}
    assert sum(fault.reason == "is missing" for fault in faults) > 50


def test_a_folder_that_is_none_is_a_fault(tmp_path: Path) -> None:
    assert check_folder(tmp_path)[0].reason == "there is no folder with .toml files of that name"
    assert check_folder(tmp_path / "nowhere")
    with pytest.raises(PackError):
        load_pack(tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "marketplace.policy_commands", "policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_check_command(tmp_path: Path) -> None:
    good = run("check", str(HARROWDALE))
    assert (good.returncode, good.stderr) == (0, "") and "no faults" in good.stdout
    broken(tmp_path, "lots.toml", 'roles = ["play_lead"]', "roles = 3")
    bad = run("check", str(tmp_path))
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("lots.toml: lots.march-play.roles: ") and bad.stderr.count("\n") == 1


def test_packs_can_be_listed_and_shown() -> None:
    assert LEWISHAM in run("packs").stdout
    shown = run("show", PDPS)
    assert "P 5.2" in shown.stdout and "2022-04-01" in shown.stdout and shown.returncode == 0
    assert "Which share is charged then?" in run("show", PDPS, "--decisions").stdout
    assert Pack(pack_from_json(run("show", PDPS, "--json").stdout.encode()).content).content_hash == (
        load_pack(PDPS).content_hash
    )
    assert run("show", "atlantis").returncode == 2


def test_no_word_of_one_council_outside_its_pack() -> None:
    packages = Path(marketplace.policy.__file__).parents[1]
    files = [*packages.rglob("*.py"), *packages.rglob("*.html"), *packages.rglob("*.toml")]
    assert len(files) > 20
    named = [
        file.relative_to(packages).as_posix()
        for file in files
        if "lewisham" in file.read_text(encoding="utf-8").lower() and "lewisham_2017" not in file.parts
    ]
    # The demonstration and the made-up nation are set on that council's framework: data, loaded by name.
    assert [name for name in named if name.split("/")[0] not in ("demo", "dev")] == []
