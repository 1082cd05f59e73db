"""What the API gives and takes about packages and plans. Times carry their offset; money is whole pence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.packages.boards import PackageLine, VisitLine
from marketplace.packages.documents import Document
from marketplace.packages.opening import PackageFile, PlanFile
from marketplace.packages.plans import from_stored
from marketplace.policy.facts import WeeklySlot


class In(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Unknown fields are refused."""


class Why(In, kw_only=True):
    """The reason for looking, returning, removing; it is kept with the person's name."""

    reason: str = ""


class Made(msgspec.Struct, kw_only=True):
    """The id of what was made."""

    id: UUID


class RiskAssessmentIn(In, kw_only=True):
    """The day it is on, or, when it has been done, the day it was."""

    on: date
    done: bool = False


class TeamIn(In, kw_only=True):
    """A worker's part on a package: `main` comes to the visits, `backup` stands by."""

    worker_id: UUID
    part: str = "main"


class SignIn(In, kw_only=True):
    """The fingerprint of the text that was read; the reason only where nobody of the family may sign.

    `in_referrers_place`: whoever spends the direct payment that pays says that they sign in that place too.
    """

    text_hash: str
    no_family_reason: str = ""
    in_referrers_place: bool = False


class HashIn(In, kw_only=True):
    """The fingerprint (SHA-256) of the text that was read."""

    text_hash: str


class Signed(msgspec.Struct, kw_only=True):
    """Whether the signature was the last one needed."""

    complete: bool


class Shared(msgspec.Struct, kw_only=True):
    """The fingerprint of the text as it is fixed now."""

    text_hash: str


class PackageLineOut(msgspec.Struct, kw_only=True):
    """A package in a list."""

    id: UUID
    reference: str
    state: str
    lot: str
    provider: str
    commissioner: str
    child: str | None
    starts_on: date
    ends_on: date | None
    next_visit: datetime | None
    to_look_at: int
    direct_payment: bool


class PackageList(msgspec.Struct, kw_only=True):
    """A page of packages."""

    items: list[PackageLineOut]
    total: int


class MemberOut(msgspec.Struct, kw_only=True):
    """A worker of the team."""

    worker_id: UUID
    name: str
    role: str
    part: str


class PlanLineOut(msgspec.Struct, kw_only=True):
    """A version of the plan."""

    id: UUID
    version: int
    state: str


class VisitLineOut(msgspec.Struct, kw_only=True):
    """A visit in a list. `missing` says in words what its record lacks, `flag` why it may not go on as planned."""

    id: UUID
    package_id: UUID
    package: str
    child: str | None
    activity: str
    planned_start: datetime
    planned_end: datetime
    state: str
    outcome: str | None
    workers: list[str]
    missing: list[str]
    flag: str
    version: int


class VisitList(msgspec.Struct, kw_only=True):
    """A page of visits."""

    items: list[VisitLineOut]
    total: int


class PackageOut(msgspec.Struct, kw_only=True):
    """An opened package: reading it has been logged. The child is null where it is closed to the reader.

    `direct_payment`: the family pays for it, and stands in the referrer's place.
    """

    id: UUID
    reference: str
    state: str
    direct_payment: bool
    lot: str
    provider: str
    commissioner: str
    child: str | None
    address: str | None
    at_the_door: str | None
    needs: list[str]
    pattern: list[WeeklySlot]
    starts_on: date
    ends_on: date | None
    risk_assessment_on: date | None
    risk_assessment_done: bool
    before_visits: list[str]
    team: list[MemberOut]
    plans: list[PlanLineOut]
    coming: list[VisitLineOut]
    to_look_at: list[VisitLineOut]


class PartOut(msgspec.Struct, kw_only=True):
    """A heading of a signed text and what stands under it."""

    heading: str
    text: str


class SignatureOut(msgspec.Struct, kw_only=True):
    """Who signed as whom, which text, how and when; for a coded reason, why not, and its resolution."""

    name: str
    side: str
    method: str
    text_hash: str
    signed_at: datetime
    reason_code: str | None
    shown_how: str | None
    resolution: str | None


