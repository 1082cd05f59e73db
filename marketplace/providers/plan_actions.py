"""What both ends do about a suspension: the provider answers, does what is asked and asks for a review; the contract
manager asks, looks and signs off. Each is a step that is added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.identity.names import is_name
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.policy.suspending import RESPONSE, REVIEW, SIGN_OFF
from marketplace.providers.attachments import DBS_SCAN
from marketplace.providers.files import attachable
from marketplace.providers.imposing import ACTION, WRITE_PLAN, add_step, tell_deciders
from marketplace.providers.lifting import decided_suspension, lift
from marketplace.providers.plans import Action, SuspensionView, suspension
from marketplace.providers.standing import hold_standing
from marketplace.web.filters import day

LONGEST = 4_000
MOST_FILES = 12
LATEST = date(2199, 12, 31)  # far beyond any plan; the calendar itself ends
# verb: (states it may be done in)
MAY: dict[str, tuple[str, ...]] = {
    "done": ("open",),
    "given an owner": ("open", "done"),
    "sent back": ("done",),
    "signed off": ("done",),
    "moved": ("open",),
    "withdrawn": ("open", "done"),
}


# --- the provider -----------------------------------------------------------------------------------------------------


async def answer(actor: Actor, suspension_id: UUID, says: str) -> None:
    """Say what there is to say about a suspension of one's own: the contract managers who decide are told."""
    async with unit_of_work(_provider(actor)) as work:
        view = await _own(work, suspension_id)
        says = _said(says, "says", "Enter your answer; the contract manager reads it")
        await add_step(work, view.framework.id, view.id, view.provider_id, "answered", says=says)
        await meet(work, RESPONSE, view.id)
        work.audit("suspension.answered", "suspension", view.id, framework=view.framework.id)
        await tell_deciders(
            work, view.framework, view.partner_id, f"{view.provider_name} has answered its suspension.",
            f"/suspensions/{view.id}",
        )  # fmt: skip


async def ask_review(actor: Actor, suspension_id: UUID, says: str) -> None:
    """Ask that somebody else looks at the suspension again; one review at a time. Raises `Conflict` for a second."""
    async with unit_of_work(_provider(actor)) as work:
        view = await _own(work, suspension_id)
        if view.review is not None:
            raise Conflict(f"You have asked for a review on {day(view.review.at)}. It is not decided yet.")
        says = _said(says, "says", "Enter why the suspension should be looked at again")
        await add_step(work, view.framework.id, view.id, view.provider_id, "review_asked", says=says)
        pack = await pack_of(work, view.framework.id)
        await owe(
            work, pack, REVIEW, subject_type="suspension", subject_id=view.id, reference=view.framework.name,
            owed_by=Owed(view.partner_id or view.framework.lead_id, "contract_manager"), owed_to=view.provider_id,
            link=f"/suspensions/{view.id}/review", framework_id=view.framework.id, commissioner_id=view.partner_id,
        )  # fmt: skip
        work.audit("suspension.review_asked", "suspension", view.id, framework=view.framework.id)
        await tell_deciders(
            work, view.framework, view.partner_id, f"{view.provider_name} asks for a review of its suspension, by"
            " somebody other than who imposed it.", f"/suspensions/{view.id}/review",
        )  # fmt: skip


async def name_owner(actor: Actor, action_id: UUID, owner_name: str) -> None:
    """Say who of the provider's people does an action."""
    async with unit_of_work(_provider(actor)) as work:
        view, action = await _own_action(work, action_id, "given an owner")
        name = owner_name.strip()
        if not is_name(name) or len(name) > 120:
            raise InvalidInput({"owner_name": "Enter the name of who does it, up to 120 characters"})
        await add_step(
            work, view.framework.id, view.id, view.provider_id, "owner_named", action_id=action.id, owner_name=name
        )
        await meet(work, RESPONSE, view.id)
        work.audit("plan_action.owner_named", "plan_action", action.id, suspension=view.id)


async def say_done(actor: Actor, action_id: UUID, says: str, evidence_ids: Sequence[UUID] = ()) -> None:
    """Say that an action is done, with what shows it; the contract manager looks at it by the pack's clock."""
    async with unit_of_work(_provider(actor)) as work:
        view, action = await _own_action(work, action_id, "done")
        says = _said(says, "says", "Enter what was done and what shows it")
        files = list(dict.fromkeys(evidence_ids))
        if len(files) > MOST_FILES:
            raise InvalidInput({"evidence_id": f"Select {MOST_FILES} files at most"})
        for evidence_id in files:
            if (await attachable(work, evidence_id))["kind"] == DBS_SCAN:
                raise InvalidInput(
                    {"evidence_id": "A scan of a DBS certificate is shown to nobody: select another file"}
                )
        step = await add_step(
            work, view.framework.id, view.id, view.provider_id, "action_done", says=says, action_id=action.id
        )
        for evidence_id in files:
            await work.execute(
                "INSERT INTO step_evidence VALUES ($1, $2, $3, $4)",
                view.framework.id, step, view.provider_id, evidence_id,
            )  # fmt: skip
        await meet(work, ACTION, action.id)
        await meet(work, RESPONSE, view.id)
        await owe(
            work, await pack_of(work, view.framework.id), SIGN_OFF, subject_type="plan_action", subject_id=action.id,
            reference=view.framework.name, owed_by=Owed(view.partner_id or view.framework.lead_id, "contract_manager"),
            owed_to=view.provider_id, link=f"/suspensions/{view.id}", framework_id=view.framework.id,
            commissioner_id=view.partner_id,
        )  # fmt: skip
        work.audit("plan_action.done", "plan_action", action.id, suspension=view.id, files=len(files))
        await tell_deciders(
            work, view.framework, view.partner_id, f"{view.provider_name} says that an action of its plan is done.",
            f"/suspensions/{view.id}",
        )  # fmt: skip


