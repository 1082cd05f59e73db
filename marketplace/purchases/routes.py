"""JSON: direct payments, recorded and changed by the referrer; what the family spends of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.purchases import direct_payments, queries, schemas, spending

READS: dict[str, Any] = {"guards": [requires("direct_payment.read")], "tags": ["Direct payments"]}
WRITES: dict[str, Any] = {"guards": [requires("direct_payment.write")], "tags": ["Direct payments"]}
SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")], "tags": ["Direct payments"]}
ONE = "/api/v1/direct-payments/{direct_payment_id:uuid}"
Asked = Request[Any, Any, Any]


@get("/api/v1/direct-payments", **READS)
async def get_direct_payments(request: Asked, everybody: FromQuery[bool] = False) -> list[schemas.DirectPaymentLine]:
    """Those of my cases (`everybody`: of the council, by reference), or those I may spend."""
    found = await ask(request.user, queries.direct_payments, everybody=everybody)
    return [schemas.line_out(view) for view in found]


@post("/api/v1/children/{child_id:uuid}/direct-payments", status_code=201, **WRITES)
async def post_direct_payment(
    request: Asked, child_id: FromPath[UUID], data: JSONBody[schemas.NewDirectPayment]
) -> schemas.Made:
    """Record a direct payment."""
    made = await direct_payments.record_direct_payment(
        request.user, child_id, data.framework_id, data.terms(), starts_on=data.starts_on, ends_on=data.ends_on
    )
    return schemas.Made(id=made)


@get(ONE, **READS)
async def get_direct_payment(request: Asked, direct_payment_id: FromPath[UUID]) -> schemas.DirectPaymentOut:
    """One of them with its history; a referrer's look is logged."""
    return schemas.one_out(await direct_payments.open_direct_payment(request.user, direct_payment_id))


@post(f"{ONE}/terms", status_code=204, **WRITES)
async def post_terms(request: Asked, direct_payment_id: FromPath[UUID], data: JSONBody[schemas.NewTerms]) -> None:
    """Other terms from the start of a period."""
    await direct_payments.change_terms(
        request.user, direct_payment_id, data.terms(), applies_from=data.applies_from, reason=data.reason
    )


@post(f"{ONE}/end", status_code=204, **WRITES)
async def post_end(request: Asked, direct_payment_id: FromPath[UUID], data: JSONBody[schemas.Ending]) -> None:
    """End it after a last day."""
    await direct_payments.end_direct_payment(
        request.user, direct_payment_id, last_day=data.last_day, reason=data.reason
    )


@post(f"{ONE}/spending", status_code=201, **SPENDS)
async def post_spending(
    request: Asked, direct_payment_id: FromPath[UUID], data: JSONBody[schemas.NewSpending]
) -> schemas.Made:
    """Keep what was paid elsewhere, or is promised for a day to come."""
    made = await spending.record_spending(
        request.user, direct_payment_id, day=data.day, pence=data.pence, minutes=data.minutes, says=data.says,
        spending_id=data.id,
    )  # fmt: skip
    return schemas.Made(id=made)


@post("/api/v1/direct-payments/spending/{spending_id:uuid}/take-back", status_code=204, **SPENDS)
async def post_take_back(request: Asked, spending_id: FromPath[UUID], data: JSONBody[schemas.Reason]) -> None:
    """Take back an entry that was recorded by mistake."""
    await spending.take_back_spending(request.user, spending_id, reason=data.reason)


ROUTES: list[Any] = [
    get_direct_payments, post_direct_payment, get_direct_payment, post_terms, post_end, post_spending, post_take_back,
]  # fmt: skip
