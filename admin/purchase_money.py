"""The console's money of purchases: refunds to pay by bank or to send again, providers to pay, what is confirmed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.purchases import by_hand
from marketplace.purchases.bought_queries import ProviderBalance, RefundRow, balances_by_hand, refunds_by_hand
from marketplace.purchases.by_hand import MOST_REFERENCE, ByBank
from marketplace.purchases.cards_money import CardsMoney, cards_money
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SETTLES: dict[str, Any] = {"guards": [requires("purchase_money.settle")]}
HEADS = ("Owed since", "Purchase", "Provider", "Pounds", "How", "State", "Came in by")
HERE = "/purchase-money"
Asked = Request[Any, Any, Any]


@get(HERE, **SETTLES)
async def money_page(request: Asked) -> Response[Any]:
    """What has to go back or onwards by bank; the refunds as CSV too."""
    return await _list(request)


async def _list(request: Asked, sentence: str = "") -> Response[Any]:
    refunds, balances, cards = await ask(request.user, _all)
    if request.query_params.get("format") == "csv":
        rows = (
            (f"{each.owed_at:%Y-%m-%d}", each.reference, each.provider, f"{each.pence // 100}.{each.pence % 100:02d}",
             "by bank" if each.way == "transfer" else "card", each.state, each.came_by)
            for each in refunds
        )  # fmt: skip
        return csv_file("refunds-to-pay", HEADS, rows)
    form = Form()
    if sentence:
        form.error("", sentence)
    return page(
        request, "admin/purchase_money.html", title="Families’ money", refunds=refunds, balances=balances, form=form,
        cards=cards, me=request.user.person_id, status=409 if sentence else 200,
    )  # fmt: skip


async def _all(work: Work) -> tuple[list[RefundRow], list[ProviderBalance], CardsMoney]:
    return *await _both(work), await cards_money(work)


async def _both(work: Work) -> tuple[list[RefundRow], list[ProviderBalance]]:
    return await refunds_by_hand(work), await balances_by_hand(work)


@get("/purchase-money/refunds/{refund_id:uuid}/paid", **SETTLES)
async def refund_page(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    """A refund the bank has paid: the day and its reference."""
    return await _refund(request, refund_id, Form())


@post("/purchase-money/refunds/{refund_id:uuid}/paid", status_code=303, **SETTLES)
async def refund_paid(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    """Writes it down; from the pack's sum on a second officer confirms it."""
    form = Form(await read_form(request))
    given = _given(form)
    try:
        if not form.errors and given is not None:
            done = await by_hand.record_refund(request.user, refund_id, given)
            return see_other(request, HERE, flash=_said(done))
    except InvalidInput as error:
        form.merge(error)
    except Conflict as conflict:
        return await _list(request, conflict.sentence)
    return await _refund(request, refund_id, form)


async def _refund(request: Asked, refund_id: UUID, form: Form) -> Response[Any]:
    refunds, _ = await ask(request.user, _both)
    found = next((each for each in refunds if each.id == refund_id and each.settled_on is None), None)
    if found is None:
        raise NotFound("There is no refund to pay by that address.")
    return page(
        request, "admin/purchase_money_paid.html", title="A refund paid by bank", form=form, pence=found.pence,
        what=f"Refund of purchase {found.reference}", about=found.provider, shown=None, came_by=found.came_by,
        status=400 if form.errors else 200,
    )  # fmt: skip


@post("/purchase-money/refunds/{refund_id:uuid}/confirm", status_code=303, **SETTLES)
async def refund_confirm(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    """The second pair of eyes."""
    return await _do(request, by_hand.confirm_refund(request.user, refund_id), "Confirmed. It is in the books.")


@post("/purchase-money/refunds/{refund_id:uuid}/again", status_code=303, **SETTLES)
async def refund_again(request: Asked, refund_id: FromPath[UUID]) -> Response[Any]:
    """To the card once more."""
    return await _do(request, by_hand.send_again(request.user, refund_id), "It is sent to the card again.")


@get("/purchase-money/providers/{framework_id:uuid}/{provider_id:uuid}/paid", **SETTLES)
async def payout_page(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> Response[Any]:
    """What a provider is owed, and that the bank has paid it."""
    return await _payout(request, framework_id, provider_id, Form())


@post("/purchase-money/providers/{framework_id:uuid}/{provider_id:uuid}/paid", status_code=303, **SETTLES)
async def payout_paid(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> Response[Any]:
    """Writes it down, at the sum that was shown."""
    form = Form(await read_form(request))
    given, shown = _given(form), form.integer("shown", "the sum", most=2_000_000_000)
    try:
        if not form.errors and given is not None:
            done = await by_hand.record_payout(request.user, framework_id, provider_id, given, pence=shown)
            return see_other(request, HERE, flash=_said(done))
    except InvalidInput as error:
        form.merge(error)
    except Conflict as conflict:
        return await _list(request, conflict.sentence)
    return await _payout(request, framework_id, provider_id, form)


async def _payout(request: Asked, framework_id: UUID, provider_id: UUID, form: Form) -> Response[Any]:
    _, balances = await ask(request.user, _both)
    key = framework_id, provider_id
    found = next((each for each in balances if (each.framework_id, each.provider_id) == key and each.pence > 0), None)
    if found is None:
        raise NotFound("There is nothing to pay to this provider by bank.")
    return page(
        request, "admin/purchase_money_paid.html", title="A provider paid by bank", form=form, pence=found.pence,
        what=f"{found.provider}, {found.visits} visits", about=found.framework, shown=found.pence, came_by="",
        status=400 if form.errors else 200,
    )  # fmt: skip


@post("/purchase-money/providers/{framework_id:uuid}/{provider_id:uuid}/confirm", status_code=303, **SETTLES)
async def payout_confirm(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> Response[Any]:
    """The second pair of eyes."""
    done = by_hand.confirm_payout(request.user, framework_id, provider_id)
    return await _do(request, done, "Confirmed. It is in the books.")


def _given(form: Form) -> ByBank | None:
    paid_on = form.date("paid_on", "the day it was paid")
    reference = form.text("reference", "the bank’s reference", most=MOST_REFERENCE)
    return None if form.errors else ByBank(paid_on, reference)


def _said(done: bool) -> str:
    return "Written down." if done else "Written down. A second finance officer confirms it."


async def _do(request: Asked, doing: Awaitable[Any], said: str) -> Response[Any]:
    try:
        await doing
    except Conflict as conflict:
        return await _list(request, conflict.sentence)
    return see_other(request, HERE, flash=said)


ROUTES: list[Any] = [
    money_page, refund_page, refund_paid, refund_confirm, refund_again, payout_page, payout_paid, payout_confirm,
]  # fmt: skip
