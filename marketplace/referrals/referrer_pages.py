"""The referrer's referrals: the list, one referral with its clock and answers, questions, offers side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks.queries import pack_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.pack import Pack
from marketplace.referrals import award, broadcasting, needs, patterns, queries
from marketplace.referrals.award import Acceptance
from marketplace.referrals.offer_standing import bars, unready
from marketplace.referrals.queries import Answer, OfferView
from marketplace.referrals.tables import Referral
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import count, listing, moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CSV_ROWS = 10_000
READS: dict[str, Any] = {"guards": [requires("referral.write")]}
AWARDS: dict[str, Any] = {"guards": [requires("offer.award")]}
STATES = (
    ("open", "Waiting for offers"),
    ("draft", "Drafts"),
    ("awarded", "Awarded"),
    ("closed", "Closed"),
    ("all", "All"),
)


@dataclass(frozen=True, slots=True)
class Sight:
    """A referral as its referrer follows it."""

    referral: Referral
    pack: Pack
    lot_title: str
    now: datetime
    child_reference: str
    answers: list[Answer]
    questions: list[Any]
    clarifications: list[Any]
    rounds: list[Any]
    offers: list[OfferView]
    package_id: UUID | None
    package_reference: str | None

    @property
    def reached(self) -> list[Answer]:
        return [each for each in self.answers if each.reached]

    @property
    def left_out(self) -> list[Answer]:
        return [each for each in self.answers if not each.reached]

    def number(self, answer: str) -> int:
        return sum(each.answer == answer for each in self.reached)

    @property
    def open_for_answers(self) -> bool:
        row = self.referral
        return row.state == "broadcast" and row.respond_by is not None and self.now < row.respond_by


async def sight(work: Work, referral_id: UUID) -> Sight:
    """Everything on the referral's page; for the commissioner's own people."""
    row = await queries.referral(work, referral_id)
    if row.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    pack = await pack_of(work, row.framework_id)
    child = await queries.child(work, row.child_id)
    package = await queries.package_of(work, referral_id)
    return Sight(
        row, pack, pack.lots[row.lot_code].title if row.lot_code in pack.lots else "", work.now, child.reference,
        await queries.answers(work, referral_id), await queries.questions(work, referral_id),
        await queries.clarifications(work, referral_id), await queries.reach_rounds(work, referral_id),
        await queries.offers(work, referral_id), package and package["id"], package and package["reference"],
    )  # fmt: skip


def declined_because(found: Sight) -> str:
    """ "7 of 9 declined: 5 no worker free at the times needed, 2 outside the area." Market knowledge worth keeping."""
    titles = {reason.code: reason.title for reason in found.pack.reasons("decline")}
    codes = Counter(each.decline_code for each in found.reached if each.answer == "declined")
    if not codes:
        return ""
    said = [f"{number} {titles.get(code or '', 'other').lower()}" for code, number in codes.most_common()]
    return f"{sum(codes.values())} of {len(found.reached)} declined: {listing(said)}."


@get("/referrals", **READS)
async def list_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Referrals by state, those with the least time left first."""
    asked = request.query_params
    state = asked.get("state", "open") if asked.get("state") in dict(STATES) else "open"
    mine = asked.get("mine") == "yes"
    if asked.get("q") and "state" not in asked:
        state = "all"  # a search looks everywhere
    text = asked.get("q", "").strip()[:50]
    number = (
        max(int(asked.get("page", "1")), 1)
        if asked.get("page", "1").isdecimal() and len(asked.get("page", "1")) < 6
        else 1
    )
    rows, total = await ask(request.user, queries.referrals, state=state, mine=mine, text=text, page=number)
    if asked.get("format") == "csv":
        return await _as_csv(request, state, mine, text)
    return page(
        request, "referrals/list.html", title="Referrals", rows=rows, total=total, state=state, mine=mine,
        search_text=text,
        number=number, last=-(-total // queries.PAGE_SIZE), states=[(code, words, None) for code, words in STATES],
        now=await ask(request.user, queries.present_moment),
    )  # fmt: skip


async def _as_csv(request: Request[Any, Any, Any], state: str, mine: bool, text: str) -> Response[Any]:
    rows, _ = await ask(request.user, queries.referrals, state=state, mine=mine, text=text, most=CSV_ROWS)
    heads = ("Reference", "State", "Lot", "Area", "Asked", "Offers", "Declined", "Silent", "Answer by", "Referrer")
    return csv_file(
        "referrals", heads,
        [
            (r.reference, r.state, r.lot_title, r.area, r.reached, r.offers, r.declined, r.silent,
             moment(r.respond_by) if r.respond_by else "", r.referrer_name)
            for r in rows
        ],
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}", **READS)
async def referral_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """One referral: who answered what, questions, offers, and what to do next."""
    found = await ask(request.user, sight, referral_id)
    row = found.referral
    if row.state == "draft":
        return see_other(request, f"/referrals/{referral_id}/draft/check")
    reasons = {reason.code: reason.title for reason in found.pack.reasons("decline")}
    closing = {reason.code: reason.title for reason in found.pack.reasons("none_suitable")}
    return page(
        request, "referrals/referral.html", title=f"Referral {row.reference}", found=found, row=row, now=found.now,
        declined=declined_because(found), decline_reasons=reasons, closing_reasons=closing,
        week=patterns.summary(row.pattern, found.pack.activities),  # type: ignore[arg-type] - JSON comes as values
        need_titles=needs.titles(found.pack, row.lot_code or "", [*row.needs, *row.interventions]),
    )  # fmt: skip


@get("/questions/{question_id:uuid}/answer", **READS)
async def answer_page(request: Request[Any, Any, Any], question_id: FromPath[UUID]) -> Response[Any]:
    """The question, and the answer everyone reached will read."""
    return await _answer_page(request, question_id, None)


@post("/questions/{question_id:uuid}/answer", status_code=303, **READS)
async def answer(request: Request[Any, Any, Any], question_id: FromPath[UUID]) -> Response[Any]:
    """Publishes the answer."""
    form = Form(await read_form(request))
    put = form.text("question", "the question as everybody will read it", most=2000, lines=True)
    text = form.text("answer", "the answer", most=2000, lines=True)
    if not form.errors:
        try:
            agreed = form.boolean("identifies_nobody")
            await broadcasting.answer_question(
                request.user, question_id, answer=text, question=put, identifies_nobody=agreed
            )
            row = await ask(request.user, queries.question, question_id)
            return see_other(
                request, f"/referrals/{row['referral_id']}", flash="Everyone who was reached can read your answer now."
            )
        except InvalidInput as error:
            form.merge(error)
    return await _answer_page(request, question_id, form)


async def _answer_page(request: Request[Any, Any, Any], question_id: UUID, form: Form | None) -> Response[Any]:
    row = await ask(request.user, queries.question, question_id)
    if row["answered_at"] is not None and form is None:
        return see_other(request, f"/referrals/{row['referral_id']}", flash="This question has been answered already.")
    return page(
        request, "referrals/answer.html", title="Answer a question", row=row,
        form=form or Form.starting_with(question=row["question"]),
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}/close", **READS)
async def close_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Why no offer is taken, and what closing does."""
    return await _close_page(request, referral_id, Form())


@post("/referrals/{referral_id:uuid}/close", status_code=303, **READS)
async def close(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Closes the referral without an award."""
    form = Form(await read_form(request))
    found = await ask(request.user, sight, referral_id)
    code = form.choice(
        "reason_code", "why no offer is taken", [reason.code for reason in found.pack.reasons("none_suitable")]
    )
    if form.errors:
        return await _close_page(request, referral_id, form)
    await broadcasting.close_referral(request.user, referral_id, reason_code=code)
    return see_other(
        request, f"/referrals/{referral_id}", flash="The referral is closed. Everyone who was asked is told."
    )


async def _close_page(request: Request[Any, Any, Any], referral_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, sight, referral_id)
    options = [(reason.code, reason.title) for reason in found.pack.reasons("none_suitable")]
    return page(
        request, "referrals/close.html", title="Close without an award", form=form, row=found.referral, options=options,
        offers=count(len(found.offers), "offer"),
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}/again", **READS)
async def again_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """A new round: the same, or with other dates."""
    found = await ask(request.user, sight, referral_id)
    form = Form.starting_with(starts_on=found.referral.starts_on, ends_on=found.referral.ends_on)
    return await _again_page(request, found, form)


@post("/referrals/{referral_id:uuid}/again", status_code=303, **READS)
async def again(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Sends the new round."""
    form = Form(await read_form(request))
    starts_on = form.date("starts_on", "the start date")
    ends_on = form.date("ends_on", "the end date", required=False)
    if not form.errors:
        try:
            row = await broadcasting.broadcast_again(request.user, referral_id, starts_on=starts_on, ends_on=ends_on)
            return see_other(
                request, f"/referrals/{referral_id}", flash=f"Referral {row.reference} has been sent again."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _again_page(request, await ask(request.user, sight, referral_id), form)


async def _again_page(request: Request[Any, Any, Any], found: Sight, form: Form) -> Response[Any]:
    reach = await ask(request.user, broadcasting.preview, found.referral.id)
    return page(
        request, "referrals/again.html", title="Broadcast again", form=form, row=found.referral, found=found,
        now=found.now,
        reached=[each.provider_name for each in reach if each.reached],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """One offer among those laid side by side, with how both sides stand to it."""

    offer: OfferView
    acceptance: Acceptance
    fit: list[Any]
    week: list[str]
    met: int
    barred: str  # why it cannot be awarded at the moment; '' where nothing stands against it
    unready: dict[UUID, str]  # workers who are not ready now, and why


async def side_by_side(work: Work, referral_id: UUID) -> tuple[Sight, list[Side]]:
    """The standing offers by the provider's name; nothing ranks them."""
    found = await sight(work, referral_id)
    asked: Any = found.referral.pattern
    wanted = set(patterns.slots(asked))
    against = await bars(work, found.referral, [(each.id, each.provider_id) for each in found.offers])
    sides = [
        Side(
            each,
            await award.acceptance(work, found.referral, each.id, each.version),
            patterns.fit(asked, each.pattern, found.pack.activities),
            patterns.summary(each.pattern, found.pack.activities),
            len(wanted & set(patterns.slots(each.pattern))),
            against.get(each.id, ""),
            await unready(work, found.referral, each),
        )
        for each in found.offers
    ]
    return found, sides


@get("/referrals/{referral_id:uuid}/offers", **AWARDS)
async def offers_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Offers side by side."""
    found, sides = await ask(request.user, side_by_side, referral_id)
    return page(
        request, "referrals/offers.html", title=f"Offers for {found.referral.reference}", found=found,
        row=found.referral,
        sides=sides, asked=len(found.referral.pattern), now=found.now,
    )  # fmt: skip


@post("/referrals/{referral_id:uuid}/choose", status_code=303, **AWARDS)
async def choose(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Accepts an offer for the referrer's side, or none."""
    form = Form(await read_form(request))
    back = f"/referrals/{referral_id}/offers"
    if form.value("offer_id") == "none":
        await award.take_back_choice(request.user, referral_id)
        return see_other(request, back, flash="You accept none of the offers for now.")
    offer_id = form.uuid("offer_id", "the offer")
    version = form.integer("version", "the offer's version")
    if form.errors:
        raise InvalidInput(form.errors)
    await award.choose_offer(request.user, offer_id, version=version)
    return see_other(request, back, flash=await ask(request.user, _what_now, referral_id, offer_id, version))


async def _what_now(work: Work, referral_id: UUID, offer_id: UUID, version: int) -> str:
    referral = await queries.referral(work, referral_id)
    found = await award.acceptance(work, referral, offer_id, version)
    if not (await pack_of(work, referral.framework_id)).pathway.family_accepts_offer:
        return "Your choice is recorded. You can award it now."
    if found.family:
        return "Your choice is recorded. The family has chosen the same offer: you can award it now."
    if found.nobody_can_choose:
        return "Your choice is recorded. Nobody of the family may choose: you can award it now, and say why."
    return "Your choice is recorded. The award follows when the family has chosen the same offer."


ROUTES: list[Any] = [
    list_page, referral_page, answer_page, answer, close_page, close, again_page, again, offers_page, choose,
]  # fmt: skip
