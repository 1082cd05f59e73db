"""The terms written out day by day say of every visit what the rule says, whatever the pack and the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from marketplace.policy.calendar import end_of_day, local_day
from marketplace.policy.day_terms import day_terms, percent_by_terms
from marketplace.policy.facts import Visit
from marketplace.policy.pack import load_pack
from marketplace.policy.pricing import band_of, charged_percent

FIRST, LAST = date(2026, 3, 20), date(2026, 11, 5)  # both changes of the clock, Easter and the summer's bank holidays
PACKS = [
    load_pack("lewisham-2017"),
    load_pack("cambridgeshire-peterborough-pdps"),
    load_pack("lewisham-2017").with_decisions(
        {
            "settings.charging.cancelled_late_percent": 33,
            "settings.charging.missed_percent": 7,
            "settings.charging.cancelled_on_arrival_percent": 91,
            "settings.charging.notice_hours": 49,
            "settings.charging.exact_notice_is_enough": False,
        }
    ),
]
OUTCOMES = ["delivered", "cancelled_on_arrival", "cancelled_by_family", "cancelled_by_provider", "missed"]
MINUTES = st.integers(0, 24 * 60 * 200)


@given(
    st.sampled_from(PACKS), MINUTES, st.sampled_from(OUTCOMES),
    st.none() | st.integers(-60, 4000) | st.sampled_from([24 * 60, 49 * 60, 48 * 60]),
)  # fmt: skip
def test_the_share_read_off_a_days_terms_is_the_rules(pack, minute, outcome, notice):
    start = datetime(2026, 3, 21, tzinfo=UTC) + timedelta(minutes=minute)
    noticed = None if notice is None else start - timedelta(minutes=notice)
    visit = Visit(
        id="v", lot="", activity="", planned_start=start, planned_end=start + timedelta(hours=1), outcome=outcome,
        notice_at=noticed,
    )  # fmt: skip
    (terms,) = day_terms(pack, local_day(start), local_day(start))
    assert percent_by_terms(terms, outcome, start, noticed) == charged_percent(pack, visit)


def test_days_follow_each_other_without_a_gap_and_have_the_rules_band():
    for pack in PACKS:
        terms = day_terms(pack, FIRST, LAST)
        assert [each.day for each in terms] == [FIRST + timedelta(days=n) for n in range(len(terms))]
        assert terms[-1].day == LAST and {each.band for each in terms} <= set(pack.bands)
        for each, following in pairwise(terms):
            assert following.starts_at == end_of_day(each.day).astimezone(UTC)
            assert each.band == band_of(pack, each.day)
        lengths = {(b.starts_at - a.starts_at) for a, b in pairwise(terms)}
        assert lengths == {timedelta(hours=23), timedelta(hours=24), timedelta(hours=25)}
