"""What an export holds besides what counts: competencies that were withdrawn, and DBS checks beside that which counts.

They stand on sheets of their own, to be read. An import leaves these sheets aside: nobody is withdrawn, and no old
check recorded, by a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.providers.dbs_checks import DBS_OUTCOMES
from marketplace.providers.vocabulary import Words


@dataclass(frozen=True, slots=True)
class Past:
    """A sheet (or `<key>.csv`) of what counts no more."""

    key: str
    title: str
    headings: tuple[str, ...]


WITHDRAWN = Past(
    "withdrawn_competencies", "Withdrawn",
    ("Worker's reference", "Name", "Competency", "Assessed on", "Method", "Assessed by", "Withdrawn on", "Why"),
)  # fmt: skip
EARLIER_DBS = Past(
    "earlier_dbs_checks", "Earlier DBS checks",
    ("Worker's reference", "Name", "Date of the check", "Checked by", "What it found", "How"),
)  # fmt: skip
PAST = (WITHDRAWN, EARLIER_DBS)
SOURCES = {"seen": "The certificate was seen", "update_service": "Update service"}


async def past_lines(
    work: Work, spoken: Words, named: Mapping[UUID, tuple[str, str]]
) -> dict[str, list[list[str | date | None]]]:
    """The lines of each sheet for the workers named: id to (reference, name). By worker, the newest first."""
    own = work.actor.provider_id
    found: dict[str, list[list[str | date | None]]] = {each.key: [] for each in PAST}
    for row in await work.fetch(
        "SELECT * FROM worker_competency WHERE provider_id = $1 AND withdrawn_at IS NOT NULL AND worker_id = ANY ($2)"
        " ORDER BY worker_id, withdrawn_at DESC, code, id",
        own, list(named),
    ):  # fmt: skip
        found[WITHDRAWN.key].append(
            [*named[row["worker_id"]], spoken.skill(row["code"]), row["assessed_on"],
             spoken.methods.get(row["method"], row["method"]), row["assessor_name"], local_day(row["withdrawn_at"]),
             row["withdrawn_reason"]]
        )  # fmt: skip
    for row in await work.fetch(
        "SELECT * FROM worker_dbs_check c WHERE provider_id = $1 AND worker_id = ANY ($2) AND withdrawn_at IS NULL"
        " AND id <> (SELECT d.id FROM dbs_check_that_counts(c.provider_id, c.worker_id) d)"
        " ORDER BY worker_id, checked_on DESC, recorded_at DESC, outcome = 'clear', id",
        own, list(named),
    ):  # fmt: skip
        found[EARLIER_DBS.key].append(
            [*named[row["worker_id"]], row["checked_on"], row["checked_by_name"],
             DBS_OUTCOMES[row["outcome"]], SOURCES.get(row["source"], row["source"])]
        )  # fmt: skip
    return found
