"""The console's pages of a suspension: its story and plan, what is asked in it, reviews, limits' ends."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import lifting, plan_actions
from marketplace.providers.file_sending import download
from marketplace.providers.plan_files import open_file
from marketplace.providers.plans import Action, SuspensionView, suspension
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("suspension.read")]}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")]}
REVIEWS: dict[str, Any] = {"guards": [requires("suspension.review")]}
Asked = Request[Any, Any, Any]
MOST = 3000
# what a contract manager does about an action: title, what follows, the question, the button
DEEDS = {
    "sign-off": ("Sign off an action", "The action is done as asked. The provider is told.",
                 "Anything to say? (optional)", "Sign it off"),
    "send-back": ("Send an action back", "The action is to do again, with its last day. The provider is told.",
                  "What is missing?", "Send it back"),
    "withdraw": ("Withdraw an action", "The action is no longer asked for. The provider is told.",
                 "Why is it no longer needed?", "Withdraw it"),
    "move": ("Give an action more time", "That it was late before stays on record. The provider is told.",
             "Why does it get more time?", "Give it more time"),
}  # fmt: skip


async def _seen(work: Work, suspension_id: UUID) -> SuspensionView:
    if work.actor.commissioner_id is None:
        raise NotFound
    return await suspension(work, suspension_id)


async def _decided(work: Work, suspension_id: UUID) -> SuspensionView:
    view = await _seen(work, suspension_id)
    if work.actor.commissioner_id not in (view.partner_id, view.framework.lead_id):
        raise NotFound
    return view


async def _action(work: Work, action_id: UUID) -> tuple[SuspensionView, Action]:
    found = await work.fetchval("SELECT suspension_id FROM plan_action WHERE id = $1", action_id)
    if found is None:
        raise NotFound
    view = await _decided(work, found)
    return view, next(action for action in view.actions if action.id == action_id)


@get("/suspensions/{suspension_id:uuid}", **READS)
async def suspension_page(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """One suspension: its terms, what was found, the plan with what is to be looked at, the story."""
    view = await ask(request.user, _seen, suspension_id)
    mine = request.user.commissioner_id in (view.partner_id, view.framework.lead_id)
    return page(
        request,
        "admin/suspension.html",
        title=f"Suspension of {view.provider_name}",
        view=view,
        decides=mine and may(request.user, "provider.suspend"),
        reviews=mine and may(request.user, "suspension.review") and view.imposed_by != request.user.person_id,
    )


@get("/suspensions/{suspension_id:uuid}/actions/new", **DECIDES)
async def action_new_page(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """Ask for an action: what, by when, what shows it."""
    return _new(request, await ask(request.user, _decided, suspension_id), Form())


@post("/suspensions/{suspension_id:uuid}/actions/new", status_code=303, **DECIDES)
async def action_new(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """Adds it to the plan; the provider is told."""
    view = await ask(request.user, _decided, suspension_id)
    form = Form(await read_form(request))
    title = form.text("title", "what the provider has to do", most=300)
    shown = form.text("evidence_asked", "what is to show it", required=False, most=MOST, lines=True)
    owner = form.text("owner_name", "who does it", required=False, most=120)
    due_on: date = form.date("due_on", "the last day", earliest=view.today)
    if not form.errors:
        try:
            await plan_actions.ask_action(
                request.user, suspension_id, title=title, due_on=due_on, evidence_asked=shown, owner_name=owner
            )
            said = "The action is part of the plan, and the provider has been told."
            return see_other(request, f"/suspensions/{view.id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("title", error.sentence)
    return _new(request, view, form)


def _new(request: Asked, view: SuspensionView, form: Form) -> Response[Any]:
    return page(request, "admin/plan_action_new.html", title="Ask for an action", view=view, form=form)


@get("/plan-actions/{action_id:uuid}/{deed:str}", **DECIDES)
async def deed_page(request: Asked, action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Sign off, send back, give more time or withdraw."""
    view, action = await ask(request.user, _action, action_id)
    return _deed(request, view, action, deed, Form())


