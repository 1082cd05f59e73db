"""How a bought visit ends: what goes back to the family, what goes on to the provider, both in one unit with the books.

The database puts a visit down to be settled in the transaction that cancels, records, signs or corrects it, or that
ends its package (m0043, m0071). Here the council's own unit works out what the visit keeps (`policy.purchases`), owes
the rest back once, and owes what is kept to the provider once the record is finished. Run twice, it changes nothing
more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog

from marketplace.billing.records import WORKERS_AND_SHARES, record_of
from marketplace.frameworks.queries import pack_of, rate_card_rows
from marketplace.obligations.news import tell
from marketplace.packages.planning import when
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.policy.pricing import charged_percent
from marketplace.policy.purchases import Paid, Settled, part, settle
from marketplace.policy.records import missing_from_record
from marketplace.purchases import books
from marketplace.referrals.grants import grants_of, holders
from marketplace.web.filters import pounds

AT_ONCE = 200
log = structlog.get_logger(__name__)
DELIVERED_LESS = "shorter"
UNUSED = "unused"

_BOUGHT = f"""
    SELECT v.*, '' AS package_reference, false AS held_over, w.workers, s.shares, k.state AS package_state,
        l.purchase_id, l.pence AS paid_pence, h.budget_pence, h.top_up_pence
    FROM purchase_visit l
    JOIN purchase_share h ON h.commissioner_id = l.commissioner_id AND h.purchase_id = l.purchase_id
        AND h.visit_id = l.visit_id
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    JOIN package k ON k.commissioner_id = v.commissioner_id AND k.id = v.package_id
    {WORKERS_AND_SHARES}
    WHERE l.commissioner_id = $1 AND l.visit_id = $2 AND l.purchase_id = $3 AND l.counts
"""  # noqa: S608 - our own fragments


# Counted lines of paid purchases whose visit has an outcome, or whose package is over, and of which nothing is booked.
_UNBOOKED = """
    SELECT l.visit_id, l.purchase_id, l.provider_id, l.child_id FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id AND p.state = 'paid'
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    JOIN package k ON k.commissioner_id = v.commissioner_id AND k.id = v.package_id
    WHERE l.commissioner_id = $1 AND l.counts AND (v.outcome IS NOT NULL OR k.state IN ('ended', 'undone'))
      AND NOT EXISTS (SELECT FROM purchase_settling s WHERE s.commissioner_id = l.commissioner_id
          AND s.visit_id = l.visit_id AND s.purchase_id = l.purchase_id)
      AND NOT EXISTS (SELECT FROM refund r WHERE r.commissioner_id = l.commissioner_id AND r.visit_id = l.visit_id
          AND r.purchase_id = l.purchase_id)
      AND NOT EXISTS (SELECT FROM payout t WHERE t.commissioner_id = l.commissioner_id AND t.visit_id = l.visit_id
          AND t.purchase_id = l.purchase_id)
    ORDER BY v.planned_start, v.id
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a visit's record ends it: why something goes back, what it keeps for the provider, what goes back."""

    cause: str
    settled: Settled


async def settle_waiting(actor: Actor) -> int:
    """Settle what is put down for one council (the system acts in its rows); returns how many visits were settled.

    Each visit is a unit of its own: one that cannot be priced keeps nobody else waiting.
    """
    async with unit_of_work(actor) as work:
        waiting = await work.fetch(
            "SELECT visit_id, purchase_id FROM purchase_settling WHERE commissioner_id = $1"
            " GROUP BY visit_id, purchase_id ORDER BY min(in_order) LIMIT $2",
            actor.commissioner_id, AT_ONCE,
        )  # fmt: skip
    done = 0
    for row in waiting:
        try:
            async with unit_of_work(actor) as work:
                await settle_visit(work, row["visit_id"], row["purchase_id"])
        except ValueError as error:  # no price can be worked out: past the bank holidays known, say
            log.warning("a bought visit waits to be settled", why=type(error).__name__, visit=str(row["visit_id"]))
            async with unit_of_work(actor) as work:
                await _to_the_end(work, row["visit_id"], row["purchase_id"])
            continue
        done += 1
    return done


async def overlooked(work: Work) -> list[Any]:
    """Bought visits of the acting council whose record says how they end, with nothing owed and nothing put down.

    There should be none: the database puts each down as it changes. `ledger verify` reports them.
    """
    council = work.actor.commissioner_id
    found: list[Any] = []
    for row in await work.fetch(_UNBOOKED, council):
        whole = await work.fetchrow(_BOUGHT, council, row["visit_id"], row["purchase_id"])
        try:
            if whole is not None and await _ending(work, whole) is not None:
                found.append(row)
        except ValueError:  # no price can be worked out yet
            continue
    return found


