"""The pack's decisions: the list, and each one asked on a page of its own, confirmed by name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import actions, queries, terms
from marketplace.frameworks.views import DecisionView, FrameworkView
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.web.filters import code
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("framework.read")]}
WRITES: dict[str, Any] = {"guards": [requires("framework.write")]}
ONE = "/frameworks/{framework_id:uuid}/decisions/{key:str}"


@get("/frameworks/{framework_id:uuid}/decisions", **READS)
async def decisions_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Every decision: proposed, confirmed by whom and when. Those that wait come first where asked."""
    found, decisions = await ask(request.user, _all, framework_id)
    only_waiting = request.query_params.get("show") == "waiting"
    waiting = [decision for decision in decisions if not decision.confirmed]
    return page(
        request,
        "admin/framework_decisions.html",
        title=f"Decisions of {found.name}",
        framework=found,
        decisions=waiting if only_waiting else decisions,
        only_waiting=only_waiting,
        total=len(decisions),
        waiting=waiting,
        answer=terms.answer,
        confirms=_confirms(request, found),
    )


@get(ONE, **READS)
async def decision_page(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], key: FromPath[str]
) -> Response[Any]:
    """One question the source leaves open, with the answer proposed."""
    found, decision, _ = await ask(request.user, _one, framework_id, key)
    form = Form.starting_with(value=terms.as_typed(decision.value, decision.kind), remark=decision.remark)
    return _show(request, form, found, decision)


@post(ONE, status_code=303, **WRITES)
async def confirm(request: Request[Any, Any, Any], framework_id: FromPath[UUID], key: FromPath[str]) -> Response[Any]:
    """Confirms the answer and goes on to the next question that waits."""
    form = Form(await read_form(request))
    found, decision, following = await ask(request.user, _one, framework_id, key)
    value = read_answer(form, decision)
    remark = form.text("remark", "the remark", required=False, most=actions.LONGEST_REMARK, lines=True)
    if not form.errors:
        try:
            await actions.confirm_decision(request.user, framework_id, key, value, remark=remark)
        except InvalidInput as error:
            form.merge(error)
    if form.errors:
        return _show(request, form, found, decision)
    if following is None:
        return see_other(request, f"/frameworks/{framework_id}", flash="Every decision is confirmed.")
    return see_other(
        request, f"/frameworks/{framework_id}/decisions/{following}", flash=f"Confirmed: {decision.title}."
    )


def read_answer(form: Form, decision: DecisionView) -> object:
    """The answer as typed; the pack reads text as the decision's own type and says what does not fit."""
    if decision.kind == "yes_no":
        return form.choice("value", "yes or no", ("yes", "no")) == "yes"
    if decision.kind == "choice":
        return form.choice("value", "one of the answers", decision.choices)
    if decision.kind == "number":
        number = form.integer("value", "the answer", required=False, most=100_000_000)
        return "" if number is None else number
    return form.text("value", "the answer", required=decision.kind != "text", most=5_000, lines=True)


async def _all(work: Work, framework_id: UUID) -> tuple[FrameworkView, list[DecisionView]]:
    return await queries.framework(work, framework_id), await queries.decisions(work, framework_id)


async def _one(work: Work, framework_id: UUID, key: str) -> tuple[FrameworkView, DecisionView, str | None]:
    """A decision, and the key of the next one that waits: those after it first, then those skipped."""
    found, decisions = await _all(work, framework_id)
    decision = await queries.decision(work, framework_id, key)
    place = next(number for number, each in enumerate(decisions) if each.key == key)
    later = [each.key for each in (*decisions[place + 1 :], *decisions[:place]) if not each.confirmed]
    return found, decision, later[0] if later else None


def _confirms(request: Request[Any, Any, Any], found: FrameworkView) -> bool:
    leads = found.led_by(request.user.commissioner_id)
    return leads and found.state == "draft" and may(request.user, "framework.write")


def _show(request: Request[Any, Any, Any], form: Form, found: FrameworkView, decision: DecisionView) -> Response[Any]:
    options = [(choice, terms.CHOICES.get(choice, code(choice))) for choice in decision.choices]
    return page(
        request,
        "admin/framework_decision.html",
        title=decision.title,
        form=form,
        framework=found,
        decision=decision,
        options=options,
        unit=terms.UNITS.get(decision.unit, decision.unit),
        answer=terms.answer,
        confirms=_confirms(request, found),
        changes=found.state == "open"
        and found.led_by(request.user.commissioner_id)
        and may(request.user, "framework.write"),
        most=actions.LONGEST_REMARK,
    )


ROUTES: list[Any] = [decisions_page, decision_page, confirm]
