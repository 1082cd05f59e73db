"""What the API of evidence files takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from marketplace.providers.schemas import In, Line


class FileIn(In):
    """`kind` as in the list of kinds; `id` is the caller's own, so that announcing twice makes one file."""

    kind: Line
    file_name: Line
    size: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
    content_type: Line = ""
    worker_id: UUID | None = None
    title: Annotated[str, msgspec.Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    replaces_id: UUID | None = None
    id: UUID | None = None


class DeleteIn(In):
    reason: Line


class FormOut(msgspec.Struct):
    """Post these fields and then `file`, as a multipart form, to `url`."""

    url: str
    fields: dict[str, str]


class PlaceOut(msgspec.Struct, kw_only=True):
    """Without a `form` send the file to .../content."""

    id: UUID
    state: str
    form: FormOut | None


class LinkOut(msgspec.Struct):
    url: str
    seconds: int


class FileOut(msgspec.Struct, kw_only=True):
    """`state` is waiting, checking, held, clean, refused or deleted; `scan` clean or not_scanned."""

    id: UUID
    kind: str
    title: str
    worker_id: UUID | None
    replaces_id: UUID | None
    replaced_by: UUID | None
    file_name: str
    content_type: str
    size: int
    uploaded_at: datetime
    uploaded_by_name: str
    state: str
    scan: str | None
    refused_reason: str | None
    remarks: str
    sha256: str | None
    keep_until: date | None
    deleted_at: datetime | None
    deleted_reason: str | None
    leans_on_it: list[str] = []


def file_out(row: dict[str, Any], leaning: list[str] | None = None) -> FileOut:
    """A row of files.py's questions as the API gives it; `leaning` is what leans on it, where one file is asked for."""
    given = {name: row[name] for name in FileOut.__struct_fields__ if name in row}
    return FileOut(
        leans_on_it=leaning or [], **given | {"state": row["shown_state"], "sha256": row["published_sha256"]}
    )
