"""JSON for finance officers: the client account, the bank's statement taken in, its lines matched or set aside."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.purchases import bank, cards_money
from marketplace.purchases.bank_lines import read_lines
from marketplace.purchases.buying_schemas import (
    AccountIn,
    AccountOut,
    CardsMoneyOut,
    MatchIn,
    ReceiptOut,
    StatementIn,
    TakenOut,
    ToComeOut,
    account_out,
    cards_money_out,
    receipt_out,
)
from marketplace.purchases.schemas import Made, Reason

BANK: dict[str, Any] = {"guards": [requires("client_account.write")], "tags": ["Payments"]}
Asked = Request[Any, Any, Any]


@get("/api/v1/bank-receipts", **BANK)
async def get_receipts(
    request: Asked,
    show: FromQuery[Literal["", "matched", "unmatched", "set_aside", "from_cards"]] = "",
    page: FromQuery[int] = 1,
) -> list[ReceiptOut]:
    """Money that came in by transfer, the newest first, fifty a page."""
    found, _ = await ask(request.user, bank.receipts, show, page=max(1, min(page, 1_000_000)))
    return [receipt_out(each) for each in found]


@post("/api/v1/bank-receipts", status_code=200, **BANK)
async def post_statement(request: Asked, data: JSONBody[StatementIn]) -> TakenOut:
    """Take a statement in: each line once, matched where its reference names a purchase."""
    taken = await bank.take_in(request.user, read_lines(data.csv.encode()))
    return TakenOut(matched=taken.matched, unmatched=taken.unmatched, known=taken.known)


@post("/api/v1/bank-receipts/{receipt_id:uuid}/match", status_code=200, **BANK)
async def post_match(request: Asked, receipt_id: FromPath[UUID], data: JSONBody[MatchIn]) -> Made:
    """Say which purchase a line pays; answers the purchase."""
    return Made(id=await bank.match_by_hand(request.user, receipt_id, data.reference))


@post("/api/v1/bank-receipts/{receipt_id:uuid}/set-aside", status_code=204, **BANK)
async def post_set_aside(request: Asked, receipt_id: FromPath[UUID], data: JSONBody[Reason]) -> None:
    """Say why a line pays no purchase."""
    await bank.set_aside(request.user, receipt_id, data.reason)


@post("/api/v1/bank-receipts/{receipt_id:uuid}/from-cards", status_code=200, **BANK)
async def post_from_cards(request: Asked, receipt_id: FromPath[UUID]) -> ToComeOut:
    """Say that a line is cards' money that Stripe has paid out to the client account."""
    return ToComeOut(to_come_pence=await cards_money.tick(request.user, receipt_id))


@get("/api/v1/cards-money", **BANK)
async def get_cards_money(request: Asked) -> CardsMoneyOut:
    """Cards' money that was paid by bank: what is booked over to the client account, and what has arrived there."""
    return cards_money_out(await ask(request.user, cards_money.cards_money))


@get("/api/v1/client-account", **BANK)
async def get_accounts(request: Asked) -> list[AccountOut]:
    """The versions of the client account, the newest first; the latest confirmed one counts."""
    return [account_out(each) for each in await ask(request.user, bank.accounts)]


@post("/api/v1/client-account", status_code=201, **BANK)
async def post_account(request: Asked, data: JSONBody[AccountIn]) -> Made:
    """Enter an account; another finance officer confirms it."""
    made = await bank.enter_account(request.user, name=data.name, sort_code=data.sort_code, number=data.number)
    return Made(id=made)


@post("/api/v1/client-account/{account_id:uuid}/confirm", status_code=204, **BANK)
async def post_confirm(request: Asked, account_id: FromPath[UUID]) -> None:
    """Confirm what a colleague entered."""
    await bank.confirm_account(request.user, account_id)


ROUTES: list[Any] = [
    get_receipts, post_statement, post_match, post_set_aside, post_from_cards, get_cards_money,
    get_accounts, post_account, post_confirm,
]  # fmt: skip
