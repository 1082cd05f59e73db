"""Everything computed again: each invoice from its visits, each ledger entry from what caused it, each balance.

What a visit lacked when it was submitted it may have since, so a line that was held is taken as it was judged; every
other one is priced anew from its record and the rate card. Whatever differs is a sentence; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from marketplace.billing.ledger import (
    BANK,
    DEDUCTION,
    OWED_BY_PROVIDER,
    PROVIDER_DEBT,
    PROVIDER_PAYABLE,
    invoice_postings,
)
from marketplace.billing.other_records import others_judged
from marketplace.billing.records import WORKERS_AND_SHARES, record_of
from marketplace.frameworks.queries import pack_of, rate_card_rows
from marketplace.packages.late_records import corrections_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import Period, local
from marketplace.policy.facts import Claim, InvoiceFacts, Visit
from marketplace.policy.invoicing import InvoiceResult, Line, assess_invoice, deduction_for, settle
from marketplace.policy.pricing import RateMissing

Entry = tuple[str, UUID]  # what kind of movement, about what

_VISITS = f"""SELECT v.*, l.overrun_minutes AS judged_minutes, '' AS package_reference, false AS held_over,
        w.workers, s.shares FROM invoice_line l
    JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
    {WORKERS_AND_SHARES}
    WHERE l.commissioner_id = $1 AND l.invoice_id = $2 AND NOT l.held ORDER BY l.position"""  # noqa: S608 - our own

# What moves money besides invoices: (kind, subject, and how the accounts move).
_MOVEMENTS = f"""
    SELECT 'waiver' AS kind, id, framework_id, provider_id,
        jsonb_build_object('{DEDUCTION}', pence, '{PROVIDER_PAYABLE}', -payable_pence, '{OWED_BY_PROVIDER}', -off_pence) AS moves
    FROM deduction_dispute WHERE commissioner_id = $1 AND state = 'waived'
    UNION ALL SELECT 'waiver_paid', id, framework_id, provider_id,
        jsonb_build_object('{PROVIDER_PAYABLE}', payable_pence, '{BANK}', -payable_pence)
    FROM deduction_dispute WHERE commissioner_id = $1 AND paid_on IS NOT NULL
    UNION ALL SELECT 'debt', id, framework_id, provider_id, jsonb_build_object('{OWED_BY_PROVIDER}', -pence, '{PROVIDER_DEBT}', pence)
    FROM provider_debt WHERE commissioner_id = $1
    UNION ALL SELECT 'debt_paid', id, framework_id, provider_id, jsonb_build_object('{PROVIDER_DEBT}', -pence, '{BANK}', pence)
    FROM provider_debt WHERE commissioner_id = $1 AND paid_on IS NOT NULL
    UNION ALL SELECT 'credit_note', id, framework_id, provider_id, jsonb_build_object('{DEDUCTION}', -pence, '{PROVIDER_PAYABLE}', pence - carried_pence, '{OWED_BY_PROVIDER}', carried_pence)
    FROM credit_note WHERE commissioner_id = $1 AND state = 'confirmed' AND kind = 'deduction'
    UNION ALL SELECT 'information_charge', id, framework_id, provider_id, jsonb_build_object('{DEDUCTION}', -pence, '{OWED_BY_PROVIDER}', pence)
    FROM information_charge WHERE commissioner_id = $1 AND stands_at IS NOT NULL
    UNION ALL SELECT 'payment', l.id, i.framework_id, l.provider_id, jsonb_build_object('{PROVIDER_PAYABLE}', l.pence, '{BANK}', -l.pence)
    FROM payment_line l JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
    WHERE l.commissioner_id = $1 AND l.paid_on IS NOT NULL AND l.dispute_id IS NULL
