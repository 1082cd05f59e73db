"""The family's pages of its budget: what is left, drawn; what was paid elsewhere, added and taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.purchases import queries, spending
from marketplace.purchases.buying_queries import packages_paid_from, purchases
from marketplace.purchases.drawing import drawn, drawn_periods
from marketplace.purchases.queries import DirectPaymentView, Spending
from marketplace.purchases.suspended import closed_providers
from marketplace.purchases.words import ACCOUNTS, MOST_REASON, MOST_SAYS, STATUSES, amount, gives
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
Asked = Request[Any, Any, Any]


@get("/budget", **SPENDS)
async def budgets_page(request: Asked) -> Response[Any]:
    """Each budget I may spend, and what is left of it."""
    found = await ask(request.user, queries.direct_payments)
    return page(
        request, "purchases/budgets.html", title="My direct payment", found=found,
        drawings={view.id: drawn(view) for view in found if view.state == "running"},
    )  # fmt: skip


@get("/budget/{direct_payment_id:uuid}", **SPENDS)
async def budget_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """One budget: left, promised, spent; what it may buy; how it changed."""
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    bought = await ask(request.user, purchases, direct_payment_id=direct_payment_id)
    return page(
        request, "purchases/budget.html", title="Direct payment", view=view, drawing=drawn(view), bought=bought[:5],
        packages=await ask(request.user, packages_paid_from, direct_payment_id), statuses=STATUSES,
        periods=drawn_periods(view), amount=amount, gives=gives, accounts=ACCOUNTS,
        closed=await ask(request.user, closed_providers, direct_payment_id),
    )  # fmt: skip


@get("/budget/{direct_payment_id:uuid}/spending/new", **SPENDS)
async def new_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """What was paid, when, how much."""
    return await _new_page(request, direct_payment_id, Form.starting_with(entry=uuid4()))


@post("/budget/{direct_payment_id:uuid}/spending/new", status_code=303, **SPENDS)
async def new(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Keeps it; sent twice it is kept once."""
    form = Form(await read_form(request))
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    money = view.budget.kind == "money"
    entry = form.uuid("entry", "the entry", required=False)
    says = form.text("says", "what you paid for", most=MOST_SAYS)
    day = form.date("day", "the day")
    pence = (
        form.pence("pence", "how much it cost", least=1)
        if money
        else form.pence("pence", "how much it cost", required=False)
    )
    minutes = 0 if money else form.minutes("minutes", "how many hours it was", most=spending.MOST_MINUTES)
    if not form.errors:
        try:
            await spending.record_spending(
                request.user, direct_payment_id, day=day, pence=pence or 0, minutes=minutes, says=says,
                spending_id=entry,
            )  # fmt: skip
            return see_other(request, f"/budget/{direct_payment_id}", flash="Added. It has come off your budget.")
        except InvalidInput as error:
            form.merge(error)
    return await _new_page(request, direct_payment_id, form)


async def _new_page(request: Asked, direct_payment_id: UUID, form: Form) -> Response[Any]:
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    return page(request, "purchases/spending_new.html", title="Add something I paid elsewhere", form=form, view=view)


@get("/budget/spending/{spending_id:uuid}/take-back", **SPENDS)
async def take_back_page(request: Asked, spending_id: FromPath[UUID]) -> Response[Any]:
    """Why an entry should not count."""
    return await _take_back_page(request, spending_id, Form())


@post("/budget/spending/{spending_id:uuid}/take-back", status_code=303, **SPENDS)
async def take_back(request: Asked, spending_id: FromPath[UUID]) -> Response[Any]:
    """Takes it back."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why you take it back", most=MOST_REASON)
    if form.errors:
        return await _take_back_page(request, spending_id, form)
    direct_payment_id = await spending.take_back_spending(request.user, spending_id, reason=reason)
    return see_other(request, f"/budget/{direct_payment_id}", flash="Taken back. It does not count any more.")


async def _take_back_page(request: Asked, spending_id: UUID, form: Form) -> Response[Any]:
    view, entry = await ask(request.user, _entry, spending_id)
    return page(
        request, "purchases/spending_take_back.html", title="Take back an entry", form=form, view=view, entry=entry
    )


async def _entry(work: Work, spending_id: UUID) -> tuple[DirectPaymentView, Spending]:
    for view in await queries.direct_payments(work):
        for each in view.spending:
            if each.id == spending_id:
                return view, each
    raise NotFound("There is no such entry.")


ROUTES: list[Any] = [budgets_page, budget_page, new_page, new, take_back_page, take_back]
