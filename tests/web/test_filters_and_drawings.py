"""How values read, and that drawings carry their facts for those who do not see them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from marketplace.web import svg
from marketplace.web.filters import (
    bracketed,
    cited,
    clock,
    code,
    count,
    day,
    duration,
    listing,
    moment,
    pounds,
    time_left,
    weekday,
)

NOW = datetime(2026, 5, 11, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pence", "text"),
    [(0, "£0.00"), (5, "£0.05"), (123456, "£1,234.56"), (-10000, "−£100.00"), (10**11, "£1,000,000,000.00")],
)
def test_money(pence: int, text: str) -> None:
    assert pounds(pence) == text


def test_days_and_moments_are_londons() -> None:
    assert moment(NOW) == "11 May 2026, 9am"  # summer time
    assert moment(datetime(2026, 1, 5, 21, 5, tzinfo=UTC)) == "5 January 2026, 9:05pm"
    assert day(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)) == "1 July 2026"
    assert day(date(2026, 5, 1)) == "1 May 2026"
    assert weekday(date(2026, 5, 11)) == "Monday 11 May 2026"
    assert [clock(time(0)), clock(time(12)), clock(time(0, 30)), clock(time(12, 1))] == [
        "midnight",
        "midday",
        "12:30am",
        "12:01pm",
    ]
    with pytest.raises(ValueError, match="offset"):
        moment(datetime(2026, 5, 11, 9, 0))  # noqa: DTZ001 -- the point: a naive moment is refused


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(days=3, hours=5), "3 days left"),
        (timedelta(hours=47), "47 hours left"),
        (timedelta(hours=1), "1 hour left"),
        (timedelta(minutes=59, seconds=59), "59 minutes left"),
        (timedelta(seconds=20), "due now"),
        (timedelta(seconds=-20), "due now"),
        (timedelta(minutes=-1), "1 minute late"),
        (timedelta(days=-2), "2 days late"),
    ],
)
def test_time_left(gap: timedelta, words: str) -> None:
    assert time_left(NOW + gap, NOW) == words


def test_spans_counts_and_words() -> None:
    assert duration(150) == "2 hours 30 minutes"
    assert duration(timedelta(minutes=61)) == "1 hour 1 minute"
    assert duration(0) == "0 minutes"
    assert count(1, "offer") == "1 offer"
    assert count(1200, "child", "children") == "1,200 children"
    assert code("contract_manager") == "Contract manager"
    assert [listing([]), listing(["a"]), listing(["a", "b", "c"])] == ["", "a", "a, b and c"]


def test_drawings_are_well_formed_named_and_tabled() -> None:
    night = svg.slot(6, time(22), time(7), "<night> & day", "asked")
    drawings = [
        svg.week([night, svg.slot(0, time(8), time(9, 30))], "Pattern"),
        svg.week([]),
        svg.responses(3, 5, 14),
        svg.responses(0, 0, 0),
        svg.spend([("Mornings", 100_00, 50_00), ("No limit", 0, None)]),
        svg.spend([]),
    ]
    for drawing in drawings:
        figure = ElementTree.fromstring(str(drawing))  # noqa: S314 -- our own markup
        picture = figure.find("svg")
        assert picture is not None
        assert picture.get("aria-label")
        assert figure.find(".//table") is not None
        assert "style=" not in drawing
    assert "&lt;night&gt; &amp; day" in drawings[0]
    assert "10pm to 7am" in drawings[0]
    assert "over" in drawings[4]


def test_letters_are_readable_on_a_narrow_phone_and_never_run_into_each_other() -> None:
    # 320 px less the page's margins of 15 px on either side; the style sheet takes its size from here
    assert svg.LETTER * 290 / svg.WIDTH >= 12
    sheet = (Path(svg.__file__).parent / "assets" / "_frame.scss").read_text(encoding="utf-8")
    assert f"font-size: {svg.LETTER}px; // 12 px" in sheet
    one, two = svg.spend([("Spent", 100, 200)]), svg.spend([("Forecast to the last day", 2_100_00, 2_000_00)])
    assert len(set(re.findall(r'<text class="[a-z-]+" x="[0-9]+" y="([0-9]+)"', one))) == 1
    assert len(set(re.findall(r'<text class="[a-z-]+" x="[0-9]+" y="([0-9]+)"', two))) == 2


def test_a_night_is_drawn_on_both_its_days() -> None:
    one = svg.week([svg.slot(6, time(22), time(7))])
    assert one.count('<rect class="app-svg-slot') == 2
    assert svg.week([svg.slot(6, time(22), time(0))]).count('<rect class="app-svg-slot') == 1


def test_the_countdown_never_leaves_its_bar() -> None:
    for now in (NOW - timedelta(days=9), NOW, NOW + timedelta(hours=1), NOW + timedelta(days=9)):
        picture = ElementTree.fromstring(str(svg.countdown(NOW, NOW + timedelta(hours=2), now)))  # noqa: S314 -- our own
        bar = picture.findall(".//rect")[1]
        assert 0 <= float(bar.get("width", "-1")) <= svg.WIDTH


def test_a_clause_is_cited_by_its_sources_alone():
    said = {
        "P 13.7": "P 13.7",
        "D (after L 10.1)": "after L 10.1",
        "D": "",
        "N (VAT Act 1994 section 4)": "VAT Act 1994 section 4",
        "P 1.1 (names D)": "P 1.1",
        "L 6.7 (opening of lot D)": "L 6.7 (opening of lot D)",
    }
    assert {clause: cited(clause) for clause in said} == said
    assert cited(None) == bracketed(None) == ""  # a suspension for another reason than a rule
    assert (bracketed("P 13.7"), bracketed("D")) == (" (P 13.7)", "")
