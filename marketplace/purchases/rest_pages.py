"""The page where a family calls off what a purchase has still to come."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages.cancelling import MOST
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.purchases.the_rest import call_off_rest, the_rest
from marketplace.web.filters import count
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
Asked = Request[Any, Any, Any]


@get("/purchases/{purchase_id:uuid}/rest", **SPENDS)
async def rest_page(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Every visit still to come, with what of its price comes back."""
    return await _page(request, purchase_id, Form())


@post("/purchases/{purchase_id:uuid}/rest", status_code=303, **SPENDS)
async def rest(request: Asked, purchase_id: FromPath[UUID]) -> Response[Any]:
    """Calls them off; another sum than the one shown is shown again."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the visits do not take place", most=MOST, lines=True)
    shown = form.integer("kept", "the sum", most=100_000_000)
    if form.errors:
        return await _page(request, purchase_id, form)
    try:
        number = await call_off_rest(request.user, purchase_id, reason=reason, kept_pence=shown)
    except InvalidInput as error:
        form.merge(error)
        return await _page(request, purchase_id, form)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, purchase_id, form, status=409)
    said = f"{count(number, 'visit')} called off. Everybody concerned has been told, and the money is on its way."
    return see_other(request, f"/purchases/{purchase_id}", flash=said)


async def _page(request: Asked, purchase_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    found = await ask(request.user, the_rest, purchase_id)
    return page(
        request, "purchases/rest.html", title="Call off the visits still to come", found=found, form=form,
        purchase_id=purchase_id, status=400 if form.errors and status == 200 else status,
    )  # fmt: skip


ROUTES: list[Any] = [rest_page, rest]
