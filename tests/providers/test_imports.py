"""A workforce from a file: everything is shown first, nothing is kept that is wrong, nothing happens twice."""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import date, timedelta

import pytest
from openpyxl import Workbook, load_workbook

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.platform.jobs import JOBS
from marketplace.providers import (
    dbs_checks,
    evidence,
    import_actions,
    import_checking,
    import_queries,
    queries,
    workforce,
)
from marketplace.providers.import_columns import SHEETS
from marketplace.providers.import_export import as_file, export_workforce
from marketplace.providers.import_history import EARLIER_DBS, PAST, WITHDRAWN
from marketplace.providers.import_queries import Import
from marketplace.worker import load_jobs
from tests.obligations.conftest import as_worker
from tests.providers.test_declarations import a_file
from tests.world import frameworks, people, providers

WORKERS = (
    "Worker's reference,Name,Role,Engaged as,Phone,First day,Date of DBS check,DBS checked by,DBS certificate number"
)
PAPER = ",DBS certificate issued,DBS workforce,Barred list checked"


async def sent(actor: Actor, text: str | bytes, name: str = "workers.csv") -> Import:
    content = text.encode() if isinstance(text, str) else text
    return await ask(actor, import_queries.one_import, await import_actions.upload(actor, name, content))


async def accepted(actor: Actor, found: Import) -> Import:
    assert found.plan_hash is not None
    await import_actions.accept(actor, found.id, found.plan_hash)
    return await ask(actor, import_queries.one_import, found.id)


def faults(found: Import) -> list[str]:
    assert found.plan is not None
    return [fault.text for fault in found.plan.faults]


def effects(found: Import) -> list[tuple[str, str]]:
    assert found.plan is not None
    return [(item.worker, item.effect) for item in found.plan.items]


def book(sheets: dict[str, list[list[object]]]) -> bytes:
    made = Workbook()
    made.remove(made.active)  # type: ignore[arg-type]
    for title, lines in sheets.items():
        page = made.create_sheet(title)
        for line in lines:
            page.append(line)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


async def test_workers_are_shown_first_then_kept_and_the_second_time_nothing_changes(place):
    text = (
        f"{WORKERS}{PAPER}\nE1,Ana Poe,Support worker,,020 7946 0001,01/02/2024,01/05/2026,Ada Brook,0012 3456 7890,"
        "20/04/2026,Child workforce,yes\nE2,Ben Low,support_worker,agency,,,,,,,,\n"
    )
    found = await sent(place.manager, text)
    assert effects(found) == [("Ana Poe", "add"), ("Ben Low", "add")] and found.plan and found.plan.fit
    assert (
        "DBS check of 1 May 2026, clear" in found.plan.items[0].text and "001234567890" not in found.plan.items[0].text
    )
    assert await ask(place.manager, queries.workforce) == []
    done = await accepted(place.manager, found)
    assert done.state == "imported" and done.rows == 0
    ana, ben = await ask(place.manager, queries.workforce)
    assert (ana.name, ana.started_on, ana.engagement) == ("Ana Poe", date(2024, 2, 1), "employed")
    assert ana.dbs is not None and ana.dbs.checked_on == date(2026, 5, 1) and ben.engagement == "agency"
    private = await ask(place.manager, queries.private_details, ana.id)
    assert (private["phone"], private["dbs_certificate_number"]) == ("020 7946 0001", "001234567890")
    again = await sent(place.manager, text)
    assert effects(again) == [("Ana Poe", "same"), ("Ben Low", "same")] and again.said == "Nothing to change"
    with pytest.raises(Conflict):
        await accepted(place.manager, again)
    with pytest.raises(Conflict, match="imported already"):
        await accepted(place.manager, found)


