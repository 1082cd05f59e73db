"""What the random histories start from: a provider with two packages, one paid by two commissioners, visits planned.

Cancellations are charged, and the first package has a written agreement about miles that does not go far.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

import asyncpg

from marketplace.billing.agreements import Terms, agree_to, propose
from marketplace.frameworks.queries import billing_period
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, prepare_connection
from marketplace.policy.calendar import Period
from marketplace.providers import file_actions
from marketplace.settings import Settings
from tests.world import packages, people, referrals
from tests.world.billing import banked
from tests.world.packages import Case

NORTH, SOUTH = 0, 1  # the payers: the first pays for the first package alone, both for the second
SHARES = (6_001, 3_999)  # basis points that leave pennies over
START, END = time(16), time(17, 35)
MINUTES = 95
# (days after the period's first, a Monday; which package). Saturdays and Sundays cost more.
PLAN = ((1, 0), (2, 1), (5, 0), (6, 1), (9, 0))
FIRST = 7  # the packages start in the second week of the first period
PERIODS = 3
LATE, ON_ARRIVAL = 33, 100  # percent of the price
ANSWERS = {
    "settings.charging.cancelled_on_arrival_percent": ON_ARRIVAL,
    "settings.charging.cancelled_late_percent": LATE,
}
MILE, MILES_IN_ALL = 45, 1_500  # pence: what one above the pack's twenty costs, and all of them together


@dataclass
class Planned:
    """One planned visit: which of the periods it lies in, its day, and which package it belongs to."""

    id: UUID
    period: int
    day: date
    ends_at: datetime
    package: int


@dataclass
class HistoryWorld:
    """Two cases of one provider and their two payers' finance officers, two of each."""

    cases: tuple[Case, Case]
    officers: tuple[tuple[Actor, Actor], tuple[Actor, Actor]]
    payers: tuple[UUID, UUID]
    periods: tuple[Period, ...]
    visits: tuple[Planned, ...]
    agreement_id: UUID  # about miles of the first package's visits
    mileage_log: UUID

    @property
    def framework_id(self) -> UUID:
        return self.cases[0].world.framework_id

    @property
    def manager(self) -> Actor:
        return self.cases[0].manager


async def two_payers(settings: Settings) -> HistoryWorld:
    """Made by actions, but for the shares of the second package, which two councils would agree over days."""
    partner = await people.council(settings, "Southmere Council")
    world = await referrals.borough(settings, provider_names=("Alder Care",), partners=[partner], answers=ANSWERS)
    first = await packages.set_up(world)
    child_id = await referrals.add_child(world.referrer, "Noor Haddad", other_names="")
    family = await referrals.family_of(world.referrer, child_id, "Samir Haddad", email="samir@example.org")
    second = await packages.set_up(world, child_id=child_id, family=family, worker_people=(first.worker, first.backup))
    north, south = world.admin.organisation_id, partner.organisation_id
    assert north is not None and south is not None
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        await prepare_connection(connection)
        await connection.execute(
            "UPDATE package_funding SET share_basis_points = $2 WHERE package_id = $1", second.package_id, SHARES[NORTH]
        )
        await connection.execute(
            """INSERT INTO package_funding (commissioner_id, package_id, framework_id, provider_id, payer_id,
               share_basis_points, starts_on)
               SELECT commissioner_id, package_id, framework_id, provider_id, $2, $3, starts_on
               FROM package_funding WHERE package_id = $1""",
            second.package_id, south, SHARES[SOUTH],
        )  # fmt: skip
        log = await file_actions.announce(
            first.manager, kind="policy", file_name="log.pdf", size=9, content_type="application/pdf"
        )
        await connection.execute(
            "UPDATE evidence SET state = 'checking', quarantine_version = 'v' WHERE id = $1", log.id
        )
    finally:
        await connection.close()
    await banked(first.manager)
    terms = Terms("mileage", "The pool is far out", MILE, MILES_IN_ALL, date(2026, 1, 1), date(2027, 12, 31))
    agreement_id = await propose(first.manager, first.package_id, terms)
    await agree_to(first.referrer, agreement_id)
    cases = first, second
    officers = tuple(
        [(await people.person_in(admin, "finance"), await people.person_in(admin, "finance"))
         for admin in (world.admin, partner)]
    )  # fmt: skip
    periods: list[Period] = []
    visits: list[Planned] = []
    day = (await first.package()).starts_on
    for n in range(PERIODS + 1):
        period = await ask(first.manager, billing_period, world.framework_id, day)
        periods.append(period)
        day = period.last_day + timedelta(days=1)
        for after, package in PLAN if n < PERIODS else ():
            on = period.first_day + timedelta(days=after + (0 if n else FIRST))
            visit_id = await packages.a_visit(cases[package], on, START, END)
            ends_at = (await cases[package].visit(visit_id)).planned_end
            visits.append(Planned(visit_id, n, on, ends_at, package))
    return HistoryWorld(
        cases, officers, (north, south), tuple(periods), tuple(visits), agreement_id, log.id  # type: ignore[arg-type]
    )  # fmt: skip
