"""Questions about invoices: which periods wait, what one holds, who signed what. Facts of visits only, never notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.billing.other_records import OtherOnInvoice, days_with_others, others_on
from marketplace.billing.owing import OWED, PAY_BY, SETTLED, WITH_PROVIDER
from marketplace.billing.records import FUNDED, visits_to_bill
from marketplace.frameworks.queries import billing_periods, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period, end_of_day, is_before, local_day
from marketplace.policy.disputes import dispute_until, in_time
from marketplace.policy.facts import Claim
from marketplace.policy.funding import WHOLE
from marketplace.policy.invoicing import InvoiceResult, Line, invoice_due_at
from marketplace.policy.pack import Pack

# Beside an invoice `i`: where the dispute of its period's deduction stands, if there is one.
_DISPUTE = """(SELECT CASE WHEN d.state = 'proposed' THEN 'open' ELSE d.state END FROM deduction_dispute d
    WHERE d.commissioner_id = i.commissioner_id AND d.framework_id = i.framework_id AND d.provider_id = i.provider_id
      AND d.first_day = i.first_day) AS dispute_state"""


_LISTED = f"""SELECT i.*, f.name AS framework, p.name AS provider, c.name AS payer, {_DISPUTE},
        {PAY_BY} AS last_day_to_pay,
        coalesce(i.pay_by < $5::date AND i.paid_at IS NULL AND {PAY_BY} < $5::date AND NOT {WITH_PROVIDER}
            AND ({OWED}) > 0, false) AS overdue,
        i.paid_at IS NULL AND i.state = 'accepted' AND {WITH_PROVIDER} AS with_provider, {SETTLED} AS settled
    FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation p ON p.id = i.provider_id
    JOIN organisation c ON c.id = i.commissioner_id WHERE i.replaced_at IS NULL"""


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A billing period of one framework and payer as the provider sees it: growing, to submit, or what became of it."""

    framework_id: UUID
    framework: str
    payer_id: UUID
    payer: str
    period: Period
    due_at: datetime
    state: str
    invoice_id: UUID | None
    number: int | None
    net_pence: int | None
    deduction_pence: int | None
    dispute_state: str | None  # of its deduction: open, upheld or waived


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice in a list."""

    id: UUID
    framework: str
    provider: str
    payer: str
    period: Period
    number: int
    state: str
    submitted_at: datetime
    net_pence: int
    deduction_pence: int
    pay_by: date | None
    dispute_state: str | None  # of its deduction: open, upheld or waived
    overdue: bool  # past its last day for payment, and something is still owed
    settled: bool  # accepted, and credit notes have left nothing of it to be paid
    with_provider: bool  # accepted, and it waits for its provider to answer a credit note


@dataclass(frozen=True, slots=True)
class SignatureRow:
    """Who signed a visit's record, as whom, how and when, and the hash of what they were shown."""

    side: str
    printed_name: str
    method: str
    reason_code: str | None
    signed_at: datetime
    resolved_at: datetime | None
    text_hash: str


@dataclass(frozen=True, slots=True)
class LineRow:
    """One visit on an invoice."""

    visit_id: UUID
    package_reference: str
    activity: str
    outcome: str | None
    planned_start: datetime
    planned_end: datetime
    actual_start: datetime | None
    actual_end: datetime | None
    workers: tuple[str, ...]
    minutes: int
    percent: int
    price_pence: int | None
    held: bool
    claimed_pence: int | None
    payable_pence: int
    whole_pence: int | None  # what all payers pay together for the visit
    basis_points: int  # this payer's share of it
    signatures: tuple[SignatureRow, ...]


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """A submitted invoice, frozen, with its lines and what became of it."""

    id: UUID
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    payer_id: UUID
    payer: str
    period: Period
    number: int
    state: str
    submitted_at: datetime
    received_at: datetime
    claim: Claim
    result: InvoiceResult
    deduction_clause: str
    activities: dict[str, str]  # the pack's titles by code
    dispute_until: datetime | None
    may_be_disputed: bool
    dispute_id: UUID | None  # of the period's deduction, whichever of its invoices it was raised about
    dispute_state: str | None
    returned_reason: str | None
    accepted_at: datetime | None
    pay_by: date | None
    paid_at: datetime | None
    settled: bool  # credit notes have left nothing of it to be paid
    replaces_id: UUID | None
    replaced_by_id: UUID | None
    lines: tuple[LineRow, ...]
    others: tuple[OtherOnInvoice, ...]


