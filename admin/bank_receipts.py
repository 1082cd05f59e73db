"""The console's pages of families' transfers: the client account, the statement taken in, what waits to be matched."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases import bank, cards_money
from marketplace.purchases.bank_lines import read_lines
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import count, pounds
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

BANK: dict[str, Any] = {"guards": [requires("client_account.write")]}
Asked = Request[Any, Any, Any]
STATES = {"": "All", "unmatched": "To be matched", "matched": "Matched", "set_aside": "Set aside",
          "from_cards": "From cards"}  # fmt: skip


@get("/bank-receipts", **BANK)
async def list_page(request: Asked) -> Response[Any]:
    """What came in by transfer, what waits to be matched, and where a statement is taken in."""
    return await _list(request, Form())


async def _list(request: Asked, form: Form) -> Response[Any]:
    state = request.query_params.get("state", "")
    state = state if state in STATES else ""
    raw = request.query_params.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    rows, numbers = await ask(request.user, bank.receipts, state, page=number)
    if request.query_params.get("format") == "csv":
        lines = [
            (each.received_on, pounds(each.pence), each.says, STATES[each.state], each.reference or "") for each in rows
        ]
        return csv_file("transfers", ("Day", "Amount", "Says", "State", "Purchase"), lines)
    return page(
        request, "admin/bank_receipts.html", title="Families’ transfers", rows=rows, state=state, states=STATES,
        shown=[(key, said, numbers.get(key)) for key, said in STATES.items()], number=number,
        more=len(rows) == bank.PAGE_SIZE, form=form,
    )  # fmt: skip


@post("/bank-receipts", status_code=303, **BANK)
async def take_in(request: Asked) -> Response[Any]:
    """Takes a statement in; a line known before is counted once."""
    form = Form(await read_form(request))
    files = (await read_files(request)).get("file", [])
    if not files:
        form.error("file", "Select the statement to take in")
        return await _list(request, form)
    try:
        taken = await bank.take_in(request.user, read_lines(await files[0].read()))
    except InvalidInput as error:
        form.merge(error)
        return await _list(request, form)
    said = f"{count(taken.matched, 'line')} matched, {taken.unmatched} to be matched, {taken.known} known before."
    return see_other(request, "/bank-receipts" + ("?state=unmatched" if taken.unmatched else ""), flash=said)


@get("/bank-receipts/{receipt_id:uuid}", **BANK)
async def receipt_page(request: Asked, receipt_id: FromPath[UUID]) -> Response[Any]:
    """One line: which purchase it pays, or why none."""
    return await _receipt(request, receipt_id, Form())


@post("/bank-receipts/{receipt_id:uuid}/match", status_code=303, **BANK)
async def match(request: Asked, receipt_id: FromPath[UUID]) -> Response[Any]:
    """Matches it by hand."""
    form = Form(await read_form(request))
    reference = form.text("reference", "the purchase’s reference", most=60)
    return await _decided(
        request, receipt_id, form, lambda: bank.match_by_hand(request.user, receipt_id, reference), "Matched."
    )


@post("/bank-receipts/{receipt_id:uuid}/set-aside", status_code=303, **BANK)
async def set_aside(request: Asked, receipt_id: FromPath[UUID]) -> Response[Any]:
    """Sets it aside with a reason."""
    form = Form(await read_form(request))
    reason = form.text("reason", "what became of the money", most=bank.MOST_REASON)
    return await _decided(
        request, receipt_id, form, lambda: bank.set_aside(request.user, receipt_id, reason), "Set aside."
    )


@post("/bank-receipts/{receipt_id:uuid}/from-cards", status_code=303, **BANK)
async def from_cards(request: Asked, receipt_id: FromPath[UUID]) -> Response[Any]:
    """Ticks it as cards' money that Stripe has paid out."""
    doing = lambda: cards_money.tick(request.user, receipt_id)  # noqa: E731 - as the others
    return await _decided(request, receipt_id, Form(), doing, "Ticked: it is cards’ money from Stripe.")


async def _decided(request: Asked, receipt_id: UUID, form: Form, doing: Any, said: str) -> Response[Any]:
    status = 200
    try:
        if not form.errors:
            await doing()
            return see_other(request, "/bank-receipts?state=unmatched", flash=said)
    except InvalidInput as error:
        form.merge(error)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        status = 409
    return await _receipt(request, receipt_id, form, status)


async def _receipt(request: Asked, receipt_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    row = await ask(request.user, bank.receipt, receipt_id)
    return page(
        request,
        "admin/bank_receipt.html",
        title="A transfer",
        row=row,
        states=STATES,
        form=form,
        status=status,
        cards=await ask(request.user, cards_money.cards_money),
    )


@get("/client-account", **BANK)
async def account_page(request: Asked) -> Response[Any]:
    """The account families transfer to, and one that waits to be confirmed."""
    return await _account(request, Form())


@post("/client-account", status_code=303, **BANK)
async def enter(request: Asked) -> Response[Any]:
    """Enters an account."""
    form = Form(await read_form(request))
    try:
        await bank.enter_account(
            request.user, name=form.value("name"), sort_code=form.value("sort_code"), number=form.value("number")
        )
        return see_other(request, "/client-account", flash="Entered. Another finance officer confirms it.")
    except InvalidInput as error:
        form.merge(error)
    return await _account(request, form)


@post("/client-account/{account_id:uuid}/confirm", status_code=303, **BANK)
async def confirm(request: Asked, account_id: FromPath[UUID]) -> Response[Any]:
    """Confirms a colleague's entry."""
    try:
        await bank.confirm_account(request.user, account_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _account(request, form, 409)
    return see_other(request, "/client-account", flash="Confirmed. Families transfer to this account from now on.")


async def _account(request: Asked, form: Form, status: int = 200) -> Response[Any]:
    versions = await ask(request.user, bank.accounts)
    newest = versions[0] if versions and versions[0].confirmed_at is None else None
    return page(
        request, "admin/client_account.html", title="Client account", form=form, status=status, waiting=newest,
        mine=newest is not None and newest.entered_by == request.user.person_id,
        account=next((each for each in versions if each.confirmed_at), None),
    )  # fmt: skip


ROUTES: list[Any] = [list_page, take_in, receipt_page, match, set_aside, from_cards, account_page, enter, confirm]
