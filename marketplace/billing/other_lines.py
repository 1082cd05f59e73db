"""Lines beside visits as the provider adds them to its draft, each with its evidence and against its agreement."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing.ledger import one_at_a_time
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.other_lines import too_few_miles
from marketplace.policy.records import is_blank
from marketplace.providers.files import attachable

MOST = 1000
MOST_UNITS = 10_000  # miles or reports of one line


async def add_line(
    actor: Actor,
    agreement_id: UUID,
    *,
    day: date | None,
    visit_id: UUID | None,
    units: int,
    cost_pence: int,
    says: str,
    evidence_id: UUID | None,
) -> UUID:
    """Add a line to the provider's next invoice of the line's day; returns its id.

    Mileage is of one delivered visit of the package, `units` all its miles, and its day the visit's; a report has its
    `units`; costs of a return `cost_pence`. Raises `InvalidInput` naming the field, `Conflict` where the session's
    miles were added already or the agreement is not agreed.
    """
    permit(actor, "other_line.write")
    if actor.provider_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        agreement = await work.fetchrow("SELECT * FROM other_agreement WHERE id = $1", agreement_id)
        if agreement is None:
            raise NotFound
        if agreement["payer_agreed_at"] is None or agreement["provider_agreed_at"] is None:
            raise Conflict("Both sides must have agreed before anything is billed against this agreement.")
        kind = agreement["kind"]
        faults: dict[str, str] = {}
        if kind == "mileage":
            day = await _session_day(work, agreement, visit_id, faults)
        elif visit_id is not None:
            faults["visit_id"] = "Only mileage belongs to one visit"
        if day is None and kind != "mileage":
            faults["day"] = "Enter the day"
        elif day is None:
            pass  # said of the visit already
        elif not agreement["valid_from"] <= day <= agreement["valid_to"]:
            faults["visit_id" if kind == "mileage" else "day"] = "This day lies outside the agreement"
        elif day > local_day(work.now):
            faults["day"] = "The day must not be in the future"
        if kind == "return_to_area":
            units = 1
            if not 0 < cost_pence <= 100_000_000:
                faults["cost"] = "Enter what it cost"
        else:
            cost_pence = 0
            if not 1 <= units <= MOST_UNITS:
                faults["units"] = (
                    "Enter how many miles the session took" if kind == "mileage" else "Enter how many reports"
                )
            elif kind == "mileage" and day is not None:
                few = too_few_miles(await pack_of(work, agreement["framework_id"]), day, units)
                faults |= {"units": few} if few else {}
        if is_blank(says) or len(says) > MOST:
            faults["says"] = "Enter what it was for, in 1,000 characters or fewer"
        if evidence_id is None:
            faults["evidence_id"] = "Select the file that proves it"
        if faults:
            raise InvalidInput(faults)
        assert evidence_id is not None
        file = await attachable(work, evidence_id)
        if file["kind"] == "dbs_certificate":
            raise InvalidInput({"evidence_id": "A scan of a DBS certificate is shown to nobody: select another file"})
        line_id = uuid4()
        try:
            await work.execute(
                """INSERT INTO other_line (commissioner_id, id, framework_id, provider_id, package_id, agreement_id,
                   day, visit_id, units, cost_pence, says, evidence_id, added_by, added_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
                agreement["commissioner_id"], line_id, agreement["framework_id"], agreement["provider_id"],
                agreement["package_id"], agreement_id, day, visit_id, units, cost_pence, says.strip(), evidence_id,
                actor.person_id, work.now,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("The miles of this visit have been added already.") from error
        work.audit(
            "other_line.added", "other_line", line_id, commissioner_id=agreement["commissioner_id"], kind=kind,
            units=units, cost_pence=cost_pence,
        )  # fmt: skip
        return line_id


async def take_back(actor: Actor, line_id: UUID) -> UUID:
    """Take a line back before an invoice has billed it; returns its agreement's id. Raises `Conflict` afterwards."""
    permit(actor, "other_line.write")
    async with unit_of_work(actor) as work:
        line = await work.fetchrow("SELECT * FROM other_line WHERE id = $1", line_id)
        if line is None or line["provider_id"] != actor.provider_id:
            raise NotFound
        if line["longer_visit_id"] is not None:
            raise Conflict("Longer time stands on the referrer's approval. Leave it off the invoice: it waits.")
        # an invoice that has read the line is submitted before it is taken back, or after it
        await one_at_a_time(work, line["framework_id"], line["provider_id"], line["commissioner_id"])
        line = await work.fetchrow("SELECT * FROM other_line WHERE id = $1 FOR UPDATE", line_id)
        assert line is not None  # lines are kept
        if line["withdrawn_at"] is not None:
            raise Conflict("This line was taken back already.")
        billed = await work.fetchval(
            "SELECT 1 FROM invoice_other_line WHERE commissioner_id = $1 AND line_id = $2 AND counts AND"
            " claimed_pence IS NOT NULL LIMIT 1",
            line["commissioner_id"], line_id,
        )  # fmt: skip
        if billed:
            raise Conflict("An invoice bills this line, so it stays.")
        await work.execute(
            "UPDATE other_line SET withdrawn_at = $3, withdrawn_by = $4 WHERE commissioner_id = $1 AND id = $2",
            line["commissioner_id"], line_id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("other_line.withdrawn", "other_line", line_id, commissioner_id=line["commissioner_id"])
        return line["agreement_id"]


async def _session_day(
    work: Work, agreement: asyncpg.Record, visit_id: UUID | None, faults: dict[str, str]
) -> date | None:
    """The day of the visit whose miles are billed: a delivered one of the agreement's package."""
    row = await work.fetchrow(
        "SELECT outcome, planned_start FROM visit WHERE commissioner_id = $1 AND id = $2 AND package_id = $3",
        agreement["commissioner_id"], visit_id, agreement["package_id"],
    )  # fmt: skip
    if row is None or row["outcome"] != "delivered":
        faults["visit_id"] = "Select a visit of this package that took place"
        return None
    return local_day(row["planned_start"])
