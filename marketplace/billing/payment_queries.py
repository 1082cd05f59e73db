"""Questions about paying: what is owed on accepted invoices, what lies in which run, how the 30 days were kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.billing.owing import OWED, PAY_BY, WITH_PROVIDER
from marketplace.billing.waivers import to_pay
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period, local_day
from marketplace.policy.payments import Clock, clock_of

RUN_STATES = {
    "built": ("Built", "blue"),
    "approved": ("Approved", "light-blue"),
    "exported": ("Exported", "green"),
    "cancelled": ("Cancelled", "grey"),
}
CLOCKS = {
    "waiting": ("In time so far", "blue"),
    "late": ("Late", "red"),
    "paid_in_time": ("Paid in time", "green"),
    "paid_late": ("Paid late", "orange"),
    "settled": ("Nothing left to pay", "grey"),
    "with_provider": ("Waits for the provider’s confirmation", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Payable:
    """An accepted invoice on which something is owed, `held` while a credit note on it is open; or, with a
    `dispute_id`, the waived deduction of an invoice that is to be paid back. `banked`: the provider has said where its
    money goes; without that nothing can be paid."""

    invoice_id: UUID
    number: int
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    period: Period
    pay_by: date
    pence: int
    held: bool
    dispute_id: UUID | None = None
    banked: bool = True

    @property
    def payable(self) -> bool:
        """Whether a run may take it now."""
        return self.banked and not self.held

    @property
    def id(self) -> UUID:
        """What it is chosen by: the invoice's id, or the dispute's."""
        return self.dispute_id or self.invoice_id

    @property
    def what(self) -> str:
        """ "invoice 3", or whose deduction is paid back."""
        return _what(self.number, self.dispute_id)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A payment run in a list."""

    id: UUID
    number: int
    state: str
    total_pence: int
    lines: int
    unpaid: int
    built_at: datetime
    exported_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One payment of a run. `reference` is what the bank's file names it by."""

    id: UUID
    position: int
    reference: str
    invoice_id: UUID
    number: int
    framework: str
    provider_id: UUID
    provider: str
    period: Period
    received_at: datetime
    accepted_at: datetime
    pay_by: date
    pence: int
    paid_on: date | None
    dispute_id: UUID | None = None
    account_name: str = ""  # where it goes, as it was when the run was built
    sort_code: str = ""
    account_number: str = ""
    account_note: str = ""  # bank_accounts.NOTES

    @property
    def what(self) -> str:
        """ "invoice 3", or whose deduction is paid back."""
        return _what(self.number, self.dispute_id)


def _what(number: int, dispute_id: UUID | None) -> str:
    return f"the waived deduction of invoice {number}" if dispute_id else f"invoice {number}"


