"""The provider's pages of an offer: three steps to make or change it, what became of it, withdrawing, meeting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.obligations.panels import panel
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.providers.readiness import Ready
from marketplace.referrals import choosing, offer_forms, offering, opportunities, patterns, queries
from marketplace.referrals.offer_price import price_words
from marketplace.referrals.offer_standing import InDoubt, my_offers_in_doubt, unready
from marketplace.referrals.opportunities import OpportunityView
from marketplace.referrals.queries import OfferView
from marketplace.referrals.states import offer_after
from marketplace.web.filters import last_moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("offer.read"), requires("referral.answer")]}
WRITE: dict[str, Any] = {"guards": [requires("offer.write")]}
OFFER_STATES = {
    "made": ("Standing", "blue"),
    "withdrawn": ("Withdrawn", "grey"),
    "awarded": ("Awarded to you", "green"),
    "not_chosen": ("Not chosen", "grey"),
    "undone": ("Award undone", "orange"),
}


# --- a new offer, in three steps ------------------------------------------------------------------------------------


@get("/opportunities/{referral_id:uuid}/offer", **WRITE)
async def offer_who(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """First step of an offer: who comes."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    return _already(request, view) or _who(request, view, None, offer_forms.from_query(request))


@get("/opportunities/{referral_id:uuid}/offer/when", **WRITE)
async def offer_when(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Second step: the start, and the week that can be served."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    return _already(request, view) or _when_after_who(request, view, None)


@get("/opportunities/{referral_id:uuid}/offer/check", **WRITE)
async def offer_check(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Third step: the price, and everything once more."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    return _already(request, view) or await _check(request, view, None, offer_forms.from_query(request))


@post("/opportunities/{referral_id:uuid}/offer/check", status_code=303, **WRITE)
async def make_offer(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Makes the offer."""
    view = await ask(request.user, opportunities.opportunity, referral_id)
    again = _already(request, view)
    if again is not None:
        return again
    form = Form(await read_form(request))
    proposal = offer_forms.read_proposal(form, view)
    if not form.errors:
        try:
            made = await offering.make_offer(request.user, referral_id, proposal)
            said = "Your offer is made. The referrer and the family are told; you hear when they decide."
            return see_other(request, f"/offers/{made}", flash=said)
        except InvalidInput as error:
            _merge(form, error)
        except Conflict as conflict:
            view = await ask(request.user, opportunities.opportunity, referral_id)
            again = _already(request, view)
            if again is not None:
                return again
            form.error("", conflict.sentence)
            return await _check(request, view, None, form, 409)
    return _mend(request, view, None, form)


# --- changing one that stands: the same steps ------------------------------------------------------------------------


@get("/offers/{offer_id:uuid}/change", **WRITE)
async def change_who(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """First step of changing an offer, filled with what stands."""
    offer, view = await _changeable(request, offer_id)
    form = offer_forms.from_query(request)
    return _who(request, view, offer, form if form.value("filled") else offer_forms.starting(view, offer))


@get("/offers/{offer_id:uuid}/change/when", **WRITE)
async def change_when(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Second step of changing an offer."""
    offer, view = await _changeable(request, offer_id)
    return _when_after_who(request, view, offer)


@get("/offers/{offer_id:uuid}/change/check", **WRITE)
async def change_check(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Third step of changing an offer."""
    offer, view = await _changeable(request, offer_id)
    return await _check(request, view, offer, offer_forms.from_query(request))


@post("/offers/{offer_id:uuid}/change/check", status_code=303, **WRITE)
async def change_offer(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Changes the offer; choices made of it before no longer count."""
    offer, view, _ = await ask(request.user, opportunities.my_offer, offer_id)
    form = Form(await read_form(request))
    proposal = offer_forms.read_proposal(form, view)
    seen = form.integer("seen", "the version you changed")
    if not form.errors:
        try:
            await offering.amend_offer(request.user, offer_id, proposal, version=seen)
            said = "Your offer is changed. The referrer and the family are told, and choose again."
            return see_other(request, f"/offers/{offer_id}", flash=said)
        except InvalidInput as error:
            _merge(form, error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
            form.set("seen", (await ask(request.user, opportunities.my_offer, offer_id))[0].version)
            return await _check(request, view, offer, form, 409)
    return _mend(request, view, offer, form)


# --- my offers -------------------------------------------------------------------------------------------------------


@get("/offers", **READ)
async def offers_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My offers and what became of them."""
    number = opportunities.page_number(request.query_params.get("page", "1"))
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


@get("/offers/{offer_id:uuid}/withdraw", **WRITE)
async def withdraw_page(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """What withdrawing means, before it is done."""
    offer, view, _ = await ask(request.user, opportunities.my_offer, offer_id)
    offer_after("withdrawn", offer.state)
    return page(
        request, "referrals/provider_withdraw.html", title="Withdraw your offer", offer=offer, view=view, form=Form()
    )


@post("/offers/{offer_id:uuid}/withdraw", status_code=303, **WRITE)
async def withdraw(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Takes an offer back."""
    try:
        await offering.withdraw_offer(request.user, offer_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _my_offer(request, offer_id, form, 409)
    return see_other(request, f"/offers/{offer_id}", flash="Your offer is withdrawn. The referrer is told.")


@post("/offers/{offer_id:uuid}/meeting", status_code=303, **WRITE)
async def answer_meeting(request: Request[Any, Any, Any], offer_id: FromPath[UUID]) -> Response[Any]:
    """Answers a family's wish to meet the workers."""
    form = Form(await read_form(request))
    meeting_id = form.uuid("meeting", "the request")
    field = f"answer-{meeting_id}"
    answer = form.text(
        field, "when and how the family can meet your workers", most=choosing.LONGEST_MESSAGE, lines=True
    )
    if not form.errors:
        try:
            await choosing.answer_meeting(request.user, meeting_id, answer)
            return see_other(request, f"/offers/{offer_id}", flash="The family can read your answer now.")
        except InvalidInput as error:
            form.merge(error, {"answer": field})
        except Conflict as conflict:
            form.error("", conflict.sentence)
            return await _my_offer(request, offer_id, form, 409)
    return await _my_offer(request, offer_id, form)


# --- what they share -------------------------------------------------------------------------------------------------


def _already(request: Request[Any, Any, Any], view: OpportunityView) -> Response[Any] | None:
    """Where an offer stands already, a second one leads to it: also the second press of the button."""
    if view.offer_id is None:
        return None
    said = "You have made an offer for this referral. It stands as shown here."
    return see_other(request, f"/offers/{view.offer_id}", flash=said)


async def _changeable(request: Request[Any, Any, Any], offer_id: UUID) -> tuple[OfferView, OpportunityView]:
    """The offer and its referral. Raises `Conflict` where it can no longer be changed."""
    offer, view, _ = await ask(request.user, opportunities.my_offer, offer_id)
    offer_after("amended", offer.state)
    if not view.in_time and view.referral.respond_by is not None:
        raise Conflict(
            f"Offers could be changed until {last_moment(view.referral.respond_by)}. You can still withdraw it."
        )
    return offer, view


def _when_after_who(request: Request[Any, Any, Any], view: OpportunityView, offer: OfferView | None) -> Response[Any]:
    form = offer_forms.from_query(request)
    offer_forms.read_who(form, view)
    if form.errors:
        return _who(request, view, offer, form)
    offer_forms.fill_terms(form, view)
    return _when(request, view, offer, form)


def _merge(form: Form, error: InvalidInput) -> None:
    """The action's complaints, each leading to its question."""
    for name, sentence in error.fields.items():
        form.error(name, sentence, offer_forms.FIRST_BOX if name == "pattern" else None)


def _mend(request: Request[Any, Any, Any], view: OpportunityView, offer: OfferView | None, form: Form) -> Response[Any]:
    """The step at which something must be mended, with all that was typed."""
    if offer_forms.about_who(form):
        return _who(request, view, offer, form)
    offer_forms.fill_terms(form, view)
    return _when(request, view, offer, form)


def _who(request: Request[Any, Any, Any], view: OpportunityView, offer: OfferView | None, form: Form) -> Response[Any]:
    return page(
        request,
        "referrals/provider_offer_workers.html",
        title="Who comes",
        view=view,
        form=form,
        ready=[_option(entry) for entry in view.workers if entry.ready],
        unready=[entry for entry in view.workers if not entry.ready],
        at=_address(view, offer),
        back_to=_home(view, offer),
        carried=offer_forms.carried(form, without="who"),
    )


def _when(request: Request[Any, Any, Any], view: OpportunityView, offer: OfferView | None, form: Form) -> Response[Any]:
    return page(
        request,
        "referrals/provider_offer_terms.html",
        title="When, and the week you can serve",
        view=view,
        form=form,
        rows=offer_forms.rows(form, view),
        weekdays=offer_forms.WEEKDAYS,
        at=_address(view, offer),
        query=offer_forms.query(form),
        carried=offer_forms.carried(form, without="terms"),
    )


async def _check(
    request: Request[Any, Any, Any], view: OpportunityView, offer: OfferView | None, form: Form, status: int = 200
) -> Response[Any]:
    refused = dict(form.errors)
    proposal = offer_forms.read_proposal(form, view)
    if len(form.errors) > len(refused):
        return _mend(request, view, offer, form)
    try:
        checked = await ask(request.user, offering.check_proposal, view.referral.id, proposal)
    except InvalidInput as error:
        _merge(form, error)
        return _mend(request, view, offer, form)
    asked: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_offer_check.html",
        title="Check your offer",
        view=view,
        offer=offer,
        form=form,
        checked=checked,
        proposal=proposal,
        price=price_words(checked.price.explained, view.pack),
        drawn=patterns.fit(asked, checked.pattern, view.pack.activities),
        week=patterns.summary(checked.pattern, view.pack.activities),
        at=_address(view, offer),
        query=offer_forms.query(form),
        carried=offer_forms.carried(form),
        status=status,
    )


async def _my_offer(request: Request[Any, Any, Any], offer_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    offer, view, meetings = await ask(request.user, opportunities.my_offer, offer_id)
    package = await ask(request.user, queries.package_of, view.referral.id)
    away = await ask(request.user, unready, view.referral, offer)
    asked: Any = view.referral.pattern
    return page(
        request,
        "referrals/provider_offer.html",
        title=f"My offer for referral {view.referral.reference}",
        offer=offer,
        view=view,
        meetings=meetings,
        unready=[each for each in offer.workers if each["worker_id"] in away],
        away=away,
        package_id=package["id"] if package else None,
        states=OFFER_STATES,
        price=price_words(offer.price, view.pack),
        drawn=patterns.fit(asked, offer.pattern, view.pack.activities),
        week=patterns.summary(offer.pattern, view.pack.activities),
        form=form,
        now=view.now,
        status=status,
    )


@panel("referrals/offers_today.html", "offer.write")
async def under_today(work: Work) -> list[InDoubt] | None:
    """My offers whose workers are not ready any more; nothing where all are."""
    return await my_offers_in_doubt(work) or None


def _option(entry: Ready) -> tuple[str, str, str]:
    role = entry.pack.roles.get(entry.worker.role)
    return str(entry.worker.id), entry.worker.name, role.title if role else entry.worker.role


def _address(view: OpportunityView, offer: OfferView | None) -> str:
    return f"/opportunities/{view.referral.id}/offer" if offer is None else f"/offers/{offer.id}/change"


def _home(view: OpportunityView, offer: OfferView | None) -> str:
    return f"/opportunities/{view.referral.id}" if offer is None else f"/offers/{offer.id}"


ROUTES: list[Any] = [
    offer_who, offer_when, offer_check, make_offer, change_who, change_when, change_check, change_offer, offers_page,
    my_offer_page, withdraw_page, withdraw, answer_meeting,
]  # fmt: skip
