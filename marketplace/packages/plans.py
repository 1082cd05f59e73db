"""The care plan's content and its text: outcomes, activities, pattern, health, medication, risks (L 5.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from marketplace.packages.documents import Document, document
from marketplace.platform.errors import InvalidInput
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.referrals import patterns
from marketplace.referrals.needs import titles

LONGEST = 6_000
DOES_NOT_APPLY = "Does not apply"


class PlanContent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is agreed with the family. `health`, `medication`, `equipment`: empty where they do not apply."""

    outcomes: str
    activities_to_do: str
    activities_not_to_do: str
    pattern: list[WeeklySlot]
    risks: str
    health: str = ""
    medication: str = ""
    equipment: str = ""
    feedback: str


# field, heading of the signed text, question in a sentence, whether it must be answered
FIELDS = (
    ("outcomes", "What we want to achieve", "what the support is to achieve", True),
    ("activities_to_do", "What we do", "the activities to do", True),
    ("activities_not_to_do", "What we do not do", "the activities not to do", True),
    ("health", "Health", "the child's health", False),
    ("medication", "Medication", "the medication", False),
    ("equipment", "Equipment", "the equipment", False),
    ("risks", "Risks and how we keep them small", "the risks and how they are kept small", True),
    ("feedback", "Telling us how it goes, and complaining", "how the family can give feedback and complain", True),
)


def checked(content: PlanContent, activities: tuple[str, ...]) -> PlanContent:
    """The content as it is stored. Raises `InvalidInput` naming each field that is missing, too long or impossible."""
    faults: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for name, _, question, required in FIELDS:
        text = getattr(content, name).replace("\r\n", "\n").replace("\r", "\n").strip()
        if required and is_blank(text):
            faults[name] = f"Enter {question}"
        elif len(text) > LONGEST:
            faults[name] = f"This must be {LONGEST:,} characters or fewer"
        kept[name] = text
    if not content.pattern:
        faults["pattern"] = "Enter at least one visit of the week"
    else:
        try:
            kept["pattern"] = list(patterns.slots(patterns.checked(content.pattern, activities)))
        except InvalidInput as error:
            faults |= error.fields
    if faults:
        raise InvalidInput(faults)
    return PlanContent(**kept)


def stored(content: PlanContent) -> dict[str, Any]:
    """The content as JSON values."""
    return msgspec.to_builtins(content)


def from_stored(content: Any) -> PlanContent:
    """A version's content out of its row."""
    return msgspec.convert(content, PlanContent)


def plan_document(
    content: PlanContent, *, package_reference: str, version: int, needs: list[str], lot_code: str, pack: Pack
) -> Document:
    """The plan as it is shown and signed. Without the child's name: the reference says whose it is."""
    parts = [
        ("Care plan", f"Package {package_reference}, version {version}"),
        ("Support", pack.lot(lot_code).title if lot_code in pack.lots else lot_code),
        ("Needs", "\n".join(titles(pack, lot_code, needs)) or "No particular needs were named"),
        ("When we come", "\n".join(patterns.summary(patterns.stored(content.pattern), pack.activities))),
    ]
    for name, heading, _, required in FIELDS:
        text = getattr(content, name)
        parts.append((heading, text if required or not is_blank(text) else DOES_NOT_APPLY))
    return document(parts)


def changes(before: PlanContent | None, after: PlanContent) -> list[str]:
    """Headings of what differs from an earlier version, for the story of the plan."""
    if before is None:
        return []
    changed = [heading for name, heading, _, _ in FIELDS if getattr(before, name) != getattr(after, name)]
    return [*(["When we come"] if before.pattern != after.pattern else []), *changed]
