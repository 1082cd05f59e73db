"""The invoice rule: when it is late, what is held, which defects it has, what is deducted and what is carried (L 7.11).

The same function judges a draft before submission and the invoice itself: the provider sees every defect beforehand.
"""

from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from marketplace.policy.calendar import Period, end_of_day, is_before
from marketplace.policy.duties import last_day
from marketplace.policy.facts import Claim, ClaimLine, InvoiceFacts, OtherLine, RateCard, Visit
from marketplace.policy.funding import WHOLE, leads, part_of, share_of
from marketplace.policy.other_lines import OtherResult, judge_others
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import DayPart, price_visit
from marketplace.policy.records import missing_from_record

DefectKind = Literal["inaccurate", "incomplete", "late"]
Why = Literal[
    "claimed_while_held",
    "left_off",
    "unfinished_left_off",
    "not_the_price",
    "claimed_twice",
    "not_among_the_visits",
    "total_is_not_the_sum",
    "after_the_due_moment",
    "never_billed",
    "no_agreement",
    "outside_agreement",
    "no_evidence",
    "beyond_agreement",
]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One visit as the invoice rule sees it. `price_pence` is None where the record does not allow a price.

    It is this payer's part of the visit's whole price, by its share in basis points. `missing` says why a visit is held
    (`records.missing_from_record`), `parts` how the whole price comes about.
    """

    visit: str
    minutes: int
    percent: int
    price_pence: int | None
    held: bool
    payable_pence: int
    missing: tuple[str, ...] = ()
    parts: tuple[DayPart, ...] = ()
    whole_pence: int | None = None
    basis_points: int = WHOLE


class Defect(msgspec.Struct, frozen=True):
    """What is wrong with an invoice: its kind, the visit or other line (None for the whole), and every way it is so.

    A visit's defect is `charged` on the invoice of the payer with the largest share only (data.md).
    """

    kind: DefectKind
    visit: str | None
    why: tuple[Why, ...]
    charged: bool = True


class InvoiceResult(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice judged. Owed is carried in + deduction; gross - net is taken of it; what is left is carried out."""

    due_at: datetime
    lines: tuple[Line, ...]
    defects: tuple[Defect, ...]
    gross_pence: int
    deduction_pence: int
    carried_in_pence: int
    net_pence: int
    carried_out_pence: int
    others: tuple[OtherResult, ...] = ()

    @property
    def taken_pence(self) -> int:
        """What was kept back from the gross amount, for the deduction or for what was carried in."""
        return self.gross_pence - self.net_pence


def invoice_due_day(pack: Pack, period: Period) -> date:
    """The last day an invoice of the period is in time: so many days after it, on a working day where the pack asks."""
    pack = pack.on(period.last_day)
    day = period.last_day + timedelta(days=pack.billing.due_days)
    return pack.holidays.working_day_on_or_after(day) if pack.billing.due_on_working_day else day


def pay_by(pack: Pack, received: date) -> date:
    """The last day for paying a valid invoice received on `received`: by the pack's duty, or, where it has none, by its
    terms of payment (N)."""
    rules = pack.on(received)
    duty = rules.duties.get("invoice_payment")
    return last_day(pack, duty, received) if duty else received + timedelta(days=rules.billing.payment_days)


def invoice_due_at(pack: Pack, period: Period) -> datetime:
    """The first instant at which an invoice of the period is late. Raises `CalendarError` past the bank holidays."""
    return end_of_day(invoice_due_day(pack, period))


def assess_invoice(pack: Pack, facts: InvoiceFacts) -> InvoiceResult:
    """Judge an invoice by its records, its rate card and the moment it was submitted.

    Raises `pricing.RateMissing` where the card lacks the rate of a day that must be priced, `CalendarError` past the
    published bank holidays. The facts must be whole: each visit and rate row once (the calculators check case files).
    """
    unfinished_left_off = pack.on(facts.period.last_day).billing.unfinished_left_off_is_defect
    claimed: dict[str, list[int]] = {}
    for claim_line in facts.claim.lines:
        claimed.setdefault(claim_line.visit, []).append(claim_line.pence)
    defects: list[Defect] = []
    lines: list[Line] = []
    for visit in facts.visits:
        price = price_visit(pack, facts.rate_card, visit)
        missing = missing_from_record(visit, price.percent)
        amounts = claimed.get(visit.id, [])
        part = None if price.pence is None else part_of(price.pence, visit.shares, facts.payer)
        payable = part if amounts and not missing and part is not None else 0
        lines.append(
            Line(
                visit=visit.id,
                minutes=price.minutes,
                percent=price.percent,
                price_pence=part,
                held=bool(missing),
                payable_pence=payable,
                missing=missing,
                parts=price.parts,
                whole_pence=price.pence,
                basis_points=share_of(visit.shares, facts.payer),
            )
        )
        charged = leads(visit.shares, facts.payer)
        defects += _defects_of_visit(lines[-1], amounts, unfinished_left_off, charged)
    others = judge_others(pack, facts.others, claimed, facts.rate_card, facts.payer)
    defects += [defect for other in others for defect in _defects_of_other(other, claimed.get(other.id, []))]
    known = {visit.id for visit in facts.visits} | {other.id for other in others}
    defects += [Defect("inaccurate", visit, ("not_among_the_visits",)) for visit in claimed if visit not in known]
    if sum(line.pence for line in facts.claim.lines) != facts.claim.total_pence:
        defects.append(Defect("inaccurate", None, ("total_is_not_the_sum",)))
    due_at = invoice_due_at(pack, facts.period)
    if not is_before(facts.submitted_at, due_at):
        defects.append(Defect("late", None, ("after_the_due_moment",)))
    defects.sort(key=lambda defect: (defect.kind, defect.visit is not None, defect.visit or ""))

    gross = sum(line.payable_pence for line in lines) + sum(other.payable_pence for other in others)
    deduction = deduction_for(pack, facts.period, sum(defect.charged for defect in defects))
    net, carried_out = settle(gross, deduction, facts.carried_in_pence)
    return InvoiceResult(
        due_at=due_at,
        lines=tuple(lines),
        defects=tuple(defects),
        gross_pence=gross,
        deduction_pence=deduction,
        carried_in_pence=facts.carried_in_pence,
        net_pence=net,
        carried_out_pence=carried_out,
        others=others,
    )


