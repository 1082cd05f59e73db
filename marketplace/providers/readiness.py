"""Which of a provider's workers may be proposed and placed on a day, and why the others may not (domain 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from marketplace.platform.database import Work
from marketplace.policy.bounds import readiness_bounds
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.standing import (
    WorkerReason,
    check_current_until,
    competency_current_until,
    dbs_current_until,
    explain,
    required_competencies,
    worker_readiness,
)
from marketplace.providers.facts import PROFILE_CHECK, Competence, WorkerRecord, worker_records
from marketplace.providers.lots import FIRST_VALUE, counted_lot_rows
from marketplace.providers.reach_index import Counted, count_by_days, counted, counting_of_lot, look_again
from marketplace.providers.standing import Standing, judge_told, standings


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker judged for a lot, a child's needs and a day."""

    worker: WorkerRecord
    lot: str
    needs: tuple[str, ...]
    on: date
    codes: tuple[WorkerReason, ...]
    reasons: tuple[str, ...]  # the end of a sentence each: "has no DBS check"
    pack: Pack

    @property
    def ready(self) -> bool:
        """Whether the worker may be proposed and placed."""
        return not self.codes

    @property
    def sentence(self) -> str:
        """Why not, in one sentence; "Ready" otherwise."""
        return "Ready" if self.ready else f"{self.worker.name} {', '.join(self.reasons)}."


def judge_worker(
    pack: Pack, worker: WorkerRecord, lot: str, needs: Sequence[str], on: date, child_specific: Sequence[str] = ()
) -> Ready:
    """One worker as the rules see it. Raises `UnknownCode` for a lot the pack does not hold."""
    judged = worker_readiness(pack, lot, on, worker.facts, tuple(needs), tuple(child_specific))
    return Ready(
        worker, lot, tuple(needs), on, judged.reasons, tuple(explain(reason, pack) for reason in judged.reasons), pack
    )


async def readiness(
    work: Work,
    provider_id: UUID,
    pack: Pack,
    lot: str,
    needs: Sequence[str],
    on: date,
    package_id: UUID | None = None,
    *,
    child_specific: Sequence[str] = (),
    worker_ids: Iterable[UUID] | None = None,
) -> list[Ready]:
    """Every worker of the provider (or those asked about), ready ones first, then by name.

    `needs` are the starred competencies the child needs, `child_specific` the interventions signed off child by child:
    they are judged where `package_id` says which package the sign-offs must belong to.
    """
    records = await worker_records(work, [provider_id], package_id=package_id, worker_ids=worker_ids)
    judged = [judge_worker(pack, worker, lot, needs, on, child_specific) for worker in records[provider_id]]
    return sorted(judged, key=lambda entry: (not entry.ready, entry.worker.name, str(entry.worker.id)))


async def ready_counts(
    work: Work, provider_ids: Iterable[UUID], pack: Pack, lot: str, needs: Sequence[str], on: date
) -> dict[UUID, int]:
    """How many workers of each provider are ready: for the broadcast preview, by the database's rows of days.

    The few whom those rows cannot answer for are judged by their facts, as everybody is on a day beyond the rows.
    """
    providers = list(provider_ids)
    bounds = readiness_bounds(pack, lot, on, tuple(needs))
    by_days = await count_by_days(work, providers, bounds, local_day(work.now))
    return await _settled(work, by_days, pack, lot, needs, on)


class OfLot(msgspec.Struct, frozen=True):
    """A provider ever admitted to a lot: what stands against it now (None: nothing) and, where nothing does, how many
    of its workers are ready on the day asked about."""

    provider_id: UUID
    provider_name: str
    standing: Standing | None
    ready: int | None


async def lot_reach(
    work: Work, framework_id: UUID, pack: Pack, lot: str, needs: Sequence[str], on: date
) -> list[OfLot]:
    """Everybody ever admitted to a lot, by name. One statement for a commissioner; `OtherPack` unless the pack is the
    framework's.

    Since when a registration is missing is left to the provider's own page: it would be a question more."""
    if work.actor.commissioner_id is None:
        stand = await standings(work, framework_id, lot)
        ready = await ready_counts(work, [each.provider_id for each in stand if each.good], pack, lot, needs, on)
        return [
            OfLot(each.provider_id, each.provider_name, None if each.good else each, ready.get(each.provider_id))
            for each in stand
        ]
    today = local_day(work.now)
    counting = await counting_of_lot(work, pack, lot, tuple(needs), on, today, FIRST_VALUE)
    rows = await counted_lot_rows(work, framework_id, lot, pack.content_hash, counting)
    ready = {row.id: row.found or 0 for row in rows}
    if any(row.unclear for row in rows):
        by_days = {row.id: counted(row.found or 0, row.unclear) for row in rows}
        ready = await _settled(work, by_days, pack, lot, needs, on)
    found: list[OfLot] = []
    for row in rows:
        stands = None
        if row.told is not None:
            stands = judge_told(pack, framework_id, row.id, row.name, row.told, lot, today)
            stands = None if stands.good else stands
        found.append(OfLot(row.id, row.name, stands, ready[row.id] if stands is None else None))
    return found


