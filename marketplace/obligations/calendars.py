"""Calendar feeds: private links to what somebody owes and where they have to be, for the calendar on their phone.

A feed is read in the context of whoever made it, so that it never shows more than their pages. What stands in it goes
to other people's servers: references, never a child's name. Other folders add entries of their own, as they add panels.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import FRONT_DOORS, ROLE_NAMES, may, permit
from marketplace.identity.sessions import actor_from, digest, new_token
from marketplace.obligations import queries
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, outside_context, unit_of_work
from marketplace.platform.errors import NotFound, NotPermitted, TooManyAttempts

Scope = Literal["own", "organisation"]
MOST_AN_HOUR = 60  # calendars ask once in a quarter of an hour at the most; several may share one link
ORGANISATION = "people.write"  # who makes the organisation's feed


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a calendar. `uid` stays the same for ever; without `ends_at` it is a moment, not a time spent."""

    uid: str
    title: str
    starts_at: datetime
    link: str
    door: str = "marketplace"  # the front door the link leads through
    ends_at: datetime | None = None
    text: str = ""
    sequence: int = 0  # grows with each change that people have to know of
    changed_at: datetime | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar with everything in it, as of the domain's moment `now`."""

    name: str
    now: datetime
    entries: list[Entry]


Source = Callable[[Work], Awaitable[list[Entry]]]
_SOURCES: list[tuple[tuple[str, ...], Source]] = []


def calendar_entries(*permissions: str) -> Callable[[Source], Source]:
    """Register a question as a source of people's own calendars, for the roles with any one of the permissions."""

    def register(source: Source) -> Source:
        _SOURCES.append((permissions, source))
        return source

    return register


def scope_named(name: str) -> Scope:
    """The scope of this name. Raises `NotFound`."""
    if name not in ("own", "organisation"):
        raise NotFound
    return cast(Scope, name)


async def my_feeds(work: Work) -> dict[str, asyncpg.Record]:
    """The links that stand, by scope: mine in this place, and my organisation's where I look after it."""
    rows = await work.fetch("SELECT * FROM calendar_feeds($1, $2)", work.actor.role, work.actor.organisation_id)
    return {row["scope"]: row for row in rows}


async def make_feed(actor: Actor, scope: Scope) -> str:
    """A new link's token, told this once; the one before ends. Raises `NotPermitted`."""
    _permit(actor, scope)
    token = new_token()
    try:
        async with unit_of_work(actor) as work:
            feed_id: UUID = await work.fetchval(
                "SELECT calendar_feed_make($1, $2, $3, $4)", digest(token), scope, actor.role, actor.organisation_id
            )
            work.audit("calendar_feed.made", "calendar_feed", feed_id, scope=scope)
    except asyncpg.InsufficientPrivilegeError as error:  # the place ended meanwhile
        raise NotPermitted from error
    return token


async def revoke_feed(actor: Actor, scope: Scope) -> None:
    """The link ends at once. Raises `NotPermitted`, and `NotFound` where there is none."""
    _permit(actor, scope)
    async with unit_of_work(actor) as work:
        feed_id: UUID | None = await work.fetchval(
            "SELECT calendar_feed_revoke($1, $2, $3)", scope, actor.role, actor.organisation_id
        )
        if feed_id is None:
            raise NotFound("There is no calendar link to stop.")
        work.audit("calendar_feed.revoked", "calendar_feed", feed_id, scope=scope)


def _permit(actor: Actor, scope: Scope) -> None:
    if scope == "organisation":
        permit(actor, ORGANISATION)


async def feed_of(token: str, door: str) -> Feed:
    """What a link leads to at a front door, for whoever holds it.

    Raises `NotFound` once it was revoked, or its maker's place has ended; `TooManyAttempts` above 60 an hour.
    """
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM calendar_feed_use($1, $2)", digest(token), MOST_AN_HOUR)
    actor = actor_from(row) if row is not None else None
    if row is None or actor is None or actor.role not in FRONT_DOORS[door]:
        raise NotFound("This calendar link does not work any more.")
    if row["too_often"]:
        raise TooManyAttempts("This calendar is asked for too often. Once in 15 minutes is enough.", 900)
    return await ask(actor, _organisations if row["scope"] == "organisation" else _own)


def door_of(role: str | None) -> str:
    """The front door where a role does its work; a referrer's is the marketplace."""
    return "marketplace" if role is None or role in FRONT_DOORS["marketplace"] else "console"


async def _own(work: Work) -> Feed:
    actor = work.actor
    entries = [_duty(row, actor.role) for row in await queries.my_duties(work)]
    for permissions, source in _SOURCES:
        if any(may(actor, permission) for permission in permissions):
            entries += await source(work)
    name = f"Care: {ROLE_NAMES[actor.role]}" + (f", {actor.organisation_name}" if actor.organisation_name else "")
    return Feed(name, work.now, entries)


async def _organisations(work: Work) -> Feed:
    entries: list[Entry] = []
    for row in await queries.open_duties_of_organisation(work):
        role = row["owed_by_role"]
        entries.append(_duty(row, role or work.actor.role, f"For: {ROLE_NAMES[role]}" if role else ""))
    return Feed(f"Care: {work.actor.organisation_name}", work.now, entries)


def _duty(row: asyncpg.Record, role: str, text: str = "") -> Entry:
    title = f"Due: {row['title']}" + (f" ({row['reference']})" if row["reference"] else "")
    return Entry(f"duty-{row['id']}", title, row["due_at"], row["link"] or "/today", door=door_of(role), text=text)
