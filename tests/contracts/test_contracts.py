"""Contract management by its actions: meetings, visits nobody was told of, actions, information and what it costs."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from marketplace.billing.statements import statement
from marketplace.billing.verify import verify_books
from marketplace.contracts import (
    calendar_entries,  # noqa: F401 - registers itself
    charges,
    cqc,
    dates,
    findings,
    following,
    occasions,
    queries,
    requests,
)
from marketplace.contracts import story as contract_story  # noqa: F401 - registers itself
from marketplace.contracts.agenda import AgendaItem
from marketplace.contracts.sweeps import look_as_commissioner, look_at_contracts
from marketplace.obligations.calendars import feed_of, make_feed
from marketplace.obligations.queries import my_duties
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.platform.migrate import migrate, unmigrate
from marketplace.policy.pack import PackError
from marketplace.providers.coverage import LOOK_AT_COVER, look_as_lead
from marketplace.providers.queries import profile
from marketplace.providers.standing import standing
from marketplace.providers.story import story
from marketplace.web.filters import moment
from tests.conftest import NOON
from tests.contracts.conftest import HOUR, Place
from tests.obligations.conftest import as_worker, run_jobs
from tests.world import frameworks, people

TODAY = date(2026, 5, 11)


async def titles(actor) -> list[str]:
    return [row["title"] for row in await ask(actor, my_duties)]


async def told(actor, place: Place) -> list[str]:
    """What the provider's story tells of its contract."""

    async def said(work):
        return [each.says for each in await story(work, place.provider_id, kind="contract")]

    return await ask(actor, said)


async def look_around(place: Place) -> None:
    """What the sweep does for each commissioner."""
    for actor in (place.lead, place.partner, place.apart):
        assert actor.organisation_id is not None
        await look_as_commissioner(actor.organisation_id)


async def states(actor, rule: str) -> list[tuple[bool, ...]]:
    """(met, missed, cancelled) of the duties of a rule, the first first."""

    async def found(work):
        rows = await work.fetch("SELECT * FROM obligation WHERE rule_key = $1 ORDER BY starts_at, due_at", rule)
        return [tuple(row[name] is not None for name in ("met_at", "missed_at", "cancelled_at")) for row in rows]

    return await ask(actor, found)


async def met(place: Place, clock, *, there: bool = True):
    """A meeting planned for tomorrow and held."""
    made = await occasions.plan(
        place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=1), place="Town hall, room 4"
    )
    clock.move(timedelta(days=1, hours=2))
    await occasions.share(place.lead, made, attended_by="Cora, Ada", provider_there=there, minutes="All talked over.")
    return made


