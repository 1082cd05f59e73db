"""What changed in a framework's terms, and accepting it: the provider's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import terms, terms_actions
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("application.read")]}
WRITES: dict[str, Any] = {"guards": [requires("application.write")]}


@get("/frameworks/{framework_id:uuid}/changes", **READS)
async def changes_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """What changed since we last accepted the terms, and accepting it."""
    return await _show(request, framework_id, Form())


@post("/frameworks/{framework_id:uuid}/changes", status_code=303, **WRITES)
async def accept(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Accepts the terms that were shown."""
    form = Form(await read_form(request))
    form.agreed("agreed", "Confirm that you accept the terms as they stand")
    if not form.errors:
        try:
            await terms_actions.accept_terms(request.user, framework_id, form.value("pack"))
            return see_other(request, f"/frameworks/{framework_id}", flash="You have accepted the terms.")
        except Conflict as error:
            form.error("", error.sentence)
    return await _show(request, framework_id, form)


async def _show(request: Request[Any, Any, Any], framework_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, terms_actions.terms_to_provider, framework_id)
    return page(
        request,
        "frameworks/changes.html",
        title=f"Changed terms of {found.framework.name}",
        form=form,
        found=found,
        framework=found.framework,
        answer=terms.answer,
        accepts=found.to_accept and may(request.user, "application.write"),
    )


ROUTES: list[Any] = [changes_page, accept]
