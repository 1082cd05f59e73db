"""What is left of the support a council pays for, in plain words for the child's family."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages.allocations import AllocationRow, allocation_now
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.web import svg
from marketplace.web.render import page

OWN: dict[str, Any] = {"guards": [requires("budget.own")]}
Asked = Request[Any, Any, Any]


@get("/support-budget/{child_id:uuid}", **OWN)
async def family_page(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """The family's budget in plain words."""
    row = await ask(request.user, _family_row, child_id)
    shown: list[tuple[str, int, int | None]] = [
        ("Used so far", row.spent or 0, row.amount),
        ("With planned visits", (row.spent or 0) + (row.committed or 0), row.amount),
    ]
    return page(
        request, "billing/family_budget.html", title="Your budget", row=row,
        drawing=svg.spend(shown, "How your budget stands", row.say),
    )  # fmt: skip


async def _family_row(work: Work, child_id: UUID) -> AllocationRow:
    row = await allocation_now(work, child_id)
    if row is None:
        raise NotFound("There is no budget to show here.")
    return row


ROUTES: list[Any] = [family_page]
