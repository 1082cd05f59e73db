"""The family’s pages of buying: which visits, what they cost, how it is paid, what became of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.packages.cancellation import PriceChanged
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases import buying, cards
from marketplace.purchases.bought_queries import refunds_of_purchase
from marketplace.purchases.buying_queries import PAGE_SIZE, PurchaseView, bought_together, purchase, purchases
from marketplace.purchases.opening import open_purchase
from marketplace.purchases.quoting import Buyable, Quote, VisitPriced, buyable, quote
from marketplace.purchases.references import shown
from marketplace.purchases.words import METHODS, STATUSES, amount
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import clock, last_moment, moment, pounds, weekday
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
READS: dict[str, Any] = {"guards": [requires("package.read")]}
Asked = Request[Any, Any, Any]
A_WEEK = timedelta(days=7)
HEADS = ("Reference", "Package", "Provider", "First day", "Last day", "Visits", "Minutes", "Price", "State", "Bought",
         "Paid")  # fmt: skip


@get("/packages/{package_id:uuid}/buy", **SPENDS)
async def buy_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """The visits that are planned and not bought yet, each with its price; the next week's are ticked."""
    offer = await ask(request.user, buyable, package_id)
    form = Form({name: [str(value)[:20]] for name, value in request.query_params.items()})
    first = form.date("first_day", "the first day", required=False)
    last = form.date("last_day", "the last day", required=False)
    within = [each for each in offer.visits if _within(each, first, last)]
    priced = [each for each in within if each.pence is not None]
    if priced and first is None and last is None:  # a week at a time, unless other days were asked for
        priced = [each for each in priced if each.day < priced[0].day + A_WEEK]
    form.set("visits", [str(each.id) for each in priced])
    return _choose(request, offer, within, form)


def _within(visit: VisitPriced, first: date | None, last: date | None) -> bool:
    return (first is None or visit.day >= first) and (last is None or visit.day <= last)


def _choose(request: Asked, offer: Buyable, visits: list[VisitPriced], form: Form, status: int = 200) -> Response[Any]:
    return page(
        request, "purchases/buy.html", title="Buy visits", offer=offer, form=form, status=status, amount=amount,
        later=any(each.day > offer.view.budget.period.last_day for each in visits),
        options=[(str(each.id), _visit_words(each), each.unpriced) for each in visits],
    )  # fmt: skip


def _visit_words(visit: VisitPriced) -> str:
    price = "no price" if visit.pence is None else pounds(visit.pence)
    return f"{weekday(visit.start)}, {clock(visit.start)} to {clock(visit.end)}: {visit.activity}, {price}"


