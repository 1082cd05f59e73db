"""What time alone does: a closed period is owed its invoice, and what a leaver still owes becomes a debt; each once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from marketplace.billing.budgets import work_out_all, work_out_child
from marketplace.billing.correction_settling import settle_correction
from marketplace.billing.corrections import SETTLE
from marketplace.billing.debts import raise_debts
from marketplace.billing.preparing import prepare_drafts
from marketplace.billing.records import FUNDED
from marketplace.billing.submitting import SUBMIT, period_subject
from marketplace.frameworks.queries import billing_periods, pack_of
from marketplace.obligations.duties import Owed, owe
from marketplace.packages.allocations import WORK_OUT
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.jobs import job, sweep
from marketplace.policy.calendar import end_of_day, is_before, local_day
from marketplace.policy.invoicing import invoice_due_at
from marketplace.settings import Settings


@sweep("invoice_periods")
async def look_at_periods(settings: Settings) -> None:
    """One unit for each commissioner: the periods of its packages that are over and not invoiced."""
    async with outside_context() as connection:
        payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    for payer in payers:
        async with unit_of_work(system_for(payer["id"], "commissioner", payer["name"])) as work:
            await owe_closed_periods(work)


@sweep("prepared_drafts", every=timedelta(minutes=5))
async def prepare_finished_periods(settings: Settings) -> None:
    """The four-weekly run by itself: the drafts of each period that is over, looked at anew every day after."""
    async with outside_context() as connection:
        payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    for payer in payers:
        await prepare_drafts(system_for(payer["id"], "commissioner", payer["name"]), daily=True)


@sweep("provider_debts")
async def look_at_leavers(settings: Settings) -> None:
    """One unit for each commissioner: what its providers that left still owe."""
    async with outside_context() as connection:
        payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    for payer in payers:
        async with unit_of_work(system_for(payer["id"], "commissioner", payer["name"])) as work:
            await raise_debts(work)


@sweep("budgets", every=timedelta(minutes=10))
async def look_at_budgets(settings: Settings) -> None:
    """Each commissioner's allocations, each once a day and so many in a unit."""
    async with outside_context() as connection:
        payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    for payer in payers:
        looked = 1
        while looked:
            async with unit_of_work(system_for(payer["id"], "commissioner", payer["name"])) as work:
                looked = await work_out_all(work)


@job(WORK_OUT)
async def work_out_budget(settings: Settings, payload: dict[str, Any]) -> None:
    """A child's budget as its visits stand now, and its brothers' and sisters': a worker's time they share is taken off
    one of them (L 6.5), and which one may have changed. Run twice, it says the same."""
    async with unit_of_work(system_for(UUID(payload["commissioner"]), "commissioner")) as work:
        rows = await work.fetch(
            """SELECT other.id FROM child c JOIN child other ON other.commissioner_id = c.commissioner_id
               AND other.family_id = c.family_id WHERE c.commissioner_id = $1 AND c.id = $2 ORDER BY other.id""",
            work.actor.commissioner_id, UUID(payload["child"]),
        )  # fmt: skip
        for row in rows:
            await work_out_child(work, row["id"])


@job(SETTLE)
async def settle_a_correction(settings: Settings, payload: dict[str, Any]) -> None:
    """What a family, or its referrer, said to a correction that charges more. Run twice, it is done once."""
    await settle_correction(UUID(payload["provider"]), UUID(payload["correction"]))


async def owe_closed_periods(work: Work) -> int:
    """Record the duty to invoice of every closed, uninvoiced period the commissioner pays for; returns how many."""
    payer_id = work.actor.commissioner_id
    assert payer_id is not None
    rows = await work.fetch(
        f"""SELECT v.framework_id, n.name, v.provider_id, min((v.planned_start AT TIME ZONE 'Europe/London')::date) AS first
           FROM visit v JOIN framework n ON n.id = v.framework_id
           JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND f.payer_id = $1
               AND {FUNDED}
           WHERE v.planned_start < $2 AND NOT EXISTS (
             SELECT 1 FROM invoice i WHERE i.commissioner_id = $1 AND i.framework_id = v.framework_id
             AND i.provider_id = v.provider_id AND i.replaced_at IS NULL
             AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN i.first_day AND i.last_day)
           GROUP BY 1, 2, 3""",  # noqa: E501, S608 - our own fragment
        payer_id, work.now,
    )  # fmt: skip
    owed = 0
    for row in rows:
        pack = await pack_of(work, row["framework_id"])
        for period in await billing_periods(work, row["framework_id"], row["first"], local_day(work.now)):
            closes = end_of_day(period.last_day)
            if is_before(work.now, closes) or not await _has_uninvoiced(work, row, period.first_day, period.last_day):
                continue
            owed += (
                await owe(
                    work,
                    pack,
                    SUBMIT,
                    subject_type="invoice_period",
                    subject_id=period_subject(row["framework_id"], payer_id, period),
                    reference=f"{row['name']}, {period.first_day:%-d %B} to {period.last_day:%-d %B %Y}",
                    owed_by=Owed(organisation_id=row["provider_id"]),
                    owed_to=payer_id,
                    link=f"/invoices/draft/{row['framework_id']}/{payer_id}/{period.first_day}",
                    title="Check and submit the period's invoice",
                    starts_at=closes,
                    due_at=invoice_due_at(pack, period),
                    commissioner_id=payer_id,
                    framework_id=row["framework_id"],
                )
                is not None
            )
    return owed


async def _has_uninvoiced(work: Work, row: object, first_day: object, last_day: object) -> bool:
    return await work.fetchval(
        f"""SELECT EXISTS (SELECT 1 FROM visit v
           JOIN package_funding f ON f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id AND f.payer_id = $1
               AND {FUNDED}
           WHERE v.framework_id = $2 AND v.provider_id = $3
             AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN $4 AND $5
             AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.commissioner_id = $1 AND i.framework_id = $2 AND i.provider_id = $3
               AND i.first_day = $4 AND i.replaced_at IS NULL))""",  # noqa: E501, S608 - our own fragment
        work.actor.commissioner_id, row["framework_id"], row["provider_id"], first_day, last_day,  # type: ignore[index]
    )  # fmt: skip
