"""JSON: families' requests to providers, their answers, meeting, agreeing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.purchases import agreeing, answering, enquiries, enquiring, meeting
from marketplace.purchases import enquiry_schemas as schemas
from marketplace.purchases.schemas import Made

TAGS = ["Requests of families"]
READS: dict[str, Any] = {"guards": [requires("enquiry.read")], "tags": TAGS}
SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")], "tags": TAGS}
ANSWERS: dict[str, Any] = {"guards": [requires("enquiry.answer")], "tags": TAGS}
ONE = "/api/v1/enquiries/{enquiry_id:uuid}"
ANSWER = "/api/v1/enquiry-answers/{answer_id:uuid}"
Asked = Request[Any, Any, Any]


@post("/api/v1/direct-payments/{direct_payment_id:uuid}/enquiries", status_code=201, **SPENDS)
async def post_enquiry(request: Asked, direct_payment_id: FromPath[UUID], data: JSONBody[schemas.EnquiryIn]) -> Made:
    """Ask one provider or several for support."""
    made = await enquiring.ask_providers(
        request.user, direct_payment_id, data.wish(), data.providers, confirmed=data.confirmed, enquiry_id=data.id
    )
    return Made(id=made)


@get("/api/v1/enquiries", **READS)
async def get_enquiries(request: Asked) -> list[schemas.EnquiryLine]:
    """My family's requests, or those that reached my organisation and wait for its answer."""
    if request.user.role == "family":
        return [schemas.family_line(view) for view in await ask(request.user, enquiries.family_enquiries)]
    rows, _ = await ask(request.user, enquiries.provider_enquiries, show="all")
    return [schemas.provider_line(row) for row in rows]


@get(ONE, **READS)
async def get_enquiry(request: Asked, enquiry_id: FromPath[UUID]) -> schemas.EnquiryOut:
    """One request with the answers its reader may see."""
    if request.user.role == "family":
        return schemas.one_out(await ask(request.user, enquiries.family_view, enquiry_id))
    return schemas.one_out(await ask(request.user, enquiries.provider_view, enquiry_id))


@post(f"{ONE}/withdraw", status_code=204, **SPENDS)
async def post_withdraw(request: Asked, enquiry_id: FromPath[UUID]) -> None:
    """Take a request back."""
    await enquiring.withdraw_enquiry(request.user, enquiry_id)


@post(f"{ONE}/price", status_code=200, **ANSWERS)
async def post_price(request: Asked, enquiry_id: FromPath[UUID], data: JSONBody[schemas.AnswerIn]) -> schemas.PriceOut:
    """What a proposal would cost the family; nothing is kept."""
    found = await ask(request.user, answering.check_answer, enquiry_id, data.proposal())
    return schemas.PriceOut(
        pence_first_week=found.price.pence_per_week, pence_first_period=found.price.pence_per_period
    )


@post(f"{ONE}/answers", status_code=201, **ANSWERS)
async def post_answer(request: Asked, enquiry_id: FromPath[UUID], data: JSONBody[schemas.AnswerIn]) -> Made:
    """Propose workers, a first day and a week."""
    return Made(id=await answering.say_yes(request.user, enquiry_id, data.proposal()))


@post(f"{ONE}/decline", status_code=204, **ANSWERS)
async def post_decline(request: Asked, enquiry_id: FromPath[UUID], data: JSONBody[schemas.DeclineIn]) -> None:
    """Say no with a reason."""
    await answering.say_no(request.user, enquiry_id, data.reason_code, data.remark)


@post(f"{ANSWER}/withdraw", status_code=204, **ANSWERS)
async def post_answer_withdraw(request: Asked, answer_id: FromPath[UUID]) -> None:
    """Take an answer back."""
    await answering.withdraw_answer(request.user, answer_id)


@post(f"{ANSWER}/accept", status_code=200, **SPENDS)
async def post_accept(request: Asked, answer_id: FromPath[UUID]) -> schemas.AcceptedOut:
    """Accept an answer: a package of the direct payment comes of it."""
    return schemas.AcceptedOut(package_id=await agreeing.accept_answer(request.user, answer_id))


@post(f"{ANSWER}/take-back", status_code=204, **SPENDS)
async def post_take_back(request: Asked, answer_id: FromPath[UUID]) -> None:
    """Take one's own acceptance back, while others who spend jointly have not accepted."""
    await agreeing.take_back_acceptance(request.user, answer_id)


@post(f"{ANSWER}/meetings", status_code=201, **SPENDS)
async def post_meeting(request: Asked, answer_id: FromPath[UUID], data: JSONBody[schemas.MeetIn]) -> Made:
    """Propose times for meeting the workers."""
    return Made(id=await meeting.ask_to_meet(request.user, answer_id, data.proposed, data.says))


@post("/api/v1/enquiry-meetings/{meeting_id:uuid}/answer", status_code=204, **ANSWERS)
async def post_meeting_answer(request: Asked, meeting_id: FromPath[UUID], data: JSONBody[schemas.MeetAnswerIn]) -> None:
    """Confirm one of the times, or say what else suits."""
    await meeting.answer_meeting(request.user, meeting_id, agreed_at=data.agreed_at, answer=data.answer)


@post("/api/v1/enquiry-meetings/{meeting_id:uuid}/call-off", status_code=204, **READS)
async def post_meeting_call_off(request: Asked, meeting_id: FromPath[UUID], data: JSONBody[schemas.CallOffIn]) -> None:
    """Call a meeting off, as the family that asked or as the provider."""
    await meeting.call_off_meeting(request.user, meeting_id, data.says)


ROUTES: list[Any] = [
    post_enquiry, get_enquiries, get_enquiry, post_withdraw, post_price, post_answer, post_decline,
    post_answer_withdraw, post_accept, post_take_back, post_meeting, post_meeting_answer,
    post_meeting_call_off,
]  # fmt: skip
