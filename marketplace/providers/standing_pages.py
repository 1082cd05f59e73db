"""My standing: where we are admitted, what stands against new referrals, what each framework still misses; pausing."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import actions, queries
from marketplace.providers.declaration_details import kind_of
from marketplace.providers.declaration_queries import cover_seen
from marketplace.providers.declarations import known_keys
from marketplace.providers.imposing import what_goes_on
from marketplace.providers.queries import OnFramework
from marketplace.providers.story import latest
from marketplace.providers.vocabulary import words
from marketplace.web.filters import count, day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("standing.read", "provider.write")]}
WRITES: dict[str, Any] = {"guards": [requires("provider.write")]}
PAUSES: dict[str, Any] = {"guards": [requires("provider.pause")]}


async def _own(work: Work) -> UUID:
    provider_id = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    return provider_id


async def _standing(work: Work) -> dict[str, Any]:
    provider_id = await _own(work)
    places = await queries.on_frameworks(work, provider_id)
    return {
        "places": places,
        "goes_on": {each.framework_id: await what_goes_on(work, each.framework_id, provider_id) for each in places},
        "partners": await queries.partner_suspensions(work, provider_id),
        "story": await latest(work, provider_id),
        "profile": await queries.profile(work, provider_id),
        "today": local_day(work.now),
        "spoken": await words(work),
    }


@get("/standing", **READS)
async def standing_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Each lot with its standing and reasons, what is still asked, and the story so far."""
    found = await ask(request.user, _standing)
    return page(
        request,
        "providers/standing.html",
        title="My standing",
        pauses=may(request.user, "provider.pause"),
        **found,
    )


async def _place(work: Work, framework_id: UUID) -> OnFramework:
    for each in await queries.on_frameworks(work, await _own(work)):
        if each.framework_id == framework_id:
            return each
    raise NotFound("You are not on this framework.")


async def _place_today(work: Work, framework_id: UUID) -> tuple[OnFramework, date]:
    return await _place(work, framework_id), local_day(work.now)


@get("/standing/{framework_id:uuid}/pause", **PAUSES)
async def pause_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Take no new referrals for a while."""
    return _pause(request, Form.starting_with(lot_code="all"), await ask(request.user, _place, framework_id))


@post("/standing/{framework_id:uuid}/pause", status_code=303, **PAUSES)
async def pause(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """First shows what the pause will do; with `go=pause` pauses from now on."""
    form = Form(await read_form(request))
    place, today = await ask(request.user, _place_today, framework_id)
    chosen = form.choice("lot_code", "what to pause", ["all", *(code for code, _, _ in place.lots)])
    lot = None if chosen == "all" else chosen
    until = form.date("until_on", "the last day of the pause", required=False, earliest=today)
    reason = form.text("reason", "the reason", required=False, most=500)
    if not form.errors and form.value("go") == "pause":
        try:
            await actions.pause(request.user, framework_id, lot, until_on=until, reason=reason)
            return see_other(request, "/standing", flash="New referrals are paused. What you have goes on.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("lot_code", error.sentence)
    if form.errors or form.value("go") == "change":
        return _pause(request, form, place)
    offers = (await ask(request.user, queries.suspension_effects, framework_id, place.record.id, lot)).open_offers
    made = f"{count(offers, 'open offer')} of yours will wait" if offers else "No offer of yours is open"
    return page(
        request,
        "providers/check_first.html",
        title="Check before you pause",
        caption=place.framework_name,
        form=form,
        rows=[
            ("Lots", f"Lot {lot}" if lot else "All our lots"),
            ("Until", f"{day(until)}, that day included" if until else "Until you end it yourself"),
            ("Reason", reason or "None given"),
        ],
        does=[
            "No broadcast reaches you from this moment on, and no new family can agree with you.",
            f"{made}; what you offer is not awarded while you pause.",
            "Packages, families and visits you have now go on.",
            "Commissioners of the framework see that it is your own wish, with the reason.",
        ],
        kept=["lot_code", "until_on-day", "until_on-month", "until_on-year", "reason"],
        goes="pause",
        button="Pause new referrals",
        leave="/standing",
    )


def _pause(request: Request[Any, Any, Any], form: Form, place: OnFramework) -> Response[Any]:
    return page(request, "providers/pause.html", title="Pause new referrals", form=form, place=place)


@post("/standing/pauses/{pause_id:uuid}/resume", status_code=303, **PAUSES)
async def resume(request: Request[Any, Any, Any], pause_id: FromPath[UUID]) -> Response[Any]:
    """Takes new referrals again."""
    await actions.resume(request.user, pause_id)
    return see_other(request, "/standing", flash="From the next broadcast on, new referrals reach you again.")


# --- profile and declarations -----------------------------------------------------------------------------------------


@get("/profile", **WRITES)
async def profile_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The organisation's profile: one for every framework."""
    found, cover, asked = await ask(request.user, _profile)
    form = Form.starting_with(**{name: found[name] for name in actions.PROFILE_FIELDS if found[name] is not None})
    if not form.value("legal_name"):
        form.set("legal_name", found["name"])
    return _show_profile(request, form, found, cover, asked)


