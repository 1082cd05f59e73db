"""Stopping a duty's clock: asked for, accepted or declined, ended early; what whatever reads a duty then reads."""

from __future__ import annotations

import asyncio
import html
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.obligations import calendars, duty_queries, queries, stop_queries, sweeps
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.stopping import ask_to_stop, decide_stop, end_stop, take_back
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.settings import Settings
from tests.obligations.conftest import World, as_worker
from tests.obligations.test_duties import owe_answer
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import Door, at

DAY = timedelta(days=1)
CANNOT = "family_cannot_yet"


@pytest.fixture
async def decider(world: World, referrer: Actor) -> Actor:
    assert referrer.organisation_id is not None
    return await world.member(referrer.organisation_id, "commissioner", "contract_manager", "Dee Cider")


async def owe_plan(world: World, by: Actor, to: Actor, subject: UUID | None = None) -> UUID:
    async with unit_of_work(to) as work:
        duty = await owe(
            work, world.pack, "plan_signed", subject_type="package", subject_id=subject or uuid4(), reference="P-7KQ2",
            owed_by=Owed(by.organisation_id), owed_to=to.organisation_id, commissioner_id=to.organisation_id, link="/x",
        )  # fmt: skip
    assert duty is not None
    return duty


async def stands(actor: Actor, duty: UUID) -> tuple[str, datetime]:
    row = (await ask(actor, duty_queries.duty, duty)).row
    return row["state"], row["due_at"]


async def sweep(database, clock) -> int:
    async with as_worker(database, clock):
        return await sweeps.look_at_duties()


async def asks(actor: Actor, duty: UUID, clock, days: int | None = 2, ground: str = CANNOT) -> UUID:
    until = None if days is None else clock.at + days * DAY
    return await ask_to_stop(actor, duty, ground=ground, reason="In hospital", from_at=clock.at, until_at=until)


async def test_accepted_the_clock_stands_everywhere_and_then_runs_on(
    database, migrator, world, referrer, manager, decider, clock
):
    duty = await owe_plan(world, manager, referrer)
    first = end_of_day(local_day(clock.at) + 5 * DAY)
    assert await stands(manager, duty) == ("open", first)
    clock.move(4 * DAY)
    await sweep(database, clock)  # the reminder before
    stop = await asks(manager, duty, clock, None)
    assert await stands(manager, duty) == ("open", first), "asking stops nothing"
    assert "asks that the clock of a duty stands" in (await ask(decider, queries.my_news))[0]["sentence"]
    [task] = [each for each in await ask(decider, queries.my_duties) if each["rule_key"] == "task.decide_clock_stop"]
    assert task["link"] == f"/clock-stops/{stop}"
    await decide_stop(decider, stop, True, "Agreed until she is home.")
    moved = first + 28 * DAY
    assert await stands(manager, duty) == ("stopped", moved)
    assert await ask(decider, queries.my_duties) == []
    with pytest.raises(Conflict):
        await decide_stop(decider, stop, False, "Again")
    clock.move(27 * DAY)  # long after the first due moment: nothing is late, nobody is reminded
    assert await sweep(database, clock) == 0
    assert await ask(referrer, queries.late_duties) == []
    [mine] = await ask(manager, queries.my_duties)
    assert mine["due_at"] == moved
    [entry] = (await ask(manager, calendars._own)).entries
    assert entry.starts_at == moved
    # ended early: due that much earlier, and either side may
    await end_stop(decider, stop)
    state, due = await stands(manager, duty)
    assert (state, due) == ("open", first + 27 * DAY)
    assert "its clock runs again" in (await ask(manager, queries.my_news))[0]["sentence"]
    with pytest.raises(Conflict):
        await end_stop(manager, stop)
    clock.move(2 * DAY)
    assert await sweep(database, clock) >= 1
    assert (await stands(referrer, duty))[0] == "late"
    async with unit_of_work(manager) as work:
        await meet(work, "plan_signed", (await duty_queries.duty(work, duty)).row["subject_id"])
    assert (await stands(referrer, duty))[0] == "met_late"
    told = [event.title for event in (await ask(manager, duty_queries.duty, duty)).history]
    assert told[0] == "Done late" and told[-1] == "Owed" and "Accepted that its clock stands" in told
    trail = await migrator.fetch("SELECT action, details FROM audit_entry WHERE subject_id = $1", duty)
    assert {row["action"] for row in trail} == {"duty.stop_asked", "duty.stop_accepted", "duty.stop_ended"}
    assert not any("hospital" in str(row["details"]) for row in trail)


