"""A provider's pages of its own suspensions: what and why, answering, the plan's actions, asking for a review."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import plan_actions
from marketplace.providers.imposing import what_goes_on
from marketplace.providers.plan_files import attachable_files
from marketplace.providers.plans import Action, SuspensionView, suspension
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("standing.read", "provider.write")]}
ANSWERS: dict[str, Any] = {"guards": [requires("suspension.answer")]}
Asked = Request[Any, Any, Any]
MOST = 3000
# what is said: title, what happens with it, the question, the button
TEXTS = {
    "answer": (
        "Answer", "The contract managers who decide about this suspension are told and read it.", "Your answer",
        "Send the answer",
    ),
    "review": (
        "Ask for a review", "Somebody other than who imposed the suspension looks at it again, by the framework's time,"
        " and you read why it stands or is lifted.", "Why should it be looked at again?", "Ask for the review",
    ),
    "done": (
        "Say that it is done", "The contract manager looks at it, and signs it off or says what is missing.",
        "What was done, and what shows it?", "Say that it is done",
    ),
    "owner": ("Say who does it", "The contract manager sees the name beside the action.", "", "Save"),
}  # fmt: skip


async def _own(work: Work, suspension_id: UUID) -> SuspensionView:
    view = await suspension(work, suspension_id)
    if view.provider_id != work.actor.provider_id:
        raise NotFound
    return view


async def _shown(work: Work, suspension_id: UUID) -> tuple[SuspensionView, str]:
    view = await _own(work, suspension_id)
    return view, await what_goes_on(work, view.framework.id, view.provider_id)


async def _own_action(work: Work, action_id: UUID) -> tuple[SuspensionView, Action]:
    suspension_id = await work.fetchval(
        "SELECT suspension_id FROM plan_action WHERE id = $1 AND provider_id = $2", action_id, work.actor.provider_id
    )
    if suspension_id is None:
        raise NotFound
    view = await _own(work, suspension_id)
    return view, next(action for action in view.actions if action.id == action_id)


@get("/standing/suspensions/{suspension_id:uuid}", **READS)
async def suspension_page(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """One suspension: why, since when, what stays, the plan, the story, and what there is to do."""
    view, goes_on = await ask(request.user, _shown, suspension_id)
    return page(
        request,
        "providers/suspension.html",
        title="Suspension from new referrals",
        view=view,
        goes_on=goes_on,
        answers=may(request.user, "suspension.answer"),
    )


@get("/standing/suspensions/{suspension_id:uuid}/{deed:str}", **ANSWERS)
async def say_page(request: Asked, suspension_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Answer the suspension, or ask for a review."""
    view = await ask(request.user, _own, suspension_id)
    return await _say(request, deed if deed in ("answer", "review") else "", view, None, Form())


@post("/standing/suspensions/{suspension_id:uuid}/{deed:str}", status_code=303, **ANSWERS)
async def say(request: Asked, suspension_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Sends it to those who decide."""
    view = await ask(request.user, _own, suspension_id)
    if deed not in ("answer", "review"):
        raise NotFound
    form = Form(await read_form(request))
    says = form.text("says", "what you want to say", most=MOST, lines=True)
    if not form.errors:
        try:
            done = plan_actions.answer if deed == "answer" else plan_actions.ask_review
            await done(request.user, suspension_id, says)
            said = "Your answer has been sent." if deed == "answer" else "The review has been asked for."
            return see_other(request, f"/standing/suspensions/{view.id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("says", error.sentence)
    return await _say(request, deed, view, None, form)


@get("/standing/actions/{action_id:uuid}/{deed:str}", **ANSWERS)
async def action_page(request: Asked, action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Say that an action is done, or who does it."""
    view, action = await ask(request.user, _own_action, action_id)
    form = Form.starting_with(owner_name=action.owner_name)
    return await _say(request, deed if deed in ("done", "owner") else "", view, action, form)


@post("/standing/actions/{action_id:uuid}/{deed:str}", status_code=303, **ANSWERS)
async def act(request: Asked, action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Adds it to the plan's story."""
    view, action = await ask(request.user, _own_action, action_id)
    if deed not in ("done", "owner"):
        raise NotFound
    form = Form(await read_form(request))
    field = "says" if deed == "done" else "owner_name"
    given = form.text(field, "what was done" if deed == "done" else "a name", most=MOST, lines=deed == "done")
    files = form.uuids("evidence_id", "files")
    if not form.errors:
        try:
            if deed == "done":
                await plan_actions.say_done(request.user, action_id, given, files)
            else:
                await plan_actions.name_owner(request.user, action_id, given)
            said = "The contract manager has been told." if deed == "done" else "The name has been saved."
            return see_other(request, f"/standing/suspensions/{view.id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error(field, error.sentence)
    return await _say(request, deed, view, action, form)


async def _say(request: Asked, deed: str, view: SuspensionView, action: Action | None, form: Form) -> Response[Any]:
    if deed not in TEXTS:
        raise NotFound
    title, lead, label, button = TEXTS[deed]
    files = await ask(request.user, attachable_files) if deed == "done" else []
    return page(
        request,
        "providers/suspension_say.html",
        title=title,
        view=view,
        action=action,
        deed=deed,
        lead=lead,
        label=label,
        button=button,
        form=form,
        files=[(str(file), said) for file, said in files],
    )


ROUTES: list[Any] = [suspension_page, say_page, say, action_page, act]
