"""What people type, what comes of it, and what they are told."""

from __future__ import annotations

import re
from datetime import date, time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.platform.errors import InvalidInput
from marketplace.web.fields import Fields
from marketplace.web.filters import pounds
from marketplace.web.forms import Form
from marketplace.web.templating import Components

FIELDS = Fields(Components())


def typed(**fields: str | list[str]) -> Form:
    return Form({name.replace("__", "-"): [v] if isinstance(v, str) else v for name, v in fields.items()})


def day(text: str) -> Form:
    parts = [*text.split("/"), "", ""][:3]
    return typed(starts__day=parts[0], starts__month=parts[1], starts__year=parts[2])


@pytest.mark.parametrize(
    ("text", "pence"), [("12", 1200), ("£12.5", 1250), ("1,200.05", 120005), (" £ 0.99 ", 99), ("0", 0), ("007", 700)]
)
def test_amounts_are_typed_in_pounds(text: str, pence: int) -> None:
    form = typed(rate=text)
    assert form.pence("rate", "the rate") == pence
    assert not form.errors


@pytest.mark.parametrize("text", ["12.345", "-5", "twelve", "1e9", "12..5", "£", "٣", "9" * 40, "Infinity"])
def test_what_is_no_amount_says_how_to_write_one(text: str) -> None:
    form = typed(rate=text)
    assert form.pence("rate", "the rate") == 0
    assert re.search("rate", form.errors["rate"])
    assert form.value("rate") == text


@given(st.integers(min_value=0, max_value=99_999_999))
def test_an_amount_shown_and_typed_again_is_the_same(pence: int) -> None:
    form = typed(rate=pounds(pence))
    assert form.pence("rate", "the rate") == pence
    again = Form()
    again.set_pence("rate", pence)
    assert again.pence("rate", "the rate") == pence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("11/5/2026", date(2026, 5, 11)),
        ("01/02/2027", date(2027, 2, 1)),
        ("29/Feb/2028", date(2028, 2, 29)),
        ("3/september/2026", date(2026, 9, 3)),
    ],
)
def test_days_are_three_fields(text: str, expected: date) -> None:
    form = day(text)
    assert form.date("starts", "the start date") == expected
    assert not form.errors


@pytest.mark.parametrize(
    ("text", "sentence", "field"),
    [
        ("", "Enter the start date", "starts-day"),
        ("11//2026", "The start date must include a month", "starts-month"),
        ("11", "The start date must include a month and a year", "starts-month"),
        ("31/2/2026", "The start date must be a real date, like 11 5 2026", "starts-day"),
        ("1/1/26", "The start date must be a real date, like 11 5 2026", "starts-day"),
        ("1/1/99999999999999999999", "The start date must be a real date, like 11 5 2026", "starts-day"),
        ("10/5/2026", "The start date must be 11 May 2026 or later", "starts-day"),
    ],
)
def test_a_day_that_is_none_leads_to_its_field(text: str, sentence: str, field: str) -> None:
    form = day(text)
    form.date("starts", "the start date", earliest=date(2026, 5, 11))
    assert form.error_list() == [{"text": sentence, "href": f"#{field}"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9am", time(9)),
        ("9:30pm", time(21, 30)),
        ("14:00", time(14)),
        ("12am", time(0)),
        ("12pm", time(12)),
        ("midday", time(12)),
        ("0830", time(8, 30)),
        ("7.45 am", time(7, 45)),
    ],
)
def test_times_as_people_write_them(text: str, expected: time) -> None:
    form = typed(at=text)
    assert form.time("at", "the time") == expected
    assert not form.errors


@pytest.mark.parametrize("text", ["9", "25:00", "13pm", "9:75", "soon", "0am"])
def test_times_that_could_be_two_or_none(text: str) -> None:
    form = typed(at=text)
    form.time("at", "the time of the first visit")
    assert form.errors == {"at": "The time of the first visit must be a time, like 9:30am or 14:00"}


@pytest.mark.parametrize(("text", "minutes"), [("2", 120), ("2.5", 150), ("2:30", 150), ("0.25", 15), ("1 hour", 60)])
def test_spans_are_typed_in_hours(text: str, minutes: int) -> None:
    assert typed(visit=text).minutes("visit", "the length") == minutes


@pytest.mark.parametrize("text", ["2.33", "2:75", "0", "-1", "1000", "a while"])
def test_spans_that_are_no_whole_minutes(text: str) -> None:
    form = typed(visit=text)
    form.minutes("visit", "the length of a visit")
    assert "length of a visit" in form.errors["visit"]


