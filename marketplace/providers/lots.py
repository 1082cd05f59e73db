"""Everybody ever admitted to a lot, as the acting commissioner's broadcast would meet them now: one question.

What could stand against a provider is read of those alone against whom anything could; how many workers are ready is
counted in the same statement where it is asked for (`reach_index.counting_of_lot`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.providers.facts import AdmissionRow, ProviderRecord, provider_record
from marketplace.providers.holds import Hold, hold_of
from marketplace.providers.reach_index import NOBODY, Counted, Counting


class OtherPack(Exception):
    """The framework is judged by another pack than the one that was counted by."""


class LotRow(NamedTuple):
    """A provider of the lot, and its workers counted where that was asked. `record` is None where no rule could hold
    anything against it: admitted, registered, insured, nothing imposed; it holds that lot's admissions alone."""

    id: UUID
    name: str
    record: ProviderRecord | None
    counted: Counted


_LOT = """SELECT l.id, l.name, l.told{columns} FROM lot_standing($1, $2, $3, $4) l{counts} ORDER BY l.name, l.id"""
_COUNTED = ", c.ready, c.unclear, (SELECT pack_hash FROM framework WHERE id = $1) AS pack_hash"
FIRST_VALUE = 5  # the number of the counting's first parameter


async def lot_rows(work: Work, framework_id: UUID, lot: str) -> list[LotRow]:
    """The lot's providers by name, as they stand now; nobody for strangers to the framework. For a commissioner."""
    rows = await work.fetch(_LOT.format(columns="", counts=""), framework_id, lot, work.now, local_day(work.now))
    return [LotRow(each, name, _record(each, name, told, lot), NOBODY) for each, name, told in rows]


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
    return [
        LotRow(
            each,
            name,
            _record(each, name, told, lot),
            Counted(ready, tuple(unclear or ())) if ready is not None else NOBODY,
        )
        for each, name, told, ready, unclear, _ in rows
    ]


def _record(provider_id: UUID, name: str, told: list[Any] | None, lot: str) -> ProviderRecord | None:
    if told is None:
        return None
    registered, insured, dated, holds = told
    admissions = [
        AdmissionRow(UUID(admission), lot, date.fromisoformat(starts), _day(ends), why)
        for admission, starts, ends, why in dated
    ]
    return provider_record(
        provider_id, name, admissions, [_hold(each) for each in holds], registered, _day(insured), lot
    )


def _hold(said: dict[str, Any]) -> Hold:
    keys = {name: None if said[name] is None else UUID(said[name]) for name in ("id", "commissioner_id", "root_id")}
    since, until = datetime.fromisoformat(said["starts_at"]), _day(said["until_on"])
    return hold_of({**said, **keys, "starts_at": since, "until_on": until})


def _day(written: str | None) -> date | None:
    return None if written is None else date.fromisoformat(written)
