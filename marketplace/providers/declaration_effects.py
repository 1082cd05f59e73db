"""What a declaration does once it is kept, said before it is: who sees it, and what an insurance that ended brings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.coverage import Ground, grounds
from marketplace.providers.coverage import INSURANCE_LAPSED
from marketplace.providers.declaration_details import INSURANCE
from marketplace.providers.facts import provider_records
from marketplace.web.filters import day

SEEN = "Commissioners of your frameworks see what you declare, with its date and its files."
NOTHING_LEAVES = "What you declared before stays on record with what was found of it."


async def effects(work: Work, key: str, kept: Mapping[str, Any]) -> tuple[list[str], bool]:
    """(what follows, in sentences; whether cover ends by it) of declaring these details for the actor's provider."""
    said = [SEEN, NOTHING_LEAVES]
    if key != INSURANCE or work.actor.provider_id is None:
        return said, False
    until, today = date.fromisoformat(kept["until"]), local_day(work.now)
    known: date | None = await work.fetchval(
        "SELECT insurance_until FROM provider WHERE id = $1", work.actor.provider_id
    )
    if until >= today:
        if known is not None and until < known:
            said.insert(0, f"Until now our records say insured until {day(known)}: the earlier day counts from now on.")
        return said, False
    ends = [f"{day(until)} is in the past: our records will say that you are not insured now."]
    for view in await my_frameworks(work):
        pack = await pack_of(work, view.id)
        for record in await provider_records(work, view.id, [work.actor.provider_id]):
            for ground in grounds(pack, today, record.facts):
                if ground.rule.key == INSURANCE_LAPSED and (ground.holds or not await _is_noted(work, view.id, ground)):
                    ends += _ends(view.name, ground)
    return [*ends, *said], True


async def _is_noted(work: Work, framework_id: UUID, ground: Ground) -> bool:
    # who has lapsed already was suspended then, or it was decided against
    return await work.fetchval(
        "SELECT EXISTS (SELECT FROM standing_ground WHERE framework_id = $1 AND provider_id = $2 AND rule_key = $3"
        " AND NOT holds)",
        framework_id, work.actor.provider_id, ground.rule.key,
    )  # fmt: skip


def _ends(framework: str, ground: Ground) -> list[str]:
    said = [
        f"{framework} suspends you from new referrals within a minute, by its own rule."
        if ground.suspends
        else f"{framework} asks its contract manager to decide on a suspension."
    ]
    if ground.flags_visits:
        said.append(
            f"Coming visits under {framework} are flagged and cannot start unless a contract manager decides that they"
            " go on."
        )
    return said
