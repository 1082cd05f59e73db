"""JSON: accounts of direct payments, refunds, what providers are due, money settled by bank."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from marketplace.billing.paper_pages import pdf_of
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import Period, local_day
from marketplace.purchases import accounts, by_hand
from marketplace.purchases import money_schemas as schemas
from marketplace.purchases.account_statement import open_account
from marketplace.purchases.bought_queries import balances_by_hand, of_provider, payout_statement, refunds_by_hand
from marketplace.purchases.opening import open_receipt, open_refunds
from marketplace.purchases.payout_pages import AHEAD, BACK, FARTHEST
from marketplace.purchases.printing import account_paper
from marketplace.purchases.the_rest import call_off_rest, the_rest

READS: dict[str, Any] = {"guards": [requires("direct_payment.read")], "tags": ["Direct payments"]}
SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")], "tags": ["Purchases"]}
PAYOUTS: dict[str, Any] = {"guards": [requires("payout.read")], "tags": ["Payments"]}
MANAGES: dict[str, Any] = {"guards": [requires("payout.account")], "tags": ["Payments"]}
SETTLES: dict[str, Any] = {"guards": [requires("purchase_money.settle")], "tags": ["Payments"]}
ONE = "/api/v1/direct-payments/{direct_payment_id:uuid}"
REFUND = "/api/v1/purchase-refunds/{refund_id:uuid}"
BALANCE = "/api/v1/purchase-payouts/{framework_id:uuid}/{provider_id:uuid}"
Asked = Request[Any, Any, Any]


@get(f"{ONE}/account", **READS)
async def get_account(
    request: Asked,
    direct_payment_id: FromPath[UUID],
    first_day: FromQuery[date | None] = None,
    last_day: FromQuery[date | None] = None,
) -> schemas.AccountOut:
    """The account of some days, both counted; by default of the present quarter or year. A referrer's look is logged,
    and refused where the terms ask the family for none."""
    return schemas.account_out(await open_account(request.user, direct_payment_id, first_day, last_day))


@get(f"{ONE}/account/pdf", media_type="application/pdf", **READS)
async def get_account_pdf(
    request: Asked,
    direct_payment_id: FromPath[UUID],
    first_day: FromQuery[date | None] = None,
    last_day: FromQuery[date | None] = None,
) -> Response[bytes]:
    """The same as a tagged PDF (PDF/UA-1)."""
    return await pdf_of(account_paper(await open_account(request.user, direct_payment_id, first_day, last_day)))


@get(f"{ONE}/refunds", **READS)
async def get_refunds(request: Asked, direct_payment_id: FromPath[UUID]) -> list[schemas.RefundOut]:
    """What goes back, or has gone, to those who pay from a direct payment; the newest first. To a referrer as the
    account is, and never the way."""
    family = request.user.role == "family"
    return [schemas.refund_out(each, how=family) for each in await open_refunds(request.user, direct_payment_id)]


@get("/api/v1/purchases/{purchase_id:uuid}/receipt", media_type="application/pdf", **READS)
async def get_receipt(request: Asked, purchase_id: FromPath[UUID]) -> Response[bytes]:
    """A receipt for what was paid, as a tagged PDF (PDF/UA-1). To a referrer as the account is."""
    return await pdf_of(await open_receipt(request.user, purchase_id))


@get("/api/v1/purchases/{purchase_id:uuid}/rest", **SPENDS)
async def get_rest(request: Asked, purchase_id: FromPath[UUID]) -> schemas.RestOut:
    """What calling off the visits still to come would keep and give back, now."""
    found = await ask(request.user, the_rest, purchase_id)
    visits = [each.visit_id for each in found.visits]
    return schemas.RestOut(visits=visits, kept_pence=found.kept_pence, back_pence=found.back_pence)


@post("/api/v1/purchases/{purchase_id:uuid}/rest/call-off", status_code=204, **SPENDS)
async def post_rest(request: Asked, purchase_id: FromPath[UUID], data: JSONBody[schemas.RestIn]) -> None:
    """Call off every visit still to come."""
    await call_off_rest(request.user, purchase_id, reason=data.reason, kept_pence=data.kept_pence)


@get("/api/v1/bought-visits", **PAYOUTS)
async def get_bought_visits(
    request: Asked, first_day: FromQuery[date | None] = None, last_day: FromQuery[date | None] = None
) -> list[schemas.BoughtOut]:
    """What families bought of us, for visits on these days (default: eight weeks either way)."""
    return [schemas.bought_out(line) for line in await ask(request.user, _bought, first_day, last_day)]


async def _bought(work: Work, first_day: date | None, last_day: date | None):
    assert work.actor.provider_id is not None
    return await of_provider(work, work.actor.provider_id, _days(work, first_day, last_day))


def _days(work: Work, first_day: date | None, last_day: date | None) -> Period:
    today = local_day(work.now)
    days = Period(first_day or today - BACK, last_day or max(today + AHEAD, first_day or today))
    for name, given in (("first_day", days.first_day), ("last_day", days.last_day)):
        if abs((given - today).days) > FARTHEST:
            raise InvalidInput({name: "Enter a day within ten years of today"})
    if days.last_day < days.first_day:
        raise InvalidInput({"last_day": "The last day must be on or after the first"})
    return days


@get("/api/v1/bought-visits/statement", **PAYOUTS)
async def get_payout_statement(
    request: Asked, first_day: FromQuery[date | None] = None, last_day: FromQuery[date | None] = None
) -> schemas.PayoutStatementOut:
    """What was due to us and paid over some days, as the ledger has it."""
    return schemas.statement_out(await ask(request.user, _statement, first_day, last_day))


async def _statement(work: Work, first_day: date | None, last_day: date | None):
    assert work.actor.provider_id is not None
    return await payout_statement(work, work.actor.provider_id, _days(work, first_day, last_day))


@get("/api/v1/payout-account", **PAYOUTS)
async def get_payout_account(request: Asked) -> schemas.PayoutAccountOut:
    """How our account at Stripe stands."""
    row = await ask(request.user, accounts.account_of, request.user.provider_id)
    return schemas.PayoutAccountOut(state=accounts.state_of(row), due=list(row["due"]) if row else [])


@post("/api/v1/payout-account/link", status_code=201, **MANAGES)
async def post_payout_account(request: Asked) -> schemas.LinkOut:
    """Ask for an account, or go on with it."""
    return schemas.LinkOut(await accounts.begin(settings_of(request), request.user))


@get("/api/v1/purchase-refunds", **SETTLES)
async def get_refunds_to_see_to(request: Asked) -> list[schemas.RefundOut]:
    """Refunds to pay by bank, refused by a card, or waiting for a second officer; the oldest first."""
    return [schemas.refund_out(each) for each in await ask(request.user, refunds_by_hand)]


@post(f"{REFUND}/paid", status_code=200, **SETTLES)
async def post_refund_paid(
    request: Asked, refund_id: FromPath[UUID], data: JSONBody[schemas.ByBankIn]
) -> schemas.SettledOut:
    """Write down that the bank has paid it."""
    return schemas.SettledOut(await by_hand.record_refund(request.user, refund_id, data.given()))


@post(f"{REFUND}/confirm", status_code=204, **SETTLES)
async def post_refund_confirmed(request: Asked, refund_id: FromPath[UUID]) -> None:
    """The second pair of eyes."""
    await by_hand.confirm_refund(request.user, refund_id)


@post(f"{REFUND}/again", status_code=204, **SETTLES)
async def post_refund_again(request: Asked, refund_id: FromPath[UUID]) -> None:
    """To the card once more."""
    await by_hand.send_again(request.user, refund_id)


@get("/api/v1/purchase-payouts", **SETTLES)
async def get_balances(request: Asked) -> list[schemas.BalanceOut]:
    """Providers to pay by bank for visits families bought."""
    return [schemas.balance_out(each) for each in await ask(request.user, balances_by_hand)]


@post(f"{BALANCE}/paid", status_code=200, **SETTLES)
async def post_payout_paid(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], data: JSONBody[schemas.PayoutByBankIn]
) -> schemas.SettledOut:
    """Write down that the bank has paid the whole balance."""
    done = await by_hand.record_payout(request.user, framework_id, provider_id, data.given(), pence=data.pence)
    return schemas.SettledOut(done)


@post(f"{BALANCE}/confirm", status_code=204, **SETTLES)
async def post_payout_confirmed(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> None:
    """The second pair of eyes."""
    await by_hand.confirm_payout(request.user, framework_id, provider_id)


ROUTES: list[Any] = [
    get_account, get_account_pdf, get_refunds, get_receipt, get_rest, post_rest, get_bought_visits,
    get_payout_statement, get_payout_account, post_payout_account, get_refunds_to_see_to, post_refund_paid,
    post_refund_confirmed, post_refund_again, get_balances, post_payout_paid, post_payout_confirmed,
]  # fmt: skip
