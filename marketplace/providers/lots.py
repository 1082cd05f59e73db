"""Everybody ever admitted to a lot, as the acting commissioner's broadcast would meet them now: one question.

What could stand against a provider is read of those alone against whom anything could; how many workers are ready is
counted in the same statement where it is asked for (`reach_index.counting_of_lot`).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.providers.facts import AdmissionRow, ProviderRecord, provider_record
from marketplace.providers.holds import Hold
from marketplace.providers.reach_index import Counting


class OtherPack(Exception):
    """The framework is judged by another pack than the one that was counted by."""


class LotRow(NamedTuple):
    """A provider of the lot. `told` is None where no rule could hold anything against it: admitted, registered,
    insured, nothing imposed; else what the rules need of it, for `record_told`. Where its workers were counted: how
    many were found, and which of them must be judged by the facts (None: nobody)."""

    id: UUID
    name: str
    told: str | None
    found: int | None = None
    unclear: list[UUID] | None = None


_LOT = (
    """SELECT l.id, l.name, l.told::text{columns} FROM lot_standing($1, $2, $3, $4) l{counts} ORDER BY l.name, l.id"""
)
_COUNTED = ", c.found, c.unclear, (SELECT pack_hash FROM framework WHERE id = $1) AS pack_hash"
FIRST_VALUE = 5  # the number of the counting's first parameter


async def lot_rows(work: Work, framework_id: UUID, lot: str) -> list[LotRow]:
    """The lot's providers by name, as they stand now; nobody for strangers to the framework. For a commissioner."""
    rows = await work.fetch(_LOT.format(columns="", counts=""), framework_id, lot, work.now, local_day(work.now))
    return [LotRow(*row) for row in rows]


async def counted_lot_rows(
    work: Work, framework_id: UUID, lot: str, pack_hash: str, counting: Counting
) -> list[LotRow]:
    """The same with how many workers are ready; raises `OtherPack` where the pack counted by is not the framework's."""
    counts = f" LEFT JOIN ({counting.sql}) c ON c.provider_id = l.id"
    rows = await work.fetch(
        _LOT.format(columns=_COUNTED, counts=counts), framework_id, lot, work.now, local_day(work.now), *counting.values
    )
    if rows and rows[0]["pack_hash"] != pack_hash:
        raise OtherPack
    return [LotRow(each, name, told, found, unclear) for each, name, told, found, unclear, _ in rows]


def record_told(provider_id: UUID, name: str, told: str, lot: str) -> ProviderRecord:
    """What was told of a provider; it holds that lot's admissions alone."""
    registered, insured, dated, holds = json.loads(told)
    admissions = [
        AdmissionRow(UUID(admission), lot, date.fromisoformat(starts), _day(ends), why)
        for admission, starts, ends, why in dated
    ]
    return provider_record(
        provider_id, name, admissions, [_hold(each) for each in holds], registered, _day(insured), lot
    )


def _hold(said: list[Any]) -> Hold:
    id, kind, lot, since, until, by, why, rule_key, commissioner, root, allowed, given = said
    return Hold(
        UUID(id), kind, lot, datetime.fromisoformat(since), _day(until), by, why, rule_key,
        _id(commissioner), _id(root), allowed, given,
    )  # fmt: skip


def _id(written: str | None) -> UUID | None:
    return None if written is None else UUID(written)


def _day(written: str | None) -> date | None:
    return None if written is None else date.fromisoformat(written)