class PlanOut(msgspec.Struct, kw_only=True):
    """An opened version of a plan. `text` is what is signed; its SHA-256 is `text_hash` once it has been shared."""

    id: UUID
    package_id: UUID
    version: int
    state: str
    content: dict[str, Any]
    parts: list[PartOut]
    text: str
    text_hash: str | None
    returned_reason: str | None
    signatures: list[SignatureOut]
    may_sign: bool


def package_line_out(line: PackageLine) -> PackageLineOut:
    """A line in the API's shape."""
    return PackageLineOut(
        id=line.id, reference=line.reference, state=line.state, lot=line.lot_title, provider=line.provider_name,
        commissioner=line.commissioner_name, child=line.child_name, starts_on=line.starts_on, ends_on=line.ends_on,
        next_visit=line.next_visit, to_look_at=line.to_look_at, direct_payment=line.direct_payment,
    )  # fmt: skip


def visit_line_out(line: VisitLine) -> VisitLineOut:
    """A line in the API's shape."""
    visit = line.visit
    return VisitLineOut(
        id=visit.id, package_id=visit.package_id, package=line.reference, child=line.child_name,
        activity=visit.activity, planned_start=visit.planned_start, planned_end=visit.planned_end, state=line.state,
        outcome=visit.outcome, workers=line.names, missing=list(line.missing), flag=line.flag,
        version=visit.version,
    )  # fmt: skip


def package_out(file: PackageFile) -> PackageOut:
    """An opened package in the API's shape."""
    package, identity = file.package, file.identity
    return PackageOut(
        id=package.id, reference=package.reference, state=package.state,
        direct_payment=package.direct_payment_id is not None, lot=package.lot_code,
        provider=file.provider["name"], commissioner=file.commissioner_name, child=identity and identity["name"],
        address=address_of(identity), at_the_door=identity and identity["at_the_door"], needs=file.needs,
        pattern=msgspec.convert(file.pattern, list[WeeklySlot]), starts_on=package.starts_on, ends_on=package.ends_on,
        risk_assessment_on=package.risk_assessment_on,
        risk_assessment_done=package.risk_assessment_done_at is not None, before_visits=file.to_do_before_visits,
        team=[
            MemberOut(worker_id=row["worker_id"], name=row["name"], role=row["role"], part=row["part"])
            for row in file.team
        ],
        plans=[PlanLineOut(id=each.id, version=each.version, state=each.state) for each in file.plans],
        coming=[visit_line_out(line) for line in file.coming],
        to_look_at=[visit_line_out(line) for line in file.look_at],
    )  # fmt: skip


def plan_out(file: PlanFile) -> PlanOut:
    """An opened plan in the API's shape."""
    version = file.version
    return PlanOut(
        id=version.id, package_id=version.package_id, version=version.version, state=version.state,
        content=msgspec.to_builtins(from_stored(version.content)), parts=parts_out(file.text), text=file.text.text,
        text_hash=version.text_hash, returned_reason=version.returned_reason,
        signatures=[signature_out(row) for row in file.signatures], may_sign=file.may_sign,
    )  # fmt: skip


def signature_out(row: Any) -> SignatureOut:
    """A signature row in the API's shape."""
    return SignatureOut(
        name=row["printed_name"], side=row["side"], method=row["method"], text_hash=row["text_hash"],
        signed_at=row["signed_at"], reason_code=row["reason_code"], shown_how=row["shown_how"],
        resolution=row["resolution"],
    )  # fmt: skip


def parts_out(text: Document) -> list[PartOut]:
    """A text's parts."""
    return [PartOut(heading=part.heading, text=part.text) for part in text.parts]


def address_of(identity: Any) -> str | None:
    """Address and postcode in one line, None where the child is closed to the reader."""
    return None if identity is None else ", ".join(part for part in (identity["address"], identity["postcode"]) if part)
