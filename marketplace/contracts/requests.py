"""Information a commissioner asks a provider for, with its format and deadline (L 7.9, appendix 2): given, accepted, or
returned as poor with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID, uuid4

from marketplace.contracts.steps import (
    LATEST,
    SHORT,
    Place,
    add_step,
    answering,
    attach,
    made_before,
    manager,
    one_at_a_time,
    place_of,
    place_of_row,
    row_of,
    said,
    short,
    tell_managers,
    tell_provider,
)
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, WrongState
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.policy.contracts import INFORMATION, information_due
from marketplace.web.filters import day

TASK, LOOK = "task.information_request", "task.look_at_information"
AFTER = {
    "information_asked": "open", "information_given": "given", "information_returned": "returned",
    "information_accepted": "accepted", "information_withdrawn": "withdrawn",
}  # fmt: skip
STATES = {
    "open": ("Asked for", "yellow"),
    "given": ("Given, not looked at", "blue"),
    "returned": ("Returned as poor", "red"),
    "accepted": ("Accepted", "green"),
    "withdrawn": ("Withdrawn", "grey"),
}
# verb: (states it may be done in)
MAY = {
    "given": ("open", "returned"), "accepted": ("given",), "returned": ("given",), "moved": ("open", "returned"),
    "withdrawn": ("open", "returned", "given"),
}  # fmt: skip


async def ask_information(
    actor: Actor,
    framework_id: UUID,
    provider_id: UUID,
    *,
    title: str,
    asks: str,
    format: str,
    due_on: date | None = None,
    request_id: UUID | None = None,
) -> UUID:
    """Ask for information: what, in which format, by when (the pack's days where no day is set). Returns its id.

    Sent again with the same `request_id` it is asked for once.
    Raises `InvalidInput` by field, `NotFound`.
    """
    async with unit_of_work(manager(actor)) as work:
        place = await place_of(work, framework_id, provider_id)
        request_id = request_id or uuid4()
        if await made_before(work, "information_request", request_id):
            return request_id
        last = due_on or information_due(place.pack, work.now)
        wrong: dict[str, str] = {}
        if not title.strip() or len(title.strip()) > SHORT:
            wrong["title"] = f"Enter what it is about, in up to {SHORT} characters"
        if not asks.strip():
            wrong["asks"] = "Enter what you need to know"
        if not format.strip() or len(format.strip()) > SHORT:
            wrong["format"] = f"Enter the format you need, in up to {SHORT} characters"
        if last is None or not local_day(work.now) <= last <= LATEST:
            wrong["due_on"] = "The last day must be today or later, and before 2200"
        if wrong or last is None:
            raise InvalidInput(wrong)
        await work.execute(
            "INSERT INTO information_request (id, commissioner_id, framework_id, provider_id, title, asks, format,"
            " due_on, asked_at, asked_by, asked_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            request_id, place.commissioner_id, framework_id, provider_id, title.strip(), short(asks, "asks"),
            format.strip(), last, work.now, actor.person_id, actor.person_name,
        )  # fmt: skip
        await add_step(
            work, place, "information_asked", says=f"{title.strip()}, until {day(last)}.", request_id=request_id
        )
        await _owe(work, place, request_id, last)
        work.audit(
            "information_request.asked", "information_request", request_id, commissioner_id=place.commissioner_id,
            framework=framework_id, provider=provider_id, due_on=last,
        )  # fmt: skip
        sentence = f"{actor.organisation_name} asks you for information until {day(last)}."
        await tell_provider(work, place, sentence, link(request_id))
        return request_id


async def give(actor: Actor, request_id: UUID, says: str, evidence_ids: Sequence[UUID] = ()) -> None:
    """The provider gives what was asked, in words and with files; a contract manager looks at it."""
    async with unit_of_work(answering(actor)) as work:
        place = await _in_state(work, request_id, "given")
        says = said(says, "says", "Enter the information, or what the files are")
        step = await add_step(work, place, "information_given", says=says, request_id=request_id)
        files = await attach(work, place, step, evidence_ids)
        await meet(work, (INFORMATION, TASK), request_id)
        await owe(
            work, place.pack, LOOK, title=f"Look at the information {place.provider_name} gave",
            subject_type="information_request", subject_id=request_id, reference=place.framework.name,
            owed_by=Owed(place.commissioner_id, "contract_manager"), owed_to=place.provider_id, link=link(request_id),
            framework_id=place.framework.id, commissioner_id=place.commissioner_id,
        )  # fmt: skip
        work.audit("information_request.given", "information_request", request_id, files=files)
        await tell_managers(
            work, place, f"{place.provider_name} gives the information you asked for.", link(request_id)
        )


async def accept(actor: Actor, request_id: UUID, says: str = "") -> None:
    """The information is what was asked for."""
    async with unit_of_work(manager(actor)) as work:
        place = await _in_state(work, request_id, "accepted")
        await _look(work, place, request_id, "information_accepted", short(says))
        await tell_provider(work, place, "The information you gave is accepted.", link(request_id))


async def send_back(actor: Actor, request_id: UUID, says: str, due_on: date) -> None:
    """The information is poor, for the reasons given: it is asked for again until a day (L 7.9)."""
    async with unit_of_work(manager(actor)) as work:
        place = await _in_state(work, request_id, "returned")
        _check_day(work, due_on, says, "Enter what is wrong with it, so that the provider can mend it")
        await _look(work, place, request_id, "information_returned", short(says), new_due_on=due_on)
        await _owe(work, place, request_id, due_on)
        sentence = f"The information you gave is returned: see why, and give it again until {day(due_on)}."
        await tell_provider(work, place, sentence, link(request_id))


async def move(actor: Actor, request_id: UUID, due_on: date, says: str) -> None:
    """A later day, with the reason; that it was late stays on record."""
    async with unit_of_work(manager(actor)) as work:
        place = await _in_state(work, request_id, "moved")
        last = await last_day_of(work, request_id)
        _check_day(work, due_on, says, "Enter why it gets more time", after=last)
        await add_step(work, place, "information_moved", says=short(says), request_id=request_id, new_due_on=due_on)
        for rule in (INFORMATION, TASK):
            await cancel(work, request_id, rule)
        await _owe(work, place, request_id, due_on)
        work.audit("information_request.moved", "information_request", request_id, due_on=due_on)
        await tell_provider(work, place, f"Information asked of you has until {day(due_on)}.", link(request_id))


async def withdraw(actor: Actor, request_id: UUID, says: str) -> None:
    """The information is no longer asked for, with the reason."""
    async with unit_of_work(manager(actor)) as work:
        place = await _in_state(work, request_id, "withdrawn")
        says = said(says, "says", "Enter why it is no longer needed")
        await _look(work, place, request_id, "information_withdrawn", says)
        for rule in (INFORMATION, TASK):
            await cancel(work, request_id, rule)
        await tell_provider(work, place, "Information asked of you is no longer needed.", link(request_id))


# --- parts ------------------------------------------------------------------------------------------------------------


def link(request_id: UUID) -> str:
    """Its page, at either front door."""
    return f"/information-requests/{request_id}"


async def last_day_of(work: Work, request_id: UUID) -> date:
    """The last day as it stands: the request's own, or the latest it was given since."""
    return await work.fetchval(
        "SELECT coalesce((SELECT t.new_due_on FROM contract_step t WHERE t.commissioner_id = r.commissioner_id"
        " AND t.request_id = r.id AND t.new_due_on IS NOT NULL ORDER BY t.in_order DESC LIMIT 1), r.due_on)"
        " FROM information_request r WHERE r.id = $1",
        request_id,
    )


async def state_of(work: Work, request_id: UUID) -> str:
    """How a request within reach stands."""
    what = await work.fetchval(
        "SELECT what FROM contract_step WHERE request_id = $1 AND what = ANY ($2) ORDER BY in_order DESC LIMIT 1",
        request_id, list(AFTER),
    )  # fmt: skip
    return AFTER[what]


def _check_day(work: Work, due_on: date, says: str, missing: str, after: date | None = None) -> None:
    wrong: dict[str, str] = {}
    first = local_day(work.now) if after is None else max(local_day(work.now), after + timedelta(days=1))
    if not first <= due_on <= LATEST:
        wrong["due_on"] = f"The new last day must be {day(first)} or later, and before 2200"
    if not says.strip():
        wrong["says"] = missing
    if wrong:
        raise InvalidInput(wrong)


async def _in_state(work: Work, request_id: UUID, verb: str) -> Place:
    await one_at_a_time(work, request_id)
    row = await row_of(work, "information_request", request_id)
    state = await state_of(work, row["id"])
    if state not in MAY[verb]:
        raise WrongState("request", state, verb)
    return await place_of_row(work, row)


async def _look(
    work: Work, place: Place, request_id: UUID, what: str, says: str, new_due_on: date | None = None
) -> None:
    await add_step(work, place, what, says=says, request_id=request_id, new_due_on=new_due_on)
    await meet(work, LOOK, request_id)
    work.audit(what.replace("information_", "information_request.", 1), "information_request", request_id)


async def _owe(work: Work, place: Place, request_id: UUID, due_on: date) -> None:
    known = INFORMATION in place.pack.on(local_day(work.now)).duties
    await owe(
        work, place.pack, INFORMATION if known else TASK, title=None if known else "Give the information asked for",
        subject_type="information_request", subject_id=request_id, reference=place.framework.name,
        owed_by=Owed(place.provider_id), owed_to=place.commissioner_id, link=link(request_id),
        due_at=end_of_day(due_on), framework_id=place.framework.id, commissioner_id=place.commissioner_id,
    )  # fmt: skip
