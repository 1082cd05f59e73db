"""What the API takes and gives about people, sign-in and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Sign-in for a program: one of your places, by its membership or as a family member; may be left out with one."""

    email: str
    password: str
    membership_id: UUID | None = None
    family: bool = False


class RefreshRequest(msgspec.Struct, forbid_unknown_fields=True):
    refresh_token: str


class TokenResponse(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: int  # seconds
    refresh_token: str
    role: str
    organisation_id: UUID | None
    organisation_name: str


class Me(msgspec.Struct):
    person_id: UUID
    name: str
    role: str
    organisation_id: UUID | None
    organisation_name: str


class Session(msgspec.Struct):
    id: UUID
    front_door: str
    device: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    password: str
    current: str = ""


class NewPin(msgspec.Struct, forbid_unknown_fields=True):
    pin: str


class ResetRequest(msgspec.Struct, forbid_unknown_fields=True):
    email: str


class LinkPassword(msgspec.Struct, forbid_unknown_fields=True):
    link: str
    password: str


class Member(msgspec.Struct):
    id: UUID
    person_id: UUID
    name: str
    email: str
    role: str
    starts_at: datetime
    ended_at: datetime | None


class Invitation(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    email: str
    role: str


class NewOrganisation(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    name: str
    short_name: str
    administrator_name: str
    administrator_email: str
    colour: str = "#1d4f91"


class Created(msgspec.Struct):
    id: UUID


class TrailEntry(msgspec.Struct):
    """A change (`why` empty) or a look (`details` empty)."""

    at: datetime
    person_name: str
    action: str
    subject_type: str
    subject_id: UUID
    reference: str
    why: str
    details: dict[str, Any]


class Trail(msgspec.Struct):
    entries: list[TrailEntry]
    total: int
    page: int
    pages: int
