"""The one page that asks for a card: in a field of Stripe's own, with a content policy of its own.

The card is typed into Stripe's field and becomes a token in the browser; the form brings us the token. Where the bank
asks, the page comes again with the payment's secret and Stripe's script shows the bank's question. Without a script
the page says so and offers a bank transfer.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases import cards
from marketplace.purchases.buying_queries import open_to_pay
from marketplace.purchases.words import declined
from marketplace.settings import Settings
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
Asked = Request[Any, Any, Any]
STRIPE_SCRIPT = "https://js.stripe.com/v3/"
ITS_SCRIPTS = "https://js.stripe.com https://*.js.stripe.com"
ITS_FRAMES = "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com"
ITS_INTERFACE = "https://api.stripe.com"


def origins(settings: Settings) -> tuple[str, str, str]:
    """What the page's policy lets in: Stripe's scripts, interface and frames, or the stand-in's in their place."""
    if settings.stripe_api_url:
        parts = urlsplit(settings.stripe_api_url)
        there = f"{parts.scheme}://{parts.netloc}"
        return there, there, there
    return ITS_SCRIPTS, ITS_INTERFACE, ITS_FRAMES


@get("/purchases/{purchase_id:uuid}/card", **SPENDS)
async def card_page(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """The card's field; a second tab gets the same payment."""
    return await _page(request, purchase_id, Form())


@post("/purchases/{purchase_id:uuid}/card", status_code=303, **SPENDS)
async def pay(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Takes the payment; where the bank asks, shows its question."""
    form = Form(await read_form(request))
    payment_id = form.uuid("payment", "the payment", required=False)
    token = form.value("token")
    if payment_id is None or not token:
        form.error("", "The card was not taken. Enter its details again, or pay by bank transfer.")
        return await _page(request, purchase_id, form)
    try:
        answer = await cards.pay(request.user, settings_of(request), purchase_id, payment_id, token)
    except (Conflict, InvalidInput) as error:
        said = next(iter(error.fields.values())) if isinstance(error, InvalidInput) else error.sentence
        form.error("", said)
        return await _page(request, purchase_id, form, 409)
    if answer.outcome == "declined":
        form.error("", declined(answer.failure))
        return await _page(request, purchase_id, form)
    if answer.outcome == "confirm":
        return see_other(request, f"/purchases/{purchase_id}/card")
    flash = "Paid. Thank you." if answer.outcome == "received" else None
    return see_other(request, f"/purchases/{purchase_id}", flash=flash)


async def _page(request: Asked, purchase_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    settings = settings_of(request)
    view, ways, _ = await ask(request.user, open_to_pay, settings, purchase_id)
    if view.state != "waiting" or view.method != "card" or view.fallen:
        return see_other(request, f"/purchases/{purchase_id}")
    payment = await cards.open_payment(request.user, settings, purchase_id)
    script = f"{settings.stripe_api_url}/js.stripe.com/v3/" if settings.stripe_api_url else STRIPE_SCRIPT
    scripts, connect, frames = origins(settings)
    return page(
        request, "purchases/card.html", title="Pay by card", view=view, payment=payment, form=form, script=script,
        publishable_key=settings.stripe_publishable_key, transfer="transfer" in ways,
        confirming=payment.state == "confirming", status=status, scripts=scripts,
        connect=connect, frames=frames,
    )  # fmt: skip


ROUTES: list[Any] = [card_page, pay]
