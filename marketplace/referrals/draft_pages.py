"""Writing a referral, one thing a page: every step saves, none binds before the broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks.queries import my_frameworks
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import broadcasting, children, drafting, needs, patterns, reach
from marketplace.referrals.drafting import DraftChange, DraftView, Stale
from marketplace.web.filters import listing
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import fragment, page, see_other
from marketplace.web.svg import DAYS

WRITES: dict[str, Any] = {"guards": [requires("referral.write")]}
ORDER = ("lot", "needs", "visits", "dates", "outcomes", "portrait", "area", "words", "reach", "check")


@dataclass(frozen=True)
class Step:
    """A page of the draft: how its form begins and what a submission changes."""

    title: str
    fill: Callable[[DraftView], Form]
    read: Callable[[Form, DraftView], DraftChange]


def _fill_lot(view: DraftView) -> Form:
    return Form.starting_with(lot_code=view.referral.lot_code)


def _read_lot(form: Form, view: DraftView) -> DraftChange:
    return DraftChange(lot_code=form.choice("lot_code", "a lot", view.pack.lots))


def _fill_needs(view: DraftView) -> Form:
    return Form.starting_with(needs=view.referral.needs, interventions=view.referral.interventions)


def _read_needs(form: Form, view: DraftView) -> DraftChange:
    competencies, interventions, _ = needs.menu(view.pack, _lot(view))
    return DraftChange(
        needs=form.choices("needs", "the child's needs", [need.code for need in competencies]),
        interventions=form.choices("interventions", "what is done for the child", [n.code for n in interventions]),
    )


def _fill_visits(view: DraftView) -> Form:
    activities = view.pack.lot(_lot(view)).activities
    return Form.starting_with(activity=activities[0] if len(activities) == 1 else None)


def _read_visits(form: Form, view: DraftView) -> DraftChange:
    """Adds to, takes from, or keeps the week, by which button was pressed."""
    slots = list(patterns.slots(view.referral.pattern))  # type: ignore[arg-type] - JSON comes as values
    remove = form.value("remove")
    if remove:
        slots = [slot for place, slot in enumerate(slots) if str(place) != remove]
    elif form.value("action") == "add" or _typed_a_visit(form):
        days = form.choices("days", "at least one day", [str(n) for n in range(7)], least=1)
        begin = form.time("begin", "the time the visit starts")
        end = form.time("end", "the time the visit ends")
        activity = form.choice("activity", "what is done at this visit", view.pack.lot(_lot(view)).activities)
        if not form.errors:
            slots += [WeeklySlot(int(day), f"{begin:%H:%M}", f"{end:%H:%M}", activity) for day in days]
    elif not slots:
        form.error("days", "Add at least one visit", "days")
    return DraftChange(pattern=slots)


def _typed_a_visit(form: Form) -> bool:
    """Whether a visit was typed in: whoever then goes on without adding it first does not lose it."""
    return bool(form.values("days") or form.value("begin") or form.value("end"))


def _fill_dates(view: DraftView) -> Form:
    row = view.referral
    return Form.starting_with(
        workers_per_visit=row.workers_per_visit,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        panel_approved_on=row.panel_approved_on,
    )


def _read_dates(form: Form, view: DraftView) -> DraftChange:
    return DraftChange(
        workers_per_visit=form.integer(
            "workers_per_visit", "the number of workers", least=1, most=drafting.MOST_WORKERS
        ),
        starts_on=form.date("starts_on", "the start date", earliest=view.today),
        ends_on=form.date("ends_on", "the end date", required=False),
        panel_approved_on=form.date(
            "panel_approved_on", "the day of the panel's approval", required=False, latest=view.today
        ),
    )


def _fill_outcomes(view: DraftView) -> Form:
    return Form.starting_with(outcomes=view.referral.outcomes, activities=view.referral.activities)


def _read_outcomes(form: Form, _: DraftView) -> DraftChange:
    most = drafting.LONGEST_TEXT
    return DraftChange(
        outcomes=form.text("outcomes", "the outcomes", most=most, lines=True),
        activities=form.text("activities", "the activities", most=most, lines=True, required=False),
    )


def _fill_portrait(view: DraftView) -> Form:
    return Form.starting_with(pen_portrait=view.referral.pen_portrait)


def _read_portrait(form: Form, _: DraftView) -> DraftChange:
    return DraftChange(
        pen_portrait=form.text("pen_portrait", "the pen portrait", most=drafting.LONGEST_TEXT, lines=True)
    )


def _fill_area(view: DraftView) -> Form:
    return Form.starting_with(area=view.referral.area)


def _read_area(form: Form, _: DraftView) -> DraftChange:
    return DraftChange(area=form.text("area", "the area", most=100))


def _fill_words(view: DraftView) -> Form:
    return Form.starting_with(confirmed=view.referral.anonymity_confirmed)


def _read_words(form: Form, view: DraftView) -> DraftChange:
    doubts = {doubt.key: doubt for doubt in view.doubts if doubt.may_be_confirmed}
    confirmed = form.choices("confirmed", "the words that identify nobody", list(doubts))
    missing = [doubt.words for doubt in view.doubts if doubt.key not in confirmed]
    if missing:
        quoted = listing([f"“{words}”" for words in dict.fromkeys(missing)])
        form.error("confirmed", f"Change {quoted}, or confirm that the words identify nobody")
    return DraftChange(confirmed=confirmed)


STEPS: dict[str, Step] = {
    "lot": Step("Which lot does the child need?", _fill_lot, _read_lot),
    "needs": Step("What does the child need?", _fill_needs, _read_needs),
    "visits": Step("Visits in a week", _fill_visits, _read_visits),
    "dates": Step("Start, end and workers", _fill_dates, _read_dates),
    "outcomes": Step("Outcomes and activities", _fill_outcomes, _read_outcomes),
    "portrait": Step("Pen portrait", _fill_portrait, _read_portrait),
    "area": Step("Area", _fill_area, _read_area),
    "words": Step("Words that could identify the child", _fill_words, _read_words),
}


def _lot(view: DraftView) -> str:
    if view.referral.lot_code is None:
        raise InvalidInput({"lot_code": "Choose the lot first"})
    return view.referral.lot_code


def _after(step: str, view: DraftView) -> str:
    """The next step; the page about words is left out where there are none in doubt."""
    following = ORDER[ORDER.index(step) + 1]
    return "reach" if following == "words" and not view.unsettled else following


@get("/referrals/new", **WRITES)
async def new_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Whom the referral is for, and on which framework."""
    form = Form.starting_with(child_id=request.query_params.get("child"))
    return await _new_page(request, form)


