"""What a child's visits draw from an allocation: priced from the records, or as planned, and then by the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from marketplace.billing.records import WORKERS_AND_SHARES, record_of
from marketplace.frameworks.queries import pack_of, rate_card_rows
from marketplace.packages.planning import pattern_of
from marketplace.packages.tables import Package
from marketplace.platform.database import Work
from marketplace.policy.budgets import Draw, Figures, Unit, drawn, figures
from marketplace.policy.calendar import CalendarError, elapsed, is_before, local_day
from marketplace.policy.facts import RateCard, Visit
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, price_pattern, price_visit

MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)

_VISITS = f"""SELECT v.*, p.reference AS package_reference, false AS held_over, w.workers, s.shares
    FROM package p JOIN visit v ON v.commissioner_id = p.commissioner_id AND v.package_id = p.id
    {WORKERS_AND_SHARES}
    WHERE p.commissioner_id = $1 AND p.child_id = $2 AND p.direct_payment_id IS NULL
      AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN $3 AND $4
    ORDER BY v.planned_start, v.id"""  # noqa: S608 - our own fragment


# The times of the weekly pattern that visits stood for before they were moved: no further visit is expected there.
_SLOTS = """SELECT v.package_id, v.slot_start, v.slot_end
    FROM package p JOIN visit v ON v.commissioner_id = p.commissioner_id AND v.package_id = p.id
    WHERE p.commissioner_id = $1 AND p.child_id = $2 AND v.slot_start IS NOT NULL
      AND (v.slot_start AT TIME ZONE 'Europe/London')::date BETWEEN $3 AND $4"""


@dataclass(frozen=True, slots=True)
class DrawnVisit:
    """One visit as it draws: its day, package, outcome (None: planned), share charged, and what it takes."""

    visit_id: UUID
    day: date
    package_reference: str
    outcome: str | None
    percent: int
    amount: int


@dataclass(frozen=True, slots=True)
class Spending:
    """An allocation worked out: figures, the visits behind them, and how many no rate can price."""

    figures: Figures
    visits: tuple[DrawnVisit, ...]
    expected: int | None
    unpriced: int
    pack: Pack | None


async def spending(
    work: Work, commissioner_id: UUID, child_id: UUID, unit: Unit, amount: int, starts_on: date, ends_on: date
) -> Spending:
    """Work an allocation out from the child's visits in all its packages, whichever council pays for them."""
    terms: dict[UUID, tuple[Pack, RateCard]] = {}
    packages = (
        await Package.objects()
        .where(Package.commissioner_id == commissioner_id)
        .where(Package.child_id == child_id)
        .where(Package.state != "undone")
        .where(Package.direct_payment_id.is_null())
        .order_by(Package.awarded_at)
    )
    for package in packages:
        pack = await pack_of(work, package.framework_id)
        terms[package.id] = pack, await rate_card_rows(work, package.framework_id, package.provider_id)
    draws: list[Draw] = []
    lines: list[DrawnVisit] = []
    planned: dict[UUID, list[tuple[datetime, datetime]]] = {}
    unpriced = 0
    for row in await work.fetch(_VISITS, commissioner_id, child_id, starts_on, ends_on):
        if row["package_id"] not in terms:
            continue
        record = record_of(row)
        pack, card = terms[record.package_id]
        visit = record.facts if record.recorded else as_planned(record.facts)
        day = local_day(visit.planned_start)
        planned.setdefault(record.package_id, []).append((visit.planned_start, visit.planned_end))
        try:
            price = price_visit(pack, card, visit)
        except (RateMissing, CalendarError):
            unpriced += 1
            continue
        taken = drawn(unit, price, elapsed(visit.planned_start, visit.planned_end) // MINUTE)
        draws.append(Draw(day, "spent" if record.recorded else "committed", taken))
        outcome = visit.outcome if record.recorded else None
        lines.append(DrawnVisit(record.id, day, record.package_reference, outcome, price.percent, taken))
    for row in await work.fetch(_SLOTS, commissioner_id, child_id, starts_on, ends_on):
        planned.setdefault(row["package_id"], []).append((row["slot_start"], row["slot_end"]))
    known = True
    for package in packages:
        first = max(starts_on, package.starts_on, local_day(work.now) + ONE_DAY)
        taken_up = planned.get(package.id, [])
        expected = await _expected(work, package, *terms[package.id], unit, first, ends_on, taken_up)
        known = known and expected is not None
        draws += expected or []
    found = figures(amount, draws, forecast=known)
    return Spending(found, tuple(lines), found.expected, unpriced, next((terms[each.id][0] for each in packages), None))


def as_planned(visit: Visit) -> Visit:
    """A visit nothing is recorded of yet, as if it had been just as it is planned."""
    return msgspec.structs.replace(visit, actual_start=visit.planned_start, actual_end=visit.planned_end)


async def _expected(
    work: Work, package: Package, pack: Pack, card: RateCard, unit: Unit, first: date, last: date,
    visits: Sequence[tuple[datetime, datetime]],
) -> list[Draw] | None:  # fmt: skip
    """The weekly pattern of a running package where no visit stands, cancelled or not; None where it has no price."""
    if package.state not in ("set_up", "active"):
        return []
    last = min(last, package.ends_on or last)
    if first > last:
        return []
    pattern = await pattern_of(work, package)
    try:
        price = price_pattern(pack, card, package.lot_code, pattern, first, last, package.workers_per_visit)
    except (RateMissing, CalendarError):
        return None
    return [
        Draw(local_day(each.start), "expected", each.pence if unit == "pence" else each.minutes)
        for each in price.visits
        if not any(is_before(start, each.end) and is_before(each.start, end) for start, end in visits)
    ]
