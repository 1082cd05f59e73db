"""What the queries of this folder answer with: frozen, and the same for pages and API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Member:
    commissioner_id: UUID
    name: str
    leads: bool
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class FrameworkView:
    """A framework as its members, and once it is open everybody signed in, see it. `ends_on` is its last day."""

    id: UUID
    name: str
    state: str
    lead_id: UUID
    lead_name: str
    pack_hash: str
    pack_id: str
    pack_title: str
    anchor_day: date
    regime: str
    ends_on: date | None
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    members: tuple[Member, ...]

    def member(self, commissioner_id: UUID | None) -> Member | None:
        """The membership of that commissioner, None when it takes no part."""
        return next((member for member in self.members if member.commissioner_id == commissioner_id), None)

    def led_by(self, commissioner_id: UUID | None) -> bool:
        """Whether that commissioner leads this framework, and so decides for it."""
        return self.lead_id == commissioner_id


@dataclass(frozen=True, slots=True)
class LotView:
    code: str
    title: str
    position: int


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A question of the pack with the answer proposed and, once given, the answer confirmed."""

    key: str
    title: str
    question: str
    clause: str
    unit: str
    kind: str
    choices: tuple[str, ...]
    proposed: Any
    value: Any
    confirmed_by_name: str | None
    confirmed_at: datetime | None
    remark: str

    @property
    def confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def changed(self) -> bool:
        """Whether the commissioner answered otherwise than the pack proposed."""
        return self.confirmed and self.value != self.proposed


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """One provider's application to one lot. `card_id` is the rate card proposed with it."""

    framework_id: UUID
    framework_name: str
    id: UUID
    provider_id: UUID
    provider_name: str
    lot_code: str
    lot_title: str
    state: str
    statement: str
    submitted_at: datetime
    decided_at: datetime | None
    decision_reason: str | None
    card_id: UUID | None


@dataclass(frozen=True, slots=True)
class AdmissionView:
    """`ends_on` is the last day of the admission; None while no end is set."""

    framework_id: UUID
    framework_name: str
    id: UUID
    provider_id: UUID
    provider_name: str
    lot_code: str
    lot_title: str
    application_id: UUID | None
    starts_on: date
    ends_on: date | None
    ended_reason: str | None

    def covers(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class CardView:
    """A rate card; `rates` maps (activity, band) to pence per hour. It counts from `applies_from` once agreed."""

    framework_id: UUID
    framework_name: str
    id: UUID
    provider_id: UUID
    provider_name: str
    lot_code: str
    lot_title: str
    application_id: UUID | None
    state: str
    applies_from: date
    proposed_at: datetime
    reason: str
    decided_at: datetime | None
    decision_reason: str | None
    rates: dict[tuple[str, str], int]

    @property
    def variation(self) -> bool:
        """Proposed on its own during an admission, not with an application."""
        return self.application_id is None
