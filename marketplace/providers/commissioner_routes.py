"""JSON for commissioners, at both front doors: providers with their standing, suspending and reinstating."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.providers import actions, lifting, queries, schemas
from marketplace.providers.queries import Effects, OnFramework

READS: dict[str, Any] = {"guards": [requires("provider.read")], "tags": ["Providers"]}
DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")], "tags": ["Providers"]}
Asked = Request[Any, Any, Any]


async def _all(work: Work) -> list[OnFramework]:
    if work.actor.commissioner_id is None:
        raise NotFound
    return await queries.on_frameworks(work)


async def _one(work: Work, provider_id: UUID) -> list[OnFramework]:
    if work.actor.commissioner_id is None:
        raise NotFound
    return await queries.one_provider(work, provider_id)


async def _effects(work: Work, provider_id: UUID, framework_id: UUID, lot: str | None) -> Effects:
    await _one(work, provider_id)
    return await queries.suspension_effects(work, framework_id, provider_id, lot)


@get("/api/v1/providers", **READS)
async def list_providers(request: Asked) -> list[schemas.OnFrameworkOut]:
    """Every provider of my frameworks with its standing by lot."""
    return [schemas.on_framework_out(each) for each in await ask(request.user, _all)]


@get("/api/v1/providers/{provider_id:uuid}", **READS)
async def get_provider(request: Asked, provider_id: FromPath[UUID]) -> list[schemas.OnFrameworkOut]:
    """One provider on the frameworks we share."""
    return [schemas.on_framework_out(each) for each in await ask(request.user, _one, provider_id)]


@get("/api/v1/providers/{provider_id:uuid}/suspension-effects", **DECIDES)
async def get_effects(
    request: Asked,
    provider_id: FromPath[UUID],
    framework_id: FromQuery[UUID],
    lot_code: FromQuery[str | None] = None,
) -> schemas.EffectsOut:
    """What a suspension would meet, before it is done."""
    return schemas.effects_out(await ask(request.user, _effects, provider_id, framework_id, lot_code))


@post("/api/v1/providers/{provider_id:uuid}/suspensions", **DECIDES)
async def post_suspension(
    request: Asked, provider_id: FromPath[UUID], data: JSONBody[schemas.SuspensionIn]
) -> schemas.MadeOut:
    """Suspend from new referrals: as lead for the framework, as partner for our own."""
    suspension_id = await actions.suspend(
        request.user,
        data.framework_id,
        provider_id,
        data.lot_code,
        reason=data.reason,
        until_on=data.until_on,
        rule_key=data.rule_key,
        with_plan=data.with_plan,
    )
    return schemas.MadeOut(suspension_id)


@post("/api/v1/suspensions/{suspension_id:uuid}/end", status_code=204, **DECIDES)
async def end_suspension(request: Asked, suspension_id: FromPath[UUID], data: JSONBody[schemas.ReasonIn]) -> None:
    """Lift a suspension, with the reason."""
    await lifting.reinstate(request.user, suspension_id, data.reason)


ROUTES: list[Any] = [list_providers, get_provider, get_effects, post_suspension, end_suspension]
