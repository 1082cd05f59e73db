"""A family's access to a child's case: person by person, right by right, revocable at once (domain 1, data.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work

RIGHTS = {
    "see_plan": "See the care plan",
    "see_visits": "See the visits and their records",
    "choose": "Choose among offers",
    "sign_plan": "Sign the care plan",
    "confirm_visits": "Confirm visits",
    "spend": "Spend the direct payment",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's access to one child's case."""

    id: UUID
    child_id: UUID
    person_id: UUID
    person_name: str
    relation: str
    rights: tuple[str, ...]
    jointly: bool
    starts_on: date
    ends_on: date | None
    reason: str
    granted_at: datetime
    revoked_at: datetime | None
    revoke_reason: str | None

    def holds_on(self, day: date) -> bool:
        """Whether the access counts on a day."""
        started = self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)
        return self.revoked_at is None and started


def holders(grants: Iterable[Grant], right: str, on: date) -> list[Grant]:
    """Who has a right on a day."""
    return [grant for grant in grants if right in grant.rights and grant.holds_on(on)]


def family_agrees(grants: Iterable[Grant], right: str, on: date, agreed: Collection[UUID]) -> bool:
    """Whether the family has used a right: any one person with it suffices, those who hold it jointly only together
    (data.md, Family grants). `agreed` are the people who have. Nobody with the right: never."""
    having = holders(grants, right, on)
    if any(grant.person_id in agreed for grant in having if not grant.jointly):
        return True
    together = [grant.person_id for grant in having if grant.jointly]
    return bool(together) and all(person in agreed for person in together)


async def grants_of(work: Work, child_id: UUID, *, ended: bool = False) -> list[Grant]:
    """Who has access to a child's case, oldest first; `ended` ones too if asked for."""
    rows = await work.fetch(
        "SELECT g.*, coalesce(p.name, 'A family member') AS person_name FROM family_grant g LEFT JOIN person p"
        " ON p.id = g.person_id"
        " WHERE g.child_id = $1 AND ($2 OR g.revoked_at IS NULL) ORDER BY g.granted_at, g.revoked_at NULLS LAST, g.id",
        child_id, ended,
    )  # fmt: skip
    return [_grant(row) for row in rows]


def _grant(row: Any) -> Grant:
    return Grant(
        row["id"], row["child_id"], row["person_id"], row["person_name"], row["relation"], tuple(row["rights"]),
        row["jointly"], row["starts_on"], row["ends_on"], row["reason"], row["granted_at"], row["revoked_at"],
        row["revoke_reason"],
    )  # fmt: skip
