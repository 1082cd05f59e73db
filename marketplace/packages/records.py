"""The record of a visit as it is read and signed (domain 4.4; L 7.3, P 14.4). Its fields are the pack's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from marketplace.packages.documents import Document, document
from marketplace.packages.tables import Visit
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local, local_day, to_the_minute
from marketplace.policy.facts import Visit as VisitFacts
from marketplace.policy.facts import VisitWorker as WorkerFact
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import charged_percent
from marketplace.policy.records import missing_from_record
from marketplace.web.filters import pounds, weekday

LONGEST = 4_000
MOST_PENCE = 100_000  # a slip of the comma, rather than what a worker spends on one visit


class RecordText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the worker writes down. Money in pence; `money_remark` says on what it was spent."""

    activities: str = ""
    behaviours: str = ""
    emotions: str = ""
    changes: str = ""
    medication: str = ""
    personal_care: str = ""
    money_spent_pence: int = 0
    money_remark: str = ""


TEXT_FIELDS = ("activities", "behaviours", "emotions", "changes", "medication", "personal_care")

# What a record lacks, by the code of `policy.records`, as a person reads it.
MISSING_WORDS = {
    "start": "the start is not recorded",
    "end": "the end is not recorded",
    "workers": "no worker is named",
    "worker_name": "a worker has no name on it",
    "worker_signature": "a worker has not signed",
    "activities": "the activities are not recorded",
    "family_signature": "the family has not confirmed it",
    "notice": "the time of the family's notice is not recorded",
}


def asked_fields(pack: Pack, day: Any) -> list[tuple[str, str, bool]]:
    """(field, title, needed before payment) of the texts the pack asks of a record, in its order; money left out."""
    rows = pack.on(day).content.record_fields
    return [(row.key, row.title, row.level == "billing") for row in rows if row.key in TEXT_FIELDS]


def asks_money(pack: Pack, day: Any) -> bool:
    """Whether the pack asks what was spent."""
    return any(row.key == "money" for row in pack.on(day).content.record_fields)


def checked(record: RecordText) -> RecordText:
    """The record as it is stored. Raises `InvalidInput` naming the field."""
    faults: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for name in (*TEXT_FIELDS, "money_remark"):
        kept[name] = getattr(record, name).replace("\r\n", "\n").replace("\r", "\n").strip()
        if len(kept[name]) > LONGEST:
            faults[name] = f"This must be {LONGEST:,} characters or fewer"
    if not 0 <= record.money_spent_pence <= MOST_PENCE:
        faults["money_spent"] = f"The money spent must be between £0 and {pounds(MOST_PENCE)}"
    elif record.money_spent_pence and not kept["money_remark"]:
        faults["money_remark"] = "Enter what the money was spent on"
    if faults:
        raise InvalidInput(faults)
    return RecordText(money_spent_pence=record.money_spent_pence, **kept)


def record_document(
    visit: Visit, note: Any | None, workers: Sequence[str], *, package_reference: str, pack: Pack
) -> Document:
    """The record as it is shown to the family and signed. `note` is the visit_note row, `workers` printed names."""
    day = local_day(visit.planned_start)
    parts = [
        ("Visit", f"Package {package_reference}: {pack.activities.get(visit.activity, visit.activity)}"),
        ("Planned", span(visit.planned_start, visit.planned_end)),
        ("Start", _full(visit.actual_start)),
        ("End", _full(visit.actual_end)),
        ("Workers", "\n".join(workers)),
    ]
    for name, title, _ in asked_fields(pack, day):
        parts.append((title, note[name] if note is not None else ""))
    if asks_money(pack, day):
        pence = note["money_spent_pence"] if note is not None else 0
        parts.append(("Money spent", f"{pounds(pence)}: {note['money_remark']}" if note and pence else "None"))
    if note is not None and note["times_remark"]:
        parts.append(("Why a time was typed in later", note["times_remark"]))
    return document(parts)


def span(start: datetime, end: datetime) -> str:
    """ "Monday 11 May 2026, 16:00 to 18:00": full date, 24-hour form (P 14.4)."""
    day = "" if local_day(start) == local_day(end) else f" on {weekday(end)}"
    return f"{weekday(start)}, {hour(start)} to {hour(end)}{day}"


def hour(at: datetime) -> str:
    """24-hour form; in the night the clocks change, with the offset's name, since an hour comes twice or never."""
    there = local(at)
    doubled = there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()
    return f"{there:%H:%M %Z}" if doubled else f"{there:%H:%M}"


def _full(at: datetime | None) -> str:
    return "Not recorded" if at is None else f"{weekday(at)}, {hour(at)}"


def facts_of(visit: Visit, workers: Sequence[tuple[str, bool]]) -> VisitFacts:
    """A visit as the rules of payment see it: worker, provider and invoice ask the same function what is missing.

    A visit about which nothing is recorded yet counts as one that took place: so is what it still lacks.
    """
    return VisitFacts(
        id=str(visit.id),
        lot=visit.lot_code,
        activity=visit.activity,
        planned_start=local(visit.planned_start),
        planned_end=local(visit.planned_end),
        outcome=visit.outcome or "delivered",  # type: ignore[arg-type] - the database knows these five
        workers=tuple(WorkerFact(name, signed) for name, signed in workers),
        actual_start=_minute(visit.actual_start),
        actual_end=_minute(visit.actual_end),
        activities="recorded" if visit.activities_recorded else None,
        family_signed=visit.family_signed,
        overrun_approved=visit.overrun_approved_at is not None,
        approved_minutes=visit.overrun_approved_minutes,
        notice_at=_minute(visit.notice_at),
    )


def missing_words(pack: Pack, visit: Visit, workers: Sequence[tuple[str, bool]]) -> list[str]:
    """What keeps the visit's record unfinished, in words; nothing where nothing is charged."""
    facts = facts_of(visit, workers)
    return [MISSING_WORDS[code] for code in missing_from_record(facts, charged_percent(pack, facts))]


def _minute(at: datetime | None) -> datetime | None:
    return None if at is None else local(to_the_minute(at))
