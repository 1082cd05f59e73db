"""Stopping a duty's clock: whoever owes asks with a reason, a contract manager of the creditor accepts or declines.

Asking stops nothing. What is accepted counts from the moment it was asked for: a duty that fell due while the ask lay
undecided was in time all along. After the due moment nothing can be asked any more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.obligations import duty_queries, stop_queries
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.obligations.packs import pack_of_hash
from marketplace.obligations.tables import DutyStop
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.clock_stops import due_after_stops, latest_end, standing_or_next
from marketplace.policy.pack import Pack
from marketplace.policy.reminders import check_after_stop
from marketplace.web.filters import count, last_moment, moment

LONGEST = 2_000
DECIDE = "task.decide_clock_stop"
SIDES = ("provider_manager", "coordinator", "referrer", "contract_manager")  # who reads asks at all
ASK, DECIDES = "duty.stop", "duty.decide_stop"


async def ask_to_stop(
    actor: Actor, duty_id: UUID, *, ground: str, reason: str, from_at: datetime, until_at: datetime | None = None
) -> UUID:
    """Ask that a duty's clock stands from `from_at` until `until_at` (None: as long as the terms allow).

    `ground` is a clock stop of the pack that names this duty. Returns the ask's id. Raises `InvalidInput`; `Conflict`
    for a duty that is over or late, and while another ask waits for its answer.
    """
    async with unit_of_work(actor) as work:
        view = await _held(work, duty_id)
        row = view.row
        permit(actor, ASK)
        if row["owed_by_organisation"] != actor.organisation_id or row["owed_to"] is None:
            raise NotPermitted("Only whoever owes a duty asks for its clock to stand.")
        if _over(row):
            raise Conflict("This duty is over: there is no clock left to stop.")
        if row["due_at"] <= work.now:
            raise Conflict("Its time is over, so its clock cannot be stopped any more. What is late stays late.")
        if any(stop.state == "asked" for stop in view.stops):
            raise Conflict("You have asked for this clock to stand already. That is not decided yet.")
        pack = await pack_of_hash(work, row["pack_hash"])
        if not view.grounds:
            raise Conflict("The framework’s terms never let this clock stand.")
        _check(view, ground, reason, from_at, until_at)
        stop = DutyStop(
            id=uuid4(), duty_id=duty_id, asked_by_organisation=actor.organisation_id,
            decided_by_organisation=row["owed_to"], ground=ground, reason=reason.strip(), from_at=from_at,
            until_at=until_at, asked_at=work.now, asked_by=actor.person_id, asked_by_name=actor.person_name,
        )  # fmt: skip
        await DutyStop.insert(stop)
        link = f"/clock-stops/{stop.id}"
        await owe(
            work, pack, DECIDE, title="Decide whether a duty’s clock may stand", subject_type="duty_stop",
            subject_id=stop.id, reference=row["reference"], owed_by=Owed(row["owed_to"], "contract_manager"), link=link,
            owed_to=actor.organisation_id, commissioner_id=row["owed_to"], framework_id=row["framework_id"],
        )  # fmt: skip
        _audit(work, row, "duty.stop_asked", stop.id, ground=ground, from_at=from_at, until_at=until_at)
        await tell(
            work, f"{actor.organisation_name} asks that the clock of a duty stands: {_what(row)}.", link,
            organisation_id=row["owed_to"], role="contract_manager",
        )  # fmt: skip
        return stop.id


async def decide_stop(actor: Actor, stop_id: UUID, accepted: bool, decision: str) -> None:
    """Accept or decline an ask, with words the provider reads. Accepted, the duty falls due later by the time its clock
    stands. Raises `Conflict` once it is decided, taken back, or the duty's ground is gone."""
    async with unit_of_work(actor) as work:
        view, stop = await _held_stop(work, stop_id)
        permit(actor, DECIDES)
        if stop.decider_id != actor.commissioner_id:
            raise NotFound
        if stop.state != "asked":
            raise Conflict("This is decided, or the ask was taken back. Open the duty to see how it stands.")
        decision = _said(decision, "decision", "Enter why; the provider reads it")
        pack = await pack_of_hash(work, view.row["pack_hash"])
        until = stop_queries.accepted_until(view.grounds, view.row, stop, view.stood) if accepted else None
        await work.execute(
            """UPDATE duty_stop SET accepted = $2, decided_at = $3, decided_by = $4, decided_by_name = $5,
                      decision = $6, stands_until = $7 WHERE id = $1""",
            stop_id, accepted, work.now, actor.person_id, actor.person_name, decision, until,
        )  # fmt: skip
        await meet(work, DECIDE, stop_id)
        row = view.row
        if until is None:
            due, said = row["due_at"], "is not stopped"
        else:
            due = await _move(work, pack, row)
            said = f"stands until {moment(until)}"
        _audit(work, row, "duty.stop_accepted" if accepted else "duty.stop_declined", stop_id, until=until, due_at=due)
        await tell(
            work, f"{_what(row)}: its clock {said}. Due by {last_moment(due)}.", f"/duties/{row['id']}",
            organisation_id=row["owed_by_organisation"], role=row["owed_by_role"],
        )  # fmt: skip


