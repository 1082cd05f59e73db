"""What some declarations say besides their date: a registration, an insurance, inspection reports, a completed toolkit.

Which of them a thing asked for has is the packs' to say (`details`, `years`). Kept as plain values in the declaration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketplace.policy.calendar import add_months
from marketplace.policy.coverage import latest_insurance_day
from marketplace.policy.pack import Pack
from marketplace.policy.requirements import shown_by_file
from marketplace.providers.vocabulary import Words
from marketplace.web.filters import day as _day

CQC_ID = re.compile(r"1-[0-9]{1,12}")
REGISTRATION, INSURANCE, INSPECTIONS, TOOLKIT = "cqc_registration", "insurance", "inspections", "toolkit"
# The regulator's own words.
RATINGS = {
    "outstanding": "Outstanding",
    "good": "Good",
    "requires_improvement": "Requires improvement",
    "inadequate": "Inadequate",
    "not_yet_inspected": "Not yet inspected",
}
GIVEN_RATINGS = {key: title for key, title in RATINGS.items() if key != "not_yet_inspected"}
OUTCOMES = {"met": "Fully met", "partly_met": "Partly met", "not_met": "Not met"}
LONGEST = 2_000
MOST_INSPECTIONS = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of details a thing asked for has ("" for none); `years` how far inspection reports go back, `needs_file`
    whether one of the packs takes it only with a file that shows it, `file_kind` the only kind of file that does ("":
    any), `packs` those that say how far ahead a last day may be."""

    name: str = ""
    years: int = 0
    needs_file: bool = False
    file_kind: str = ""
    packs: tuple[Pack, ...] = ()


def kind_of(spoken: Words, key: str) -> Kind:
    """By all of the actor's packs; where several ask for reports the longest time counts."""
    if key == REGISTRATION:
        return Kind(key, file_kind=key)
    if key == INSURANCE:
        packs = tuple(pack for _, _, pack in spoken.packs)
        shown = any(shown_by_file(pack, key) for pack in packs)
        return Kind(key, needs_file=shown, file_kind=key, packs=packs)
    rules = [rule for _, _, pack in spoken.packs for rule in pack.content.provider_requirements if rule.key == key]
    names = [rule.details for rule in rules if rule.details]
    return Kind(names[0], max(rule.years or 0 for rule in rules)) if names else Kind()


def checked(kind: Kind, given: Mapping[str, Any], today: date, wrong: dict[str, str]) -> dict[str, Any]:
    """The details of this kind of declaration as they are kept; what does not belong to it is left out.

    Days come as days and are kept as text; faults go into `wrong` by field.
    """
    if kind.name == INSURANCE:
        return _insurance(kind, given, today, wrong)
    check = {REGISTRATION: _registration, TOOLKIT: _toolkit}.get(kind.name)
    if check is not None:
        return check(given, today, wrong)
    return _inspections(kind.years, given, today, wrong) if kind.name == INSPECTIONS else {}


def _insurance(kind: Kind, given: Mapping[str, Any], today: date, wrong: dict[str, str]) -> dict[str, Any]:
    until = given.get("until")
    if not isinstance(until, date):
        wrong["until"] = "Enter the last day of the insurance"
        return {}
    latest = min((latest_insurance_day(pack, today) for pack in kind.packs), default=None)  # the nearest counts
    if latest is not None and until > latest:
        wrong["until"] = f"The last day of the insurance must be {_day(latest)} or before, as the certificate shows it"
    return {"until": until.isoformat()}


