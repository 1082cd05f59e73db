"""Declaring and being assessed: once for all frameworks, piece by piece, mended and sent again with its history."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers import actions, declaration_queries, queries
from marketplace.providers.declarations import assess, make_declaration
from tests.world import frameworks, people
from tests.world.evidence import a_file_of

TODAY = date(2026, 5, 11)


async def a_file(manager: Actor, kind: str = "policy", worker_id: UUID | None = None) -> UUID:
    """A checked file, as if it had come through quarantine."""
    return await a_file_of(manager, kind, worker_id)


async def piece(actor: Actor, provider_id: UUID, framework_id: UUID, key: str) -> declaration_queries.Piece:
    found = await ask(actor, declaration_queries.asked_by_frameworks, provider_id)
    (on,) = [each for each in found if each.framework_id == framework_id]
    return next(each for each in on.pieces if each.key == key)


async def tasks(actor: Actor) -> list[str]:
    async with unit_of_work(actor) as work:
        rows = await work.fetch(
            "SELECT title FROM obligation WHERE owed_by_organisation = $1 AND met_at IS NULL AND cancelled_at IS NULL"
            " AND rule_key LIKE 'task.%' ORDER BY title",
            actor.organisation_id,
        )
    return [row["title"] for row in rows]


async def test_one_declaration_with_its_file_serves_every_framework_and_each_finds_for_itself(place, database):
    other = await people.council(database, "Westmark Council")
    second = await frameworks.open_framework(other, name="Second framework")
    await frameworks.admitted(other, place.manager, second, ["A"])
    west = await people.person_in(other, "contract_manager")
    for framework_id in (place.framework_id, second):
        assert (await piece(place.manager, place.provider_id, framework_id, "safeguarding")).state == "missing"
    file = await a_file(place.manager)
    made = await make_declaration(place.manager, "safeguarding", declared_on=TODAY, evidence_ids=[file, file])
    for actor, framework_id in ((place.lead, place.framework_id), (west, second)):
        seen = await piece(actor, place.provider_id, framework_id, "safeguarding")
        assert seen.state == "waiting" and seen.declared and [f.id for f in seen.declared.files] == [file]
        assert seen.until == date(2027, 5, 11)
    await assess(west, made, second, verdict="accepted")
    await assess(place.lead, made, place.framework_id, verdict="rejected", to_mend="Name the safeguarding lead")
    assert (await piece(place.manager, place.provider_id, second, "safeguarding")).state == "accepted"
    mine = await piece(place.manager, place.provider_id, place.framework_id, "safeguarding")
    assert mine.state == "rejected" and mine.finding and mine.finding.to_mend == "Name the safeguarding lead"
    assert await tasks(place.manager) == ["Mend what was rejected: Safeguarding and child protection policy"]


async def test_what_was_rejected_is_sent_again_and_its_history_stays(place):
    made = await make_declaration(place.manager, "complaints", declared_on=TODAY - timedelta(days=3))
    for mend in ("", "   "):
        with pytest.raises(InvalidInput) as refused:
            await assess(place.lead, made, place.framework_id, verdict="rejected", to_mend=mend)
        assert "to_mend" in refused.value.fields
    await assess(place.lead, made, place.framework_id, verdict="rejected", to_mend="Say who answers complaints")
    again = await make_declaration(place.manager, "complaints", declared_on=TODAY, remark="Page 4 names the manager")
    assert await tasks(place.manager) == []
    with pytest.raises(Conflict, match="declared this again since"):
        await assess(place.lead, made, place.framework_id, verdict="accepted")
    await assess(place.lead, again, place.framework_id, verdict="accepted")
    assert (await piece(place.manager, place.provider_id, place.framework_id, "complaints")).state == "accepted"
    _, _, story, _ = await ask(place.manager, declaration_queries.own_story, "complaints")
    assert {each.id: [f.verdict for f in each.findings] for each in story} == {made: ["rejected"], again: ["accepted"]}


async def test_what_is_sent_twice_is_declared_once_and_rejected_it_is_said_anew(place, migrator):
    file = await a_file(place.manager)
    said = {"declared_on": TODAY, "remark": "As every year", "evidence_ids": [file]}
    made = await make_declaration(place.manager, "complaints", **said)
    assert await make_declaration(place.manager, "complaints", **said) == made
    other = await make_declaration(place.manager, "complaints", **{**said, "evidence_ids": []})
    assert other != made
    await assess(place.lead, other, place.framework_id, verdict="rejected", to_mend="The file is missing")
    again = await make_declaration(place.manager, "complaints", **{**said, "evidence_ids": []})
    assert again != other and await tasks(place.manager) == []
    assert await migrator.fetchval("SELECT count(*) FROM declaration WHERE rule_key = 'complaints'") == 3


async def test_declared_again_while_it_is_being_rejected_nothing_is_owed_on_the_old_one(place, migrator):
    made = await make_declaration(place.manager, "complaints", declared_on=TODAY - timedelta(days=3))

    async def waiting(how_many: int) -> bool:
        for _ in range(1_000):
            if how_many == await migrator.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ):
                return True
            await asyncio.sleep(0.01)
        return False

    async with migrator.transaction():
        lock = f"declarations of complaints by {place.provider_id}"
        await migrator.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
        rejecting = asyncio.create_task(
            assess(place.lead, made, place.framework_id, verdict="rejected", to_mend="Say who answers")
        )
        assert await waiting(1)
        declaring = asyncio.create_task(make_declaration(place.manager, "complaints", declared_on=TODAY))
        assert await waiting(2)
        assert not rejecting.done() and not declaring.done(), "one waits for the other"
    await asyncio.gather(rejecting, declaring)
    assert await tasks(place.manager) == []
    assert (await piece(place.manager, place.provider_id, place.framework_id, "complaints")).state == "waiting"


async def test_registration_and_insurance_are_checked_and_keep_the_profile_in_step(place):
    good = {"provider_identifier": "1-101", "rating": "good", "inspected_on": date(2025, 3, 1), "conditions": "None"}
    for wrong, field in (
        ({**good, "provider_identifier": "2-101"}, "provider_identifier"),
        ({**good, "location_identifier": "1-x"}, "location_identifier"),
        ({**good, "rating": "excellent"}, "rating"),
        ({**good, "inspected_on": None}, "inspected_on"),
        ({**good, "inspected_on": date(2027, 1, 1)}, "inspected_on"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await make_declaration(place.manager, "cqc_registration", declared_on=TODAY, details=wrong)
        assert list(refused.value.fields) == [field]
    await make_declaration(
        place.manager, "cqc_registration", declared_on=TODAY,
        details={"provider_identifier": "1-202", "rating": "not_yet_inspected"},
    )  # fmt: skip
    seen = await piece(place.lead, place.provider_id, place.framework_id, "cqc_registration")
    assert seen.state == "waiting" and seen.declared
    assert seen.declared.said == ["CQC provider 1-202", "Not yet inspected", "no conditions"]
    with pytest.raises(InvalidInput):
        await make_declaration(place.manager, "insurance", declared_on=TODAY)
    insured = {"declared_on": TODAY, "details": {"until": date(2027, 1, 31)}}
    with pytest.raises(InvalidInput) as refused:
        await make_declaration(place.manager, "insurance", **insured)
    assert list(refused.value.fields) == ["evidence_ids"]  # the pack takes it with a certificate alone
    for key, details in (("insurance", insured["details"]), ("cqc_registration", good)):
        with pytest.raises(InvalidInput) as refused:  # some other paper does not show it
            files = [await a_file(place.manager)]
            await make_declaration(place.manager, key, declared_on=TODAY, details=details, evidence_ids=files)
        assert "was added as" in refused.value.fields["evidence_ids"]
    certificate = [await a_file(place.manager, "insurance")]
    with pytest.raises(InvalidInput) as refused:
        far = {"until": date(2028, 5, 12)}
        await make_declaration(place.manager, "insurance", declared_on=TODAY, details=far, evidence_ids=certificate)
    assert list(refused.value.fields) == ["until"]
    await make_declaration(
        place.manager, "insurance", **insured, evidence_ids=[await a_file(place.manager, "insurance")]
    )
    async with unit_of_work(place.manager) as work:
        row = await work.fetchrow("SELECT * FROM provider WHERE id = $1", place.provider_id)
    assert row and (row["cqc_provider_id"], row["insurance_until"]) == ("1-202", date(2027, 1, 31))


async def test_a_rejected_insurance_is_missed_on_every_page_and_a_suspension_is_put_to_the_contract_managers(place):
    certificate = await a_file(place.manager, "insurance")
    told = {"declared_on": TODAY, "details": {"until": date(2028, 1, 1)}, "evidence_ids": [certificate]}
    made = await make_declaration(place.manager, "insurance", **told)
    await assess(place.lead, made, place.framework_id, verdict="rejected", to_mend="No certificate shows that day")

    async def missed(actor: Actor) -> tuple[set[str], set[str]]:
        (on,) = await ask(actor, queries.on_frameworks, place.provider_id)
        (asked,) = await ask(actor, declaration_queries.asked_by_frameworks, place.provider_id)
        return {item.key for item in on.missing}, {each.key for each in asked.missing}

    for actor in (place.manager, place.lead):
        standing, declarations = await missed(actor)
        assert standing == declarations and "insurance" in standing
    assert "Decide on a suspension of Kindly Care Ltd: What was declared of the insurance is rejected" in await tasks(
        place.lead
    )
    # a day alone is no insurance, and takes the rejection away as little
    with pytest.raises(InvalidInput):
        await actions.declare(place.manager, ["insurance"], TODAY)
    await make_declaration(place.manager, "insurance", **{**told, "details": {"until": date(2027, 1, 31)}})
    for actor in (place.manager, place.lead):
        standing, declarations = await missed(actor)
        assert standing == declarations and "insurance" not in standing


async def test_three_years_inspections_are_declared_one_by_one_or_that_there_was_none(place):
    key = "inspection_reports"
    day = date(2025, 3, 1)
    for details, field in (
        ({}, "inspected_on_1"),
        ({"inspections": [{"inspected_on": day, "rating": "not_yet_inspected"}]}, "rating_1"),
        ({"inspections": [{"inspected_on": None, "rating": "good"}]}, "inspected_on_1"),
        ({"inspections": [{"inspected_on": TODAY + timedelta(days=1), "rating": "good"}]}, "inspected_on_1"),
        ({"inspections": [{"inspected_on": date(2023, 5, 10), "rating": "good"}]}, "inspected_on_1"),
        ({"inspections": [{"inspected_on": day, "rating": "good"}], "none_yet": True}, "none_yet"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await make_declaration(place.manager, key, declared_on=TODAY, details=details)
        assert list(refused.value.fields) == [field]
    report = await a_file(place.manager, "inspection_report")
    rows = [{"inspected_on": date(2023, 5, 11), "rating": "good"}, {"inspected_on": day, "rating": "outstanding"}]
    await make_declaration(
        place.manager, key, declared_on=TODAY, details={"inspections": rows, "outcome": "met"}, evidence_ids=[report]
    )
    seen = await piece(place.lead, place.provider_id, place.framework_id, key)
    assert seen.declared and seen.declared.said == ["1 March 2025: outstanding", "11 May 2023: good"]
    assert [file.kind for file in seen.declared.files] == ["inspection_report"]
    await make_declaration(place.manager, key, declared_on=TODAY, details={"none_yet": True})
    seen = await piece(place.lead, place.provider_id, place.framework_id, key)
    assert seen.declared and seen.declared.said == ["no inspection in that time"]


async def test_a_toolkit_says_how_far_it_is_met_and_what_is_missing(place, database):
    other = await people.council(database, "Cambervale Council")
    framework_id = await frameworks.open_framework(other, pack_id="cambridgeshire-peterborough-pdps", name="Other")
    lot = (await ask(other, pack_of, framework_id)).content.lots[0].key
    await frameworks.admitted(other, place.manager, framework_id, [lot])
    met = {"completed_on": TODAY, "outcome": "met"}
    for details, field in (
        ({**met, "completed_on": None}, "completed_on"),
        ({**met, "completed_on": TODAY + timedelta(days=1)}, "completed_on"),
        ({**met, "outcome": "nearly"}, "outcome"),
        ({**met, "outcome": "partly_met"}, "shortfall"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await make_declaration(place.manager, "safeguarding_toolkit", declared_on=TODAY, details=details)
        assert list(refused.value.fields) == [field]
    shortfall = "Safer recruitment: two references each, by 30 June"
    await make_declaration(
        place.manager, "safeguarding_toolkit", declared_on=TODAY,
        details={**met, "outcome": "partly_met", "shortfall": shortfall},
    )  # fmt: skip
    west = await people.person_in(other, "contract_manager")
    seen = await piece(west, place.provider_id, framework_id, "safeguarding_toolkit")
    assert seen.declared and seen.declared.said == [
        "completed on 11 May 2026", "partly met", f"not met yet: {shortfall}"
    ]  # fmt: skip


async def test_declared_again_after_its_time_and_what_cannot_be_declared(place, clock):
    await actions.declare(place.manager, ["making_it_real", "living_wage"], TODAY)
    clock.move(timedelta(days=190))
    due = await piece(place.manager, place.provider_id, place.framework_id, "making_it_real")
    assert due.state == "due_again" and due.missed and due.words == "Due again since 12 November 2026"
    assert (await piece(place.manager, place.provider_id, place.framework_id, "living_wage")).state == "waiting"
    with pytest.raises(NotFound):
        await make_declaration(place.manager, "no_such_thing", declared_on=TODAY)
    with pytest.raises(InvalidInput):
        await make_declaration(place.manager, "living_wage", declared_on=TODAY + timedelta(days=400))
    theirs = await a_file(place.rival)
    with pytest.raises(NotFound):
        await make_declaration(place.manager, "living_wage", declared_on=TODAY, evidence_ids=[theirs])


async def test_only_the_lead_finds_and_nobody_else_reads_what_is_declared(place):
    file = await a_file(place.manager)
    scan = await a_file(place.manager, "other")
    made = await make_declaration(place.manager, "safeguarding", declared_on=TODAY, evidence_ids=[file])
    with pytest.raises(NotPermitted):
        await assess(place.partner, made, place.framework_id, verdict="accepted")
    with pytest.raises(NotPermitted):
        await assess(place.manager, made, place.framework_id, verdict="accepted")
    with pytest.raises(NotFound):
        await assess(place.apart, made, place.framework_id, verdict="accepted")
    assert (await piece(place.partner, place.provider_id, place.framework_id, "safeguarding")).state == "waiting"
    with pytest.raises(NotFound):
        await ask(place.apart, declaration_queries.declared_to_us, place.provider_id)
    for actor in (place.apart, place.rival):
        async with unit_of_work(actor) as work:
            for table in ("declaration", "declaration_file", "declaration_assessment"):
                assert await work.fetchval(f"SELECT count(*) FROM {table}") == 0
        with pytest.raises(NotFound):
            await ask(actor, declaration_queries.weighed_file, file)
    assert (await ask(place.partner, declaration_queries.weighed_file, file))["id"] == file
    with pytest.raises(NotFound):
        await ask(place.lead, declaration_queries.weighed_file, scan)  # not declared with
    async with unit_of_work(place.lead) as work:
        assert await work.fetchval("SELECT count(*) FROM evidence") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(place.manager) as work:
            await work.execute("UPDATE declaration SET remark = 'other' WHERE id = $1", made)
