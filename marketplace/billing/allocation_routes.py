"""JSON: what children may have and how it stands; setting and changing it; the family's own."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.billing.budgets import MOST, budget_of, budgets, set_allocation
from marketplace.identity.guards import requires
from marketplace.packages.allocations import AllocationRow, allocation_now
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.referrals import queries as cases

READ: dict[str, Any] = {"guards": [requires("budget.read")], "tags": ["Budgets"]}
WRITE: dict[str, Any] = {"guards": [requires("budget.write")], "tags": ["Budgets"]}
OWN: dict[str, Any] = {"guards": [requires("budget.own")], "tags": ["Budgets"]}
Asked = Request[Any, Any, Any]


class AllocationOut(msgspec.Struct):
    """Amounts in its `unit` (minutes of care, or pence); figures null: not worked out yet, forecast null: not known."""

    id: UUID
    child_id: UUID
    child_reference: str
    starts_on: date
    ends_on: date
    unit: str
    amount: int
    spent: int | None
    committed: int | None
    left: int
    forecast: int | None
    runs_out_on: date | None
    figured_at: datetime | None


class DrawnVisitOut(msgspec.Struct):
    """`outcome` null: planned. `percent` is the share charged."""

    visit_id: UUID
    day: date
    package_reference: str
    outcome: str | None
    percent: int
    amount: int


class BudgetOut(msgspec.Struct):
    """A child's allocation worked out now. `expected` is what the weekly pattern adds where no visit is planned."""

    allocation: AllocationOut
    expected: int | None
    visits: list[DrawnVisitOut]
    unpriced_visits: int


class AllocationIn(msgspec.Struct, forbid_unknown_fields=True):
    """`replaces` names the allocation this changes."""

    starts_on: date
    ends_on: date
    unit: Literal["minutes", "pence"]
    amount: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    reason: str
    replaces: UUID | None = None


class AllocationSetOut(msgspec.Struct):
    id: UUID


@get("/api/v1/budgets", **READ)
async def list_budgets(request: Asked) -> list[AllocationOut]:
    """Allocations that stand today, those running out first, as last worked out; a referrer's own cases."""
    rows, _ = await ask(request.user, budgets, mine=request.user.role == "referrer", limit=None)
    return [_out(row) for row in rows]


@get("/api/v1/children/{child_id:uuid}/budget", **READ)
async def get_budget(request: Asked, child_id: FromPath[UUID]) -> BudgetOut:
    """A child's allocation worked out this moment, visit by visit."""

    async def question(work: Work) -> Any:
        await cases.child(work, child_id)
        return await budget_of(work, child_id)

    _, chosen, found = await ask(request.user, question)
    if chosen is None or found is None:
        raise NotFound("No budget is set for this child.")
    numbers = found.figures
    out = _out(chosen)
    out.spent, out.committed, out.left = numbers.spent, numbers.committed, numbers.left
    out.forecast, out.runs_out_on = numbers.forecast, numbers.runs_out_on
    visits = msgspec.convert(list(found.visits), list[DrawnVisitOut], from_attributes=True)
    return BudgetOut(out, found.expected, visits, found.unpriced)


@post("/api/v1/children/{child_id:uuid}/allocations", status_code=201, **WRITE)
async def set_budget(request: Asked, child_id: FromPath[UUID], data: JSONBody[AllocationIn]) -> AllocationSetOut:
    """Set an allocation, or change one."""
    made = await set_allocation(
        request.user, child_id, starts_on=data.starts_on, ends_on=data.ends_on, unit=data.unit, amount=data.amount,
        reason=data.reason, replaces=data.replaces,
    )  # fmt: skip
    return AllocationSetOut(made)


@get("/api/v1/my-children/{child_id:uuid}/budget", **OWN)
async def own_budget(request: Asked, child_id: FromPath[UUID]) -> AllocationOut:
    """The family's own, as last worked out."""
    row = await ask(request.user, allocation_now, child_id)
    if row is None:
        raise NotFound("There is no budget to show here.")
    return _out(row)


def _out(row: AllocationRow) -> AllocationOut:
    return msgspec.convert(row, AllocationOut, from_attributes=True)


ROUTES: list[Any] = [list_budgets, get_budget, set_budget, own_budget]
