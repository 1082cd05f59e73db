"""What the scripts of the story share: who is who, and what has come to be so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from marketplace.demo.people import People
from marketplace.demo.timeline import Story
from marketplace.platform.actor import Actor


@dataclass(slots=True)
class Staff:
    """The people of one commissioner."""

    admin: Actor
    referrers: list[Actor]
    contracts: Actor
    finance: Actor
    second_finance: Actor | None = None  # where two must look at money


@dataclass(slots=True)
class Hand:
    """A worker of a provider: the record in the workforce and the person who signs in."""

    id: UUID
    name: str
    role: str
    actor: Actor


@dataclass(slots=True)
class Firm:
    """A provider's office and workforce."""

    manager: Actor
    coordinator: Actor
    hands: list[Hand] = field(default_factory=list)

    def of_role(self, role: str) -> list[Hand]:
        return [hand for hand in self.hands if hand.role == role]


@dataclass(slots=True)
class Home:
    """A child with its family."""

    id: UUID
    area: str
    referrer: Actor
    family: list[Actor]
    council: str


@dataclass(slots=True)
class World:
    """Everybody, by the keys of the cast."""

    story: Story
    people: People
    operator: Actor
    councils: dict[str, Staff] = field(default_factory=dict)
    frameworks: dict[str, UUID] = field(default_factory=dict)  # by the key of each commissioner that takes part
    firms: dict[str, Firm] = field(default_factory=dict)
    homes: dict[str, Home] = field(default_factory=dict)