async def payers_of(work: Work, provider_id: UUID) -> list[asyncpg.Record]:
    """Each framework and payer the provider has visits for, with the day of the first visit."""
    return await work.fetch(
        f"""SELECT v.framework_id, n.name AS framework, f.payer_id, o.name AS payer,
                  min((v.planned_start AT TIME ZONE 'Europe/London')::date) AS first_visit
           FROM visit v
           JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND {FUNDED}
           JOIN framework n ON n.id = v.framework_id JOIN organisation o ON o.id = f.payer_id
           WHERE v.provider_id = $1 GROUP BY 1, 2, 3, 4 ORDER BY n.name, o.name""",
        provider_id,
    )


async def periods_of(work: Work, provider_id: UUID) -> list[PeriodRow]:
    """Every billing period with something in it, newest first: the one growing now, those to submit, and the frozen.

    A period without visits of its own is there while it is in time and earlier ones still wait to be paid on it.
    """
    today = local_day(work.now)
    found: list[PeriodRow] = []
    for payer in await payers_of(work, provider_id):
        if payer["first_visit"] > today:
            continue
        pack = await pack_of(work, payer["framework_id"])
        invoices = {
            row["first_day"]: row
            for row in await work.fetch(
                f"""SELECT id, first_day, number, state, net_pence, deduction_pence, {_DISPUTE} FROM invoice i
                   WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3 AND replaced_at IS NULL""",
                payer["payer_id"], payer["framework_id"], provider_id,
            )
        }  # fmt: skip
        days = await _days_with_visits(work, payer["framework_id"], payer["payer_id"], provider_id)
        days += await days_with_others(work, payer["framework_id"], payer["payer_id"], provider_id)
        for period in await billing_periods(work, payer["framework_id"], payer["first_visit"], today):
            invoice = invoices.get(period.first_day)
            growing = is_before(work.now, end_of_day(period.last_day))
            empty = invoice is None and not any(period.holds(day) for day in days)
            if empty and not (
                is_before(work.now, invoice_due_at(pack, period))
                and await visits_to_bill(work, payer["framework_id"], provider_id, payer["payer_id"], period)
            ):
                continue
            found.append(
                PeriodRow(
                    payer["framework_id"],
                    payer["framework"],
                    payer["payer_id"],
                    payer["payer"],
                    period,
                    invoice_due_at(pack, period),
                    invoice["state"] if invoice else "growing" if growing else "to_submit",
                    invoice["id"] if invoice else None,
                    invoice["number"] if invoice else None,
                    invoice["net_pence"] if invoice else None,
                    invoice["deduction_pence"] if invoice else None,
                    invoice["dispute_state"] if invoice else None,
                )
            )
    return sorted(found, key=lambda row: row.period.first_day, reverse=True)


async def _days_with_visits(work: Work, framework_id: UUID, payer_id: UUID, provider_id: UUID) -> list[date]:
    rows = await work.fetch(
        f"""SELECT DISTINCT (v.planned_start AT TIME ZONE 'Europe/London')::date AS day FROM visit v
           JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND {FUNDED}
           WHERE v.framework_id = $1 AND v.provider_id = $2 AND f.payer_id = $3""",
        framework_id, provider_id, payer_id,
    )  # fmt: skip
    return [row["day"] for row in rows]


