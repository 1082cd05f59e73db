"""JSON: a worker's own agreements about profile and DBS status checks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, put
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers import own_profile
from marketplace.providers.schemas import Line

AGREES: dict[str, Any] = {"guards": [requires("profile.consent")], "tags": ["Workforce"]}
Asked = Request[Any, Any, Any]


class ShownOut(msgspec.Struct, kw_only=True):
    """What a family of one framework reads."""

    framework: str
    text: str


class OwnProfileOut(msgspec.Struct, kw_only=True):
    """`text_hash` names the text to agree to; `asked_on` are the lots where a profile is part of readiness."""

    worker_id: UUID
    provider: str
    text: str
    text_hash: str
    shown: list[ShownOut]
    asked_on: list[str]
    families_agreed_at: datetime | None
    status_checks_agreed_at: datetime | None


class ProfileAgreementIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`text_hash` is asked where one agrees: to which text."""

    agreed: bool
    text_hash: Line = ""


class AgreementIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    agreed: bool


@get("/api/v1/my-profile", **AGREES)
async def get_my_profile(request: Asked) -> list[OwnProfileOut]:
    """My profile at each employer, and what I agreed to."""
    return [
        OwnProfileOut(
            worker_id=each.record.id,
            provider=each.provider_name,
            text=each.record.profile,
            text_hash=each.text_hash,
            shown=[ShownOut(framework=framework, text=text) for framework, text in each.shown],
            asked_on=list(each.asked_on),
            families_agreed_at=each.record.profile_consent_at,
            status_checks_agreed_at=each.dbs_agreed_at,
        )
        for each in await ask(request.user, own_profile.my_profiles)
    ]


@put("/api/v1/my-profile/{worker_id:uuid}/families", status_code=204, **AGREES)
async def put_families(request: Asked, worker_id: FromPath[UUID], data: JSONBody[ProfileAgreementIn]) -> None:
    """Agree that families read my profile as it stands, or take that back at once."""
    await own_profile.agree_to_profile(request.user, worker_id, agreed=data.agreed, text_hash=data.text_hash)


@put("/api/v1/my-profile/{worker_id:uuid}/status-checks", status_code=204, **AGREES)
async def put_status_checks(request: Asked, worker_id: FromPath[UUID], data: JSONBody[AgreementIn]) -> None:
    """Agree that my DBS status is looked up with the update service, or take that back at once."""
    await own_profile.agree_to_status_checks(request.user, worker_id, agreed=data.agreed)


ROUTES: list[Any] = [get_my_profile, put_families, put_status_checks]