async def test_every_fault_is_named_by_sheet_row_and_column_and_nothing_is_kept(place):
    text = (
        f"{WORKERS},E-mail,Shoe size\n"
        "E1,Ana Poe,Support worker,,,31/02/2026,,,,,\n"
        "E2,Ben Low,wizard,friend,,,01/05/2027,Ada Brook,12,not an address,44\n"
        "E1,Cy Rowe,Support worker,,,yesterday,,,,,\n"
        ",,Support worker,,,,,,,,\n"
        "E5,Fay Tan,Support worker,,,,,,001234567890,,\n"
    )
    found = await sent(place.manager, text)
    said = faults(found)
    assert "Workers, row 2, First day: 31 February 2026 is not a date" in said
    assert any(s.startswith('Workers, row 3, Role: "wizard" is not one of the choices: enter ') for s in said)
    assert any(s.startswith("Workers, row 3, Engaged as:") for s in said)
    assert any(s.startswith("Workers, row 3, E-mail:") for s in said)
    assert any(s.startswith('Workers, row 4, First day: "yesterday" is not a date') for s in said)
    assert "Workers, row 5, Name: Enter the worker's full name" in said
    assert any(s.startswith("Workers, row 6, Date of DBS check: Enter the date") for s in said)
    assert found.plan and any('"Shoe size"' in note for note in found.plan.notes)
    assert found.said == "To be corrected"
    with pytest.raises(Conflict):
        await accepted(place.manager, found)
    assert await ask(place.manager, queries.workforce) == []
    later = await sent(
        place.manager, f"{WORKERS}\nE1,Ana Poe,Support worker,,,,12/05/2026,Ada Brook,12\nE1,Bo,Support worker,,,,,,\n"
    )
    assert "Workers, row 2, Date of DBS check: The date of the check must be today or in the past" in faults(later)
    assert "Workers, row 2, DBS certificate number: A DBS certificate number has 12 digits" in faults(later)
    assert any("Row 2 has this reference already" in s for s in faults(later))
    named = await sent(
        place.manager, f"{WORKERS}\nE1,Ana Poe,Support worker,,,,01/05/2026,x,\nE2,7,Support worker,,,,,,\n"
    )
    assert "Workers, row 2, DBS checked by: Enter the first and last name of who made the check, like Ada Brook" in (
        faults(named)
    )
    assert "Workers, row 3, Name: Enter the worker's full name" in faults(named)


async def test_a_row_with_one_fault_tells_its_others_too_and_so_does_what_leans_on_it(place):
    """In one round: a cell of the wrong form hides no broken rule, in its own row or on another sheet."""
    workers: list[list[object]] = [
        ["Worker's reference", "Name", "Role", "First day", "Date of DBS check", "DBS checked by",
         "DBS certificate number", "Registration PIN", "Registration valid until"],
        ["E1", "Ana Poe", "Support worker", None, None, None, None, None, None],
        ["E1", None, "wizard", "yesterday", "01/05/2030", "Ada Brook", "12", "x", "soon"],
        ["E3", "Cy Rowe", "wizard", "31/02/2026", None, None, "13", None, None],
    ]  # fmt: skip
    skills: list[list[object]] = [
        ["Worker's reference", "Trained or assessed in", "Date", "How", "Assessed by"],
        ["E3", "Juggling", "01/05/2030", "observed", None],
        ["E9", "First aid", "01/05/2030", "observed", "Alex Moor, nurse"],
        ["E3", "First aid", "yesterday", "observed", "Cy Rowe, nurse"],
    ]
    checks: list[list[object]] = [
        ["Worker's reference", "What was checked", "Date", "Valid until"],
        ["E9", "Horoscope", "01/05/2030", None],
        ["E3", "References taken up", "01/05/2026", "01/05/2025"],
    ]
    found = await sent(place.manager, book({"Workers": workers, "Competencies": skills, "Checks": checks}), "w.xlsx")
    assert {tuple(said.split(": ")[0].split(", ")) for said in faults(found)} == {
        ("Workers", "row 3", "Worker's reference"), ("Workers", "row 3", "Name"), ("Workers", "row 3", "Role"),
        ("Workers", "row 3", "First day"), ("Workers", "row 3", "Date of DBS check"),
        ("Workers", "row 3", "DBS certificate number"), ("Workers", "row 3", "Registration PIN"),
        *(("Workers", row, asked) for row in ("row 3", "row 4") for asked in PAPER.split(",") if asked),
        ("Workers", "row 3", "Registration valid until"),
        ("Workers", "row 4", "Role"), ("Workers", "row 4", "First day"), ("Workers", "row 4", "Date of DBS check"),
        ("Workers", "row 4", "DBS checked by"), ("Workers", "row 4", "DBS certificate number"),
        ("Competencies", "row 2", "Trained or assessed in"), ("Competencies", "row 2", "Date"),
        ("Competencies", "row 2", "Assessed by"),
        ("Competencies", "row 3", "Worker's reference"), ("Competencies", "row 3", "Date"),
        ("Competencies", "row 4", "Date"), ("Competencies", "row 4", "Assessed by"),
        ("Checks", "row 2", "Worker's reference"), ("Checks", "row 2", "What was checked"), ("Checks", "row 2", "Date"),
        ("Checks", "row 3", "Valid until"),
    }, "\n".join(faults(found))  # fmt: skip
    assert len(faults(found)) == 30 and [item.row for item in found.plan.items] == [2]  # type: ignore[union-attr]
    assert await ask(place.manager, queries.workforce) == []


