"""What other folders show under Today: each registers its panel when it is imported, as jobs and sweeps do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from marketplace.identity.permissions import may
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask

Question = Callable[[Work], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Panel:
    """`template` is included under Today with the question's answer as `panel.found`, unless that is None."""

    template: str
    permissions: tuple[str, ...]
    question: Question


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel with what it found for the reader."""

    template: str
    found: Any


PANELS: list[Panel] = []


def panel(template: str, *permissions: str) -> Callable[[Question], Question]:
    """Register a question as a panel for the roles with any one of the permissions."""

    def register(question: Question) -> Question:
        PANELS.append(Panel(template, permissions, question))
        return question

    return register


async def panels_for(actor: Actor) -> list[Shown]:
    """The panels that have something to show to this reader."""
    shown: list[Shown] = []
    for each in PANELS:
        if any(may(actor, permission) for permission in each.permissions):
            found = await ask(actor, each.question)
            if found is not None:
                shown.append(Shown(each.template, found))
    return shown
