"""Actions of meetings and visits: asked of the provider or taken on by the commissioner, on every agenda until done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import asyncpg

from marketplace.contracts.steps import (
    LATEST,
    SHORT,
    Place,
    add_step,
    answering,
    attach,
    manager,
    one_at_a_time,
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
from marketplace.platform.errors import Conflict, InvalidInput, WrongState
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.web.filters import day

ACTION, LOOK = "task.contract_action", "task.look_at_action"
AFTER = {
    "action_done": "done", "action_returned": "open", "action_accepted": "accepted", "action_withdrawn": "withdrawn",
}  # fmt: skip
STATES = {
    "open": ("To do", "yellow"),
    "late": ("Late", "red"),
    "done": ("Said to be done", "blue"),
    "accepted": ("Done", "green"),
    "withdrawn": ("Withdrawn", "grey"),
}
# verb: (states it may be done in)
MAY = {
    "done": ("open",),
    "accepted": ("done",),
    "sent back": ("done",),
    "moved": ("open",),
    "withdrawn": ("open", "done"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One action as it stands. `for_provider` false: the commissioner took it on. `state` may be late."""

    id: UUID
    occasion_id: UUID
    finding_id: UUID | None
    title: str
    for_provider: bool
    owner_name: str
    due_on: date
    state: str

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do or to look at something."""
        return self.state in ("open", "late", "done")


async def actions_of(
    work: Work, *, occasion_id: UUID | None = None, action_id: UUID | None = None, place: Sequence[UUID] | None = None
) -> list[Action]:
    """The actions within reach of an occasion, of a contract (framework, provider, commissioner), or one of them."""
    framework_id, provider_id, commissioner_id = place or (None, None, None)
    rows = await work.fetch(
        """SELECT a.*, (SELECT t.what FROM contract_step t WHERE t.commissioner_id = a.commissioner_id
                          AND t.action_id = a.id AND t.what = ANY ($6) ORDER BY t.in_order DESC LIMIT 1) AS last,
                  (SELECT t.new_due_on FROM contract_step t WHERE t.commissioner_id = a.commissioner_id
                     AND t.action_id = a.id AND t.new_due_on IS NOT NULL ORDER BY t.in_order DESC LIMIT 1) AS moved_to
           FROM contract_action a WHERE ($1::uuid IS NULL OR a.occasion_id = $1) AND ($2::uuid IS NULL OR a.id = $2)
             AND ($3::uuid IS NULL OR a.framework_id = $3) AND ($4::uuid IS NULL OR a.provider_id = $4)
             AND ($5::uuid IS NULL OR a.commissioner_id = $5)
           ORDER BY coalesce((SELECT max(t.new_due_on) FROM contract_step t WHERE t.commissioner_id = a.commissioner_id
                                AND t.action_id = a.id), a.due_on), a.in_order""",
        occasion_id, action_id, framework_id, provider_id, commissioner_id, list(AFTER),
    )  # fmt: skip
    return [_action(row, local_day(work.now)) for row in rows]


def _action(row: asyncpg.Record, today: date) -> Action:
    due_on: date = row["moved_to"] or row["due_on"]
    state = AFTER.get(row["last"] or "", "open")
    return Action(
        row["id"], row["occasion_id"], row["finding_id"], row["title"], row["for_provider"], row["owner_name"], due_on,
        "late" if state == "open" and due_on < today else state,
    )  # fmt: skip


async def open_actions(work: Work, framework_id: UUID, provider_id: UUID, commissioner_id: UUID) -> list[Action]:
    """What is still to be done or looked at of a contract's actions, the first due first."""
    found = await actions_of(work, place=(framework_id, provider_id, commissioner_id))
    return [action for action in found if action.is_open]


