"""The claim as a form gives it: which visits are billed, at which amounts; and back again."""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec

from marketplace.billing.drafting import MOST_CLAIMED, Draft
from marketplace.billing.other_records import OtherRecord
from marketplace.billing.records import VisitRecord
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.web.filters import count, day, moment, pounds
from marketplace.web.forms import Form

MARKS = "marks"


def read_claim(form: Form, found: Draft) -> Claim:
    """Ticked visits and other lines at the amounts typed; the total is their sum. Faults stay in the form."""
    ticked = {str(value) for value in form.uuids("bill", "visits to bill")}
    lines: list[ClaimLine] = []
    for record in (*found.records, *found.others):
        key = str(record.id)
        if key not in ticked:
            continue
        pence = form.pence(amount_field(record.id), f"the amount for {the_line(record)}", least=0)
        lines.append(ClaimLine(key, pence))
    total = sum(line.pence for line in lines)
    if total > MOST_CLAIMED:
        form.error("", f"The amounts come to {pounds(total)}: check them for a slip, one invoice is never so much")
    return Claim(tuple(lines), total)


def amounts_left_off(form: Form, found: Draft) -> None:
    """Put an error beside an amount that was typed for a line that is not ticked: it would be dropped unsaid."""
    ticked = set(form.values("bill"))
    prices = {line.visit: line.price_pence for line in found.result.lines}
    prices |= {other.id: other.price_pence for other in found.result.others}
    for record in (*found.records, *found.others):
        key, name = str(record.id), amount_field(record.id)
        if key in ticked or not form.value(name).strip():
            continue
        pence = form.pence(name, f"the amount for {the_line(record)}", required=False)
        if name not in form.errors and pence != prices[key]:
            form.error(name, f"Tick {the_line(record)} to bill this amount, or take the amount out")


def claim_form(found: Draft) -> Form:
    """A form filled with the draft's present claim; what is not claimed shows its price, where it has one."""
    claimed = {line.visit: line.pence for line in found.facts.claim.lines}
    form = Form.starting_with(bill=list(claimed))
    for record, line in zip(found.records, found.result.lines, strict=True):
        form.set_pence(amount_field(record.id), claimed.get(line.visit, line.price_pence))
    for other in found.result.others:
        form.set_pence(amount_field(other.id), claimed.get(other.id, other.price_pence))
    return form


def marks(found: Draft) -> str:
    """What a page was drawn from, visit by visit, so that the next one can say what has changed since."""
    return " ".join(
        [f"terms={_terms(found)}", *(f"{record.id}={_mark(record)}" for record in (*found.records, *found.others))]
    )


def changes(form: Form, found: Draft) -> bool:
    """Tell in the form what has changed since its page was drawn; what is new or changed is claimed as recorded now."""
    seen = dict(part.split("=", 1) for part in form.value(MARKS).split() if "=" in part)
    if not seen:
        return False
    before = len(form.errors)
    if seen.pop("terms", _terms(found)) != _terms(found):
        form.error("", "Your agreed rates, or what is carried from the last invoice, have changed since you looked.")
    now = claim_form(found)
    for record in (*found.records, *found.others):
        mark = seen.pop(str(record.id), None)
        if mark == _mark(record):
            continue
        what = "has come in" if mark is None else "has changed"
        form.error(f"changed-{record.id}", f"{the_line(record, 'The')} {what} since you looked", f"bill-{record.id}")
        ticked = [key for key in form.values("bill") if key != str(record.id)]
        form.set("bill", [*ticked, str(record.id)] if str(record.id) in now.values("bill") else ticked)
        form.set(amount_field(record.id), now.value(amount_field(record.id)))
    if seen:
        gone = count(len(seen), "line")
        form.error("gone", f"{gone} you saw here no longer {'belongs' if len(seen) == 1 else 'belong'} to this invoice")
    return len(form.errors) > before


def the_visit(record: VisitRecord, article: str = "the") -> str:
    """ "the visit on 18 May 2026, 4pm of P-AB12"."""
    return f"{article} visit on {moment(record.facts.planned_start)} of {record.package_reference}"


def the_line(record: VisitRecord | OtherRecord, article: str = "the") -> str:
    """A visit as `the_visit` says it, or "the line of 18 May 2026 (Mileage, 34 miles) of P-AB12"."""
    if isinstance(record, VisitRecord):
        return the_visit(record, article)
    return f"{article} line of {day(record.facts.day)} ({record.title}) of {record.package_reference}"


def _mark(record: VisitRecord | OtherRecord) -> str:
    return hashlib.sha256(msgspec.json.encode(record.facts)).hexdigest()[:8]


def _terms(found: Draft) -> str:
    resting = (found.facts.rate_card, found.facts.carried_in_pence)
    return hashlib.sha256(msgspec.json.encode(resting)).hexdigest()[:8]


def amount_field(line_id: UUID | str) -> str:
    """The form field of a line's amount, by its visit or its own id."""
    return f"amount-{line_id}"
