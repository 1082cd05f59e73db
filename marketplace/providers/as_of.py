"""A provider's standing on every lot as of any moment, and one by one what a suspension meets before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from marketplace.frameworks.queries import lots, my_frameworks
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import last_instant, wall_time
from marketplace.providers.standing import Standing, standing


@dataclass(frozen=True, slots=True)
class LineAt:
    """One lot of one framework with the standing at the moment asked about."""

    framework_id: UUID
    framework_name: str
    lot: str
    lot_title: str
    standing: Standing


def moment_of(day: date, at: time | None, now: datetime) -> datetime:
    """The moment a day (and a time of it, London's) stands for: without a time its last instant, never after now."""
    asked = wall_time(day, at) if at is not None else last_instant(day)
    return min(asked, now)


async def standings_at(work: Work, provider_id: UUID, at: datetime | None = None) -> list[LineAt]:
    """Every lot the provider was ever admitted to on the actor's frameworks. Raises `NotFound` where there is none.

    A moment after now is asked as now: nothing is foretold.
    """
    at = min(at or work.now, work.now)
    found: list[LineAt] = []
    for each in await my_frameworks(work):
        admitted = {
            row["lot_code"]
            for row in await work.fetch(
                "SELECT DISTINCT lot_code FROM admission WHERE framework_id = $1 AND provider_id = $2",
                each.id,
                provider_id,
            )
        }
        for lot in await lots(work, each.id):
            if lot.code in admitted:
                now = await standing(work, each.id, provider_id, lot.code, at)
                found.append(LineAt(each.id, each.name, lot.code, lot.title, now))
    if not found:
        raise NotFound("There is no such provider on your frameworks.")
    return found


@dataclass(frozen=True, slots=True)
class Met:
    """An offer or a package of the actor's own commissioner that a suspension meets; `then` says what becomes of it."""

    kind: str
    id: UUID
    reference: str
    lot: str
    coming_visits: int
    then: str


async def met_by_suspension(work: Work, framework_id: UUID, provider_id: UUID, lot: str | None = None) -> list[Met]:
    """Open offers, packages being set up and running ones, each by reference. Cases lie to the right: by name only."""
    rows = await work.fetch(
        """SELECT 'offer' AS kind, r.id, r.reference, r.lot_code, 0 AS coming FROM offer o JOIN referral r
             ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id
           WHERE r.framework_id = $1 AND o.provider_id = $2 AND o.state = 'made' AND r.state = 'broadcast'
             AND ($3::text IS NULL OR r.lot_code = $3)
           UNION ALL SELECT p.state, p.id, p.reference, p.lot_code, (SELECT count(*) FROM visit v
             WHERE v.commissioner_id = p.commissioner_id AND v.package_id = p.id AND v.outcome IS NULL
             AND v.actual_start IS NULL AND v.planned_start > $4) FROM package p
           WHERE p.framework_id = $1 AND p.provider_id = $2 AND p.state IN ('set_up', 'active')
             AND p.commissioner_id = app_commissioner() AND ($3::text IS NULL OR p.lot_code = $3)
           ORDER BY kind, reference""",
        framework_id, provider_id, lot, work.now,
    )  # fmt: skip
    then = {
        "offer": "cannot be awarded while it lasts",
        "set_up": "is set up as awarded, unless the award is undone",
        "active": "goes on, unless it is moved",
    }
    kinds = {"offer": "Open offer", "set_up": "Package being set up", "active": "Running package"}
    return [
        Met(kinds[row["kind"]], row["id"], row["reference"], row["lot_code"], row["coming"], then[row["kind"]])
        for row in rows
    ]
