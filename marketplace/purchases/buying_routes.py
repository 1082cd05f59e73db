"""JSON: what may be bought and at which price, buying it, paying it, changing one's mind."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.purchases import buying, cards
from marketplace.purchases.buying_queries import purchases
from marketplace.purchases.buying_schemas import (
    AgreeIn,
    AnswerOut,
    BuyableOut,
    BuyIn,
    CardIn,
    CardOut,
    MethodIn,
    PurchaseOut,
    QuoteOut,
    VisitsIn,
    priced_out,
    purchase_out,
    quote_out,
)
from marketplace.purchases.opening import open_purchase
from marketplace.purchases.quoting import buyable, quote
from marketplace.purchases.schemas import Made
from marketplace.purchases.words import declined

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")], "tags": ["Purchases"]}
READS: dict[str, Any] = {"guards": [requires("package.read")], "tags": ["Purchases"]}
PACKAGE = "/api/v1/packages/{package_id:uuid}"
ONE = "/api/v1/purchases/{purchase_id:uuid}"
Asked = Request[Any, Any, Any]


@get(f"{PACKAGE}/buyable", **SPENDS)
async def get_buyable(request: Asked, package_id: FromPath[UUID]) -> BuyableOut:
    """The visits of a package of one's direct payment that may be bought, each with its price."""
    offer = await ask(request.user, buyable, package_id)
    return BuyableOut(refusals=list(offer.refusals), visits=[priced_out(each) for each in offer.visits])


@post(f"{PACKAGE}/quote", status_code=200, **SPENDS)
async def post_quote(request: Asked, package_id: FromPath[UUID], data: JSONBody[VisitsIn]) -> QuoteOut:
    """What these visits cost, what the budget pays of it, and why they could not be bought."""
    return quote_out(await ask(request.user, quote, settings_of(request), package_id, data.visits))


@post(f"{PACKAGE}/purchases", status_code=201, **SPENDS)
async def post_purchase(request: Asked, package_id: FromPath[UUID], data: JSONBody[BuyIn]) -> Made:
    """Buy these visits at the prices shown; they wait for the money."""
    made = await buying.buy(
        request.user, settings_of(request), package_id, data.visits, method=data.method, shown_pence=data.shown_pence,
        top_up_pence=data.top_up_pence, purchase_id=data.id,
    )  # fmt: skip
    return Made(id=made)


@get("/api/v1/purchases", **READS)
async def get_purchases(
    request: Asked,
    direct_payment_id: FromQuery[UUID | None] = None,
    package_id: FromQuery[UUID | None] = None,
    page: FromQuery[int] = 1,
) -> list[PurchaseOut]:
    """Purchases within my reach, the newest first, twenty a page."""
    found = await ask(
        request.user, purchases, direct_payment_id=direct_payment_id, package_id=package_id,
        page=max(1, min(page, 1_000_000)),
    )  # fmt: skip
    return [purchase_out(each) for each in found]


@get(ONE, **READS)
async def get_purchase(request: Asked, purchase_id: FromPath[UUID]) -> PurchaseOut:
    """One purchase; while it waits for the money, how it can be paid and where a transfer goes.
    How it is paid is the family's alone; a referrer opens own cases, and the look is logged."""
    return purchase_out(*await open_purchase(request.user, settings_of(request), purchase_id))


@post(f"{ONE}/agree", status_code=204, **SPENDS)
async def post_agree(request: Asked, purchase_id: FromPath[UUID], data: JSONBody[AgreeIn]) -> None:
    """Agree together with whoever asked for it, and to what of it is the family's own money."""
    await buying.agree(request.user, purchase_id, top_up_pence=data.top_up_pence)


@post(f"{ONE}/withdraw", status_code=204, **SPENDS)
async def post_withdraw(request: Asked, purchase_id: FromPath[UUID]) -> None:
    """Do not buy after all, before it is paid."""
    await buying.withdraw(request.user, purchase_id)


@post(f"{ONE}/method", status_code=204, **SPENDS)
async def post_method(request: Asked, purchase_id: FromPath[UUID], data: JSONBody[MethodIn]) -> None:
    """Pay by card instead of by transfer, or the other way round."""
    await buying.pay_otherwise(request.user, settings_of(request), purchase_id, data.method)


@post(f"{ONE}/card", status_code=200, **SPENDS)
async def post_card(request: Asked, purchase_id: FromPath[UUID]) -> CardOut:
    """The one open card payment of a purchase, for Stripe's script in the browser."""
    settings = settings_of(request)
    asked = await cards.open_payment(request.user, settings, purchase_id)
    return CardOut(
        payment_id=asked.payment_id, pence=asked.pence, state=asked.state, client_secret=asked.client_secret,
        publishable_key=settings.stripe_publishable_key,
    )  # fmt: skip


@post(f"{ONE}/card/pay", status_code=200, **SPENDS)
async def post_pay(request: Asked, purchase_id: FromPath[UUID], data: JSONBody[CardIn]) -> AnswerOut:
    """Take the payment with a token of Stripe's."""
    answer = await cards.pay(request.user, settings_of(request), purchase_id, data.payment_id, data.token)
    says = declined(answer.failure) if answer.outcome == "declined" else ""
    return AnswerOut(outcome=answer.outcome, client_secret=answer.client_secret, says=says)


@post(f"{ONE}/look", status_code=204, **SPENDS)
async def post_look(request: Asked, purchase_id: FromPath[UUID]) -> None:
    """Ask Stripe what became of the open payment."""
    await cards.look_at(request.user, settings_of(request), purchase_id)


@post(f"{ONE}/again", status_code=204, **SPENDS)
async def post_again(request: Asked, purchase_id: FromPath[UUID]) -> None:
    """Give up a payment that hangs at the bank's question, to use another card."""
    await cards.begin_again(request.user, settings_of(request), purchase_id)


ROUTES: list[Any] = [
    get_buyable, post_quote, post_purchase, get_purchases, get_purchase, post_agree, post_withdraw, post_method,
    post_card, post_pay, post_look, post_again,
]  # fmt: skip
