"""A provider's evidence files: their kinds and states in words, the questions pages ask, what may be attached."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.cleaning import TYPES, VIDEO_TYPES
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.retention import PROVIDER_FILES, WORKER_FILES

KINDS = {
    "dbs_certificate": "DBS certificate",
    "training_certificate": "Training certificate",
    "assessment": "Assessment",
    "registration": "Professional registration",
    "right_to_work": "Right to work",
    "reference": "Reference",
    "car_insurance": "Car insurance",
    "profile_video": "Profile video",
    "worker_other": "Something else about a worker",
    "insurance": "Insurance",
    "cqc_registration": "CQC registration",
    "policy": "Policy",
    "statement_of_purpose": "Statement of purpose",
    "young_persons_guide": "Young person’s guide",
    "inspection_report": "Inspection report",
    "toolkit": "Toolkit",
    "other": "Something else of the organisation",
}
assert set(KINDS) == {*WORKER_FILES, *PROVIDER_FILES}
VIDEO = "profile_video"

# state -> (in a word or two, colour of its tag, what it means and what to do)
STATES = {
    "waiting": ("Not arrived", "yellow", "The file has not arrived. Add it again; nothing else is lost."),
    "checking": ("Being checked", "blue", "The file is being checked. It can be opened as soon as that is done."),
    "held": (
        "In quarantine", "yellow",
        "The virus scanner does not answer, so the file stays in quarantine and cannot be opened. It is tried again by"
        " itself: there is nothing you need to do.",
    ),
    "clean": ("Ready", "green", "The file has been checked and can be opened."),
    "refused": ("Refused", "red", ""),
    "deleted": ("Deleted", "grey", ""),
}  # fmt: skip
SCANS = {"clean": "Scanned: no virus found", "not_scanned": "Not scanned: no virus scanner is set up"}

EXTENSIONS = TYPES | VIDEO_TYPES
LONGEST_NAME = 120
PAGE = 25


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of files is narrowed to; empty means anything."""

    kind: str = ""
    state: str = ""
    worker_id: UUID | None = None
    text: str = ""


def plain_name(given: str) -> str:
    """A file's name as people may see it: no folders, no control or direction-changing marks, of a bearable length."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    name = "".join(sign for sign in name if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
    name = " ".join(name.split()).strip(". ")
    if len(name) > LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: LONGEST_NAME - 10]}{dot}{ending[:8]}" if dot else name[:LONGEST_NAME]
    return name or "file"


def name_to_open(row: dict[str, Any]) -> str:
    """The name the opened file is saved under: the sender's, with the ending of what the file really is."""
    stem = row["file_name"].rpartition(".")[0] or row["file_name"]
    return f"{stem}.{EXTENSIONS.get(row['content_type'], 'bin')}"


async def attachable(
    work: Work, evidence_id: UUID, *, worker_id: UUID | None = None, field: str = "evidence_id", checked: bool = False
) -> dict[str, Any]:
    """The row of a file of the actor's own provider that something may lean on; with `worker_id`, about that worker.

    A file still being checked counts, unless it must be `checked`: it is opened to nobody until it
    is clean. Raises `NotFound` for what is not there, `InvalidInput` on `field` for a file that was refused, deleted,
    never sent, or is about another worker.
    """
    row = await work.fetchrow("SELECT * FROM evidence WHERE id = $1", evidence_id)
    if row is None or (work.actor.provider_id is not None and row["provider_id"] != work.actor.provider_id):
        raise NotFound("There is no such file among your evidence.")
    if row["deleted_at"] is not None:
        raise InvalidInput({field: "This file has been deleted: select another, or add it again"})
    if row["state"] == "refused":
        raise InvalidInput({field: "This file was refused: select another, or add it again as its page says"})
    if row["state"] == "waiting":
        raise InvalidInput({field: "This file has not arrived: add it again"})
    if checked and row["state"] != "clean":
        raise InvalidInput({field: "This file is still being checked: try again when its page says that it is ready"})
    if worker_id is not None and row["worker_id"] != worker_id:
        raise InvalidInput({field: "This file is about another worker: select one about this worker"})
    return dict(row)


# --- questions --------------------------------------------------------------------------------------------------------

_FROM = """SELECT e.*, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END AS shown_state,
    w.name AS worker_name, (SELECT r.id FROM evidence r WHERE r.provider_id = e.provider_id AND r.replaces_id = e.id
        AND r.state <> 'refused' AND r.deleted_at IS NULL) AS replaced_by
    FROM evidence e LEFT JOIN worker w ON w.provider_id = e.provider_id AND w.id = e.worker_id"""
