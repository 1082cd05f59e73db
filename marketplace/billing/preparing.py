"""The four-weekly run: when a period is over, every provider's draft is made for it, one commissioner at a time.

A draft comes to what `policy/invoicing.py` would judge it to be now, whether its numbers were made by sets
(preparing_sql.py) or, where sets do not settle it, by the rule itself. It binds nobody: the provider's page and its
submission judge the records as they are then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from marketplace.billing.drafting import draft
from marketplace.billing.preparing_sql import PREPARE
from marketplace.frameworks.queries import billing_period, pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotPermitted
from marketplace.policy.calendar import ONE_DAY, Period, end_of_day, is_before, local_day, midnight
from marketplace.policy.day_terms import DayTerms, day_terms
from marketplace.policy.funding import WHOLE
from marketplace.policy.invoicing import invoice_due_at
from marketplace.policy.pack import Pack

# A visit may begin before its planned day and end after its period; beyond these days the rule itself is asked.
BEFORE, AFTER = timedelta(days=1), timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One payer's drafts of one framework's period: how many there are, of those how many were judged by the rule
    itself, lack a rate, or were made (again) just now, and how many visits they hold."""

    framework_id: UUID
    period: Period
    drafts: int
    lines: int
    by_rules: int
    unpriced: int
    made: int


async def prepare_drafts(
    actor: Actor, *, day: date | None = None, again: bool = False, daily: bool = False
) -> list[Prepared]:
    """Make every draft the acting commissioner's providers could submit for a finished period, in one unit.

    The period is the one that holds `day` (default: the last one that is over) of each of its frameworks. What is
    prepared already is passed over, or, with `again` (`daily`: where that was on an earlier day), looked at anew:
    drafts that still come to the same stay. Runs side by side take turns. Raises `NotPermitted` for anybody but the
    system acting for a commissioner, `CalendarError` past the published bank holidays.
    """
    payer_id = actor.commissioner_id
    if actor.role != "system" or payer_id is None:
        raise NotPermitted
    async with unit_of_work(actor) as work:
        await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"prepared drafts {payer_id}")
        found: list[Prepared] = []
        frameworks = await work.fetch(
            """SELECT f.id FROM framework f JOIN framework_member m ON m.framework_id = f.id AND m.commissioner_id = $1
               WHERE EXISTS (SELECT 1 FROM package_funding p WHERE p.payer_id = $1 AND p.framework_id = f.id)
               ORDER BY f.id""",
            payer_id,
        )  # fmt: skip
        for row in frameworks:
            period = await finished_period(work, row["id"], day)
            if period is None:
                continue
            before = await _prepared_at(work, payer_id, row["id"], period)
            if before is None or again or (daily and local_day(before) < local_day(work.now)):
                found.append(await _prepare(work, payer_id, row["id"], period))
        return found


async def finished_period(work: Work, framework_id: UUID, day: date | None = None) -> Period | None:
    """The framework's billing period that holds the day if it is over; by default the last one that is."""
    period = await billing_period(work, framework_id, day or local_day(work.now))
    if day is None and is_before(work.now, end_of_day(period.last_day)):
        period = await billing_period(work, framework_id, period.first_day - ONE_DAY)
    return None if is_before(work.now, end_of_day(period.last_day)) else period


async def _prepared_at(work: Work, payer_id: UUID, framework_id: UUID, period: Period) -> datetime | None:
    return await work.fetchval(
        """SELECT prepared_at FROM prepared_period
           WHERE commissioner_id = $1 AND framework_id = $2 AND first_day = $3""",
        payer_id, framework_id, period.first_day,
    )  # fmt: skip


