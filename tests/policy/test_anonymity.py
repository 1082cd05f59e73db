"""What in a referral's free text could tell who the child is."""

from datetime import date

import pytest

from marketplace.policy.anonymity import KnownFacts, check_text

CHILD = KnownFacts(
    names=("Amara Nwosu-Bell", "Chidi Nwosu"),
    addresses=("14 Rushey Green, Catford, SE6 4AS",),
    dates=(date(2017, 3, 9),),
)


def found(text: str, known: KnownFacts | None = CHILD) -> list[tuple[str, str]]:
    warnings = check_text(text, known)
    assert all(text[warning.start : warning.end] == warning.words for warning in warnings)
    return [(warning.kind, warning.words) for warning in warnings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AMARA loves swimming", [("known_name", "AMARA")]),
        ("amara nwosu-bell and her brother", [("known_name", "amara nwosu-bell")]),
        ("Known as A.N. at school", [("initials", "A.N")]),
        ("lives near rushey green", [("known_address", "rushey green")]),
        ("from Catford", [("known_address", "Catford")]),
        ("born on 9 March 2017", [("known_date", "9 March 2017")]),
        ("born 09/03/17", [("known_date", "09/03/17")]),
        ("turns nine on the 9th March", [("known_date", "9th March")]),
        ("born 2017-03-09", [("known_date", "2017-03-09")]),
    ],
)
def test_what_the_system_knows_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("near SE13 5AB", [("postcode", "SE13 5AB")]),
        ("near se135ab", [("postcode", "se135ab")]),
        ("ring 020 7946 0958", [("phone", "020 7946 0958")]),
        ("ring +44 7700 900123", [("phone", "+44 7700 900123")]),
        ("write to mum@example.org", [("email", "mum@example.org")]),
        ("NHS 943 476 5919", [("nhs_number", "943 476 5919")]),
        ("seen on 12.11.2025", [("date", "12.11.2025")]),
        ("seen on 3rd of November 2025", [("date", "3rd of November 2025")]),
        ("seen on November 3rd, 2025", [("date", "November 3rd, 2025")]),
        ("her teacher Maria O'Connell says", [("name", "Maria O'Connell")]),
    ],
)
def test_patterns_are_found_without_knowing_anybody(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text, None) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A girl of primary age who loves swimming and needs two workers after school.",
        "Support on Monday and Wednesday from 15:30 to 18:30, 3 hours each, 12 weeks.",
        "British Sign Language and Makaton. Waking Night support at Christmas.",
        "Has had 10 seizures since March; rescue medication after 5 minutes; weighs 32.5 kg.",
        "Budget of 1500 pounds; lot B2 equipment; 2:1 in the community",
    ],
)
def test_an_anonymous_portrait_gives_no_warning(text: str) -> None:
    assert found(text) == []


def test_a_warning_says_what_it_is_about() -> None:
    assert check_text("Amara", CHILD)[0].sentence == "“Amara” names the child or someone of the family"


def test_names_inside_other_words_do_not_count() -> None:
    assert found("bellows and chiding") == []
