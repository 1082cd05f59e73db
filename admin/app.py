"""The commissioner's console and the operator's pages: its own app, calling actions and queries, never tables."""

from __future__ import annotations

from pathlib import Path

from litestar import Litestar

from marketplace.identity import front_door
from marketplace.platform.clock import Clock
from marketplace.settings import Settings
from marketplace.web.navigation import CONSOLE

TEMPLATES = Path(__file__).parent / "templates"

# One line a module; each has a list ROUTES.
MODULES = []


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The application of the second front door; its cookies have names of their own, for cookies ignore ports."""
    return front_door.build(
        settings,
        name="console",
        product="Commissioner's console",
        navigation=CONSOLE,
        modules=MODULES,
        clock=clock,
        template_folders=[TEMPLATES],
    )


def make() -> Litestar:
    """For the server: `uvicorn --factory admin.app:make`, settings from the environment."""
    return create_app(Settings.from_environment())
