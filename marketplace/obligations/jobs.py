"""Jobs of this folder: mails of news, the day's digest, and the sweep that looks at what domain time has made due.

Who belongs to a role is looked up here, within that organisation's own rows, since whoever causes the news may not see
its people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import FRONT_DOORS
from marketplace.obligations import queries, sweeps
from marketplace.obligations.mail_choices import without
from marketplace.obligations.news import MAIL_NOTICE
from marketplace.platform.actor import NOBODY, Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.jobs import job, sweep
from marketplace.platform.mail import queue_mail
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.settings import Settings
from marketplace.web.filters import moment, time_left

LONGEST_SUBJECT = 120


@sweep("duties")
async def look_at_duties(settings: Settings) -> None:
    """Every tenant with a duty whose next check has come: reminders before and after, misses at the moment itself."""
    await sweeps.look_at_duties()


@job(MAIL_NOTICE)
async def mail_notice(settings: Settings, payload: dict[str, Any]) -> None:
    """Write the mails of one notice, one to each person it concerns; run twice, it writes them once."""
    notice_id = UUID(payload["notice"])
    async with unit_of_work(reader(payload)) as work:
        notice = await work.fetchrow("SELECT * FROM notice WHERE id = $1", notice_id)
        if notice is None:
            return
        for person in await recipients(work, notice["organisation_id"], notice["role"], notice["person_id"]):
            await queue_mail(
                work.connection,
                to_person=person["id"],
                to_address=person["email"],
                subject=subject_of(notice["sentence"]),
                body=f"{notice['sentence']}\n\n{address(settings, person['roles'], notice['link'])}\n\n{CLOSING}",
                now=work.now,
                dedupe_key=f"notice {notice_id} {person['id']}",
            )


@job(sweeps.MAIL_DIGEST)
async def mail_digest(settings: Settings, payload: dict[str, Any]) -> None:
    """Write one mail a day and person with what it owes until tomorrow night; nothing owed, nothing written."""
    async with unit_of_work(reader(payload)) as work:
        organisation_id = UUID(payload["organisation"]) if payload["organisation"] else None
        person_id = UUID(payload["person"]) if payload["person"] else None
        until = end_of_day(local_day(work.now) + timedelta(days=1))
        people = await recipients(work, organisation_id, None, person_id)
        unwanted = await without(work, [person["id"] for person in people], "duties")
        for person in people:
            if person["id"] in unwanted:
                continue
            duties = [
                duty
                for duty in await queries.open_duties_of(work, person["id"], organisation_id, person["roles"])
                if duty["due_at"] <= until
            ]
            if duties:
                await queue_mail(
                    work.connection,
                    to_person=person["id"],
                    to_address=person["email"],
                    subject=f"{len(duties)} {'duty' if len(duties) == 1 else 'duties'} due by tomorrow",
                    body=digest_text(settings, duties, work, person["roles"]),
                    now=work.now,
                    dedupe_key=f"digest {payload['day']} {organisation_id} {person['id']}",
                )


CLOSING = (
    "You receive this because it concerns your work or your family. Sign in to see it."
    " Which daily mails you get you choose under My account."
)


def reader(payload: dict[str, Any]) -> Actor:
    """The system within the organisation whose people are meant, or as one person for that person's own news."""
    if payload["person"]:
        return Actor(UUID(payload["person"]), "The marketplace", "system")
    return Actor(NOBODY, "The marketplace", "system", UUID(payload["organisation"]))


async def recipients(
    work: Work, organisation_id: UUID | None, role: str | None, person_id: UUID | None
) -> list[asyncpg.Record]:
    """(id, email, roles) of one person, of a role's present members, or of the office roles' (not every worker's)."""
    if person_id is not None:
        return await work.fetch(
            """SELECT p.id, p.email, array_remove(array_agg(m.role), NULL) AS roles
               FROM person p LEFT JOIN membership m ON m.person_id = p.id AND (m.ended_at IS NULL OR m.ended_at > now())
                    AND ($2::uuid IS NULL OR m.organisation_id = $2)
               WHERE p.id = $1 GROUP BY p.id, p.email""",
            person_id, organisation_id,
        )  # fmt: skip
    return await work.fetch(
        """SELECT p.id, p.email, array_agg(m.role) AS roles FROM membership m JOIN person p ON p.id = m.person_id
           WHERE m.organisation_id = $1 AND (m.ended_at IS NULL OR m.ended_at > now())
             AND CASE WHEN $2::text IS NULL THEN m.role NOT IN ('worker', 'operator') ELSE m.role = ANY ($3::text[]) END
           GROUP BY p.id, p.email ORDER BY p.id""",
        organisation_id, role, queries.roles_covering(role),
    )  # fmt: skip


def subject_of(sentence: str) -> str:
    """The sentence as a subject line, cut at a word."""
    if len(sentence) <= LONGEST_SUBJECT:
        return sentence
    return sentence[:LONGEST_SUBJECT].rsplit(" ", 1)[0] + " ..."


def address(settings: Settings, roles: Sequence[str], link: str) -> str:
    """The link on the front door its reader uses."""
    at_marketplace = not roles or bool(FRONT_DOORS["marketplace"].intersection(roles))
    return (settings.marketplace_url if at_marketplace else settings.admin_url) + (link or "/today")


def digest_text(settings: Settings, duties: list[asyncpg.Record], work: Work, roles: Sequence[str]) -> str:
    """The digest's body: late duties first."""
    lines = [
        f"{duty['title']} ({duty['reference']}): {moment(duty['due_at'])}, {time_left(duty['due_at'], work.now)}\n"
        f"{address(settings, roles, duty['link'])}"
        for duty in duties
    ]
    return "\n\n".join(["What you owe until tomorrow night, the most urgent first.", *lines, CLOSING])