async def test_a_meeting_comes_near_is_planned_held_and_agreed(place, clock):
    await look_around(place)
    assert await titles(place.lead) == []
    clock.move(timedelta(days=160))  # due on 11 November, asked for 28 days before
    for _ in range(2):
        await look_around(place)
    assert sorted(await titles(place.lead)) == [
        "Hold the contract meeting with Kindly Care Ltd", "Hold the contract meeting with Rival Care Ltd",
    ]  # fmt: skip
    assert await titles(place.partner) == []
    wrong = {"kind": "dance", "starts_at": clock.at - timedelta(days=1), "place": " ", "announced": False}
    with pytest.raises(InvalidInput) as error:
        await occasions.plan(place.lead, *place.here, **wrong)
    assert set(error.value.fields) == {"kind", "announced", "starts_on", "place"}
    for stranger in (place.apart, place.manager, place.rival):
        with pytest.raises((NotFound, NotPermitted)):
            await occasions.plan(stranger, *place.here, kind="meeting", starts_at=clock.at, place="Here")
    made = await occasions.plan(
        place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=1), place="Town hall"
    )
    found = await ask(place.manager, queries.occasion, made)
    keys = [item.key for item in found.agenda]
    assert keys[:3] == ["standing", "actions", "duties"] and keys[-4:] == ["pack"] * 4
    assert found.agenda[0].text == "Active. Neither suspended nor restricted so far."
    for stranger in (place.rival, place.partner, place.apart):
        with pytest.raises(NotFound):
            await ask(stranger, queries.occasion, made)
    assert "Attend the contract monitoring meeting" in await titles(place.manager)
    await occasions.edit_agenda(place.lead, made, [AgendaItem(title="The rota"), AgendaItem(title=" ", text="gone")])
    await occasions.make_agenda_again(place.lead, made)
    assert [item.title for item in (await ask(place.manager, queries.occasion, made)).agenda][-1] == "The rota"
    with pytest.raises(Conflict, match="cannot have been held"):
        await occasions.share(place.lead, made, attended_by="A", provider_there=True, minutes="M")
    later = clock.at + timedelta(days=2)
    await occasions.move(place.lead, made, later, "Town hall, room 2", "A strike")
    [owed] = [row for row in await ask(place.manager, my_duties) if row["title"].startswith("Attend the contract")]
    assert owed["reference"].endswith(moment(later))  # the same duty, at the time it has now
    feed = await feed_of(await make_feed(place.manager, "own"), "marketplace")
    [entry] = [each for each in feed.entries if each.uid == f"contract-{made}"]
    assert (entry.starts_at, entry.text, entry.title) == (
        later,
        "Town hall, room 2",
        "Contract meeting: Northgate Council",
    )
    clock.move(timedelta(days=30))  # the minutes are written late, past the day it was due: it was held in time
    with pytest.raises(InvalidInput) as error:
        await occasions.share(place.lead, made, attended_by="", provider_there=True, minutes=" ")
    assert set(error.value.fields) == {"attended_by", "minutes"}
    with pytest.raises(Conflict, match="nothing to answer yet"):
        await occasions.answer_minutes(place.manager, made, agrees=True)
    await occasions.share(place.lead, made, attended_by="Cora, Ada", provider_there=True, minutes="The rota holds.")
    assert await states(place.lead, "contract_meeting") == [(True, False, False)]
    assert [*(await states(place.lead, "task.hold_contract_meeting"))].count((True, False, False)) == 1
    with pytest.raises(Conflict, match="stays as both ends have read it"):
        await occasions.edit_agenda(place.lead, made, [])
    assert "Agree the minutes of the contract meeting, or comment" in await titles(place.manager)
    with pytest.raises(NotPermitted):
        await occasions.answer_minutes(place.coordinator, made, agrees=True)
    with pytest.raises(InvalidInput):
        await occasions.answer_minutes(place.manager, made, agrees=False, says=" ")
    await occasions.answer_minutes(place.manager, made, agrees=False, says="Two of three visits.")
    await occasions.answer_minutes(place.manager, made, agrees=True)
    with pytest.raises(Conflict, match="agreed already"):
        await occasions.answer_minutes(place.manager, made, agrees=True)
    found = await ask(place.lead, queries.occasion, made)
    assert found.agreed is not None and [step.says for step in found.comments] == ["Two of three visits."]
    [line] = [each for each in await ask(place.lead, queries.contracts) if each.provider_id == place.provider_id]
    assert line.next_meeting == date(2027, 4, 20) and line.last_meeting == date(2026, 10, 20)
    with pytest.raises(InvalidInput) as error:
        await dates.set_next(place.lead, *place.here, kind="meeting", due_on=TODAY, reason="")
    assert set(error.value.fields) == {"due_on", "reason"}
    soon = (clock.at + timedelta(days=20)).date()
    for _ in range(2):
        await dates.set_next(place.lead, *place.here, kind="meeting", due_on=soon, reason="Serious concerns")
        clock.move(timedelta(minutes=1))
    assert (await titles(place.lead)).count("Hold the contract meeting with Kindly Care Ltd") == 1
    [own] = await ask(place.manager, queries.contracts)
    assert own.next_meeting == soon


async def test_a_meeting_the_provider_missed_stays_missed_and_one_called_off_is_owed_no_more(place, clock):
    made = await met(place, clock, there=False)
    clock.move(timedelta(days=190))
    assert await states(place.lead, "contract_meeting") == [(False, True, True)]
    off = await occasions.plan(
        place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=1), place="Town hall"
    )
    with pytest.raises(InvalidInput):
        await occasions.call_off(place.lead, off, " ")
    await occasions.call_off(place.lead, off, "Snow")
    assert await states(place.lead, "contract_meeting") == [(False, True, True), (False, False, True)]
    with pytest.raises(Conflict, match="called off"):
        await occasions.move(place.lead, off, clock.at, "Here", "Why not")
    said = await told(place.manager, place)
    assert said[0] == "Contract meeting: called off." and "Contract meeting: planned." in said
    assert (await ask(place.manager, queries.occasion, made)).provider_there is False