async def test_two_stops_one_after_the_other_are_both_shown_and_reminded_of_between(
    database, world, referrer, manager, decider, clock
):
    duty = await owe_plan(world, manager, referrer)
    start = clock.at
    for first, last in ((0, 1), (3, 4)):
        stop = await ask_to_stop(
            manager, duty, ground=CANNOT, reason="Away", from_at=start + first * DAY, until_at=start + last * DAY
        )
        await decide_stop(decider, stop, True, "Yes.")
    due = end_of_day(local_day(start) + 7 * DAY)
    seen = []
    for _ in range(14):  # twice a day, as the sweep finds it
        await sweep(database, clock)
        seen.append((await stands(manager, duty))[0])
        clock.move(DAY / 2)
    assert seen == ["stopped"] * 2 + ["open"] * 4 + ["stopped"] * 2 + ["open"] * 6
    row = (await ask(manager, duty_queries.duty, duty)).row
    assert row["due_at"] == due and row["reminded_at"] is not None
    clock.move(DAY)
    await sweep(database, clock)
    assert (await stands(manager, duty))[0] == "late"


async def test_no_statement_lets_whoever_asks_decide(world, referrer, manager, decider, clock):
    stop = await asks(manager, await owe_plan(world, manager, referrer), clock)
    decided = (
        "UPDATE duty_stop SET accepted = true, decided_at = $1, decided_by = $2, decided_by_name = 'Me',"
        " decision = 'Yes', stands_until = until_at WHERE id = $3"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="the other decides"):
        async with unit_of_work(manager) as work:
            await work.execute(decided, work.now, manager.person_id, stop)
    with pytest.raises(asyncpg.CheckViolationError, match="the other decides"):
        async with unit_of_work(decider) as work:
            await work.execute("UPDATE duty_stop SET closed_at = $1 WHERE id = $2", work.now, stop)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):  # nor is an ask made for the other side
        async with unit_of_work(decider) as work:
            await work.execute("UPDATE duty_stop SET accepted = false, decided_at = $1, decided_by = $2,"
                               " decided_by_name = 'Dee', decision = 'No' WHERE id = $3",
                               work.now, decider.person_id, stop)  # fmt: skip
            await work.execute(
                "INSERT INTO duty_stop (duty_id, asked_by_organisation, decided_by_organisation, ground, reason,"
                " from_at, asked_at, asked_by, asked_by_name) SELECT duty_id, asked_by_organisation,"
                " decided_by_organisation, ground, reason, from_at, asked_at, asked_by, asked_by_name FROM duty_stop"
            )


async def test_asked_in_time_and_accepted_too_late_it_was_never_late_asked_too_late_it_stays(
    database, world, referrer, manager, decider, clock
):
    open_still, done, left = [await owe_plan(world, manager, referrer) for _ in range(3)]
    clock.move(5 * DAY + timedelta(hours=11))
    stops = [await asks(manager, duty, clock, 3) for duty in (open_still, done)]
    clock.move(DAY)
    await sweep(database, clock)
    async with unit_of_work(manager) as work:
        await meet(work, "plan_signed", (await duty_queries.duty(work, done)).row["subject_id"])
    assert [(await stands(manager, duty))[0] for duty in (open_still, done)] == ["late", "met_late"]
    with pytest.raises(Conflict, match="What is late stays late"):
        await asks(manager, left, clock)
    for stop in stops:
        await decide_stop(decider, stop, True, "You asked in time.")
    assert [(await stands(manager, duty))[0] for duty in (open_still, done)] == ["stopped", "met"]
    assert (await stands(manager, left))[0] == "late"
    view = await ask(manager, duty_queries.duty, done)
    assert view.stops[0].stands_until == view.row["met_at"]  # it did not stand beyond the duty
    clock.move(30 * DAY)
    await sweep(database, clock)
    assert (await stands(manager, open_still))[0] == "late"


