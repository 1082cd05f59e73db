"""The words a provider's records are written in: roles, competencies, methods and checks of its frameworks' packs.

One provider's evidence serves all its frameworks, so the packs' words are taken together; a provider in none yet is
offered those of the frameworks that are open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from marketplace.frameworks.queries import lots, my_frameworks, open_frameworks, pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.rules import WorkerCheck
from marketplace.policy.standing import competency_current_until


@dataclass(frozen=True, slots=True)
class Words:
    """Titles by code. `signing_methods` are those that can sign a worker off; attendance alone cannot (L 6.4)."""

    packs: tuple[tuple[UUID, str, Pack], ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    registers: dict[str, str] = field(default_factory=dict)
    competencies: dict[str, str] = field(default_factory=dict)
    child_specific: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    signing_methods: frozenset[str] = frozenset()
    checks: dict[str, WorkerCheck] = field(default_factory=dict)

    def skill(self, code: str) -> str:
        """The title of a competency or of an intervention signed off child by child; the code where no pack has it."""
        return self.competencies.get(code) or self.child_specific.get(code) or code

    @property
    def sign_off_needs_file(self) -> bool:
        """Whether one of the frameworks takes no sign-off without the file that shows it."""
        return any(pack.readiness.sign_off_needs_file for _, _, pack in self.packs)

    def counts_until(self, code: str, assessed_on: date) -> date | None:
        """The last day an assessment counts on the strictest of the frameworks; None where it does not run out."""
        ends = [competency_current_until(p, code, assessed_on) for _, _, p in self.packs if code in p.competencies]
        return min((day for day in ends if day is not None), default=None)


async def words(work: Work) -> Words:
    """The words of the actor's frameworks."""
    frameworks = await my_frameworks(work) or await open_frameworks(work)
    today = local_day(work.now)
    packs = [(each.id, each.name, (await pack_of(work, each.id)).on(today)) for each in frameworks]
    return words_of(packs)


def words_of(packs: list[tuple[UUID, str, Pack]]) -> Words:
    """The packs' words taken together; of a code in several packs the first one's title is shown."""
    found = Words(packs=tuple(packs))
    signing: set[str] = set()
    for _, _, pack in packs:
        for role in pack.content.roles:
            found.roles.setdefault(role.key, role.title)
            if role.registration is not None:
                found.registers.setdefault(role.key, role.registration)
        for competency in pack.content.competencies:
            found.competencies.setdefault(competency.key, competency.title)
        for row in pack.content.interventions:
            if row.needs_child_specific_sign_off:
                found.child_specific.setdefault(row.code, row.title)
        for method in pack.content.methods:
            found.methods.setdefault(method.key, method.title)
            if method.signs_off:
                signing.add(method.key)
        for check in pack.content.worker_checks:
            if check.evidence == "record":
                found.checks.setdefault(check.key, check)
    return Words(
        found.packs, found.roles, found.registers, found.competencies, found.child_specific, found.methods,
        frozenset(signing), found.checks,
    )  # fmt: skip


async def lots_of(work: Work, framework_id: UUID) -> dict[str, str]:
    """Titles of a framework's lots by code."""
    return {lot.code: lot.title for lot in await lots(work, framework_id)}
