"""The console's frameworks: the list, one framework with what is still to do, its terms, partners, opening, closing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from admin import frameworks_areas, frameworks_decisions, frameworks_new, frameworks_rates
from marketplace.frameworks import actions, queries, terms
from marketplace.frameworks.pages import read_terms
from marketplace.frameworks.views import ApplicationView, CardView, DecisionView, FrameworkView, LotView
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.providers.standing import standings
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("framework.read")]}
WRITES: dict[str, Any] = {"guards": [requires("framework.write")]}


@dataclass(frozen=True, slots=True)
class Overview:
    """One framework as its page shows it. `admitted` counts providers by lot."""

    framework: FrameworkView
    lots: list[LotView]
    decisions: list[DecisionView]
    waiting: list[ApplicationView]
    variations: list[CardView]
    admitted: dict[str, int]

    @property
    def unconfirmed(self) -> list[DecisionView]:
        return [decision for decision in self.decisions if not decision.confirmed]


@get("/frameworks", **READS)
async def frameworks_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The frameworks we lead or take part in."""
    found = await ask(request.user, queries.my_frameworks)
    return page(
        request,
        "admin/frameworks.html",
        title="Frameworks",
        frameworks=found,
        can_create=may(request.user, "framework.write"),
    )


@get("/frameworks/{framework_id:uuid}", **READS)
async def framework_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """One framework: what is to do before it opens, or what waits once it is open."""
    found = await ask(request.user, _overview, framework_id)
    return page(
        request,
        "admin/framework.html",
        title=found.framework.name,
        overview=found,
        framework=found.framework,
        leads=found.framework.led_by(request.user.commissioner_id),
        writes=may(request.user, "framework.write"),
        reads_applications=may(request.user, "application.read"),
    )


@get("/frameworks/{framework_id:uuid}/terms", **READS)
async def terms_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """The pack in readable form, clause by clause, with who confirmed which decision."""
    found, sections, decisions = await ask(request.user, read_terms, framework_id)
    return page(
        request,
        "frameworks/terms.html",
        title=f"Terms of {found.name}",
        framework=found,
        sections=sections,
        decisions=decisions,
        answer=terms.answer,
    )


@get("/frameworks/{framework_id:uuid}/partners", **WRITES)
async def partners_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Who takes part, and who could."""
    return await _partners(request, framework_id, Form())


@post("/frameworks/{framework_id:uuid}/partners", status_code=303, **WRITES)
async def add_partner(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Adds a partner commissioner."""
    form = Form(await read_form(request))
    partner = form.uuid("partners", "the commissioner to add")
    if not form.errors:
        try:
            await actions.add_partner(request.user, framework_id, partner)
            return see_other(
                request, f"/frameworks/{framework_id}/partners", flash="The partner has been added and told."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("partners", error.sentence)
    return await _partners(request, framework_id, form)


@post("/frameworks/{framework_id:uuid}/partners/{commissioner_id:uuid}/remove", status_code=303, **WRITES)
async def remove_partner(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], commissioner_id: FromPath[UUID]
) -> Response[Any]:
    """Takes a partner off a draft."""
    await actions.remove_partner(request.user, framework_id, commissioner_id)
    return see_other(request, f"/frameworks/{framework_id}/partners", flash="The partner has been taken off.")


@get("/frameworks/{framework_id:uuid}/open", **WRITES)
async def open_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """What opening does, before it is done."""
    return await _open(request, framework_id, Form())


@post("/frameworks/{framework_id:uuid}/open", status_code=303, **WRITES)
async def open_it(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Opens the framework to applications."""
    form = Form(await read_form(request))
    try:
        await actions.open_framework(request.user, framework_id)
    except Conflict as error:
        form.error("", error.sentence)
        return await _open(request, framework_id, form)
    return see_other(request, f"/frameworks/{framework_id}", flash="The framework is open: providers can apply now.")


@get("/frameworks/{framework_id:uuid}/close", **WRITES)
async def close_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """What closing does and does not do."""
    return await _close(request, framework_id, Form())


@post("/frameworks/{framework_id:uuid}/close", status_code=303, **WRITES)
async def close_it(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Closes the framework to new applications."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the framework closes", most=actions.LONGEST_REMARK, lines=True)
    if form.errors:
        return await _close(request, framework_id, form)
    await actions.close_framework(request.user, framework_id, reason)
    return see_other(request, f"/frameworks/{framework_id}", flash="The framework takes no new applications now.")


@get("/frameworks/{framework_id:uuid}/providers", **READS)
async def providers_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Everybody admitted, lot by lot, with their standing and its reasons."""
    found, rows, today = await ask(request.user, _admitted, framework_id)
    return page(
        request,
        "admin/framework_providers.html",
        title=f"Providers of {found.name}",
        framework=found,
        rows=rows,
        today=today,
        ends=found.led_by(request.user.commissioner_id) and may(request.user, "application.decide"),
    )


async def _overview(work: Work, framework_id: UUID) -> Overview:
    admitted: dict[str, int] = {}
    for admission in await queries.admissions(work, framework_id, on=queries.today(work)):
        admitted[admission.lot_code] = admitted.get(admission.lot_code, 0) + 1
    return Overview(
        framework=await queries.framework(work, framework_id),
        lots=await queries.lots(work, framework_id),
        decisions=await queries.decisions(work, framework_id),
        waiting=await queries.applications(work, framework_id, state="submitted"),
        variations=[card for card in await queries.rate_cards(work, framework_id, state="proposed") if card.variation],
        admitted=admitted,
    )


async def _admitted(work: Work, framework_id: UUID) -> tuple[FrameworkView, list[tuple[Any, str]], Any]:
    """Admissions with the provider's standing on that lot in one line."""
    lines: dict[tuple[UUID, str], str] = {}
    for lot in await queries.lots(work, framework_id):
        for standing in await standings(work, framework_id, lot.code):
            lines[standing.provider_id, lot.code] = standing.line
    rows = [
        (admission, lines.get((admission.provider_id, admission.lot_code), ""))
        for admission in await queries.admissions(work, framework_id)
    ]
    return await queries.framework(work, framework_id), rows, queries.today(work)


async def _partners(request: Request[Any, Any, Any], framework_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, queries.framework, framework_id)
    others = await ask(request.user, queries.possible_partners, framework_id)
    return page(
        request,
        "admin/framework_partners.html",
        title="Partner commissioners",
        form=form,
        framework=found,
        options=[(str(key), name) for key, name in others],
        leads=found.led_by(request.user.commissioner_id),
    )


async def _open(request: Request[Any, Any, Any], framework_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, _overview, framework_id)
    return page(
        request,
        "admin/framework_open.html",
        title="Open the framework",
        form=form,
        overview=found,
        framework=found.framework,
        answer=terms.answer,
    )


async def _close(request: Request[Any, Any, Any], framework_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, queries.framework, framework_id)
    return page(request, "admin/framework_close.html", title="Close the framework", form=form, framework=found)


ROUTES: list[Any] = [
    frameworks_page,
    *frameworks_new.ROUTES,
    framework_page,
    terms_page,
    partners_page,
    add_partner,
    remove_partner,
    open_page,
    open_it,
    close_page,
    close_it,
    providers_page,
    *frameworks_areas.ROUTES,
    *frameworks_decisions.ROUTES,
    *frameworks_rates.ROUTES,
]
