"""JSON: a provider's opportunities, questions, offers, declines; a family's choice. The same actions as the pages."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.referrals import choosing, offering, opportunities
from marketplace.referrals.offer_schemas import (
    DeclineIn,
    FamilyChoiceOut,
    MeetingAnswer,
    MeetingIn,
    MyOfferList,
    MyOfferOut,
    OfferChange,
    OfferIn,
    OfferMadeOut,
    OneOpportunityOut,
    OpportunityList,
    PriceOut,
    QuestionIn,
    checked_out,
    choice_out,
    my_offer_line,
    my_offer_out,
    opportunity_line,
    opportunity_out,
)
from marketplace.referrals.offer_standing import unready
from marketplace.referrals.schemas import ChooseIn, Created

READ: dict[str, Any] = {"guards": [requires("offer.read"), requires("referral.answer")], "tags": ["Opportunities"]}
WRITE: dict[str, Any] = {"guards": [requires("offer.write")], "tags": ["Opportunities"]}
CHOOSE: dict[str, Any] = {"guards": [requires("offer.choose")], "tags": ["Choosing"]}
LAST_PAGE = 100_000


# --- the provider ----------------------------------------------------------------------------------------------------


@get("/api/v1/opportunities", **READ)
async def list_opportunities(
    request: Request[Any, Any, Any],
    show: FromQuery[Literal["to_answer", "answered", "over", "all"]] = "to_answer",
    page: FromQuery[int] = 1,
) -> OpportunityList:
    """Referrals that reached my organisation, least time left first, twenty a page."""
    rows, counts = await ask(request.user, opportunities.opportunities, show=show, page=_page(page))
    return OpportunityList(rows=[opportunity_line(row) for row in rows], counts=counts)


@get("/api/v1/opportunities/{referral_id:uuid}", **READ)
async def get_opportunity(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> OneOpportunityOut:
    """One of them: its anonymous part, answers to questions, my workers for it with reasons, my own answer."""
    return opportunity_out(await ask(request.user, opportunities.opportunity, referral_id))


@post("/api/v1/opportunities/{referral_id:uuid}/questions", **WRITE)
async def put_question(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[QuestionIn]
) -> Created:
    """Ask the referrer. Everyone who was reached reads the answer, nobody who asked."""
    return Created(id=await offering.ask_question(request.user, referral_id, data.question))


@post("/api/v1/opportunities/{referral_id:uuid}/offer-preview", status_code=200, **WRITE)
async def preview_offer(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[OfferIn]
) -> PriceOut:
    """What such an offer would cost by the agreed rate card, or what is wrong with it; nothing is kept."""
    return checked_out(await ask(request.user, offering.check_proposal, referral_id, data.proposal()))


@post("/api/v1/opportunities/{referral_id:uuid}/offer", **WRITE)
async def make_offer(request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[OfferIn]) -> Created:
    """Make an offer. The referrer and the family are told."""
    return Created(id=await offering.make_offer(request.user, referral_id, data.proposal()))


@post("/api/v1/opportunities/{referral_id:uuid}/decline", status_code=204, **WRITE)
async def decline(request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[DeclineIn]) -> None:
    """Say no, with one of the framework's reasons."""
    await offering.decline_referral(request.user, referral_id, data.reason_code, data.remark)


@get("/api/v1/offers", **READ)
async def list_my_offers(request: Request[Any, Any, Any], page: FromQuery[int] = 1) -> MyOfferList:
    """My organisation's offers and what became of them, newest first, twenty a page."""
    rows, total = await ask(request.user, opportunities.my_offers, page=_page(page))
    return MyOfferList(rows=[my_offer_line(row) for row in rows], total=total)


@get("/api/v1/offers/{offer_id:uuid}", **READ)
async def get_my_offer(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> MyOfferOut:
    """One of my organisation's offers, with the family's wishes to meet."""
    offer, view, meetings = await ask(request.user, opportunities.my_offer, offer_id)
    return my_offer_out(offer, meetings, await ask(request.user, unready, view.referral, offer))


@put("/api/v1/offers/{offer_id:uuid}", **WRITE)
async def change_offer(
    request: Request[Any, Any, Any], offer_id: FromPath[UUID], data: JSONBody[OfferChange]
) -> OfferMadeOut:
    """Change an offer until the time to answer ends. Choices made of an earlier version no longer count."""
    changed = await offering.amend_offer(request.user, offer_id, data.proposal(), version=data.version)
    return OfferMadeOut(version=changed)


@post("/api/v1/offers/{offer_id:uuid}/withdraw", status_code=204, **WRITE)
async def withdraw_offer(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> None:
    """Take an offer back before an award."""
    await offering.withdraw_offer(request.user, offer_id)


@post("/api/v1/meetings/{meeting_id:uuid}/answer", status_code=204, **WRITE)
async def answer_meeting(
    request: Request[Any, Any, Any], meeting_id: FromPath[UUID], data: JSONBody[MeetingAnswer]
) -> None:
    """Tell the family when and how it can meet the workers."""
    await choosing.answer_meeting(request.user, meeting_id, data.answer)


# --- the family ------------------------------------------------------------------------------------------------------


@get("/api/v1/choices", **CHOOSE)
async def list_choices(request: Request[Any, Any, Any]) -> list[FamilyChoiceOut]:
    """Every search for support for my child in which I may choose, with its offers."""
    return [choice_out(each) for each in await opportunities.familys_choices(request.user)]


@get("/api/v1/choices/{referral_id:uuid}", **CHOOSE)
async def get_choice(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> FamilyChoiceOut:
    """One of them."""
    return choice_out(await opportunities.familys_choice(request.user, referral_id))


@put("/api/v1/offers/{offer_id:uuid}/family-choice", status_code=204, **CHOOSE)
async def choose_offer(request: Request[Any, Any, Any], offer_id: FromPath[UUID], data: JSONBody[ChooseIn]) -> None:
    """Choose an offer in the version that was read; an earlier choice of mine for the same search is taken back."""
    await choosing.choose_as_family(request.user, offer_id, version=data.version)


@delete("/api/v1/choices/{referral_id:uuid}/choice", status_code=204, **CHOOSE)
async def take_back(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> None:
    """Choose none of the offers for now."""
    await choosing.take_back_choice(request.user, referral_id)


@post("/api/v1/offers/{offer_id:uuid}/meetings", **CHOOSE)
async def ask_to_meet(request: Request[Any, Any, Any], offer_id: FromPath[UUID], data: JSONBody[MeetingIn]) -> Created:
    """Ask to meet the workers of an offer before choosing."""
    return Created(id=await choosing.ask_to_meet(request.user, offer_id, data.message))


def _page(number: int) -> int:
    return max(1, min(number, LAST_PAGE))


ROUTES: list[Any] = [
    list_opportunities, get_opportunity, put_question, preview_offer, make_offer, decline, list_my_offers,
    get_my_offer, change_offer, withdraw_offer, answer_meeting, list_choices, get_choice, choose_offer, take_back,
    ask_to_meet,
]  # fmt: skip
