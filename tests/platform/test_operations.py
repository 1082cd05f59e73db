"""`marketplace migrate` and `marketplace audit` as an operator runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from marketplace.platform import upkeep
from marketplace.platform.actor import system_for
from marketplace.platform.database import close_database, open_database, unit_of_work
from marketplace.platform.object_store import ObjectStore
from marketplace.settings import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(settings: Settings) -> Run:
    def marketplace(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "marketplace.cli", *arguments],
            env={**os.environ, **settings.environment(), **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return marketplace


def test_migrating_twice_changes_nothing(run: Run) -> None:
    done = run("migrate")
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")


def test_what_is_wrong_is_one_sentence(run: Run) -> None:
    unset = run("migrate", DATABASE_URL="")
    assert (unset.returncode, unset.stderr) == (2, "DATABASE_URL is not set.\n")
    nobody = run("migrate", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert nobody.returncode == 2 and nobody.stderr.count("\n") == 1


async def test_the_trail_is_whole_until_somebody_changes_it(
    database: Settings, migrator: asyncpg.Connection, run: Run, tmp_path: Path
) -> None:
    organisation = uuid4()
    await migrator.execute(
        "INSERT INTO organisation (id, kind, name, short_name) VALUES ($1, 'provider', 'Alder', 'Alder')", organisation
    )
    for _ in range(3):
        async with unit_of_work(system_for(organisation, "provider")) as work:
            work.audit("thing.done", "thing", uuid4(), n=1)
    heads = run("audit", "heads")
    (tmp_path / "heads.json").write_text(heads.stdout)
    assert json.loads(heads.stdout)[0]["seq"] == 3
    whole = run("audit", "verify", "--heads", str(tmp_path / "heads.json"))
    assert whole.returncode == 0 and "3 entries in 1 chains" in whole.stdout, whole.stderr

    # Only the database's own administrator gets past the triggers.
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("UPDATE audit_entry SET role = 'nobody' WHERE seq = 2")
    await admin.close()
    changed = run("audit", "verify")
    assert changed.returncode == 1
    assert changed.stdout == f"organisation {organisation}, entry 2: its content was changed\n"


async def test_a_chain_cut_short_and_forged_anew_is_told_by_the_noted_heads(
    database: Settings, migrator: asyncpg.Connection, run: Run, tmp_path: Path
) -> None:
    organisation = uuid4()
    await migrator.execute(
        "INSERT INTO organisation (id, kind, name, short_name) VALUES ($1, 'provider', 'Alder', 'Alder')", organisation
    )

    async def act(n: int) -> None:
        async with unit_of_work(system_for(organisation, "provider")) as work:
            work.audit("thing.done", "thing", uuid4(), n=n)

    await act(1)
    await act(2)
    (tmp_path / "heads.json").write_text(run("audit", "heads").stdout)
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("DELETE FROM audit_entry WHERE seq = 2")
    await admin.execute("UPDATE audit_head SET (seq, hash) = (SELECT seq, hash FROM audit_entry)")
    await admin.close()
    await act(3)
    assert run("audit", "verify").returncode == 0, "the chain by itself looks whole"
    told = run("audit", "verify", "--heads", str(tmp_path / "heads.json"))
    assert told.returncode == 1 and "not the one that was noted" in told.stdout


async def test_the_worker_notes_the_heads_in_the_bucket_once_a_day(
    settings: Settings, migrator: asyncpg.Connection, run: Run, tmp_path: Path
) -> None:
    organisation = uuid4()
    await migrator.execute(
        "INSERT INTO organisation (id, kind, name, short_name) VALUES ($1, 'provider', 'Alder', 'Alder')", organisation
    )
    async with unit_of_work(system_for(organisation, "provider")) as work:
        work.audit("thing.done", "thing", uuid4(), n=1)
    await close_database()
    await open_database(settings.dsn("worker"))
    with ObjectStore(tmp_path / "objects", fast=True) as store:
        named = replace(
            settings, s3_endpoint=store.endpoint, s3_access_key=store.access_key, s3_secret_key=store.secret_key
        )
        await upkeep.note_audit_heads(named)
        key = upkeep.HEADS.format(day=datetime.now(UTC).date())
        noted = await store.storage().get(key)
        await store.storage().put(key, b"of today", "application/json")
        await upkeep.note_audit_heads(named)
        assert await store.storage().get(key) == b"of today"
    (tmp_path / "heads.json").write_bytes(noted)
    told = run("audit", "verify", "--heads", str(tmp_path / "heads.json"))
    assert told.returncode == 0 and "1 heads noted earlier" in told.stdout, told.stdout + told.stderr
