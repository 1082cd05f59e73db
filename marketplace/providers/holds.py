"""What is in force against new referrals to a provider within a framework: suspensions, pauses, restrictions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


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


# Everything in force at $3 of a provider `p`, for the framework ($1) and the commissioner $4.
HOLDS = """
SELECT 'suspension' AS kind, s.provider_id, s.id, s.lot_code, coalesce(r.starts_at, s.starts_at) AS starts_at,
       s.until_on, s.imposed_by_name AS by, s.reason, s.rule_key, s.commissioner_id,
       coalesce(s.follows_id, s.id) AS root_id, 0 AS allowed, 0 AS given
FROM suspension s LEFT JOIN suspension r ON r.framework_id = s.framework_id AND r.id = s.follows_id
WHERE s.framework_id = $1 AND s.provider_id = p.id AND in_force(s.starts_at, s.lifted_at, s.until_on, $3)
  AND (s.commissioner_id IS NULL OR s.commissioner_id = $4)
UNION ALL
SELECT 'pause', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, NULL, s.reason, NULL, NULL, NULL, 0, 0
FROM pause s WHERE s.framework_id = $1 AND s.provider_id = p.id AND in_force(s.starts_at, s.ended_at, s.until_on, $3)
UNION ALL
SELECT 'restriction', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, s.imposed_by_name, s.reason, NULL,
       s.commissioner_id, s.suspension_id, s.new_packages,
       new_packages($1, s.provider_id, s.lot_code, s.commissioner_id, s.starts_at, $3)
FROM restriction s
WHERE s.framework_id = $1 AND s.provider_id = p.id AND in_force(s.starts_at, s.ended_at, s.until_on, $3)
  AND (s.commissioner_id IS NULL OR s.commissioner_id = $4)
"""