async def invoices(
    work: Work, *, state: str | None = None, provider_id: UUID | None = None, limit: int = 50, offset: int = 0
) -> list[InvoiceRow]:
    """Invoices within reach, those waiting longest first; replaced ones are left out.

    `state` is one of an invoice's states, or a reason to look: "overdue" past its last day for payment and not paid
    (the clock of payment), "disputed" while the dispute of its period's deduction is open.
    """
    rows = await work.fetch(
        f"""SELECT * FROM ({_LISTED}) i WHERE ($1::text IS NULL OR i.state = $1 OR $1 = 'overdue' AND i.overdue
             OR $1 = 'disputed' AND i.dispute_state = 'open') AND ($2::uuid IS NULL OR i.provider_id = $2)
           ORDER BY i.state = 'submitted' DESC, i.submitted_at, i.id LIMIT $3 OFFSET $4""",
        state, provider_id, limit, offset, local_day(work.now),
    )  # fmt: skip
    return [
        InvoiceRow(
            row["id"], row["framework"], row["provider"], row["payer"], Period(row["first_day"], row["last_day"]),
            row["number"], row["state"], row["submitted_at"], row["net_pence"], row["deduction_pence"],
            row["last_day_to_pay"],
            row["dispute_state"], row["overdue"], row["settled"], row["with_provider"],
        )
        for row in rows
    ]  # fmt: skip


async def standing_invoice(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, first_day: date
) -> UUID | None:
    """The period's invoice that was submitted and not returned, if there is one."""
    return await work.fetchval(
        """SELECT id FROM invoice WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3
           AND first_day = $4 AND replaced_at IS NULL AND state <> 'returned'""",
        payer_id, framework_id, provider_id, first_day,
    )  # fmt: skip