async def ask_action(
    actor: Actor,
    occasion_id: UUID,
    *,
    title: str,
    due_on: date,
    owner_name: str = "",
    for_provider: bool = True,
    finding_id: UUID | None = None,
) -> UUID:
    """An action agreed at a meeting or asked after a visit, with its owner and last day. Raises `InvalidInput`,
    `Conflict` before it was held and shared."""
    async with unit_of_work(manager(actor)) as work:
        row = await row_of(work, "contract_occasion", occasion_id)
        if row["shared_at"] is None:
            raise Conflict("Share the minutes or findings first: an action belongs to them.")
        wrong: dict[str, str] = {}
        if not title.strip() or len(title.strip()) > SHORT:
            wrong["title"] = f"Enter what has to be done, in up to {SHORT} characters"
        if not local_day(work.now) <= due_on <= LATEST:
            wrong["due_on"] = "The last day must be today or later, and before 2200"
        if len(owner_name.strip()) > 120:
            wrong["owner_name"] = "The name must be 120 characters or fewer"
        if finding_id is not None and not await work.fetchval(
            "SELECT EXISTS (SELECT 1 FROM contract_finding WHERE occasion_id = $1 AND id = $2)", row["id"], finding_id
        ):
            wrong["finding_id"] = "Select a finding of this visit"
        if wrong:
            raise InvalidInput(wrong)
        place = await place_of_row(work, row)
        action_id: UUID = await work.fetchval(
            "INSERT INTO contract_action (commissioner_id, framework_id, provider_id, occasion_id, finding_id,"
            " for_provider, title, owner_name, due_on, asked_at, asked_by, asked_by_name)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
            place.commissioner_id, place.framework.id, place.provider_id, row["id"], finding_id, for_provider,
            title.strip(), owner_name.strip(), due_on, work.now, actor.person_id, actor.person_name,
        )  # fmt: skip
        who = place.provider_name if for_provider else actor.organisation_name
        await add_step(
            work, place, "action_asked", says=f"{who}, until {day(due_on)}.", occasion_id=row["id"], action_id=action_id
        )
        [action] = await actions_of(work, action_id=action_id)
        await _owe(work, place, action)
        work.audit(
            "contract_action.asked", "contract_action", action_id, occasion=row["id"], provider=place.provider_id,
            for_provider=for_provider, due_on=due_on,
        )  # fmt: skip
        if for_provider:
            sentence = f"An action of your contract with {actor.organisation_name} is due by {day(due_on)}."
            await tell_provider(work, place, sentence, _link(action))
        return action_id


async def say_done(actor: Actor, action_id: UUID, says: str, evidence_ids: Sequence[UUID] = ()) -> None:
    """The provider says that its action is done, with what shows it; a contract manager looks at it."""
    async with unit_of_work(answering(actor)) as work:
        place, action = await _in_state(work, action_id, "done")
        if not action.for_provider:
            raise Conflict("The commissioner does this action.")
        says = said(says, "says", "Enter what was done and what shows it")
        step = await add_step(
            work, place, "action_done", says=says, occasion_id=action.occasion_id, action_id=action.id
        )
        files = await attach(work, place, step, evidence_ids)
        await meet(work, ACTION, action.id)
        await owe(
            work, place.pack, LOOK, title=f"Look at an action {place.provider_name} says is done",
            subject_type="contract_action", subject_id=action.id, reference=place.framework.name,
            owed_by=Owed(place.commissioner_id, "contract_manager"), owed_to=place.provider_id, link=_link(action),
            framework_id=place.framework.id, commissioner_id=place.commissioner_id,
        )  # fmt: skip
        work.audit("contract_action.done", "contract_action", action.id, files=files)
        sentence = f"{place.provider_name} says that an action of its contract is done."
        await tell_managers(work, place, sentence, _link(action))


async def accept(actor: Actor, action_id: UUID, says: str = "") -> None:
    """The action is done: the provider's once it says so, one of our own at once, with what was done."""
    async with unit_of_work(manager(actor)) as work:
        place, action = await _in_state(work, action_id, None)
        if action.state not in (("done",) if action.for_provider else ("open", "late")):
            raise WrongState("action", action.state, "accepted")
        says = short(says) if action.for_provider else said(says, "says", "Enter what was done")
        await _close(work, place, action, "action_accepted", says)
        await tell_provider(work, place, "An action of your contract is done.", _link(action))


