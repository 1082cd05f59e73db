"""The console's page of a council's own areas on a framework."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import queries
from marketplace.frameworks.areas import areas_of, set_areas
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("framework.write")]}
Asked = Request[Any, Any, Any]


@get("/frameworks/{framework_id:uuid}/areas", **WRITES)
async def areas_page(request: Asked, framework_id: FromPath[UUID]) -> Response[Any]:
    """What our families can look for a provider in."""
    kept = await ask(request.user, areas_of, framework_id, request.user.commissioner_id)
    return await _page(request, framework_id, Form.starting_with(areas="\n".join(kept)))


@post("/frameworks/{framework_id:uuid}/areas", status_code=303, **WRITES)
async def keep_areas(request: Asked, framework_id: FromPath[UUID]) -> Response[Any]:
    """Keeps them."""
    form = Form(await read_form(request))
    areas = form.text("areas", "the areas", required=False, most=5_000, lines=True)
    if not form.errors:
        try:
            await set_areas(request.user, framework_id, areas.splitlines())
            said = "Saved. Families of your council are offered these areas."
            return see_other(request, f"/frameworks/{framework_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
    return await _page(request, framework_id, form)


async def _page(request: Asked, framework_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, queries.framework, framework_id)
    return page(
        request, "admin/framework_areas.html", title="Areas of your council", framework=found, form=form,
        status=400 if form.errors else 200,
    )  # fmt: skip


ROUTES: list[Any] = [areas_page, keep_areas]