async def test_each_of_two_meetings_planned_for_one_day_is_attended_by_itself(place, clock):
    async def planned(hours: int):
        return await occasions.plan(
            place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=200, hours=hours), place="Hall"
        )

    async def standing(work):
        rows = await work.fetch(
            "SELECT subject_id, due_at FROM obligation WHERE rule_key = 'contract_meeting' AND met_at IS NULL"
            " AND cancelled_at IS NULL"
        )
        return {row["subject_id"]: row["due_at"] for row in rows}

    first, second, third = [await planned(hours) for hours in (0, 2, 4)]
    owed = await ask(place.manager, standing)
    assert set(owed) == {first, second, third} and len(set(owed.values())) == 1
    assert sum(each == "Attend the contract monitoring meeting" for each in await titles(place.manager)) == 3
    clock.move(timedelta(minutes=1))
    await occasions.call_off(place.lead, first, "Snow")
    assert set(await ask(place.manager, standing)) == {second, third}
    later = clock.at + timedelta(days=230)
    await occasions.move(place.lead, second, later, "Hall", "Snow still")
    moved = await ask(place.manager, standing)
    assert moved[third] == owed[third] and moved[second] > owed[second]
    clock.move(timedelta(days=201))
    await occasions.share(place.lead, third, attended_by="Cora", provider_there=False, minutes="Waited in vain.")
    assert set(await ask(place.manager, standing)) == {second}
    clock.move_to(later)
    await occasions.share(place.lead, second, attended_by="Cora, Ada", provider_there=True, minutes="All said.")
    assert await ask(place.manager, standing) == {}
    missed = [each for each in await states(place.lead, "contract_meeting") if each[1]]
    assert missed == [(False, True, True)], "what was missed stays so, though the next was attended"


async def test_one_councils_fault_stops_neither_the_others_nor_its_own_charges(place, clock, database, migrator):
    made = await requests.ask_information(place.lead, *place.here, title="Rota", asks="Which?", format="Words")
    clock.move(timedelta(days=9))
    await charges.charge(place.lead, made, minutes=30, reason="Asked families instead")
    for council in (place.admin, await people.person_in(place.apart, "commissioner_admin")):
        another = await frameworks.open_framework(council, name=f"Another of {council.organisation_name}")
        await frameworks.admitted(council, place.rival, another, ["A"])
        if council is place.admin:  # its terms cannot be read any more
            await migrator.execute(
                "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ('broken', 'x', 'x', '{}'::jsonb)"
            )
            await migrator.execute("UPDATE framework SET pack_hash = 'broken' WHERE id = $1", another)
    clock.move(timedelta(days=160))
    async with as_worker(database, clock):
        with pytest.raises(PackError):
            await look_at_contracts(database)
    assert "Hold the contract meeting with Rival Care Ltd" in await titles(place.apart)
    assert (await ask(place.lead, queries.request, made)).charge_state == "stands"


