"""The console's debts: note the invoice for what a provider left owing, then its payment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.debts import LONGEST, STATES, mark_invoiced, mark_paid, one_debt
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

DECIDE: dict[str, Any] = {"guards": [requires("invoice.decide")]}
Asked = Request[Any, Any, Any]


@get("/debts/{debt_id:uuid}", **DECIDE)
async def debt_page(request: Asked, debt_id: FromPath[UUID]) -> Response[Any]:
    """One debt, and its next step."""
    return await _page(request, debt_id, Form())


@post("/debts/{debt_id:uuid}/invoiced", status_code=303, **DECIDE)
async def invoiced(request: Asked, debt_id: FromPath[UUID]) -> Response[Any]:
    """Notes the invoice for it."""
    form = Form(await read_form(request))
    reference = form.text("reference", "your invoice’s reference", most=LONGEST)
    invoiced_on = form.date("invoiced_on", "the day of your invoice")
    try:
        if not form.errors:
            await mark_invoiced(request.user, debt_id, reference, invoiced_on)
            return see_other(request, f"/debts/{debt_id}", flash="Noted. The provider is told.")
    except InvalidInput as error:
        for name, said in error.fields.items():
            form.error(name, said, f"{name}-day" if name == "invoiced_on" else name)
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, debt_id, form, 409)
    return await _page(request, debt_id, form)


@post("/debts/{debt_id:uuid}/paid", status_code=303, **DECIDE)
async def paid(request: Asked, debt_id: FromPath[UUID]) -> Response[Any]:
    """Notes its payment."""
    form = Form(await read_form(request))
    paid_on = form.date("paid_on", "the day it was paid")
    try:
        if not form.errors:
            await mark_paid(request.user, debt_id, paid_on)
            return see_other(request, f"/debts/{debt_id}", flash="Noted. The provider is told.")
    except InvalidInput as error:
        form.error("paid_on", error.fields["paid_on"], "paid_on-day")
    except Conflict as conflict:
        form.error("", conflict.sentence)
        return await _page(request, debt_id, form, 409)
    return await _page(request, debt_id, form)


async def _page(request: Asked, debt_id: UUID, form: Form, status: int = 200) -> Response[Any]:
    debt = await ask(request.user, one_debt, debt_id)
    title = f"Debt of {debt.provider}"
    return page(request, "admin/debt.html", title=title, debt=debt, states=STATES, form=form, status=status)


ROUTES: list[Any] = [debt_page, invoiced, paid]
