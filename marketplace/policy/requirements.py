"""What a framework still misses of a provider: declarations and documents, with their days (L 10, P 10)."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from marketplace.policy.pack import Pack
from marketplace.policy.rules import Document, ProviderRequirement
from marketplace.policy.standing import last_good_day


class Asked(msgspec.Struct, frozen=True):
    """One thing asked of a provider, as it stands on a day.

    `until` is the last day the declaration counts, None where it does not run out or was never made. What ends good
    standing by itself (registration, insurance) is of the kind `standing`.
    """

    key: str
    title: str
    clause: str
    kind: Literal["standing", "requirement", "document"]
    state: Literal["missing", "due_again", "rejected", "unshown", "held"]
    declared_on: date | None
    until: date | None


def everything_asked(
    pack: Pack,
    on: date,
    facts: Mapping[str, Any],
    lots: Collection[str] = (),
    rejected: Collection[str] = (),
    unshown: Collection[str] = (),
) -> tuple[Asked, ...]:
    """All that a framework asks of a provider, with what was found of it: the one answer to what it still misses.

    `facts` are the profile's (`cqc_registered`, `insurance_until`, `declarations`), `lots` those it is on or applied to
    (none: all), `rejected` the keys whose newest declaration the framework's lead has rejected, `unshown` those of
    which every file it was made with was refused or deleted: missed again where the pack takes it only with a file.
    """
    pack = pack.on(on)
    regulated = not lots or any(pack.lot(lot).regulated for lot in lots if lot in pack.lots)
    asked = [
        _standing(on, rule, facts)
        for rule in pack.content.provider_requirements
        if rule.effect == "standing" and (regulated or not rule.regulated_only)
    ]
    asked += asked_of_provider(pack, on, facts["declarations"])
    return tuple(_found(pack, each, rejected, unshown) for each in asked)


def _found(pack: Pack, asked: Asked, rejected: Collection[str], unshown: Collection[str]) -> Asked:
    if asked.key in rejected:
        return msgspec.structs.replace(asked, state="rejected")
    if asked.state == "held" and asked.key in unshown and shown_by_file(pack, asked.key):
        return msgspec.structs.replace(asked, state="unshown")
    return asked


def shown_by_file(pack: Pack, key: str) -> bool:
    """Whether a pack takes what is declared only with a file that shows it (a rule of its `providers`)."""
    return key == "insurance" and pack.providers.insurance_needs_file


def asked_of(pack: Pack) -> dict[str, str]:
    """Titles of everything the pack asks a provider to have or declare, by key."""
    return {rule.key: rule.title for rule in (*pack.content.provider_requirements, *pack.content.documents)}


def _standing(on: date, rule: ProviderRequirement, facts: Mapping[str, Any]) -> Asked:
    until: date | None = facts["insurance_until"] if rule.key == "insurance" else None
    held = bool(facts["cqc_registered"]) if rule.key == "cqc_registration" else until is not None and until >= on
    state = "held" if held else "due_again" if until is not None else "missing"
    return Asked(rule.key, rule.title, rule.clause, "standing", state, facts["declarations"].get(rule.key), until)


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