@post("/packages/{package_id:uuid}/buy", status_code=200, **SPENDS)
async def buy(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """What the chosen visits cost, to be checked; bought where that is what was asked."""
    form = Form(await read_form(request))
    offer = await ask(request.user, buyable, package_id)
    chosen = form.uuids("visits", "at least one visit", least=1)
    if form.errors or form.value("step") == "edit":
        return _choose(request, offer, list(offer.visits), form)
    try:
        asked = await ask(request.user, quote, settings_of(request), package_id, chosen)
    except InvalidInput as error:
        if first := await ask(request.user, bought_together, chosen):
            return see_other(request, f"/purchases/{first}", flash="These visits are bought already, as you see here.")
        form.merge(error)
        return _choose(request, offer, list(offer.visits), form)
    if form.value("step") != "buy":
        form.set("purchase", uuid4())
        if "method" not in form.errors and len(asked.pay_by) == 1:
            form.set("method", next(iter(asked.pay_by)))
        return _check(request, asked, form)
    seen = form.integer("shown", "the price", least=1)
    method = form.choice("method", "how you pay", asked.pay_by) if asked.pay_by else ""
    top_up = form.integer("shown_top_up", "the top-up")
    if asked.top_up_pence:
        form.agreed("top_up", f"Confirm that you pay {pounds(asked.top_up_pence)} of your own money")
    made = form.uuid("purchase", "the purchase", required=False)
    if form.errors:
        return _check(request, asked, form)
    try:
        made = await buying.buy(
            request.user, settings_of(request), package_id, chosen, method=method, shown_pence=seen,  # type: ignore[arg-type] - one of the ways
            top_up_pence=top_up, purchase_id=made,
        )  # fmt: skip
    except InvalidInput as error:
        form.merge(error)
        return _check(request, asked, form)
    except PriceChanged as error:
        form.error("", error.sentence)
        return _check(request, asked, form, 409)
    except Conflict as error:
        if first := await ask(request.user, bought_together, chosen):
            return see_other(request, f"/purchases/{first}", flash="These visits are bought already, as you see here.")
        form.error("", error.sentence)
        return _choose(request, offer, list(offer.visits), form, 409)
    bought = await ask(request.user, purchase, made)
    if bought.method == "card" and bought.state == "waiting":
        return see_other(request, f"/purchases/{made}/card")
    return see_other(request, f"/purchases/{made}", flash="The visits are yours once they are paid.")


def _check(request: Asked, asked: Quote, form: Form, status: int = 200) -> Response[Any]:
    ways = [
        (key, METHODS[key], f"By {last_moment(until) if key == 'transfer' else moment(until)}")
        for key, until in asked.pay_by.items()
    ]
    return page(
        request, "purchases/buy_check.html", title="Check what you buy", asked=asked, form=form, ways=ways,
        amount=amount, status=status,
    )  # fmt: skip


@get("/purchases", **READS)
async def list_page(request: Asked) -> Response[Any]:
    """What was bought, the newest first; also as CSV."""
    raw = request.query_params.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    rows = await ask(request.user, purchases, page=number)
    if request.query_params.get("format") == "csv":
        return csv_file("purchases", HEADS, [_line(each) for each in rows])
    return page(
        request, "purchases/purchases.html", title="Bought visits", rows=rows, number=number,
        more=len(rows) == PAGE_SIZE, statuses=STATUSES,
    )  # fmt: skip


def plain_pounds(pence: int) -> str:
    """12.50, for a file."""
    return f"{pence // 100}.{pence % 100:02d}"


def _line(view: PurchaseView) -> list[object]:
    return [
        view.reference, view.package_reference, view.provider, view.first_day, view.last_day, len(view.lines),
        view.minutes, plain_pounds(view.pence), STATUSES[view.status][0], view.made_at.date(),
        view.paid_at.date() if view.paid_at else "",
    ]  # fmt: skip


@get("/purchases/{purchase_id:uuid}", **READS)
async def purchase_page(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """One purchase: where it stands in one line, what is to be done, every visit with its price."""
    return await _purchase_page(request, purchase_id)


async def _purchase_page(request: Asked, purchase_id: UUID, error: str = "", form: Form | None = None) -> Response[Any]:
    view, ways, account = await open_purchase(request.user, settings_of(request), purchase_id)
    form = form or Form()
    if error:
        form.error("", error)
    return page(
        request, "purchases/purchase.html", title="Bought visits", view=view, ways=ways, account=account,
        status_words=STATUSES[view.status], methods=METHODS, reference=shown(view.reference), form=form,
        family=request.user.role == "family", refunds=await ask(request.user, refunds_of_purchase, purchase_id),
        status=409 if error else 400 if form.errors else 200,
    )  # fmt: skip


@get("/purchases/{purchase_id:uuid}/withdraw", **SPENDS)
async def withdraw_page(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """What it means not to buy after all."""
    view = await ask(request.user, purchase, purchase_id)
    title = "Choose the visits again" if view.fallen else "Do not buy these visits"
    return page(request, "purchases/withdraw.html", title=title, view=view)


@post("/purchases/{purchase_id:uuid}/withdraw", status_code=303, **SPENDS)
async def withdraw(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Gives it up; where a visit of it fell, the others are chosen again."""
    view = await ask(request.user, purchase, purchase_id)
    withdrawing, said = buying.withdraw(request.user, purchase_id), "The visits are not bought, and not paid."
    then = f"/packages/{view.package_id}/buy" if view.fallen else ""
    return await _doing(request, purchase_id, withdrawing, said, then)


@post("/purchases/{purchase_id:uuid}/agree", status_code=303, **SPENDS)
async def agree(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Agrees together with whoever asked; to money of the family's own with a yes of one's own."""
    form = Form(await read_form(request))
    view = await ask(request.user, purchase, purchase_id)
    yes = form.boolean("top_up")
    try:
        await buying.agree(request.user, purchase_id, top_up_pence=view.top_up_pence if yes else 0)
    except InvalidInput as error:
        form.merge(error)
        return await _purchase_page(request, purchase_id, form=form)
    except Conflict as error:
        return await _purchase_page(request, purchase_id, error.sentence)
    return see_other(request, f"/purchases/{purchase_id}", flash="You have agreed.")


@post("/purchases/{purchase_id:uuid}/method", status_code=303, **SPENDS)
async def method(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Pays another way."""
    form = Form(await read_form(request))
    wanted = form.choice("method", "how you pay", METHODS)
    if form.errors:
        return await _purchase_page(request, purchase_id, form.errors["method"])
    changing = buying.pay_otherwise(request.user, settings_of(request), purchase_id, wanted)  # type: ignore[arg-type] - one of both
    return await _doing(request, purchase_id, changing, "Changed.")


@post("/purchases/{purchase_id:uuid}/look", status_code=303, **SPENDS)
async def look(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Asks the card company what became of the payment."""
    return await _doing(request, purchase_id, cards.look_at(request.user, settings_of(request), purchase_id))


@post("/purchases/{purchase_id:uuid}/again", status_code=303, **SPENDS)
async def again(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Gives up a payment that hangs at the bank's question, to pay with another card."""
    try:
        await cards.begin_again(request.user, settings_of(request), purchase_id)
    except Conflict as error:
        return await _purchase_page(request, purchase_id, error.sentence)
    waits = (await ask(request.user, purchase, purchase_id)).state == "waiting"
    return see_other(request, f"/purchases/{purchase_id}{'/card' if waits else ''}")


async def _doing(
    request: Asked, purchase_id: UUID, doing: Any, said: str | None = None, then: str = ""
) -> Response[Any]:
    try:
        await doing
    except Conflict as error:
        return await _purchase_page(request, purchase_id, error.sentence)
    except InvalidInput as error:
        return await _purchase_page(request, purchase_id, next(iter(error.fields.values()), error.sentence))
    return see_other(request, then or f"/purchases/{purchase_id}", flash=said)


ROUTES: list[Any] = [
    buy_page, buy, list_page, purchase_page, withdraw_page, withdraw, agree, method, look, again,
]  # fmt: skip