@post("/plan-actions/{action_id:uuid}/{deed:str}", status_code=303, **DECIDES)
async def do_deed(request: Asked, action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Does it; the provider is told."""
    view, action = await ask(request.user, _action, action_id)
    if deed not in DEEDS:
        raise NotFound
    form = Form(await read_form(request))
    says = form.text("says", "what to say; the provider reads it", required=deed != "sign-off", most=MOST, lines=True)
    due_on = form.date("due_on", "the new last day", earliest=view.today) if deed == "move" else view.today
    if not form.errors:
        try:
            if deed == "move":
                await plan_actions.move_action(request.user, action_id, due_on, says)
            else:
                done = {
                    "sign-off": plan_actions.sign_off,
                    "send-back": plan_actions.send_back,
                    "withdraw": plan_actions.withdraw_action,
                }[deed]
                await done(request.user, action_id, says)
            return see_other(request, f"/suspensions/{view.id}", flash="Done. The provider has been told.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("says", error.sentence)
    return _deed(request, view, action, deed, form)


def _deed(request: Asked, view: SuspensionView, action: Action, deed: str, form: Form) -> Response[Any]:
    if deed not in DEEDS:
        raise NotFound
    title, follows, label, button = DEEDS[deed]
    return page(
        request,
        "admin/plan_action.html",
        title=title,
        view=view,
        action=action,
        deed=deed,
        follows=follows,
        label=label,
        button=button,
        form=form,
    )


@get("/suspensions/{suspension_id:uuid}/review", **REVIEWS)
async def review_page(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """Decide on the review a provider asked for: by somebody other than who imposed it."""
    return _review(request, await ask(request.user, _decided, suspension_id), Form())


@post("/suspensions/{suspension_id:uuid}/review", status_code=303, **REVIEWS)
async def review(request: Asked, suspension_id: FromPath[UUID]) -> Response[Any]:
    """The suspension stands, or is lifted altogether."""
    view = await ask(request.user, _decided, suspension_id)
    form = Form(await read_form(request))
    outcome = form.choice("outcome", "what becomes of the suspension", ["stands", "lifted"])
    says = form.text("says", "why; the provider reads it", most=MOST, lines=True)
    if not form.errors:
        try:
            await plan_actions.decide_review(request.user, suspension_id, lifts=outcome == "lifted", says=says)
            return see_other(request, f"/suspensions/{view.id}", flash="Decided. The provider has been told.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("outcome", error.sentence)
    return _review(request, view, form)


def _review(request: Asked, view: SuspensionView, form: Form) -> Response[Any]:
    return page(request, "admin/suspension_review.html", title="Decide on a review", view=view, form=form)


@get("/suspensions/{suspension_id:uuid}/files/{evidence_id:uuid}", **DECIDES)
async def plan_file(request: Asked, suspension_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider attached to an action, as a download; the look is logged."""
    return download(await open_file(request.user, settings_of(request), suspension_id, evidence_id))


async def _restriction(work: Work, restriction_id: UUID) -> dict[str, Any]:
    row = await work.fetchrow(
        "SELECT r.*, o.name AS provider, f.name AS framework FROM restriction r JOIN organisation o"
        " ON o.id = r.provider_id JOIN framework f ON f.id = r.framework_id"
        " WHERE r.id = $1 AND r.ended_at IS NULL",
        restriction_id,
    )
    if row is None or work.actor.commissioner_id is None:
        raise NotFound("This restriction has ended already, or is not yours to see.")
    return dict(row)


@get("/restrictions/{restriction_id:uuid}/end", **DECIDES)
async def restriction_page(request: Asked, restriction_id: FromPath[UUID]) -> Response[Any]:
    """Why the provider needs no limit any more."""
    row = await ask(request.user, _restriction, restriction_id)
    return page(request, "admin/restriction_end.html", title="End a restriction", row=row, form=Form())


@post("/restrictions/{restriction_id:uuid}/end", status_code=303, **DECIDES)
async def end_restriction(request: Asked, restriction_id: FromPath[UUID]) -> Response[Any]:
    """Ends it; the provider is told."""
    row = await ask(request.user, _restriction, restriction_id)
    form = Form(await read_form(request))
    reason = form.text("reason", "why the restriction ends", most=MOST, lines=True)
    if not form.errors:
        try:
            await lifting.end_restriction(request.user, restriction_id, reason)
            said = f"{row['provider']} may take on new packages without a limit again."
            return see_other(request, f"/providers/{row['provider_id']}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("reason", error.sentence)
    return page(request, "admin/restriction_end.html", title="End a restriction", row=row, form=form)


ROUTES: list[Any] = [
    suspension_page, action_new_page, action_new, deed_page, do_deed, review_page, review, plan_file,
    restriction_page, end_restriction,
]  # fmt: skip