def deduction_for(pack: Pack, period: Period, defects: int) -> int:
    """What an invoice of the period loses for so many defects: once however many, or for each, as the pack says."""
    billing = pack.on(period.last_day).billing
    return billing.deduction_pence * (min(defects, 1) if billing.deduction_once else defects)


def settle(gross_pence: int, deduction_pence: int, carried_in_pence: int) -> tuple[int, int]:
    """(net, carried out): what is owed is taken of the gross as far as it goes, never further (domain 5, D)."""
    owed = carried_in_pence + deduction_pence
    taken = min(gross_pence, owed)
    return gross_pence - taken, owed - taken


def reassess_invoice(pack: Pack, facts: InvoiceFacts, first: InvoiceResult) -> InvoiceResult:
    """Judge the corrected document that replaces a returned invoice (domain 5; D).

    What is payable follows the corrected claim and the records as they are now; the first submission's due moment,
    defects and deduction stay, whatever the correction mends. `facts.carried_in_pence` is the first submission's.
    Raises what `assess_invoice` raises.
    """
    corrected = assess_invoice(pack, facts)
    net, carried_out = settle(corrected.gross_pence, first.deduction_pence, facts.carried_in_pence)
    return msgspec.structs.replace(
        corrected,
        due_at=first.due_at,
        defects=first.defects,
        deduction_pence=first.deduction_pence,
        net_pence=net,
        carried_out_pence=carried_out,
    )


def draft_claim(
    pack: Pack,
    rate_card: RateCard,
    visits: tuple[Visit, ...],
    payer: str = "",
    others: tuple[OtherLine, ...] = (),
) -> Claim:
    """What a draft starts from: the claim the records allow, each finished visit with a price above 0 at that price, or
    at the payer's part of it; lines beside visits as far as their agreements go."""
    lines: list[ClaimLine] = []
    for visit in visits:
        price = price_visit(pack, rate_card, visit)
        part = part_of(price.pence or 0, visit.shares, payer)
        if part and not missing_from_record(visit, price.percent):
            lines.append(ClaimLine(visit.id, part))
    judged = judge_others(pack, others, None, rate_card, payer)
    lines += [ClaimLine(other.id, other.price_pence) for other in judged if other.price_pence]
    return Claim(tuple(lines), sum(line.pence for line in lines))


def _defects_of_visit(line: Line, amounts: list[int], unfinished_left_off: bool, charged: bool) -> list[Defect]:
    incomplete: list[Why] = []
    inaccurate: list[Why] = []
    if amounts and line.held:
        incomplete.append("claimed_while_held")
    if not amounts and not line.held and line.price_pence:
        incomplete.append("left_off")
    if not amounts and line.held and unfinished_left_off:
        incomplete.append("unfinished_left_off")
    if line.price_pence is not None and any(pence != line.price_pence for pence in amounts):
        inaccurate.append("not_the_price")
    if len(amounts) > 1:
        inaccurate.append("claimed_twice")
    found: list[Defect] = []
    if incomplete:
        found.append(Defect("incomplete", line.visit, tuple(incomplete), charged))
    if inaccurate:
        found.append(Defect("inaccurate", line.visit, tuple(inaccurate), charged))
    return found


def _defects_of_other(other: OtherResult, amounts: list[int]) -> list[Defect]:
    """A line beside visits that is billed must stand in its agreement; one that is not billed waits without loss."""
    if not amounts:
        return []
    inaccurate: list[Why] = [*other.faults]
    if not inaccurate and any(pence != other.price_pence for pence in amounts):
        inaccurate.append("not_the_price")
    if len(amounts) > 1:
        inaccurate.append("claimed_twice")
    return [Defect("inaccurate", other.id, tuple(inaccurate))] if inaccurate else []
