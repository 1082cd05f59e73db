"""Two commissioners and two providers with their people, laid as plain rows: obligations stand before every domain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.obligations import jobs  # noqa: F401 - registers the jobs these tests run
from marketplace.platform.actor import Actor, OrganisationKind, Role
from marketplace.platform.clock import Clock
from marketplace.platform.database import close_database, open_database
from marketplace.platform.jobs import JOBS
from marketplace.policy.pack import Pack, load_pack, pack_to_json
from marketplace.settings import Settings


@dataclass
class World:
    """Actors by a short name; `pack` is stored, so that duties may name its hash."""

    migrator: asyncpg.Connection
    pack: Pack

    async def organisation(self, kind: OrganisationKind, name: str) -> UUID:
        return await self.migrator.fetchval(
            "INSERT INTO organisation (kind, name, short_name) VALUES ($1, $2, $2) RETURNING id", kind, name
        )

    async def person(self, name: str) -> UUID:
        return await self.migrator.fetchval(
            "INSERT INTO person (name, email) VALUES ($1, $2) RETURNING id", name, f"{uuid4().hex}@example.org"
        )

    async def member(self, organisation: UUID, kind: OrganisationKind, role: Role, name: str) -> Actor:
        person = await self.person(name)
        await self.migrator.execute(
            "INSERT INTO membership (person_id, organisation_id, role) VALUES ($1, $2, $3)", person, organisation, role
        )
        return Actor(person, name, role, organisation, f"{name}'s", kind)

    async def address_of(self, actor: Actor) -> str:
        return await self.migrator.fetchval("SELECT email FROM person WHERE id = $1", actor.person_id)


@pytest.fixture
async def world(database, migrator) -> World:
    pack = load_pack("lewisham-2017")
    await migrator.execute(
        "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ($1, $2, $3, $4)",
        pack.content_hash, pack.id, pack.title, pack_to_json(pack).decode(),
    )  # fmt: skip
    return World(migrator, pack)


@pytest.fixture
async def referrer(world: World) -> Actor:
    council = await world.organisation("commissioner", "Northgate")
    return await world.member(council, "commissioner", "referrer", "Rea Ferrer")


@pytest.fixture
async def manager(world: World) -> Actor:
    provider = await world.organisation("provider", "Kingfisher Care")
    return await world.member(provider, "provider", "provider_manager", "Manny Ager")


@pytest.fixture
async def rival(world: World) -> Actor:
    provider = await world.organisation("provider", "Rival Care")
    return await world.member(provider, "provider", "provider_manager", "Riva Lent")


@asynccontextmanager
async def as_worker(settings: Settings, clock: Clock) -> AsyncIterator[None]:
    """The worker process's pool in place of the application's: jobs and sweeps run as its database role."""
    await close_database()
    await open_database(settings.dsn("worker"), clock=clock)
    try:
        yield
    finally:
        await close_database()
        await open_database(settings.dsn("app"), clock=clock)


async def run_jobs(settings: Settings, migrator: asyncpg.Connection, *names: str) -> int:
    """Run every waiting job of these names once, as the worker would; how many there were."""
    rows = await migrator.fetch(
        """SELECT id, entrypoint, payload FROM jobs.pgqueuer
           WHERE status = 'queued' AND entrypoint = ANY ($1) ORDER BY id""",
        list(names),
    )
    for row in rows:
        await JOBS[row["entrypoint"]].run(settings, json.loads(row["payload"]))
        await migrator.execute("DELETE FROM jobs.pgqueuer WHERE id = $1", row["id"])
    return len(rows)