def _registration(given: Mapping[str, Any], today: date, wrong: dict[str, str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, needed in (("provider_identifier", True), ("location_identifier", False)):
        typed = str(given.get(name) or "").strip()
        if (typed or needed) and not CQC_ID.fullmatch(typed):
            wrong[name] = "A CQC identifier looks like 1-123456789"
        kept[name] = typed
    rating, inspected = given.get("rating"), given.get("inspected_on")
    if rating not in RATINGS:
        wrong["rating"] = "Select the rating, or that there was no inspection yet"
    elif rating == "not_yet_inspected":
        inspected = None
    elif not isinstance(inspected, date):
        wrong["inspected_on"] = "Enter the day of the last inspection"
    elif inspected > today:
        wrong["inspected_on"] = "The day of the last inspection must be today or in the past"
    kept |= {"rating": rating, "conditions": _text(given, "conditions", "The conditions", wrong)}
    kept["inspected_on"] = inspected.isoformat() if isinstance(inspected, date) else None
    return kept


def _inspections(years: int, given: Mapping[str, Any], today: date, wrong: dict[str, str]) -> dict[str, Any]:
    """Each inspection with its day and rating, the newest first; or that there was none in that time."""
    rows: Sequence[Mapping[str, Any]] = given.get("inspections") or ()
    if given.get("none_yet"):
        if rows:
            wrong["none_yet"] = "Enter the inspections, or that there was none, not both"
        return {"none_yet": True, "inspections": []}
    if not rows:
        wrong["inspected_on_1"] = f"Enter the inspections of the last {years} years, or that there was none"
    elif len(rows) > MOST_INSPECTIONS:
        wrong["inspected_on_1"] = f"Enter {MOST_INSPECTIONS} inspections or fewer"
    kept: list[dict[str, str]] = []
    for place, row in enumerate(rows, start=1):
        number = row.get("row", place)  # a form's own rows, of which some are empty
        on, rating = row.get("inspected_on"), row.get("rating")
        if not isinstance(on, date):
            wrong[f"inspected_on_{number}"] = "Enter the day of this inspection"
        elif on > today:
            wrong[f"inspected_on_{number}"] = "The day of an inspection must be today or in the past"
        elif on < add_months(today, -12 * years):
            wrong[f"inspected_on_{number}"] = f"Only inspections of the last {years} years are asked for"
        elif rating in GIVEN_RATINGS:
            kept.append({"inspected_on": on.isoformat(), "rating": rating})
        if rating not in GIVEN_RATINGS:
            wrong[f"rating_{number}"] = "Select the rating of this inspection"
    return {"none_yet": False, "inspections": sorted(kept, key=lambda row: row["inspected_on"], reverse=True)}


def _toolkit(given: Mapping[str, Any], today: date, wrong: dict[str, str]) -> dict[str, Any]:
    completed, outcome = given.get("completed_on"), given.get("outcome")
    if not isinstance(completed, date):
        wrong["completed_on"] = "Enter the day the toolkit was completed"
    elif completed > today:
        wrong["completed_on"] = "The day the toolkit was completed must be today or in the past"
    if outcome not in OUTCOMES:
        wrong["outcome"] = "Select how far the toolkit is met"
    shortfall = _text(given, "shortfall", "What is not met", wrong)
    if outcome in ("partly_met", "not_met") and not shortfall:
        wrong.setdefault("shortfall", "Enter what is not met yet, and by when it will be")
    return {
        "completed_on": completed.isoformat() if isinstance(completed, date) else None, "outcome": outcome,
        "shortfall": "" if outcome == "met" else shortfall,
    }  # fmt: skip


def _text(given: Mapping[str, Any], name: str, noun: str, wrong: dict[str, str]) -> str:
    text = str(given.get(name) or "").strip()
    if len(text) > LONGEST:
        wrong[name] = f"{noun} must be {LONGEST:,} characters or fewer"
    return text


def in_words(key: str, details: Mapping[str, Any]) -> list[str]:
    """The details as they are read, part by part."""
    if not details:
        return []
    if key == INSURANCE:
        return [f"until {_written(details['until'])}"]
    if key == REGISTRATION:
        said = [f"CQC provider {details['provider_identifier']}"]
        if details.get("location_identifier"):
            said.append(f"location {details['location_identifier']}")
        rating = RATINGS.get(details.get("rating") or "", "")
        if inspected := details.get("inspected_on"):
            rating += f", inspected on {_written(inspected)}"
        conditions = details.get("conditions")
        return [*said, rating, f"conditions: {conditions}" if conditions else "no conditions"]
    if details.get("none_yet"):
        return ["no inspection in that time"]
    if "inspections" in details:
        return [f"{_written(row['inspected_on'])}: {RATINGS[row['rating']].lower()}" for row in details["inspections"]]
    if "completed_on" in details:
        said = [f"completed on {_written(details['completed_on'])}", OUTCOMES[details["outcome"]].lower()]
        return said + ([f"not met yet: {details['shortfall']}"] if details.get("shortfall") else [])
    return []


def _written(day: str) -> str:
    return _day(date.fromisoformat(day))
