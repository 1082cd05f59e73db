"""Visits a family has bought and paid for, laid beside the visits of a running package.

The money is laid past the actions, as Stripe's follower or a matched receipt would have left it: what is tested with it
begins where the money has come in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg

from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, ask, prepare_connection, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.purchases import books
from marketplace.purchases.settling import settle_waiting
from marketplace.settings import Settings
from tests.world.localstripe import SECRET_KEY, WEBHOOK_SECRET
from tests.world.packages import Case


@dataclass
class Bought:
    """A purchase that is paid; `prices` by visit. `council` is the system in the council's rows."""

    case: Case
    direct_payment_id: UUID
    purchase_id: UUID
    payment_id: UUID | None
    prices: dict[UUID, int]
    council: Actor


def with_cards(settings: Settings, url: str = "http://127.0.0.1:9") -> Settings:
    """Cards are on, and Stripe is at `url`."""
    return replace(
        settings, stripe_secret_key=SECRET_KEY, stripe_publishable_key="pk_test_0",
        stripe_webhook_secret=WEBHOOK_SECRET, stripe_api_url=url, marketplace_url="https://site.test",
    )  # fmt: skip


async def buy(
    migrator: asyncpg.Connection, case: Case, visit_ids: Sequence[UUID], pence: int, *, intent: str | None = "pi_1",
    top_up: int = 0, reference: str = "DPTEST01",
) -> Bought:  # fmt: skip
    """The family buys visits at a price each (`top_up` of it beyond the budget): by card with Stripe's `intent`, by
    bank transfer without."""
    package = await case.package()
    paid_from = await migrator.fetchval("SELECT direct_payment_id FROM package WHERE id = $1", package.id)
    now, day = await ask(case.manager, _now), await ask(case.manager, _today)
    purchase_id, payment_id = uuid4(), uuid4() if intent else None
    scope = {
        "commissioner_id": package.commissioner_id, "framework_id": package.framework_id,
        "provider_id": package.provider_id, "child_id": package.child_id,
    }  # fmt: skip
    pack = await migrator.fetchval("SELECT hash FROM pack_version LIMIT 1")
    await _put(
        migrator, "purchase", **scope, id=purchase_id, direct_payment_id=paid_from, package_id=package.id,
        reference=reference, lot_code=package.lot_code, first_day=day, last_day=day + timedelta(days=60),
        method="card" if intent else "transfer", state="waiting", pence=pence * len(visit_ids),
        minutes=60 * len(visit_ids), pack_hash=pack, made_at=now, made_by=case.family.person_id,
        made_by_name=case.family.person_name, due_at=now + timedelta(days=1),
    )  # fmt: skip
    of = {**scope, "purchase_id": purchase_id}
    for visit_id in visit_ids:
        planned = (await case.visit(visit_id)).planned_start
        await _put(migrator, "purchase_visit", **of, visit_id=visit_id, day=local_day(planned), minutes=60, pence=pence)
        await _put(
            migrator, "purchase_share", **of, visit_id=visit_id, direct_payment_id=paid_from,
            budget_pence=pence - top_up, top_up_pence=top_up, budget_minutes=60,
            top_up_agreed_at=now if top_up else None, top_up_agreed_by=case.family.person_id if top_up else None,
        )  # fmt: skip
    whole = pence * len(visit_ids)
    if payment_id is not None:
        await _put(
            migrator, "card_payment", **of, id=payment_id, pence=whole, state="received", stripe_id=intent,
            asked_at=now, received_pence=whole, received_at=now,
        )  # fmt: skip
    else:
        finance = await migrator.fetchval("SELECT person_id FROM membership WHERE organisation_id = $1 LIMIT 1",
                                          package.commissioner_id)  # fmt: skip
        receipt = uuid4()
        await _put(
            migrator, "bank_receipt", **of, id=receipt, line_hash=uuid4().hex * 2, received_on=day, pence=whole,
            says=reference, state="matched", imported_at=now, imported_by=finance, matched_at=now, matched_by=finance,
        )  # fmt: skip
    council = system_for(package.commissioner_id, "commissioner")
    async with unit_of_work(council) as work:
        purchase = {**scope, "id": purchase_id}
        kind, subject, way = ("purchase_card_received", payment_id, "card") if payment_id else (
            "purchase_transfer_received", receipt, "transfer"
        )  # fmt: skip
        await books.enter(work, kind, purchase, subject, whole, way)
        await work.execute(
            "UPDATE purchase SET state = 'paid', paid_at = $3 WHERE commissioner_id = $1 AND id = $2",
            package.commissioner_id, purchase_id, work.now,
        )  # fmt: skip
    return Bought(case, paid_from, purchase_id, payment_id, dict.fromkeys(visit_ids, pence), council)


async def settled(bought: Bought) -> None:
    """What the sweep does: everything put down is settled."""
    while await settle_waiting(bought.council):
        pass


async def accounts(work: Work) -> dict[str, int]:
    """What the accounts of purchases within reach stand at; those at nothing are left out."""
    rows = await work.fetch(
        "SELECT account, sum(p.pence)::int AS pence FROM ledger_posting p JOIN ledger_entry e"
        " ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id WHERE e.purchase_id IS NOT NULL GROUP BY 1"
    )
    return {row["account"]: row["pence"] for row in rows if row["pence"]}


@asynccontextmanager
async def migrating(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Past row-level security."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await prepare_connection(connection)
        yield connection
    finally:
        await connection.close()


async def _put(migrator: asyncpg.Connection, table: str, **values: object) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await migrator.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())


async def _now(work: Work):
    return work.now


async def _today(work: Work) -> date:
    return local_day(work.now)
