"""What the benchmarks need of a laid nation: its day, somebody to act, sign-ins, proposals that will be taken."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.dev.national import Nation, lay
from marketplace.frameworks.queries import pack_of
from marketplace.identity import tokens
from marketplace.identity.sessions import digest
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, prepare_connection
from marketplace.platform.migrate import migrate
from marketplace.platform.postgres_server import PostgresServer
from marketplace.providers.readiness import readiness
from marketplace.referrals import needs
from marketplace.settings import Settings

DAY = date(2026, 5, 11)
SECRET = "benchmarks only: not a secret of any deployment"
SESSION = "benchmark session token"


async def day_of(migrator: asyncpg.Connection) -> date:
    """The day the nation stands on."""
    at = await migrator.fetchval("SELECT min(at) FROM audit_entry WHERE action = 'national.laid'")
    return at.astimezone(UTC).date()


def now_of(day: date) -> datetime:
    """The moment domain time stands still at."""
    return datetime(day.year, day.month, day.day, 11, tzinfo=UTC)


@asynccontextmanager
async def nation(folder: Path, scale: float) -> AsyncIterator[tuple[Settings, asyncpg.Connection]]:
    """A server with the nation at that scale, laid where it is not there yet; the folder can be used again."""
    with PostgresServer(folder) as server:
        fresh = server.create_database("nation")
        settings = Settings(database_url=server.url("nation"), secret=SECRET, secure_cookies=False,
            marketplace_url="http://localhost:8000", admin_url="http://localhost:8001",
        )  # fmt: skip
        await migrate(settings)
        if fresh:
            await lay(settings, Nation(scale, 1, DAY), print)
        connection = await asyncpg.connect(settings.dsn("migrator"))
        await prepare_connection(connection)
        try:
            yield settings, connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class Way:
    """How somebody comes in: as an actor, by access token, by session cookie."""

    actor: Actor
    bearer: dict[str, str]
    cookie: dict[str, str]


async def way_in(
    settings: Settings, migrator: asyncpg.Connection, role: str, organisation_id: UUID, door: str = "marketplace"
) -> Way:
    """Somebody of an organisation with this role, signed in both ways at a front door."""
    row = await migrator.fetchrow(
        "SELECT m.id, m.person_id, p.name, o.name AS organisation, o.kind FROM membership m"
        " JOIN person p ON p.id = m.person_id JOIN organisation o ON o.id = m.organisation_id"
        " WHERE m.role = $1 AND m.organisation_id = $2 ORDER BY m.id LIMIT 1",
        role, organisation_id,
    )  # fmt: skip
    assert row is not None
    family, session = uuid4(), f"{SESSION} {uuid4()}"
    now = datetime.now(UTC)
    await migrator.execute(
        "INSERT INTO refresh_token (family_id, token_hash, person_id, membership_id, created_at, ends_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        family, hashlib.sha256(family.bytes).digest(), row["person_id"], row["id"], now, now + timedelta(days=1),
    )  # fmt: skip
    await migrator.execute(
        "INSERT INTO web_session (token_hash, front_door, person_id, membership_id, created_at, seen_at, ends_at)"
        " VALUES ($1, $6, $2, $3, $4, $4, $5)",
        digest(session.replace(" ", "-")), row["person_id"], row["id"], now, now + timedelta(days=1), door,
    )  # fmt: skip
    token, _ = tokens.issue(settings, tokens.Claims(row["person_id"], row["id"], family))
    actor = Actor(row["person_id"], row["name"], role, organisation_id, row["organisation"], row["kind"])  # type: ignore[arg-type]
    cookies = f"{door}-session={session.replace(' ', '-')}; {door}-csrf=benchmark-benchmark-benchmark"
    return Way(actor, {"authorization": f"Bearer {token}"}, {"cookie": cookies})


@dataclass(frozen=True)
class Chance:
    """An offer that will be taken: whose, for which referral, with whom."""

    manager: Way
    referral_id: UUID
    commissioner_id: UUID
    framework_id: UUID
    referrer_id: UUID
    body: dict[str, Any]


async def chances(settings: Settings, migrator: asyncpg.Connection, wanted: int) -> list[Chance]:
    """So many offers nobody has made yet; those of an earlier run are taken away first. The pool must be open."""
    await migrator.execute(
        "DELETE FROM offer_worker w USING offer o WHERE o.commissioner_id = w.commissioner_id AND o.id = w.offer_id"
        " AND o.state = 'made'"
    )
    await migrator.execute("DELETE FROM offer WHERE state = 'made'")
    rows = await migrator.fetch(
        "SELECT r.id, r.commissioner_id, r.framework_id, r.referrer_id, r.lot_code, r.needs, r.interventions,"
        " r.starts_on, r.pattern,"
        " x.provider_id FROM referral_reach x JOIN referral r ON r.commissioner_id = x.commissioner_id"
        " AND r.id = x.referral_id WHERE r.state = 'broadcast' AND NOT EXISTS (SELECT 1 FROM suspension s"
        " WHERE s.framework_id = r.framework_id AND s.provider_id = x.provider_id) AND NOT EXISTS"
        " (SELECT 1 FROM pause s"
        " WHERE s.framework_id = r.framework_id AND s.provider_id = x.provider_id) AND EXISTS (SELECT 1 FROM provider p"
        " WHERE p.id = x.provider_id AND p.cqc_registered AND p.insurance_until >= r.starts_on)"
        " ORDER BY md5(r.id::text || x.provider_id::text)"
    )
    found: list[Chance] = []
    ways: dict[UUID, Way] = {}
    for row in rows:
        provider_id = row["provider_id"]
        if provider_id not in ways:
            ways[provider_id] = await way_in(settings, migrator, "provider_manager", provider_id)
        way = ways[provider_id]
        pack = await ask(way.actor, pack_of, row["framework_id"])
        asked = needs.competencies_needed(pack, row["lot_code"], row["needs"], row["interventions"])
        judged = await ask(way.actor, readiness, provider_id, pack, row["lot_code"], asked, row["starts_on"])
        ready = [str(entry.worker.id) for entry in judged if entry.ready]
        if len(ready) >= 2:
            body = {
                "workers": ready[:1], "backups": ready[1:2], "starts_on": row["starts_on"].isoformat(),
                "pattern": row["pattern"], "remark": "We look forward to it.",
            }  # fmt: skip
            found.append(Chance(way, row["id"], row["commissioner_id"], row["framework_id"], row["referrer_id"], body))
        if len(found) == wanted:
            return found
    return found