async def take_back(actor: Actor, stop_id: UUID) -> None:
    """Take an ask back that is not decided yet. Raises `Conflict` otherwise."""
    async with unit_of_work(actor) as work:
        view, stop = await _held_stop(work, stop_id)
        permit(actor, ASK)
        if stop.state != "asked":
            raise Conflict("This is decided already, or was taken back.")
        await work.execute("UPDATE duty_stop SET closed_at = $2 WHERE id = $1", stop_id, work.now)
        await cancel(work, stop_id)
        _audit(work, view.row, "duty.stop_taken_back", stop_id)


async def end_stop(actor: Actor, stop_id: UUID) -> None:
    """Let the clock run again before its stop is over: either side may. One that has not begun then never begins.

    Raises `Conflict` when the clock does not stand, and will not."""
    async with unit_of_work(actor) as work:
        view, stop = await _held_stop(work, stop_id)
        if actor.role != "contract_manager":
            permit(actor, ASK)
        if not stop.accepted or stop.stands_until is None or stop.stands_until <= work.now or _over(view.row):
            raise Conflict("This clock does not stand any more.")
        await work.execute(
            "UPDATE duty_stop SET stands_until = greatest(from_at, $2), ended_at = $2, ended_by = $3,"
            " ended_by_name = $4 WHERE id = $1",
            stop_id, work.now, actor.person_id, actor.person_name,
        )  # fmt: skip
        row = view.row
        due = await _move(work, await pack_of_hash(work, row["pack_hash"]), row)
        _audit(work, row, "duty.stop_ended", stop_id, due_at=due)
        others: dict[str, Any] = {"organisation_id": row["owed_by_organisation"], "role": row["owed_by_role"]}
        link = f"/duties/{row['id']}"
        if actor.organisation_id == row["owed_by_organisation"]:
            others, link = {"organisation_id": stop.decider_id, "role": "contract_manager"}, f"/clock-stops/{stop_id}"
        await tell(work, f"{_what(row)}: its clock runs again. Due by {last_moment(due)}.", link, **others)


async def _held(work: Work, duty_id: UUID) -> duty_queries.DutyView:
    """The duty, held until this unit ends, so that no sweep or second decision comes between."""
    held = await work.fetchval("SELECT id FROM obligation WHERE id = $1 FOR UPDATE", duty_id)
    if held is None:
        raise NotFound
    return await duty_queries.duty(work, duty_id)


