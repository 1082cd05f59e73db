"""JSON: award an offer, undo an award before the start."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.params import FromPath, JSONBody

from marketplace.identity.guards import requires
from marketplace.packages.award import award_offer, undo_award
from marketplace.referrals.schemas import AwardIn, Created, Why

AWARDS: dict[str, Any] = {"guards": [requires("offer.award")], "tags": ["Referrals"]}


@post("/api/v1/offers/{offer_id:uuid}/award", **AWARDS)
async def award(request: Request[Any, Any, Any], offer_id: FromPath[UUID], data: JSONBody[AwardIn]) -> Created:
    """Award an offer both sides have accepted; answers the package's id."""
    package_id = await award_offer(request.user, offer_id, version=data.version, no_family_reason=data.no_family_reason)
    return Created(id=package_id)


@post("/api/v1/packages/{package_id:uuid}/undo-award", status_code=200, **AWARDS)
async def undo(request: Request[Any, Any, Any], package_id: FromPath[UUID], data: JSONBody[Why]) -> Created:
    """Undo an award before the first visit; answers the referral's id, which is open again."""
    return Created(id=await undo_award(request.user, package_id, reason=data.reason))


ROUTES: list[Any] = [award, undo]
