"""What a framework still misses of a provider: declarations and documents, with their days (L 10, P 10)."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from marketplace.policy.pack import Pack
from marketplace.policy.rules import Document, ProviderRequirement
from marketplace.policy.standing import last_good_day


class Asked(msgspec.Struct, frozen=True):
    """One thing asked of a provider, as it stands on a day.

    `until` is the last day the declaration counts, None where it does not run out or was never made.
    """

    key: str
    title: str
    clause: str
    kind: Literal["requirement", "document"]
    state: Literal["missing", "due_again", "held"]
    declared_on: date | None
    until: date | None


def asked_of_provider(pack: Pack, on: date, declared: Mapping[str, date]) -> tuple[Asked, ...]:
    """Everything the pack asks a provider to declare or keep, in the pack's order; `declared` maps keys to days.

    What ends good standing by itself (registration, insurance) is judged by `standing`, and not repeated here.
    """
    pack = pack.on(on)
    asked = [
        _judge(pack, on, rule, "requirement", declared.get(rule.key))
        for rule in pack.content.provider_requirements
        if rule.effect == "asked"
    ]
    asked += [_judge(pack, on, rule, "document", declared.get(rule.key)) for rule in pack.content.documents]
    return tuple(asked)


def _judge(
    pack: Pack,
    on: date,
    rule: ProviderRequirement | Document,
    kind: Literal["requirement", "document"],
    declared_on: date | None,
) -> Asked:
    if declared_on is None or declared_on > on:
        return Asked(rule.key, rule.title, rule.clause, kind, "missing", None, None)
    until: date | None = None
    months = pack.providers.document_review_months if isinstance(rule, Document) else rule.months
    if months is not None:
        until = last_good_day(pack, declared_on, months)
    held = until is None or on <= until
    return Asked(rule.key, rule.title, rule.clause, kind, "held" if held else "due_again", declared_on, until)
