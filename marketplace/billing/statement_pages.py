"""Statements at either door: books chosen, days chosen, every entry with the balances before and after; or as CSV."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing import statements
from marketplace.billing.statements import COLUMNS, KINDS, Statement
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.policy.calendar import local
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.render import page

READ: dict[str, Any] = {"guards": [requires("invoice.read")]}
Asked = Request[Any, Any, Any]
HEADS = (
    "when",
    "what",
    "invoice",
    *(f"{words.lower().replace(' ', '_')}_pounds" for words, _ in COLUMNS.values()),
    "share",
)
# A day as links say it, or as three fields do.
DAYS = [f"{name}{part}" for name in ("first_day", "last_day") for part in ("", "-day", "-month", "-year")]


@get("/statements", **READ)
async def statements_page(request: Asked) -> Response[Any]:
    """The books I may read: per framework, payer and provider."""
    return page(
        request, "billing/statements.html", title="Statements", books=await ask(request.user, statements.all_books)
    )


@get("/statements/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}", **READ)
async def statement_page(
    request: Asked, framework_id: FromPath[UUID], payer_id: FromPath[UUID], provider_id: FromPath[UUID]
) -> Response[Any]:
    """One statement; `first_day` and `last_day` by query, the present billing period without them."""
    form = Form.starting_with(**{name: request.query_params.get(name, "") for name in DAYS})
    days = days_asked(form)
    asked = (None, None) if form.errors else days
    found = await ask(request.user, statements.statement, framework_id, payer_id, provider_id, *asked)
    if not form.errors:
        form.set("first_day", found.days.first_day)
        form.set("last_day", found.days.last_day)
    if request.query_params.get("format") == "csv" and not form.errors:
        return csv_file(f"statement-{found.days.first_day}-{found.days.last_day}", HEADS, csv_rows(found))
    return page(
        request,
        "billing/statement.html",
        title=f"Statement: {found.books.provider}, {found.books.payer}",
        found=found,
        periods=await ask(request.user, statements.periods_with_entries, found.books),
        columns=COLUMNS,
        heads=["When", "What", *((words, "numeric") for words, _ in COLUMNS.values())],
        kinds=KINDS,
        form=form,
        status=400 if form.errors else 200,
    )


def days_asked(form: Form) -> tuple[date | None, date | None]:
    """The first and last day as typed, errors put beside them."""
    first, last = _day(form, "first_day", "first day"), _day(form, "last_day", "last day")
    if not form.errors and first and last and last < first:
        form.error("last_day", "The last day must be on or after the first")
    return first, last


def csv_rows(found: Statement) -> list[tuple[object, ...]]:
    """The statement as rows under HEADS: balance before, entries, balance after."""

    def amounts(of: dict[str, int]) -> list[str]:
        return [_pounds(of.get(account, 0)) for account in COLUMNS]

    rows: list[tuple[object, ...]] = [(found.days.first_day, "Balance before", "", *amounts(found.opening), "")]
    rows += [
        (
            local(row.at).isoformat(),
            KINDS.get(row.kind, row.kind),
            row.number or "",
            *amounts(row.moves),
            row.share_words,
        )
        for row in found.rows
    ]
    return [*rows, (found.days.last_day, "Balance after", "", *amounts(found.closing), "")]


def _day(form: Form, name: str, words: str) -> date | None:
    typed = form.value(name).strip()
    if not typed:
        return form.date(name, words, required=False, earliest=date(2000, 1, 1), latest=date(2200, 12, 31))
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        day = date.min
    if not 2000 <= day.year <= 2200:
        form.error(name, f"The {words} must be a real date, like 2026-05-18")
        return None
    return day


def _pounds(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"


ROUTES: list[Any] = [statements_page, statement_page]
