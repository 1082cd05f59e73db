"""JSON: children, families' access, referrals from draft to the choice among offers. The same actions as the pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.frameworks.queries import pack_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.referrals import (
    award,
    broadcasting,
    children,
    drafting,
    granting,
    grants,
    queries,
    reach,
)
from marketplace.referrals.children import ChildDetails
from marketplace.referrals.offer_standing import bars, unready
from marketplace.referrals.schemas import (
    AgainIn,
    AnswerOut,
    ChildLineOut,
    ChildOut,
    ChooseIn,
    CloseIn,
    Created,
    DraftOut,
    DraftSave,
    GrantChange,
    GrantOut,
    NewChild,
    NewGrant,
    NewReferral,
    OfferOut,
    QuestionAnswer,
    QuestionOut,
    ReachPreview,
    ReferralLineOut,
    ReferralList,
    ReferralOut,
    Saved,
    Why,
    answer_out,
    child_line_out,
    child_out,
    draft_out,
    grant_out,
    line_out,
    offer_out,
    reach_out,
    referral_out,
)

CHILDREN: dict[str, Any] = {"guards": [requires("child.write")], "tags": ["Children"]}
LOOKS: dict[str, Any] = {"guards": [requires("child.write", "child.read_with_reason")], "tags": ["Children"]}
GRANTS: dict[str, Any] = {"guards": [requires("grant.write")], "tags": ["Children"]}
WRITES: dict[str, Any] = {"guards": [requires("referral.write")], "tags": ["Referrals"]}
CHOOSES: dict[str, Any] = {"guards": [requires("offer.award")], "tags": ["Referrals"]}


# --- children and their families' access ------------------------------------------------------------------------------


@get("/api/v1/children", **CHILDREN)
async def list_children(
    request: Request[Any, Any, Any], mine: FromQuery[bool] = True, q: FromQuery[str] = ""
) -> list[ChildLineOut]:
    """My cases by name; with `mine=false` the whole team's, colleagues' by reference only."""
    return [child_line_out(each) for each in await ask(request.user, children.children, mine=mine, text=q[:100])]


@post("/api/v1/children", **CHILDREN)
async def add_child(request: Request[Any, Any, Any], data: JSONBody[NewChild]) -> Created:
    """Take a child on as one's own case."""
    child_id = await children.add_child(
        request.user, data.details(), sibling_of=data.sibling_of, although_known=data.although_known
    )
    return Created(id=child_id)


@post("/api/v1/children/{child_id:uuid}/open", status_code=200, **LOOKS)
async def open_child(request: Request[Any, Any, Any], child_id: FromPath[UUID], data: JSONBody[Why]) -> ChildOut:
    """The child's record. A look, logged with who and why: a reason is asked for where it is not one's own case."""
    return child_out(await children.open_child(request.user, child_id, why=data.reason))


@put("/api/v1/children/{child_id:uuid}", status_code=204, **CHILDREN)
async def change_child(request: Request[Any, Any, Any], child_id: FromPath[UUID], data: JSONBody[ChildDetails]) -> None:
    """Replace what is known of the child."""
    await children.change_child(request.user, child_id, data)


@post("/api/v1/children/{child_id:uuid}/take-over", status_code=204, **CHILDREN)
async def take_over(request: Request[Any, Any, Any], child_id: FromPath[UUID], data: JSONBody[Why]) -> None:
    """Make a colleague's case one's own."""
    await children.take_over_case(request.user, child_id, reason=data.reason)


