"""The life cycles of a package, of a version of its plan and of a visit: what may be done in which state.

A visit's state is derived from its facts. Verbs are participles, so that a refusal reads as a sentence.
"""

from __future__ import annotations

from datetime import date, datetime

from marketplace.packages.tables import Package, Visit
from marketplace.platform.errors import WrongState

Transitions = dict[str, dict[str, str]]

PACKAGE: Transitions = {
    "set up": {"set_up": "set_up", "active": "active"},
    "planned": {"set_up": "set_up", "active": "active"},
    "begun": {"set_up": "active", "active": "active"},
    "undone": {"set_up": "undone"},
    "ended": {"set_up": "ended", "active": "ended"},
}

PLAN: Transitions = {
    "written": {"draft": "draft"},
    "shared": {"draft": "shared"},
    "signed": {"shared": "signed"},
    "returned": {"shared": "returned"},
    "replaced": {"signed": "superseded"},
}

VISIT: Transitions = {
    "moved": {"planned": "planned"},
    "given to another worker": {"planned": "planned"},
    "started": {"planned": "under_way"},
    "cancelled": {"planned": "cancelled"},
    "asked to be longer": {"planned": "planned", "under_way": "under_way"},
    "recorded as missed": {"planned": "missed"},
    "written up": {"under_way": "under_way", "finished": "finished"},
    "finished": {"under_way": "finished"},
    "corrected": {"under_way": "under_way", "finished": "finished"},
    "given another outcome": {each: each for each in ("cancelled", "missed", "finished", "unsigned", "confirmed")},
    "signed": {"finished": "finished"},
    "confirmed": {"finished": "confirmed", "unsigned": "confirmed"},
    "left unsigned": {"finished": "unsigned"},
    "resolved": {"unsigned": "confirmed"},
    "approved": {each: each for each in ("planned", "under_way", "finished", "unsigned", "confirmed")},
}

LAST_DAY_PASSED = "Its last day has passed"  # why a package ended by itself (ending.py)

STATE_WORDS = {
    "planned": "Planned",
    "under_way": "Under way",
    "finished": "To be confirmed",
    "unsigned": "Not signed by the family",
    "confirmed": "Confirmed",
    "cancelled": "Cancelled",
    "missed": "Missed",
}

OUTCOME_WORDS = {
    "delivered": "Took place",
    "cancelled_on_arrival": "Cancelled by the family when the worker arrived",
    "cancelled_by_family": "Cancelled by the family",
    "cancelled_by_provider": "Cancelled by the provider",
    "missed": "Missed",
}


def visit_state(visit: Visit) -> str:
    """Where a visit is, from its facts."""
    if visit.outcome == "delivered":
        if visit.family_signed:
            return "confirmed"
        return "unsigned" if visit.unsigned_reason_waiting else "finished"
    if visit.outcome is not None:
        return "missed" if visit.outcome == "missed" else "cancelled"
    return "planned" if visit.actual_start is None else "under_way"


def is_overdue(visit: Visit, now: datetime) -> bool:
    """Whether a visit should have taken place by now and nothing was recorded."""
    return visit.outcome is None and visit.actual_start is None and visit.planned_end <= now


def is_over(package: Package, today: date) -> bool:
    """Whether the last day of a package that has not ended yet has passed: its last visits are still seen to."""
    return package.state in ("set_up", "active") and package.ends_on is not None and package.ends_on < today


def package_after(verb: str, state: str) -> str:
    """The state a package in `state` takes when it is `verb`. Raises `WrongState`."""
    return _after(PACKAGE, "package", verb, state)


def plan_after(verb: str, state: str) -> str:
    """The state a version of a plan in `state` takes when it is `verb`. Raises `WrongState`."""
    return _after(PLAN, "version of the plan", verb, state)


def visit_after(verb: str, visit: Visit) -> str:
    """The state a visit takes when it is `verb`. Raises `WrongState`."""
    return _after(VISIT, "visit", verb, visit_state(visit))


def _after(table: Transitions, thing: str, verb: str, state: str) -> str:
    if state not in table[verb]:
        raise WrongState(thing, state, verb)
    return table[verb][state]