async def test_competencies_and_checks_go_through_the_rules_of_the_single_actions(place):
    workers = [
        ["Worker's reference", "Name", "Role"],
        ["E1", "Ana Poe", "Support worker"],
        ["E2", "Ben Low", "Support worker"],
    ]
    skills: list[list[object]] = [
        ["Worker's reference", "Trained or assessed in", "Date", "How", "Assessed by", "Assessor's reference"],
        ["E1", "First aid", date(2026, 4, 1), "observed", "Alex Moor, nurse educator", None],
        ["E1", "First aid", date(2026, 4, 2), "observed", "ana  poe", None],
        ["E1", "First aid", date(2026, 4, 3), "observed", None, "E1"],
        ["E1", "Juggling", date(2026, 4, 3), "observed", "Alex Moor, nurse educator", None],
        ["E9", "First aid", date(2026, 4, 3), "observed", "Alex Moor, nurse educator", None],
        ["E2", "First aid", date(2026, 4, 3), "observed", None, "E1"],
    ]
    checks: list[list[object]] = [
        ["Name", "What was checked", "Date"],
        ["Ana Poe", "References taken up", "1 May 2026"],
    ]
    found = await sent(place.manager, book({"Workers": workers, "Competencies": skills, "Checks": checks}), "w.xlsx")
    said = faults(found)
    assert (
        "Competencies, row 3, Assessed by: Nobody signs themselves off: enter another assessor, by their full name"
        in said
    )
    assert any("Competencies, row 4" in s and "Nobody signs themselves off" in s for s in said)
    assert any(s.startswith('Competencies, row 5, Trained or assessed in: "Juggling"') for s in said)
    assert 'Competencies, row 6, Worker\'s reference: There is no worker with the reference "E9"' in said
    assert len(said) == 4
    good = book({"Workers": workers, "Competencies": [*skills[:2], skills[6]], "Checks": checks})
    done = await accepted(place.manager, await sent(place.manager, good, "w.xlsx"))
    assert done.state == "imported"
    ana, ben = await ask(place.manager, queries.workforce)
    assert [(c.code, c.assessor) for c in ana.competencies] == [("first_aid", "Alex Moor, nurse educator")]
    assert ben.competencies[0].assessor_worker_id == ana.id
    assert [check.code for check in ana.checks] == ["references"]
    assert {effect for _, effect in effects(await sent(place.manager, good, "w.xlsx"))} == {"same"}


async def test_a_sign_off_that_needs_its_file_names_one_kept_about_the_worker(database):
    admin = await people.council(database, "Northgate Council")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    strict = {"settings.readiness.sign_off_needs_file": True}
    await frameworks.admitted(admin, manager, await frameworks.open_framework(admin, answers=strict), ["C"])
    ana, ben = [await providers.worker(manager, name) for name in ("Ana Poe", "Ben Low")]
    sheet, first, second = [await a_file(manager, "assessment", whose) for whose in (ana, ben, ben)]  # all policy.pdf
    await a_file(manager, "dbs_certificate", ana)
    header = "Name,Trained or assessed in,Date,How,Assessed by,File that shows it\n"
    by = 'First aid,01/04/2026,observed,"Alex Moor, nurse educator"'
    found = await sent(manager, f"{header}Ana Poe,{by},\nBen Low,{by},policy.pdf\nAna Poe,{by},Another\n")
    needed, several, none = faults(found)
    assert "row 2, File that shows it: Select the file that shows the assessment" in needed
    assert "row 3, File that shows it: Several files about Ben Low are called so: enter " in several
    assert all(f"F-{file.hex[:8].upper()}" in several for file in (first, second))
    assert 'row 4, File that shows it: No file about Ana Poe is called "Another"' in none
    good = (
        f"{header}Ana Poe,{by},POLICY.pdf\nBen Low,{by},f-{second.hex[:8]}\nBen Low,First aid,02/04/2026,attendance,,\n"
    )
    found = await sent(manager, good)
    assert faults(found) == []
    done = await accepted(manager, found)
    assert done.state == "imported"
    kept = {worker.id: worker.competencies for worker in await ask(manager, queries.workforce)}
    assert [each.evidence_id for each in kept[ana]] == [sheet] and second in {each.evidence_id for each in kept[ben]}
    assert {effect for _, effect in effects(await sent(manager, good))} == {"same"}
    out = as_file(*await export_workforce(manager), "xlsx")
    again = await sent(manager, out, "out.xlsx")
    assert {effect for _, effect in effects(again)} == {"same"}, faults(again)


