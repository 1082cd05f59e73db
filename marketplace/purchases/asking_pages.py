"""The family's pages of its requests: asking providers, their answers side by side, meeting, agreeing. For a phone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import wall_time
from marketplace.providers.videos import familys_videos
from marketplace.purchases import agreeing, directory, enquiries, enquiring, meeting, queries, week_form
from marketplace.purchases.directory import Criteria
from marketplace.purchases.enquiries import Answer, FamilyView
from marketplace.purchases.enquiring import LONGEST_AREA, LONGEST_SAYS, Wish
from marketplace.purchases.finding import Search, search
from marketplace.purchases.finding_pages import from_query
from marketplace.referrals import needs, patterns
from marketplace.referrals.offer_price import price_words
from marketplace.web.filters import pounds
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
Asked = Request[Any, Any, Any]
CARRIED = (
    "lot", "providers", "needs", "says", "area", "workers", "confirmed", "key", "starts_on-day", "starts_on-month",
    "starts_on-year",
)  # fmt: skip
STATES = {
    "open": ("Waiting for you", "yellow"), "agreed": ("Agreed", "green"), "closed": ("Closed", "grey"),
    "lapsed": ("Not open any more", "grey"),
}  # fmt: skip
TIMES = (1, 2, 3)


# --- asking ----------------------------------------------------------------------------------------------------------


@get("/budget/{direct_payment_id:uuid}/ask", **SPENDS)
async def ask_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """What I ask for and whom, filled with what I searched for."""
    form = from_query(request)
    form.set("key", uuid4())
    return await _ask_page(request, direct_payment_id, form)


@post("/budget/{direct_payment_id:uuid}/ask", status_code=200, **SPENDS)
async def send(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Checks what was typed; sends it when that is what was asked."""
    form = Form(await read_form(request))
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    lot = form.choice("lot", "the kind of support", view.now.lots)
    found = await ask(request.user, search, direct_payment_id, Criteria(lot=lot or next(iter(view.now.lots))))
    activities = _activities(found)
    wish = Wish(
        lot=lot,
        pattern=week_form.read(form, activities),
        starts_on=form.date("starts_on", "the first day"),
        says=form.text("says", "what matters to your child", most=LONGEST_SAYS, lines=True),
        area=form.text("area", "the area", required=False, most=LONGEST_AREA),
        needs=tuple(form.choices("needs", "what your child needs", _needs(found))),
        workers=2 if form.value("workers") == "2" else 1,
    )
    chosen = form.uuids("providers", "whom to ask", least=1)
    key = form.uuid("key", "the request", required=False)
    if form.errors or form.value("step") == "edit":
        return await _ask_page(request, direct_payment_id, form)
    try:
        if form.value("step") != "send":
            checked = await ask(
                request.user, enquiring.check_wish, direct_payment_id, wish, chosen, form.values("confirmed")
            )
            carried = [(n, value) for n in (*CARRIED, *week_form.names(form)) for value in form.values(n)]
            titles = needs.titles(checked.pack, wish.lot, wish.needs)
            week = patterns.summary(checked.pattern, checked.pack.activities)
            return page(
                request, "purchases/ask_check.html", title="Check before you send it", checked=checked, wish=wish,
                carried=carried, needs=titles, week=week,
            )  # fmt: skip
        made = await enquiring.ask_providers(
            request.user, direct_payment_id, wish, chosen, confirmed=form.values("confirmed"), enquiry_id=key
        )
        return see_other(request, f"/requests/{made}", flash="Sent. You are told when they answer.")
    except InvalidInput as error:
        first = week_form.rows(form)[0]
        form.merge(error, {"pattern": f"begin-{first}"})
        doubts = await ask(request.user, enquiring.doubts, view, wish.says, wish.area)
        return await _ask_page(request, direct_payment_id, form, [each for each in doubts if each.may_be_confirmed])


def _activities(found: Search) -> dict[str, str]:
    return {code: found.pack.activities.get(code, code) for code in found.pack.lot(found.lot).activities}


def _needs(found: Search) -> dict[str, str]:
    return {need.code: need.title for kind in needs.menu(found.pack, found.lot)[:2] for need in kind}


