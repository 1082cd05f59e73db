"""What a lot can be asked for: the needs a referral picks from, and what they mean for workers (L 6.7, P 6.5)."""

from functools import lru_cache
from typing import Literal

import msgspec

from marketplace.policy.pack import Pack

LEVELS = {
    "qualified_nurse": "to the level of a qualified nurse",
    "included": "part of the lot's work",
    "trained_and_supervised": "as trained and supervised",
    "competent_parent": "to the level of a competent parent",
    "barred": "outside this lot",
    "competency": "where the child needs it",
}


class Need(msgspec.Struct, frozen=True):
    """Something a child may need. Not `allowed` ones cannot be referred to the lot; `why` says it for people."""

    code: str
    title: str
    kind: Literal["competency", "intervention"]
    allowed: bool
    why: str
    clause: str
    child_specific: bool = False


class SortedNeeds(msgspec.Struct, frozen=True):
    """A referral's needs as the rules of readiness take them; `refused` ones lie outside the lot's scope."""

    competencies: tuple[str, ...]
    child_specific: tuple[str, ...]
    refused: tuple[Need, ...]


@lru_cache(maxsize=500)
def needs_of(pack: Pack, lot: str) -> tuple[Need, ...]:
    """Every need the pack knows, as one lot sees it: starred competencies first, then interventions, the allowed first.

    What another lot names and this one does not is outside its scope. Raises `UnknownCode` for an unknown lot.
    """
    title = pack.lot(lot).title
    needs = [
        Need(
            row.competency,
            pack.competencies[row.competency].title,
            "competency",
            True,
            LEVELS["competency"],
            row.clause,
        )
        for row in pack.requirements(lot)
        if row.kind == "where_needed"
    ]
    own = {row.code: row for row in pack.interventions(lot)}
    for row in own.values():
        needs.append(
            Need(
                row.code,
                row.title,
                "intervention",
                not row.barred,
                LEVELS[row.level],
                row.clause,
                row.needs_child_specific_sign_off,
            )
        )
    others = {row.code: row for row in reversed(pack.content.interventions) if row.code not in own}
    for code, row in sorted(others.items()):
        needs.append(Need(code, row.title, "intervention", False, f"outside the scope of {title}", row.clause))
    return tuple(sorted(needs, key=lambda need: (not need.allowed, need.kind)))


@lru_cache(maxsize=1_000)
def sort_needs(pack: Pack, lot: str, codes: tuple[str, ...]) -> SortedNeeds:
    """A referral's picked needs: the competencies they ask of a worker, what is signed off child by child, and what the
    lot cannot be asked for (unknown codes among it)."""
    known = {need.code: need for need in needs_of(pack, lot)}
    covering = {row.code: row.competency for row in pack.interventions(lot)}
    always = {row.competency for row in pack.requirements(lot) if row.kind == "always"}
    competencies: set[str] = set()
    child_specific: set[str] = set()
    refused: list[Need] = []
    for code in codes:
        need = known.get(code)
        if need is None and code not in always:
            refused.append(Need(code, code, "intervention", False, "not known to this framework", ""))
        elif need is None or need.kind == "competency":
            competencies.add(code)
        elif not need.allowed:
            refused.append(need)
        else:
            competency = covering[code]
            competencies |= {competency} if competency else set()
            child_specific |= {code} if need.child_specific else set()
    return SortedNeeds(tuple(sorted(competencies)), tuple(sorted(child_specific)), tuple(refused))
