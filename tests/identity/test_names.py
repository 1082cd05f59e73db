"""What a name must show: letters of anybody, a first and a last name of whoever answers for a fact by name alone."""

from __future__ import annotations

import pytest

from marketplace.identity.names import is_full_name, is_name
from marketplace.identity.people import clean_person
from marketplace.platform.errors import InvalidInput
from marketplace.providers.assessors import could_be

NOBODY = ("", "  ", "x", "7", "12 34", ".", "-", "x 9", "Mr", "Dr X", "\u200b\u200b")
ONE_NAME = ("Robin", "Nurse Moor", "Mr Moor, GP", "李明", "Ng")
FULL = (
    "Ada Brook", "A. Brook", "Brook Ada", "Ada B.", "Ms Ada Brook", "Zoë Müller", "Siân O'Dowd (nurse)", "李 小明",
    "Ada Brook - L&D nurse", "Anna-Lee de Souza", "محمد علي",
    "Paul Nurse", "Winston Lord", "Jo Carer", "राम देवी", "சே குவேரா", "สมชาย ใจดี",
)  # fmt: skip


def test_a_letter_digits_and_blanks_are_nobodys_name():
    for typed in NOBODY:
        assert not is_name(typed), typed
        with pytest.raises(InvalidInput) as refused:
            clean_person(typed, "ada@example.org")
        assert refused.value.fields == {"name": "Enter the person's full name"}, typed
    for typed in (*ONE_NAME, *FULL):
        assert is_name(typed), typed
        assert clean_person(f" {typed} ", "ada@example.org") == (typed, "ada@example.org")


def test_a_full_name_has_two_parts_of_which_one_may_be_a_letter():
    for typed in (*NOBODY, *ONE_NAME, "A B", "Dr A B, surgeon", "Moor, nurse educator"):
        assert not is_full_name(typed), typed
    for typed in FULL:
        assert is_full_name(typed), typed
    # a job said as a title still names nobody else than oneself
    for own, typed in (("Ada Brook", "A. B. Nurse"), ("Ada Brook", "A\u034fda Brook"), ("Paul Nurse", "P. Nurse")):
        assert could_be(own, typed), typed
    assert not could_be("Ada Brook", "Paul Nurse") and not could_be("राम देवी", "रीमा देवी लाल")
