"""A child's record, at both front doors: opening it is a look, logged with who and why (data.md)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.referrals import children, grants, queries
from marketplace.referrals.grants import RIGHTS
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page

LOOKS: dict[str, Any] = {"guards": [requires("child.write", "child.read_with_reason")]}


@get("/children/{child_id:uuid}", **LOOKS)
async def child_page(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """The record of one's own case; anybody else is asked for a reason first."""
    try:
        return await _child_page(request, child_id, "")
    except InvalidInput:
        return await _reason_page(request, child_id, Form())


@post("/children/{child_id:uuid}", status_code=200, **LOOKS)
async def child_page_with_reason(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """The record, with the reason for looking logged."""
    form = Form(await read_form(request))
    why = form.text("why", "why you need to see this child's record", most=500)
    if form.errors:
        return await _reason_page(request, child_id, form)
    return await _child_page(request, child_id, why)


async def _child_page(request: Request[Any, Any, Any], child_id: UUID, why: str) -> Response[Any]:
    file = await children.open_child(request.user, child_id, why=why)
    access = await ask(request.user, grants.grants_of, child_id, ended=True)
    return page(
        request, "referrals/child.html", title=f"Child {file.child.reference}", file=file, child=file.child,
        identity=file.identity, access=[each for each in access if each.revoked_at is None],
        ended=[each for each in access if each.revoked_at is not None], rights=RIGHTS,
    )  # fmt: skip


async def _reason_page(request: Request[Any, Any, Any], child_id: UUID, form: Form) -> Response[Any]:
    child = await ask(request.user, queries.child, child_id)
    return page(request, "referrals/child_reason.html", title="Why do you need this record?", form=form, child=child)


ROUTES: list[Any] = [child_page, child_page_with_reason]
