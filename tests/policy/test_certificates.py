"""DBS certificates: what a clear check needs of its own, by pack, and which certificate settles news of another."""

from __future__ import annotations

from datetime import date

import pytest

from marketplace.policy.certificates import certificate_gaps, settles
from marketplace.policy.pack import load_pack
from tests.policy.policy_builders import HARROWDALE, LEWISHAM, PDPS

FOUND = date(2026, 5, 9)
DAY = date(2026, 5, 1)
NUMBER = "001234567890"


@pytest.mark.parametrize(
    ("number", "issued_on", "workforce", "barred_list", "missing"),
    [
        (NUMBER, DAY, "child", True, ()),
        (None, DAY, "child", True, ("number",)),
        ("", None, "child", True, ("number", "issued_on")),
        (NUMBER, DAY, None, True, ("workforce",)),
        (NUMBER, DAY, "child", False, ("barred_list",)),
        (None, None, None, None, ("number", "issued_on", "workforce", "barred_list")),
    ],
)
def test_a_clear_check_is_of_a_certificate_and_of_the_barred_list_where_a_pack_asks_for_it(
    number: str | None, issued_on: date | None, workforce: str | None, barred_list: bool | None,
    missing: tuple[str, ...],
) -> None:  # fmt: skip
    given = (number, issued_on, workforce, barred_list)
    lewisham, community, harrowdale = load_pack(LEWISHAM), load_pack(PDPS), load_pack(HARROWDALE)
    for packs in ([lewisham], [community], [harrowdale, lewisham]):
        assert certificate_gaps(packs, *given) == missing
    without = tuple(name for name in missing if name != "barred_list")
    assert certificate_gaps([harrowdale], *given) == certificate_gaps([], *given) == without


@pytest.mark.parametrize(
    ("issued_on", "another", "itself"),
    [
        (None, False, False),
        (date(2026, 5, 8), False, False),
        (date(2026, 5, 9), True, False),
        (date(2026, 5, 10), True, True),
    ],
)
def test_another_certificate_of_that_day_settles_news_and_the_same_number_only_where_issued_since(
    issued_on: date | None, another: bool, itself: bool
) -> None:
    assert settles(FOUND, issued_on, another=True) is another
    assert settles(FOUND, issued_on, another=False) is itself