@dataclass(frozen=True, slots=True)
class PaymentRun:
    """A payment run with its lines, who built and approved it, and the control hash of its exported file."""

    id: UUID
    number: int
    state: str
    total_pence: int
    four_eyes: bool
    built_at: datetime
    built_by: UUID
    built_by_name: str
    approved_at: datetime | None
    approved_by_name: str | None
    exported_at: datetime | None
    exported_by_name: str | None
    control_hash: str | None
    taken: int
    lines: tuple[PaymentLine, ...]


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A valid invoice on the clock of payment: received, accepted, to be paid by, paid.

    `pence` is what was paid, or is still owed: nothing where credit notes have eaten it whole.
    """

    invoice_id: UUID
    number: int
    framework: str
    provider: str
    received_on: date
    accepted_on: date
    pay_by: date
    paid_on: date | None
    pence: int
    state: Clock
    days: int  # from receipt to payment or settlement, or to today


async def payables(work: Work) -> list[Payable]:
    """Accepted invoices on which something is owed, and waived deductions to pay back, which lie in no open run; the
    soonest due first."""
    rows = await work.fetch(
        f"""SELECT * FROM (
              SELECT i.id, i.number, i.framework_id, f.name AS framework, i.provider_id, o.name AS provider,
                     i.first_day, i.last_day, {PAY_BY} AS pay_by, ({OWED}) AS pence,
                     EXISTS (SELECT 1 FROM credit_note n WHERE n.commissioner_id = i.commissioner_id
                             AND n.invoice_id = i.id AND n.state IN ('asked', 'refused')) AS held
              FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
              WHERE i.commissioner_id = $1 AND i.pay_by IS NOT NULL AND (i.state = 'accepted' OR i.state = 'paid'
                AND EXISTS (SELECT 1 FROM ledger_entry e WHERE e.commissioner_id = i.commissioner_id
                            AND e.subject_id = i.id AND e.at > i.paid_at))
                AND NOT EXISTS (SELECT 1 FROM payment_line l WHERE l.commissioner_id = i.commissioner_id
                                AND l.invoice_id = i.id AND l.dispute_id IS NULL AND l.counts
                                AND l.paid_on IS NULL)) due
            WHERE pence > 0""",  # noqa: S608 - our own words
        work.actor.commissioner_id,
    )  # fmt: skip
    due = [
        Payable(
            row["id"], row["number"], row["framework_id"], row["framework"], row["provider_id"], row["provider"],
            Period(row["first_day"], row["last_day"]), row["pay_by"], row["pence"], row["held"],
        )
        for row in rows
    ]  # fmt: skip
    due += [
        Payable(
            row["invoice_id"], row["number"], row["framework_id"], row["framework"], row["provider_id"],
            row["provider"], Period(row["first_day"], row["last_day"]), row["pay_by"] or local_day(row["decided_at"]),
            row["payable_pence"], False, row["id"],
        )
        for row in await to_pay(work)
    ]  # fmt: skip
    banked = {
        row["organisation_id"]
        for row in await work.fetch(
            "SELECT organisation_id FROM billing_party WHERE account_number <> '' AND organisation_id = ANY($1)",
            list({each.provider_id for each in due}),
        )
    }
    due = [replace(each, banked=each.provider_id in banked) for each in due]
    return sorted(due, key=lambda each: (each.pay_by, each.provider, each.number, each.id))


async def payment_runs(work: Work, *, limit: int = 50, offset: int = 0) -> list[RunRow]:
    """The commissioner's payment runs, newest first."""
    rows = await work.fetch(
        """SELECT r.id, r.number, r.state, r.total_pence, r.built_at, r.exported_at, count(l.id) AS lines,
                  count(l.id) FILTER (WHERE l.paid_on IS NULL AND l.counts) AS unpaid
           FROM payment_run r JOIN payment_line l ON l.commissioner_id = r.commissioner_id AND l.run_id = r.id
           WHERE r.commissioner_id = $1 GROUP BY r.commissioner_id, r.id ORDER BY r.number DESC LIMIT $2 OFFSET $3""",
        work.actor.commissioner_id, limit, offset,
    )  # fmt: skip
    return [RunRow(**dict(row)) for row in rows]


async def payment_run(work: Work, run_id: UUID) -> PaymentRun:
    """One run with its lines. Raises `NotFound` outside the commissioner's own."""
    row = await work.fetchrow(
        """SELECT r.*, b.name AS built_by_name, a.name AS approved_by_name, x.name AS exported_by_name
           FROM payment_run r LEFT JOIN person b ON b.id = r.built_by LEFT JOIN person a ON a.id = r.approved_by
           LEFT JOIN person x ON x.id = r.exported_by WHERE r.commissioner_id = $1 AND r.id = $2""",
        work.actor.commissioner_id, run_id,
    )  # fmt: skip
    if row is None:
        raise NotFound
    copied = (
        "id", "number", "state", "total_pence", "four_eyes", "built_at", "built_by", "approved_at", "exported_at",
        "control_hash", "taken",
    )  # fmt: skip
    return PaymentRun(
        **{name: row[name] for name in copied},
        built_by_name=row["built_by_name"] or "Somebody who has left",
        approved_by_name=row["approved_by_name"],
        exported_by_name=row["exported_by_name"],
        lines=await lines_of(work, row["commissioner_id"], run_id, row["number"]),
    )


