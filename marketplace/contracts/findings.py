"""What a monitoring visit, inspection or interviews found: noted heading by heading, shared altogether, answered one by
one (L 7.4; P 13.5)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from marketplace.contracts.occasions import ANSWER, begun, link, open_row, shared_row
from marketplace.contracts.steps import (
    add_step,
    answering,
    attach,
    manager,
    place_of_row,
    row_of,
    said,
    short,
    tell_managers,
)
from marketplace.obligations.duties import meet
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day

GRADES = {"met": ("Met", "green"), "partly_met": ("Partly met", "yellow"), "not_met": ("Not met", "red")}


async def add_finding(actor: Actor, occasion_id: UUID, *, area: str, grade: str, says: str) -> UUID:
    """Note what a visit found under a heading; the provider reads it when all is shared. Raises `Conflict` after."""
    async with unit_of_work(manager(actor)) as work:
        row = await open_row(work, occasion_id)
        where = await place_of_row(work, row)
        wrong: dict[str, str] = {}
        if area not in where.pack.on(local_day(work.now)).contracts.visit_areas:
            wrong["area"] = "Select what was looked at"
        if grade not in GRADES:
            wrong["grade"] = "Select how far it is met"
        if not says.strip():
            wrong["says"] = "Enter what was found"
        if wrong:
            raise InvalidInput(wrong)
        if row["kind"] == "meeting":
            raise Conflict("A meeting has minutes, no findings.")
        begun(work, row)
        finding_id: UUID = await work.fetchval(
            "INSERT INTO contract_finding (commissioner_id, framework_id, provider_id, occasion_id, area, grade, says,"
            " found_at, found_by, found_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            where.commissioner_id, where.framework.id, where.provider_id, row["id"], area, grade, short(says), work.now,
            actor.person_id, actor.person_name,
        )  # fmt: skip
        work.audit("contract_finding.noted", "contract_finding", finding_id, occasion=row["id"], grade=grade)
        return finding_id


async def answer_finding(actor: Actor, finding_id: UUID, says: str, evidence_ids: Sequence[UUID] = ()) -> None:
    """Answer one finding, with files where they show it; the duty is met once each has an answer."""
    async with unit_of_work(answering(actor)) as work:
        finding = await row_of(work, "contract_finding", finding_id)
        row = await shared_row(work, finding["occasion_id"])
        says = said(says, "says", "Enter your answer to what was found")
        where = await place_of_row(work, row)
        step = await add_step(
            work, where, "finding_answered", says=says, occasion_id=row["id"], finding_id=finding["id"]
        )
        files = await attach(work, where, step, evidence_ids)
        waiting = await work.fetchval(
            "SELECT count(*) FROM contract_finding f WHERE f.occasion_id = $1 AND NOT EXISTS (SELECT 1 FROM"
            " contract_step t WHERE t.commissioner_id = f.commissioner_id AND t.finding_id = f.id"
            " AND t.what = 'finding_answered')",
            row["id"],
        )
        if not waiting:
            await meet(work, ANSWER, row["id"])
        work.audit("contract_finding.answered", "contract_finding", finding["id"], files=files)
        await tell_managers(work, where, f"{where.provider_name} answers a finding.", link(row["id"]))
