"""Know before it lapses: who is warned of what on which day, once; the same list on the page, as a file and by API."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.obligations.queries import my_news
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound
from marketplace.providers import actions, evidence
from marketplace.providers.lapse_sweeps import MAIL_LAPSES, look_at_lapses, look_at_provider
from marketplace.providers.lapses import lapses, within
from marketplace.providers.queries import worker as worker_of
from marketplace.providers.readiness import judge_worker
from tests.obligations.conftest import as_worker, run_jobs
from tests.world import providers

TODAY = date(2026, 5, 11)


async def look(database, clock, migrator) -> list[tuple[str, str, str]]:
    """Run the day's look and its mails as the worker does; (address, subject, body) of every mail about lapses."""
    async with as_worker(database, clock):
        await look_at_lapses(database)
        await run_jobs(database, migrator, MAIL_LAPSES)
    rows = await migrator.fetch(
        "SELECT to_address, subject, body FROM mail_message WHERE dedupe_key LIKE 'lapses %'"
        " ORDER BY created_at, to_address"
    )
    return [tuple(row) for row in rows]


async def nurse(place, clock, **done) -> object:
    """A nurse whose DBS check was made on a day of the test's choosing, with everything else done today."""
    return await providers.ready_worker(place.manager, place.framework_id, "A", "Nia Nurse", assessed_on=TODAY, **done)


async def test_every_dated_fact_has_its_last_good_day_and_readiness_ends_after_it(place):
    worker_id = await nurse(place, None)
    found = {(each.kind, each.code): each for each in await ask(place.manager, lapses)}
    assert found["dbs", next(code for kind, code in found if kind == "dbs")].until == date(2026, 11, 11)
    assert found["registration", "registration"].until == TODAY + timedelta(days=365)
    assert found["competency", "first_aid"].until == date(2029, 5, 11)
    assert found["check", "supervision"].until == date(2026, 8, 11)
    assert found["insurance", "insurance"].until == TODAY + timedelta(days=300)
    record = await ask(place.manager, worker_of, worker_id)
    for each in found.values():
        if each.kind not in ("dbs", "check"):
            continue
        good = judge_worker(place.pack, record, "A", (), each.until)
        bad = judge_worker(place.pack, record, "A", (), each.until + timedelta(days=1))
        assert len(bad.codes) > len(good.codes), each


async def test_declared_papers_lapse_too_and_a_rival_sees_nothing_of_ours(place):
    await nurse(place, None)
    await actions.declare(place.manager, ["making_it_real"], TODAY)
    found = await ask(place.manager, lapses)
    assert [each.until for each in found if each.code == "making_it_real"] == [date(2026, 11, 11)]
    theirs = await ask(place.rival, lapses)
    assert {each.kind for each in theirs} == {"insurance"} and not any(each.worker_id for each in theirs)
    with pytest.raises(NotFound):
        await ask(place.lead, lapses)


async def test_one_mail_a_day_and_person_with_the_newest_warning_never_the_same_twice(place, database, migrator, clock):
    await nurse(place, clock)
    assert await look(database, clock, migrator) == []  # nothing within 84 days is new: it was all done today
    clock.move_to(datetime(2026, 5, 18, 8, tzinfo=UTC))  # supervision until 11 August: 85 days
    assert await look(database, clock, migrator) == []
    clock.move(timedelta(days=1))  # 84 days
    mails = await look(database, clock, migrator)
    office = {address for address, _, _ in mails}
    assert len(mails) == 2 and len(office) == 2  # the manager and the coordinator
    assert mails[0][1] == "1 thing lapses soon"
    assert "Nia Nurse: " in mails[0][2] and "good until 11 August 2026 (84 days left)" in mails[0][2]
    assert "/workforce/" in mails[0][2]
    assert len(await look(database, clock, migrator)) == 2  # twice on one day: nothing more
    clock.move(timedelta(days=1))
    assert len(await look(database, clock, migrator)) == 2  # 83 days: nothing new
    clock.move_to(datetime(2026, 8, 5, 8, tzinfo=UTC))  # weeks without a look: 56, 28, 14 and 7 have passed
    mails = await look(database, clock, migrator)
    assert len(mails) == 4 and "(6 days left)" in mails[-1][2]
    clock.move_to(datetime(2026, 8, 11, 8, tzinfo=UTC))
    mails = await look(database, clock, migrator)
    assert len(mails) == 6 and "(last good day is today)" in mails[-1][2]
    clock.move(timedelta(days=40))
    assert not any("supervision" in body.lower() for _, _, body in (await look(database, clock, migrator))[6:])


