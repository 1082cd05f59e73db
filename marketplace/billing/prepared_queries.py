"""Questions about drafts that are prepared: what is to come, to pay or to submit, and the lines of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """One draft that waits to be submitted, as it was last prepared. Amounts in pence; `unpriced` has none."""

    id: UUID
    framework_id: UUID
    framework: str
    provider_id: UUID
    provider: str
    payer_id: UUID
    payer: str
    period: Period
    prepared_at: datetime
    visits: int
    held: int
    defects: int
    gross_pence: int
    deduction_pence: int
    carried_in_pence: int
    net_pence: int
    carried_out_pence: int
    unpriced: bool


@dataclass(frozen=True, slots=True)
class PreparedLineRow:
    """One visit of a prepared draft; `missing` says why it is held."""

    visit_id: UUID
    planned_start: datetime
    package_reference: str
    minutes: int
    percent: int
    price_pence: int | None
    payable_pence: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToCome:
    """A page of prepared drafts, with how many there are and what they come to in all."""

    rows: tuple[PreparedRow, ...]
    total: int
    net_pence: int


# Once it is submitted the invoice itself says it all.
_WAITING = """FROM prepared_draft d WHERE NOT EXISTS (
    SELECT 1 FROM invoice i WHERE i.commissioner_id = d.commissioner_id AND i.framework_id = d.framework_id
    AND i.provider_id = d.provider_id AND i.first_day = d.first_day
    AND i.replaced_at IS NULL AND i.state <> 'returned')"""


# What a list says of a draft: not its lines.
_SAID = """d.id, d.commissioner_id, d.framework_id, d.provider_id, d.first_day, d.last_day, d.prepared_at, d.visits,
    d.held, jsonb_array_length(d.defects) AS n_defects, d.gross_pence, d.deduction_pence, d.carried_in_pence,
    d.net_pence, d.carried_out_pence, d.unpriced, f.name AS framework, p.name AS provider, c.name AS payer"""
# The lines that drafts hold as lists, a row each; `missing` is text with blanks between the codes.
LINES = """
SELECT d.commissioner_id, d.id AS draft_id, d.provider_id, coalesce(l.of, d.commissioner_id) AS visit_commissioner_id,
       l.visit_id, l.minutes, l.percent, l.price_pence, l.payable_pence, l.missing
FROM prepared_draft d, unnest(d.visit_ids, d.visit_commissioner_ids, d.minutes, d.percents, d.prices, d.payables,
    d.missing) AS l (visit_id, of, minutes, percent, price_pence, payable_pence, missing)
"""


async def to_come(work: Work, *, limit: int = 50, offset: int = 0) -> ToCome:
    """The prepared drafts within reach that were not submitted, the largest of the newest period first."""
    whole = await work.fetchrow(f"SELECT count(*) AS n, coalesce(sum(net_pence), 0)::bigint AS net {_WAITING}")
    assert whole is not None
    rows = await work.fetch(
        f"""SELECT {_SAID}
            FROM (SELECT d.* {_WAITING} ORDER BY d.first_day DESC, d.net_pence DESC, d.id LIMIT $1 OFFSET $2) d
            JOIN framework f ON f.id = d.framework_id JOIN organisation p ON p.id = d.provider_id
            JOIN organisation c ON c.id = d.commissioner_id
            ORDER BY d.first_day DESC, d.net_pence DESC, d.id""",  # noqa: S608
        limit, offset,
    )  # fmt: skip
    return ToCome(tuple(_row(row) for row in rows), whole["n"], whole["net"])


async def prepared_draft(work: Work, draft_id: UUID) -> tuple[PreparedRow, tuple[PreparedLineRow, ...]]:
    """One prepared draft with its lines. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(
        f"""SELECT {_SAID}
            FROM prepared_draft d JOIN framework f ON f.id = d.framework_id JOIN organisation p ON p.id = d.provider_id
            JOIN organisation c ON c.id = d.commissioner_id WHERE d.id = $1""",  # noqa: S608 - our own text
        draft_id,
    )
    if row is None:
        raise NotFound
    lines = await work.fetch(
        f"""SELECT l.*, v.planned_start, k.reference AS package_reference FROM ({LINES}) l
            JOIN visit v ON v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id
            JOIN package k ON k.commissioner_id = v.commissioner_id AND k.id = v.package_id
            WHERE l.commissioner_id = $1 AND l.draft_id = $2 ORDER BY v.planned_start, l.visit_id""",  # noqa: S608 - ours
        row["commissioner_id"], draft_id,
    )  # fmt: skip
    return _row(row), tuple(
        PreparedLineRow(
            line["visit_id"], line["planned_start"], line["package_reference"], line["minutes"], line["percent"],
            line["price_pence"], line["payable_pence"], tuple((line["missing"] or "").split()),
        )
        for line in lines
    )  # fmt: skip


def _row(row: Any) -> PreparedRow:
    return PreparedRow(
        id=row["id"],
        framework_id=row["framework_id"],
        framework=row["framework"],
        provider_id=row["provider_id"],
        provider=row["provider"],
        payer_id=row["commissioner_id"],
        payer=row["payer"],
        period=Period(row["first_day"], row["last_day"]),
        prepared_at=row["prepared_at"],
        visits=row["visits"],
        held=row["held"],
        defects=row["n_defects"],
        gross_pence=row["gross_pence"],
        deduction_pence=row["deduction_pence"],
        carried_in_pence=row["carried_in_pence"],
        net_pence=row["net_pence"],
        carried_out_pence=row["carried_out_pence"],
        unpriced=row["unpriced"],
    )
