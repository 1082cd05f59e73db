"""Small worlds for the policy tests: a valid case to change one thing in, and typed facts."""

import copy
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marketplace.policy.facts import RateRow

LONDON = ZoneInfo("Europe/London")
CASES = Path(__file__).parent / "cases"
HARROWDALE = Path(__file__).parents[1] / "packs" / "harrowdale_2026"
LEWISHAM = "lewisham-2017"
PDPS = "cambridgeshire-peterborough-pdps"
BANDS = ("weekday", "saturday", "sunday", "bank_holiday")


def case_of(name: str) -> dict[str, Any]:
    """The input of one of the contract's cases, free to change."""
    return json.loads((CASES / f"{name}.json").read_text())["case"]


def as_bytes(case: object) -> bytes:
    return json.dumps(case).encode()


def changed(case: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of a case with the field at a path (`visits.0.planned_end`) set, or taken out where the value is `...`."""
    case = copy.deepcopy(case)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target: Any = case
    for step in steps:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return case


def at(text: str) -> datetime:
    """A London wall-clock time, "2026-09-09 15:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def rate(pence: int, lot: str = "C", activity: str = "day_care", since: str = "2020-01-01") -> tuple[RateRow, ...]:
    """The same rate in all four bands of the two packs."""
    return tuple(RateRow(lot, activity, band, pence, date.fromisoformat(since)) for band in BANDS)


def rates(lot: str, activity: str, *pence: int, since: str = "2020-01-01") -> tuple[RateRow, ...]:
    """A rate for weekday, Saturday, Sunday and bank holiday."""
    return tuple(
        RateRow(lot, activity, band, amount, date.fromisoformat(since))
        for band, amount in zip(BANDS, pence, strict=True)
    )


def rate_rows(lot: str, activity: str, *pence: int, since: str = "2020-01-01") -> list[dict[str, Any]]:
    """The same as a case file writes it."""
    return [
        {"lot": lot, "activity": activity, "band": band, "pence_per_hour": amount, "from": since}
        for band, amount in zip(BANDS, pence, strict=True)
    ]


def visit(name: str, outcome: str = "delivered", **fields: Any) -> dict[str, Any]:
    """A finished visit of three hours on a Wednesday, as a case file writes it; `...` leaves a key out."""
    row: dict[str, Any] = {
        "id": name,
        "lot": "C",
        "activity": "day_care",
        "planned_start": "2026-09-09T15:00:00+01:00",
        "planned_end": "2026-09-09T18:00:00+01:00",
        "outcome": outcome,
        "workers": [{"name": "Worker 1", "signed": True}],
    }
    if outcome == "delivered":
        row |= {
            "actual_start": fields.get("planned_start", row["planned_start"]),
            "actual_end": fields.get("planned_end", row["planned_end"]),
            "activities": "Swimming",
            "family_signed": True,
        }
    row |= fields
    return {key: value for key, value in row.items() if value is not ...}


Claimed = dict[str, int] | list[tuple[str, int]]


def invoice(
    visits: list[dict[str, Any]], claim: dict[str, int] | list[tuple[str, int]], **fields: Any
) -> dict[str, Any]:
    """An invoice case in time, of the period 7 September to 4 October 2026, at 20 pounds an hour."""
    lines = list(claim.items()) if isinstance(claim, dict) else claim
    case: dict[str, Any] = {
        "pack": LEWISHAM,
        "period": {"first_day": "2026-09-07", "last_day": "2026-10-04"},
        "submitted_at": "2026-10-08T10:00:00+01:00",
        "carried_in_pence": 0,
        "rate_card": rate_rows("C", "day_care", 2000, 2000, 2000, 2000),
        "visits": visits,
        "claim": {
            "lines": [{"visit": name, "pence": pence} for name, pence in lines],
            "total_pence": sum(pence for _, pence in lines),
        },
    }
    return case | fields


def record(code: str, on: str = "2026-08-30", method: str = "observed", by: str | None = "assessor") -> dict[str, Any]:
    return {"code": code, "assessed_on": on, "method": method, "signed_off_by": by}


LOT_C = (
    "first_aid", "health_and_safety", "equality_and_diversity", "anaphylaxis", "infection_control",
    "moving_and_handling", "safeguarding_level_2", "basic_life_support", "medication_administration",
)  # fmt: skip


def worker(name: str = "w", **fields: Any) -> dict[str, Any]:
    """A support worker ready for lot C at the end of November 2026."""
    return {
        "id": name,
        "role": "support_worker",
        "dbs_checked_on": "2026-09-30",
        "nmc_until": None,
        "stood_down": False,
        "competencies": [record(code) for code in LOT_C],
    } | fields


def eligibility(workers: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """One good provider on lot C with these workers."""
    provider = {
        "id": "p",
        "admissions": [{"lot": "C", "from": "2026-01-05", "to": None}],
        "suspended": False,
        "cqc_registered": True,
        "insurance_until": "2027-06-30",
        "workers": workers,
    }
    provider |= fields.pop("provider", {})
    return {"pack": LEWISHAM, "lot": "C", "starts_on": "2026-11-30", "needs": [], "providers": [provider]} | fields


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)
