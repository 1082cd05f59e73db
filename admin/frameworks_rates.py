"""Rate cards as the commissioners of a framework see them, and new rates to agree or refuse."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import queries, rate_actions, rates
from marketplace.frameworks.application_actions import LONGEST_REASON
from marketplace.frameworks.rate_pages import card_with_grid
from marketplace.frameworks.views import CardView, FrameworkView
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("framework.read")]}
DECIDES: dict[str, Any] = {"guards": [requires("application.decide")]}


@get("/frameworks/{framework_id:uuid}/rates", **READS)
async def rates_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """The agreed cards by lot and provider, alphabetical, never ranked; proposals that wait first."""
    found, cards = await ask(request.user, _cards, framework_id)
    if request.query_params.get("format") == "csv":
        return csv_file(
            "rates",
            ["Provider", "Lot", "From", "State", "Activity", "Kind of day", "Pence per hour"],
            [
                (card.provider_name, card.lot_code, card.applies_from, card.state, activity, band, pence)
                for card, _ in cards
                for (activity, band), pence in card.rates.items()
            ],
        )
    return page(
        request,
        "admin/framework_rates.html",
        title=f"Rate cards of {found.name}",
        framework=found,
        waiting=[card for card, _ in cards if card.state == "proposed"],
        agreed=[(card, grid) for card, grid in cards if card.state == "agreed"],
    )


@get("/rate-cards/{card_id:uuid}", **READS)
async def card_page(request: Request[Any, Any, Any], card_id: FromPath[UUID]) -> Response[Any]:
    """One card; a proposal beside the rates it would replace."""
    return await _show(request, card_id, Form())


@post("/rate-cards/{card_id:uuid}", status_code=303, **DECIDES)
async def decide(request: Request[Any, Any, Any], card_id: FromPath[UUID]) -> Response[Any]:
    """Agrees the new rates, or refuses them with a reason."""
    form = Form(await read_form(request))
    answer = form.choice("answer", "whether you agree", ("agree", "refuse"))
    reason = ""
    if answer == "refuse":
        reason = form.text("reason", "the reason, which the provider will read", most=LONGEST_REASON, lines=True)
    if form.errors:
        return await _show(request, card_id, form)
    try:
        if answer == "agree":
            await rate_actions.agree_rates(request.user, card_id)
        else:
            await rate_actions.refuse_rates(request.user, card_id, reason)
    except Conflict as error:
        form.error("answer", error.sentence)
        return await _show(request, card_id, form)
    done = "agreed" if answer == "agree" else "refused"
    return see_other(request, f"/rate-cards/{card_id}", flash=f"The new rates are {done}. The provider has been told.")


async def _cards(work: Work, framework_id: UUID) -> tuple[FrameworkView, list[tuple[CardView, rates.Grid]]]:
    found = await queries.framework(work, framework_id)
    pack = await queries.pack_of(work, framework_id)
    cards = [
        (card, rates.grid(pack, card.lot_code, card.applies_from))
        for card in await queries.rate_cards(work, framework_id)
        if card.state == "agreed" or (card.state == "proposed" and card.variation)
    ]
    return found, cards


async def _show(request: Request[Any, Any, Any], card_id: UUID, form: Form) -> Response[Any]:
    card, grid, before = await ask(request.user, card_with_grid, card_id)
    found = await ask(request.user, queries.framework, card.framework_id)
    decides = (
        card.state == "proposed"
        and card.variation
        and found.led_by(request.user.commissioner_id)
        and may(request.user, "application.decide")
    )
    return page(
        request,
        "admin/rate_card.html",
        title=f"Rates of {card.provider_name}",
        form=form,
        framework=found,
        card=card,
        grid=grid,
        before=before if card.variation else {},
        decides=decides,
        most=LONGEST_REASON,
    )


ROUTES: list[Any] = [rates_page, card_page, decide]