async def test_an_unannounced_visit_stays_unseen_until_its_findings_are_shared(place, clock):
    made = await occasions.plan(
        place.lead, *place.here, kind="inspection", starts_at=clock.at + timedelta(hours=2), place="Its office",
        announced=False,
    )  # fmt: skip
    with pytest.raises(Conflict, match="Only a meeting"):
        await occasions.make_agenda_again(place.lead, made)
    with pytest.raises(Conflict, match="Only a meeting"):
        await occasions.edit_agenda(place.lead, made, [AgendaItem(title="The rota")])
    clock.move(timedelta(hours=3))

    async def hidden(actor) -> bool:
        async def count(work):
            tables = ("contract_occasion", "contract_finding", "contract_step", "contract_action")
            rows = [await work.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
            told = await work.fetchval("SELECT count(*) FROM notice WHERE link LIKE '/contract-%'")
            owed = await work.fetchval("SELECT count(*) FROM obligation WHERE link LIKE '/contract-%'")
            trail = await work.fetchval("SELECT count(*) FROM audit_entry WHERE subject_type = 'contract_occasion'")
            return [*rows, told, owed, trail]

        return not any(await ask(actor, count))

    with pytest.raises(InvalidInput) as error:
        await findings.add_finding(place.lead, made, area="The moon", grade="good", says="")
    assert set(error.value.fields) == {"area", "grade", "says"}
    with pytest.raises(Conflict, match="at least one finding"):
        await occasions.share(place.lead, made, attended_by="Cora", provider_there=True, minutes="Looked.")
    finding = await findings.add_finding(
        place.lead, made, area="Safeguarding", grade="partly_met", says="Two of ten files lack a plan."
    )
    for reader in (place.manager, place.coordinator, place.rival, place.partner, place.apart):
        assert await hidden(reader), reader
    with pytest.raises(NotFound):
        await ask(place.manager, queries.occasion, made)
    with pytest.raises(NotFound):
        await findings.answer_finding(place.manager, finding, "Early")
    feed = await feed_of(await make_feed(place.manager, "own"), "marketplace")
    assert not [each for each in feed.entries if each.uid.startswith("contract")]
    assert await told(place.manager, place) == []
    with pytest.raises(Conflict, match="first"):
        await following.ask_action(place.lead, made, title="Mend", due_on=TODAY)
    await occasions.share(place.lead, made, attended_by="Cora", provider_there=True, minutes="Sound on the whole.")
    found = await ask(place.manager, queries.occasion, made)
    assert [each.says for each in found.findings] == ["Two of ten files lack a plan."]
    for stranger in (place.rival, place.partner, place.apart):
        assert await hidden(stranger)
        with pytest.raises(NotFound):
            await ask(stranger, queries.occasion, made)
    with pytest.raises(NotFound):
        await findings.answer_finding(place.rival, finding, "Not mine")
    assert "Answer what the inspection found" in await titles(place.manager)
    await findings.answer_finding(place.manager, finding, "Both are written since.")
    assert "Answer what the inspection found" not in await titles(place.manager)
    with pytest.raises(Conflict):
        await findings.add_finding(place.lead, made, area="Safeguarding", grade="met", says="More")


async def test_actions_are_carried_until_done(place, clock):
    made = await met(place, clock)
    day = clock.at.date()
    with pytest.raises(InvalidInput) as error:
        await following.ask_action(place.lead, made, title="", due_on=TODAY - timedelta(days=9), owner_name="x" * 200)
    assert set(error.value.fields) == {"title", "due_on", "owner_name"}
    action = await following.ask_action(
        place.lead, made, title="A stand-in for each visit", due_on=day + timedelta(days=3), owner_name="Robin"
    )
    ours = await following.ask_action(
        place.lead, made, title="Send the form", due_on=day + timedelta(days=5), for_provider=False
    )
    assert "Contract action: A stand-in for each visit" in await titles(place.manager)
    assert "Contract action: Send the form" in await titles(place.lead)
    assert "Contract action: Send the form" not in await titles(place.manager)
    for actor, one in ((place.rival, action), (place.apart, action)):
        with pytest.raises((NotFound, NotPermitted)):
            await following.say_done(actor, one, "Done")
    with pytest.raises(Conflict, match="commissioner does"):
        await following.say_done(place.manager, ours, "Done")
    with pytest.raises(WrongState):
        await following.accept(place.lead, action)
    clock.move(timedelta(days=5))
    [late] = await ask(place.lead, lambda work: following.actions_of(work, action_id=action))
    assert late.state == "late"
    await following.move(place.lead, action, late.due_on + timedelta(days=10), "Half term")
    await following.say_done(place.manager, action, "In use since Monday")
    with pytest.raises(WrongState):
        await following.say_done(place.manager, action, "Again")
    await following.send_back(place.lead, action, "Evenings are missing")
    following_meeting = await occasions.plan(
        place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=1), place="Town hall"
    )
    found = await ask(place.manager, queries.occasion, following_meeting)
    assert "A stand-in for each visit" in next(item.text for item in found.agenda if item.key == "actions")
    assert len(await ask(place.manager, queries.carried_actions, found)) == 2
    await following.say_done(place.manager, action, "Evenings too")
    await following.accept(place.lead, action)
    with pytest.raises(InvalidInput):
        await following.accept(place.lead, ours, "")
    await following.withdraw(place.lead, ours, "Not needed")
    assert await ask(place.manager, queries.carried_actions, found) == []
    assert not [title for title in await titles(place.manager) if title.startswith("Contract action")]


