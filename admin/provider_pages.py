"""The console's pages of providers: standing with reasons, the story, suspending (effects first)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import actions, queries, story_pages
from marketplace.providers.imposing import grounds_by_hand
from marketplace.providers.pages import STATES, TONES, commissioners_only, narrow, one
from marketplace.providers.queries import Effects, OnFramework
from marketplace.web.filters import cited
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("provider.read")]}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")]}


@get("/providers", **READS)
async def providers_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Every provider of my frameworks, its standing in one line with its reasons."""
    found = await ask(request.user, commissioners_only)
    text, state = request.query_params.get("q", ""), request.query_params.get("standing", "")
    return page(
        request,
        "providers/providers.html",
        title="Providers",
        found=narrow(found, text, state if state in STATES else ""),
        total=len(found),
        text=text,
        state=state,
        states=STATES,
        tones=TONES,
    )


@get("/providers/{provider_id:uuid}", **READS)
async def provider_page(request: Request[Any, Any, Any], provider_id: FromPath[UUID]) -> Response[Any]:
    """One provider: admissions with standing, suspensions to lift, the story, how many workers are ready."""
    found = await ask(request.user, one, provider_id)
    return page(
        request,
        "providers/provider.html",
        title=found["profile"]["name"],
        provider_id=provider_id,
        tones=TONES,
        decides=may(request.user, "provider.suspend"),
        proposes=may(request.user, "suspension.propose"),
        links=request.user.role != "referrer",
        **found,
    )


async def _place(work: Work, provider_id: UUID, framework_id: UUID) -> OnFramework:
    for each in await queries.one_provider(work, provider_id):
        if each.framework_id == framework_id:
            return each
    raise NotFound


async def _with_effects(
    work: Work, provider_id: UUID, framework_id: UUID, lot: str | None
) -> tuple[OnFramework, Effects, date]:
    place = await _place(work, provider_id, framework_id)
    return place, await queries.suspension_effects(work, framework_id, provider_id, lot), local_day(work.now)


@get("/providers/{provider_id:uuid}/suspend/{framework_id:uuid}", **DECIDES)
async def suspend_page(
    request: Request[Any, Any, Any], provider_id: FromPath[UUID], framework_id: FromPath[UUID]
) -> Response[Any]:
    """For which lots, why, until when."""
    place, effects, _ = await ask(request.user, _with_effects, provider_id, framework_id, None)
    return await _ask_suspension(request, Form.starting_with(lot_code="all", with_plan="ground"), place, effects)


@post("/providers/{provider_id:uuid}/suspend/{framework_id:uuid}", status_code=303, **DECIDES)
async def suspend(
    request: Request[Any, Any, Any], provider_id: FromPath[UUID], framework_id: FromPath[UUID]
) -> Response[Any]:
    """First shows what the suspension will do; with `go=suspend` does it."""
    form = Form(await read_form(request))
    place = await ask(request.user, _place, provider_id, framework_id)
    lot_choice = form.choice("lot_code", "which lots", ["all", *(code for code, _, _ in place.lots)])
    lot = None if lot_choice in ("all", "") else lot_choice
    grounds = {rule.key for rule in place.pack.content.suspensions}
    rule_key = form.choice("rule_key", "the ground", [*sorted(grounds), "other"])
    reason = form.text("reason", "why, as the provider will read it", most=2000, lines=True)
    asked = form.choice("with_plan", "whether with an action plan", ["ground", "yes", "no"], required=False) or "ground"
    ground = next((rule for rule in place.pack.content.suspensions if rule.key == rule_key), None)
    with_plan = ground is not None and ground.needs_action_plan if asked == "ground" else asked == "yes"
    place, effects, today = await ask(request.user, _with_effects, provider_id, framework_id, lot)
    until_on = form.date("until_on", "the last day of the suspension", required=False, earliest=today)
    if not form.errors and form.value("go") == "suspend":
        try:
            made = await actions.suspend(
                request.user,
                framework_id,
                provider_id,
                lot,
                reason=reason,
                until_on=until_on,
                rule_key=rule_key if rule_key in grounds else None,
                with_plan=with_plan,
            )
            said = f"{place.record.name} is suspended from new referrals and has been told."
            return see_other(request, f"/suspensions/{made}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("lot_code", error.sentence)
    if form.errors or form.value("go") != "check":
        return await _ask_suspension(request, form, place, effects)
    return page(
        request,
        "admin/suspend_check.html",
        title="Check before you suspend",
        form=form,
        place=place,
        effects=effects,
        provider_id=provider_id,
        lot=lot,
        ground=ground,
        with_plan=with_plan,
        reason=reason,
        until_on=until_on,
    )


async def _ask_suspension(
    request: Request[Any, Any, Any], form: Form, place: OnFramework, effects: Effects
) -> Response[Any]:
    grounds = await ask(
        request.user, grounds_by_hand, place.framework_id, place.record.id, place.pack.content.suspensions
    )
    return page(
        request,
        "admin/suspend.html",
        title=f"Suspend {place.record.name}",
        form=form,
        place=place,
        effects=effects,
        provider_id=place.record.id,
        lots=[("all", "All its lots"), *((code, title) for code, title, _ in place.lots)],
        grounds=[
            *((rule.key, rule.title, cited(rule.clause)) for rule in grounds),
            ("other", "Another reason"),
        ],
    )


ROUTES: list[Any] = [providers_page, provider_page, suspend_page, suspend, *story_pages.COMMISSIONERS]
