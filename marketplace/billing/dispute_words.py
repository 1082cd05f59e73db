"""What a dispute's codes say to people, and what both ends' pages show of one."""

from __future__ import annotations

from typing import Any

from marketplace.billing.dispute_queries import DisputeRow, DisputeView
from marketplace.policy.disputes import WAIVER_REASONS
from marketplace.providers.files import STATES as FILE_STATES
from marketplace.web.filters import day, moment

STATES = {
    "open": ("To answer", "yellow"),
    "proposed": ("To confirm", "orange"),
    "upheld": ("Deduction stands", "grey"),
    "waived": ("Waived", "green"),
}
REASONS = {
    "no_defect": "there was no defect",
    "family_fault": "the family was the cause",
    "commissioner_fault": "the council was the cause",
    "system_fault": "this site was the cause",
    "goodwill": "goodwill",
}
assert tuple(REASONS) == WAIVER_REASONS
WHAT = {
    "raised": "Disputed",
    "proposed": "A waiver was proposed",
    "not_confirmed": "The waiver was not confirmed",
    "upheld": "The deduction stands",
    "waived": "The deduction was waived",
}
HEADS = ("invoice", "framework", "provider", "payer", "period_from", "deducted_pounds", "state", "disputed", "decided")


def outcome_options() -> list[tuple[str, str]]:
    """The answers a finance officer chooses among: it stands, or why it is waived."""
    return [("upheld", "The deduction stands"), *((code, f"Waive it: {words}") for code, words in REASONS.items())]


def context(view: DisputeView) -> dict[str, Any]:
    """What the page of one dispute shows at either door."""
    story = [
        {
            "title": WHAT[step.what] + (f": {REASONS[step.reason_code]}" if step.reason_code else ""),
            "at": step.at,
            "by": step.by_name,
            "text": step.says,
        }
        for step in reversed(view.steps)
    ]
    return {"dispute": view, "story": story, "states": STATES, "file_states": FILE_STATES, "reasons": REASONS}


def csv_rows(rows: list[DisputeRow]) -> list[tuple[object, ...]]:
    """Disputes as a spreadsheet's rows, in the order of HEADS."""
    return [
        (
            row.number, row.framework, row.provider, row.payer, day(row.first_day),
            f"{row.pence // 100}.{row.pence % 100:02d}",
            STATES[row.state][0], moment(row.raised_at), moment(row.decided_at) if row.decided_at else "",
        )
        for row in rows
    ]  # fmt: skip