async def put_down_again(actor: Actor) -> int:
    """Put down what was overlooked for one council (the system acts in its rows), to be settled next; how many."""
    async with unit_of_work(actor) as work:
        rows = await overlooked(work)
        for row in rows:
            await work.execute(
                """INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
                   VALUES ($1, $2, $3, $4, $5, $6)""",
                actor.commissioner_id, row["visit_id"], row["provider_id"], row["child_id"], row["purchase_id"],
                work.now,
            )  # fmt: skip
            work.audit(
                "purchase.put_down_again", "purchase", row["purchase_id"], commissioner_id=actor.commissioner_id,
                visit=row["visit_id"],
            )  # fmt: skip
    if rows:
        log.warning("bought visits were overlooked", visits=len(rows))
    return len(rows)


async def _to_the_end(work: Work, visit_id: UUID, purchase_id: UUID) -> None:
    """Put a visit that cannot be settled yet down again behind all others, so that it keeps none of them waiting."""
    await work.execute(
        """WITH gone AS (DELETE FROM purchase_settling WHERE commissioner_id = $1 AND visit_id = $2 AND purchase_id = $3
                RETURNING *)
            INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
            SELECT commissioner_id, visit_id, provider_id, child_id, purchase_id, min(since) FROM gone
            GROUP BY 1, 2, 3, 4, 5""",
        work.actor.commissioner_id, visit_id, purchase_id,
    )  # fmt: skip


async def settle_visit(work: Work, visit_id: UUID, purchase_id: UUID) -> None:
    """Owe what the visit's record, as it stands, gives back and passes on; within the acting council's rows."""
    council = work.actor.commissioner_id
    # whoever settles or refunds this purchase comes after us; a change of the visit meanwhile puts down a line anew
    purchase = await work.fetchrow(
        "SELECT * FROM purchase WHERE commissioner_id = $1 AND id = $2 FOR NO KEY UPDATE", council, purchase_id
    )
    lines = await work.fetch(
        "SELECT in_order FROM purchase_settling WHERE commissioner_id = $1 AND visit_id = $2 AND purchase_id = $3",
        council, visit_id, purchase_id,
    )  # fmt: skip
    row = await work.fetchrow(_BOUGHT, council, visit_id, purchase_id)
    if purchase is not None and row is not None and purchase["state"] == "paid":
        ending = await _ending(work, row)
        if ending is not None:
            await _book(work, purchase, row, ending)
    await work.execute(
        "DELETE FROM purchase_settling WHERE commissioner_id = $1 AND in_order = ANY ($2)",
        council, [each["in_order"] for each in lines],
    )  # fmt: skip


async def _ending(work: Work, row: Any) -> Ending | None:
    """None while nothing is certain: a visit to come, or one whose record somebody has yet to finish."""
    facts = record_of(row).facts
    pack = await pack_of(work, row["framework_id"])
    paid = Paid(row["budget_pence"], row["top_up_pence"])
    if row["outcome"] is None:
        if row["package_state"] not in ("ended", "undone"):
            return None
        return Ending(UNUSED, part(pack, local_day(row["planned_start"]), paid, 0))
    if missing_from_record(facts, charged_percent(pack, facts)):
        return None
    card = await rate_card_rows(work, row["framework_id"], row["provider_id"], row["lot_code"])
    settled = settle(pack, card, facts, paid)
    cause = DELIVERED_LESS if row["outcome"] == "delivered" else row["outcome"]
    return None if settled is None else Ending(cause, settled)


async def _book(work: Work, purchase: Any, row: Any, ending: Ending) -> None:
    known = await work.fetch(
        "SELECT cause, pence FROM refund WHERE commissioner_id = $1 AND visit_id = $2",
        purchase["commissioner_id"], row["id"],
    )  # fmt: skip
    back = sum(each["pence"] for each in known)
    paid_on = await work.fetchval(
        "SELECT sum(pence) FROM payout WHERE commissioner_id = $1 AND visit_id = $2",
        purchase["commissioner_id"], row["id"],
    )  # fmt: skip
    due = ending.settled.back_pence - back
    made: list[tuple[UUID, int]] = []
    if due > 0:
        again = sum(each["cause"] == ending.cause or each["cause"].startswith(f"{ending.cause} ") for each in known)
        made = await owe_back(work, purchase, due, ending.cause, again=again, visit_id=row["id"])
        await _tell_family(
            work, purchase,
            f"{pounds(due)} goes back to you for the visit on {when(row['planned_start'])}: {WHY[ending.cause]}.",
        )  # fmt: skip
    if paid_on is None:
        # what went back earlier stays back: a record corrected later never takes it from the family again
        kept = row["paid_pence"] - back - max(0, due)
        if kept > 0:
            await _owe_on(work, purchase, row["id"], kept, None)
    else:
        for refund_id, pence in made:
            await _owe_on(work, purchase, row["id"], -pence, refund_id)


