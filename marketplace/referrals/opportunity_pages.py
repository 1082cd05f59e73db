"""The provider's pages: referrals that reached me, answering in three steps, my offers and what became of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.facts import WeeklySlot
from marketplace.providers.readiness import Ready
from marketplace.referrals import choosing, offering, opportunities, patterns
from marketplace.referrals.offering import Proposal
from marketplace.referrals.opportunities import OpportunityView
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("offer.read"), requires("referral.answer")]}
WRITE: dict[str, Any] = {"guards": [requires("offer.write")]}
SHOWN = [("to_answer", "To answer"), ("answered", "Answered"), ("over", "Decided or closed"), ("all", "All")]


@get("/opportunities", **READ)
async def opportunities_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Referrals that reached me, least time left first."""
    show = request.query_params.get("show", "to_answer")
    show = show if show in dict(SHOWN) else "to_answer"
    number = _number(request)
    rows, counts = await ask(request.user, opportunities.opportunities, show=show, page=number)
    return page(
        request,
        "referrals/provider_opportunities.html",
        title="Opportunities",
        rows=rows,
        show=show,
        options=[(key, label, counts[key]) for key, label in SHOWN],
        number=number,
        last=max(1, -(-counts[show] // opportunities.PAGE_SIZE)),
        now=await ask(request.user, _now),
    )


@get("/opportunities/{referral_id:uuid}", **READ)
async def opportunity_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """One referral: what is asked, what was clarified, my workers for it, my answer."""
    return _opportunity(request, await ask(request.user, opportunities.opportunity, referral_id), Form())


@post("/opportunities/{referral_id:uuid}/question", status_code=303, **WRITE)
async def ask_question(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Asks the referrer; the answer goes to everyone reached."""
    form = Form(await read_form(request))
    question = form.text("question", "your question", most=offering.LONGEST_TEXT)
    if not form.errors:
        try:
            await offering.ask_question(request.user, referral_id, question)
            said = "Your question was sent. Everyone who was reached will read the answer, not who asked."
            return see_other(request, f"/opportunities/{referral_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("question", conflict.sentence)
    return _opportunity(request, await ask(request.user, opportunities.opportunity, referral_id), form)


@get("/opportunities/{referral_id:uuid}/decline", **WRITE)
async def decline_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Why we decline."""
    return _decline(request, await ask(request.user, opportunities.opportunity, referral_id), Form())


@post("/opportunities/{referral_id:uuid}/decline", status_code=303, **WRITE)
async def decline(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Declines with a reason."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    form = Form(await read_form(request))
    reason = form.choice("reason_code", "why you decline", [each.code for each in view.pack.reasons("decline")])
    remark = form.text("remark", "your reason in your own words", required=False, most=offering.LONGEST_TEXT)
    if not form.errors:
        try:
            await offering.decline_referral(request.user, referral_id, reason, remark or "")
            return see_other(request, "/opportunities", flash=f"You declined referral {view.referral.reference}.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("reason_code", conflict.sentence)
    return _decline(request, view, form)


@get("/opportunities/{referral_id:uuid}/offer", **WRITE)
async def offer_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """First step of an offer: who comes."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    return _workers_step(request, view, _starting_form(view))


@post("/opportunities/{referral_id:uuid}/offer", status_code=200, **WRITE)
async def offer_steps(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Who comes, then when, then the price; made when that is checked."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    return await _steps(request, view, None)


@get("/offers", **READ)
async def offers_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My offers and what became of them."""
    number = _number(request)
    rows, total = await ask(request.user, opportunities.my_offers, page=number)
    return page(
        request,
        "referrals/provider_offers.html",
        title="My offers",
        rows=rows,
        states=OFFER_STATES,
        number=number,
        last=max(1, -(-total // opportunities.PAGE_SIZE)),
    )


@get("/offers/{offer_id:uuid}", **READ)
async def my_offer_page(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """One of my offers."""
    return await _my_offer(request, offer_id, Form())


@get("/offers/{offer_id:uuid}/change", **WRITE)
async def change_page(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """First step of changing an offer, filled with what stands."""
    offer, view, _ = await ask(request.user, opportunities.my_offer, offer_id)
    return _workers_step(request, view, _starting_form(view, offer), offer_id)


@post("/offers/{offer_id:uuid}/change", status_code=200, **WRITE)
async def change_steps(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """The same three steps for an offer that stands."""
    _, view, _ = await ask(request.user, opportunities.my_offer, offer_id)
    return await _steps(request, view, offer_id)


@post("/offers/{offer_id:uuid}/withdraw", status_code=303, **WRITE)
async def withdraw(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Takes an offer back."""
    try:
        await offering.withdraw_offer(request.user, offer_id)
    except Conflict as conflict:
        form = Form()
        form.error("offer", conflict.sentence)
        return await _my_offer(request, offer_id, form)
    return see_other(request, f"/offers/{offer_id}", flash="Your offer is withdrawn. The referrer is told.")


@post("/offers/{offer_id:uuid}/meeting", status_code=303, **WRITE)
async def answer_meeting(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Answers a family's wish to meet the workers."""
    form = Form(await read_form(request))
    meeting_id = form.uuid("meeting", "the request")
    answer = form.text("answer", "when and how the family can meet your workers", most=choosing.LONGEST_MESSAGE)
    if not form.errors:
        try:
            await choosing.answer_meeting(request.user, meeting_id, answer)
            return see_other(request, f"/offers/{offer_id}", flash="The family can read your answer now.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("answer", conflict.sentence)
    return await _my_offer(request, offer_id, form)


OFFER_STATES = {
    "made": ("Standing", "blue"),
    "withdrawn": ("Withdrawn", "grey"),
    "awarded": ("Awarded to you", "green"),
    "not_chosen": ("Not chosen", "grey"),
    "undone": ("Award undone", "orange"),
}


async def _steps(request: Request[Any, Any, Any], view: OpportunityView, offer_id: UUID | None) -> Response[Any]:
    form = Form(await read_form(request))
    step = form.value("step")
    form.uuids("workers", "the workers who come", least=view.referral.workers_per_visit)
    form.uuids("backups", "the back-up workers")
    if form.errors:
        return _workers_step(request, view, form, offer_id)
    if step == "workers":
        if not form.value("reached_terms"):
            _fill_terms(form, view)
        return _terms_step(request, view, form, offer_id)
    proposal = _read_proposal(form, view)
    if form.errors:
        return _terms_step(request, view, form, offer_id)
    try:
        if step != "make":
            return await _check_step(request, view, form, proposal, offer_id)
        if offer_id is None:
            made = await offering.make_offer(request.user, view.referral.id, proposal)
            said = "Your offer is made. The referrer and the family are told; you hear when they decide."
            return see_other(request, f"/offers/{made}", flash=said)
        await offering.amend_offer(request.user, offer_id, proposal)
        return see_other(request, f"/offers/{offer_id}", flash="Your offer is changed. The referrer is told.")
    except InvalidInput as error:
        form.merge(error)
        first = "workers" in form.errors or "backups" in form.errors
        return (_workers_step if first else _terms_step)(request, view, form, offer_id)
    except Conflict as conflict:
        form.error("offer", conflict.sentence)
        return _terms_step(request, view, form, offer_id, 409)


def _workers_step(
    request: Request[Any, Any, Any], view: OpportunityView, form: Form, offer_id: UUID | None = None
) -> Response[Any]:
    ready = [_option(entry) for entry in view.workers if entry.ready]
    return page(
        request,
        "referrals/provider_offer_workers.html",
        title="Who comes",
        view=view,
        form=form,
        ready=ready,
        unready=[entry for entry in view.workers if not entry.ready],
        at=_address(view, offer_id),
        carried=_carried(
            form, ("starts_on-day", "starts_on-month", "starts_on-year", "slot", "remark", "reached_terms"), view
        ),
    )


def _terms_step(
    request: Request[Any, Any, Any], view: OpportunityView, form: Form, offer_id: UUID | None, status: int = 200
) -> Response[Any]:
    asked = patterns.slots(view.referral.pattern)  # type: ignore[arg-type] - JSON comes as values
    return page(
        request,
        "referrals/provider_offer_terms.html",
        title="When, and the week you can serve",
        view=view,
        form=form,
        slots=[
            (n, patterns.words(each), view.pack.activities.get(each.activity, each.activity))
            for n, each in enumerate(asked)
        ],
        at=_address(view, offer_id),
        carried=_carried(form, ("workers", "backups"), view),
        status=status,
    )


async def _check_step(
    request: Request[Any, Any, Any], view: OpportunityView, form: Form, proposal: Proposal, offer_id: UUID | None
) -> Response[Any]:
    checked = await ask(request.user, offering.check_proposal, view.referral.id, proposal)
    asked: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_offer_check.html",
        title="Check your offer",
        view=view,
        form=form,
        checked=checked,
        proposal=proposal,
        drawn=patterns.fit(asked, checked.pattern, view.pack.activities),
        week=patterns.summary(checked.pattern, view.pack.activities),
        at=_address(view, offer_id),
        carried=_carried(
            form,
            (
                "workers",
                "backups",
                "starts_on-day",
                "starts_on-month",
                "starts_on-year",
                "slot",
                "remark",
                "reached_terms",
            ),
            view,
        ),
    )


def _starting_form(view: OpportunityView, offer: Any = None) -> Form:
    if offer is None:
        return Form()
    form = Form.starting_with(
        workers=[worker["worker_id"] for worker in offer.workers if worker["part"] == "main"],
        backups=[worker["worker_id"] for worker in offer.workers if worker["part"] == "backup"],
        starts_on=offer.starts_on,
        remark=offer.remark,
        reached_terms="yes",
    )
    _fill_slots(form, view, patterns.slots(offer.pattern))
    return form


def _fill_terms(form: Form, view: OpportunityView) -> None:
    form.set("starts_on", max(view.referral.starts_on, view.workers[0].on) if view.workers else view.referral.starts_on)
    _fill_slots(form, view, patterns.slots(view.referral.pattern))  # type: ignore[arg-type] - JSON comes as values


def _fill_slots(form: Form, view: OpportunityView, offered: tuple[WeeklySlot, ...]) -> None:
    """Each visit asked for is a row; one offered at other times on the same day fills the row of that day."""
    left = list(offered)
    ticked: list[str] = []
    for n, asked in enumerate(patterns.slots(view.referral.pattern)):  # type: ignore[arg-type] - JSON comes as values
        match = next((each for each in left if each == asked), None) or next(
            (each for each in left if (each.weekday, each.activity) == (asked.weekday, asked.activity)), None
        )
        if match is not None:
            left.remove(match)
            ticked.append(str(n))
        form.set(f"begin-{n}", (match or asked).start)
        form.set(f"end-{n}", (match or asked).end)
    form.set("slot", ticked)


def _read_proposal(form: Form, view: OpportunityView) -> Proposal:
    asked = patterns.slots(view.referral.pattern)  # type: ignore[arg-type] - JSON comes as values
    chosen = form.choices("slot", "at least one visit", [str(n) for n in range(len(asked))], least=1)
    slots: list[WeeklySlot] = []
    for n in (int(each) for each in chosen):
        begin = form.time(f"begin-{n}", f"the time the {patterns.words(asked[n]).split(' ')[0]} visit starts")
        end = form.time(f"end-{n}", f"the time the {patterns.words(asked[n]).split(' ')[0]} visit ends")
        if f"begin-{n}" not in form.errors and f"end-{n}" not in form.errors:
            slots.append(WeeklySlot(asked[n].weekday, f"{begin:%H:%M}", f"{end:%H:%M}", asked[n].activity))
    return Proposal(
        workers=tuple(form.uuids("workers", "the workers who come")),
        backups=tuple(form.uuids("backups", "the back-up workers")),
        starts_on=form.date("starts_on", "the date you can start"),
        pattern=tuple(slots),
        remark=form.text("remark", "your remark", required=False, most=offering.LONGEST_TEXT) or "",
    )


def _carried(form: Form, names: tuple[str, ...], view: OpportunityView) -> list[tuple[str, str]]:
    """What the other steps hold, so that nothing typed is lost between pages."""
    slots: Any = view.referral.pattern
    times = [f"{edge}-{n}" for n in range(len(slots)) for edge in ("begin", "end")] if "slot" in names else []
    return [(name, value) for name in (*names, *times) for value in form.values(name)]


def _option(entry: Ready) -> tuple[str, str, str]:
    role = entry.pack.roles.get(entry.worker.role)
    return str(entry.worker.id), entry.worker.name, role.title if role else entry.worker.role


def _address(view: OpportunityView, offer_id: UUID | None) -> str:
    return f"/opportunities/{view.referral.id}/offer" if offer_id is None else f"/offers/{offer_id}/change"


def _opportunity(request: Request[Any, Any, Any], view: OpportunityView, form: Form) -> Response[Any]:
    pattern: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_opportunity.html",
        title=f"Referral {view.referral.reference}",
        view=view,
        row=view.referral,
        drawn=patterns.drawn(pattern, view.pack.activities),
        week=patterns.summary(pattern, view.pack.activities),
        ready=[entry for entry in view.workers if entry.ready],
        unready=[entry for entry in view.workers if not entry.ready],
        reasons={reason.code: reason.title for reason in view.pack.reasons("decline")},
        form=form,
        now=view.now,
    )


def _decline(request: Request[Any, Any, Any], view: OpportunityView, form: Form) -> Response[Any]:
    return page(
        request,
        "referrals/provider_decline.html",
        title=f"Decline referral {view.referral.reference}",
        view=view,
        form=form,
        options=[(reason.code, reason.title) for reason in view.pack.reasons("decline")],
    )


async def _my_offer(request: Request[Any, Any, Any], offer_id: UUID, form: Form) -> Response[Any]:
    offer, view, meetings = await ask(request.user, opportunities.my_offer, offer_id)
    asked: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_offer.html",
        title=f"My offer for referral {view.referral.reference}",
        offer=offer,
        view=view,
        meetings=meetings,
        states=OFFER_STATES,
        drawn=patterns.fit(asked, offer.pattern, view.pack.activities),
        week=patterns.summary(offer.pattern, view.pack.activities),
        form=form,
        now=view.now,
    )


async def _now(work: Work) -> Any:
    return work.now


def _number(request: Request[Any, Any, Any]) -> int:
    raw = request.query_params.get("page", "1")
    return max(1, min(int(raw), 100_000)) if raw.isdecimal() and len(raw) < 7 else 1


ROUTES: list[Any] = [
    opportunities_page, opportunity_page, ask_question, decline_page, decline, offer_page, offer_steps, offers_page,
    my_offer_page, change_page, change_steps, withdraw, answer_meeting,
]  # fmt: skip