# --- the contract manager ---------------------------------------------------------------------------------------------


async def ask_action(
    actor: Actor, suspension_id: UUID, *, title: str, due_on: date, evidence_asked: str = "", owner_name: str = ""
) -> UUID:
    """Ask for an action with its last day and what is to show it; returns its id. Raises `InvalidInput`, `Conflict`."""
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        row, view = await decided_suspension(work, suspension_id)
        found = await _standing(work, row["id"])
        wrong: dict[str, str] = {}
        if not title.strip() or len(title.strip()) > 300:
            wrong["title"] = "Enter what the provider has to do, in up to 300 characters"
        if not local_day(work.now) <= due_on <= LATEST:
            wrong["due_on"] = "The last day must be today or later, and before 2200"
        if len(evidence_asked.strip()) > LONGEST:
            wrong["evidence_asked"] = f"What is to show it must be {LONGEST:,} characters or fewer"
        if len(owner_name.strip()) > 120:
            wrong["owner_name"] = "The name must be 120 characters or fewer"
        if wrong:
            raise InvalidInput(wrong)
        action_id: UUID = await work.fetchval(
            "INSERT INTO plan_action (framework_id, suspension_id, provider_id, title, evidence_asked, owner_name,"
            " due_on, asked_at, asked_by, asked_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            view.id, found.id, found.provider_id, title.strip(), evidence_asked.strip(), owner_name.strip(), due_on,
            work.now, actor.person_id, actor.person_name,
        )  # fmt: skip
        await add_step(
            work, view.id, found.id, found.provider_id, "action_asked", says=evidence_asked, action_id=action_id
        )
        await _owe_action(work, found, action_id, title.strip(), due_on)
        await meet(work, WRITE_PLAN, found.id)
        work.audit(
            "plan_action.asked", "plan_action", action_id, suspension=found.id, provider=found.provider_id,
            framework=view.id, due_on=due_on,
        )  # fmt: skip
        await tell(
            work, f"Your action plan for {view.name} asks for something until {day(due_on)}.",
            f"/standing/suspensions/{found.id}", organisation_id=found.provider_id,
        )  # fmt: skip
        return action_id


async def sign_off(actor: Actor, action_id: UUID, says: str = "") -> None:
    """The action is done as asked. Raises `WrongState` unless the provider says it is done."""
    async with unit_of_work(_decider(actor)) as work:
        view, action = await _decided_action(work, action_id, "signed off")
        await _look(work, view, action, "action_signed_off", _short(says))
        await _tell_provider(work, view, "An action of your plan has been signed off.")


async def send_back(actor: Actor, action_id: UUID, says: str) -> None:
    """What was done is not enough: the action is open again, with its day."""
    async with unit_of_work(_decider(actor)) as work:
        view, action = await _decided_action(work, action_id, "sent back")
        await _look(work, view, action, "action_returned", _said(says, "says", "Enter what is missing"))
        await _owe_action(work, view, action.id, action.title, max(action.due_on, view.today))
        await _tell_provider(work, view, "An action of your plan has been sent back: see what is missing.")


async def withdraw_action(actor: Actor, action_id: UUID, says: str) -> None:
    """The action is no longer asked for, with the reason."""
    async with unit_of_work(_decider(actor)) as work:
        view, action = await _decided_action(work, action_id, "withdrawn")
        await _look(work, view, action, "action_withdrawn", _said(says, "says", "Enter why it is no longer needed"))
        await cancel(work, action.id, ACTION)
        await _tell_provider(work, view, "An action of your plan is no longer asked for.")


async def move_action(actor: Actor, action_id: UUID, due_on: date, says: str) -> None:
    """Give an open action a later day, with the reason; that it was late stays on record."""
    async with unit_of_work(_decider(actor)) as work:
        view, action = await _decided_action(work, action_id, "moved")
        wrong: dict[str, str] = {}
        if not max(view.today, action.due_on + timedelta(days=1)) <= due_on <= LATEST:
            wrong["due_on"] = f"The new last day must be later than {day(action.due_on)}, and not in the past"
        if not says.strip():
            wrong["says"] = "Enter why it gets more time"
        if wrong:
            raise InvalidInput(wrong)
        await add_step(
            work, view.framework.id, view.id, view.provider_id, "action_moved", says=_short(says),
            action_id=action.id, new_due_on=due_on,
        )  # fmt: skip
        await cancel(work, action.id, ACTION)
        await _owe_action(work, view, action.id, action.title, due_on)
        work.audit("plan_action.moved", "plan_action", action.id, suspension=view.id, due_on=due_on)
        await _tell_provider(work, view, f"An action of your plan has a new last day: {day(due_on)}.")


