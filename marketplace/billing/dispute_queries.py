"""Questions about disputes: lists for both ends, one with its story and files, and which files may be attached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.disputes import ANSWER, dispute_until
from marketplace.providers.attachments import DBS_SCAN
from marketplace.web.filters import day

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A dispute in a list."""

    id: UUID
    invoice_id: UUID
    number: int
    framework: str
    provider: str
    payer: str
    first_day: date
    pence: int
    state: str
    raised_at: datetime
    decided_at: datetime | None
    answer_due: datetime | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """What somebody did about it, when, and in which words; `reason_code` with a waiver."""

    what: str
    at: datetime
    by_name: str
    reason_code: str | None
    says: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file attached to it; `state` "deleted" once retention or the provider took it away."""

    id: UUID
    kind: str
    name: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class DisputeView:
    """One dispute with everything its reader may see; officers' talk before the decision only the payer's."""

    row: DisputeRow
    says: str
    second_needed: bool
    proposed_by: UUID | None
    reason_code: str | None
    payable_pence: int | None
    off_pence: int | None
    paid_on: date | None
    invoice_returned: bool
    steps: tuple[StepRow, ...]
    files: tuple[FileRow, ...]


_SELECT = """SELECT d.*, i.number, f.name AS framework, p.name AS provider, c.name AS payer,
        (SELECT min(o.due_at) FROM obligation o WHERE o.subject_id = d.id AND o.rule_key = $1
            AND o.met_at IS NULL AND o.cancelled_at IS NULL) AS answer_due,
        EXISTS (SELECT 1 FROM invoice r WHERE r.commissioner_id = d.commissioner_id AND r.framework_id = d.framework_id
            AND r.provider_id = d.provider_id AND r.first_day = d.first_day AND r.state = 'returned'
            AND r.replaced_at IS NULL) AS invoice_returned
    FROM deduction_dispute d JOIN invoice i ON i.commissioner_id = d.commissioner_id AND i.id = d.invoice_id
    JOIN framework f ON f.id = d.framework_id JOIN organisation p ON p.id = d.provider_id
    JOIN organisation c ON c.id = d.commissioner_id"""


async def disputes(
    work: Work, state: str | None = None, *, limit: int = PAGE_SIZE, offset: int = 0
) -> list[DisputeRow]:
    """Disputes within reach: those that wait first, the longest waiting on top; then the decided, newest first."""
    rows = await work.fetch(
        f"""{_SELECT} WHERE ($2::text IS NULL OR {_SHOWN} = $2)
            ORDER BY d.decided_at IS NOT NULL, d.decided_at DESC, d.raised_at, d.id LIMIT $3 OFFSET $4""",
        ANSWER, state, limit, offset,
    )  # fmt: skip
    return [_row(work, row) for row in rows]


# To the provider a proposed waiver is an open dispute: what officers consider is not decided yet.
_SHOWN = "CASE WHEN d.state = 'proposed' AND app_commissioner() IS NULL THEN 'open' ELSE d.state END"


async def count_disputes(work: Work) -> dict[str, int]:
    """How many disputes within reach stand in each state."""
    rows = await work.fetch(f"SELECT {_SHOWN} AS state, count(*) AS n FROM deduction_dispute d GROUP BY 1")  # noqa: S608
    return {row["state"]: row["n"] for row in rows}


async def dispute(work: Work, dispute_id: UUID) -> DisputeView:
    """One dispute. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(f"{_SELECT} WHERE d.id = $2", ANSWER, dispute_id)
    if row is None:
        raise NotFound
    steps = await work.fetch(
        "SELECT what, at, by_name, reason_code, says FROM dispute_step WHERE commissioner_id = $1 AND dispute_id = $2"
        " ORDER BY position",
        row["commissioner_id"], dispute_id,
    )  # fmt: skip
    files = await work.fetch("SELECT * FROM dispute_files($1)", dispute_id)
    inside = work.actor.commissioner_id is not None or row["state"] == "waived"
    return DisputeView(
        row=_row(work, row),
        says=row["says"],
        second_needed=row["second_needed"],
        proposed_by=row["proposed_by"] if inside else None,
        reason_code=row["reason_code"] if inside else None,
        payable_pence=row["payable_pence"],
        off_pence=row["off_pence"],
        paid_on=row["paid_on"],
        invoice_returned=row["invoice_returned"],
        steps=tuple(StepRow(*step) for step in steps),
        files=tuple(
            FileRow(
                each["id"], each["kind"], each["title"] or each["file_name"], each["size"],
                "deleted" if each["deleted"] else each["state"],
            )
            for each in files
        ),
    )  # fmt: skip


async def attachable_files(work: Work) -> list[tuple[UUID, str]]:
    """(id, words) of the provider's files that a dispute may lean on, newest first; no scans of DBS certificates."""
    rows = await work.fetch(
        "SELECT id, title, file_name, uploaded_at FROM evidence WHERE provider_id = $1 AND kind <> $2"
        " AND state NOT IN ('waiting', 'refused') AND deleted_at IS NULL ORDER BY uploaded_at DESC, id LIMIT 100",
        work.actor.provider_id, DBS_SCAN,
    )  # fmt: skip
    return [(row["id"], f"{row['title'] or row['file_name']}, added {day(row['uploaded_at'])}") for row in rows]


async def disputable_until(work: Work, framework_id: UUID, deducted_at: datetime) -> datetime | None:
    """Until when a deduction of that moment may be disputed; None where the pack sets no time."""
    return dispute_until(await pack_of(work, framework_id), deducted_at)


def _row(work: Work, row: asyncpg.Record) -> DisputeRow:
    shown = "open" if row["state"] == "proposed" and work.actor.commissioner_id is None else row["state"]
    return DisputeRow(
        row["id"], row["invoice_id"], row["number"], row["framework"], row["provider"], row["payer"], row["first_day"],
        row["pence"], shown, row["raised_at"], row["decided_at"], row["answer_due"],
    )  # fmt: skip
