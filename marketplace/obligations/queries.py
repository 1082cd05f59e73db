"""What is owed, by whom, until when; what is new. References only: no row here holds a child's data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from marketplace.platform.actor import NOBODY, PERSONAL_ROLES
from marketplace.platform.database import Work

# A manager also sees what a coordinator owes; nobody else stands in for another role.
_COVERED = {"provider_manager": ("provider_manager", "coordinator")}
NEWS_DAYS = 14  # how far back Today shows what changed


def roles_of(role: str) -> tuple[str, ...]:
    """The roles whose duties somebody in `role` sees as theirs."""
    return _COVERED.get(role, (role,))


def roles_covering(role: str | None) -> list[str]:
    """The roles that look after what is owed by, or told to, `role`."""
    return [] if role is None else [role, *(other for other, covered in _COVERED.items() if role in covered[1:])]


# Owed by me in person, or by my organisation without naming somebody else, for my role or for all office roles.
_MINE = """met_at IS NULL AND cancelled_at IS NULL AND starts_at <= $4
    AND (owed_by_person = $1 OR (owed_by_person IS NULL AND owed_by_organisation = $2
         AND (owed_by_role = ANY ($3) OR owed_by_role IS NULL)))"""


async def open_duties_of(
    work: Work, person_id: UUID, organisation_id: UUID | None, roles: Sequence[str], most: int = 200
) -> list[asyncpg.Record]:
    """What this person owes in these roles, and has not done: the late ones first, then by time left."""
    return await work.fetch(
        f"SELECT * FROM obligation WHERE {_MINE} ORDER BY due_at, id LIMIT $5",
        person_id, organisation_id, [each for role in roles for each in roles_of(role)], work.now, most,
    )  # fmt: skip


async def my_duties(work: Work, most: int = 200) -> list[asyncpg.Record]:
    """What the acting person owes now: duties of the role, or in person. Late first, then by time left."""
    actor = work.actor
    # Workers and families act for themselves alone.
    organisation_id = None if actor.role in PERSONAL_ROLES else actor.organisation_id
    return await open_duties_of(work, actor.person_id, organisation_id, [actor.role], most)


async def open_duties_of_organisation(work: Work, most: int = 500) -> list[asyncpg.Record]:
    """What the acting person's organisation owes in any of its roles, and nobody in person; by time left."""
    return await work.fetch(
        """SELECT * FROM obligation WHERE met_at IS NULL AND cancelled_at IS NULL AND starts_at <= $2
             AND owed_by_organisation = $1 AND owed_by_person IS NULL ORDER BY due_at, id LIMIT $3""",
        work.actor.organisation_id, work.now, most,
    )  # fmt: skip


async def my_news(work: Work, most: int = 40) -> list[asyncpg.Record]:
    """What was told to the acting person, its role or its organisation in the last days, newest first."""
    actor = work.actor
    personal = actor.role in PERSONAL_ROLES
    return await work.fetch(
        """SELECT id, at, sentence, link FROM notice
           WHERE (person_id = $1 OR (person_id IS NULL AND organisation_id = $2 AND (role = ANY ($3) OR role IS NULL)))
             AND at > $4 AND at <= $5 ORDER BY at DESC, id LIMIT $6""",
        actor.person_id, None if personal else actor.organisation_id, list(roles_of(actor.role)),
        work.now - timedelta(days=NEWS_DAYS), work.now, most,
    )  # fmt: skip


def place_of(work: Work) -> UUID:
    """Where the acting person's Today stands: its organisation, or its own."""
    if work.actor.role in PERSONAL_ROLES or work.actor.organisation_id is None:
        return NOBODY
    return work.actor.organisation_id


async def duties_about(work: Work, subject_id: UUID) -> list[asyncpg.Record]:
    """Every duty about one thing the context may see, ended ones included, in the order they fall due."""
    return await work.fetch("SELECT * FROM obligation WHERE subject_id = $1 ORDER BY due_at, id", subject_id)


async def late_duties(work: Work, most: int = 200) -> list[asyncpg.Record]:
    """Every duty within the context that is late and still open, with who owes it; the longest late first."""
    return await work.fetch(
        """SELECT b.*, o.name AS owed_by_name
           FROM obligation b LEFT JOIN organisation o ON o.id = b.owed_by_organisation
           WHERE b.met_at IS NULL AND b.cancelled_at IS NULL AND b.due_at <= $1 ORDER BY b.due_at, b.id LIMIT $2""",
        work.now, most,
    )  # fmt: skip


async def duties_between(work: Work, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """The duties within the context that fall due in the time after `since` up to `until`."""
    return await work.fetch(
        "SELECT * FROM obligation WHERE cancelled_at IS NULL AND due_at > $1 AND due_at <= $2 ORDER BY due_at, id",
        since, until,
    )  # fmt: skip