async def test_what_goes_out_comes_in_again_unchanged(place):
    for name in ("Wren Ashby", "=Lee Barton", "+Poe, Ana"):
        await providers.ready_worker(place.manager, place.framework_id, "C", name)
    kit = await workforce.add_worker(
        place.manager, name="Kit", role="support_worker", reference="-7", phone="+44 20 7946 0000"
    )
    nurse = await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse")
    await evidence.send_back_to_training(place.manager, nurse, "first_aid", "Unsure")
    for outcome in ("clear", "new_information"):  # of one moment: the worse is the newest
        await dbs_checks.record_dbs_check(
            place.manager, nurse, checked_on=date(2026, 5, 11), checked_by_name="Una Hale", outcome=outcome
        )
    # whoever signed others off has married since: it is still the one sign-off
    await evidence.record_competency(
        place.manager, nurse, code="first_aid", assessed_on=date(2026, 5, 11), method="observed",
        assessor_worker_id=kit,
    )  # fmt: skip
    await workforce.change_worker(
        place.manager, kit, name="Kit Lowe", role="support_worker", engagement="employed", phone="+44 20 7946 0000"
    )
    lines, spoken = await export_workforce(place.coordinator)
    past = {each.key: lines[each.key] for each in PAST}
    assert [(row[1], row[2], row[-1]) for row in past[WITHDRAWN.key]] == [("Nia Nurse", "First aid", "Unsure")]
    assert [row[1] for row in past[EARLIER_DBS.key]] == ["Nia Nurse"] * 2  # the others were looked at once
    (about_nurse,) = [row for row in lines["workers"] if row[1] == "Nia Nurse"]
    assert any("new information" in str(cell) for cell in about_nurse)
    for kind, name in (("xlsx", "w.xlsx"), ("csv", "w.zip")):
        found = await sent(place.manager, as_file(lines, spoken, kind), name)
        assert faults(found) == [] and found.plan and found.plan.notes == [] and found.plan.questions == []
        assert {effect for _, effect in effects(found)} == {"same"}, [i for i in found.plan.items if i.effect != "same"]
        assert len(effects(found)) == sum(len(lines[key]) for key in SHEETS) > 20
    page = load_workbook(io.BytesIO(as_file(lines, spoken, "xlsx")))["Workers"]
    assert {cell.data_type for row in page.iter_rows(min_row=2) for cell in row} <= {"s", "d", "n"}
    with zipfile.ZipFile(io.BytesIO(as_file(lines, spoken, "csv"))) as archive:
        text = archive.read("workers.csv").decode("utf-8-sig")
        assert "Unsure" in archive.read("withdrawn_competencies.csv").decode("utf-8-sig")
    assert "'=Lee Barton" in text and "'+Poe, Ana" in text and ",=" not in text
    # and as a fresh start in another house, where nothing of it is known
    found = await sent(place.rival, as_file(lines, spoken, "xlsx"), "w.xlsx")
    assert faults(found) == [] and {effect for _, effect in effects(found)} == {"add"}
    await accepted(place.rival, found)
    copied, _ = await export_workforce(place.rival)
    assert copied["workers"] == lines["workers"] and len(copied["competencies"]) == len(lines["competencies"])


