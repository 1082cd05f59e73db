"""The marketplace: referrers, providers, workers and families. The only place where its modules are put together."""

from __future__ import annotations

from litestar import Litestar

from marketplace.identity import front_door
from marketplace.platform.clock import Clock
from marketplace.settings import Settings
from marketplace.web.navigation import MARKETPLACE

# One line a module; each has a list ROUTES.
MODULES = []


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The application of the first front door; `clock` is the domain's, by default the deployment's own."""
    return front_door.build(
        settings,
        name="marketplace",
        product="Care marketplace",
        navigation=MARKETPLACE,
        modules=MODULES,
        clock=clock,
    )


def make() -> Litestar:
    """For the server: `uvicorn --factory marketplace.app:make`, settings from the environment."""
    return create_app(Settings.from_environment())
