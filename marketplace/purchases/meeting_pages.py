"""The page where a family, or the provider it asked, calls a meeting off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases import enquiries, meeting
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
ANSWERS: dict[str, Any] = {"guards": [requires("enquiry.answer")]}
Asked = Request[Any, Any, Any]


@get("/requests/{enquiry_id:uuid}/meetings/{meeting_id:uuid}/call-off", **SPENDS)
async def familys_page(request: Asked, enquiry_id: FromPath[UUID], meeting_id: FromPath[UUID]) -> Response[Any]:
    """The family's: what is called off, and a word to the provider."""
    return await _page(request, enquiry_id, meeting_id, Form())


@post("/requests/{enquiry_id:uuid}/meetings/{meeting_id:uuid}/call-off", status_code=303, **SPENDS)
async def family_calls_off(request: Asked, enquiry_id: FromPath[UUID], meeting_id: FromPath[UUID]) -> Response[Any]:
    """Calls it off for the family."""
    said = "Called off. The provider is told. You can ask to meet at another time."
    return await _call_off(request, enquiry_id, meeting_id, f"/requests/{enquiry_id}", said)


@get("/enquiries/{enquiry_id:uuid}/meetings/{meeting_id:uuid}/call-off", **ANSWERS)
async def providers_page(request: Asked, enquiry_id: FromPath[UUID], meeting_id: FromPath[UUID]) -> Response[Any]:
    """The provider's: what is called off, and when it could instead."""
    return await _page(request, enquiry_id, meeting_id, Form())


@post("/enquiries/{enquiry_id:uuid}/meetings/{meeting_id:uuid}/call-off", status_code=303, **ANSWERS)
async def provider_calls_off(request: Asked, enquiry_id: FromPath[UUID], meeting_id: FromPath[UUID]) -> Response[Any]:
    """Calls it off for the provider."""
    said = "Called off. The family is told and can propose other times."
    return await _call_off(request, enquiry_id, meeting_id, f"/enquiries/{enquiry_id}", said)


async def _found(work: Work, enquiry_id: UUID, meeting_id: UUID) -> dict[str, Any]:
    found = await meeting.meeting(work, meeting_id)
    if found["enquiry_id"] != enquiry_id:
        raise enquiries.nothing()
    row = await enquiries.enquiry(work, enquiry_id)
    return {"meeting": found, "reference": row.reference, "over": meeting.nothing_to_call_off(found, work.now)}


async def _call_off(request: Asked, enquiry_id: UUID, meeting_id: UUID, back: str, said: str) -> Response[Any]:
    await ask(request.user, _found, enquiry_id, meeting_id)
    form = Form(await read_form(request))
    says = form.text("says", "your message", required=False, most=meeting.LONGEST_NOTE, lines=True)
    status = 400
    if not form.errors:
        try:
            await meeting.call_off_meeting(request.user, meeting_id, says)
            return see_other(request, back, flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as conflict:
            form.error("", conflict.sentence)
            status = 409
    return await _page(request, enquiry_id, meeting_id, form, status)


async def _page(request: Asked, enquiry_id: UUID, meeting_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    found = await ask(request.user, _found, enquiry_id, meeting_id)
    family = request.user.role == "family"
    return page(
        request, "purchases/meet_call_off.html", title="Call the meeting off", form=form, family=family,
        above=f"/{'requests' if family else 'enquiries'}/{enquiry_id}", status=status, **found,
    )  # fmt: skip


ROUTES: list[Any] = [familys_page, family_calls_off, providers_page, provider_calls_off]