_NARROW = """WHERE e.provider_id = $1 AND ($2 = '' OR e.kind = $2)
    AND ($3 = '' OR ($3 = 'deleted' AND e.deleted_at IS NOT NULL) OR (e.state = $3 AND e.deleted_at IS NULL))
    AND ($4::uuid IS NULL OR e.worker_id = $4)
    AND ($5 = '' OR concat_ws(' ', e.file_name, e.title, w.name) ILIKE $5)"""


def own_provider(work: Work) -> UUID:
    """The actor's provider. Raises `NotFound` to anybody without one."""
    if work.actor.provider_id is None:
        raise NotFound
    return work.actor.provider_id


async def files(work: Work, wanted: Filter, *, number: int = 1, size: int = PAGE) -> tuple[list[dict[str, Any]], int]:
    """One page of the files the actor may see of its own provider, newest first, and how many there are in all.

    A worker sees those about themself alone: row-level security sees to it.
    """
    like = wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values = (own_provider(work), wanted.kind, wanted.state, wanted.worker_id, f"%{like}%" if like else "")
    total = await work.fetchval(f"SELECT count(*) FROM ({_FROM} {_NARROW}) t", *values)  # noqa: S608 - our constants
    rows = await work.fetch(
        f"{_FROM} {_NARROW} ORDER BY e.uploaded_at DESC, e.id LIMIT $6 OFFSET $7", *values, size, (number - 1) * size
    )
    return [dict(row) for row in rows], total


async def one_file(work: Work, evidence_id: UUID) -> dict[str, Any]:
    """One file of the actor's own provider. Raises `NotFound`."""
    row = await work.fetchrow(f"{_FROM} WHERE e.provider_id = $1 AND e.id = $2", own_provider(work), evidence_id)
    if row is None:
        raise NotFound("There is no such file among your evidence.")
    return dict(row)


async def history(work: Work, evidence_id: UUID) -> list[dict[str, Any]]:
    """The files this one stands in for, newest first: what was sent before, and what came of it."""
    rows = await work.fetch(
        f"""WITH RECURSIVE before AS (
            SELECT e.provider_id, e.id, e.replaces_id, 0 AS step FROM evidence e WHERE e.provider_id = $1 AND e.id = $2
            UNION ALL SELECT e.provider_id, e.id, e.replaces_id, step + 1 FROM evidence e JOIN before b
            ON e.provider_id = b.provider_id AND e.id = b.replaces_id WHERE step < 100)
        SELECT t.* FROM ({_FROM}) t JOIN before b ON b.provider_id = t.provider_id AND b.id = t.id
        WHERE b.step > 0 ORDER BY b.step""",  # noqa: S608 - our own constants
        own_provider(work), evidence_id,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def looks_at(work: Work, evidence_id: UUID) -> list[dict[str, Any]]:
    """Who opened the file and when, newest first; offices see their own provider's looks."""
    rows = await work.fetch(
        "SELECT at, person_name FROM look WHERE organisation_id = $1 AND subject_type = 'evidence' AND subject_id = $2"
        " ORDER BY at DESC, id DESC LIMIT 50",
        own_provider(work), evidence_id,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def people_files_are_about(work: Work) -> list[tuple[UUID, str]]:
    """The workers a file may be about: the office's all, a worker oneself; those who have left come last."""
    rows = await work.fetch(
        "SELECT id, name FROM worker WHERE provider_id = $1 ORDER BY left_on IS NOT NULL, lower(name), id",
        own_provider(work),
    )
    return [(row["id"], row["name"]) for row in rows]


async def to_be_deleted(work: Work, until: date) -> list[dict[str, Any]]:
    """What retention deletes up to and including a day, soonest first."""
    rows = await work.fetch(
        f"{_FROM} WHERE e.provider_id = $1 AND e.deleted_at IS NULL AND e.state <> 'refused' AND e.keep_until < $2"
        " ORDER BY e.keep_until, e.uploaded_at, e.id",
        own_provider(work), until,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def deleted(work: Work, most: int = 200) -> list[dict[str, Any]]:
    """What was deleted, newest first: the record that it was stays."""
    rows = await work.fetch(
        f"{_FROM} WHERE e.provider_id = $1 AND e.deleted_at IS NOT NULL ORDER BY e.deleted_at DESC, e.id LIMIT $2",
        own_provider(work), most,
    )  # fmt: skip
    return [dict(row) for row in rows]
