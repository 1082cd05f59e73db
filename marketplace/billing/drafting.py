"""The period's invoice before it is submitted: grown from the visits by itself, judged as it would be today."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.billing.ledger import OWED_BY_PROVIDER, balance
from marketplace.billing.other_records import OtherRecord, others_to_bill
from marketplace.billing.records import VisitRecord, visits_to_bill
from marketplace.frameworks.queries import billing_period, pack_of, rate_card_rows
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.calendar import Period, end_of_day, is_before, local_day
from marketplace.policy.facts import Claim, InvoiceFacts
from marketplace.policy.invoicing import InvoiceResult, assess_invoice, draft_claim, invoice_due_at, reassess_invoice
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, unapproved_minutes
from marketplace.web.filters import pounds

MOST_CLAIMED = 2_000_000_000  # pence of one claim; no invoice comes near it, and the books' columns hold no more


@dataclass(frozen=True, slots=True)
class Returned:
    """The invoice a correction replaces, with what stays of it: its first submission's moment, defects, deduction."""

    id: UUID
    number: int
    first_submitted_at: datetime
    first_result: InvoiceResult
    carried_in_pence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One provider's invoice to one payer for one period, as it stands now."""

    framework_id: UUID
    framework_name: str
    provider_id: UUID
    provider_name: str
    payer_id: UUID
    payer_name: str
    period: Period
    pack: Pack
    due_at: datetime
    closed: bool
    records: tuple[VisitRecord, ...]
    others: tuple[OtherRecord, ...]
    facts: InvoiceFacts
    result: InvoiceResult
    replaces: Returned | None

    @property
    def unapproved(self) -> dict[UUID, int]:
        """Of which visits how many minutes are not billed, since the referrer has not approved the longer time."""
        records = [record for record in self.records if not record.longer_beside]
        found = {record.id: unapproved_minutes(self.pack, record.facts) for record in records}
        return {visit_id: minutes for visit_id, minutes in found.items() if minutes}

    @property
    def fingerprint(self) -> str:
        """Changes when anything the invoice rests on does: what was shown is what is submitted, or the page says so."""
        resting = (
            self.facts.visits,
            self.facts.rate_card,
            self.facts.carried_in_pence,
            self.facts.period,
            self.facts.others,
        )
        return hashlib.sha256(msgspec.json.encode(resting)).hexdigest()[:32]


async def draft(
    work: Work,
    framework_id: UUID,
    provider_id: UUID,
    payer_id: UUID,
    period: Period,
    *,
    claim: Claim | None = None,
    submitted_at: datetime | None = None,
) -> Draft:
    """Grow the draft of a period; `claim` is what the provider asks for (default: what the records allow).

    Judged at `submitted_at` (default: now). Raises `NotFound` for a period that is none of the framework's or has not
    begun, and `InvalidInput` where the agreed rate card lacks a rate that is needed or the claim is beyond all measure.
    """
    if claim is not None and sum(line.pence for line in claim.lines) > MOST_CLAIMED:
        raise InvalidInput({"lines": f"The lines of a claim come to {pounds(MOST_CLAIMED)} at most"})
    begun = period.first_day <= local_day(work.now)
    if not begun or await billing_period(work, framework_id, period.first_day) != period:
        raise NotFound("There is no such billing period on this framework.")
    names = await work.fetchrow(
        """SELECT f.name, payer.name AS payer, provider.name AS provider
           FROM framework f JOIN framework_member m ON m.framework_id = f.id AND m.commissioner_id = $2
           JOIN organisation payer ON payer.id = m.commissioner_id
           JOIN organisation provider ON provider.id = $3 WHERE f.id = $1""",
        framework_id, payer_id, provider_id,
    )  # fmt: skip
    if names is None:
        raise NotFound
    pack = await pack_of(work, framework_id)
    replaces = await _returned(work, framework_id, provider_id, payer_id, period)
    records = await visits_to_bill(
        work, framework_id, provider_id, payer_id, period, replacing=replaces.id if replaces else None
    )
    beside = await others_to_bill(
        work, framework_id, provider_id, payer_id, period, replacing=replaces.id if replaces else None
    )
    others = tuple(record.facts for record in beside)
    card = await rate_card_rows(work, framework_id, provider_id)
    visits = tuple(record.facts for record in records)
    carried_in = replaces.carried_in_pence if replaces else await _carried_in(work, framework_id, provider_id, payer_id)
    try:
        facts = InvoiceFacts(
            period=period,
            submitted_at=submitted_at or work.now,
            carried_in_pence=carried_in,
            rate_card=card,
            visits=visits,
            claim=claim or draft_claim(pack, card, visits, str(payer_id), others),
            payer=str(payer_id),
            others=others,
        )
        result = reassess_invoice(pack, facts, replaces.first_result) if replaces else assess_invoice(pack, facts)
    except RateMissing as missing:
        raise InvalidInput(
            {"rate_card": f"Your agreed rate card cannot price every visit: {missing}. Propose a variation."}
        ) from missing
    return Draft(
        framework_id=framework_id,
        framework_name=names["name"],
        provider_id=provider_id,
        provider_name=names["provider"],
        payer_id=payer_id,
        payer_name=names["payer"],
        period=period,
        pack=pack,
        due_at=invoice_due_at(pack, period),
        closed=not is_before(work.now, end_of_day(period.last_day)),
        records=tuple(records),
        others=tuple(beside),
        facts=facts,
        result=result,
        replaces=replaces,
    )


async def _returned(
    work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID, period: Period
) -> Returned | None:
    row = await work.fetchrow(
        """SELECT id, number, submitted_at, result, carried_in_pence, returned_reason FROM invoice
           WHERE commissioner_id = $1 AND framework_id = $2 AND provider_id = $3 AND first_day = $4
             AND state = 'returned' AND replaced_at IS NULL""",
        payer_id, framework_id, provider_id, period.first_day,
    )  # fmt: skip
    if row is None:
        return None
    first = msgspec.convert(row["result"], InvoiceResult)
    return Returned(
        row["id"], row["number"], row["submitted_at"], first, row["carried_in_pence"], row["returned_reason"] or ""
    )


async def _carried_in(work: Work, framework_id: UUID, provider_id: UUID, payer_id: UUID) -> int:
    """What earlier invoices left owing and no waiver or debt has taken off since, in pence: as the ledger stands."""
    books = {"commissioner_id": payer_id, "framework_id": framework_id, "provider_id": provider_id}
    return max(0, await balance(work, OWED_BY_PROVIDER, **books))
