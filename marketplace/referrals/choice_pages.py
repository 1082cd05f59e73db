"""The family's pages of a search for support: the offers made, choosing one, asking to meet. For a phone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers.videos import familys_videos
from marketplace.referrals import choosing, opportunities, patterns
from marketplace.referrals.offer_price import price_words
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CHOOSE: dict[str, Any] = {"guards": [requires("offer.choose")]}
GONE = "The provider has withdrawn this offer. Those that stand are shown here."


@get("/choices", **CHOOSE)
async def choices_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Each search for my child, with how many offers came in."""
    found = await ask(request.user, opportunities.my_choices)
    return page(request, "referrals/family_choices.html", title="Offers", found=found)


@get("/choices/{referral_id:uuid}", **CHOOSE)
async def choice_page(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """The offers of one search: who would come, when, what it costs."""
    return await _choice(request, referral_id, Form())


@post("/choices/{referral_id:uuid}/choose", status_code=303, **CHOOSE)
async def choose(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Chooses one offer."""
    form = Form(await read_form(request))
    offer_id = form.uuid("offer_id", "an offer")
    version = form.integer("version", "the offer's version")
    if not form.errors:
        try:
            await choosing.choose_as_family(request.user, offer_id, version=version)
            said = "Thank you. The council sees your choice. You can change it until the support is agreed."
            return see_other(request, f"/choices/{referral_id}", flash=said)
        except Conflict as conflict:
            form.error("", conflict.sentence)
        except NotFound:
            form.error("", GONE)
    return await _choice(request, referral_id, form, 409)


@post("/choices/{referral_id:uuid}/take-back", status_code=303, **CHOOSE)
async def take_back(request: Request[Any, Any, Any], referral_id: FromPath[UUID]) -> Response[Any]:
    """Undoes the choice."""
    try:
        await choosing.take_back_choice(request.user, referral_id)
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _choice(request, referral_id, form, 409)
    return see_other(request, f"/choices/{referral_id}", flash="Your choice is taken back.")


@get("/choices/{referral_id:uuid}/meet/{offer_id:uuid}", **CHOOSE)
async def meet_page(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], offer_id: FromPath[UUID]
) -> Response[Any]:
    """Asking to meet the workers of an offer."""
    return await _meet(request, referral_id, offer_id, Form())


@post("/choices/{referral_id:uuid}/meet/{offer_id:uuid}", status_code=303, **CHOOSE)
async def meet(request: Request[Any, Any, Any], referral_id: FromPath[UUID], offer_id: FromPath[UUID]) -> Response[Any]:
    """Asks to meet."""
    form = Form(await read_form(request))
    message = form.text("message", "your message", required=False, most=choosing.LONGEST_MESSAGE, lines=True)
    if not form.errors:
        try:
            await choosing.ask_to_meet(request.user, offer_id, message)
            said = "The provider was asked. You are told when it answers."
            return see_other(request, f"/choices/{referral_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("message", conflict.sentence)
        except NotFound:  # withdrawn meanwhile: the page of the offers says so
            return await _meet(request, referral_id, offer_id, form)
    return await _meet(request, referral_id, offer_id, form)


async def _choice(request: Request[Any, Any, Any], referral_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    found = await opportunities.familys_choice(request.user, referral_id)
    videos = await ask(request.user, familys_videos)
    asked: Any = found.referral.pattern
    sides = [
        (
            offer,
            patterns.fit(asked, offer.pattern, found.pack.activities),
            patterns.summary(offer.pattern, found.pack.activities),
            price_words(offer.price, found.pack),
        )
        for offer in found.offers
    ]
    return page(
        request, "referrals/family_choice.html", title="Choose who supports you", found=found, sides=sides, form=form,
        status=status, videos=videos,
    )  # fmt: skip


async def _meet(request: Request[Any, Any, Any], referral_id: UUID, offer_id: UUID, form: Form) -> Response[Any]:
    found = await opportunities.familys_choice(request.user, referral_id)
    offer = next((each for each in found.offers if each.id == offer_id), None)
    if offer is None:
        gone = Form()
        gone.error("", GONE)
        return await _choice(request, referral_id, gone, 409)
    return page(request, "referrals/family_meet.html", title="Ask to meet", found=found, offer=offer, form=form)


ROUTES: list[Any] = [choices_page, choice_page, choose, take_back, meet_page, meet]