async def _ask_page(
    request: Asked, direct_payment_id: UUID, form: Form, doubts: list[Any] | None = None
) -> Response[Any]:
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    lot = form.value("lot") if form.value("lot") in view.now.lots else next(iter(view.now.lots))
    form.set("lot", lot)
    form.set("workers", form.value("workers") or "1")
    found = await ask(request.user, search, direct_payment_id, Criteria(lot=lot))
    typed = Form(form.typed)  # its faults are told when it is sent
    pattern = week_form.read(typed, _activities(found))
    starts_on = typed.date("starts_on", "the first day", required=False)
    if pattern and not typed.errors:
        try:
            workers = 2 if form.value("workers") == "2" else 1
            found = await ask(
                request.user, search, direct_payment_id, Criteria(lot=lot), pattern=pattern, starts_on=starts_on,
                workers=workers,
            )  # fmt: skip
        except InvalidInput:
            pass  # shown without prices
    options = [
        (
            str(each.entry.provider_id),
            each.entry.name
            + (f", {pounds(each.pence_per_week)} for the first week" if each.pence_per_week is not None else ""),
        )
        for each in found.found
    ]
    return page(
        request,
        "purchases/ask.html",
        title="Ask for support",
        form=form,
        view=view,
        found=found,
        providers=options,
        rows=week_form.rows(form),
        days=week_form.WEEKDAYS,
        activities=list(_activities(found).items()),
        needs=list(_needs(found).items()),
        lots=list(view.now.lots.items()),
        doubts=list({each.key: each for each in doubts or []}.values()),
    )


# --- the answers -----------------------------------------------------------------------------------------------------


@get("/requests", **SPENDS)
async def requests_page(request: Asked) -> Response[Any]:
    """My requests, the open ones first."""
    found = await ask(request.user, enquiries.family_enquiries)
    return page(request, "purchases/requests.html", title="My requests to providers", found=found, states=STATES)


@get("/requests/{enquiry_id:uuid}", **SPENDS)
async def request_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """One request: the answers side by side."""
    return await _request_page(request, enquiry_id, Form())


