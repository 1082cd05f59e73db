"""The demo's mailbox: what was sent to me; to everybody, for the demo's operator."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound, NotPermitted

MOST = 200


async def my_mails(work: Work) -> list[asyncpg.Record]:
    """Mails to the acting person, newest first."""
    return await work.fetch(
        "SELECT * FROM mail_message WHERE to_person = $1 ORDER BY created_at DESC, id LIMIT $2",
        work.actor.person_id, MOST,
    )  # fmt: skip


async def my_mail(work: Work, mail_id: UUID) -> asyncpg.Record:
    """One mail to the acting person. Raises `NotFound`."""
    mail = await work.fetchrow(
        "SELECT * FROM mail_message WHERE id = $1 AND to_person = $2", mail_id, work.actor.person_id
    )
    if mail is None:
        raise NotFound
    return mail


async def all_mails(work: Work) -> list[asyncpg.Record]:
    """In the demo, for its operator: mails to everybody, newest first. Raises `NotPermitted` anywhere else."""
    return await _demo_mails(work, None)


async def any_mail(work: Work, mail_id: UUID) -> asyncpg.Record:
    """In the demo, for its operator: one mail. Raises `NotFound`, `NotPermitted`."""
    found = await _demo_mails(work, mail_id)
    if not found:
        raise NotFound
    return found[0]


async def _demo_mails(work: Work, mail_id: UUID | None) -> list[asyncpg.Record]:
    permit(work.actor, "clock.move")
    try:
        return await work.fetch("SELECT * FROM demo_mailbox($1, $2)", mail_id, MOST)
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotPermitted("Only the demo's operator may do this, and only in the demo.") from error
