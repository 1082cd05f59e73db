"""Nothing of a file stays where nobody knows of it, and a file that went as it should raises no alarm."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound, TooLarge
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.scratch import all_scratch, empty_scratch, scratch
from marketplace.platform.storage import Storage
from marketplace.providers import file_actions, file_checking, file_opening, files
from marketplace.settings import Settings
from tests.world import files as made
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser
from tests.world.file_servers import store, with_store

__all__ = ["store"]


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


@pytest.fixture
async def manager(stored: Settings) -> Actor:
    return await people.provider_org(stored, "Kindly Care Ltd")


async def sent(actor: Actor, settings: Settings, content: bytes) -> Any:
    """The row of a file in quarantine."""
    place = await file_actions.announce(
        actor, kind="policy", file_name="a.pdf", size=len(content), content_type="application/pdf"
    )
    await file_actions.receive(actor, settings, place, io.BytesIO(content))
    return await ask(actor, files.one_file, place.id)


async def test_a_file_deleted_while_it_is_checked_leaves_no_copy(
    stored: Settings, manager: Actor, migrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, row = Storage.from_settings(stored), await sent(manager, stored, made.plain_pdf())
    await migrator.execute("UPDATE evidence SET form_until = now() - interval '1 hour'")
    clean_apart = file_checking.clean_apart

    async def meanwhile(*given: Any, **how: Any) -> Any:
        cleaned = await clean_apart(*given, **how)
        await file_actions.delete_file(manager, row["id"], "The wrong child’s paper")
        await file_checking.tidy(stored, row["provider_id"], row["id"])
        return cleaned

    monkeypatch.setattr(file_checking, "clean_apart", meanwhile)
    await file_checking.check(stored, row["provider_id"], row["id"])
    assert await storage.under("evidence/") == [] == await storage.under("quarantine/")


async def test_what_a_killed_check_had_put_goes_and_the_copy_that_opens_stays(
    stored: Settings, manager: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage.from_settings(stored)
    for content, state in ((made.plain_pdf(), "clean"), (b"<html>", "refused")):
        row = await sent(manager, stored, content)
        under = f"evidence/{row['provider_id']}/{row['id']}/"
        await storage.put(f"{under}0123456789abcdef", b"half a check", "application/pdf")
        await file_checking.check(stored, row["provider_id"], row["id"])
        await storage.put(f"{under}0123456789abcdef", b"a second check, killed", "application/pdf")
        # the killed check's job runs again: there is nothing left to judge, and something to tidy
        await file_checking.check(stored, row["provider_id"], row["id"])
        row = await ask(manager, files.one_file, row["id"])
        assert row["state"] == state
        kept = [(row["published_key"], row["published_version"])] if state == "clean" else []
        assert await storage.under(under) == kept

    # the same form sent again and again: all of it goes, however many pages the store lists it in
    monkeypatch.setattr(Storage, "listed_at_once", 2)
    row = await sent(manager, stored, made.plain_pdf())
    for number in range(6):
        await storage.put(row["quarantine_key"], b"again %d" % number, "application/pdf")
    assert len(await storage.versions(row["quarantine_key"])) == 7
    await file_checking.tidy(stored, row["provider_id"], row["id"])
    assert await storage.versions(row["quarantine_key"]) == [row["quarantine_version"]]


async def test_a_file_deleted_while_it_is_opened_is_not_called_tampered_with(
    stored: Settings, manager: Actor, migrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await sent(manager, stored, made.plain_pdf())
    await file_checking.check(stored, row["provider_id"], row["id"])
    token = await file_opening.link_to(manager, stored, row["id"])
    fetched = file_opening.fetched

    async def meanwhile(settings: Settings, found: Any, **how: Any) -> Any:
        await file_actions.delete_file(manager, row["id"], "Its time was up")
        await file_checking.tidy(stored, row["provider_id"], row["id"])
        return await fetched(settings, found, **how)

    monkeypatch.setattr(file_opening, "fetched", meanwhile)
    with pytest.raises(NotFound, match="has been deleted"):
        await file_opening.open_by_link(manager, stored, token)
    alarms = "SELECT count(*) FROM audit_entry WHERE action = 'evidence.not_what_was_checked'"
    assert await migrator.fetchval(alarms) == 0 == await migrator.fetchval("SELECT count(*) FROM notice")


HOLDS_A_FILE = """
import sys, time
from marketplace.platform.scratch import scratch
with scratch() as folder:
    (folder / "original").write_bytes(b"somebody's certificate")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_held_is_removed_and_what_is_in_use_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_FILE], stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert child.stdout is not None
    left = Path(child.stdout.readline().decode().strip())
    assert (left / "original").exists() and left.parent == all_scratch() and left.parent.stat().st_mode & 0o077 == 0
    with scratch() as used:
        assert empty_scratch() == 0 and left.exists(), "its process is still at it"
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert empty_scratch() == 1
        assert not left.exists() and used.exists()
    assert not used.exists()


async def test_more_than_the_kind_may_have_is_not_read_to_its_end(
    stored: Settings, manager: Actor, clock, migrator
) -> None:
    place = await file_actions.announce(
        manager, kind="policy", file_name="a.pdf", size=9, content_type="application/pdf"
    )
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
        for _ in range(60):
            taken += 1
            yield bytes(1_000_000)
        yield b"\r\n--b--\r\n"

    async with Browser(create_marketplace(stored, clock)) as browser:
        email = await people.with_password(manager, stored)
        got = await browser.post("/api/v1/token", json={"email": email, "password": people.PASSWORD})
        there = f"/api/v1/evidence/{place.id}/content"
        heads = {
            "content-type": "multipart/form-data; boundary=b",
            "authorization": f"Bearer {got.json()['access_token']}",
        }
        for more in ({}, {"content-length": "60000100"}):
            answer = await browser.post(there, content=endless(), headers=heads | more)
            assert answer.status_code == 413 and "10 MB" in answer.text, answer.text
    assert taken <= 12
    with pytest.raises(TooLarge, match="10 MB"):
        await file_actions.receive(manager, stored, place, io.BytesIO(bytes(place.largest + 1)))
    assert await migrator.fetchval("SELECT state FROM evidence") == "waiting"
    assert await Storage.from_settings(stored).versions(place.key) == []