async def _request_page(request: Asked, enquiry_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    view = await ask(request.user, enquiries.family_view, enquiry_id)
    pack = view.enquiry.pack
    asked: Any = view.enquiry.row.pattern
    sides = [
        (
            each,
            patterns.summary(each.pattern, pack.activities),
            patterns.fit(asked, each.pattern, pack.activities) if each.pattern else [],
            price_words(each.price, pack) if each.price else None,
        )
        for each in view.answers
    ]
    row = view.enquiry.row
    listed = await ask(request.user, directory.entries, row.framework_id, row.commissioner_id)
    return page(
        request,
        "purchases/request.html",
        title=f"Request {view.enquiry.row.reference}",
        view=view,
        week=patterns.summary(asked, pack.activities),
        sides=sides,
        videos=await ask(request.user, familys_videos),
        listed={each.provider_id: each for each in listed if row.lot_code in each.lots},
        states=STATES,
        form=form,
        status=status,
    )


@get("/requests/{enquiry_id:uuid}/accept/{answer_id:uuid}", **SPENDS)
async def accept_page(request: Asked, enquiry_id: FromPath[UUID], answer_id: FromPath[UUID]) -> Response[Any]:
    """What I agree to, once more."""
    view, found = await _answer(request, enquiry_id, answer_id)
    return _accept_page(request, view, found, Form())


@post("/requests/{enquiry_id:uuid}/accept/{answer_id:uuid}", status_code=303, **SPENDS)
async def accept(request: Asked, enquiry_id: FromPath[UUID], answer_id: FromPath[UUID]) -> Response[Any]:
    """Accepts an answer."""
    view, found = await _answer(request, enquiry_id, answer_id)
    form = Form(await read_form(request))
    try:
        package_id = await agreeing.accept_answer(request.user, answer_id)
    except InvalidInput as error:
        form.merge(error, dict.fromkeys(error.fields, ""))
        return _accept_page(request, view, found, form, 409)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return _accept_page(request, view, found, form, 409)
    if package_id is None:
        said = "Thank you. It counts once everybody of your family who spends this direct payment accepts it."
        return see_other(request, f"/requests/{enquiry_id}", flash=said)
    said = f"Agreed. {found.provider_name} now writes the care plan with you; you read and sign it here."
    return see_other(request, f"/requests/{enquiry_id}", flash=said)


@post("/requests/{enquiry_id:uuid}/accept/{answer_id:uuid}/take-back", status_code=303, **SPENDS)
async def take_back(request: Asked, enquiry_id: FromPath[UUID], answer_id: FromPath[UUID]) -> Response[Any]:
    """Takes my acceptance back, while it does not count yet."""
    await _answer(request, enquiry_id, answer_id)
    try:
        await agreeing.take_back_acceptance(request.user, answer_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _request_page(request, enquiry_id, form, 409)
    said = "Taken back. The others of your family who spend this direct payment are told."
    return see_other(request, f"/requests/{enquiry_id}", flash=said)


def _accept_page(request: Asked, view: FamilyView, found: Answer, form: Form, status: int = 200) -> Response[Any]:
    pack = view.enquiry.pack
    assert found.price is not None
    return page(
        request,
        "purchases/accept.html",
        title="Agree with this provider",
        view=view,
        answer=found,
        week=patterns.summary(found.pattern, pack.activities),
        price=price_words(found.price, pack),
        form=form,
        status=status,
    )


async def _answer(request: Asked, enquiry_id: UUID, answer_id: UUID) -> tuple[FamilyView, Answer]:
    """An answer to this request with a price. Raises `NotFound`."""
    view = await ask(request.user, enquiries.family_view, enquiry_id)
    found = next((each for each in view.answers if each.id == answer_id and each.price is not None), None)
    if found is None:
        raise enquiries.nothing()
    return view, found


@get("/requests/{enquiry_id:uuid}/withdraw", **SPENDS)
async def withdraw_page(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Taking a request back."""
    view = await ask(request.user, enquiries.family_view, enquiry_id)
    return page(request, "purchases/request_withdraw.html", title="Take the request back", view=view)


@post("/requests/{enquiry_id:uuid}/withdraw", status_code=303, **SPENDS)
async def withdraw(request: Asked, enquiry_id: FromPath[UUID]) -> Response[Any]:
    """Takes it back."""
    try:
        await enquiring.withdraw_enquiry(request.user, enquiry_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _request_page(request, enquiry_id, form, 409)
    return see_other(request, f"/requests/{enquiry_id}", flash="Your request is taken back. Those you asked are told.")


# --- meeting ---------------------------------------------------------------------------------------------------------


@get("/requests/{enquiry_id:uuid}/meet/{answer_id:uuid}", **SPENDS)
async def meet_page(request: Asked, enquiry_id: FromPath[UUID], answer_id: FromPath[UUID]) -> Response[Any]:
    """When we could meet those who would come."""
    view, found = await _answer(request, enquiry_id, answer_id)
    return _meet_page(request, view, found, Form())


@post("/requests/{enquiry_id:uuid}/meet/{answer_id:uuid}", status_code=303, **SPENDS)
async def meet(request: Asked, enquiry_id: FromPath[UUID], answer_id: FromPath[UUID]) -> Response[Any]:
    """Asks to meet."""
    view, found = await _answer(request, enquiry_id, answer_id)
    form = Form(await read_form(request))
    proposed: list[datetime] = []
    for n in TIMES:
        if n > 1 and not (form.value(f"on-{n}-day") or form.value(f"at-{n}")):
            continue
        on = form.date(f"on-{n}", "the day")
        at = form.time(f"at-{n}", "the time")
        if not form.errors:
            proposed.append(wall_time(on, at))
    says = form.text("says", "your message", required=False, most=meeting.LONGEST_NOTE, lines=True)
    if not form.errors:
        try:
            await meeting.ask_to_meet(request.user, answer_id, proposed, says)
            said = "The provider was asked. You are told when it answers."
            return see_other(request, f"/requests/{enquiry_id}", flash=said)
        except InvalidInput as error:
            form.merge(error, {"proposed": "on-1"})
        except (Conflict, NotFound) as conflict:
            form.error("", conflict.sentence)
    return _meet_page(request, view, found, form)


def _meet_page(request: Asked, view: FamilyView, found: Answer, form: Form) -> Response[Any]:
    title = f"Ask to meet {found.provider_name}"
    return page(request, "purchases/meet.html", title=title, view=view, answer=found, form=form, times=TIMES)


ROUTES: list[Any] = [
    ask_page, send, requests_page, request_page, accept_page, accept, take_back, withdraw_page, withdraw,
    meet_page, meet,
]  # fmt: skip
