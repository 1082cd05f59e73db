"""Questions about imports: the provider's own, newest first, and one with its plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.providers.import_plan import Plan
from marketplace.providers.import_reading import Rows

STATES = {
    "checking": "Being checked",
    "checked": "To be looked at",
    "importing": "Being imported",
    "imported": "Imported",
    "discarded": "Given up",
}

IMPORTS = (
    "SELECT i.*, p.done FROM workforce_import i"
    " LEFT JOIN import_progress p ON p.provider_id = i.provider_id AND p.import_id = i.id"
)


@dataclass(frozen=True, slots=True)
class Import:
    """One file: where it stands, what it would do or did. `plan` is None while it is checked and once given up."""

    id: UUID
    file_name: str
    state: str
    rows: int
    plan: Plan | None
    plan_hash: str | None
    since: list[str]
    uploaded_by: str
    uploaded_at: datetime
    accepted_by: str | None
    ended_at: datetime | None
    done: int = 0

    @property
    def per_cent(self) -> int:
        """How much of the rows is done, while the file is checked or imported; 0 where that is not known."""
        return min(100, 100 * self.done // self.rows) if self.rows else 0

    @property
    def said(self) -> str:
        """Where it stands, in words."""
        if self.state == "checked" and self.plan is not None:
            if self.plan.faults:
                return "To be corrected"
            if not self.plan.questions and not self.plan.fit:
                return "Nothing to change"
        return STATES[self.state]


def _import(row: Any) -> Import:
    plan = msgspec.convert(row["plan"], Plan) if row["plan"] is not None else None
    return Import(
        row["id"], row["file_name"], row["state"], msgspec.convert(row["rows"], Rows).count, plan, row["plan_hash"],
        row["since"], row["uploaded_by_name"], row["uploaded_at"], row["accepted_by_name"], row["ended_at"],
        row["done"] or 0,
    )  # fmt: skip


async def one_import(work: Work, import_id: UUID) -> Import:
    """One of the actor's provider's imports. Raises `NotFound`."""
    row = await work.fetchrow(f"{IMPORTS} WHERE i.provider_id = $1 AND i.id = $2", work.actor.provider_id, import_id)
    if row is None:
        raise NotFound("There is no such import in your organisation.")
    return _import(row)


async def imports(work: Work) -> list[Import]:
    """The newest fifty."""
    rows = await work.fetch(
        f"{IMPORTS} WHERE i.provider_id = $1 ORDER BY i.uploaded_at DESC, i.id LIMIT 50",
        work.actor.provider_id,
    )
    return [_import(row) for row in rows]
