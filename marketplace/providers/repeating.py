"""What a provider declares again and again as a duty with a clock: owed from the admission or the last time, met when
it is declared anew (L 10.2, P 10.1, 13.8).

It is asked for from the pack's first warning on, and on record however early it is done. Met is when the declaration
was made: a day before that, typed into it, starts the next turn and makes no late one timely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid5

from marketplace.frameworks.queries import FrameworkView, my_frameworks, pack_of
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.pack import Pack
from marketplace.policy.repeating import POLICY_REVIEW, Turn, asked_from, to_declare_again
from marketplace.settings import Settings

SUBJECTS = UUID("5c0f2a55-7f0e-4d52-9a3c-2f7b60f1f4d3")  # the namespace of `subject_of`: any fixed one would do


@dataclass(frozen=True, slots=True)
class Running:
    """The turn a provider is in on one framework."""

    framework: FrameworkView
    pack: Pack
    turn: Turn
    subject_id: UUID


def subject_of(framework_id: UUID, provider_id: UUID, rule_key: str) -> UUID:
    """What a provider's duty to declare something again on a framework is about."""
    return uuid5(SUBJECTS, f"{framework_id} {provider_id} {rule_key}")


@sweep("declarations_again", every=timedelta(hours=6))
async def declarations_again(settings: Settings) -> None:
    """Every provider's duties whose time is near; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await owe_declarations(tenant["id"])


async def owe_declarations(provider_id: UUID) -> int:
    """One provider's; returns how many duties were new. What no admission asks for any more is ended."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        return await owe_running(work, provider_id, await running(work, provider_id))


async def running(work: Work, provider_id: UUID, declared: Mapping[str, date] | None = None) -> list[Running]:
    """The turns a provider is in today on the frameworks it is admitted to, by what it `declared` (default: so far)."""
    today = local_day(work.now)
    admitted = {
        row["framework_id"]: row["first_day"]
        for row in await work.fetch(
            "SELECT framework_id, min(starts_on) AS first_day FROM admission WHERE provider_id = $1"
            " AND starts_on <= $2 AND (ends_on IS NULL OR ends_on >= $2) GROUP BY 1",
            provider_id, today,
        )
    }  # fmt: skip
    if not admitted:
        return []
    if declared is None:
        declared = await declared_on(work, provider_id)
    found: list[Running] = []
    for view in await my_frameworks(work):
        if view.id in admitted:
            pack = await pack_of(work, view.id)
            for turn in to_declare_again(pack, today, admitted[view.id], declared):
                found.append(Running(view, pack, turn, subject_of(view.id, provider_id, turn.rule_key)))
    return found


async def declared_on(work: Work, provider_id: UUID) -> dict[str, date]:
    """The day of a provider's newest declaration of each thing."""
    known = await work.fetchval("SELECT declarations FROM provider WHERE id = $1", provider_id)
    return {key: date.fromisoformat(day) for key, day in (known or {}).items()}


async def owe_running(work: Work, provider_id: UUID, turns: list[Running]) -> int:
    """Owe the turns that are near; a duty of a turn that runs no more (a day put right, an admission that ended) is
    ended. How many were new."""
    await work.execute(
        "UPDATE obligation SET cancelled_at = $1, next_check_at = NULL,"
        " missed_at = CASE WHEN due_at <= $1 THEN coalesce(missed_at, due_at) END"
        " WHERE owed_by_organisation = $2 AND subject_type = 'declaration_again' AND met_at IS NULL"
        " AND cancelled_at IS NULL AND (subject_id, starts_at) NOT IN"
        " (SELECT * FROM unnest($3::uuid[], $4::timestamptz[]))",
        work.now, provider_id, [each.subject_id for each in turns],
        [midnight(each.turn.began_on) for each in turns],
    )  # fmt: skip
    owed = 0
    for each in turns:
        if asked_from(each.pack, each.turn.due_at) <= work.now:
            owed += await _owe(work, provider_id, each)
    return owed


async def declared_again(work: Work, provider_id: UUID, before: list[Running]) -> None:
    """Something was declared: the turns it ended are met now, the next ones run. `before`: the turns until then."""
    after = await running(work, provider_id)
    begun = {each.subject_id: each.turn.began_on for each in after}
    for each in before:
        if begun.get(each.subject_id, each.turn.began_on) > each.turn.began_on:
            await _owe(work, provider_id, each)  # on record, however early it is done
            await meet(work, each.turn.rule_key, each.subject_id)
    await owe_running(work, provider_id, after)


async def _owe(work: Work, provider_id: UUID, each: Running) -> bool:
    turn = each.turn
    made = await owe(
        work, each.pack, turn.rule_key, title=turn.title, subject_type="declaration_again", subject_id=each.subject_id,
        reference=each.framework.name, owed_by=Owed(provider_id, "provider_manager"), owed_to=each.framework.lead_id,
        link="/declarations" if turn.rule_key == POLICY_REVIEW else f"/declarations/{turn.rule_key}",
        starts_at=midnight(turn.began_on), due_at=turn.due_at, framework_id=each.framework.id,
    )  # fmt: skip
    return made is not None