async def _profile(work: Work) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    provider_id = await _own(work)
    found = await queries.profile(work, provider_id)
    return found, await cover_seen(work, provider_id), known_keys(await words(work))


def _show_profile(
    request: Request[Any, Any, Any], form: Form, found: dict[str, Any], cover: dict[str, str], asked: dict[str, str]
) -> Response[Any]:
    return page(
        request, "providers/profile.html", title="Our profile", form=form, profile=found, cover=cover, asked=asked
    )


@post("/profile", status_code=303, **WRITES)
async def update_profile(request: Request[Any, Any, Any]) -> Response[Any]:
    """Keeps it."""
    form = Form(await read_form(request))
    given: dict[str, Any] = {
        "legal_name": form.text("legal_name", "the organisation's legal name", most=160),
        "company_number": form.text("company_number", "the company number", required=False, most=12),
        "about": form.text("about", "what you offer", required=False, most=3000, lines=True),
        "contact_name": form.text("contact_name", "the contact's name", required=False, most=120),
        "contact_phone": form.text("contact_phone", "the contact's phone number", required=False, most=40),
        "contact_email": form.email("contact_email", "the contact's e-mail address", required=False),
        "on_call_name": form.text("on_call_name", "the on-call manager's name", required=False, most=120),
        "on_call_phone": form.text("on_call_phone", "the on-call phone number", required=False, most=40),
        "office_address": form.text("office_address", "the office's address", required=False, most=400, lines=True),
        "safeguarding_lead": form.text("safeguarding_lead", "the safeguarding lead", required=False, most=120),
    }
    if not form.errors:
        try:
            await actions.update_profile(request.user, **given)
            return see_other(request, "/standing", flash="Your profile has been saved.")
        except InvalidInput as error:
            form.merge(error)
    return _show_profile(request, form, *await ask(request.user, _profile))


@get("/standing/declare", **WRITES)
async def declare_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Say that something asked is there, with its day."""
    found = await ask(request.user, _standing)
    return _declare(
        request, Form.starting_with(keys=request.query_params.getall("key", []), declared_on=found["today"]), found
    )


@post("/standing/declare", status_code=303, **WRITES)
async def declare(request: Request[Any, Any, Any]) -> Response[Any]:
    """Keeps the declaration."""
    form = Form(await read_form(request))
    found = await ask(request.user, _standing)
    keys = form.choices("keys", "what you declare", [code for code, _ in _askable(found)], least=1)
    declared_on = form.date("declared_on", "the date")
    if not form.errors:
        try:
            await actions.declare(request.user, keys, declared_on)
            return see_other(request, "/standing", flash="Your declaration has been kept.")
        except InvalidInput as error:
            form.merge(error)
    return _declare(request, form, found)


def _askable(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What a day alone declares; what needs more than that has a page of its own."""
    asked = {item.key: item.title for place in found["places"] for item in place.asked if item.kind != "standing"}
    return [(key, title) for key, title in asked.items() if not kind_of(found["spoken"], key).name]


def _declare(request: Request[Any, Any, Any], form: Form, found: dict[str, Any]) -> Response[Any]:
    return page(request, "providers/declare.html", title="Declare", form=form, options=_askable(found))


ROUTES: list[Any] = [
    standing_page, pause_page, pause, resume, profile_page, update_profile, declare_page, declare,
]  # fmt: skip
