"""The bounds a search compares days with say the same as readiness itself, on every day of the calendar."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from marketplace.policy.bounds import ReadinessBounds, earliest_day_that_counts, readiness_bounds
from marketplace.policy.facts import CheckRecord, CompetencyRecord, WorkerFacts
from marketplace.policy.pack import Pack, UnknownCode, load_pack
from marketplace.policy.standing import last_good_day, worker_readiness
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

PACKS: list[Pack] = [load_pack(LEWISHAM), load_pack(PDPS), load_pack(Path(HARROWDALE))]
days = some.dates(date(2019, 1, 1), date(2033, 12, 31))
LEAP_DAY = date(2028, 2, 29)


@given(some.sampled_from(PACKS), days, some.integers(1, 60))
@example(PACKS[0], date(2027, 2, 28), 6)
@example(PACKS[0], LEAP_DAY, 12)
@example(PACKS[2], date(2027, 2, 28), 12)
@example(PACKS[2], date(2028, 3, 1), 1)
def test_the_earliest_day_counts_and_the_day_before_does_not(pack: Pack, on: date, months: int) -> None:
    day = earliest_day_that_counts(pack, on, months)
    assert last_good_day(pack, day, months) >= on
    assert last_good_day(pack, day - timedelta(days=1), months) < on


@given(some.sampled_from(PACKS), days, some.integers(1, 60))
def test_what_counts_goes_on_counting_when_it_was_done_later(pack: Pack, on: date, months: int) -> None:
    """Adding months never goes backwards: otherwise no single day could be the bound."""
    later = [last_good_day(pack, on + timedelta(days=each), months) for each in range(70)]
    assert later == sorted(later)


def test_beyond_the_calendar_everything_counts() -> None:
    assert earliest_day_that_counts(PACKS[0], date(3, 1, 1), 60) == date.min


def test_an_unknown_lot_is_refused() -> None:
    with pytest.raises(UnknownCode):
        readiness_bounds(PACKS[0], "Z", LEAP_DAY)


def within(bounds: ReadinessBounds, worker: WorkerFacts) -> bool:
    """A worker held against the bounds, the way a search does it: days and names compared, nothing worked out."""
    on, own = bounds.on, {worker.id, *worker.also_known_as}
    signed = [
        record
        for record in worker.competencies
        if record.method in bounds.signing_methods
        and record.signed_off_by
        and (record.signed_off_by not in own or bounds.own_sign_off_counts)
    ]

    def done(day: date | None, since: date | None) -> bool:
        return day is not None and day <= on and (since is None or day >= since)

    return (
        (not bounds.roles or worker.role in bounds.roles)
        and not worker.stood_down
        and (worker.left_on is None or worker.left_on >= on)
        and (bounds.dbs_since is None or done(worker.dbs_checked_on, bounds.dbs_since))
        and (worker.role not in bounds.registered_roles or (worker.nmc_until is not None and worker.nmc_until >= on))
        and all(
            any(record.code == bound.code and done(record.assessed_on, bound.since) for record in signed)
            for bound in bounds.competencies
        )
        and all(
            (bound.drivers_only and not worker.drives)
            or any(
                record.code == bound.code
                and done(record.done_on, bound.since)
                and (record.valid_until is None or record.valid_until >= on)
                for record in worker.checks or ()
            )
            for bound in bounds.checks
        )
    )


@given(some.data(), some.sampled_from(PACKS), days)
def test_bounds_and_readiness_agree_about_any_worker(data: some.DataObject, pack: Pack, on: date) -> None:
    """A worker with everything asked, done about when it just still counts; then one thing changed at random."""
    lot = data.draw(some.sampled_from(sorted(pack.lots)))
    starred = tuple(row.competency for row in pack.requirements(lot) if row.kind == "where_needed")
    needs = tuple(data.draw(some.sets(some.sampled_from(starred)))) if starred else ()
    bounds = readiness_bounds(pack, lot, on, needs)

    def near(since: date | None) -> date:
        spread = data.draw(some.sampled_from((0, 0, 0, 0, 0, 1, 2, 30, -1)))
        return (since or on - timedelta(days=3000)) + timedelta(days=spread)

    signing = some.sampled_from((*bounds.signing_methods, *bounds.signing_methods, *pack.methods))
    assessors = some.sampled_from(("Alex Moor", "Alex Moor", "Alex Moor", "Wren Ashby", None))
    facts = WorkerFacts(
        id="w1",
        role=data.draw(some.sampled_from(bounds.roles or tuple(pack.roles))),
        dbs_checked_on=near(bounds.dbs_since),
        nmc_until=on + timedelta(days=data.draw(some.sampled_from((0, 1, 300, -1)))),
        stood_down=data.draw(some.sampled_from((False, False, False, True))),
        competencies=tuple(
            CompetencyRecord(bound.code, near(bound.since), data.draw(signing), data.draw(assessors))
            for bound in bounds.competencies
        ),
        also_known_as=("Wren Ashby",),
        checks=tuple(
            CheckRecord(bound.code, near(bound.since), data.draw(some.sampled_from((None, on, on + timedelta(days=9)))))
            for bound in bounds.checks
        ),
        drives=data.draw(some.booleans()),
        left_on=data.draw(some.sampled_from((None, None, on, on - timedelta(days=1)))),
    )
    assert within(bounds, facts) == worker_readiness(pack, lot, on, facts, needs).ready
