"""Audit: who looked at or changed what in my organisation; the page and its API, at both front doors."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import urlencode

import asyncpg
from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import ROLE_NAMES
from marketplace.identity.schemas import Trail, TrailEntry
from marketplace.identity.trail import MOST_EXPORTED, PAGE, Filter, actions_of, trail
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.forms import Form
from marketplace.web.render import page

GUARDED: dict[str, Any] = {"guards": [requires("audit.read")]}
LAST_PAGE = 10_000


@get("/audit", **GUARDED)
async def audit_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Filters by person, action, reference and days; pages; `?format=csv` for a file."""
    query = request.query_params
    form = Form({name: query.getall(name) for name in query})
    person = form.text("person", "a person’s name", required=False, most=100) or ""
    action = form.text("action", "an action", required=False, most=60) or ""
    reference = form.text("reference", "a reference", required=False, most=60) or ""
    first = form.date("first", "the first day", required=False)
    last = form.date("last", "the last day", required=False)
    if first and last and last < first:
        form.error("last", "The last day must not be before the first day", "last-day")
    number = form.integer("page", "the page", required=False, least=1, most=LAST_PAGE) or 1
    wanted = Filter() if form.errors else Filter(person, action, reference, first, last)
    if query.get("format") == "csv" and not form.errors:
        rows, _ = await ask(request.user, trail, wanted, number=1, size=MOST_EXPORTED)
        return csv_file("audit", HEADS, ([cell for _, cell in _cells(row)] for row in rows))
    rows, total = await ask(request.user, trail, wanted, number=number)
    kept = urlencode({name: value for name, value in query.items() if name not in ("page", "format") and value})
    return page(
        request,
        "identity/audit.html",
        title="Audit: who looked at or changed what",
        form=form,
        rows=[dict(row) | {"facts": _facts(row), "doing": _words(row["action"])} for row in rows],
        total=total,
        number=number,
        pages=max(1, -(-total // PAGE)),
        kept=kept,
        action_options=[(each, _words(each)) for each in await ask(request.user, actions_of)],
        role_names=ROLE_NAMES,
    )


@get("/api/v1/audit", tags=["Audit"], **GUARDED)
async def read_trail(
    request: Request[Any, Any, Any],
    person: FromQuery[str] = "",
    action: FromQuery[str] = "",
    reference: FromQuery[str] = "",
    first: FromQuery[date | None] = None,
    last: FromQuery[date | None] = None,
    page: FromQuery[int] = 1,
) -> Trail:
    """My organisation's changes and looks, newest first; `first` and `last` are days in London."""
    if not 1 <= page <= LAST_PAGE:
        raise InvalidInput({"page": f"The page must be from 1 to {LAST_PAGE}."})
    if any(day is not None and not 1900 <= day.year <= 2200 for day in (first, last)):
        raise InvalidInput({"first": "The days must be between the years 1900 and 2200."})
    rows, total = await ask(
        request.user, trail, Filter(person[:100], action[:60], reference[:60], first, last), number=page
    )
    entries = [
        TrailEntry(
            row["at"],
            row["person_name"],
            row["action"],
            row["subject_type"],
            row["subject_id"],
            row["reference"],
            row["why"],
            row["details"],
        )
        for row in rows
    ]
    return Trail(entries, total, page, max(1, -(-total // PAGE)))


HEADS = ("When", "Who", "Role", "Did", "Kind of thing", "Reference", "Id", "Why or what")


def _cells(row: asyncpg.Record) -> list[tuple[str, str]]:
    values = (
        moment(row["at"]),
        row["person_name"],
        ROLE_NAMES.get(row["role"], ""),
        _words(row["action"]),
        _words(row["subject_type"]),
        row["reference"],
        str(row["subject_id"]),
        _facts(row),
    )
    return list(zip(HEADS, values, strict=True))


def _facts(row: asyncpg.Record) -> str:
    """A look's reason, or a change's facts as "key: value; key: value"."""
    if row["why"]:
        return str(row["why"])
    facts = {key: value for key, value in row["details"].items() if key != "reference" and value not in (None, "")}
    return "; ".join(
        f"{_words(key).lower()}: {ROLE_NAMES.get(value, value) if isinstance(value, str) else json.dumps(value)}"
        for key, value in facts.items()
    )


def _words(code: str) -> str:
    """ "offer.made" -> "Offer made"."""
    return code.replace(".", " ").replace("_", " ").capitalize()


ROUTES: list[Any] = [audit_page, read_trail]
