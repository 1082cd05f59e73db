"""Visits that families bought and what became of their money, line by line. Row-level security decides whose: the
family's that may spend, the council's, the provider's; what came from the budget the provider is not told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.packages.states import OUTCOME_WORDS
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import ONE_DAY, Period, end_of_day
from marketplace.policy.purchases import Paid, part
from marketplace.purchases import books
from marketplace.purchases.by_hand import BY_BANK

MOST = 2_000


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """A visit that was bought and paid for. `budget_pence` and `top_up_pence` are None to a provider.

    `back_pence` goes back or has gone, `arrived_pence` of it has; of it `budget_back_pence` are the budget's.
    `kept_pence` is owed to the provider or paid, `paid_pence` of it is paid: both nothing until it is settled, and to
    the family, which is not told when a provider is paid. `settling`: a change is being worked out.
    """

    visit_id: UUID
    purchase_id: UUID
    reference: str
    package_reference: str
    provider: str
    day: date
    start: datetime
    end: datetime
    minutes: int
    delivered_minutes: int
    outcome: str | None
    confirmed: bool
    over: bool
    pence: int
    budget_pence: int | None
    top_up_pence: int | None
    back_pence: int
    arrived_pence: int
    budget_back_pence: int
    kept_pence: int
    paid_pence: int
    settling: bool

    @property
    def what(self) -> str:
        """What became of the visit, in words."""
        if self.outcome is None:
            return "Nothing is written down yet" if self.over else "To come"
        if self.outcome == "delivered" and not self.confirmed:
            return "Took place, to be confirmed"
        return OUTCOME_WORDS[self.outcome]

    @property
    def left_pence(self) -> int:
        """What is held for the visit: neither gone back nor on to the provider."""
        return self.pence - self.back_pence - self.kept_pence


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was paid for a block of visits, and how."""

    id: UUID
    reference: str
    provider: str
    package_reference: str
    method: str
    pence: int
    paid_at: datetime | None


async def receipt(work: Work, purchase_id: UUID) -> Receipt:
    """A purchase as its receipt names it. Raises `NotFound`."""
    row = await work.fetchrow(
        """SELECT p.id, p.reference, o.name AS provider, k.reference AS package_reference, p.method, p.pence, p.paid_at
           FROM purchase p JOIN organisation o ON o.id = p.provider_id
           JOIN package k ON k.commissioner_id = p.commissioner_id AND k.id = p.package_id WHERE p.id = $1""",
        purchase_id,
    )
    if row is None:
        raise NotFound("There is no such purchase, or it is not yours to see.")
    return Receipt(*row.values())


async def receipts(work: Work, direct_payment_id: UUID) -> list[Receipt]:
    """What was bought and paid from a direct payment, the newest first."""
    rows = await work.fetch(
        """SELECT p.id, p.reference, o.name AS provider, k.reference AS package_reference, p.method, p.pence, p.paid_at
           FROM purchase p JOIN organisation o ON o.id = p.provider_id
           JOIN package k ON k.commissioner_id = p.commissioner_id AND k.id = p.package_id
           WHERE p.direct_payment_id = $1 AND p.paid_at IS NOT NULL ORDER BY p.paid_at DESC, p.id LIMIT 500""",
        direct_payment_id,
    )
    return [Receipt(*row.values()) for row in rows]


_LINES = """
    SELECT l.visit_id, l.purchase_id, p.reference, k.reference AS package_reference, o.name AS provider, l.day,
        v.planned_start, v.planned_end, l.minutes, v.outcome, v.family_signed, l.pence, l.framework_id,
        h.budget_pence, h.top_up_pence, r.back, r.arrived, t.kept, t.paid,
        CASE WHEN v.outcome = 'delivered' THEN greatest(0, floor(extract(epoch FROM
            least(v.actual_end - v.actual_start, v.planned_end - v.planned_start)) / 60))::int ELSE 0 END AS delivered,
        EXISTS (SELECT FROM purchase_settling s WHERE s.commissioner_id = l.commissioner_id
            AND s.visit_id = l.visit_id) AS settling
    FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id AND p.state = 'paid'
    JOIN package k ON k.commissioner_id = p.commissioner_id AND k.id = p.package_id
    JOIN organisation o ON o.id = l.provider_id
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    LEFT JOIN purchase_share h ON h.commissioner_id = l.commissioner_id AND h.purchase_id = l.purchase_id
        AND h.visit_id = l.visit_id
    CROSS JOIN LATERAL (SELECT coalesce(sum(pence), 0)::int AS back,
            coalesce(sum(pence) FILTER (WHERE state = 'arrived'), 0)::int AS arrived
        FROM refund WHERE commissioner_id = l.commissioner_id AND visit_id = l.visit_id
            AND purchase_id = l.purchase_id) r
    CROSS JOIN LATERAL (SELECT coalesce(sum(pence), 0)::int AS kept,
            coalesce(sum(pence) FILTER (WHERE state = 'paid'), 0)::int AS paid
        FROM payout WHERE commissioner_id = l.commissioner_id AND visit_id = l.visit_id
            AND purchase_id = l.purchase_id) t
    WHERE l.counts AND l.day BETWEEN $1 AND $2"""


