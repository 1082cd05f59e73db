"""Before it agrees, a family may meet those who would come: it proposes times, the provider confirms one of them.

Either side calls it off again; a family that proposes other times moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.records import is_blank
from marketplace.purchases import enquiries
from marketplace.referrals import anonymity

LONGEST_NOTE = 1_000
MOST_TIMES = 3
FURTHEST = timedelta(days=90)


async def ask_to_meet(actor: Actor, answer_id: UUID, proposed: Sequence[datetime], says: str = "") -> UUID:
    """Propose up to three times for meeting the workers of a proposal; returns the meeting's id. A meeting that is
    agreed and lies ahead is called off by it.

    Raises `InvalidInput` by field (proposed, says: it names nobody yet), `Conflict` where the proposal does not stand
    or was asked already and waits, `NotFound`.
    """
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        found = await enquiries.answer(work, answer_id)
        row = await enquiries.enquiry(work, found.enquiry_id, lock=True)
        if any(each.tzinfo is None for each in proposed):
            raise InvalidInput({"proposed": "Give each time with its offset, for example 2026-05-12T16:00:00+01:00"})
        times = sorted(set(proposed))
        faults: dict[str, str] = {}
        if not times:
            faults["proposed"] = "Enter at least one day and time to meet"
        elif len(times) > MOST_TIMES:
            faults["proposed"] = f"Propose at most {MOST_TIMES} times"
        elif times[0] <= work.now or times[-1] > work.now + FURTHEST:
            faults["proposed"] = "Each time must lie ahead, within three months"
        if len(says) > LONGEST_NOTE:
            faults["says"] = f"The message must be {LONGEST_NOTE:,} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        if found.state != "offered" or not enquiries.is_open(work, row):
            raise Conflict("This answer does not stand any more.")
        because = "the provider knows who you are once you have agreed"
        await anonymity.name_nobody(work, row.commissioner_id, row.child_id, "says", says, because)
        waits = await work.fetchval(
            "SELECT 1 FROM enquiry_meeting WHERE commissioner_id = $1 AND answer_id = $2 AND answered_at IS NULL"
            " AND called_off_at IS NULL",
            row.commissioner_id, found.id,
        )  # fmt: skip
        if waits:
            raise Conflict("You have asked to meet already. The provider has not answered yet.")
        moves = await work.fetchval(
            "UPDATE enquiry_meeting SET called_off_at = $3, called_off_by = 'family' WHERE commissioner_id = $1"
            " AND answer_id = $2 AND agreed_at > $3 AND called_off_at IS NULL RETURNING true",
            row.commissioner_id, found.id, work.now,
        )  # fmt: skip
        meeting_id = uuid4()
        await work.execute(
            "INSERT INTO enquiry_meeting (commissioner_id, id, enquiry_id, answer_id, provider_id, asked_by, asked_at,"
            " proposed, says) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            row.commissioner_id, meeting_id, row.id, found.id, found.provider_id, actor.person_id, work.now, times,
            says.strip(),
        )  # fmt: skip
        said = f"The family of request {row.reference} would like to meet the workers you propose."
        if moves:
            said = f"The family of request {row.reference} asks to meet at another time. The time agreed is called off."
        await tell(work, said, f"/enquiries/{row.id}", organisation_id=found.provider_id)
        work.audit("enquiry.meeting_asked", "enquiry", row.id, commissioner_id=row.commissioner_id, meeting=meeting_id)
        return meeting_id


async def answer_meeting(actor: Actor, meeting_id: UUID, *, agreed_at: datetime | None, answer: str = "") -> UUID:
    """Confirm one of the times proposed, or (None) say in words what else suits; answers the request's id.

    Raises `InvalidInput` by field (agreed_at, answer), `Conflict` for the second answer, `NotFound`.
    """
    permit(actor, "enquiry.answer")
    async with unit_of_work(actor) as work:
        found = await meeting(work, meeting_id, lock=True)
        faults: dict[str, str] = {}
        if agreed_at is not None and agreed_at not in found["proposed"]:
            faults["agreed_at"] = "Choose one of the times the family proposed"
        elif agreed_at is None and is_blank(answer):
            faults["answer"] = "Enter when you could meet instead"
        if len(answer) > LONGEST_NOTE:
            faults["answer"] = f"The answer must be {LONGEST_NOTE:,} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        if found["called_off_at"] is not None:
            raise Conflict("The family has called this off.")
        if found["answered_at"] is not None:
            raise Conflict("This has been answered already.")
        await work.execute(
            "UPDATE enquiry_meeting SET answered_at = $3, agreed_at = $4, answer = $5"
            " WHERE commissioner_id = $1 AND id = $2",
            found["commissioner_id"], found["id"], work.now, agreed_at, answer.strip(),
        )  # fmt: skip
        row = await enquiries.enquiry(work, found["enquiry_id"])
        said = f"A provider has answered when you can meet: request {row.reference}."
        for person in await enquiries.people(work, row):
            await tell(work, said, f"/requests/{row.id}", person_id=person)
        work.audit(
            "enquiry.meeting_answered", "enquiry", row.id, commissioner_id=row.commissioner_id, meeting=meeting_id,
            agreed=agreed_at is not None,
        )  # fmt: skip
        return row.id


async def meeting(work: Work, meeting_id: UUID, *, lock: bool = False) -> Any:
    """One meeting, a row. `lock` holds it for the unit. Raises `NotFound`."""
    found = await work.fetchrow(
        f"SELECT * FROM enquiry_meeting WHERE id = $1{' FOR UPDATE' if lock else ''}",  # noqa: S608 - our own words
        meeting_id,
    )
    if found is None:
        raise enquiries.nothing()
    return found


def nothing_to_call_off(found: Any, now: datetime) -> str:
    """Why a meeting, a row, cannot be called off any more, in a sentence; empty where it can."""
    if found["called_off_at"] is not None:
        return "This meeting is called off already."
    if found["answered_at"] is not None and found["agreed_at"] is None:
        return "No time was agreed, so there is nothing to call off."
    if found["agreed_at"] is not None and found["agreed_at"] <= now:
        return "The time of this meeting has come."
    return ""


async def call_off_meeting(actor: Actor, meeting_id: UUID, says: str = "") -> UUID:
    """Call a meeting off that is asked for or agreed, from either side; answers the request's id.

    Raises `InvalidInput` on `says` (until an agreement a family's names nobody), `Conflict` where it is called off
    already, was answered with no time, or its time has come; `NotFound`.
    """
    family = actor.role == "family"
    permit(actor, "direct_payment.spend" if family else "enquiry.answer")
    async with unit_of_work(actor) as work:
        found = await meeting(work, meeting_id, lock=True)
        row = await enquiries.enquiry(work, found["enquiry_id"])
        if len(says) > LONGEST_NOTE:
            raise InvalidInput({"says": f"The message must be {LONGEST_NOTE:,} characters or fewer"})
        if over := nothing_to_call_off(found, work.now):
            raise Conflict(over)
        agreed = (await enquiries.answer(work, found["answer_id"])).state == "accepted"
        if family and not agreed:
            because = "the provider knows who you are once you have agreed"
            await anonymity.name_nobody(work, row.commissioner_id, row.child_id, "says", says, because)
        await work.execute(
            "UPDATE enquiry_meeting SET called_off_at = $3, called_off_by = $4, called_off_says = $5"
            " WHERE commissioner_id = $1 AND id = $2",
            row.commissioner_id, meeting_id, work.now, "family" if family else "provider", says.strip(),
        )  # fmt: skip
        if family:
            said = f"The family of request {row.reference} has called the meeting off."
            await tell(work, said, f"/enquiries/{row.id}", organisation_id=found["provider_id"])
        said = f"The meeting about your request {row.reference} is called off."
        for person in await enquiries.people(work, row):
            if person != actor.person_id:
                await tell(work, said, f"/requests/{row.id}", person_id=person)
        work.audit(
            "enquiry.meeting_called_off", "enquiry", row.id, commissioner_id=row.commissioner_id, meeting=meeting_id,
            by="family" if family else "provider",
        )  # fmt: skip
        return row.id