async def count_invoices(work: Work) -> dict[str, int]:
    """How many invoices within reach stand in each state."""
    rows = await work.fetch("SELECT state, count(*) AS n FROM invoice WHERE replaced_at IS NULL GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def count_to_look_at(work: Work) -> dict[str, int]:
    """How many invoices within reach are overdue, and how many disputed, as `invoices` lists them."""
    row = await work.fetchrow(
        f"""SELECT count(*) FILTER (WHERE i.overdue) AS overdue,
            count(*) FILTER (WHERE i.dispute_state = 'open') AS disputed
            FROM ({_LISTED.replace("$5", "$1")}) i""",
        local_day(work.now),
    )
    return dict(row or {})


async def invoice(work: Work, invoice_id: UUID) -> InvoiceView:
    """One invoice with its lines. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(
        f"""SELECT i.*, f.name AS framework, p.name AS provider, c.name AS payer, {SETTLED} AS settled, {PAY_BY} AS last_day_to_pay,
                  (SELECT n.id FROM invoice n WHERE n.commissioner_id = i.commissioner_id AND n.replaces_id = i.id) AS replaced_by
           FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation p ON p.id = i.provider_id
           JOIN organisation c ON c.id = i.commissioner_id WHERE i.id = $1""",  # noqa: E501
        invoice_id,
    )
    if row is None:
        raise NotFound
    pack = await pack_of(work, row["framework_id"])
    result = msgspec.convert(row["result"], InvoiceResult)
    dispute = await work.fetchrow(
        """SELECT id, CASE WHEN state = 'proposed' THEN 'open' ELSE state END AS state FROM deduction_dispute
           WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3 AND first_day = $4""",
        row["commissioner_id"], row["framework_id"], row["provider_id"], row["first_day"],
    )  # fmt: skip
    return InvoiceView(
        id=row["id"],
        framework_id=row["framework_id"],
        framework=row["framework"],
        provider_id=row["provider_id"],
        provider=row["provider"],
        payer_id=row["commissioner_id"],
        payer=row["payer"],
        period=Period(row["first_day"], row["last_day"]),
        number=row["number"],
        state=row["state"],
        submitted_at=row["submitted_at"],
        received_at=row["received_at"],
        claim=msgspec.convert(row["claim"], Claim),
        result=result,
        deduction_clause=deduction_clause(pack),
        activities=pack.activities,
        dispute_until=dispute_until(pack, row["submitted_at"]) if result.deduction_pence else None,
        may_be_disputed=bool(result.deduction_pence)
        and row["replaced_at"] is None
        and dispute is None
        and in_time(pack, row["submitted_at"], work.now),
        dispute_id=dispute["id"] if dispute else None,
        dispute_state=dispute["state"] if dispute else None,
        returned_reason=row["returned_reason"],
        accepted_at=row["accepted_at"],
        pay_by=row["last_day_to_pay"],
        paid_at=row["paid_at"],
        settled=row["settled"],
        replaces_id=row["replaces_id"],
        replaced_by_id=row["replaced_by"],
        lines=await _lines(work, row["commissioner_id"], invoice_id, result),
        others=await others_on(work, row["commissioner_id"], invoice_id),
    )


def deduction_clause(pack: Pack) -> str:
    """The clause the deduction rests on, as the pack cites it."""
    return next(rule.clause for rule in pack.content.settings if rule.key == "billing.deduction_pence")


async def _lines(work: Work, payer_id: UUID, invoice_id: UUID, result: InvoiceResult) -> tuple[LineRow, ...]:
    rows = await work.fetch(
        """SELECT l.*, v.activity, v.outcome, v.planned_start, v.planned_end, v.actual_start, v.actual_end,
                  p.reference AS package_reference,
                  ARRAY(SELECT w.printed_name FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id
                        AND w.visit_id = v.id ORDER BY 1) AS workers
           FROM invoice_line l
           JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
           JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
           WHERE l.commissioner_id = $1 AND l.invoice_id = $2 ORDER BY l.position""",
        payer_id, invoice_id,
    )  # fmt: skip
    # A family's name would tell the council's finance officer whose child it is (data.md: visit facts only).
    signed = await work.fetch(
        """SELECT s.subject_id, s.side, s.method,
                  CASE WHEN s.side = 'family' AND s.method <> 'coded_reason' AND app_commissioner() IS NOT NULL
                       THEN 'A family member' ELSE s.printed_name END AS printed_name,
                  s.reason_code, s.signed_at, s.resolved_at, s.text_hash
           FROM (SELECT * FROM signature WHERE subject_type = 'visit' AND subject_id = ANY($1)
                 UNION ALL SELECT * FROM masked_family_signatures($1)) s ORDER BY s.signed_at""",
        [row["visit_id"] for row in rows],
    )
    by_visit: dict[UUID, list[SignatureRow]] = {}
    for row in signed:
        columns = ("side", "printed_name", "method", "reason_code", "signed_at", "resolved_at", "text_hash")
        by_visit.setdefault(row["subject_id"], []).append(SignatureRow(*(row[column] for column in columns)))
    judged = {line.visit: line for line in result.lines}
    return tuple(_line(row, judged.get(str(row["visit_id"])), tuple(by_visit.get(row["visit_id"], ()))) for row in rows)


def _line(row: Any, judged: Line | None, signatures: tuple[SignatureRow, ...]) -> LineRow:
    return LineRow(
        visit_id=row["visit_id"],
        package_reference=row["package_reference"],
        activity=row["activity"],
        outcome=row["outcome"],
        planned_start=row["planned_start"],
        planned_end=row["planned_end"],
        actual_start=row["actual_start"],
        actual_end=row["actual_end"],
        workers=tuple(row["workers"]),
        minutes=row["minutes"],
        percent=row["percent"],
        price_pence=row["price_pence"],
        held=row["held"],
        claimed_pence=row["claimed_pence"],
        payable_pence=row["payable_pence"],
        whole_pence=row["price_pence"] if judged is None or judged.basis_points == WHOLE else judged.whole_pence,
        basis_points=WHOLE if judged is None else judged.basis_points,
        signatures=signatures,
    )
