"""Who owes a duty and to whom, in words; the columns of its list as a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import asyncpg

from marketplace.obligations.duty_queries import STATES
from marketplace.web.filters import last_moment, moment, words

HEADS = ("Duty", "About", "Owed by", "Owed to", "Began", "Due by", "State", "Done", "Rule", "Due at first by")


def who_owes(row: asyncpg.Record) -> str:
    """The organisation and its role; of a person no more than that it is one: a name is not everybody's to read."""
    if row["owed_by_name"] is None:
        return "One person"
    if row["owed_by_person"] is not None:
        return f"One person at {row['owed_by_name']}"
    return f"{row['owed_by_name']} ({words(row['owed_by_role'])})" if row["owed_by_role"] else str(row["owed_by_name"])


def to_whom(row: asyncpg.Record) -> str:
    """The organisation it is owed to; a duty may be owed to nobody in particular."""
    return row["owed_to_name"] or "Nobody else in particular"


def state_word(row: asyncpg.Record) -> str:
    """How it stands, in words."""
    return STATES[row["state"]][0]


def csv_rows(rows: Iterable[asyncpg.Record]) -> Iterable[tuple[str, ...]]:
    """The list's rows under `HEADS`."""
    for row in rows:
        done: datetime | None = row["met_at"]
        yield (
            row["title"], row["reference"], who_owes(row), to_whom(row), moment(row["starts_at"]),
            last_moment(row["due_at"]), state_word(row), moment(done) if done else "", row["rule_key"],
            last_moment(row["first_due_at"]) if row["first_due_at"] else "",
        )  # fmt: skip