"""  # noqa: E501, S608 - SQL is laid out as SQL, and these are our own account names


@dataclass
class Found:
    """What was looked at, and every difference in a sentence (ids and amounts only, nobody's data)."""

    invoices: int = 0
    entries: int = 0
    differences: list[str] = field(default_factory=list)


async def verify_books(work: Work) -> Found:
    """Compute the acting commissioner's invoices, entries and balances again, within its own rows."""
    payer_id = work.actor.commissioner_id
    assert payer_id is not None
    found = Found()
    expected: dict[Entry, dict[str, int]] = {}
    owners: dict[Entry, tuple[UUID, UUID]] = {}
    ids = await work.fetch(
        "SELECT id FROM invoice WHERE commissioner_id = $1 ORDER BY framework_id, provider_id, number", payer_id
    )
    numbers: dict[tuple[UUID, UUID], int] = {}
    for row in ids:
        invoice = await work.fetchrow(
            "SELECT * FROM invoice WHERE commissioner_id = $1 AND id = $2", payer_id, row["id"]
        )
        assert invoice is not None
        found.invoices += 1
        books = invoice["framework_id"], invoice["provider_id"]
        numbers[books] = numbers.get(books, 0) + 1
        if invoice["number"] != numbers[books]:
            found.differences.append(f"invoice {invoice['id']}: number {invoice['number']}, expected {numbers[books]}")
        found.differences += [f"invoice {invoice['id']}: {each}" async for each in _invoice_differences(work, invoice)]
        found.differences += [f"invoice {invoice['id']}: {each}" for each in await _row_differences(work, invoice)]
        postings = invoice_postings(msgspec.convert(invoice["result"], InvoiceResult))
        expected["invoice", invoice["id"]] = postings
        owners["invoice", invoice["id"]] = books
        if invoice["replaced_at"] is not None:
            expected["invoice_replaced", invoice["id"]] = {key: -pence for key, pence in postings.items()}
            owners["invoice_replaced", invoice["id"]] = books
    for row in await work.fetch(_MOVEMENTS, payer_id):
        expected[row["kind"], row["id"]] = row["moves"]
        owners[row["kind"], row["id"]] = row["framework_id"], row["provider_id"]
    twice = await work.fetch(
        """SELECT visit_id FROM invoice_line WHERE commissioner_id = $1 AND counts AND payable_pence > 0
           GROUP BY visit_commissioner_id, visit_id HAVING count(*) > 1""",
        payer_id,
    )
    found.differences += [f"visit {row['visit_id']}: billed twice" for row in twice]
    again = await work.fetch(
        """SELECT line_id FROM invoice_other_line WHERE commissioner_id = $1 AND counts AND payable_pence > 0
           GROUP BY line_id HAVING count(*) > 1""",
        payer_id,
    )
    found.differences += [f"line {row['line_id']}: billed twice" for row in again]
    await _entries(work, payer_id, expected, owners, found)
    return found


async def _invoice_differences(work: Work, invoice: asyncpg.Record):
    """An invoice against its visits, its rate card and the rule."""
    pack = await pack_of(work, invoice["framework_id"])
    stored = msgspec.convert(invoice["result"], InvoiceResult)
    claim = msgspec.convert(invoice["claim"], Claim)
    held = {line.visit for line in stored.lines if line.held}
    period = Period(invoice["first_day"], invoice["last_day"])
    rows = await work.fetch(_VISITS, invoice["commissioner_id"], invoice["id"])
    corrected = await corrections_of(work, [row["id"] for row in rows])
    visits = []
    for row in rows:
        facts = record_of(row).facts
        # What was approved when this invoice was judged; more may be by now, or nothing any more.
        approved = row["judged_minutes"]
        facts = msgspec.structs.replace(facts, overrun_approved=approved is not None, approved_minutes=approved)
        visits.append(_as_it_stood(facts, corrected.get(row["id"], ()), invoice["received_at"]))
    asked = tuple(line for line in claim.lines if line.visit not in held)
    rest = claim.total_pence - sum(line.pence for line in claim.lines if line.visit in held)
    card = await rate_card_rows(work, invoice["framework_id"], invoice["provider_id"])
    others = await others_judged(work, invoice["commissioner_id"], invoice["id"])
    try:
        again = assess_invoice(
            pack,
            InvoiceFacts(
                period=period, submitted_at=invoice["submitted_at"], carried_in_pence=invoice["carried_in_pence"],
                rate_card=card, visits=tuple(visits), claim=Claim(asked, rest),
                payer=str(invoice["commissioner_id"]), others=others,
            ),
        )  # fmt: skip
    except RateMissing as missing:
        yield f"the rate card {missing}"
        return
    for difference in _line_differences(stored, again, held):
        yield difference
    if invoice["replaces_id"] is None:
        defects = sum(defect.charged for defect in again.defects)
        defects += sum(defect.visit in held for defect in stored.defects if defect.charged)
        deduction = deduction_for(pack, period, defects)
    else:  # a correction keeps its first submission's
        deduction = await work.fetchval(
            "SELECT deduction_pence FROM invoice WHERE commissioner_id = $1 AND id = $2",
            invoice["commissioner_id"], invoice["replaces_id"],
        )  # fmt: skip
    net, carried_out = settle(again.gross_pence, deduction, invoice["carried_in_pence"])
    figures = {
        "gross_pence": again.gross_pence, "deduction_pence": deduction, "net_pence": net,
        "carried_out_pence": carried_out,
    }  # fmt: skip
    for name, pence in figures.items():
        for kept in (invoice[name], getattr(stored, name)):
            if kept != pence:
                yield f"{name} is {kept}, computed again {pence}"


async def _row_differences(work: Work, invoice: asyncpg.Record) -> list[str]:
    """An invoice's rows, which its pages, files and credit notes read, against what was judged and claimed of it."""
    result = msgspec.convert(invoice["result"], InvoiceResult)
    claimed: dict[str, int] = {}
    for asked in msgspec.convert(invoice["claim"], Claim).lines:
        claimed[asked.visit] = claimed.get(asked.visit, 0) + asked.pence
    counts = invoice["replaced_at"] is None
    judged = {
        f"visit {line.visit}": {
            "position": at, "minutes": line.minutes, "percent": line.percent, "price_pence": line.price_pence,
            "held": line.held, "claimed_pence": claimed.get(line.visit), "payable_pence": line.payable_pence,
            "counts": counts,
        }
        for at, line in enumerate(result.lines, start=1)
    } | {
        f"line {other.id}": {
            "position": at, "price_pence": other.price_pence, "claimed_pence": claimed.get(other.id),
            "payable_pence": other.payable_pence, "counts": counts,
        }
        for at, other in enumerate(result.others, start=1)
    }  # fmt: skip
    of_invoice = invoice["commissioner_id"], invoice["id"]
    visits = await work.fetch("SELECT * FROM invoice_line WHERE commissioner_id = $1 AND invoice_id = $2", *of_invoice)
    others = await work.fetch(
        "SELECT * FROM invoice_other_line WHERE commissioner_id = $1 AND invoice_id = $2", *of_invoice
    )
    kept = {f"visit {row['visit_id']}": row for row in visits} | {f"line {row['line_id']}": row for row in others}
    found = [f"{name} was judged, yet has no row" for name in judged if name not in kept]
    found += [f"{name} has a row, yet was not judged" for name in kept if name not in judged]
    return found + [
        f"{name}: its row has {column} {kept[name][column]}, judged and claimed {value}"
        for name, columns in judged.items()
        if name in kept
        for column, value in columns.items()
        if kept[name][column] != value
    ]


def _as_it_stood(visit: Visit, corrections: Iterable[Any], received_at: datetime) -> Visit:
    """The record an invoice was judged by: corrected after a return, it says something else now, and may wait for
    signatures which the earlier text had (its line was not held)."""
    later = next((each for each in corrections if each["at"] > received_at), None)
    if later is None:
        return visit
    outcome = later["before"].get("outcome", "delivered")
    if outcome != "delivered":
        noticed = later["before"]["notice"]
        notice_at = None if noticed is None else local(datetime.fromisoformat(noticed))
        return msgspec.structs.replace(visit, outcome=outcome, notice_at=notice_at, actual_start=None, actual_end=None)
    start, end = (later["before"][name] for name in ("start", "end"))
    return msgspec.structs.replace(
        visit,
        outcome="delivered",
        notice_at=None,
        actual_start=local(datetime.fromisoformat(start)),
        actual_end=local(datetime.fromisoformat(end)),
        activities="recorded",
        family_signed=True,
        workers=tuple(msgspec.structs.replace(worker, signed=True) for worker in visit.workers),
    )


def _line_differences(stored: InvoiceResult, again: InvoiceResult, held: set[str]) -> Iterator[str]:
    computed = {line.visit: line for line in again.lines}
    for line in stored.lines:
        if line.visit in held:
            if line.payable_pence:
                yield f"visit {line.visit} was held, yet {line.payable_pence} is payable"
            continue
        now = computed.pop(line.visit, None)
        if now is None:
            yield f"visit {line.visit} is no longer among its lines"
        elif _money(now) != _money(line):
            yield f"visit {line.visit} was judged {_money(line)}, computed again {_money(now)}"
    if stored.others != again.others:
        yield f"lines beside visits were judged {_others(stored)}, computed again {_others(again)}"
    for visit in computed:
        yield f"visit {visit} is a line, but was not judged"


def _others(result: InvoiceResult) -> list[tuple[str, int, int]]:
    return [(other.id, other.price_pence, other.payable_pence) for other in result.others]


def _money(line: Line) -> tuple[int, int, int | None, int, bool, int]:
    return line.minutes, line.percent, line.price_pence, line.payable_pence, line.held, line.basis_points


async def _entries(
    work: Work,
    payer_id: UUID,
    expected: dict[Entry, dict[str, int]],
    owners: dict[Entry, tuple[UUID, UUID]],
    found: Found,
) -> None:
    """The ledger against what should be in it: entry by entry, then each account's balance by itself."""
    rows = await work.fetch(
        """SELECT e.id, e.kind, e.subject_id, e.framework_id, e.provider_id,
                  coalesce(jsonb_object_agg(p.account, p.pence) FILTER (WHERE p.account IS NOT NULL), '{}') AS moves
           FROM ledger_entry e
           LEFT JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id
           WHERE e.commissioner_id = $1 AND e.purchase_id IS NULL
           GROUP BY e.commissioner_id, e.id ORDER BY e.at, e.id""",
        payer_id,
    )
    wanted = {key: moves for key, moves in expected.items() if any(moves.values())}
    balances: dict[tuple[UUID, UUID, str], int] = {}
    for row in rows:
        found.entries += 1
        key: Entry = (row["kind"], row["subject_id"])
        moves: dict[str, int] = row["moves"]
        if sum(moves.values()) != 0 or not moves:
            found.differences.append(f"entry {row['id']}: does not balance")
        if row["kind"] in ("overcarried", "overcarried_replaced"):  # from carried to payable, or back again
            way = 1 if row["kind"] == "overcarried" else -1
            right = set(moves) == {OWED_BY_PROVIDER, PROVIDER_PAYABLE} and way * moves[OWED_BY_PROVIDER] > 0
            should = moves if right else {}
        else:
            should = {account: pence for account, pence in wanted.pop(key, {}).items() if pence}
            if should and owners[key] != (row["framework_id"], row["provider_id"]):
                found.differences.append(f"entry {row['id']}: stands in another provider's books")
        if moves != should:
            found.differences.append(f"entry {row['id']} ({row['kind']}): is {moves}, computed again {should}")
        for account, pence in should.items():
            place = row["framework_id"], row["provider_id"], account
            balances[place] = balances.get(place, 0) + pence
    found.differences += [f"{kind} {subject}: is not in the ledger" for kind, subject in wanted]
    for row in await work.fetch(
        """SELECT e.framework_id, e.provider_id, p.account, sum(p.pence)::bigint AS pence FROM ledger_posting p
           JOIN ledger_entry e ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
           WHERE e.commissioner_id = $1 AND e.purchase_id IS NULL GROUP BY 1, 2, 3""",
        payer_id,
    ):
        place = row["framework_id"], row["provider_id"], row["account"]
        if row["pence"] != balances.get(place, 0):
            found.differences.append(
                f"{row['account']} of provider {row['provider_id']}: stands at {row['pence']},"
                f" computed again {balances.get(place, 0)}"
            )
        if row["account"] in (OWED_BY_PROVIDER, PROVIDER_DEBT) and row["pence"] < 0:
            found.differences.append(f"{row['account']} of provider {row['provider_id']}: below nothing")
