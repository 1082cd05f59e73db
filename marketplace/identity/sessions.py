"""Sessions of the pages: our own opaque ids in a cookie, SHA-256 in the database, a new id at every change of place.

Wall time throughout: a session ends after an idle time, after an absolute time, when it or the place is ended.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg

from marketplace.platform.actor import Actor
from marketplace.platform.database import outside_context

COOKIE = "session"
STATE_KEY = "visitor"  # where the middleware leaves the visitor for the handlers


@dataclass(frozen=True, slots=True)
class Place:
    """As whom somebody may act: one membership, or as a family member (`membership_id` None)."""

    membership_id: UUID | None
    role: str
    organisation_id: UUID | None
    organisation_name: str
    organisation_kind: str | None
    colour: str | None

    @property
    def key(self) -> str:
        """What a form or an API call names it by."""
        return str(self.membership_id) if self.membership_id else "family"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who holds a session: always a person, and an actor once a place was chosen and still stands."""

    session_id: UUID
    person_id: UUID
    person_name: str
    actor: Actor | None
    colour: str | None


def digest(token: str) -> bytes:
    """What is stored of a token. The tokens are 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def new_token() -> str:
    return secrets.token_urlsafe(32)


def place_from(row: asyncpg.Record) -> Place:
    return Place(
        row["membership_id"],
        row["role"],
        row["organisation_id"],
        row["organisation_name"] or "",
        row["organisation_kind"],
        row["colour"],
    )


def actor_from(row: asyncpg.Record, session_id: UUID | None = None) -> Actor | None:
    """The actor of a row with person and place; None when the place is no more."""
    if row["role"] is None:
        return None
    return Actor(
        row["person_id"],
        row["person_name"],
        cast(Any, row["role"]),
        row["organisation_id"],
        row["organisation_name"] or "",
        row["organisation_kind"],
        session_id,
    )


async def places_of(person_id: UUID) -> list[Place]:
    """Every place a person may act from now."""
    async with outside_context() as connection:
        rows = await connection.fetch("SELECT * FROM places_of($1)", person_id)
    return sorted((place_from(row) for row in rows), key=lambda place: (place.organisation_name, place.role))


async def open_session(
    door: str,
    person_id: UUID,
    place: Place | None,
    *,
    device: str,
    life: timedelta,
    replaces: str | None = None,
) -> str:
    """Open a session and return its token; the one it replaces (by token) ends in the same statement."""
    token = new_token()
    async with outside_context() as connection:
        await connection.execute(
            "SELECT session_open($1, $2, $3, $4, $5, $6, $7, $8)",
            digest(token),
            door,
            person_id,
            place.membership_id if place else None,
            place is not None and place.role == "family",
            device,
            life,
            digest(replaces) if replaces else None,
        )
    return token


async def use_session(token: str, door: str, idle: timedelta) -> Visitor | None:
    """Whose session this is, or None: unknown, ended, idle too long, or of the other front door."""
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM session_use($1, $2, $3)", digest(token), door, idle)
    if row is None:
        return None
    return Visitor(
        row["session_id"], row["person_id"], row["person_name"], actor_from(row, row["session_id"]), row["colour"]
    )


async def close_session(token: str) -> None:
    """End the session of this token, if it is one."""
    async with outside_context() as connection:
        await connection.execute("SELECT session_close($1)", digest(token))


def device_name(user_agent: str) -> str:
    """A browser and a system in words a person recognises: "Firefox on Windows"."""
    browsers = (("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
                ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
    systems = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
               ("Mac OS X", "Mac"), ("CrOS", "Chromebook"), ("Linux", "Linux"))  # fmt: skip
    browser = next((name for mark, name in browsers if mark in user_agent), "A browser")
    system = next((name for mark, name in systems if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