async def _settled(
    work: Work, by_days: dict[UUID, Counted], pack: Pack, lot: str, needs: Sequence[str], on: date
) -> dict[UUID, int]:
    """The counts, whoever could not be told from days alone judged by the facts."""
    counts = {each: found.ready for each, found in by_days.items()}
    unclear = [worker_id for each in by_days.values() for worker_id in each.unclear]
    if unclear:
        look_again()
        having = [provider_id for provider_id, each in by_days.items() if each.unclear]
        for provider_id, workers in (await worker_records(work, having, worker_ids=unclear)).items():
            judged = (worker_readiness(pack, lot, on, worker.facts, tuple(needs)) for worker in workers)
            counts[provider_id] += sum(each.ready for each in judged)
    return counts


def match_statement(entry: Ready) -> dict[str, Any]:
    """The frozen proof that goes with an offer: who, what, valid until, signed off by (L 6.1).

    Plain JSON values. Never a certificate or registration number.
    """
    pack, worker = entry.pack.on(entry.on), entry.worker
    role = pack.roles.get(worker.role)
    items: list[dict[str, Any]] = []
    if worker.facts.dbs_checked_on is not None and worker.dbs is not None:
        until = dbs_current_until(pack, worker.dbs.checked_on)
        items.append(_item(_dbs_title(pack), worker.dbs.checked_on, until, worker.dbs.checked_by))
    if role is not None and role.registration is not None and worker.registration_until is not None:
        items.append(_item(f"Registration: {role.registration}", None, worker.registration_until, None))
    for code in required_competencies(pack, entry.lot, entry.needs):
        best = newest_sign_off(worker, code)
        if best is not None:
            title = pack.competencies[code].title
            until = competency_current_until(pack, code, best.assessed_on)
            items.append(_item(title, best.assessed_on, until, best.assessor))
    items += _checks(pack, worker)
    return {
        "worker": worker.name,
        "role": role.title if role is not None else worker.role,
        "lot": entry.lot,
        "on": entry.on.isoformat(),
        "ready": entry.ready,
        "items": items,
        "missing": list(entry.reasons),
    }


def newest_sign_off(worker: WorkerRecord, code: str, package_id: UUID | None = None) -> Competence | None:
    """The newest assessment of a competency that was signed off and not withdrawn."""
    for record in worker.competencies:  # newest first
        counts = record.withdrawn_at is None and record.assessor and record.for_package_id in (None, package_id)
        if record.code == code and counts:
            return record
    return None


def _checks(pack: Pack, worker: WorkerRecord) -> list[dict[str, Any]]:
    """References, right to work and the like, as far as they are part of readiness: of each the one that lasts."""
    items: list[dict[str, Any]] = []
    for check in pack.content.worker_checks:
        asked = check.required and check.evidence == "record" and (check.when != "driving" or worker.drives_children)
        if not asked or check.key == PROFILE_CHECK:
            continue  # the profile is beside the statement
        ends = [
            (check_current_until(pack, check.key, each.done_on, each.valid_until), each.done_on)
            for each in worker.checks
            if each.code == check.key
        ]
        if ends:
            until, done_on = max(ends, key=lambda end: end[0] or date.max)
            items.append(_item(check.title, done_on, until, None))
    return items


def _dbs_title(pack: Pack) -> str:
    titles = [check.title for check in pack.content.worker_checks if check.evidence == "dbs"]
    return titles[0] if titles else "DBS check"


def _item(what: str, since: date | None, until: date | None, by: str | None) -> dict[str, Any]:
    return {
        "what": what,
        "since": since.isoformat() if since is not None else None,
        "valid_until": until.isoformat() if until is not None else None,
        "signed_off_by": by,
    }