async def test_what_is_renewed_is_warned_of_no_more(place, database, migrator, clock):
    worker_id = await nurse(place, clock)
    clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))
    await evidence.record_check(place.manager, worker_id, kind="supervision", done_on=date(2026, 6, 16))
    assert await look(database, clock, migrator) == []


async def test_renewing_before_the_mail_is_written_leaves_it_out(place, database, migrator, clock):
    worker_id = await nurse(place, clock)
    clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))
    async with as_worker(database, clock):
        await look_at_lapses(database)
    await evidence.record_check(place.manager, worker_id, kind="supervision", done_on=date(2026, 6, 16))
    assert await look(database, clock, migrator) == []


async def test_a_worker_is_warned_of_their_own_record_alone(place, database, migrator, clock):
    worker_id = await nurse(place, clock)
    await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby", assessed_on=TODAY)
    themself = await providers.with_sign_in(place.manager, worker_id, "Nia Nurse", "nia.nurse@example.org")
    clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))
    mails = {address: body for address, _, body in await look(database, clock, migrator)}
    assert "Wren Ashby" not in mails["nia.nurse@example.org"] and "Your " in mails["nia.nurse@example.org"]
    assert len([address for address in mails if address != "nia.nurse@example.org"]) == 2
    told = [row["sentence"] for row in await ask(themself, my_news)]
    assert any("good until 11 August 2026" in sentence for sentence in told)
    told = [row["sentence"] for row in await ask(place.coordinator, my_news)]
    assert next(s for s in told if s.startswith("What lapses next: ")).endswith("and 1 more thing.")
    assert {each.worker_id for each in await ask(themself, lapses)} == {worker_id}


async def test_whoever_works_for_two_providers_gets_one_mail_for_both(place, database, migrator, clock):
    await nurse(place, clock)
    await providers.ready_worker(place.rival, place.framework_id, "C", "Wren Ashby", assessed_on=TODAY)
    await migrator.execute(
        "INSERT INTO membership (person_id, organisation_id, role) VALUES ($1, $2, 'coordinator')",
        place.manager.person_id, place.rival.provider_id,
    )  # fmt: skip
    clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))
    async with as_worker(database, clock):
        await look_at_provider(place.provider_id)
        await run_jobs(database, migrator, MAIL_LAPSES)  # before the sweep comes to the other provider
    address = await migrator.fetchval("SELECT email FROM person WHERE id = $1", place.manager.person_id)
    mails = [(subject, body) for to, subject, body in await look(database, clock, migrator) if to == address]
    assert [subject for subject, _ in mails] == ["2 things lapse soon"]
    assert "Nia Nurse" in mails[0][1] and "Wren Ashby" in mails[0][1]


async def test_two_sweeps_at_once_warn_once_and_the_trail_says_how_many(place, database, migrator, clock):
    await nurse(place, clock)
    clock.move_to(datetime(2026, 6, 16, 8, tzinfo=UTC))
    async with as_worker(database, clock):
        await look_at_lapses(database)
        await look_at_lapses(database)
    rows = await migrator.fetch("SELECT details FROM audit_entry WHERE action = 'lapses.warned'")
    assert [row["details"]["facts"] for row in rows] == [1]
    assert await migrator.fetchval("SELECT count(*) FROM notice WHERE sentence LIKE 'What lapses next%'") == 1


async def test_the_strictest_framework_counts(place, migrator):
    await nurse(place, None)
    found = await ask(place.manager, lapses)
    assert len(found) == len({(each.kind, each.code, each.worker_id, each.package_id) for each in found})
    assert [each.until for each in found] == sorted(each.until for each in found)
    assert within(found, 0, TODAY) == []
