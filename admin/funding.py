"""The console's funding: finance officers agree to their council's share, and put agreed shares into force."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.funding import MOST, answer_funding, confirm_funding
from marketplace.billing.funding_queries import STATES, proposal, proposals
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("funding.read")]}
AGREE: dict[str, Any] = {"guards": [requires("funding.agree")]}
Asked = Request[Any, Any, Any]
HEADS = ("package", "owner", "provider", "shares", "from", "to", "state", "proposed")


@get("/funding", **READ)
async def funding_list(request: Asked) -> Response[Any]:
    """Proposals to share the cost of packages, those that wait first; or as CSV."""
    rows = await ask(request.user, proposals)
    if request.query_params.get("format") == "csv":
        cells = [
            (
                row.reference, row.owner, row.provider, row.in_words, row.starts_on, row.ends_on or "",
                STATES[row.standing][0], row.proposed_at.date(),
            )
            for row in rows
        ]  # fmt: skip
        return csv_file("funding", HEADS, cells)
    return page(request, "admin/funding_list.html", title="Shared funding", rows=rows, states=STATES)


@get("/funding/{proposal_id:uuid}", **READ)
async def funding_page(request: Asked, proposal_id: FromPath[UUID]) -> Response[Any]:
    """One proposal: who pays what of which package, who has agreed, and what I am asked."""
    return await _page(request, proposal_id, Form())


@post("/funding/{proposal_id:uuid}", status_code=200, **AGREE)
async def answer(request: Asked, proposal_id: FromPath[UUID]) -> Response[Any]:
    """Agree or not, checked before it binds."""
    form = Form(await read_form(request))
    chosen = form.choice("answer", "whether you agree", ["agree", "refuse"])
    says = form.text("says", "why you do not agree", required=chosen == "refuse", most=MOST, lines=True)
    if form.errors or form.value("step") == "edit":
        return await _page(request, proposal_id, form)
    if form.value("step") != "send":
        return await _page(request, proposal_id, form, checking=chosen)
    try:
        await answer_funding(request.user, proposal_id, chosen == "agree", says)
        return see_other(request, f"/funding/{proposal_id}", flash="Answered. The referrer is told.")
    except InvalidInput as error:
        form.merge(error)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, proposal_id, form, status=409)
    return await _page(request, proposal_id, form)


@post("/funding/{proposal_id:uuid}/confirm", status_code=303, **AGREE)
async def confirm(request: Asked, proposal_id: FromPath[UUID]) -> Response[Any]:
    """Put the agreed shares into force."""
    try:
        await confirm_funding(request.user, proposal_id)
        return see_other(request, f"/funding/{proposal_id}", flash="In force. The provider and the payers are told.")
    except Conflict as conflict:
        form = Form()
        form.error("", conflict.sentence)
        return await _page(request, proposal_id, form, status=409)


async def _page(
    request: Asked, proposal_id: UUID, form: Form, *, checking: str = "", status: int = 200
) -> Response[Any]:
    found = await ask(request.user, proposal, proposal_id)
    return page(
        request, "admin/funding.html", title=f"Shared cost of {found.reference}", found=found, states=STATES, form=form,
        checking=checking, decides=may(request.user, "funding.agree"), status=status,
    )  # fmt: skip


ROUTES: list[Any] = [funding_list, funding_page, answer, confirm]
