"""Statements: what moved between a payer and a provider on one framework over some days, and what stands then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from marketplace.billing.ledger import BANK, CARE_COST, DEDUCTION, OWED_BY_PROVIDER, PROVIDER_DEBT, PROVIDER_PAYABLE
from marketplace.frameworks.queries import billing_period, billing_periods
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.calendar import ONE_DAY, Period, end_of_day, local_day
from marketplace.policy.funding import WHOLE
from marketplace.web.filters import listing, share

# The columns of a statement, as its readers count: what is due to the provider is positive.
COLUMNS = {
    CARE_COST: ("Care", 1),
    DEDUCTION: ("Deducted", 1),
    OWED_BY_PROVIDER: ("Carried on", 1),
    PROVIDER_DEBT: ("Debt to invoice", 1),
    BANK: ("Paid", -1),
    PROVIDER_PAYABLE: ("To be paid", -1),
}
KINDS = {
    "invoice": "Invoice submitted",
    "invoice_replaced": "Invoice replaced by its correction",
    "waiver": "Deduction waived",
    "waiver_paid": "Waived deduction paid back",
    "overcarried": "Carried too much: to be paid",
    "overcarried_replaced": "Carried too much: taken back with the replaced invoice",
    "credit_note": "Credit note",
    "payment": "Payment",
    "debt": "Left owing: made a debt",
    "debt_paid": "Debt paid",
    "information_charge": "Charge for time spent on information",
}

SPAN = timedelta(days=36_500)  # further away there are no books, and soon no calendar


@dataclass(frozen=True, slots=True)
class Books:
    """One payer's books of one provider on one framework."""

    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    provider_id: UUID
    provider: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry: what moved each account, as `COLUMNS` counts, and the invoice it is about.

    `shares` are this payer's parts, in basis points, of visits on that invoice that several payers share; else empty.
    """

    at: datetime
    kind: str
    number: int | None
    invoice_id: UUID | None
    moves: dict[str, int]
    shares: tuple[int, ...] = ()

    @property
    def share_words(self) -> str:
        """ "33.33% of shared visits"; nothing where this payer pays for all of every visit."""
        return f"{listing([share(each) for each in self.shares])} of shared visits" if self.shares else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Balances before, every entry of the days, balances after."""

    books: Books
    days: Period
    opening: dict[str, int]
    rows: tuple[Row, ...]
    closing: dict[str, int]


async def all_books(work: Work) -> list[Books]:
    """The books with any entry within reach."""
    rows = await work.fetch(
        """SELECT DISTINCT e.framework_id, f.name AS framework, e.commissioner_id, c.name AS payer, e.provider_id,
                  p.name AS provider FROM ledger_entry e JOIN framework f ON f.id = e.framework_id
           JOIN organisation c ON c.id = e.commissioner_id JOIN organisation p ON p.id = e.provider_id
           WHERE e.purchase_id IS NULL ORDER BY f.name, c.name, p.name"""
    )
    return [Books(*row) for row in rows]


async def periods_with_entries(work: Work, books: Books) -> list[Period]:
    """The billing periods from the first entry to now, the newest first."""
    first = await work.fetchval(
        "SELECT min(at) FROM ledger_entry WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3"
        " AND purchase_id IS NULL",
        books.payer_id, books.framework_id, books.provider_id,
    )  # fmt: skip
    found = await billing_periods(work, books.framework_id, local_day(first), local_day(work.now))
    return sorted(found, key=lambda period: period.first_day, reverse=True)


async def statement(
    work: Work,
    framework_id: UUID,
    payer_id: UUID,
    provider_id: UUID,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Statement:
    """The statement of some days (by default the billing period we are in), both counted.

    Raises `NotFound` for books without an entry within reach, `InvalidInput` for days that end before they begin.
    """
    key = framework_id, payer_id, provider_id
    named = [each for each in await all_books(work) if (each.framework_id, each.payer_id, each.provider_id) == key]
    if not named:
        raise NotFound
    present = await billing_period(work, framework_id, local_day(work.now))
    for name, given in (("first_day", first_day), ("last_day", last_day)):
        if given is not None and not present.first_day - SPAN <= given <= present.last_day + SPAN:
            raise InvalidInput({name: "Enter a day within a hundred years of today"})
    days = Period(first_day or present.first_day, last_day or max(present.last_day, first_day or present.last_day))
    if days.last_day < days.first_day:
        raise InvalidInput({"last_day": "The last day must be on or after the first"})
    begin, end = end_of_day(days.first_day - ONE_DAY), end_of_day(days.last_day)
    entries = await work.fetch(
        """SELECT e.at, e.kind, jsonb_object_agg(p.account, p.pence) AS moves,
                  coalesce(i.id, d.invoice_id, n.invoice_id, l.invoice_id) AS invoice_id
           FROM ledger_entry e
           JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id
           LEFT JOIN invoice i ON i.commissioner_id = e.commissioner_id AND i.id = e.subject_id
           LEFT JOIN deduction_dispute d ON d.commissioner_id = e.commissioner_id AND d.id = e.subject_id
           LEFT JOIN credit_note n ON n.commissioner_id = e.commissioner_id AND n.id = e.subject_id
           LEFT JOIN payment_line l ON l.commissioner_id = e.commissioner_id AND l.id = e.subject_id
           WHERE e.commissioner_id = $1 AND e.framework_id = $2 AND e.provider_id = $3 AND e.at < $4
             AND e.purchase_id IS NULL
           GROUP BY e.commissioner_id, e.id, i.id, d.invoice_id, n.invoice_id, l.invoice_id
           ORDER BY e.at, e.kind = 'invoice', e.id""",
        payer_id, framework_id, provider_id, end,
    )  # fmt: skip
    numbers = {
        row["id"]: row["number"]
        for row in await work.fetch(
            "SELECT id, number FROM invoice WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3",
            payer_id, framework_id, provider_id,
        )
    }  # fmt: skip
    balances = dict.fromkeys(COLUMNS, 0)
    opening, rows = dict(balances), []
    for entry in entries:
        moves = {account: pence * COLUMNS[account][1] for account, pence in entry["moves"].items()}
        for account, pence in moves.items():
            balances[account] += pence
        if entry["at"] < begin:
            opening = dict(balances)
        else:
            about = entry["invoice_id"]
            rows.append(Row(entry["at"], entry["kind"], numbers.get(about), about, moves))
    shares = await _shares(work, payer_id, {row.invoice_id for row in rows if row.invoice_id is not None})
    rows = [replace(row, shares=shares.get(row.invoice_id, ())) for row in rows]
    return Statement(named[0], days, opening, tuple(rows), balances)


async def _shares(work: Work, payer_id: UUID, invoice_ids: set[UUID]) -> dict[UUID | None, tuple[int, ...]]:
    """The payer's parts of shared visits by invoice, as frozen with it, the smallest first."""
    rows = await work.fetch(
        """SELECT i.id, array_agg(DISTINCT (line->>'basis_points')::int ORDER BY (line->>'basis_points')::int) AS parts
           FROM invoice i, jsonb_array_elements(i.result->'lines') line
           WHERE i.commissioner_id = $1 AND i.id = ANY($2) AND (line->>'basis_points')::int < $3 GROUP BY i.id""",
        payer_id, list(invoice_ids), WHOLE,
    )  # fmt: skip
    return {row["id"]: tuple(row["parts"]) for row in rows}
