"""What the invoice rule's codes say to people, and where each defect is mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marketplace.billing.drafting import Draft
from marketplace.policy.invoicing import Defect
from marketplace.web.filters import day, moment

WHY = {
    "claimed_while_held": "it is billed although its record is not finished",
    "left_off": "its record is finished and has a price, but it is not billed",
    "unfinished_left_off": "its record is not finished and it is not billed",
    "not_the_price": "the amount is not what the record and the rate card give",
    "claimed_twice": "it is billed twice",
    "not_among_the_visits": "it is none of the period's visits",
    "total_is_not_the_sum": "the total is not the sum of the lines",
    "after_the_due_moment": "it is submitted after the due moment",
    "never_billed": "this framework never pays for it",
    "no_agreement": "no written agreement between both sides, or approval, stands behind it",
    "outside_agreement": "its day lies outside its written agreement",
    "no_evidence": "no evidence is attached to it",
    "inaccurate_after_acceptance": "it was found to be inaccurate after it was accepted",
    "incomplete_after_acceptance": "it was found to be incomplete after it was accepted",
    "beyond_agreement": "it is more than its written agreement still allows",
}
MISSING = {
    "start": "the time the visit started",
    "end": "the time the visit ended",
    "workers": "who worked",
    "worker_name": "a worker's printed name",
    "worker_signature": "a worker's signature",
    "activities": "the activities",
    "family_signature": "the family's confirmation",
    "notice": "when the family gave notice",
    "shared_visit": "what became of a brother's or sister's visit at the same time",
}
# A visit's defect costs its sum once, on the invoice of the payer with the largest share.
NOT_HERE = " (nothing is deducted for it here: it counts on the invoice to the payer with the largest share)"
STATES = {
    "growing": ("Growing", "blue"),
    "to_submit": ("To submit", "yellow"),
    "submitted": ("Submitted", "light-blue"),
    "returned": ("Returned", "red"),
    "accepted": ("Accepted", "green"),
    "paid": ("Paid", "green"),
}
DISPUTES = {
    "open": ("Deduction disputed", "orange"),
    "upheld": ("Deduction stands", "grey"),
    "waived": ("Deduction waived", "green"),
}
OUTCOMES = {
    None: "Not recorded",
    "delivered": "Delivered",
    "cancelled_on_arrival": "Cancelled on arrival",
    "cancelled_by_family": "Cancelled by the family",
    "cancelled_by_provider": "Cancelled by the provider",
    "missed": "Missed",
}
METHODS = {"own_sign_in": "own sign-in", "own_pin": "own PIN on the worker's device", "coded_reason": "could not sign"}


@dataclass(frozen=True, slots=True)
class DefectRow:
    """A defect in words, with where it can be mended: a page, or a field of the draft (None: the whole invoice)."""

    kind: str
    sentence: str
    visit_id: str | None
    link: str | None


def defect_rows(found: Draft) -> list[DefectRow]:
    """Each defect of a draft, with what would mend it."""
    records = {str(record.id): record for record in found.records}
    lines = {line.visit: line for line in found.result.lines}
    others = {str(record.id): record for record in found.others}
    rows: list[DefectRow] = []
    for defect in found.result.defects:
        sentence = " and ".join(WHY[why] for why in defect.why)
        if defect.visit in others:
            other = others[defect.visit]
            said = f"{other.package_reference}, {day(other.facts.day)}, {other.title}: {sentence}."
            rows.append(DefectRow(defect.kind, said, defect.visit, other.mended_at))
            continue
        if defect.visit is None or defect.visit not in records:
            rows.append(DefectRow(defect.kind, sentence[:1].upper() + sentence[1:] + ".", defect.visit, None))
            continue
        sentence += NOT_HERE if not defect.charged else ""
        when = moment(records[defect.visit].facts.planned_start)
        missing = lines[defect.visit].missing
        lacks = f" It lacks {', '.join(MISSING[code] for code in missing)}." if missing else ""
        rows.append(
            DefectRow(
                defect.kind,
                f"{records[defect.visit].package_reference}, {when}: {sentence}.{lacks}",
                defect.visit,
                _mended_at(defect, bool(missing)),
            )
        )
    return rows


def _mended_at(defect: Defect, unfinished: bool) -> str:
    """A record is mended on its visit's page; an amount, or what was left off, on the draft itself."""
    if unfinished:
        return f"/visits/{defect.visit}"
    return f"#{'bill' if 'left_off' in defect.why else 'amount'}-{defect.visit}"


def frozen_defects(defects: tuple[Defect, ...], visits: Mapping[str, str]) -> list[tuple[str, str]]:
    """(kind, sentence) of each defect a submission was judged by; `visits` says which visit an id is."""
    found: list[tuple[str, str]] = []
    for defect in defects:
        sentence = " and ".join(WHY[why] for why in defect.why)
        which = visits.get(defect.visit, "a visit") + ": " if defect.visit else ""
        found.append((defect.kind, which + sentence + (NOT_HERE if not defect.charged else "")))
    return found