@post("/referrals/new", status_code=303, **WRITES)
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    """Begins the draft."""
    form = Form(await read_form(request))
    child_id = form.uuid("child_id", "the child")
    framework_id = form.uuid("framework_id", "the framework")
    if not form.errors:
        try:
            draft_id = await drafting.create_draft(request.user, child_id, framework_id)
            return see_other(request, f"/referrals/{draft_id}/draft/lot")
        except InvalidInput as error:
            form.merge(error)
        except NotFound:
            form.error("child_id", "Select the child and the framework from the lists")
    return await _new_page(request, form)


async def _new_page(request: Request[Any, Any, Any], form: Form) -> Response[Any]:
    mine = await ask(request.user, children.children, mine=True)
    frameworks = [each for each in await ask(request.user, my_frameworks) if each.state == "open"]
    if len(frameworks) == 1:
        form.set("framework_id", frameworks[0].id)
    return page(
        request, "referrals/new.html", title="New referral", form=form, frameworks=frameworks,
        children=[(str(child.id), f"{child.name} ({child.reference})") for child in mine],
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}/draft/{step:str}", **WRITES)
async def step_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID], step: FromPath[str]) -> Response[Any]:
    """One question of the draft as it is saved."""
    view = await ask(request.user, drafting.draft, referral_id)
    if view.referral.state != "draft":
        return see_other(request, f"/referrals/{referral_id}")
    if step == "reach":
        return await _reach_page(request, view)
    if step == "check":
        return _check_page(request, view, Form())
    if step not in STEPS:
        raise NotFound
    if view.referral.lot_code is None and step in ("needs", "visits"):
        return see_other(request, f"/referrals/{referral_id}/draft/lot")
    return _step_page(request, view, step, STEPS[step].fill(view))