@get("/api/v1/children/{child_id:uuid}/grants", **GRANTS)
async def list_grants(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> list[GrantOut]:
    """Who of the family has, or had, access."""
    return [grant_out(each) for each in await ask(request.user, _grants, child_id)]


async def _grants(work: Work, child_id: UUID) -> list[grants.Grant]:
    await children.own_case(work, work.actor, child_id)
    return await grants.grants_of(work, child_id, ended=True)


@post("/api/v1/children/{child_id:uuid}/grants", **GRANTS)
async def grant_access(request: Request[Any, Any, Any], child_id: FromPath[UUID], data: JSONBody[NewGrant]) -> Created:
    """Give a person access and invite them."""
    grant_id = await granting.grant_access(
        request.user, child_id, name=data.name, email=data.email, phone=data.phone, relation=data.relation,
        rights=data.rights, jointly=data.jointly, starts_on=data.starts_on, ends_on=data.ends_on, reason=data.reason,
    )  # fmt: skip
    return Created(id=grant_id)


@put("/api/v1/grants/{grant_id:uuid}", **GRANTS)
async def change_access(
    request: Request[Any, Any, Any], grant_id: FromPath[UUID], data: JSONBody[GrantChange]
) -> Created:
    """Other rights from now on: a new grant, the old one ended."""
    new_id = await granting.change_access(
        request.user, grant_id, rights=data.rights, jointly=data.jointly, ends_on=data.ends_on, reason=data.reason
    )
    return Created(id=new_id)


@post("/api/v1/grants/{grant_id:uuid}/end", status_code=204, **GRANTS)
async def revoke_access(request: Request[Any, Any, Any], grant_id: FromPath[UUID], data: JSONBody[Why]) -> None:
    """End a person's access at once."""
    await granting.revoke_access(request.user, grant_id, reason=data.reason)


# --- referrals --------------------------------------------------------------------------------------------------------


@get("/api/v1/referrals", **WRITES)
async def list_referrals(
    request: Request[Any, Any, Any],
    which: FromQuery[str] = "open",
    mine: FromQuery[bool] = False,
    q: FromQuery[str] = "",
    page: FromQuery[int] = 1,
) -> ReferralList:
    """A page of the council's referrals: which are open, draft, awarded, closed or all."""
    if which not in (*queries.LIST_STATES, "all"):
        raise InvalidInput({"which": "Choose open, draft, awarded, closed or all"})
    if not 1 <= page <= 100_000:
        raise InvalidInput({"page": "The page must be between 1 and 100,000"})
    rows, total = await ask(request.user, queries.referrals, state=which, mine=mine, text=q[:50], page=page)
    lines: list[ReferralLineOut] = [line_out(row) for row in rows]
    return ReferralList(rows=lines, total=total)


@post("/api/v1/referrals", **WRITES)
async def begin_referral(request: Request[Any, Any, Any], data: JSONBody[NewReferral]) -> Created:
    """Begin a draft for a child on a framework, or as a copy of an earlier referral."""
    if data.copy_of is not None:
        return Created(id=await drafting.copy_referral(request.user, data.copy_of, child_id=data.child_id))
    if data.child_id is None or data.framework_id is None:
        raise InvalidInput({"child_id": "Name the child and the framework, or the referral to copy"})
    return Created(id=await drafting.create_draft(request.user, data.child_id, data.framework_id))


@get("/api/v1/referrals/{referral_id:uuid}", **WRITES)
async def get_referral(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> DraftOut:
    """A referral; while it is a draft also what is missing and which words are in doubt."""
    view = draft_out(await ask(request.user, drafting.draft, referral_id))
    if view.referral.state != "draft":
        view.missing, view.doubts = {}, []
    return view


@patch("/api/v1/referrals/{referral_id:uuid}", **WRITES)
async def save_referral(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[DraftSave]
) -> Saved:
    """Save fields of a draft."""
    left_out = await drafting.save_draft(request.user, referral_id, data.change(), seen=data.seen)
    row = await ask(request.user, queries.referral, referral_id)
    return Saved(changed_at=row.changed_at, left_out=left_out)


@delete("/api/v1/referrals/{referral_id:uuid}", status_code=204, **WRITES)
async def discard_referral(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> None:
    """Take a draft off the lists."""
    await drafting.discard_draft(request.user, referral_id)


@get("/api/v1/referrals/{referral_id:uuid}/reach", **WRITES)
async def preview_reach(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> ReachPreview:
    """Whom a broadcast would reach now, and whom not and why."""
    return await ask(request.user, _preview, referral_id)


async def _preview(work: Work, referral_id: UUID) -> ReachPreview:
    row = await queries.referral(work, referral_id)
    found = await broadcasting.preview(work, referral_id)
    pack = await pack_of(work, row.framework_id)
    title = pack.lot(row.lot_code or "").title
    return ReachPreview(summary=reach.summary(found, title), providers=[reach_out(each) for each in found])


@post("/api/v1/referrals/{referral_id:uuid}/broadcast", status_code=200, **WRITES)
async def broadcast(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> ReferralOut:
    """Send a finished draft to every provider of the lot in good standing."""
    return referral_out(await broadcasting.broadcast_referral(request.user, referral_id))


@post("/api/v1/referrals/{referral_id:uuid}/broadcast-again", status_code=200, **WRITES)
async def broadcast_again(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[AgainIn]
) -> ReferralOut:
    """A new round."""
    row = await broadcasting.broadcast_again(
        request.user, referral_id, starts_on=data.starts_on, ends_on=data.ends_on, pattern=data.pattern
    )
    return referral_out(row)


@post("/api/v1/referrals/{referral_id:uuid}/close", status_code=204, **WRITES)
async def close(request: Request[Any, Any, Any], referral_id: FromPath[UUID], data: JSONBody[CloseIn]) -> None:
    """Close without an award."""
    await broadcasting.close_referral(request.user, referral_id, reason_code=data.reason_code)


@get("/api/v1/referrals/{referral_id:uuid}/answers", **WRITES)
async def list_answers(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> list[AnswerOut]:
    """Every provider of the present round with its answer."""
    return [answer_out(each) for each in await ask(request.user, _answers, referral_id)]


async def _answers(work: Work, referral_id: UUID) -> list[queries.Answer]:
    await queries.referral(work, referral_id)
    return await queries.answers(work, referral_id)


@get("/api/v1/referrals/{referral_id:uuid}/questions", **WRITES)
async def list_questions(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> list[QuestionOut]:
    """Questions put to the referrer."""
    return [
        QuestionOut(
            id=row["id"], provider=row["provider_name"], question=row["question"], asked_at=row["asked_at"],
            answered_at=row["answered_at"],
        )
        for row in await ask(request.user, _questions, referral_id)
    ]  # fmt: skip


async def _questions(work: Work, referral_id: UUID) -> list[Any]:
    await queries.referral(work, referral_id)
    return await queries.questions(work, referral_id)


@post("/api/v1/questions/{question_id:uuid}/answer", **WRITES)
async def answer_question(
    request: Request[Any, Any, Any], question_id: FromPath[UUID], data: JSONBody[QuestionAnswer]
) -> Created:
    """Publish the answer to everyone who was reached."""
    published = await broadcasting.answer_question(
        request.user, question_id, answer=data.answer, question=data.question, confirmed=data.confirmed
    )
    return Created(id=published)


@get("/api/v1/referrals/{referral_id:uuid}/offers", **CHOOSES)
async def list_offers(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> list[OfferOut]:
    """The offers that stand, in the order of the providers' names, with both sides' choices."""
    return await ask(request.user, _offers, referral_id)


async def _offers(work: Work, referral_id: UUID) -> list[OfferOut]:
    row, offers = await queries.referral(work, referral_id), await queries.offers(work, referral_id)
    against = await bars(work, row, [(each.id, each.provider_id) for each in offers])
    return [
        offer_out(
            each,
            await award.acceptance(work, row, each.id, each.version),
            against.get(each.id, ""),
            await unready(work, row, each),
        )
        for each in offers
    ]


@put("/api/v1/offers/{offer_id:uuid}/referrer-choice", status_code=204, **CHOOSES)
async def choose_offer(request: Request[Any, Any, Any], offer_id: FromPath[UUID], data: JSONBody[ChooseIn]) -> None:
    """Accept an offer for the referrer's side."""
    await award.choose_offer(request.user, offer_id, version=data.version)


@delete("/api/v1/referrals/{referral_id:uuid}/referrer-choice", status_code=204, **CHOOSES)
async def take_back_choice(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> None:
    """Accept none of the offers for now."""
    await award.take_back_choice(request.user, referral_id)


ROUTES: list[Any] = [
    list_children, add_child, open_child, change_child, take_over, list_grants, grant_access, change_access,
    revoke_access,
    list_referrals, begin_referral, get_referral, save_referral, discard_referral, preview_reach, broadcast,
    broadcast_again, close, list_answers, list_questions, answer_question, list_offers, choose_offer, take_back_choice,
]  # fmt: skip
