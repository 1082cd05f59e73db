"""A provider's rate cards: those agreed, and new rates proposed from a day on."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import queries, rate_actions, rates
from marketplace.frameworks.application_actions import LONGEST_REASON
from marketplace.frameworks.rate_forms import read_rates, show_rates
from marketplace.frameworks.views import CardView, FrameworkView, LotView
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web import csrf
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("application.read")]}
WRITES: dict[str, Any] = {"guards": [requires("application.write")]}
NEW_RATES = "/frameworks/{framework_id:uuid}/lots/{lot_code:str}/new-rates"


@get("/rate-cards", **READS)
async def cards_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My rate cards over all frameworks, lot by lot."""
    found = await ask(request.user, queries.rate_cards)
    cards = [card for card in found if card.state == "agreed" or card.variation]
    return page(request, "frameworks/rate_cards.html", title="My rate cards", cards=cards)


@get("/rate-cards/{card_id:uuid}", **READS)
async def card_page(request: Request[Any, Any, Any], card_id: FromPath[UUID]) -> Response[Any]:
    """One card, and where it stands."""
    card, shape, before = await ask(request.user, card_with_grid, card_id)
    return page(
        request,
        "frameworks/rate_card.html",
        title=f"Rates for {card.lot_title}",
        card=card,
        grid=shape,
        before=before,
    )


@get(NEW_RATES, **WRITES)
async def new_rates_page(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], lot_code: FromPath[str]
) -> Response[Any]:
    """New rates for a lot, with the present ones to start from."""
    found, lot, shape, present = await ask(request.user, _present, framework_id, lot_code)
    form = Form()
    show_rates(form, shape, present)
    return _show(request, "new_rates", form, found, lot, shape, present, {})


@post(NEW_RATES, status_code=200, **WRITES)
async def new_rates(
    request: Request[Any, Any, Any], framework_id: FromPath[UUID], lot_code: FromPath[str]
) -> Response[Any]:
    """Checks the proposal, shows it once more, and sends it."""
    form = Form(await read_form(request))
    found, lot, shape, present = await ask(request.user, _present, framework_id, lot_code)
    if form.value("go") == "change":
        return _show(request, "new_rates", form, found, lot, shape, present, {})
    bid = read_rates(form, shape)
    applies_from = form.date("applies_from", "the day the new rates apply from")
    reason = form.text("reason", "why the rates should change", most=LONGEST_REASON, lines=True)
    if not form.errors:
        try:
            if form.value("go") == "send":
                card_id = await rate_actions.propose_rates(
                    request.user, framework_id, lot_code, bid, applies_from, reason
                )
                return see_other(
                    request,
                    f"/rate-cards/{card_id}",
                    flash=f"Your new rates have been sent. {found.lead_name} decides.",
                )
            await ask(request.user, rate_actions.check_variation, framework_id, lot_code, bid, applies_from, reason)
            return _show(request, "new_rates_check", form, found, lot, shape, present, bid, applies_from)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _show(request, "new_rates", form, found, lot, shape, present, bid)


@get("/rate-cards/{card_id:uuid}/withdraw", **WRITES)
async def withdraw_page(request: Request[Any, Any, Any], card_id: FromPath[UUID]) -> Response[Any]:
    """Says what taking the proposal back does."""
    card = await ask(request.user, queries.rate_card, card_id)
    return page(
        request,
        "frameworks/confirm.html",
        title="Withdraw new rates",
        question=f"Withdraw the new rates for {card.lot_title}?",
        says=["Your present rates go on. You can propose others at any time."],
        action="Withdraw the new rates",
        back_to=f"/rate-cards/{card_id}",
    )


@post("/rate-cards/{card_id:uuid}/withdraw", status_code=303, **WRITES)
async def withdraw(request: Request[Any, Any, Any], card_id: FromPath[UUID]) -> Response[Any]:
    """Takes the proposal back."""
    await rate_actions.withdraw_rates(request.user, card_id)
    return see_other(request, f"/rate-cards/{card_id}", flash="The new rates have been withdrawn.")


async def card_with_grid(work: Work, card_id: UUID) -> tuple[CardView, rates.Grid, dict[tuple[str, str], int]]:
    """A card, its grid, and the rates in force the day before it applies; the console's page asks the same."""
    card = await queries.rate_card(work, card_id)
    pack = await queries.pack_of(work, card.framework_id)
    before = await _in_force(work, card.framework_id, card.provider_id, card.lot_code, card.applies_from, card.id)
    return card, rates.grid(pack, card.lot_code, card.applies_from), before


async def _present(
    work: Work, framework_id: UUID, lot_code: str
) -> tuple[FrameworkView, LotView, rates.Grid, dict[tuple[str, str], int]]:
    found = await queries.framework(work, framework_id)
    lot = await queries.lot(work, framework_id, lot_code)
    today = queries.today(work)
    held = await queries.admissions(work, framework_id, provider_id=work.actor.provider_id, lot_code=lot_code)
    if not any(each.ends_on is None or each.ends_on >= today for each in held):
        raise NotFound("You are not admitted to this lot.")
    shape = rates.grid(await queries.pack_of(work, framework_id), lot_code, today)
    present = await _in_force(work, framework_id, work.actor.provider_id, lot_code, today)
    if not present:  # an admission that has not begun: its first card
        cards = await queries.rate_cards(work, framework_id, provider_id=work.actor.provider_id, lot_code=lot_code)
        present = next((card.rates for card in reversed(cards) if card.state == "agreed"), {})
    return found, lot, shape, present


async def _in_force(
    work: Work, framework_id: UUID, provider_id: UUID | None, lot_code: str, day: date, other_than: UUID | None = None
) -> dict[tuple[str, str], int]:
    cards = await queries.rate_cards(
        work, framework_id, provider_id=provider_id, lot_code=lot_code, state="agreed"
    )  # the latest day first
    for card in cards:
        if card.applies_from <= day and card.id != other_than:
            return card.rates
    return {}


def _show(
    request: Request[Any, Any, Any],
    template: str,
    form: Form,
    found: FrameworkView,
    lot: LotView,
    shape: rates.Grid,
    present: dict[tuple[str, str], int],
    bid: dict[tuple[str, str], int],
    applies_from: date | None = None,
) -> Response[Any]:
    carried = [
        (name, value) for name, values in form.typed.items() for value in values if name not in ("go", csrf.FIELD)
    ]
    return page(
        request,
        f"frameworks/{template}.html",
        title=f"New rates for {lot.title}" if template == "new_rates" else "Check your new rates",
        form=form,
        framework=found,
        lot=lot,
        grid=shape,
        present=present,
        bid=bid,
        applies_from=applies_from,
        carried=carried,
        field_name=rates.field_name,
        most=LONGEST_REASON,
    )


ROUTES: list[Any] = [cards_page, card_page, new_rates_page, new_rates, withdraw_page, withdraw]
