"""Budgets at both doors: the list, a child's allocation worked out and drawn, setting it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from markupsafe import Markup

from marketplace.billing.budgets import MOST_REASON, PAGE_SIZE, budget_of, budgets, set_allocation
from marketplace.billing.spending import Spending
from marketplace.billing.words import OUTCOMES
from marketplace.identity.guards import requires
from marketplace.packages.allocations import AllocationRow, allocations_of
from marketplace.packages.page_forms import page_number
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.referrals import queries as cases
from marketplace.web import svg
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("budget.read")]}
WRITE: dict[str, Any] = {"guards": [requires("budget.write")]}
Asked = Request[Any, Any, Any]
UNITS = (("minutes", "Hours"), ("pence", "Pounds"))
AMOUNT = re.compile(r"(\d{1,8})(?:\.(\d{1,2}))?", re.ASCII)
HEADS = ("child", "from", "to", "unit", "allocation", "spent", "planned", "left", "forecast", "runs_out", "worked_out")


@get("/budgets", **READ)
async def budget_list(request: Asked) -> Response[Any]:
    """Allocations that stand today, those that run out first; or as CSV. A referrer starts with the own cases."""
    referrer = request.user.role == "referrer"
    mine = referrer and request.query_params.get("show") != "all"
    if request.query_params.get("format") == "csv":
        rows, _ = await ask(request.user, budgets, mine=mine, limit=None)
        return csv_file("budgets", HEADS, [_cells(row) for row in rows])
    number = page_number(request)
    rows, total = await ask(request.user, budgets, mine=mine, offset=PAGE_SIZE * (number - 1))
    return page(
        request, "billing/budgets.html", title="Budgets", rows=rows, total=total, number=number, mine=mine,
        referrer=referrer, last=max(1, -(-total // PAGE_SIZE)),
    )  # fmt: skip


def _cells(row: AllocationRow) -> tuple[object, ...]:
    by = 60 if row.unit == "minutes" else 100
    amounts = (row.amount, row.spent, row.committed, row.left, row.forecast)
    return (
        row.child_reference, row.starts_on, row.ends_on, "hours" if row.unit == "minutes" else "pounds",
        *("" if amount is None else f"{amount / by:.2f}" for amount in amounts), row.runs_out_on or "",
        row.figured_at.isoformat() if row.figured_at else "",
    )  # fmt: skip


@get("/children/{child_id:uuid}/budget", **READ)
async def budget_page(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """A child's allocation as it stands this moment: drawn, explained visit by visit, and how it came about."""
    child, (rows, chosen, found) = await ask(request.user, _child_budget, child_id)
    return page(
        request, "billing/budget.html", title=f"Budget of {child.reference}", child=child, rows=rows, chosen=chosen,
        found=found, outcomes=OUTCOMES, drawing=drawing(chosen, found) if chosen and found else "",
        mine=request.user.role == "referrer" and child.referrer_id == request.user.person_id,
    )  # fmt: skip


async def _child_budget(work: Work, child_id: UUID) -> tuple[Any, Any]:
    return await cases.child(work, child_id), await budget_of(work, child_id)


def drawing(row: AllocationRow, found: Spending) -> Markup:
    """Spent, with what is planned, and the forecast, each against the allocation."""
    numbers = found.figures
    bars: list[tuple[str, int, int | None]] = [
        ("Spent so far", numbers.spent, row.amount),
        ("With planned visits", numbers.spent + numbers.committed, row.amount),
    ]
    if numbers.forecast is not None:
        bars.append(("Forecast to the last day", numbers.forecast, row.amount))
    return svg.spend(bars, "How the budget stands", row.say)


@get("/children/{child_id:uuid}/budget/change", **WRITE)
async def change_page(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """Set an allocation, or change the one named in the query."""
    replaces = request.query_params.get("of", "")
    rows = await ask(request.user, _own_rows, child_id)
    old = next((row for row in rows if str(row.id) == replaces and row.replaced_at is None), None)
    form = Form()
    if old is not None:
        amount = old.amount / (60 if old.unit == "minutes" else 100)
        form = Form.starting_with(
            replaces=replaces, unit=old.unit, amount=f"{amount:.2f}".rstrip("0").rstrip("."), starts_on=old.starts_on,
            ends_on=old.ends_on,
        )  # fmt: skip
    return await _change(request, child_id, form)


@post("/children/{child_id:uuid}/budget/change", status_code=200, **WRITE)
async def change(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """Check it, then set it."""
    form = Form(await read_form(request))
    unit = form.choice("unit", "hours or pounds", [value for value, _ in UNITS])
    amount = read_amount(form, unit or "pence")
    starts_on = form.date("starts_on", "the first day")
    ends_on = form.date("ends_on", "the last day")
    reason = form.text("reason", "why the child has this allocation", most=MOST_REASON, lines=True)
    replaces = form.uuid("replaces", "the allocation to change", required=False)
    step = form.value("step")
    if form.errors or step == "edit":
        return await _change(request, child_id, form)
    if step != "set":
        return await _change(request, child_id, form, checking=(unit, amount, starts_on, ends_on))
    try:
        await set_allocation(
            request.user, child_id, starts_on=starts_on, ends_on=ends_on, unit=unit, amount=amount, reason=reason,
            replaces=replaces,
        )  # fmt: skip
        return see_other(request, f"/children/{child_id}/budget", flash="The allocation is set.")
    except InvalidInput as error:
        for name, said in error.fields.items():
            form.error(name, said, f"{name}-day" if name.endswith("_on") else None)
    except Conflict as conflict:
        form.error("", conflict.sentence)
    return await _change(request, child_id, form)


def read_amount(form: Form, unit: str) -> int:
    """Hours ("97.5") in whole minutes, or pounds ("4,800") in pence."""
    match = AMOUNT.fullmatch(re.sub(r"[£,\s]", "", form.value("amount")))
    if match is None:
        form.error("amount", "Enter how much, in hours like 97.5 or in pounds like 4,800")
        return 0
    hundredths = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    return hundredths if unit == "pence" else hundredths * 60 // 100


async def _own_rows(work: Work, child_id: UUID) -> list[AllocationRow]:
    child = await cases.child(work, child_id)
    if child.referrer_id != work.actor.person_id:
        raise NotFound("This is a colleague's case: its referrer sets what the child may have.")
    return await allocations_of(work, child_id)


async def _change(
    request: Asked, child_id: UUID, form: Form, *, checking: tuple[str, int, date, date] | None = None
) -> Response[Any]:
    rows = await ask(request.user, _own_rows, child_id)
    return page(
        request, "billing/budget_change.html", title="Check before you set it" if checking else "Set a budget",
        child_id=child_id, form=form, units=UNITS, rows=rows, checking=checking,
        status=409 if "" in form.errors else 200,
    )  # fmt: skip


ROUTES: list[Any] = [budget_list, budget_page, change_page, change]
