"""JSON for commissioners about suspensions, at both front doors: proposing and deciding, plans, reviews, limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.providers import causes, lifting, plan_actions, queries, schemas
from marketplace.providers import suspension_schemas as shapes
from marketplace.providers.as_of import LineAt, Met, met_by_suspension, standings_at
from marketplace.providers.file_sending import download
from marketplace.providers.plan_files import open_file
from marketplace.providers.plans import SuspensionView, suspension

TAG: dict[str, Any] = {"tags": ["Suspensions"]}
READS: dict[str, Any] = {"guards": [requires("provider.read")], **TAG}
OPENS: dict[str, Any] = {"guards": [requires("suspension.read")], **TAG}
PROPOSES: dict[str, Any] = {"guards": [requires("suspension.propose")], **TAG}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")], **TAG}
REVIEWS: dict[str, Any] = {"guards": [requires("suspension.review")], **TAG}
Asked = Request[Any, Any, Any]
EARLIEST, LATEST = 1900, 2200  # years; the calendar itself ends


async def _lines(work: Work, provider_id: UUID, at: datetime | None) -> list[LineAt]:
    if work.actor.commissioner_id is None and work.actor.provider_id != provider_id:
        raise NotFound
    return await standings_at(work, provider_id, at)


async def _met(work: Work, provider_id: UUID, framework_id: UUID, lot: str | None) -> list[Met]:
    if work.actor.commissioner_id is None:
        raise NotFound
    await queries.one_provider(work, provider_id)
    return await met_by_suspension(work, framework_id, provider_id, lot)


async def _seen(work: Work, suspension_id: UUID) -> SuspensionView:
    return await suspension(work, suspension_id)


@get("/api/v1/providers/{provider_id:uuid}/standing", **READS)
async def standing_at(
    request: Asked, provider_id: FromPath[UUID], at: FromQuery[datetime | None] = None
) -> list[shapes.LineAtOut]:
    """The standing on each lot, now or at any past moment (`at`, with its offset); a provider asks about itself."""
    if at is not None and at.tzinfo is None:
        raise InvalidInput({"at": "Give the moment with its offset from UTC"})
    if at is not None and not EARLIEST <= at.year < LATEST:
        raise InvalidInput({"at": f"Give a moment between {EARLIEST} and {LATEST}"})
    return [shapes.line_out(line) for line in await ask(request.user, _lines, provider_id, at)]


@get("/api/v1/providers/{provider_id:uuid}/met", **READS)
async def list_met(
    request: Asked, provider_id: FromPath[UUID], framework_id: FromQuery[UUID], lot_code: FromQuery[str | None] = None
) -> list[shapes.MetOut]:
    """Our own open offers and packages with a provider, which a suspension meets, one by one."""
    return [shapes.met_out(each) for each in await ask(request.user, _met, provider_id, framework_id, lot_code)]


@get("/api/v1/suspensions/{suspension_id:uuid}", **OPENS)
async def get_suspension(request: Asked, suspension_id: FromPath[UUID]) -> shapes.SuspensionOut:
    """One suspension with its plan and its story; a provider's own, or of a framework of ours."""
    return shapes.suspension_out(await ask(request.user, _seen, suspension_id))


@post("/api/v1/suspensions/{suspension_id:uuid}/lift", status_code=204, **DECIDES)
async def lift(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[shapes.LiftIn]) -> None:
    """Lift a suspension or some lots of it first, with a limit on the way back where one is given."""
    await lifting.reinstate(
        request.user, suspension_id, data.reason, lots=data.lots or None, new_packages=data.new_packages
    )


@post("/api/v1/restrictions/{restriction_id:uuid}/end", status_code=204, **DECIDES)
async def end_restriction(request: Asked, restriction_id: FromPath[UUID], data: JSONBody[schemas.ReasonIn]) -> None:
    """No limit any more, with the reason."""
    await lifting.end_restriction(request.user, restriction_id, data.reason)


@post("/api/v1/providers/{provider_id:uuid}/causes", **PROPOSES)
async def propose(request: Asked, provider_id: FromPath[UUID], data: JSONBody[shapes.ProposalIn]) -> schemas.MadeOut:
    """Put a ground with its facts to the contract managers."""
    made = await causes.propose(
        request.user, data.framework_id, provider_id, rule_key=data.rule_key, facts=data.facts, lot_code=data.lot_code
    )
    return schemas.MadeOut(made)


@post("/api/v1/causes/{cause_id:uuid}/decide", status_code=200, **DECIDES)
async def decide(request: Asked, cause_id: FromPath[UUID], data: JSONBody[shapes.DecisionIn]) -> shapes.DecidedOut:
    """Suspend on a proposed ground, or not."""
    made = await causes.decide_cause(
        request.user, cause_id, suspend=data.suspend, reason=data.reason, lot_code=data.lot_code,
        all_lots=data.all_lots,
    )  # fmt: skip
    return shapes.DecidedOut(suspension_id=made)


@post("/api/v1/suspensions/{suspension_id:uuid}/actions", **DECIDES)
async def ask_action(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[shapes.ActionIn]) -> schemas.MadeOut:
    """Ask for an action with its last day."""
    made = await plan_actions.ask_action(
        request.user, suspension_id, title=data.title, due_on=data.due_on, evidence_asked=data.evidence_asked,
        owner_name=data.owner_name,
    )  # fmt: skip
    return schemas.MadeOut(made)


@post("/api/v1/plan-actions/{action_id:uuid}/sign-off", status_code=204, **DECIDES)
async def sign_off(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.SaysIn]) -> None:
    """The action is done as asked."""
    await plan_actions.sign_off(request.user, action_id, data.says)


@post("/api/v1/plan-actions/{action_id:uuid}/send-back", status_code=204, **DECIDES)
async def send_back(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.SaysIn]) -> None:
    """Something is missing: the action is to do again."""
    await plan_actions.send_back(request.user, action_id, data.says)


@post("/api/v1/plan-actions/{action_id:uuid}/withdraw", status_code=204, **DECIDES)
async def withdraw(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.SaysIn]) -> None:
    """The action is no longer asked for."""
    await plan_actions.withdraw_action(request.user, action_id, data.says)


@post("/api/v1/plan-actions/{action_id:uuid}/move", status_code=204, **DECIDES)
async def move(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.MoveIn]) -> None:
    """Give an open action a later day."""
    await plan_actions.move_action(request.user, action_id, data.due_on, data.says)


@post("/api/v1/suspensions/{suspension_id:uuid}/review/decide", status_code=204, **REVIEWS)
async def review(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[shapes.ReviewIn]) -> None:
    """Decide on a review, by somebody other than who imposed the suspension."""
    await plan_actions.decide_review(request.user, suspension_id, lifts=data.lifts, says=data.says)


@get("/api/v1/suspensions/{suspension_id:uuid}/files/{evidence_id:uuid}", **DECIDES)
async def get_file(request: Asked, suspension_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file a provider attached to an action of its plan."""
    return download(await open_file(request.user, settings_of(request), suspension_id, evidence_id))


ROUTES: list[Any] = [
    standing_at, list_met, get_suspension, lift, end_restriction, propose, decide, ask_action, sign_off, send_back,
    withdraw, move, review, get_file,
]  # fmt: skip