async def test_somebody_of_the_same_name_and_role_is_asked_about(place):
    ana = await workforce.add_worker(place.manager, name="Ana Poe", role="support_worker")
    text = f"{WORKERS}\nE1,ana poe,Support worker,Volunteer,,,,,\n"
    found = await sent(place.manager, text)
    assert found.plan and [q.name for q in found.plan.questions] == ["ana poe"] and not found.plan.fit
    with pytest.raises(Conflict):
        await accepted(place.manager, found)
    await import_actions.answer(place.manager, found.id, {"2": str(place.provider_id)})  # nobody who was offered
    assert (await ask(place.manager, import_queries.one_import, found.id)).plan == found.plan
    await import_actions.answer(place.manager, found.id, {"2": str(ana)})
    found = await ask(place.manager, import_queries.one_import, found.id)
    assert found.plan and found.plan.items[0].effect == "change" and "becomes Volunteer" in found.plan.items[0].text
    await accepted(place.manager, found)
    (only,) = await ask(place.manager, queries.workforce)
    assert only.id == ana and only.engagement == "volunteer"
    other = await sent(place.manager, f"{WORKERS}\nE2,Ana Poe,Support worker,,,,,,\n")  # her reference is known now
    assert other.plan and other.plan.questions == [] and other.plan.items[0].effect == "add"
    nameless = await sent(place.manager, "Name,Role\nAna Poe,Support worker\n")
    assert nameless.plan and len(nameless.plan.questions) == 1
    await import_actions.answer(place.manager, nameless.id, {"2": "new"})
    await accepted(place.manager, await ask(place.manager, import_queries.one_import, nameless.id))
    assert len(await ask(place.manager, queries.workforce)) == 2


async def test_what_others_changed_since_the_preview_is_said_and_not_written_over(place):
    await workforce.add_worker(
        place.manager, name="Ana Poe", role="support_worker", reference="E1", languages="English"
    )
    found = await sent(
        place.manager,
        "Worker's reference,Languages,Name,Role\nE1,Polish,Ana Poe,Support worker\n",
    )
    assert found.plan and found.plan.items[0].text == "Changed; Languages: English becomes Polish"
    (ana,) = await ask(place.manager, queries.workforce)
    await workforce.change_worker(
        place.coordinator, ana.id, name="Ana Poe", role="support_worker", engagement="employed", languages="Welsh"
    )
    held = await accepted(place.manager, found)
    assert held.state == "checked" and held.plan_hash != found.plan_hash
    assert held.since == [
        "Workers, row 2: when you looked, Ana Poe: Changed; Languages: English becomes Polish;"
        " now, Ana Poe: Changed; Languages: Welsh becomes Polish"
    ]
    assert (await ask(place.manager, queries.workforce))[0].languages == "Welsh"
    with pytest.raises(Conflict, match="has changed since you looked"):
        await accepted(place.manager, found)
    assert (await accepted(place.manager, held)).state == "imported"
    assert (await ask(place.manager, queries.workforce))[0].languages == "Polish"


async def test_one_file_accepted_twice_at_once_makes_every_worker_once(place, monkeypatch):
    text = f"{WORKERS}\n,Ana Poe,Support worker,,,,,,\n,Ben Low,support_worker,agency,,,,,\n"
    both = [await sent(place.manager, text) for _ in range(2)]
    loaded = import_checking._Doing.load
    waiting = asyncio.Event()

    async def and_waits_for_the_other(self: import_checking._Doing) -> None:
        await loaded(self)
        waiting.set()
        await asyncio.sleep(0.2)  # the other one is at the same place, or stands at the door

    monkeypatch.setattr(import_checking._Doing, "load", and_waits_for_the_other)

    async def somebody_else() -> None:
        await waiting.wait()
        await workforce.add_worker(place.coordinator, name="Ana Poe", role="support_worker", reference="E7")

    await asyncio.gather(*(accepted(place.manager, each) for each in both), somebody_else())
    ended = [await ask(place.manager, import_queries.one_import, each.id) for each in both]
    assert sorted(each.state for each in ended) == ["checked", "imported"]
    (held,) = [each for each in ended if each.state == "checked"]
    assert held.since and held.plan and len(held.plan.questions) == 2
    names = sorted(each.name for each in await ask(place.manager, queries.workforce))
    assert names == ["Ana Poe", "Ana Poe", "Ben Low"]  # of the file, and of somebody else who knew better