async def of_budget(work: Work, direct_payment_id: UUID, days: Period) -> list[BoughtLine]:
    """What was bought from a direct payment for visits on these days, by day."""
    return await _lines(work, days, "p.direct_payment_id = $3", direct_payment_id)


async def of_purchase(work: Work, purchase_id: UUID) -> list[BoughtLine]:
    """The visits of one purchase."""
    return await _lines(work, Period(date.min, date.max), "l.purchase_id = $3", purchase_id)


async def of_provider(work: Work, provider_id: UUID, days: Period) -> list[BoughtLine]:
    """What families bought of a provider, on these days."""
    return await _lines(work, days, "l.provider_id = $3", provider_id)


async def _lines(work: Work, days: Period, condition: str, subject: UUID) -> list[BoughtLine]:
    rows = await work.fetch(
        f"{_LINES} AND {condition} ORDER BY v.planned_start, l.visit_id LIMIT {MOST}",
        days.first_day, days.last_day, subject,
    )  # fmt: skip
    return [await _line(work, row) for row in rows]


async def _line(work: Work, row: Any) -> BoughtLine:
    budget_back = 0
    if row["budget_pence"] is not None and row["back"]:
        paid = Paid(row["budget_pence"], row["top_up_pence"])
        pack = await pack_of(work, row["framework_id"])
        budget_back = part(pack, row["day"], paid, max(0, paid.pence - row["back"])).budget_back_pence
    return BoughtLine(
        visit_id=row["visit_id"],
        purchase_id=row["purchase_id"],
        reference=row["reference"],
        package_reference=row["package_reference"],
        provider=row["provider"],
        day=row["day"],
        start=row["planned_start"],
        end=row["planned_end"],
        minutes=row["minutes"],
        delivered_minutes=row["delivered"] or 0,
        outcome=row["outcome"],
        confirmed=row["family_signed"],
        over=row["planned_end"] <= work.now,
        pence=row["pence"],
        budget_pence=row["budget_pence"],
        top_up_pence=row["top_up_pence"],
        back_pence=row["back"],
        arrived_pence=row["arrived"],
        budget_back_pence=budget_back,
        kept_pence=row["kept"],
        paid_pence=row["paid"],
        settling=row["settling"],
    )


@dataclass(frozen=True, slots=True)
class RefundRow:
    """Money on its way back. `failure` is Stripe's word; `waits_for_second`: one officer wrote down its payment."""

    id: UUID
    purchase_id: UUID
    reference: str
    provider: str
    visit_start: datetime | None
    cause: str
    pence: int
    way: str
    state: str
    failure: str
    owed_at: datetime
    sent_at: datetime | None
    arrived_at: datetime | None
    settled_on: date | None
    settled_by: UUID | None
    settled_reference: str | None
    came_by: str  # the lines of the bank's statement the money came in by, for who pays it back by bank

    @property
    def waits_for_second(self) -> bool:
        return self.state == "sent" and self.settled_on is not None

    @property
    def words(self) -> str:
        """Where it is, as the family reads it: "back to your card, sent 3 May"."""
        by_bank = self.way == "transfer" or self.settled_on is not None
        return "to your bank account" if by_bank else "to your card"


_REFUNDS = """
    SELECT r.id, r.purchase_id, p.reference, o.name AS provider, v.planned_start AS visit_start, r.cause, r.pence,
        r.way, r.state, r.failure, r.owed_at, r.sent_at, r.arrived_at, r.settled_on, r.settled_by, r.settled_reference,
        coalesce((SELECT string_agg(b.received_on || ' ' || b.says, '; ' ORDER BY b.received_on) FROM bank_receipt b
            WHERE b.commissioner_id = r.commissioner_id AND b.purchase_id = r.purchase_id), '') AS came_by
    FROM refund r JOIN purchase p ON p.commissioner_id = r.commissioner_id AND p.id = r.purchase_id
    JOIN organisation o ON o.id = r.provider_id
    LEFT JOIN visit v ON v.commissioner_id = r.commissioner_id AND v.id = r.visit_id"""


async def refunds_of_budget(work: Work, direct_payment_id: UUID) -> list[RefundRow]:
    """Everything that goes back or has gone to those who pay from a direct payment, the newest first."""
    rows = await work.fetch(
        f"{_REFUNDS} WHERE p.direct_payment_id = $1 ORDER BY r.owed_at DESC, r.id LIMIT {MOST}", direct_payment_id
    )
    return [RefundRow(*row.values()) for row in rows]