async def send_back(actor: Actor, action_id: UUID, says: str) -> None:
    """Something is missing: the action is open again, with its day or today where that has passed."""
    async with unit_of_work(manager(actor)) as work:
        place, action = await _in_state(work, action_id, "sent back")
        await _close(work, place, action, "action_returned", said(says, "says", "Enter what is missing"))
        await _owe(work, place, action)
        await tell_provider(
            work, place, "An action of your contract was sent back: see what is missing.", _link(action)
        )


async def withdraw(actor: Actor, action_id: UUID, says: str) -> None:
    """The action is no longer asked for, with the reason."""
    async with unit_of_work(manager(actor)) as work:
        place, action = await _in_state(work, action_id, "withdrawn")
        await _close(work, place, action, "action_withdrawn", said(says, "says", "Enter why it is no longer needed"))
        await cancel(work, action.id, ACTION)
        await tell_provider(work, place, "An action of your contract is no longer asked for.", _link(action))


async def move(actor: Actor, action_id: UUID, due_on: date, says: str) -> None:
    """Give an open action a later day, with the reason; that it was late stays on record."""
    async with unit_of_work(manager(actor)) as work:
        place, action = await _in_state(work, action_id, "moved")
        wrong: dict[str, str] = {}
        if not max(local_day(work.now), action.due_on + timedelta(days=1)) <= due_on <= LATEST:
            wrong["due_on"] = f"The new last day must be later than {day(action.due_on)}, and not in the past"
        if not says.strip():
            wrong["says"] = "Enter why it gets more time"
        if wrong:
            raise InvalidInput(wrong)
        await add_step(
            work, place, "action_moved", says=short(says), occasion_id=action.occasion_id, action_id=action.id,
            new_due_on=due_on,
        )  # fmt: skip
        await cancel(work, action.id, ACTION)
        [moved] = await actions_of(work, action_id=action.id)
        await _owe(work, place, moved)
        work.audit("contract_action.moved", "contract_action", action.id, due_on=due_on)
        await tell_provider(work, place, f"An action of your contract has until {day(due_on)}.", _link(action))


# --- parts ------------------------------------------------------------------------------------------------------------


def _link(action: Action) -> str:
    return f"/contract-occasions/{action.occasion_id}"


async def _in_state(work: Work, action_id: UUID, verb: str | None) -> tuple[Place, Action]:
    await one_at_a_time(work, action_id)
    row = await row_of(work, "contract_action", action_id)
    [action] = await actions_of(work, action_id=row["id"])
    state = "open" if action.state == "late" else action.state
    if verb is not None and state not in MAY[verb]:
        raise WrongState("action", action.state, verb)
    return await place_of_row(work, row), action


async def _close(work: Work, place: Place, action: Action, what: str, says: str) -> None:
    await add_step(work, place, what, says=says, occasion_id=action.occasion_id, action_id=action.id)
    await meet(work, LOOK, action.id)
    if what == "action_accepted":
        await meet(work, ACTION, action.id)
    work.audit(what.replace("action_", "contract_action.", 1), "contract_action", action.id)


async def _owe(work: Work, place: Place, action: Action) -> None:
    owed_by = Owed(place.provider_id) if action.for_provider else Owed(place.commissioner_id, "contract_manager")
    await owe(
        work, place.pack, ACTION, title=f"Contract action: {action.title}", subject_type="contract_action",
        subject_id=action.id, reference=place.framework.name, owed_by=owed_by,
        owed_to=place.commissioner_id if action.for_provider else place.provider_id, link=_link(action),
        due_at=end_of_day(max(action.due_on, local_day(work.now))), framework_id=place.framework.id,
        commissioner_id=place.commissioner_id,
    )  # fmt: skip