async def test_declined_taken_back_or_overtaken_nothing_moves(world, referrer, manager, decider, clock):
    duty, other = await owe_plan(world, manager, referrer), await owe_plan(world, manager, referrer)
    before = await stands(manager, duty)
    await decide_stop(decider, await asks(manager, duty, clock), False, "They were there on Monday.")
    second = await asks(manager, duty, clock)
    with pytest.raises(Conflict, match="already"):
        await asks(manager, duty, clock)
    await take_back(manager, second)
    with pytest.raises(Conflict):
        await decide_stop(decider, second, True, "Too late")
    third, fourth = await asks(manager, duty, clock), await asks(manager, other, clock)
    assert len(await ask(decider, queries.my_duties)) == 2
    async with unit_of_work(manager) as work:
        await meet(work, "plan_signed", (await duty_queries.duty(work, duty)).row["subject_id"])
    async with unit_of_work(referrer) as work:
        await cancel(work, (await duty_queries.duty(work, other)).row["subject_id"])
    assert await ask(decider, queries.my_duties) == []
    said = sorted(stop.state for stop in await ask(manager, stop_queries.stops))
    assert said == ["closed", "closed", "closed", "declined"]
    assert {third, fourth, second} < {stop.id for stop in await ask(decider, stop_queries.stops)}
    assert (await stands(manager, duty)) == ("met", before[1])
    with pytest.raises(Conflict, match="over"):
        await asks(manager, duty, clock)


async def test_what_may_not_be_asked_and_by_whom(world, referrer, manager, rival, decider, clock):
    duty = await owe_plan(world, manager, referrer)
    stranger = await world.member(
        await world.organisation("commissioner", "South"), "commissioner", "contract_manager", "S"
    )
    answer = await owe_answer(world, manager, referrer)
    assert answer is not None
    with pytest.raises(Conflict, match="never let"):
        await asks(manager, answer, clock)
    for wrong, field in (
        ({"ground": "no"}, "ground"), ({"reason": "  "}, "reason"), ({"reason": "x" * 2001}, "reason"),
        ({"from_at": clock.at - DAY}, "from_at"), ({"from_at": clock.at + 9 * DAY}, "from_at"),
        ({"until_at": clock.at}, "until_at"), ({"until_at": clock.at + 29 * DAY}, "until_at"),
        ({"from_at": clock.at.replace(tzinfo=None)}, "from_at"),
    ):  # fmt: skip
        given = {"ground": CANNOT, "reason": "why", "from_at": clock.at, "until_at": None, **wrong}
        with pytest.raises(InvalidInput) as error:
            await ask_to_stop(manager, duty, **given)
        assert list(error.value.fields) == [field], wrong
    for actor in (rival, stranger):
        with pytest.raises(NotFound):
            await asks(actor, duty, clock)
    with pytest.raises(NotPermitted):
        await asks(decider, duty, clock)
    stop = await asks(manager, duty, clock, 20)
    for actor in (rival, stranger):
        with pytest.raises(NotFound):
            await decide_stop(actor, stop, True, "yes")
        assert await ask(actor, stop_queries.stops) == []
    for actor in (manager, referrer):
        with pytest.raises(NotPermitted):
            await decide_stop(actor, stop, True, "yes")
    with pytest.raises(NotPermitted):
        await take_back(decider, stop)
    with pytest.raises(InvalidInput):
        await decide_stop(decider, stop, True, " ")
    await decide_stop(decider, stop, True, "yes")
    with pytest.raises(NotPermitted):
        await end_stop(referrer, stop)
    # of 28 days 20 are used, and a clock that stands is not stopped once more
    with pytest.raises(InvalidInput) as error:
        await asks(manager, duty, clock, 1)
    assert "stands at that moment already" in error.value.fields["from_at"]
    clock.move(21 * DAY)
    with pytest.raises(InvalidInput) as error:
        await asks(manager, duty, clock, 9)
    assert "28 days in all" in error.value.fields["until_at"]
    await decide_stop(decider, await asks(manager, duty, clock, 8), True, "the rest")


async def test_the_sweep_and_the_decision_at_once_never_leave_a_standing_clock_late(
    database, world, referrer, manager, decider, clock
):
    duties = [await owe_plan(world, manager, referrer) for _ in range(6)]
    stops = [await asks(manager, duty, clock, 9) for duty in duties]
    clock.move(6 * DAY)
    async with as_worker(database, clock):
        await asyncio.gather(
            sweeps.look_at_duties(), *(decide_stop(decider, stop, True, "yes") for stop in stops),
            sweeps.look_at_duties(),
        )  # fmt: skip
        await sweeps.look_at_duties()
    for duty in duties:
        row = (await ask(manager, duty_queries.duty, duty)).row
        assert (row["state"], row["missed_at"]) == ("stopped", None) and row["next_check_at"] > clock.at