@post("/referrals/{referral_id:uuid}/draft/{step:str}", status_code=303, **WRITES)
async def save_step(request: Request[Any, Any, Any], referral_id: FromPath[UUID], step: FromPath[str]) -> Response[Any]:
    """Saves the step and leads on: to the next one, back to the check, or to the list of drafts."""
    if step not in STEPS:
        raise NotFound
    view = await ask(request.user, drafting.draft, referral_id)
    if view.referral.state != "draft":
        raise Conflict("This referral has been broadcast already, so it cannot be changed any more.")
    form = Form(await read_form(request))
    change = STEPS[step].read(form, view)
    if form.errors:
        return _step_page(request, view, step, form)
    try:
        remarks = await drafting.save_draft(request.user, referral_id, change, seen=_seen(form))
    except InvalidInput as error:
        form.merge(error, {"pattern": "days"})
        return _step_page(request, view, step, form)
    except Stale as error:
        form.typed["seen"] = [error.seen.isoformat()]
        form.error("", error.sentence)
        return _step_page(request, await ask(request.user, drafting.draft, referral_id), step, form, status=409)
    here = f"/referrals/{referral_id}/draft"
    if form.value("action") == "later":
        return see_other(request, "/referrals?state=draft", flash=f"Draft {view.referral.reference} is saved.")
    if form.value("action") in ("add", "show") or form.value("remove"):
        return see_other(request, f"{here}/{step}")
    view = await ask(request.user, drafting.draft, referral_id)
    following = "check" if form.value("then") == "check" else _after(step, view)
    if following == "check" and view.unsettled:
        following = "words"
    return see_other(request, f"{here}/{following}", flash=" ".join(remarks) or None)


def _seen(form: Form) -> datetime | None:
    try:
        return datetime.fromisoformat(form.value("seen"))
    except ValueError:
        return None


def _step_page(
    request: Request[Any, Any, Any], view: DraftView, step: str, form: Form, status: int = 200
) -> Response[Any]:
    row = view.referral
    context: dict[str, Any] = {}
    if step == "lot":
        context["lots"] = [_lot_option(view, code) for code in view.pack.lots]
    if step == "needs":
        context["menu"] = needs.menu(view.pack, _lot(view))
        context["demands"] = needs.demands(view.pack, _lot(view), row.needs, row.interventions)
    if step == "visits":
        context["slots"] = [patterns.words(each) for each in patterns.slots(row.pattern)]  # type: ignore[arg-type]
        context["drawn"] = patterns.drawn(row.pattern, view.pack.activities)  # type: ignore[arg-type]
        context["days"] = [(str(number), name) for number, name in enumerate(DAYS)]
        context["activities"] = [(code, view.pack.activities[code]) for code in view.pack.lot(_lot(view)).activities]
        context["titles"] = [view.pack.activities.get(e.activity, e.activity) for e in patterns.slots(row.pattern)]  # type: ignore[arg-type]
    if step == "outcomes":
        context["programmes"] = view.pack.content.programmes
    previous = ORDER[max(ORDER.index(step) - 1, 0)]
    return page(
        request, f"referrals/step_{step}.html", title=STEPS[step].title, form=form, view=view, row=row, step=step,
        status=status, then=request.query_params.get("then") or form.value("then"),
        seen=form.value("seen") or row.changed_at.isoformat(),
        back="/referrals?state=draft" if step == "lot" else f"/referrals/{row.id}/draft/{previous}", **context,
    )  # fmt: skip


def _lot_option(view: DraftView, code: str) -> tuple[str, str, str]:
    rule = view.pack.lots[code]
    refusal = needs.age_refusal(view.pack, code, view.born, view.referral.starts_on or view.today)
    return code, rule.title, refusal or rule.scope[0]


