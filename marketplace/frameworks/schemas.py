"""Bodies of the frameworks API. Rates are integer pence per hour; days are ISO dates, moments carry their offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.frameworks.terms import Section
from marketplace.frameworks.views import (
    AdmissionView,
    ApplicationView,
    CardView,
    DecisionView,
    FrameworkView,
    LotView,
)


class In(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What callers send: unknown fields are refused by name."""


class FrameworkIn(In):
    """`pack` is the id of one of `/api/v1/packs`, or the hash of a stored one."""

    pack: str
    name: str
    anchor_day: date
    regime: str
    ends_on: date | None = None
    partners: list[UUID] = []


class AnswerIn(In):
    """A decision's answer; without `value` it is confirmed as proposed. Text may stand for any type."""

    value: bool | int | str | list[Any] | None = None
    remark: str = ""


class PartnerIn(In):
    commissioner_id: UUID


class ReasonIn(In):
    reason: str


class RateIn(In):
    activity: str
    band: str
    pence_per_hour: int


class BidIn(In):
    lot: str
    rates: list[RateIn]


class ApplicationIn(In):
    """One application per lot, each with all of the lot's rates."""

    lots: list[BidIn]
    statement: str


class AdmitIn(In):
    starts_on: date
    reason: str = ""


class EndIn(In):
    ends_on: date
    reason: str


class VariationIn(In):
    """New rates for a lot from a day on."""

    lot: str
    applies_from: date
    reason: str
    rates: list[RateIn]


class PackOut(msgspec.Struct):
    id: str
    title: str
    decisions: int


class MemberOut(msgspec.Struct):
    commissioner_id: UUID
    name: str
    leads: bool


class FrameworkOut(msgspec.Struct):
    id: UUID
    name: str
    state: str
    lead: MemberOut
    members: list[MemberOut]
    pack: str
    pack_title: str
    pack_hash: str
    anchor_day: date
    regime: str
    ends_on: date | None
    opened_at: datetime | None
    closed_at: datetime | None


class LotOut(msgspec.Struct):
    code: str
    title: str


class DecisionOut(msgspec.Struct):
    key: str
    title: str
    question: str
    clause: str
    unit: str
    kind: str
    choices: list[str]
    proposed: Any
    value: Any
    confirmed_by: str | None
    confirmed_at: datetime | None
    remark: str


class TermOut(msgspec.Struct):
    title: str
    value: str
    clause: str
    since: date
    decision: str | None


class SectionOut(msgspec.Struct):
    title: str
    terms: list[TermOut]


class RateOut(msgspec.Struct):
    activity: str
    band: str
    pence_per_hour: int


class CardOut(msgspec.Struct):
    id: UUID
    framework_id: UUID
    provider_id: UUID
    provider: str
    lot: str
    application_id: UUID | None
    state: str
    applies_from: date
    reason: str
    decision_reason: str | None
    rates: list[RateOut]


class ApplicationOut(msgspec.Struct):
    id: UUID
    framework_id: UUID
    provider_id: UUID
    provider: str
    lot: str
    state: str
    statement: str
    submitted_at: datetime
    decided_at: datetime | None
    decision_reason: str | None
    rate_card_id: UUID | None


class AdmissionOut(msgspec.Struct):
    id: UUID
    framework_id: UUID
    provider_id: UUID
    provider: str
    lot: str
    starts_on: date
    ends_on: date | None
    ended_reason: str | None


class MadeOut(msgspec.Struct):
    """The ids of what was made, in the order asked for."""

    ids: list[UUID]


def framework_out(view: FrameworkView) -> FrameworkOut:
    members = [MemberOut(each.commissioner_id, each.name, each.leads) for each in view.members]
    return FrameworkOut(
        view.id, view.name, view.state, MemberOut(view.lead_id, view.lead_name, True), members, view.pack_id,
        view.pack_title, view.pack_hash, view.anchor_day, view.regime, view.ends_on, view.opened_at, view.closed_at,
    )  # fmt: skip


def lot_out(view: LotView) -> LotOut:
    return LotOut(view.code, view.title)


def decision_out(view: DecisionView) -> DecisionOut:
    return DecisionOut(
        view.key, view.title, view.question, view.clause, view.unit, view.kind, list(view.choices), view.proposed,
        view.value, view.confirmed_by_name, view.confirmed_at, view.remark,
    )  # fmt: skip


def section_out(section: Section) -> SectionOut:
    terms = [TermOut(term.title, term.value, term.clause, term.since, term.decision_key) for term in section.terms]
    return SectionOut(section.title, terms)


def application_out(view: ApplicationView) -> ApplicationOut:
    return ApplicationOut(
        view.id, view.framework_id, view.provider_id, view.provider_name, view.lot_code, view.state, view.statement,
        view.submitted_at, view.decided_at, view.decision_reason, view.card_id,
    )  # fmt: skip


def admission_out(view: AdmissionView) -> AdmissionOut:
    return AdmissionOut(
        view.id, view.framework_id, view.provider_id, view.provider_name, view.lot_code, view.starts_on, view.ends_on,
        view.ended_reason,
    )  # fmt: skip


def card_out(view: CardView) -> CardOut:
    rates = [RateOut(activity, band, pence) for (activity, band), pence in sorted(view.rates.items())]
    return CardOut(
        view.id, view.framework_id, view.provider_id, view.provider_name, view.lot_code, view.application_id,
        view.state, view.applies_from, view.reason, view.decision_reason, rates,
    )  # fmt: skip


class AreasIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The acting council's areas on a framework."""

    areas: list[str]


class AreasOut(msgspec.Struct, kw_only=True):
    areas: list[str]
