"""What the API gives and takes about visits. Times carry their offset; money is whole pence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.packages.boards import Week
from marketplace.packages.opening import VisitFile
from marketplace.packages.records import RecordText
from marketplace.packages.schemas import (
    In,
    PartOut,
    SignatureOut,
    VisitLineOut,
    address_of,
    parts_out,
    signature_out,
    visit_line_out,
)
from marketplace.packages.visit_actions import Planned

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class PatternIn(In, kw_only=True):
    """A run of days to plan; `slots` are places in the plan's week, all if left out."""

    first_day: date
    last_day: date
    worker_ids: list[UUID]
    slots: list[int] | None = None


class VisitIn(In, kw_only=True):
    """One visit to plan."""

    activity: str
    starts_at: Moment
    ends_at: Moment
    worker_ids: list[UUID]
    own_reference: str | None = None


class MoveIn(In, kw_only=True):
    """Other times; `version` is the one that was read."""

    version: int
    starts_at: Moment
    ends_at: Moment


class SwapIn(In, kw_only=True):
    """Who leaves and who comes."""

    version: int
    leaves: UUID
    comes: UUID


class CancelIn(In, kw_only=True):
    """`outcome`: cancelled_by_family (with `notice_at`), cancelled_by_provider or cancelled_on_arrival.

    `charge_pence` is what was shown as the charge: another sum by now is refused, and none where there is one.
    """

    version: int
    outcome: str
    reason: str
    notice_at: Moment | None = None
    charge_pence: int | None = None


class MissedIn(In, kw_only=True):
    """Why nobody came."""

    version: int
    reason: str


class TimeIn(In, kw_only=True):
    """When it was; left out: now. Another time than now needs its reason."""

    at: Moment | None = None
    reason: str = ""


class TimesIn(In, kw_only=True):
    """Corrected times with the reason; `end` once the visit is over."""

    start: Moment
    end: Moment | None = None
    reason: str


class PinIn(In, kw_only=True):
    """A family member's own PIN, typed on the worker's device."""

    person_id: UUID
    pin: str
    text_hash: str


class NotSignedIn(In, kw_only=True):
    """Why the family has not signed (`code` of the framework's list) and how the record was shared with it."""

    code: str
    shown_how: str
    remark: str = ""
    text_hash: str


class ResolveIn(In, kw_only=True):
    """What the referrer found out, and with whom it spoke."""

    resolution: str


class OverrunIn(In, kw_only=True):
    """How many `minutes` beyond the planned length are billed (null: as long as the visit lasted), or not, and why.

    Not approved where nothing waits for a decision, what was approved is taken back.
    """

    approve: bool
    minutes: int | None = None
    reason: str = ""


class VisitOut(msgspec.Struct, kw_only=True):
    """An opened visit. The record and the child only for those who may read them."""

    id: UUID
    package_id: UUID
    package: str
    child: str | None
    address: str | None
    at_the_door: str | None
    needs: list[str]
    activity: str
    planned_start: datetime
    planned_end: datetime
    actual_start: datetime | None
    actual_end: datetime | None
    state: str
    outcome: str | None
    outcome_reason: str | None
    notice_at: datetime | None
    workers: list[str]
    record: RecordText | None
    parts: list[PartOut]
    text: str | None
    text_hash: str | None
    signatures: list[SignatureOut]
    missing: list[str]
    flags: list[str]
    overrun_minutes: int
    overrun_approved: bool
    overrun_approved_minutes: int
    confirmers: dict[str, str]
    unsigned_reasons: dict[str, str]
    version: int


class GapOut(msgspec.Struct, kw_only=True):
    """A visit of a plan with nobody planned, or one that could not be placed, with the sentence why."""

    starts_at: datetime
    why: str


class PlannedOut(msgspec.Struct, kw_only=True):
    """What became of planning a run of days."""

    made: list[UUID]
    there_already: int
    gaps: list[GapOut]


class WeekOut(msgspec.Struct, kw_only=True):
    """The provider's week: visits by worker, conflicts in words, and gaps."""

    first_day: date
    workers: dict[str, list[VisitLineOut]]
    conflicts: list[str]
    gaps: list[GapOut]


class NowOut(msgspec.Struct, kw_only=True):
    """A worker's next visit, the coming days, and what is unfinished."""

    next: UUID | None
    coming: list[VisitLineOut]
    unfinished: list[VisitLineOut]


class ComingOut(msgspec.Struct, kw_only=True):
    """A family's coming visits and those it should confirm."""

    coming: list[VisitLineOut]
    to_confirm: list[VisitLineOut]


def visit_out(file: VisitFile) -> VisitOut:
    """An opened visit in the API's shape."""
    visit, identity, note = file.visit, file.identity, file.note
    record = None
    if note is not None:
        record = RecordText(**{name: note[name] for name in RecordText.__struct_fields__})
    return VisitOut(
        id=visit.id, package_id=visit.package_id, package=file.package.reference, child=identity and identity["name"],
        address=address_of(identity), at_the_door=identity and identity["at_the_door"], needs=file.needs,
        activity=visit.activity, planned_start=visit.planned_start, planned_end=visit.planned_end,
        actual_start=visit.actual_start, actual_end=visit.actual_end, state=file.state, outcome=visit.outcome,
        outcome_reason=file.outcome_reason, notice_at=visit.notice_at,
        workers=[row["printed_name"] for row in file.workers], record=record,
        parts=parts_out(file.text) if file.text else [], text=file.text.text if file.text else None,
        text_hash=visit.record_hash if file.text else None,
        signatures=[signature_out(row) for row in file.signatures], missing=file.missing, flags=file.flags,
        overrun_minutes=file.overrun_minutes, overrun_approved=visit.overrun_approved_at is not None,
        overrun_approved_minutes=file.longer_approved,
        confirmers={str(grant.person_id): grant.person_name for grant in file.confirmers},
        unsigned_reasons=file.reasons, version=visit.version,
    )  # fmt: skip


def planned_out(done: Planned) -> PlannedOut:
    """What became of planning, in the API's shape."""
    gaps = [GapOut(starts_at=at, why=why) for at, why in done.gaps]
    return PlannedOut(made=list(done.made), there_already=done.there_already, gaps=gaps)


def week_out(found: Week) -> WeekOut:
    """The board in the API's shape."""
    return WeekOut(
        first_day=found.days[0],
        workers={name: [visit_line_out(cell.line) for cells in days for cell in cells] for name, days in found.rows},
        conflicts=[cell.conflict for _, days in found.rows for cells in days for cell in cells if cell.conflict],
        gaps=[GapOut(starts_at=gap.starts_at, why=f"Nobody is planned for {gap.reference}") for gap in found.gaps],
    )