async def test_an_empty_cell_changes_nothing_and_an_older_check_overwrites_no_newer_one(place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    async with unit_of_work(place.manager) as work:
        await work.execute("UPDATE worker SET reference = 'E1' WHERE id = $1", worker)
    before = await ask(place.manager, queries.private_details, worker)
    found = await sent(place.manager, f"{WORKERS}\nE1,Wren Ashby,Support worker,,,,01/01/2026,Ada Brook,999999999999\n")
    assert effects(found) == [("Wren Ashby", "same")] and found.plan
    assert any("is older than the newest one" in note for note in found.plan.notes)
    assert await ask(place.manager, queries.private_details, worker) == before


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "empty"),
        ("x.csv", b"a,b\n1,2\n", "headings"),
        ("x.pdf", b"%PDF-1.7\x00\x01", "no file of a workforce"),
        ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .xls format"),
        ("x.xlsx", b"PK\x03\x04 broken", "damaged"),
        ("x.csv", b'Name,Role\n"Ana,Support worker\n', "quotation mark"),
        ("x.csv", b"Name,Role\n", "no rows"),
        ("x.csv", b"Name,Role\n" + b"A,Support worker\n" * 5001, "more than 5,000 rows"),
    ],
)
async def test_a_file_that_is_none_is_refused_with_what_to_do(place, name, content, says):
    with pytest.raises(InvalidInput) as refused:
        await import_actions.upload(place.manager, name, content)
    assert says in refused.value.fields["file"]
    assert await ask(place.manager, import_queries.imports) == []