async def test_pages_and_api_of_both_sides(database, world, referrer, manager, rival, decider, clock):
    duty = await owe_plan(world, manager, referrer)
    app, console = create_marketplace(database, clock), create_console(database, clock)
    typed = {
        "ground": CANNOT, "reason": "She is in hospital", "from_day-day": "11", "from_day-month": "5",
        "from_day-year": "2026", "from_time": "12:00", "until_day-day": "14", "until_day-month": "5",
        "until_day-year": "2026", "until_time": "",
    }  # fmt: skip
    async with at(app, database, manager) as door:
        assert "Ask to stop the clock" in (await door.get(f"/duties/{duty}")).text
        path = f"/duties/{duty}/stop"
        again = await door.post(path, {**typed, "ground": "", "until_day-day": "40"})
        assert again.status_code == 400 and "Select why the clock should stand" in again.text
        assert "She is in hospital" in again.text and "must be a real date" in again.text
        far = html.unescape((await door.post(path, {**typed, "until_day-month": "7"})).text)
        assert "28 days in all" in far
        assert (await door.post(path, typed)).status_code == 303
        assert "an earlier ask is not decided" in (await door.get(path)).text
        [stop] = (await door.get("/api/v1/clock-stops")).json()
        assert (stop["state"], stop["reason"]) == ("asked", "She is in hospital")
        assert "Take your ask back" in (await door.get(f"/clock-stops/{stop['id']}")).text
    link = f"/clock-stops/{stop['id']}"
    async with at(app, database, rival) as door:
        assert (await door.get(link)).status_code == (await door.get(f"/api/v1{link}")).status_code == 404
        assert (await door.get(path)).status_code == 404 and "No clock was asked" in (
            await door.get("/clock-stops")
        ).text
    async with at(console, database, decider) as door:
        page = html.unescape((await door.get(link)).text)
        assert "falls due by" in page and "She is in hospital" in page
        assert "Select whether the clock may stand" in (await door.post(link, {"decision": "hm"})).text
        assert (await door.post(link, {"outcome": "accept", "decision": "Get well"})).status_code == 303
        assert "Clock stands" in (await door.get("/clock-stops")).text
        file = await door.get("/clock-stops?format=csv")
        assert "Kingfisher Care" in file.text and "Get well" in file.text
        assert "Clock stands" in (await door.get("/duties?state=stopped")).text
        assert (await door.get("/api/v1/clock-stops?in_state=blue")).status_code == 400
    async with at(app, database, manager) as door:
        assert "Its clock stands until" in (await door.get("/today")).text
        found = (await door.get(f"/api/v1/duties/{duty}")).json()
        assert found["state"] == "stopped" and found["first_due_at"] < found["due_at"]
        assert CANNOT in [each["code"] for each in found["stop_grounds"]]
        assert (await door.post(f"{link}/end", page=link)).status_code == 303
        assert (await door.get(f"/api/v1{link}")).json()["state"] == "over"
    async with at(app, database) as door:
        bearer = await _bearer(door, manager, database)
        made = await door.client.post(
            f"/api/v1/duties/{duty}/stops",
            json={"ground": CANNOT, "reason": "again", "from_at": (clock.at + DAY).isoformat()}, headers=bearer,
        )  # fmt: skip
        assert made.status_code == 201, made.text
        path = f"/api/v1/clock-stops/{made.json()['id']}"
        said = {"accepted": True, "decision": "yes"}
        assert (await door.client.post(f"{path}/decision", json=said, headers=bearer)).status_code == 403
        assert (await door.client.post(f"{path}/take-back", headers=bearer)).status_code == 204
        assert (await door.client.post(f"{path}/end", headers=bearer)).status_code == 409
    async with at(console, database) as door:
        bearer = await _bearer(door, decider, database)
        assert (await door.client.post(f"{path}/decision", json=said, headers=bearer)).status_code == 409


async def _bearer(door: Door, actor: Actor, settings: Settings) -> dict[str, str]:
    email = await people.with_password(actor, settings)
    got = await door.client.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
    return {"authorization": f"Bearer {got.json()['access_token']}"}
