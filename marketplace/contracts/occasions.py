"""Meetings, monitoring visits, inspections and interviews: planned, moved, called off, held and shared (L 7.4, 7.7; P
13.4, 13.5). An unannounced visit is the commissioner's own until its findings are shared; what is shared stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from marketplace.contracts import agenda, attendance
from marketplace.contracts.agenda import AgendaItem
from marketplace.contracts.dates import TASKS
from marketplace.contracts.steps import (
    LATEST,
    SHORT,
    add_step,
    answering,
    made_before,
    manager,
    one_at_a_time,
    place_of,
    place_of_row,
    row_of,
    said,
    short,
    subject,
    tell_managers,
    tell_provider,
)
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.contracts import REPEATING, answer_until
from marketplace.web.filters import moment

# kind: (what it is called, what a sentence calls it)
KINDS = {
    "meeting": ("Contract meeting", "contract meeting"),
    "monitoring_visit": ("Monitoring visit", "monitoring visit"),
    "inspection": ("Inspection", "inspection"),
    "interviews": ("Interviews", "interviews"),
}
UNANNOUNCED = ("inspection", "interviews")  # L 7.4
AGREE, ANSWER = "task.agree_minutes", "task.answer_findings"
MOST_ITEMS = 40


async def plan(
    actor: Actor,
    framework_id: UUID,
    provider_id: UUID,
    *,
    kind: str,
    starts_at: datetime,
    place: str,
    about: str = "",
    announced: bool = True,
    occasion_id: UUID | None = None,
) -> UUID:
    """Plan one; a meeting's agenda is made from the record. The provider is told, unless it comes unannounced.

    Sent again with the same `occasion_id` it is planned once.
    Raises `InvalidInput` by field, `NotFound` for a provider that is not on the framework.
    """
    async with unit_of_work(manager(actor)) as work:
        where = await place_of(work, framework_id, provider_id)
        occasion_id = occasion_id or uuid4()
        if await made_before(work, "contract_occasion", occasion_id):
            return occasion_id
        wrong: dict[str, str] = {}
        if kind not in KINDS:
            wrong["kind"] = "Select what you plan"
        if not announced and kind not in UNANNOUNCED:
            wrong["announced"] = "Only an inspection or interviews can come unannounced"
        if not _may_begin(work, starts_at):
            wrong["starts_on"] = "The day must be today or later, and before 2200"
        if not place.strip() or len(place.strip()) > SHORT:
            wrong["place"] = f"Enter where it is, in up to {SHORT} characters"
        if len(about.strip()) > 3_000:
            wrong["about"] = "This must be 3,000 characters or fewer"
        if wrong:
            raise InvalidInput(wrong)
        items = await agenda.made(work, where) if kind == "meeting" else []
        await work.execute(
            "INSERT INTO contract_occasion (id, commissioner_id, framework_id, provider_id, kind, announced, starts_at,"
            " place, about, agenda, planned_at, planned_by, planned_by_name)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            occasion_id, where.commissioner_id, where.framework.id, provider_id, kind, announced, starts_at,
            place.strip(), about.strip(), msgspec.to_builtins(items), work.now, actor.person_id, actor.person_name,
        )  # fmt: skip
        await add_step(work, where, "planned", says=_when(starts_at, place), occasion_id=occasion_id)
        work.audit(
            "contract_occasion.planned", "contract_occasion", occasion_id, commissioner_id=where.commissioner_id,
            framework=where.framework.id, kind=kind, starts_at=starts_at, announced=announced,
            **({"provider": provider_id} if announced else {}),
        )  # fmt: skip
        if announced:
            name = KINDS[kind][1]
            sentence = f"{actor.organisation_name} plans a {name} with you on {moment(starts_at)}."
            if kind == "interviews":
                sentence = f"{actor.organisation_name} plans interviews about your work on {moment(starts_at)}."
            await tell_provider(work, where, sentence.replace(" a inspection", " an inspection"), link(occasion_id))
            await attendance.expect(work, where, occasion_id, kind, starts_at)
        return occasion_id


async def edit_agenda(actor: Actor, occasion_id: UUID, items: Sequence[AgendaItem], *, seen: int | None = None) -> None:
    """Keep the agenda as edited; items without a title are left out. `seen` is the occasion's `changes` when the edit
    began. Raises `InvalidInput`, `Conflict` where it has changed since and once held."""
    async with unit_of_work(manager(actor)) as work:
        row = await _open_meeting(work, occasion_id)
        await _keep_agenda(work, row, _typed(row, items, seen))


async def make_agenda_again(
    actor: Actor, occasion_id: UUID, by_hand: Sequence[AgendaItem] | None = None, *, seen: int | None = None
) -> None:
    """Make the agenda from the record of this moment; items added by hand (None: those kept) stay below it."""
    async with unit_of_work(manager(actor)) as work:
        row = await _open_meeting(work, occasion_id)
        own = _typed(row, agenda.read(row["agenda"]) if by_hand is None else by_hand, seen)
        made = await agenda.made(work, await place_of_row(work, row))
        await _keep_agenda(work, row, [*made, *(item for item in own if item.key == agenda.BY_HAND)])


async def _open_meeting(work: Work, occasion_id: UUID) -> asyncpg.Record:
    row = await open_row(work, occasion_id)
    if row["kind"] != "meeting":
        raise Conflict("Only a meeting has an agenda.")
    return row


def _typed(row: asyncpg.Record, given: Sequence[AgendaItem], seen: int | None) -> list[AgendaItem]:
    if seen is not None and row["changes"] != seen:
        raise Conflict("This has been changed since you opened it. What you typed is still here: look at both.")
    items = [item for item in given if item.title.strip()]
    if len(items) > MOST_ITEMS:
        raise InvalidInput({"title": f"An agenda has {MOST_ITEMS} items at most"})
    for item in items:
        said(item.title, "title", "Enter a title", most=SHORT)
        short(item.text, "text")
    return items


async def _keep_agenda(work: Work, row: asyncpg.Record, items: Sequence[AgendaItem]) -> None:
    await _change(work, row, "agenda = $3", msgspec.to_builtins(list(items)))
    work.audit("contract_occasion.agenda", "contract_occasion", row["id"], items=len(items))
    if row["announced"]:
        where = await place_of_row(work, row)
        await tell_provider(work, where, "The agenda of a contract meeting has changed.", link(row["id"]))


async def move(actor: Actor, occasion_id: UUID, starts_at: datetime, place: str, reason: str) -> None:
    """Another time or place, with the reason; the provider is told of what it knows."""
    async with unit_of_work(manager(actor)) as work:
        row = await open_row(work, occasion_id)
        wrong: dict[str, str] = {}
        if not _may_begin(work, starts_at):
            wrong["starts_on"] = "The day must be today or later, and before 2200"
        if not place.strip() or len(place.strip()) > SHORT:
            wrong["place"] = f"Enter where it is, in up to {SHORT} characters"
        if not reason.strip():
            wrong["reason"] = "Enter why it is moved"
        if wrong:
            raise InvalidInput(wrong)
        where = await place_of_row(work, row)
        await _change(work, row, "starts_at = $3, place = $4", starts_at, place.strip())
        says = f"{_when(starts_at, place)} {short(reason, 'reason')}"
        await add_step(work, where, "moved", says=says, occasion_id=row["id"])
        work.audit("contract_occasion.moved", "contract_occasion", row["id"], starts_at=starts_at)
        if row["announced"]:
            await attendance.expect(work, where, row["id"], row["kind"], starts_at)
            sentence = f"Your {KINDS[row['kind']][1]} is moved to {moment(starts_at)}."
            await tell_provider(work, where, sentence, link(row["id"]))


async def call_off(actor: Actor, occasion_id: UUID, reason: str) -> None:
    """It does not take place, with the reason; what is due stays due."""
    async with unit_of_work(manager(actor)) as work:
        row = await open_row(work, occasion_id)
        reason = said(reason, "reason", "Enter why it is called off")
        where = await place_of_row(work, row)
        await _change(work, row, "called_off_at = $3, called_off_reason = $4", work.now, reason)
        await add_step(work, where, "called_off", says=reason, occasion_id=row["id"])
        work.audit("contract_occasion.called_off", "contract_occasion", row["id"])
        if row["announced"]:
            await attendance.end(work, row["id"], row["kind"])
            sentence = f"Your {KINDS[row['kind']][1]} of {moment(row['starts_at'])} is called off."
            await tell_provider(work, where, sentence, link(row["id"]))


async def share(actor: Actor, occasion_id: UUID, *, attended_by: str, provider_there: bool, minutes: str) -> None:
    """It was held: who was there and the minutes (or what a visit found altogether) go to the provider, for good.

    The duty to hold it is met; the provider's to take part in it is met or missed as of its time. Raises
    `InvalidInput`, `Conflict` before its time, or for a visit without a finding.
    """
    async with unit_of_work(manager(actor)) as work:
        row = await open_row(work, occasion_id)
        wrong: dict[str, str] = {}
        if not attended_by.strip() or len(attended_by.strip()) > 1_000:
            wrong["attended_by"] = "Enter who was there, in up to 1,000 characters"
        if not minutes.strip() or len(minutes.strip()) > 20_000:
            wrong["minutes"] = "Enter what was said or found, in up to 20,000 characters"
        if wrong:
            raise InvalidInput(wrong)
        begun(work, row)
        where = await place_of_row(work, row)
        findings = await work.fetchval(
            "SELECT count(*) FROM contract_finding WHERE commissioner_id = $1 AND occasion_id = $2",
            where.commissioner_id, row["id"],
        )  # fmt: skip
        if row["kind"] != "meeting" and not findings:
            raise Conflict("Note at least one finding before you share it.")
        await _change(
            work, row, "shared_at = $3, attended_by = $4, provider_there = $5, minutes = $6", work.now,
            attended_by.strip(), provider_there, minutes.strip(),
        )  # fmt: skip
        says = "" if provider_there else f"{where.provider_name} was not there."
        await add_step(work, where, "held", says=says, occasion_id=row["id"])
        work.audit(
            "contract_occasion.shared", "contract_occasion", row["id"], commissioner_id=where.commissioner_id,
            framework=where.framework.id, provider=where.provider_id, kind=row["kind"], provider_there=provider_there,
            findings=findings,
        )  # fmt: skip
        if row["kind"] in REPEATING:
            about = subject(where.framework.id, where.provider_id, where.commissioner_id, row["kind"])
            await meet(work, TASKS[row["kind"]][0], about, at=row["starts_at"])
            await attendance.seen(work, row["id"], row["kind"], row["starts_at"], there=provider_there)
        meeting, name = row["kind"] == "meeting", KINDS[row["kind"]][1]
        asked = "Agree the minutes of the contract meeting, or comment" if meeting else f"Answer what the {name} found"
        await owe(
            work, where.pack, AGREE if meeting else ANSWER, title=asked, subject_type="contract_occasion",
            subject_id=row["id"], reference=where.framework.name, owed_by=Owed(where.provider_id, "provider_manager"),
            owed_to=where.commissioner_id, link=link(row["id"]), due_at=answer_until(where.pack, work.now),
            framework_id=where.framework.id, commissioner_id=where.commissioner_id,
        )  # fmt: skip
        what = "The minutes of your contract meeting are" if meeting else f"What the {name} found is"
        await tell_provider(work, where, f"{what} there to read and to answer.", link(row["id"]))


# --- the provider -----------------------------------------------------------------------------------------------------


async def answer_minutes(actor: Actor, occasion_id: UUID, *, agrees: bool, says: str = "") -> None:
    """Agree the minutes, or have a comment kept beside them; agreeing comes once. Raises `Conflict`, `InvalidInput`."""
    async with unit_of_work(answering(actor)) as work:
        row = await shared_row(work, occasion_id)
        if row["kind"] != "meeting":
            raise NotFound
        what = await work.fetchval(
            "SELECT what FROM contract_step WHERE occasion_id = $1 AND what = 'minutes_agreed'", row["id"]
        )
        if what is not None:
            raise Conflict("These minutes have been agreed already.")
        says = short(says) if agrees else said(says, "says", "Enter your comment; it is kept with the minutes")
        where = await place_of_row(work, row)
        await add_step(
            work, where, "minutes_agreed" if agrees else "minutes_commented", says=says, occasion_id=row["id"]
        )
        await meet(work, AGREE, row["id"])
        work.audit("contract_occasion.answered", "contract_occasion", row["id"], agrees=agrees)
        did = "agrees the minutes of its contract meeting" if agrees else "comments on the minutes of its meeting"
        await tell_managers(work, where, f"{where.provider_name} {did}.", link(row["id"]))


# --- parts ------------------------------------------------------------------------------------------------------------


def link(occasion_id: UUID) -> str:
    """Its page, at either front door."""
    return f"/contract-occasions/{occasion_id}"


def _when(starts_at: datetime, place: str) -> str:
    return f"{moment(starts_at)}, {place.strip()}."


def _may_begin(work: Work, starts_at: datetime) -> bool:
    return local_day(work.now) <= local_day(starts_at) <= LATEST


async def open_row(work: Work, occasion_id: UUID) -> asyncpg.Record:
    """One that is still planned, held until this unit ends. Raises `Conflict` once it was held, or called off."""
    row = await row_of(work, "contract_occasion", occasion_id)
    if row["shared_at"] is not None:
        raise Conflict("This has been held and shared: it stays as both ends have read it.")
    if row["called_off_at"] is not None:
        raise Conflict("This has been called off.")
    return row


async def shared_row(work: Work, occasion_id: UUID) -> asyncpg.Record:
    """One that was held and shared, to be answered. Raises `Conflict` before."""
    await one_at_a_time(work, occasion_id)
    row = await row_of(work, "contract_occasion", occasion_id)
    if row["shared_at"] is None:
        raise Conflict("There is nothing to answer yet: you are told when there is.")
    return row


def begun(work: Work, row: asyncpg.Record) -> None:
    """Raise `Conflict` before its time."""
    if work.now < row["starts_at"]:
        raise Conflict(f"It begins on {moment(row['starts_at'])}: it cannot have been held yet.")


async def _change(work: Work, row: asyncpg.Record, columns: str, *values: Any) -> None:
    now = len(values) + 3
    await work.execute(
        f"UPDATE contract_occasion SET {columns}, changes = changes + 1, changed_at = ${now}"  # noqa: S608 - our own columns
        " WHERE commissioner_id = $1 AND id = $2",
        row["commissioner_id"], row["id"], *values, work.now,
    )  # fmt: skip