WHY = {
    "cancelled_by_provider": "the provider cancelled it",
    "missed": "nobody came",
    "cancelled_by_family": "it was cancelled",
    "cancelled_on_arrival": "it was cancelled when the worker came",
    "shorter": "it cost less than was paid",
    "unused": "it does not take place any more",
}


async def owe_back(
    work: Work, purchase: Any, pence: int, cause: str, *, again: int = 0, visit_id: UUID | None = None
) -> list[tuple[UUID, int]]:
    """Owe so much of a purchase back, the way it came: first to cards. Answers the refunds made, mostly one.

    For a unit that holds the purchase's row. `again`: how often this cause gave something back for the visit before.
    Raises `ValueError` where less than that has come in and not gone back yet.
    """
    made: list[tuple[UUID, int]] = []
    rest = pence
    for source in await _sources(work, purchase):
        take = min(rest, source["left"])
        if take <= 0:
            continue
        named = f"{cause} {again + len(made) + 1}" if again + len(made) else cause
        refund_id = uuid4()
        await work.execute(
            """INSERT INTO refund (commissioner_id, id, purchase_id, framework_id, provider_id, child_id, visit_id,
                   cause, pence, way, card_payment_id, owed_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
            purchase["commissioner_id"], refund_id, purchase["id"], purchase["framework_id"], purchase["provider_id"],
            purchase["child_id"], visit_id, named, take, source["way"], source["card_payment_id"], work.now,
        )  # fmt: skip
        await books.enter(work, "purchase_refund_owed", purchase, refund_id, take, source["way"])
        work.audit(
            "refund.owed", "refund", refund_id, commissioner_id=purchase["commissioner_id"], purchase=purchase["id"],
            visit=visit_id, cause=named, pence=take, way=source["way"],
        )  # fmt: skip
        made.append((refund_id, take))
        rest -= take
    if rest:
        raise ValueError("more would go back than came in")
    return made


async def _sources(work: Work, purchase: Any) -> list[Any]:
    """Where the purchase's money came from and how much of it has not been owed back yet; cards first."""
    return await work.fetch(
        """SELECT 'card' AS way, c.id AS card_payment_id, c.received_at AS at,
               c.received_pence - coalesce((SELECT sum(r.pence) FROM refund r
                   WHERE r.commissioner_id = c.commissioner_id AND r.card_payment_id = c.id), 0) AS left
           FROM card_payment c WHERE c.commissioner_id = $1 AND c.purchase_id = $2 AND c.received_pence > 0
           UNION ALL SELECT 'transfer', NULL, NULL, coalesce((SELECT sum(b.pence) FROM bank_receipt b
               WHERE b.commissioner_id = $1 AND b.purchase_id = $2), 0) - coalesce((SELECT sum(r.pence) FROM refund r
               WHERE r.commissioner_id = $1 AND r.purchase_id = $2 AND r.way = 'transfer'), 0)
           ORDER BY 1, at""",
        purchase["commissioner_id"], purchase["id"],
    )  # fmt: skip


async def _owe_on(work: Work, purchase: Any, visit_id: UUID, pence: int, refund_id: UUID | None) -> None:
    """Owe the provider what a visit keeps; below nothing: what a later refund takes back of it."""
    payout_id = uuid4()
    await work.execute(
        """INSERT INTO payout (commissioner_id, id, purchase_id, framework_id, provider_id, child_id, visit_id,
               refund_id, pence, owed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        purchase["commissioner_id"], payout_id, purchase["id"], purchase["framework_id"], purchase["provider_id"],
        purchase["child_id"], visit_id, refund_id, pence, work.now,
    )  # fmt: skip
    await books.enter(work, "purchase_payout_owed", purchase, payout_id, pence, "connect")
    work.audit(
        "payout.owed", "payout", payout_id, commissioner_id=purchase["commissioner_id"], purchase=purchase["id"],
        visit=visit_id, pence=pence, refund=refund_id,
    )  # fmt: skip


async def _tell_family(work: Work, purchase: Any, sentence: str) -> None:
    for grant in holders(await grants_of(work, purchase["child_id"]), "spend", local_day(work.now)):
        await tell(work, sentence, f"/purchases/{purchase['id']}", person_id=grant.person_id)
