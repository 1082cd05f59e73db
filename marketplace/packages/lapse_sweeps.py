"""When visits are looked at for what has lapsed: daily with their provider's evidence, and at once when asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.packages.lapsed_cover import look_as_commissioner
from marketplace.packages.lapsed_visits import look_again, look_at_visits
from marketplace.platform.database import outside_context
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.jobs import job, sweep
from marketplace.policy.pack import PackError
from marketplace.settings import Settings


@job("look_at_visits")
async def look_at_visits_of(settings: Settings, payload: dict[str, Any]) -> None:
    """A provider's coming visits: asked for once a day, and whenever a worker is stood down, leaves or retrains."""
    await look_at_visits(UUID(payload["provider"]))


@job("look_at_cover_of_visits")
async def look_at_cover_of_visits(settings: Settings, payload: dict[str, Any]) -> None:
    """A commissioner's packages, when a provider's cover has lapsed or is back."""
    await look_as_commissioner(UUID(payload["commissioner"]))


@sweep("flagged_visits", every=timedelta(minutes=1))
async def look_at_flagged_visits(settings: Settings) -> None:
    """Whoever has flags, or a provider without cover: flags go when their cause is gone, and come with new visits."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id, kind FROM tenants_with_flags()")
    faults: list[Exception] = []
    for tenant in tenants:
        try:
            if tenant["kind"] == "provider":
                await look_again(tenant["id"])
            else:
                await look_as_commissioner(tenant["id"])
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # one tenant's fault must not keep the others' flags
    if faults:
        raise faults[0]
