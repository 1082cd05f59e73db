"""Questions about people: my sessions, who is who in my organisation."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from marketplace.platform.database import Work


async def my_sessions(work: Work, idle: timedelta) -> list[asyncpg.Record]:
    """My open sessions, the latest used first: id, front_door, device, created_at, seen_at, ends_at."""
    return await work.fetch(
        "SELECT id, front_door, device, created_at, seen_at, ends_at FROM web_session WHERE person_id = $1"
        " AND ended_at IS NULL AND ends_at > now() AND seen_at > now() - $2::interval ORDER BY seen_at DESC",
        work.actor.person_id,
        idle,
    )


async def have_pin(work: Work) -> bool:
    """Whether I have set a PIN."""
    return bool(await work.fetchval("SELECT has_pin FROM own_credential()"))


async def people_of_my_organisation(work: Work, *, search: str = "", ended: bool = False) -> list[asyncpg.Record]:
    """Memberships of my organisation: id, person_id, name, email, role, starts_at, ended_at; by name."""
    return await work.fetch(
        """SELECT m.id, m.person_id, p.name, p.email, m.role, m.starts_at, m.ended_at
           FROM membership m JOIN person p ON p.id = m.person_id
           WHERE m.organisation_id = $1 AND (m.ended_at IS NOT NULL) = $2
             AND ($3 = '' OR p.name ILIKE $4 OR p.email ILIKE $4)
           ORDER BY lower(p.name), m.role""",
        work.actor.organisation_id,
        ended,
        search,
        f"%{_literal(search)}%",
    )


async def one_membership(work: Work, membership_id: object) -> asyncpg.Record | None:
    """One present membership of my organisation."""
    return await work.fetchrow(
        """SELECT m.id, m.person_id, p.name, p.email, m.role, m.starts_at FROM membership m
           JOIN person p ON p.id = m.person_id WHERE m.id = $1 AND m.organisation_id = $2 AND m.ended_at IS NULL""",
        membership_id,
        work.actor.organisation_id,
    )


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
