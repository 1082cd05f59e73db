"""The console's pages of changing an open framework's terms: what changes, for whom, checked before it is done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from admin.frameworks_decisions import read_answer
from marketplace.frameworks import actions, queries, terms, terms_actions
from marketplace.frameworks.views import DecisionView, FrameworkView
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.filters import code
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("framework.read")]}
WRITES: dict[str, Any] = {"guards": [requires("framework.write")]}
ONE = "/frameworks/{framework_id:uuid}/decisions/{key:str}/change"


async def _one(work: Work, framework_id: UUID, key: str) -> tuple[FrameworkView, DecisionView]:
    return await queries.framework(work, framework_id), await queries.decision(work, framework_id, key)


@get(ONE, **WRITES)
async def change_page(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], key: FromPath[str]
) -> Response[Any]:
    """The answer as it stands, and another one with its reason."""
    found, decision = await ask(request.user, _one, framework_id, key)
    form = Form.starting_with(value=terms.as_typed(decision.value, decision.kind))
    return _show(request, form, found, decision, check=False)


@post(ONE, status_code=303, **WRITES)
async def change(request: Request[Any, Any, Any], framework_id: FromPath[UUID], key: FromPath[str]) -> Response[Any]:
    """First shows what it means for everybody; with `go=change` does it."""
    form = Form(await read_form(request))
    found, decision = await ask(request.user, _one, framework_id, key)
    value = read_answer(form, decision)
    reason = form.text(
        "reason", "why the terms change; every provider reads it", most=actions.LONGEST_REMARK, lines=True
    )
    if not form.errors:
        try:
            if form.value("go") != "change":
                await ask(request.user, terms_actions.check_change, framework_id, key, value, reason)
                return _show(request, form, found, decision, check=True)
            await terms_actions.change_terms(request.user, framework_id, key, value, reason)
            return see_other(
                request, f"/frameworks/{framework_id}/changes", flash="The terms are changed. Every provider is told."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("value", error.sentence)
    return _show(request, form, found, decision, check=False)


def _show(
    request: Request[Any, Any, Any], form: Form, found: FrameworkView, decision: DecisionView, *, check: bool
) -> Response[Any]:
    return page(
        request,
        "admin/framework_change.html",
        title=f"Change: {decision.title}",
        form=form,
        framework=found,
        decision=decision,
        options=[(choice, terms.CHOICES.get(choice, code(choice))) for choice in decision.choices],
        unit=terms.UNITS.get(decision.unit, decision.unit),
        answer=terms.answer,
        check=check,
        most=actions.LONGEST_REMARK,
    )


async def _changes(work: Work, framework_id: UUID) -> tuple[FrameworkView, list[terms_actions.Change], list[Any]]:
    found = await queries.framework(work, framework_id)
    changes = await terms_actions.changes(work, framework_id)
    return found, changes, await terms_actions.acceptances(work, framework_id)


@get("/frameworks/{framework_id:uuid}/changes", **READS)
async def changes_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Every change of the terms, and which providers have accepted the terms as they stand."""
    found, changes, accepted = await ask(request.user, _changes, framework_id)
    return page(
        request,
        "admin/framework_changes.html",
        title=f"Changed terms of {found.name}",
        framework=found,
        changes=changes,
        accepted=accepted,
        answer=terms.answer,
    )


ROUTES: list[Any] = [change_page, change, changes_page]
