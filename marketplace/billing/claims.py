"""The claim as a form gives it: which visits are billed, at which amounts; and back again."""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.drafting import Draft
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.web.forms import Form


def read_claim(form: Form, found: Draft) -> Claim:
    """Ticked visits at the amounts typed; the total is their sum. Faults stay in the form."""
    ticked = {str(value) for value in form.uuids("bill", "visits to bill")}
    lines: list[ClaimLine] = []
    for record in found.records:
        key = str(record.id)
        if key not in ticked:
            continue
        pence = form.pence(amount_field(record.id), f"the amount for visit {record.package_reference}", least=0)
        lines.append(ClaimLine(key, pence))
    return Claim(tuple(lines), sum(line.pence for line in lines))


def claim_form(found: Draft) -> Form:
    """A form filled with the draft's present claim; what is not claimed shows its price, where it has one."""
    claimed = {line.visit: line.pence for line in found.facts.claim.lines}
    form = Form.starting_with(bill=list(claimed))
    for record, line in zip(found.records, found.result.lines, strict=True):
        form.set_pence(amount_field(record.id), claimed.get(line.visit, line.price_pence))
    return form


def amount_field(visit_id: UUID) -> str:
    """The form field of a visit's amount."""
    return f"amount-{visit_id}"
