"""How long files are kept: listed before they go, deleted with every version, the record that they were stays."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.frameworks.terms_actions import change_terms
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, close_database, open_database
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.platform.jobs import JOBS, SWEEPS
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.storage import Storage
from marketplace.providers import file_actions, file_checking, file_opening, files, jobs, leaving, retention
from marketplace.settings import Settings
from tests.obligations.conftest import run_jobs
from tests.providers.test_files import checked, opened
from tests.world import files as made
from tests.world import frameworks, people, providers
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser
from tests.world.file_servers import store, with_store

__all__ = ["store"]


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


@pytest.fixture
async def manager(stored: Settings) -> Actor:
    await frameworks.open_framework(await people.council(stored))
    return await people.provider_org(stored, "Kindly Care Ltd")


async def swept(manager: Actor) -> int:
    assert manager.provider_id is not None
    return await retention.keep_files_of(manager.provider_id)


async def test_a_scan_of_a_dbs_certificate_goes_after_six_months_and_is_said_before(
    stored: Settings, manager: Actor, clock, migrator
) -> None:
    provider_id = manager.provider_id
    assert provider_id is not None
    worker_id = await providers.worker(manager, "Wren Ash")
    scan = await checked(manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=worker_id)
    policy = await checked(manager, stored, made.plain_pdf(), kind="policy")
    assert (await ask(manager, files.one_file, scan["id"]))["keep_until"] == date(2026, 11, 11), "from the check on"
    assert await swept(manager) == 0
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(manager, stored))
        page = await browser.get("/evidence/retention")
        assert "12 November 2026" in page.text.split("Within a year")[1] and "at most 6 months" in page.text

    clock.move(timedelta(days=160))
    assert (await swept(manager), await swept(manager)) == (0, 0)
    told = await migrator.fetch("SELECT sentence, link FROM notice WHERE role = 'provider_manager'")
    assert [row["link"] for row in told] == ["/evidence/retention"]
    assert "1 file" in told[0]["sentence"] and "12 November 2026" in told[0]["sentence"]
    assert [row["id"] for row in await ask(manager, files.to_be_deleted, date(2026, 12, 1))] == [scan["id"]]

    clock.move_to(clock.at.replace(month=11, day=11, hour=22))
    assert await swept(manager) == 0, "its last day is a day it is kept"
    clock.move(timedelta(hours=3))
    assert (await swept(manager), await swept(manager)) == (1, 0)
    with pytest.raises(NotFound, match="deleted"):
        await file_opening.link_to(manager, stored, scan["id"])
    waiting = await migrator.fetch(
        "SELECT convert_from(payload, 'UTF8')::jsonb AS p FROM jobs.pgqueuer WHERE entrypoint = $1",
        jobs.TIDY,
    )
    assert [row["p"]["evidence"] for row in waiting] == [str(scan["id"])]
    await JOBS[jobs.TIDY].run(stored, waiting[0]["p"])
    await JOBS[jobs.TIDY].run(stored, waiting[0]["p"])
    storage = Storage.from_settings(stored)
    assert await storage.versions(scan["quarantine_key"]) == [] == await storage.versions(scan["published_key"])
    row = await ask(manager, files.one_file, scan["id"])
    assert row["shown_state"] == "deleted" and "11 November 2026 (N (DBS code of practice))" in row["deleted_reason"]
    assert row["published_sha256"] == scan["published_sha256"]
    gone = await migrator.fetch("SELECT subject_id FROM audit_entry WHERE action = 'evidence.deleted'")
    assert [entry["subject_id"] for entry in gone] == [scan["id"]]
    assert await opened(manager, stored, policy["id"])
    with pytest.raises(InvalidInput, match="problem"):
        await ask(manager, files.attachable, scan["id"])


async def test_papers_about_a_worker_are_counted_from_their_last_day(
    stored: Settings, manager: Actor, clock, migrator
) -> None:
    worker_id = await providers.worker(manager, "Wren Ash")
    paper = await checked(manager, stored, made.plain_pdf(), kind="right_to_work", worker_id=worker_id)
    await swept(manager)
    assert (await ask(manager, files.one_file, paper["id"]))["keep_until"] is None
    await leaving.leave(manager, worker_id, date(2026, 5, 31))
    await run_jobs(stored, migrator, jobs.DAYS)
    assert (await ask(manager, files.one_file, paper["id"]))["keep_until"] == date(2028, 5, 31)


async def test_a_period_that_is_shortened_shows_on_every_file_at_once(stored: Settings, migrator) -> None:
    admin = await people.council(stored)
    framework_id = await frameworks.open_framework(admin)
    manager = await people.provider_org(stored, "Kindly Care Ltd")
    await frameworks.applied(manager, framework_id, ["C"])
    worker_id = await providers.worker(manager, "Wren Ash")
    scan = await checked(manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=worker_id)
    await change_terms(admin, framework_id, "retention.dbs_certificate", "3", "Three months are enough")
    assert await run_jobs(stored, migrator, jobs.DAYS) == 1
    assert (await ask(manager, files.one_file, scan["id"]))["keep_until"] == date(2026, 8, 11)


async def test_nothing_goes_that_was_not_on_the_list_for_four_weeks_but_what_the_law_limits(
    stored: Settings, manager: Actor, clock, migrator
) -> None:
    """The sweep comes late, or a last day was put wrong: both find old files whose time is long over."""
    worker_id = await providers.worker(manager, "Wren Ash")
    paper = await checked(manager, stored, made.plain_pdf(), kind="right_to_work", worker_id=worker_id)
    scan = await checked(manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=worker_id)
    await leaving.leave(manager, worker_id, date(2026, 5, 31))

    clock.move_to(clock.at.replace(year=2029, month=3, day=1))
    assert await swept(manager) == 1
    assert (await ask(manager, files.one_file, scan["id"]))["shown_state"] == "deleted"
    told = [row["sentence"] for row in await migrator.fetch("SELECT sentence FROM notice ORDER BY at, sentence")]
    assert any("1 file of your evidence will be deleted, from 29 March 2029 on" in said for said in told), told
    assert any("1 file of your evidence had to be deleted at once" in said for said in told), told
    clock.move_to(clock.at.replace(month=3, day=28))
    assert await swept(manager) == 0

    await leaving.leave(manager, worker_id, date(2028, 5, 31))  # the year was a mistake: it is listed anew
    await run_jobs(stored, migrator, jobs.DAYS)
    clock.move_to(clock.at.replace(year=2031, month=1, day=1))
    assert await swept(manager) == 0
    assert (await ask(manager, files.one_file, paper["id"]))["keep_until"] == date(2031, 1, 28)
    clock.move_to(clock.at.replace(month=1, day=29))
    assert (await swept(manager), await swept(manager)) == (1, 0)


async def test_a_manager_deletes_a_wrong_file_at_once_and_the_record_stays(
    stored: Settings, manager: Actor, clock, migrator
) -> None:
    row = await checked(manager, stored, made.plain_pdf("Wrong child"), name="wrong.pdf")
    coordinator = await people.person_in(manager, "coordinator")
    with pytest.raises(NotPermitted):
        await file_actions.delete_file(coordinator, row["id"], "not mine")
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(manager, stored))
        path = f"/evidence/{row['id']}/delete"
        answer = await browser.send_form(path, reason=" ")
        assert answer.status_code == 400 and "Enter why the file is deleted" in answer.text
        answer = await browser.send_form(path, reason="Another family’s paper")
        assert answer.status_code == 303
        page = await browser.get(f"/evidence/{row['id']}")
        assert "Another family’s paper" in page.text and "Open the file" not in page.text
        assert "Another family’s paper" in (await browser.get("/evidence/retention")).text
    with pytest.raises(Conflict):
        await file_actions.delete_file(manager, row["id"], "twice")
    assert manager.provider_id is not None
    await file_checking.tidy(stored, manager.provider_id, row["id"])
    assert await Storage.from_settings(stored).under(f"evidence/{manager.provider_id}/{row['id']}") == []


async def test_the_sweeps_run_as_the_worker_process(stored: Settings, manager: Actor, clock, migrator) -> None:
    row = await checked(manager, stored, made.plain_pdf(), kind="policy")
    late = await checked(manager, stored, made.locked_pdf(), kind="policy")
    place = await file_actions.announce(
        manager, kind="policy", file_name="a.pdf", size=9, content_type="application/pdf"
    )
    await Storage.from_settings(stored).put(place.key, made.plain_pdf(), "application/pdf")
    await migrator.execute("UPDATE evidence SET form_until = now() - interval '1 minute'")
    await close_database()
    await open_database(stored.dsn("worker"), clock=clock)
    await SWEEPS["unfinished_evidence"].run(stored)
    await SWEEPS["keep_evidence"].run(stored)
    await SWEEPS["keep_evidence"].run(stored)
    assert (await ask(manager, files.one_file, place.id))["state"] == "checking"
    assert (await ask(manager, files.one_file, row["id"]))["keep_until"] == date(2029, 5, 11)
    assert await Storage.from_settings(stored).versions(late["quarantine_key"]) == []
    untidy = await migrator.fetchval("SELECT count(*) FROM evidence WHERE quarantine_tidied_at IS NULL")
    assert untidy == 0


async def test_what_was_written_about_a_file_is_written_once(stored: Settings, manager: Actor, database) -> None:
    """In SQL as the application: an original cannot be pointed elsewhere, nor a deleted file be there again."""
    row = await checked(manager, stored, made.plain_pdf())
    await file_actions.delete_file(manager, row["id"], "wrong one")
    for change in (
        "quarantine_version = 'x'", "published_version = 'x'", "published_sha256 = repeat('0', 64)", "scan = 'clean'",
        "state = 'checking'", "deleted_at = NULL, deleted_reason = NULL", "uploaded_by_name = 'x', uploaded_at = now()",
        "worker_id = gen_random_uuid()", "kind = 'toolkit'",
    ):  # fmt: skip

        async def tampered(work, change: str = change) -> None:
            await work.execute(f"UPDATE evidence SET {change} WHERE id = $1", row["id"])

        with pytest.raises(Exception, match=r"written once|its check says|violates"):
            async with file_actions.unit_of_work(manager) as work:
                await tampered(work)
    async with file_actions.unit_of_work(manager) as work:
        with pytest.raises(Exception, match="permission denied"):
            await work.execute("DELETE FROM evidence WHERE id = $1", row["id"])
            raise AssertionError("an office deleted a record")
