"""JSON: statements of a payer's books of a provider on a framework."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery

from marketplace.billing import statements
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

READ: dict[str, Any] = {"guards": [requires("invoice.read")], "tags": ["Ledger"]}


class BooksOut(msgspec.Struct):
    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    provider_id: UUID
    provider: str


class EntryOut(msgspec.Struct):
    """`moves` in pence by account; what is due to the provider is positive, what was paid too.

    `share_basis_points` are this payer's parts of the invoice's shared visits; empty where nothing is shared.
    """

    at: datetime
    kind: str
    invoice_number: int | None
    invoice_id: UUID | None
    moves: dict[str, int]
    share_basis_points: list[int]


class StatementOut(msgspec.Struct):
    books: BooksOut
    first_day: date
    last_day: date
    opening: dict[str, int]
    entries: list[EntryOut]
    closing: dict[str, int]


@get("/api/v1/ledger/books", **READ)
async def list_books(request: Request[Any, Any, Any]) -> list[BooksOut]:
    """The books within my reach that hold any entry."""
    return [_books(each) for each in await ask(request.user, statements.all_books)]


@get("/api/v1/ledger/statements/{framework_id:uuid}/{payer_id:uuid}/{provider_id:uuid}", **READ)
async def get_statement(
    request: Request[Any, Any, Any],
    framework_id: FromPath[UUID],
    payer_id: FromPath[UUID],
    provider_id: FromPath[UUID],
    first_day: FromQuery[date | None] = None,
    last_day: FromQuery[date | None] = None,
) -> StatementOut:
    """Balances before, every entry of the days, balances after; the present billing period unless days are given."""
    found = await ask(request.user, statements.statement, framework_id, payer_id, provider_id, first_day, last_day)
    entries = [
        EntryOut(row.at, row.kind, row.number, row.invoice_id, row.moves, list(row.shares)) for row in found.rows
    ]
    return StatementOut(
        _books(found.books), found.days.first_day, found.days.last_day, found.opening, entries, found.closing
    )


def _books(each: statements.Books) -> BooksOut:
    return BooksOut(
        each.framework_id, each.framework, each.payer_id, each.payer, each.provider_id, each.provider
    )  # fmt: skip


ROUTES: list[Any] = [list_books, get_statement]
