"""A correction that charges a family more: one page for family, referrer and provider, each with its part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import corrections
from marketplace.billing.correction_queries import STATES, CorrectionFile, correction
from marketplace.identity.guards import requires
from marketplace.packages.outcomes import CHOICES
from marketplace.packages.states import OUTCOME_WORDS
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

PART: dict[str, Any] = {"guards": [requires("visit.correct", "visit.confirm", "visit.resolve")]}
Asked = Request[Any, Any, Any]

QUESTIONS = {
    "family": ("Do you agree?", {"yes": "Yes, that is right", "no": "No"}),
    "referrer": ("What do you decide?", {"apply": "The correction holds", "decline": "The record stays as it is"}),
    "provider": (
        "What next?",
        {"put": "The family does not answer: its referrer decides", "withdraw": "Take the proposal back"},
    ),
}


@get("/corrections/{correction_id:uuid}", **PART)
async def correction_page(request: Asked, correction_id: FromPath[UUID]) -> Response[Any]:
    """What is proposed, and what one may do about it."""
    return _page(request, await ask(request.user, correction, correction_id), Form())


@post("/corrections/{correction_id:uuid}", status_code=200, **PART)
async def answer(request: Asked, correction_id: FromPath[UUID]) -> Response[Any]:
    """An answer, first shown again, then given."""
    found = await ask(request.user, correction, correction_id)
    part = part_of(request, found)
    if part is None:
        raise NotFound
    form = Form(await read_form(request))
    chosen = form.choice("decision", "your answer", _question(part, found)[1])
    needed = chosen == "no" or part == "referrer"
    says = form.text("says", "why", required=needed and part != "provider", most=corrections.MOST, lines=True)
    code = ""
    if chosen == "put":
        code = form.choice("code", "why the family does not answer", found.reasons)
    if form.errors or form.value("back"):
        return _page(request, found, form)
    if form.value("step") != "check":
        return _page(request, found, form, checking=True)
    try:
        said = await _do(request, correction_id, chosen, says, code)
        return see_other(request, f"/corrections/{correction_id}", flash=said)
    except InvalidInput as error:
        form.merge(error, {"reason": "says"})
    except Conflict as error:
        form.error("", error.sentence)
    return _page(request, await ask(request.user, correction, correction_id), form)


async def _do(request: Asked, correction_id: UUID, chosen: str, says: str, code: str) -> str:
    if chosen in ("yes", "no"):
        await corrections.answer_correction(request.user, correction_id, agrees=chosen == "yes", says=says)
        return "Thank you. Your answer is kept."
    if chosen in ("apply", "decline"):
        await corrections.decide_correction(request.user, correction_id, apply=chosen == "apply", reason=says)
        return "Decided. Family and provider are told."
    if chosen == "put":
        await corrections.put_to_referrer(request.user, correction_id, code=code)
        return "The referrer has been asked."
    await corrections.withdraw_correction(request.user, correction_id)
    return "Taken back. The record stays as it is."


def part_of(request: Asked, found: CorrectionFile) -> str | None:
    """What the reader may do now: answer as the family, decide as the referrer, follow up as the provider."""
    state, actor = found.correction.state, request.user
    if found.may_answer and state == "open" and not found.answered_by(actor.person_id):
        return "family"
    if found.own_case and state == "with_referrer" and found.correction.decision is None:
        return "referrer"
    if actor.provider_id is not None and (state == "open" or (state == "with_referrer" and found.may_be_taken_back)):
        return "provider"
    return None


def _question(part: str | None, found: CorrectionFile) -> tuple[str, dict[str, str]]:
    """What the reader is asked, and the answers that are left."""
    if part is None:
        return "", {}
    legend, options = QUESTIONS[part]
    bought = found.package.direct_payment_id is not None  # nobody decides in the family's place
    gone = {"put": bought or found.correction.state != "open", "withdraw": not found.may_be_taken_back}
    return legend, {key: text for key, text in options.items() if not gone.get(key)}


def _page(request: Asked, found: CorrectionFile, form: Form, *, checking: bool = False) -> Response[Any]:
    part = part_of(request, found)
    legend, options = _question(part, found)
    closed = found.correction.closed_at is not None
    title = "A correction of a visit's record" if closed else "A visit's record is to be corrected"
    return page(
        request, "billing/correction.html", title=title, found=found,
        correction=found.correction, form=form, part=part, legend=legend, options=options, checking=checking,
        states=STATES, choices=CHOICES, outcome_words=OUTCOME_WORDS,
    )  # fmt: skip


ROUTES: list[Any] = [correction_page, answer]