async def test_information_is_asked_given_returned_and_charged_and_the_charge_is_borne(place, clock):
    with pytest.raises(InvalidInput) as error:
        await requests.ask_information(place.lead, *place.here, title="", asks="", format="", due_on=date(2020, 1, 1))
    assert set(error.value.fields) == {"title", "asks", "format", "due_on"}
    made = await requests.ask_information(
        place.lead, *place.here, title="Training of spring", asks="Who was trained?", format="A table, one line each"
    )
    assert (await ask(place.manager, queries.request, made)).due_on == TODAY + timedelta(days=7)
    for stranger in (place.rival, place.partner, place.apart):
        with pytest.raises(NotFound):
            await ask(stranger, queries.request, made)
    with pytest.raises(Conflict, match="neither"):
        await charges.charge(place.lead, made, minutes=60, reason="Asked twice")
    with pytest.raises(NotFound):
        await requests.give(place.rival, made, "Ours")
    await requests.give(place.manager, made, "Most of them")
    with pytest.raises(WrongState):
        await requests.give(place.manager, made, "Twice")
    with pytest.raises(InvalidInput):
        await requests.send_back(place.lead, made, "", TODAY)
    clock.move(timedelta(hours=1))
    await requests.send_back(place.lead, made, "No names of courses", TODAY + timedelta(days=3))
    clock.move(timedelta(days=5))
    await requests.give(place.manager, made, "Table sent")
    assert await states(place.manager, "information_request") == [(True, False, False), (True, True, False)]
    await requests.accept(place.lead, made)
    with pytest.raises(InvalidInput) as error:
        await charges.charge(place.lead, made, minutes=0, reason="")
    assert set(error.value.fields) == {"minutes", "reason"}
    await charges.charge(place.lead, made, minutes=90, reason="Asking each worker")
    with pytest.raises(Conflict, match="already"):
        await charges.charge(place.lead, made, minutes=90, reason="Twice")
    pence = (HOUR * 90 + 30) // 60
    with pytest.raises(NotFound):
        await charges.object_to(place.rival, made, "Not ours")
    await charges.object_to(place.manager, made, "The form was wrong")
    with pytest.raises(Conflict):
        await charges.object_to(place.manager, made, "Again")
    with pytest.raises(Conflict, match="somebody else"):
        await charges.decide(place.lead, made, stands=True, says="It was not")
    clock.move(timedelta(days=40))
    await look_around(place)
    assert (await ask(place.manager, queries.request, made)).charge_state == "objected"
    await charges.decide(place.other, made, stands=True, says="The form was as agreed")
    with pytest.raises(Conflict):
        await charges.decide(place.other, made, stands=False, says="Twice")
    second = await requests.ask_information(place.lead, *place.here, title="Rota", asks="Which?", format="Words")
    clock.move(timedelta(days=9))  # never given
    await charges.charge(place.lead, second, minutes=30, reason="Asked families instead")
    await look_around(place)
    assert (await ask(place.manager, queries.request, second)).charge_state == "waiting"
    clock.move(timedelta(days=30))
    for _ in range(2):
        await look_around(place)
    with pytest.raises(Conflict, match="decided"):
        await charges.object_to(place.manager, second, "Late")
    third = await requests.ask_information(place.lead, *place.here, title="Rota", asks="Which?", format="Words")
    clock.move(timedelta(days=9))
    await charges.charge(place.lead, third, minutes=30, reason="Asked again")
    await charges.object_to(place.manager, third, "It was sent by post")
    await charges.decide(place.admin, third, stands=False, says="So it was")
    owed = pence + (HOUR * 30 + 30) // 60

    async def books(work):
        return await statement(work, place.framework_id, place.lead.organisation_id, place.provider_id)

    assert (await ask(place.manager, books)).closing["owed_by_provider"] == owed
    async with unit_of_work(system_for(place.lead.organisation_id, "commissioner")) as work:
        assert (await verify_books(work)).differences == []
    await requests.withdraw(place.lead, second, "Known by now")


async def test_more_time_for_what_is_late_does_not_make_it_come_in_time(place, clock):
    late, in_time = [
        await requests.ask_information(place.lead, *place.here, title=title, asks="Which?", format="Words")
        for title in ("Rota", "Training")
    ]
    await requests.move(place.lead, in_time, TODAY + timedelta(days=20), "Asked for")
    clock.move(timedelta(days=10))
    await requests.move(place.lead, late, TODAY + timedelta(days=20), "Half term")
    for one in (late, in_time):
        await requests.give(place.manager, one, "Here")
    assert (await ask(place.lead, queries.request, late)).chargeable
    await charges.charge(place.lead, late, minutes=30, reason="Asked families instead")
    with pytest.raises(Conflict, match="neither"):
        await charges.charge(place.lead, in_time, minutes=30, reason="Asked families instead")


