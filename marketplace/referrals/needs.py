"""A referral's needs as the rules take them, and what they demand of a worker, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from marketplace.policy.ages import age_on
from marketplace.policy.pack import Pack
from marketplace.policy.scope import Need, SortedNeeds, needs_of, sort_needs
from marketplace.policy.standing import required_competencies


@dataclass(frozen=True, slots=True)
class Demands:
    """In titles, what is asked of every worker proposed; `child_specific` is signed off with this child at set-up."""

    roles: tuple[str, ...]
    always: tuple[str, ...]
    starred: tuple[str, ...]
    child_specific: tuple[str, ...]
    checks: tuple[str, ...]


def sorted_needs(pack: Pack, lot: str, needs: Collection[str], interventions: Collection[str]) -> SortedNeeds:
    """What the needs picked ask of a worker, and those that the lot cannot be asked for."""
    return sort_needs(pack, lot, (*needs, *interventions))


def competencies_needed(
    pack: Pack, lot: str, needs: Collection[str], interventions: Collection[str]
) -> tuple[str, ...]:
    """The competencies the child's needs ask for: those picked and those that cover an intervention picked."""
    return sorted_needs(pack, lot, needs, interventions).competencies


def demands(pack: Pack, lot: str, needs: Collection[str], interventions: Collection[str]) -> Demands:
    """What the needs demand of each worker. Raises `UnknownCode` for a lot the pack does not hold."""
    asked = sorted_needs(pack, lot, needs, interventions)
    always = required_competencies(pack, lot)
    titles = {row.code: row.title for row in pack.interventions(lot)}
    return Demands(
        tuple(pack.roles[code].title for code in pack.lot(lot).roles),
        tuple(pack.competencies[code].title for code in always),
        tuple(pack.competencies[code].title for code in asked.competencies if code not in always),
        tuple(titles[code] for code in asked.child_specific),
        tuple(check.title for check in pack.content.worker_checks if check.required),
    )


def outside_scope(pack: Pack, lot: str, needs: Collection[str], interventions: Collection[str]) -> list[str]:
    """A sentence, with its clause, for each need the lot cannot be asked for (domain 2)."""
    title = pack.lot(lot).title
    return [
        f"{need.title} is outside the scope of {title}{f' ({need.clause})' if need.clause else ''}"
        for need in sorted_needs(pack, lot, needs, interventions).refused
    ]


def titles(pack: Pack, lot: str, codes: Collection[str]) -> list[str]:
    """The titles of needs or interventions, in the pack's order."""
    known = {need.code: need.title for need in needs_of(pack, lot)} if lot in pack.lots else {}
    known |= {code: row.title for code, row in pack.competencies.items() if code not in known}
    return [title for code, title in known.items() if code in codes]


def menu(pack: Pack, lot: str) -> tuple[list[Need], list[Need], list[Need]]:
    """The competencies and the interventions that can be picked on a lot, and what it cannot be asked for."""
    needs = needs_of(pack, lot)
    return (
        [need for need in needs if need.allowed and need.kind == "competency"],
        [need for need in needs if need.allowed and need.kind == "intervention"],
        [need for need in needs if not need.allowed],
    )


def age_refusal(pack: Pack, lot: str, born: date, on: date) -> str | None:
    """Why a child born then cannot be referred to the lot for that start, with the clause; None where it can."""
    rule, ages, age = pack.lot(lot), pack.ages, age_on(born, on)
    clauses = {setting.key: setting.clause for setting in pack.content.settings}
    youngest = ages.youngest if rule.youngest is None else rule.youngest
    oldest = ages.oldest if rule.oldest is None else rule.oldest
    if youngest <= age <= oldest:
        return None
    own = rule.youngest if age < youngest else rule.oldest
    clause = clauses.get("ages.youngest" if age < youngest else "ages.oldest", "") if own is None else rule.clause
    return f"{rule.title} is for ages {youngest} to {oldest} ({clause}). This child will be {max(age, 0)} at the start"
