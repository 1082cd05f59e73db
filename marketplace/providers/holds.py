"""What is in force against new referrals to a provider within a framework: suspensions, pauses, restrictions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work


@dataclass(frozen=True, slots=True)
class Hold:
    """A suspension, a pause or a restriction in force: for one lot or (None) all, since when, until when (inclusive),
    by whom, why.

    `commissioner_id` is set where a partner commissioner decided for its own referrals only. A suspension that goes on
    for some lots only is since its first day, and `root_id` names the first. `allowed` and `given` are new packages.
    """

    id: UUID
    kind: str
    lot: str | None
    since: datetime
    until: date | None
    by: str | None
    why: str
    rule_key: str | None = None
    commissioner_id: UUID | None = None
    root_id: UUID | None = None
    allowed: int = 0
    given: int = 0


# Everything in force at $3, for $4 and the framework ($1): `of` narrows it.
HOLDS = """
SELECT 'suspension' AS kind, s.provider_id, s.id, s.lot_code, coalesce(r.starts_at, s.starts_at) AS starts_at,
       s.until_on, s.imposed_by_name AS by, s.reason, s.rule_key, s.commissioner_id,
       coalesce(s.follows_id, s.id) AS root_id, 0 AS allowed, 0 AS given
FROM suspension s LEFT JOIN suspension r ON r.framework_id = s.framework_id AND r.id = s.follows_id
WHERE s.framework_id = $1 AND {of} AND in_force(s.starts_at, s.lifted_at, s.until_on, $3)
  AND (s.commissioner_id IS NULL OR s.commissioner_id = $4)
UNION ALL
SELECT 'pause', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, NULL, s.reason, NULL, NULL, NULL, 0, 0
FROM pause s WHERE s.framework_id = $1 AND {of} AND in_force(s.starts_at, s.ended_at, s.until_on, $3)
UNION ALL
SELECT 'restriction', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, s.imposed_by_name, s.reason, NULL,
       s.commissioner_id, s.suspension_id, s.new_packages,
       new_packages($1, s.provider_id, s.lot_code, s.commissioner_id, s.starts_at, $3)
FROM restriction s WHERE s.framework_id = $1 AND {of} AND in_force(s.starts_at, s.ended_at, s.until_on, $3)
  AND (s.commissioner_id IS NULL OR s.commissioner_id = $4)
"""


def hold_of(row: Any) -> Hold:
    """A row of `HOLDS`."""
    return Hold(
        row["id"], row["kind"], row["lot_code"], row["starts_at"], row["until_on"], row["by"], row["reason"],
        row["rule_key"], row["commissioner_id"], row["root_id"], row["allowed"], row["given"],
    )  # fmt: skip


async def holds_of(
    work: Work, framework_id: UUID, provider_ids: list[UUID], at: datetime, commissioner_id: UUID | None
) -> defaultdict[UUID, list[Hold]]:
    """Of these providers: what is in force at a moment, partners' own decisions of `commissioner_id` among it."""
    holds: defaultdict[UUID, list[Hold]] = defaultdict(list)
    for row in await work.fetch(
        f"{HOLDS.format(of='s.provider_id = ANY ($2)')} ORDER BY kind DESC, starts_at, lot_code, id",
        framework_id,
        provider_ids,
        at,
        commissioner_id,
    ):
        holds[row["provider_id"]].append(hold_of(row))
    return holds