async def lines_of(work: Work, payer_id: UUID, run_id: UUID, run_number: int) -> tuple[PaymentLine, ...]:
    """A run's payments in their order."""
    rows = await work.fetch(
        f"""SELECT l.id, l.position, l.invoice_id, i.number, f.name AS framework, l.provider_id, o.name AS provider,
                  i.first_day, i.last_day, l.pence, l.paid_on, l.dispute_id,
                  l.account_name, l.sort_code, l.account_number, l.account_note,
                  -- a waiver is received when it is disputed, valid once it is waived
                  coalesce(d.raised_at, i.received_at) AS received_at, coalesce(d.decided_at, i.accepted_at) AS accepted_at,
                  CASE WHEN d.id IS NULL THEN {PAY_BY}
                       ELSE coalesce(d.pay_by, (d.decided_at AT TIME ZONE 'Europe/London')::date) END AS pay_by
           FROM payment_line l JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
           LEFT JOIN deduction_dispute d ON d.commissioner_id = l.commissioner_id AND d.id = l.dispute_id
           JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = l.provider_id
           WHERE l.commissioner_id = $1 AND l.run_id = $2 ORDER BY l.position""",  # noqa: E501, S608 - our own words
        payer_id, run_id,
    )  # fmt: skip
    return tuple(
        PaymentLine(
            row["id"], row["position"], f"PR{run_number}-{row['position']}", row["invoice_id"], row["number"],
            row["framework"], row["provider_id"], row["provider"], Period(row["first_day"], row["last_day"]),
            row["received_at"], row["accepted_at"], row["pay_by"], row["pence"], row["paid_on"], row["dispute_id"],
            row["account_name"], row["sort_code"], row["account_number"], row["account_note"],
        )
        for row in rows
    )  # fmt: skip


async def payment_clock(work: Work, since: date | None = None) -> list[ClockRow]:
    """Every invoice accepted with something to pay (received since a day), against its last day for payment."""
    today = local_day(work.now)
    rows: list[Any] = await work.fetch(
        f"""SELECT i.id, i.number, f.name AS framework, o.name AS provider, i.received_at, i.accepted_at,
                  {PAY_BY} AS pay_by, {WITH_PROVIDER} AS with_provider,
                  i.paid_at, ({OWED}) AS owed,
                  (SELECT sum(l.pence)::bigint FROM payment_line l WHERE l.commissioner_id = i.commissioner_id
                   AND l.invoice_id = i.id AND l.dispute_id IS NULL AND l.paid_on IS NOT NULL) AS paid,
                  (SELECT max(n.confirmed_at) FROM credit_note n WHERE n.commissioner_id = i.commissioner_id
                   AND n.invoice_id = i.id) AS credited_at
           FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
           WHERE i.commissioner_id = $1 AND i.pay_by IS NOT NULL AND i.net_pence > 0 AND i.replaced_at IS NULL
             AND ($2::date IS NULL OR (i.received_at AT TIME ZONE 'Europe/London')::date >= $2)
           ORDER BY pay_by, o.name, i.number""",  # noqa: S608 - our own words
        work.actor.commissioner_id, since,
    )  # fmt: skip
    found: list[ClockRow] = []
    for row in rows:
        received, paid = local_day(row["received_at"]), local_day(row["paid_at"]) if row["paid_at"] else None
        settled = paid is None and not row["owed"]
        ended = local_day(row["credited_at"]) if settled and row["credited_at"] else paid
        found.append(
            ClockRow(
                row["id"], row["number"], row["framework"], row["provider"], received, local_day(row["accepted_at"]),
                row["pay_by"], paid, row["paid"] if paid else row["owed"],
                clock_of(row["pay_by"], paid, today, settled=settled, with_provider=row["with_provider"]),
                ((ended or today) - received).days,
            )
        )  # fmt: skip
    return found