async def _prepare(work: Work, payer_id: UUID, framework_id: UUID, period: Period) -> Prepared:
    pack = await pack_of(work, framework_id)
    asked = _parameters(
        work, payer_id, framework_id, period, pack, await _reaches_back_to(work, payer_id, framework_id)
    )
    # One plan for every commissioner. Left alone the planner takes a tenant's visits for one row, by policies and
    # conditions multiplied, and would read its whole rate card again for each of them.
    # What policies say of other readers makes it look dear enough to be compiled, which takes longer than to run it.
    # Few rows expected, it would sort a commissioner's lines to sum them, or spill their lists: neither is needed.
    await work.execute(
        "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off;"
        " SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"
    )
    row = await work.fetchrow(PREPARE, *asked)
    await work.execute(
        "SET LOCAL plan_cache_mode = auto; SET LOCAL enable_nestloop = on; SET LOCAL enable_sort = on;"
        " SET LOCAL work_mem TO DEFAULT; SET LOCAL jit TO DEFAULT"
    )
    assert row is not None
    judged = [await _by_the_rule(work, payer_id, framework_id, each, period) for each in row["by_rules"]]
    result = Prepared(
        framework_id=framework_id,
        period=period,
        drafts=row["drafts"] + len(judged),
        lines=row["lines"] + sum(each or 0 for each in judged),
        by_rules=len(judged),
        unpriced=row["unpriced"] + judged.count(None),
        made=row["made"] + len(judged),
    )
    await work.execute(
        """INSERT INTO prepared_period (commissioner_id, framework_id, first_day, last_day, prepared_at, pack_hash,
               drafts, lines, by_rules, unpriced) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (commissioner_id, framework_id, first_day) DO UPDATE SET prepared_at = $5, pack_hash = $6,
               drafts = $7, lines = $8, by_rules = $9, unpriced = $10""",
        payer_id, framework_id, period.first_day, period.last_day, work.now, pack.content_hash,
        result.drafts, result.lines, result.by_rules, result.unpriced,
    )  # fmt: skip
    work.audit(
        "drafts.prepared",
        "framework",
        framework_id,
        commissioner_id=payer_id,
        first_day=period.first_day,
        drafts=result.drafts,
        lines=result.lines,
        by_rules=result.by_rules,
        unpriced=result.unpriced,
        made=result.made,
    )
    return result


async def _reaches_back_to(work: Work, payer_id: UUID, framework_id: UUID) -> date | None:
    """The first day from which a visit may be held over: that of the first invoice that stands."""
    return await work.fetchval(
        "SELECT min(first_day) FROM invoice WHERE commissioner_id = $1 AND framework_id = $2 AND replaced_at IS NULL",
        payer_id, framework_id,
    )  # fmt: skip


def _parameters(
    work: Work, payer_id: UUID, framework_id: UUID, period: Period, pack: Pack, earliest: date | None
) -> list[Any]:
    """What `preparing_sql` asks for, in its order."""
    first = min(period.first_day, earliest or period.first_day) - BEFORE
    terms: tuple[DayTerms, ...] = day_terms(pack, first, period.last_day + AFTER)
    bands = sorted({each.band for each in terms})
    billing = pack.on(period.last_day).billing
    return [
        payer_id, framework_id, midnight(period.first_day), end_of_day(period.last_day), work.now, period.first_day,
        [*(each.starts_at for each in terms), end_of_day(terms[-1].day)],
        [each.day for each in terms], [bands.index(each.band) + 1 for each in terms],
        [each.on_arrival for each in terms], [each.by_provider for each in terms], [each.missed for each in terms],
        [each.in_time for each in terms], [each.late for each in terms], [each.without_notice for each in terms],
        [each.notice for each in terms], [each.notice_may_equal for each in terms],
        [each.every_worker_billed for each in terms], [each.overrun_needs_approval for each in terms],
        bands, billing.deduction_pence, billing.deduction_once, billing.unfinished_left_off_is_defect,
        not is_before(work.now, invoice_due_at(pack, period)), pack.content_hash, WHOLE, period.last_day,
    ]  # fmt: skip


async def _by_the_rule(work: Work, payer_id: UUID, framework_id: UUID, provider_id: UUID, period: Period) -> int | None:
    """Keep the draft the rule itself judges; returns how many lines it has, None where a rate lacks."""
    key = (payer_id, framework_id, provider_id, period.first_day, period.last_day, work.now)
    pack = await pack_of(work, framework_id)
    try:
        found = await draft(work, framework_id, provider_id, payer_id, period)
    except InvalidInput:  # the rate card lacks a rate: the provider's page says which
        await work.execute(_DRAFT, *key, pack.content_hash, True, 0, 0, [], 0, 0, 0, 0, 0, "", *([] for _ in range(7)))
        return None
    result = found.result
    await work.execute(
        _DRAFT, *key, pack.content_hash, False, len(result.lines), sum(line.held for line in result.lines),
        msgspec.to_builtins(result.defects), result.gross_pence, result.deduction_pence, result.carried_in_pence,
        result.net_pence, result.carried_out_pence, found.fingerprint,
        [record.id for record in found.records],
        [None if record.commissioner_id == payer_id else record.commissioner_id for record in found.records],
        [line.minutes for line in result.lines], [line.percent for line in result.lines],
        [line.price_pence for line in result.lines], [line.payable_pence for line in result.lines],
        [" ".join(line.missing) or None for line in result.lines],
    )  # fmt: skip
    return len(result.lines)


_DRAFT = """INSERT INTO prepared_draft (commissioner_id, framework_id, provider_id, first_day, last_day,
        prepared_at, pack_hash, by_rules, unpriced, visits, held, defects, gross_pence, deduction_pence,
        carried_in_pence, net_pence, carried_out_pence, fingerprint,
        visit_ids, visit_commissioner_ids, minutes, percents, prices, payables, missing)
    VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20, $21, $22, $23, $24)"""
