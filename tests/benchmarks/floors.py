"""The floors: what the same answers cost with nothing around them. No sign-in, no checks, no audit, no error pages.

Each handler takes a connection from a pool, opens a transaction with the tenant's settings under the same row-level
security, runs the same SQL for the same rows, and answers: Litestar and asyncpg bare. The page is the design system's
own frame with a table written by hand; the offer is its rows inserted in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader
from litestar import Litestar, Request, get, post
from litestar.response import Response

from marketplace.platform.database import prepare_connection
from marketplace.platform.jobs import enqueue
from marketplace.referrals.queries import LIST as QUESTION
from marketplace.settings import Settings

LIST = QUESTION.format(where="r.state = $1", order="r.changed_at DESC", most="20", after="0")
NAVIGATION = [
    {"text": text, "href": f"/{text.lower()}"} for text in ("Today", "Referrals", "Children", "Packages", "Providers")
]


class Line(msgspec.Struct):
    """One row of the list, the same fields as the product's."""

    id: UUID
    reference: str
    state: str
    lot: str | None
    area: str
    respond_by: datetime | None
    reached: int
    offers: int
    declined: int
    silent: int
    open_questions: int
    referrer: str
    mine: bool


class Lines(msgspec.Struct):
    rows: list[Line]
    total: int


def bare_app(settings: Settings, now: datetime) -> Litestar:
    """The floors as an app of their own."""
    templates = Path(__file__).parent / "templates"
    environment = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(templates), PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})]
        ),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=ChainableUndefined,
    )  # fmt: skip
    pool: asyncpg.Pool = None  # type: ignore[assignment]

    @asynccontextmanager
    async def with_pool(_: Litestar) -> AsyncIterator[None]:
        nonlocal pool
        pool = await asyncpg.create_pool(settings.dsn("app"), min_size=1, max_size=1, init=prepare_connection)
        yield
        await pool.close()

    @asynccontextmanager
    async def tenant(asked: Request[Any, Any, Any]) -> AsyncIterator[asyncpg.Connection]:
        query = asked.query_params
        async with pool.acquire() as connection:
            await connection.execute(
                f"BEGIN; SELECT set_config('app.commissioner', '{query.get('commissioner', '')}', true),"
                f" set_config('app.organisation', '{query['organisation']}', true),"
                f" set_config('app.person', '{query['person']}', true),"
                f" set_config('app.now', '{now.isoformat()}', true)"
            )
            yield connection  # type: ignore[misc]
            await connection.execute("COMMIT")

    @get("/health")
    async def health() -> str:
        return "ok"

    @get("/json")
    async def as_json(request: Request[Any, Any, Any]) -> Lines:
        async with tenant(request) as connection:
            rows = await connection.fetch(LIST, "awarded")
        lines = [
            Line(
                r["id"], r["reference"], r["state"], r["lot_code"], r["area"], r["respond_by"], r["reached"],
                r["offers"], r["declined"], r["reached"] - r["offers"] - r["declined"], r["questions"],
                r["referrer_name"], r["mine"],
            )
            for r in rows
        ]  # fmt: skip
        return Lines(lines, rows[0]["total"] if rows else 0)

    @get("/html")
    async def as_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        async with tenant(request) as connection:
            rows = await connection.fetch(LIST, "awarded")
        said = environment.get_template("bare.html").render(rows=rows, navigation=NAVIGATION)
        return Response(said.encode(), media_type="text/html")

    @post("/offer")
    async def offer(request: Request[Any, Any, Any]) -> dict[str, str]:
        given = await request.json()
        async with tenant(request) as connection:
            offer_id = await insert_offer(connection, given, now)
        return {"id": str(offer_id)}

    return Litestar([health, as_json, as_page, offer], lifespan=[with_pool], openapi_config=None)


async def insert_offer(connection: asyncpg.Connection, given: dict[str, Any], now: datetime) -> UUID:
    """The rows an offer leaves behind, inserted as they are given."""
    offer_id, notice_id = uuid4(), uuid4()
    tenant, provider, person = (UUID(given[key]) for key in ("commissioner_id", "provider_id", "person_id"))
    referral = UUID(given["referral_id"])
    await connection.execute(
        """INSERT INTO offer (commissioner_id, id, framework_id, referral_id, round, provider_id, starts_on, pattern,
           remark, price, pence_per_week, pence_per_period, made_at, made_by)
           VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, 19200, 76800, $10, $11)""",
        tenant, offer_id, UUID(given["framework_id"]), referral, provider, date.fromisoformat(given["starts_on"]),
        given["pattern"], given["remark"], given["price"], now, person,
    )  # fmt: skip
    for part, workers in (("main", given["workers"]), ("backup", given["backups"])):
        for worker in workers:
            await connection.execute(
                "INSERT INTO offer_worker (commissioner_id, offer_id, provider_id, worker_id, part, position, name,"
                " role, profile, statement) VALUES ($1, $2, $3, $4, $5, 0, 'Worker', 'Support worker', $6, $7)",
                tenant, offer_id, provider, UUID(worker), part, given["profile"], given["statement"],
            )  # fmt: skip
    await connection.execute(
        "INSERT INTO notice (id, organisation_id, person_id, at, sentence, link) VALUES ($1, $2, $3, $4, $5, $6)",
        notice_id, tenant, UUID(given["referrer_id"]), now, "An offer came in.", f"/referrals/{referral}",
    )  # fmt: skip
    await enqueue(connection, "mail_notice", {"notice": notice_id}, dedupe_key=f"notice {notice_id}")
    await enqueue(connection, "tell_choosers", {"offer": offer_id}, dedupe_key=f"choosers {offer_id} 1")
    for chain in (tenant, provider):
        await connection.execute(
            "SELECT audit_append($1, 'Manager', 'provider_manager', 'offer.made', 'offer', $2, $3)",
            chain, offer_id, json.dumps({"referral": str(referral), "pence_per_week": 19200}),
        )  # fmt: skip
    return offer_id
