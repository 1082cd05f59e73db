"""When people are warned of evidence that lapses, and what a provider's lapsed cover does, by the pack."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from marketplace.policy.coverage import GROUNDS, InsuranceEntry, grounds, latest_insurance_day, slip_put_right
from marketplace.policy.facts import Admission, ProviderFacts, WorkerFacts
from marketplace.policy.pack import Pack, load_pack
from marketplace.policy.reminders import farthest_warning, newest_warning, warning_days
from marketplace.policy.standing import SENTENCES, competency_current_until, dbs_current_until, worker_readiness
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

PACK = load_pack(LEWISHAM)
LAST = date(2026, 12, 31)


def test_both_councils_warn_at_twelve_eight_and_four_weeks_then_two_weeks_one_week_one_day_and_on_the_day():
    for name in (LEWISHAM, PDPS):
        pack = load_pack(name)
        assert [ahead for ahead, _ in warning_days(pack, LAST)] == [84, 56, 28, 14, 7, 1, 0]
        assert farthest_warning(pack) == 84
    assert warning_days(PACK, LAST)[0] == (84, date(2026, 10, 8))
    assert warning_days(PACK, LAST)[-1] == (0, LAST)


def test_another_council_warns_on_other_days():
    assert [ahead for ahead, _ in warning_days(load_pack(HARROWDALE), LAST)] == [30, 10, 0]


@pytest.mark.parametrize(
    ("after", "on", "expected"),
    [
        (None, date(2026, 10, 7), None),
        (None, date(2026, 10, 8), 84),
        (date(2026, 10, 8), date(2026, 10, 9), None),
        (date(2026, 10, 8), date(2026, 12, 3), 28),
        (date(2026, 12, 30), LAST, 0),
        (LAST, date(2027, 1, 1), None),
        # after days without a look only the newest is said
        (date(2026, 12, 1), date(2026, 12, 30), 1),
        (None, date(2027, 6, 1), 0),
    ],
)
def test_the_newest_warning_since_the_last_look(after: date | None, on: date, expected: int | None):
    assert newest_warning(PACK, LAST, after, on) == expected


@given(some.lists(some.integers(0, 140), min_size=1, max_size=40, unique=True))
def test_whatever_days_are_looked_on_no_warning_is_said_twice_and_the_last_is_never_lost(days: list[int]):
    said: list[int] = []
    before: date | None = LAST - timedelta(days=120)
    for day in sorted(LAST - timedelta(days=100) + timedelta(days=n) for n in days):
        step = newest_warning(PACK, LAST, before, day)
        said += [] if step is None else [step]
        before = day
    assert said == sorted(set(said), reverse=True)
    if before is not None and before >= LAST:
        assert said[-1] == 0


@given(done=some.dates(date(2023, 1, 1), date(2027, 12, 31)))
def test_the_last_good_day_is_the_last_day_readiness_accepts(done: date):
    until = dbs_current_until(PACK, done)
    worker = WorkerFacts(id="w", role="support_worker", dbs_checked_on=done, nmc_until=None, stood_down=False)
    assert "dbs_check_overdue" not in {r.code for r in worker_readiness(PACK, "C", until, worker).reasons}
    late = worker_readiness(PACK, "C", until + timedelta(days=1), worker).reasons
    assert "dbs_check_overdue" in {r.code for r in late}
    yearly = next(c for c in PACK.competencies.values() if c.months == 12)
    assert competency_current_until(PACK, yearly.key, date(2024, 2, 29)) == date(2025, 2, 28)


def cover(pack: Any = PACK, **fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": "p", "admissions": (Admission("A", date(2020, 1, 1)), Admission("C", date(2020, 1, 1), date(2026, 6, 1))),
        "suspended": False, "cqc_registered": True, "insurance_until": LAST,
    }  # fmt: skip
    return {each.rule.key: each for each in grounds(pack, fields.pop("on", LAST), ProviderFacts(**values | fields))}


def test_insurance_counts_to_its_last_day_and_stops_every_lot():
    assert cover()["insurance_lapsed"].holds
    gone = cover(on=LAST + timedelta(days=1))["insurance_lapsed"]
    assert (gone.holds, gone.suspends, gone.flags_visits, gone.every_lot, gone.lots) == (
        False,
        True,
        True,
        True,
        ("A",),
    )
    assert not cover(insurance_until=None)["insurance_lapsed"].holds


def test_registration_is_asked_on_lots_with_regulated_care_alone():
    assert cover()["cqc_lapsed"].holds
    gone = cover(cqc_registered=False)["cqc_lapsed"]
    assert (gone.holds, gone.every_lot) == (False, False)
    assert all(PACK.lot(lot).regulated for lot in gone.lots) and gone.lots
    freer = PACK.with_decisions({"lots.A": False})
    assert "cqc_lapsed" not in cover(freer, cqc_registered=False)
    assert cover(freer, cqc_registered=False, on=date(2026, 5, 1))["cqc_lapsed"].lots == ("C",)


def test_a_pack_may_propose_instead_and_one_without_the_rule_does_nothing():
    proposing = PACK.with_decisions({"suspensions.insurance_lapsed": "propose"})
    assert not cover(proposing, on=LAST + timedelta(days=1))["insurance_lapsed"].suspends
    assert cover(load_pack(HARROWDALE), cqc_registered=False, insurance_until=None) == {}
    assert set(GROUNDS.values()) <= set(SENTENCES)


def test_how_far_ahead_an_insurance_is_declared_is_the_packs_to_say():
    assert latest_insurance_day(PACK, date(2026, 2, 28)) == date(2028, 2, 28)
    assert latest_insurance_day(load_pack(HARROWDALE), date(2028, 2, 29)) == date(2031, 2, 28)


GOOD, PAST, RIGHT = date(2027, 3, 1), date(2026, 1, 1), date(2027, 1, 1)


@pytest.mark.parametrize(
    ("entries", "ends"),
    [
        (((0, GOOD), (10, PAST), (13, RIGHT)), True),  # on the third day after, the last one
        (((0, GOOD), (10, PAST), (14, RIGHT)), False),
        (((0, GOOD), (10, PAST), (11, PAST), (12, RIGHT), (12, GOOD)), True),
        (((0, date(2026, 5, 12)), (10, PAST), (12, RIGHT)), True),  # its last day is today
        (((0, date(2026, 5, 11)), (10, PAST), (12, RIGHT)), False),  # it would have run out by itself meanwhile
        (((0, date(2026, 5, 10)), (12, RIGHT)), False),  # it ran out
        (((0, None), (10, PAST), (12, RIGHT)), False),  # there never was any
        (((0, GOOD), (10, PAST)), False),  # nothing was put right
        (((0, GOOD), (4, PAST), (5, date(2026, 5, 10)), (12, RIGHT)), False),  # an older slip, and cover that ran out
    ],
    ids=range(9),
)
def test_what_a_slip_of_typing_brought_about_ends_when_put_right_in_time_and_nothing_else_does(entries, ends):
    def at(day: int) -> datetime:
        return datetime(2026, 4, 30, 9, tzinfo=UTC) + timedelta(days=day)

    said = [InsuranceEntry(at(day), until) for day, until in entries]
    assert slip_put_right(PACK, said, at(11) + timedelta(minutes=1)) is ends
    if ends:
        assert not slip_put_right(load_pack(HARROWDALE), said, at(11)) or entries[-1][0] - entries[1][0] <= 1


def test_a_pack_from_before_lifts_nothing_by_itself():
    older = [each for each in PACK.content.settings if each.key != "providers.cover_slip_days"]
    pack = Pack(msgspec.structs.replace(PACK.content, settings=tuple(older)))
    start = datetime(2026, 5, 10, 9, tzinfo=UTC)
    said = [InsuranceEntry(start, GOOD), InsuranceEntry(start, PAST), InsuranceEntry(start + timedelta(hours=2), GOOD)]
    assert slip_put_right(PACK, said, start) and not slip_put_right(pack, said, start)
