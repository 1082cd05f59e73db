"""The pages on which a provider changes a planned visit share what they show of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.response import Response

from marketplace.packages import queries
from marketplace.packages.states import visit_state
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.pack import Pack
from marketplace.web.forms import Form
from marketplace.web.render import page, see_other


async def changing(work: Work, visit_id: UUID) -> tuple[Visit, Package, Pack, str | None, list[Any], datetime]:
    """A visit of the acting provider with what a page that changes it shows. Raises `NotFound`."""
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    name = await queries.child_name(work, visit.commissioner_id, visit.child_id)
    workers = await queries.visit_workers(work, visit)
    return visit, package, await queries.pack_for(work, visit), name, workers, work.now


async def change_page(
    request: Request[Any, Any, Any], visit_id: UUID, template: str, title: str, form: Form, **more: Any
) -> Response[Any]:
    """The page that changes a planned visit; one that is planned no more is shown as it is."""
    visit, package, _, name, workers, now = await ask(request.user, changing, visit_id)
    if visit_state(visit) != "planned":
        return see_other(request, f"/visits/{visit_id}", flash="This visit is not planned any more.")
    return page(
        request, f"packages/{template}.html", title=title, visit=visit, package=package, child_name=name,
        workers=workers, form=form, now=now, **more,
    )  # fmt: skip