async def test_a_charge_needs_a_contract_that_charges(place, clock):
    assert clock.at == NOON
    made = await requests.ask_information(
        place.lead, *place.here, title="Rota", asks="Which?", format="Words", due_on=TODAY
    )
    await requests.move(place.lead, made, TODAY + timedelta(days=2), "Illness")
    with pytest.raises(InvalidInput):
        await requests.move(place.lead, made, TODAY, "Sooner")
    with pytest.raises(NotPermitted):
        await charges.charge(place.manager, made, minutes=60, reason="x")


async def test_what_the_commission_changed_is_told_at_once_and_late_where_it_is(place, clock):
    with pytest.raises(InvalidInput) as error:
        await cqc.report(place.manager, kind="x", says="", learnt_at=clock.at + timedelta(hours=1))
    assert set(error.value.fields) == {"kind", "says", "learnt_on"}
    with pytest.raises(NotPermitted):
        await cqc.report(place.coordinator, kind="rating", says="Good", learnt_at=clock.at)
    await cqc.report(place.manager, kind="rating", says="Good in all", learnt_at=clock.at - timedelta(hours=23))
    clock.move(timedelta(minutes=1))
    await cqc.report(place.manager, kind="non_compliance", says="Records", learnt_at=clock.at - timedelta(hours=25))
    for reader in (place.manager, place.lead):
        assert [(each.kind, each.late) for each in await ask(reader, queries.changes)] == [
            ("non_compliance", True), ("rating", False),
        ]  # fmt: skip
    assert len(await ask(place.partner, queries.changes)) == 2
    for stranger in (place.apart, place.rival):
        assert await ask(stranger, queries.changes) == []
    assert await states(place.manager, "cqc_report") == [(True, True, False), (True, False, False)]

    async def news(work):
        return await work.fetchval("SELECT count(*) FROM notice WHERE sentence LIKE '%Care Quality Commission%'")

    assert [await ask(each, news) for each in (place.lead, place.partner, place.apart)] == [2, 2, 0]
    said = await told(place.lead, place)
    assert said[0] == "Reported late of the Care Quality Commission: it found us non-compliant."


async def test_a_registration_reported_as_ended_has_ended_for_everyone(database, place, clock, migrator):
    lead = place.lead.organisation_id
    assert lead is not None
    await look_as_lead(lead)
    assert (await ask(place.lead, standing, place.framework_id, place.provider_id, "C")).good
    for _ in range(2):  # reported twice, ended once
        await cqc.report(place.manager, kind="registration", says="Cancelled", learnt_at=clock.at - timedelta(hours=1))
    found = await ask(place.lead, standing, place.framework_id, place.provider_id, "C")
    assert found.codes == ("cqc_not_registered",)
    assert (await ask(place.manager, profile, place.provider_id))["cqc_registered"] is False
    async with as_worker(database, clock):
        assert await run_jobs(database, migrator, LOOK_AT_COVER) >= 1
    assert "suspended_lot" in (await ask(place.lead, standing, place.framework_id, place.provider_id, "C")).codes
    assert (await ask(place.lead, standing, place.framework_id, place.rival.provider_id, "C")).good
    rows = await migrator.fetch("SELECT details FROM audit_entry WHERE details->'changed' = '[\"cqc_registered\"]'")
    assert len(rows) == 1


async def test_a_duty_to_attend_of_before_becomes_that_of_the_meeting_planned_last(place, clock, database, migrator):
    first, last = [
        await occasions.plan(
            place.lead, *place.here, kind="meeting", starts_at=clock.at + timedelta(days=days), place="Hall"
        )
        for days in (1, 9)
    ]
    await unmigrate(database, down_to="m0055_who_decides_stops")
    await migrator.execute("DELETE FROM obligation WHERE subject_id = $1", first)
    await migrator.execute(
        "UPDATE obligation SET subject_type = 'contract', subject_id = $2 WHERE subject_id = $1", last, uuid4()
    )
    await migrate(database)
    rows = await migrator.fetch("SELECT * FROM obligation WHERE rule_key = 'contract_meeting'")
    assert [(row["subject_type"], row["subject_id"], row["link"]) for row in rows] == [
        ("contract_occasion", last, occasions.link(last))
    ]
