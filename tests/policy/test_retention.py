"""How long files are kept: every pack has a period for every kind; limits go before needs; days to the day."""

from datetime import date
from typing import Any

import pytest

from marketplace.policy.pack import PackError, load_pack
from marketplace.policy.retention import PROVIDER_FILES, WORKER_FILES, keep_until, retention_of
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

ALL = [LEWISHAM, PDPS, HARROWDALE]


@pytest.mark.parametrize("name", ALL, ids=str)
def test_every_kind_of_file_has_its_period(name: Any) -> None:
    rules = {rule.key: rule for rule in load_pack(name).content.retention}
    assert set(rules) == {*WORKER_FILES, *PROVIDER_FILES}
    for kind in PROVIDER_FILES:
        assert rules[kind].counts_from == "upload", kind


@pytest.mark.parametrize("name", ALL, ids=str)
def test_a_scan_of_a_dbs_certificate_is_kept_six_months_at_most(name: Any) -> None:
    rule = retention_of([load_pack(name)], "dbs_certificate", date(2026, 5, 11))
    assert rule is not None and rule.at_most and rule.months <= 6 and rule.counts_from == "upload"


def test_no_answer_keeps_a_scan_of_a_dbs_certificate_longer() -> None:
    pack = load_pack(LEWISHAM)
    with pytest.raises(PackError, match="must be 6 months or fewer"):
        pack.with_decisions({"retention.dbs_certificate": 7})
    assert keep_until(
        [pack.with_decisions({"retention.dbs_certificate": 3})], "dbs_certificate", date(2026, 5, 11), None
    ) == date(2026, 8, 11)


def test_the_day_is_counted_by_the_calendar() -> None:
    pack = load_pack(LEWISHAM)
    assert keep_until([pack], "dbs_certificate", date(2026, 8, 31), None) == date(2027, 2, 28)
    assert keep_until([pack], "right_to_work", date(2026, 5, 11), None) is None
    assert keep_until([pack], "right_to_work", date(2026, 5, 11), date(2026, 9, 30)) == date(2028, 9, 30)
    assert keep_until([pack], "right_to_work", date(2026, 5, 11), date(2025, 1, 31)) == date(2028, 5, 11)


def test_of_two_frameworks_the_shorter_limit_and_the_longer_need_hold() -> None:
    ours, others = load_pack(LEWISHAM), load_pack(HARROWDALE)
    day = date(2026, 5, 11)
    assert keep_until([ours, others], "dbs_certificate", day, None) == date(2026, 10, 11)
    assert keep_until([ours, others], "policy", day, None) == date(2029, 6, 11)
    assert keep_until([], "policy", day, None) is None