@pytest.mark.parametrize("text", ["9" * 4000, "1.5", "0x10", "１２", "--1", "61", "1_0"])
def test_whole_numbers_have_bounds_and_digits(text: str) -> None:
    form = typed(hours=text)
    assert form.integer("hours", "the hours a week", least=1, most=60) == 0
    assert form.errors["hours"].startswith("The hours a week must be")


def test_text_is_tidied_but_kept_as_typed() -> None:
    form = typed(title="  Mornings \t before   school ", story="One\r\nTwo\r\n", name="Zoe\u0308")
    assert form.text("title", "a title") == "Mornings before school"
    assert form.text("story", "a story", lines=True) == "One\nTwo"
    assert form.text("name", "a name") == "Zo\u00eb"
    assert form.value("title") == "  Mornings \t before   school "


@pytest.mark.parametrize("bad", ["nul\x00", "\ud800", "bell\x07", "esc\x1b[0m"])
def test_characters_no_database_takes_are_refused_by_name(bad: str) -> None:
    form = typed(title=f"A {bad} title", password=bad)
    assert form.text("title", "a title for the referral") == ""
    assert form.errors["title"].startswith("The title for the referral contains a character that cannot be stored")
    form.value("title").encode("utf-8")  # what is shown again can be written in a page
    assert "\x00" not in form.value("title")
    assert form.password("password") == ""


def test_too_long_text_says_how_long_it_may_be() -> None:
    form = typed(title="x" * 41)
    form.text("title", "a title", most=40)
    assert form.errors["title"] == "The title must be 40 characters or fewer"


def test_choices_take_only_what_was_offered() -> None:
    form = typed(lot="z", needs=["peg", "hoist"], band="2")
    form.choice("lot", "a lot", ["a", "b"])
    assert form.errors["lot"] == "Select a lot"
    assert form.choices("needs", "the needs", ["hoist", "walk", "peg"]) == ["hoist", "peg"]
    assert form.choice("band", "a band", ["1", "2"]) == "2"
    assert form.choice("other", "another", ["1"], required=False) is None
    form.choices("nothing", "what is needed", ["a"], least=1)
    assert form.errors["nothing"] == "Select what is needed"


def test_ids_behind_choices() -> None:
    one = UUID(int=1)
    form = typed(worker=str(one), workers=[str(one), str(one), "not one"], blank="")
    assert form.uuid("worker", "a worker") == one
    assert form.uuids("workers", "workers") == [one]
    assert form.errors["workers"] == "Choose workers from the list"
    assert form.uuid("blank", "a worker", required=False) is None


def test_an_actions_complaints_stand_beside_the_fields() -> None:
    form = day("11/5/2026")
    form.merge(
        InvalidInput({"start": "The start date must be a working day", "team": "Name a back-up worker"}),
        {"start": "starts"},
    )
    assert form.error_list() == [
        {"text": "The start date must be a working day", "href": "#starts-day"},
        {"text": "Name a back-up worker", "href": "#team"},
    ]
    whole = Form()
    whole.merge(InvalidInput({}, "The period has closed."))
    assert whole.error_list() == [{"text": "The period has closed."}]


def test_optional_questions_may_stay_empty() -> None:
    form = Form()
    assert form.integer("a", "a", required=False) is None
    assert form.pence("b", "b", required=False) is None
    assert form.date("c", "c", required=False) is None
    assert form.time("d", "d", required=False) is None
    assert form.minutes("e", "e", required=False) is None
    assert form.text("f", "f", required=False) == ""
    assert form.boolean("g") is False
    assert not form.errors


def test_what_was_typed_cannot_break_out_of_its_field() -> None:
    attack = '"><script>alert(1)</script>'
    form = typed(title=attack, lot=attack, portrait=attack, starts__day=attack)
    form.errors["title"] = attack
    drawn = "".join(
        [
            FIELDS.input(form, "title", label=attack, hint=attack),
            FIELDS.textarea(form, "portrait", label=attack),
            FIELDS.radios(form, "lot", legend=attack, options=[(attack, attack, attack)]),
            FIELDS.select(form, "lot", label=attack, options=[(attack, attack)]),
            FIELDS.date(form, "starts", legend=attack),
            FIELDS.hidden("x", attack),
            FIELDS.button(attack),
        ]
    )
    assert "<script" not in drawn
    assert drawn.count("&lt;script") >= 10


def test_a_secret_is_never_written_back() -> None:
    form = typed(password="correct horse battery")
    assert "correct horse" not in FIELDS.password(form, "password", label="Password")