@post("/referrals/{referral_id:uuid}/demands", status_code=200, **WRITES)
async def demands_part(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """What the needs ticked at the moment ask of a worker: nothing is saved."""
    view = await ask(request.user, drafting.draft, referral_id)
    change = _read_needs(Form(await read_form(request)), view)
    asked = needs.demands(view.pack, _lot(view), change.needs or (), change.interventions or ())
    return fragment(request, "referrals/demands.html", demands=asked)


async def _reach_page(request: Request[Any, Any, Any], view: DraftView) -> Response[Any]:
    if view.referral.lot_code is None:
        return see_other(request, f"/referrals/{view.referral.id}/draft/lot")
    found = await ask(request.user, broadcasting.preview, view.referral.id)
    return page(
        request, "referrals/step_reach.html", title="Whom this referral will reach", view=view, row=view.referral,
        found=found, reached=[each for each in found if each.reached], left_out=[e for e in found if not e.reached],
        summary=reach.summary(found, view.pack.lot(_lot(view)).title),
    )  # fmt: skip


def _check_page(request: Request[Any, Any, Any], view: DraftView, form: Form, status: int = 200) -> Response[Any]:
    row = view.referral
    where = {
        "lot_code": "lot", "needs": "needs", "pattern": "visits", "starts_on": "dates", "outcomes": "outcomes",
        "pen_portrait": "portrait", "area": "area", "activities": "outcomes", "panel_approved_on": "dates",
    }  # fmt: skip
    unfinished = [
        (sentence, f"/referrals/{row.id}/draft/{where[field]}?then=check") for field, sentence in view.missing.items()
    ]
    unfinished += [(doubt.sentence, f"/referrals/{row.id}/draft/words?then=check") for doubt in view.unsettled]
    lot = view.pack.lots.get(row.lot_code or "")
    return page(
        request, "referrals/step_check.html", title="Check the referral before it is broadcast", form=form, view=view,
        row=row, lot=lot, unfinished=unfinished, status=status, band=drafting.band_of(view.pack, view.born,
        row.starts_on or view.today),
        need_titles=needs.titles(view.pack, row.lot_code or "", [*row.needs, *row.interventions]),
        week=patterns.summary(row.pattern, view.pack.activities),  # type: ignore[arg-type] - JSON comes as values
    )  # fmt: skip


@post("/referrals/{referral_id:uuid}/broadcast", status_code=303, **WRITES)
async def broadcast(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """The draft goes to every provider of the lot in good standing."""
    form = Form(await read_form(request))
    view = await ask(request.user, drafting.draft, referral_id)
    seen = _seen(form)
    if view.referral.state == "draft" and seen is not None and seen != view.referral.changed_at:
        form.error("", "The draft was changed while you were checking it. Check it again, then broadcast.")
        return _check_page(request, view, form, status=409)
    try:
        row = await broadcasting.broadcast_referral(request.user, referral_id)
    except InvalidInput as error:
        for sentence in error.fields.values():
            form.error(sentence, sentence)
        return _check_page(request, view, form)
    except broadcasting.NobodyReached as error:
        form.error("", error.sentence)
        return _check_page(request, view, form, status=409)
    return see_other(
        request, f"/referrals/{referral_id}",
        flash=f"Referral {row.reference} has been sent. Providers have until the time below to answer.",
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}/discard", **WRITES)
async def discard_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Asks once more before a draft leaves the lists."""
    view = await ask(request.user, drafting.draft, referral_id)
    return page(request, "referrals/discard.html", title="Discard this draft", row=view.referral)


@post("/referrals/{referral_id:uuid}/discard", status_code=303, **WRITES)
async def discard(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Takes the draft off the lists."""
    await drafting.discard_draft(request.user, referral_id)
    return see_other(request, "/referrals?state=draft", flash="The draft has been discarded.")


@post("/referrals/{referral_id:uuid}/copy", status_code=303, **WRITES)
async def copy(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Begins a draft with this referral's content."""
    draft_id = await drafting.copy_referral(request.user, referral_id)
    return see_other(
        request,
        f"/referrals/{draft_id}/draft/lot",
        flash="This is a copy. Go through it step by step; dates are asked anew.",
    )


ROUTES: list[Any] = [
    new_page, new, step_page, save_step, demands_part, broadcast, discard_page, discard, copy,
]  # fmt: skip