async def decide_review(actor: Actor, suspension_id: UUID, *, lifts: bool, says: str) -> None:
    """Decide on a review by somebody else than who imposed it: the suspension stands, or is lifted altogether.

    Raises `Conflict` where no review is asked for or the actor imposed it, `InvalidInput` without the reason.
    """
    permit(actor, "suspension.review")
    async with unit_of_work(actor) as work:
        row, framework = await decided_suspension(work, suspension_id)
        view = await _standing(work, row["id"])
        if view.review is None:
            raise Conflict("No review is asked for, or it has been decided already.")
        if view.imposed_by == actor.person_id:
            raise Conflict("You imposed this suspension: somebody else must decide on its review.")
        says = _said(says, "says", "Enter why; the provider reads it")
        what = "review_lifted" if lifts else "review_upheld"
        await add_step(work, framework.id, view.id, view.provider_id, what, says=says)
        await meet(work, REVIEW, view.id)
        work.audit(
            "suspension.reviewed",
            "suspension",
            view.id,
            framework=framework.id,
            provider=view.provider_id,
            lifted=lifts,
        )
        if lifts:
            for part_id, _ in view.parts:
                part = await work.fetchrow("SELECT * FROM suspension WHERE id = $1", part_id)
                await lift(work, framework, part, says, whatever_the_plan=True)
        else:
            await _tell_provider(work, view, "Your suspension has been looked at again and stands: see why.")


# --- parts ------------------------------------------------------------------------------------------------------------


def _provider(actor: Actor) -> Actor:
    permit(actor, "suspension.answer")
    if actor.provider_id is None:
        raise NotPermitted
    return actor


def _decider(actor: Actor) -> Actor:
    permit(actor, "provider.suspend")
    return actor


async def _standing(work: Work, suspension_id: UUID) -> SuspensionView:
    view = await suspension(work, suspension_id)
    if not view.in_force:
        raise Conflict("This suspension has ended already.")
    return view


async def _own(work: Work, suspension_id: UUID) -> SuspensionView:
    view = await suspension(work, suspension_id)
    if view.provider_id != work.actor.provider_id:
        raise NotFound
    await hold_standing(work, view.framework.id, view.provider_id, alone=True)
    return await _standing(work, view.id)


async def _own_action(work: Work, action_id: UUID, verb: str) -> tuple[SuspensionView, Action]:
    return _in_state(await _own(work, await _suspension_of(work, action_id)), action_id, verb)


async def _decided_action(work: Work, action_id: UUID, verb: str) -> tuple[SuspensionView, Action]:
    row, _ = await decided_suspension(work, await _suspension_of(work, action_id))
    return _in_state(await _standing(work, row["id"]), action_id, verb)


async def _suspension_of(work: Work, action_id: UUID) -> UUID:
    found = await work.fetchval("SELECT suspension_id FROM plan_action WHERE id = $1", action_id)
    if found is None:
        raise NotFound("There is no such action, or it is not yours to see.")
    return found


def _in_state(view: SuspensionView, action_id: UUID, verb: str) -> tuple[SuspensionView, Action]:
    action = next(each for each in view.actions if each.id == action_id)
    if action.state not in MAY[verb]:
        raise WrongState("action", action.state, verb)
    return view, action


async def _look(work: Work, view: SuspensionView, action: Action, what: str, says: str) -> None:
    await add_step(work, view.framework.id, view.id, view.provider_id, what, says=says, action_id=action.id)
    await meet(work, SIGN_OFF, action.id)
    work.audit(what.replace("action_", "plan_action.", 1), "plan_action", action.id, suspension=view.id)


async def _owe_action(work: Work, view: SuspensionView, action_id: UUID, title: str, due_on: date) -> None:
    await owe(
        work, await pack_of(work, view.framework.id), ACTION, title=f"Action plan: {title}", subject_type="plan_action",
        subject_id=action_id, reference=view.framework.name, owed_by=Owed(view.provider_id), due_at=end_of_day(due_on),
        owed_to=work.actor.commissioner_id, link=f"/standing/suspensions/{view.id}", framework_id=view.framework.id,
        commissioner_id=view.partner_id,
    )  # fmt: skip


async def _tell_provider(work: Work, view: SuspensionView, sentence: str) -> None:
    await tell(work, sentence, f"/standing/suspensions/{view.id}", organisation_id=view.provider_id)


def _said(text: str, field: str, missing: str) -> str:
    if not text.strip():
        raise InvalidInput({field: missing})
    return _short(text)


def _short(text: str) -> str:
    if len(text.strip()) > LONGEST:
        raise InvalidInput({"says": f"This must be {LONGEST:,} characters or fewer"})
    return text.strip()
