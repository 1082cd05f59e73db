"""JSON for a provider about its own suspensions: answering, the plan's actions, asking for a review."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.providers import plan_actions
from marketplace.providers import suspension_schemas as shapes

ANSWERS: dict[str, Any] = {"guards": [requires("suspension.answer")], "tags": ["Suspensions"]}
Asked = Request[Any, Any, Any]


@post("/api/v1/suspensions/{suspension_id:uuid}/answer", status_code=204, **ANSWERS)
async def answer(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[shapes.SaysIn]) -> None:
    """Answer a suspension of ours; those who decide about it read it."""
    await plan_actions.answer(request.user, suspension_id, data.says)


@post("/api/v1/suspensions/{suspension_id:uuid}/review", status_code=204, **ANSWERS)
async def ask_review(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[shapes.SaysIn]) -> None:
    """Ask that somebody other than who imposed it looks at it again."""
    await plan_actions.ask_review(request.user, suspension_id, data.says)


@post("/api/v1/plan-actions/{action_id:uuid}/done", status_code=204, **ANSWERS)
async def done(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.DoneIn]) -> None:
    """Say that an action is done, with what shows it."""
    await plan_actions.say_done(request.user, action_id, data.says, data.evidence)


@post("/api/v1/plan-actions/{action_id:uuid}/owner", status_code=204, **ANSWERS)
async def owner(request: Asked, action_id: FromPath[UUID], data: JSONBody[shapes.OwnerIn]) -> None:
    """Say who of our people does an action."""
    await plan_actions.name_owner(request.user, action_id, data.owner_name)


ROUTES: list[Any] = [answer, ask_review, done, owner]