async def refunds_of_purchase(work: Work, purchase_id: UUID) -> list[RefundRow]:
    """What goes back of one purchase, the newest first; to a provider what its visits gave back."""
    rows = await work.fetch(f"{_REFUNDS} WHERE r.purchase_id = $1 ORDER BY r.owed_at DESC, r.id", purchase_id)
    return [RefundRow(*row.values()) for row in rows]


async def refunds_by_hand(work: Work) -> list[RefundRow]:
    """What a finance officer has to see to: by bank and not paid yet, refused by a card, waiting for a second officer;
    the oldest first."""
    rows = await work.fetch(
        f"""{_REFUNDS} WHERE r.commissioner_id = $1 AND (r.way = 'transfer' AND r.state IN ('owed', 'sent')
                OR r.way = 'card' AND (r.state = 'failed' OR r.state = 'sent' AND r.settled_on IS NOT NULL))
            ORDER BY r.owed_at, r.id LIMIT {MOST}""",
        work.actor.commissioner_id,
    )
    return [RefundRow(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class ProviderBalance:
    """What is owed to a provider on a framework by bank. `waiting_pence` was written down by `written_by` and waits for
    a second officer."""

    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    pence: int
    visits: int
    oldest_at: datetime
    waiting_pence: int
    written_by: tuple[UUID, ...]
    paid_on: date | None
    bank_reference: str | None
    account: str  # how its account at Stripe stands: none, pending, active, restricted, rejected


async def balances_by_hand(work: Work) -> list[ProviderBalance]:
    """Providers the acting council pays by bank for visits families bought."""
    rows = await work.fetch(
        f"""SELECT o.framework_id, f.name AS framework, o.provider_id, n.name AS provider,
                coalesce(sum(o.pence) FILTER (WHERE {BY_BANK}), 0)::int AS pence,
                count(*) FILTER (WHERE {BY_BANK} AND o.refund_id IS NULL)::int AS visits, min(o.owed_at) AS oldest_at,
                coalesce(sum(o.pence) FILTER (WHERE o.state = 'sent' AND o.way = 'by_hand'), 0)::int AS waiting_pence,
                array_remove(array_agg(DISTINCT o.settled_by), NULL) AS written_by,
                max(o.settled_on) AS paid_on, max(o.settled_reference) AS bank_reference,
                coalesce((SELECT state FROM provider_account a WHERE a.provider_id = o.provider_id
                    AND a.stripe_id IS NOT NULL), 'none') AS account
            FROM payout o JOIN framework f ON f.id = o.framework_id JOIN organisation n ON n.id = o.provider_id
            WHERE o.commissioner_id = $1 AND (o.state = 'sent' AND o.way = 'by_hand' OR {BY_BANK})
            GROUP BY 1, 2, 3, 4 ORDER BY 7, 4""",  # noqa: S608 - our own fragments
        work.actor.commissioner_id,
    )
    return [ProviderBalance(**{**row, "written_by": tuple(row["written_by"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of the books between families' money and a provider: positive is due to the provider."""

    at: datetime
    kind: str
    reference: str
    visit_start: datetime | None
    pence: int


@dataclass(frozen=True, slots=True)
class PayoutStatement:
    """What was owed and paid to a provider over some days, as the ledger has it; what stands before and after."""

    days: Period
    before_pence: int
    entries: tuple[Entry, ...]
    after_pence: int


STATEMENT_KINDS = {"purchase_payout_owed": "Due for a visit", "purchase_payout_paid": "Paid"}


async def payout_statement(work: Work, provider_id: UUID, days: Period) -> PayoutStatement:
    """A provider's statement of these days, both counted."""
    begin, end = end_of_day(days.first_day - ONE_DAY), end_of_day(days.last_day)
    rows = await work.fetch(
        """SELECT e.at, e.kind, u.reference, v.planned_start, -p.pence AS pence FROM ledger_entry e
           JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id AND p.account = $2
           JOIN purchase u ON u.commissioner_id = e.commissioner_id AND u.id = e.purchase_id
           LEFT JOIN payout t ON t.commissioner_id = e.commissioner_id AND t.id = e.subject_id
           LEFT JOIN visit v ON v.commissioner_id = t.commissioner_id AND v.id = t.visit_id
           WHERE e.provider_id = $1 AND e.at < $3 ORDER BY e.at, e.kind, e.id""",
        provider_id, books.PAYOUTS_PAYABLE, end,
    )  # fmt: skip
    before = sum(row["pence"] for row in rows if row["at"] < begin)
    entries = tuple(Entry(*row.values()) for row in rows if row["at"] >= begin)
    return PayoutStatement(days, before, entries, before + sum(each.pence for each in entries))