async def _held_stop(work: Work, stop_id: UUID) -> tuple[duty_queries.DutyView, stop_queries.Stop]:
    duty_id = await work.fetchval("SELECT duty_id FROM duty_stop WHERE id = $1", stop_id)
    if duty_id is None:
        raise NotFound
    view = await _held(work, duty_id)
    return view, next(stop for stop in view.stops if stop.id == stop_id)


def _check(
    view: duty_queries.DutyView, ground: str, reason: str, from_at: datetime,
    until_at: datetime | None,
) -> None:  # fmt: skip
    row, faults = view.row, dict[str, str]()
    rule = next((each for each in view.grounds if each.key == ground), None)
    if rule is None:
        faults["ground"] = "Select why the clock should stand"
    if not reason.strip() or len(reason) > LONGEST:
        faults["reason"] = f"Enter what happened, up to {LONGEST:,} characters; the contract manager reads it"
    if any(each is not None and each.tzinfo is None for each in (from_at, until_at)):
        raise InvalidInput({"from_at": "Give the moments with their offset from UTC"})
    stood = view.stood
    if not row["starts_at"] <= from_at < row["due_at"]:
        faults["from_at"] = (
            f"The stop must begin between {moment(row['starts_at'])}, when the duty began, and its due moment,"
            f" {last_moment(row['due_at'])}"
        )
    elif any(each.starts_at <= from_at < each.ends_at for each in stood):
        faults["from_at"] = "The clock stands at that moment already"
    elif until_at is not None and until_at <= from_at:
        faults["until_at"] = "The stop must end after it begins"
    elif any(from_at < each.starts_at and (until_at is None or until_at > each.starts_at) for each in stood):
        faults["until_at"] = "The clock stands for part of that time already"
    elif rule is not None:
        latest = latest_end(rule, from_at, stood)
        if latest <= from_at or (until_at is not None and until_at > latest):
            faults["until_at"] = (
                f"On this ground the clock of a duty may stand for {count(rule.most_days, 'day')} in all:"
                f" until {moment(latest)} at the latest"
            )
    if faults:
        raise InvalidInput(faults)


async def _move(work: Work, pack: Pack, row: asyncpg.Record) -> datetime:
    """Set the duty's due moment by all its stops; a miss that no longer is one is undone, one that is stays."""
    stops = await stop_queries.stops_of(work, row["id"])
    stood = stop_queries.stood(stops)
    first = row["first_due_at"] or row["due_at"]
    due = due_after_stops(pack, row["rule_key"], row["starts_at"], first, stood)
    shown = standing_or_next(stood, work.now)
    check_at = None if _over(row) else check_after_stop(pack, row["starts_at"], due, shown, work.now)
    await work.execute(
        """UPDATE obligation SET due_at = $2, first_due_at = $3, stopped_from = $4, stopped_until = $5,
                  next_check_at = $6, missed_at = CASE WHEN coalesce(met_at, missed_at) IS NOT NULL
                                       AND $2 <= coalesce(met_at, $7) THEN $2::timestamptz END WHERE id = $1""",
        row["id"], due, first, shown and shown.starts_at, shown and shown.ends_at, check_at, work.now,
    )  # fmt: skip
    return due


def _over(row: asyncpg.Record) -> bool:
    return row["met_at"] is not None or row["cancelled_at"] is not None


def _audit(work: Work, row: asyncpg.Record, action: str, stop_id: UUID, **details: Any) -> None:
    work.audit(
        action, "duty", row["id"], commissioner_id=row["commissioner_id"] or row["owed_to"], stop=stop_id,
        duty=row["rule_key"], reference=row["reference"], pack_hash=row["pack_hash"], **details,
    )  # fmt: skip


def _what(row: asyncpg.Record) -> str:
    return f"{row['title']} ({row['reference']})" if row["reference"] else str(row["title"])


def _said(text: str, name: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput({name: missing})
    if len(text) > LONGEST:
        raise InvalidInput({name: f"This must be {LONGEST:,} characters or fewer"})
    return text
