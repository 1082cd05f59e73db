"""The provider's pages of families' requests: the list, one of them, a proposal at its agreed price, a no, meeting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases import answering, enquiries, meeting, week_form
from marketplace.purchases.answering import CheckedAnswer
from marketplace.purchases.enquiries import ProviderView
from marketplace.referrals import patterns
from marketplace.referrals.offer_price import price_words
from marketplace.referrals.offering import LONGEST_TEXT, Proposal
from marketplace.referrals.opportunities import page_number
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import last_moment, moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

ANSWERS: dict[str, Any] = {"guards": [requires("enquiry.answer")]}
Asked = Request[Any, Any, Any]
SHOWN = [("to_answer", "To answer"), ("answered", "Answered"), ("over", "Over"), ("all", "All")]
STATES = {
    "offered": ("You have answered", "blue"), "declined": ("You said no", "grey"), "withdrawn": ("Withdrawn", "grey"),
    "accepted": ("Agreed with you", "green"), "not_chosen": ("Over", "grey"),
}  # fmt: skip
HEADS = ("Request", "Council", "Kind of support", "Area", "Age", "First day", "Answer by", "Our answer")
CARRIED = (
    "workers", "backups", "remark", "filled", "starts_on-day", "starts_on-month", "starts_on-year",
)  # fmt: skip


@get("/enquiries", **ANSWERS)
async def enquiries_page(request: Asked) -> Response[Any]:
    """Families' requests that reached us, least time left first."""
    show = request.query_params.get("show", "to_answer")
    show = show if show in dict(SHOWN) else "to_answer"
    if request.query_params.get("format") == "csv":
        every, _ = await ask(request.user, enquiries.provider_enquiries, show=show, most=enquiries.MOST_LINES)
        return csv_file("requests-from-families", HEADS, (_line(row) for row in every))
    number = page_number(request.query_params.get("page", "1"))
    rows, counts = await ask(request.user, enquiries.provider_enquiries, show=show, page=number)
    return page(
        request,
        "purchases/enquiries.html",
        title="Requests from families",
        rows=rows,
        show=show,
        options=[(key, label, counts[key]) for key, label in SHOWN],
        number=number,
        last=max(1, -(-counts[show] // enquiries.PAGE_SIZE)),
        states=STATES,
        now=await ask(request.user, _now),
    )


def _line(row: Any) -> tuple[object, ...]:
    answer = STATES[row["answer"]][0] if row["answer"] else "To answer" if row["state"] == "open" else "Over"
    return (
        row["reference"], row["council"], row["lot"], row["area"], row["age_band"], row["starts_on"],
        last_moment(row["answer_by"]), answer,
    )  # fmt: skip


async def _now(work: Any) -> Any:
    return work.now


@get("/enquiries/{enquiry_id:uuid}", **ANSWERS)
async def enquiry_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """One request: what is asked, our answer, the family's wish to meet."""
    return await _page(request, enquiry_id, Form())


async def _page(request: Asked, enquiry_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    pack = view.enquiry.pack
    return page(
        request,
        "purchases/enquiry.html",
        title=f"Request {view.enquiry.row.reference}",
        view=view,
        week=_week(view.enquiry.row.pattern, view),
        answers=[
            (each, _week(each.pattern, view), price_words(each.price, pack) if each.price else None)
            for each in view.answers
        ],
        states=STATES,
        form=form,
        status=status,
        moment=moment,
    )


def _week(pattern: Any, view: ProviderView) -> list[str]:
    return patterns.summary(pattern, view.enquiry.pack.activities)


@get("/enquiries/{enquiry_id:uuid}/answer", **ANSWERS)
async def answer_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Who comes, from when, on which days: filled with what the family asks for."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    form = Form.starting_with(starts_on=view.on)
    week_form.fill(form, patterns.slots(view.enquiry.row.pattern))  # type: ignore[arg-type] - JSON comes as values
    return _answer_page(request, view, form)


@post("/enquiries/{enquiry_id:uuid}/answer", status_code=200, **ANSWERS)
async def answer(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Checks what was typed and works out the price; sends it when that is what was asked."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    form = Form(await read_form(request))
    proposal = Proposal(
        workers=tuple(form.uuids("workers", "who will come", least=1)),
        backups=tuple(form.uuids("backups", "who stands in")),
        starts_on=form.date("starts_on", "the first day"),
        pattern=week_form.read(form, view.enquiry.activities),
        remark=form.text("remark", "your message", required=False, most=LONGEST_TEXT, lines=True),
    )
    if form.errors or form.value("step") == "edit":
        return _answer_page(request, view, form)
    try:
        if form.value("step") != "send":
            checked = await ask(request.user, answering.check_answer, enquiry_id, proposal)
            return _check_page(request, view, form, proposal, checked)
        await answering.say_yes(request.user, enquiry_id, proposal)
        said = "Sent. The family is told, and you hear when it decides."
        return see_other(request, f"/enquiries/{enquiry_id}", flash=said)
    except InvalidInput as error:
        form.merge(error, {"pattern": f"begin-{week_form.rows(form)[0]}"})
    except Conflict as conflict:
        form.error("", conflict.sentence)
    return _answer_page(request, view, form, 409 if "" in form.errors else 200)


def _answer_page(request: Asked, view: ProviderView, form: Form, status: int = 200) -> Response[Any]:
    return page(
        request,
        "purchases/answer.html",
        title="Answer the family",
        view=view,
        form=form,
        rows=week_form.rows(form),
        days=week_form.WEEKDAYS,
        activities=list(view.enquiry.activities.items()),
        ready=[(str(each.worker.id), each.worker.name) for each in view.workers if each.ready],
        unready=[each for each in view.workers if not each.ready],
        status=status,
    )


def _check_page(
    request: Asked, view: ProviderView, form: Form, proposal: Proposal, checked: CheckedAnswer
) -> Response[Any]:
    return page(
        request,
        "purchases/answer_check.html",
        title="Check your answer",
        view=view,
        proposal=proposal,
        checked=checked,
        week=patterns.summary(checked.pattern, checked.pack.activities),
        price=price_words(checked.price.explained, checked.pack),
        carried=[(n, value) for n in (*CARRIED, *week_form.names(form)) for value in form.values(n)],
    )


@get("/enquiries/{enquiry_id:uuid}/decline", **ANSWERS)
async def decline_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Why we say no."""
    return _decline_page(request, await ask(request.user, enquiries.provider_view, enquiry_id), Form())


@post("/enquiries/{enquiry_id:uuid}/decline", status_code=303, **ANSWERS)
async def decline(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Says no with a reason."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    form = Form(await read_form(request))
    codes = [each.code for each in view.enquiry.pack.reasons("decline")]
    reason = form.choice("reason_code", "why you say no", codes)
    remark = form.text("remark", "your message", required=False, most=LONGEST_TEXT, lines=True)
    if not form.errors:
        try:
            await answering.say_no(request.user, enquiry_id, reason, remark)
            return see_other(request, "/enquiries", flash=f"You said no to request {view.enquiry.row.reference}.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
    return _decline_page(request, view, form)


def _decline_page(request: Asked, view: ProviderView, form: Form) -> Response[Any]:
    options = [(reason.code, reason.title) for reason in view.enquiry.pack.reasons("decline")]
    return page(request, "purchases/decline.html", title="Say no", view=view, form=form, options=options)


@get("/enquiries/{enquiry_id:uuid}/withdraw", **ANSWERS)
async def withdraw_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Taking our answer back."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    return page(request, "purchases/answer_withdraw.html", title="Withdraw your answer", view=view)


@post("/enquiries/{enquiry_id:uuid}/withdraw", status_code=303, **ANSWERS)
async def withdraw(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Takes it back."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    form = Form()
    if view.standing is None:
        form.error("", "There is no answer of yours to withdraw.")
        return await _page(request, enquiry_id, form, 409)
    try:
        await answering.withdraw_answer(request.user, view.standing.id)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, enquiry_id, form, 409)
    return see_other(request, f"/enquiries/{enquiry_id}", flash="Your answer is withdrawn. The family is told.")


@post("/enquiries/{enquiry_id:uuid}/meetings/{meeting_id:uuid}", status_code=303, **ANSWERS)
async def answer_meeting(request: Asked, enquiry_id: FromPath[UUID], meeting_id: FromPath[UUID]) -> Response[Any]:
    """Confirms one of the times, or says what else suits."""
    view = await ask(request.user, enquiries.provider_view, enquiry_id)
    form = Form(await read_form(request))
    asked = next((m for each in view.answers for m in each.meetings if m["id"] == meeting_id), None)
    if asked is None:
        raise enquiries.nothing()
    times = {str(n): at for n, at in enumerate(asked["proposed"])}
    chosen = form.choice("agreed_at", "when you can meet", (*times, "none"))
    note = form.text("answer", "your answer", required=False, most=meeting.LONGEST_NOTE, lines=True)
    if not form.errors:
        try:
            await meeting.answer_meeting(request.user, meeting_id, agreed_at=times.get(chosen), answer=note)
            return see_other(request, f"/enquiries/{enquiry_id}", flash="The family can read your answer now.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
            return await _page(request, enquiry_id, form, 409)
    return await _page(request, enquiry_id, form)


ROUTES: list[Any] = [
    enquiries_page, enquiry_page, answer_page, answer, decline_page, decline, withdraw_page, withdraw, answer_meeting,
]  # fmt: skip