async def test_bombs_macros_entities_and_formulas_are_refused(place):
    def packed(parts: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, body in parts.items():
                archive.writestr(part, body)
        return out.getvalue()

    good = book({"Workers": [["Name", "Role"], ["Ana", "Support worker"]]})
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    for broken, says in (
        (packed(parts | {"xl/media/zeros.bin": b"\0" * 70_000_000}), "too large when unpacked"),
        (packed(parts | {"xl/vbaProject.bin": b"x"}), "macros"),
        (packed(parts | {"xl/workbook.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><workbook>&b;</workbook>'}), "not made by"),
        (packed({"readme.txt": b"hello"}), "no CSV file"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await import_actions.upload(place.manager, "w.xlsx", broken)
        assert says in refused.value.fields["file"]
    found = await sent(
        place.manager, book({"Workers": [["Name", "Role"], ['=HYPERLINK("https://x")', "Support worker"]]}), "w.xlsx"
    )
    assert faults(found) == ["Workers, row 2, Name: Holds a formula: enter the value itself"]
    found = await sent(place.manager, "Name,Role\n=1+1,Support worker\n")
    assert faults(found) == ["Workers, row 2, Name: Holds a formula: enter the value itself"]


async def test_what_excel_writes_in_western_europe_is_read(place):
    for content in (
        "Name;Role\nZoë Brontë;Support worker\n".encode("cp1252"),
        "Name;Role\r\nZoë Brontë;Support worker\r\n".encode("utf-8-sig"),
        "Name\tRole\nZoë Brontë\tSupport worker\n".encode("utf-16"),
    ):
        assert effects(await sent(place.manager, content)) == [("Zoë Brontë", "add")]


async def test_rivals_workers_and_commissioners_find_no_import_of_ours(place, migrator):
    found = await sent(place.manager, "Name,Role\nAna Poe,Support worker\n")
    with pytest.raises(NotFound):
        await ask(place.rival, import_queries.one_import, found.id)
    for verb in (import_actions.discard, import_actions.try_out):
        with pytest.raises(NotFound):
            await verb(place.rival, found.id)
    assert await ask(place.rival, import_queries.imports) == []
    for actor in (place.lead, place.apart):
        with pytest.raises(NotPermitted):
            await import_actions.upload(actor, "w.csv", b"Name,Role\nAna,Support worker\n")
        with pytest.raises(NotPermitted):
            await export_workforce(actor)
    async with unit_of_work(place.rival) as work:
        assert await work.fetchval("SELECT count(*) FROM workforce_import") == 0
    async with unit_of_work(place.lead) as work:
        assert await work.fetchval("SELECT count(*) FROM workforce_import") == 0
    await import_actions.discard(place.manager, found.id)
    row = await migrator.fetchrow("SELECT * FROM workforce_import")
    assert row["state"] == "discarded" and row["rows"] == {} and row["plan"] is None
    with pytest.raises(Conflict):
        await import_actions.discard(place.manager, found.id)
    details = await migrator.fetch("SELECT details::text AS said FROM audit_entry")
    assert not any("Ana" in row["said"] for row in details)
    permit(place.manager, "workforce.write")


async def test_a_long_file_is_tried_and_kept_by_the_worker_and_told_of(place, database, clock):
    count = import_actions.AT_ONCE + 20
    text = f"Worker's reference,Name,Role,Date of DBS check,DBS checked by,DBS certificate number{PAPER}\n" + "".join(
        f"E{n},Worker Number {n},Support worker,01/05/2026,Ada Brook,{n:012d},20/04/2026,child,yes\n"
        for n in range(count)
    )
    found = await sent(place.manager, text)
    assert found.state == "checking" and found.plan is None and (found.done, found.per_cent) == (0, 0)
    with pytest.raises(Conflict, match="still being checked"):
        await import_actions.accept(place.manager, found.id, "x")
    load_jobs()
    job = {"provider": str(place.provider_id), "import": str(found.id)}
    async with as_worker(database, clock):
        await JOBS[import_actions.JOB].run(database, job)
    found = await ask(place.manager, import_queries.one_import, found.id)
    assert (found.done, found.per_cent) == (300, 93)  # told while it went on: what it did was rolled back
    assert len(effects(found)) == count and await ask(place.manager, queries.workforce) == []
    await accepted(place.manager, found)
    assert (await ask(place.manager, import_queries.one_import, found.id)).state == "importing"
    async with as_worker(database, clock):
        for _ in range(2):
            await JOBS[import_actions.JOB].run(database, job)
    async with unit_of_work(place.rival, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM import_progress") == 0
    assert (await ask(place.manager, import_queries.one_import, found.id)).state == "imported"
    assert len(await ask(place.manager, queries.workforce)) == count
    async with unit_of_work(place.manager) as work:
        told = await work.fetch("SELECT sentence FROM notice WHERE person_id = $1", place.manager.person_id)
        assert [row["sentence"] for row in told].count("Your workforce file has been imported.") == 1
        by = await work.fetchval("SELECT DISTINCT recorded_by FROM worker_dbs_check")
        assert by == place.manager.person_id


async def test_what_nobody_accepts_is_emptied_after_a_while(place, clock):
    old = await sent(place.manager, "Name,Role\nAna Poe,Support worker\n")
    clock.move(timedelta(days=29))
    await sent(place.manager, "Name,Role\nBen Low,Support worker\n")
    assert (await ask(place.manager, import_queries.one_import, old.id)).state == "discarded"


def test_every_sheet_is_known_by_a_column_of_its_own():
    headings = {sheet.key: {column.heading for column in sheet.columns} for sheet in SHEETS.values()}
    for sheet in (SHEETS["competencies"], SHEETS["checks"]):
        own = sheet.column(sheet.own).heading
        assert [key for key, names in headings.items() if own in names] == [sheet.key]


async def test_two_files_of_one_provider_are_tried_one_after_the_other(place, monkeypatch, migrator):
    lines = "E1,Ana Poe,Support worker", "E2,Ben Low,Support worker"
    files = [
        await sent(place.manager, "\n".join(("Worker's reference,Name,Role", *order))) for order in (lines, lines[::-1])
    ]
    await migrator.execute("UPDATE workforce_import SET state = 'checking'")
    seen: list[str] = []
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    async def watched(*args):
        seen.append("begun")
        while len(seen) == 1 and not await migrator.fetchval(waits):  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0)
        plan = await import_checking.carry_out(*args)
        seen.append("done")
        return plan

    monkeypatch.setattr(import_actions, "carry_out", watched)
    await asyncio.gather(*(import_actions.try_out(place.manager, each.id) for each in files))
    assert seen == ["begun", "done"] * 2
    assert await migrator.fetchval("SELECT count(*) FROM workforce_import WHERE state = 'checked'") == 2


async def test_a_name_with_marks_of_direction_imported_twice_is_there_once(place):
    text = "Name,Role\n\u200eAna\u200f Poe,Support worker\n"
    first = await accepted(place.manager, await sent(place.manager, text))
    assert first.state == "imported" and effects(first) == [("Ana Poe", "add")]
    again = await sent(place.manager, text)
    assert again.plan and [question.name for question in again.plan.questions] == ["Ana Poe"] and not again.plan.fit
