"""How a suspension begins, by a person's decision or a rule of the pack: its row, its first step, its plan's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import FrameworkView
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work
from marketplace.policy.coverage import GROUNDS
from marketplace.policy.pack import Pack
from marketplace.policy.rules import SuspensionRule
from marketplace.policy.suspending import RESPONSE, REVIEW, SIGN_OFF

BY_RULE = "the framework's own rule"
# What a suspension leaves as it is, told to everyone it concerns (domain 6), and where care may not go on.
NOTHING_NEW = "You get no new referrals, and open offers cannot be awarded."
GOES_ON = "Packages and families you have now go on."
MAY_NOT_GO_ON = (
    "Visits that need what has lapsed may not go on unless a contract manager decides so, package by package."
    " Everything else you have now goes on."
)
COMES_BY_ITSELF = (
    "A lapse of registration or insurance suspends, or is put to you, by itself once it is on record, and its visits"
    " are flagged then. It is not on record: select another ground, or “Another reason”"
)
WRITE_PLAN = "task.write_plan"
ACTION = "task.plan_action"


async def impose(
    work: Work,
    view: FrameworkView,
    pack: Pack,
    provider_id: UUID,
    lot: str | None,
    *,
    partner: UUID | None,
    reason: str,
    rule: SuspensionRule | None,
    by: Actor | None,
    until_on: date | None = None,
    with_plan: bool = False,
) -> UUID:
    """Write the suspension, its first step and its audit entry; with a plan, its clocks. Returns its id.

    For a unit that holds the provider's admissions alone. `by` None: the rule imposes itself, and is needed.
    """
    name = by.person_name if by is not None else BY_RULE
    person = by.person_id if by is not None else None
    suspension_id: UUID = await work.fetchval(
        "INSERT INTO suspension (framework_id, provider_id, lot_code, commissioner_id, starts_at, until_on, reason,"
        " rule_key, clause, with_plan, imposed_by, imposed_by_name)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
        view.id, provider_id, lot, partner, work.now, until_on, reason, rule.key if rule else None,
        rule.clause if rule else None, with_plan, person, name,
    )  # fmt: skip
    await add_step(work, view.id, suspension_id, provider_id, "imposed", says=reason, by_name=name)
    work.audit(
        "provider.suspended", "provider", provider_id,
        commissioner_id=by.commissioner_id if by is not None else None,
        framework=view.id, lot=lot, until_on=until_on, rule=rule.key if rule else None, suspension=suspension_id,
        own_referrals_only=partner is not None, with_plan=with_plan, pack=view.pack_hash,
        **({"clause": rule.clause} if by is None and rule else {}),
    )  # fmt: skip
    if with_plan:
        await owe(
            work, pack, RESPONSE, subject_type="suspension", subject_id=suspension_id, reference=view.name,
            owed_by=Owed(provider_id, "provider_manager"), owed_to=work.actor.commissioner_id,
            link=f"/standing/suspensions/{suspension_id}", framework_id=view.id, commissioner_id=partner,
        )  # fmt: skip
        await owe(
            work, pack, WRITE_PLAN, title="Write the action plan that goes with a suspension",
            subject_type="suspension", subject_id=suspension_id, reference=view.name,
            owed_by=Owed(work.actor.commissioner_id, "contract_manager"), link=f"/suspensions/{suspension_id}",
            framework_id=view.id, commissioner_id=partner,
        )  # fmt: skip
    return suspension_id


async def what_goes_on(work: Work, framework_id: UUID, provider_id: UUID) -> str:
    """Whether what the provider has now goes on, in sentences: not so where a cover has lapsed that its visits need."""
    return MAY_NOT_GO_ON if await _lapsed(work, framework_id, provider_id) else GOES_ON


async def what_stays(work: Work, framework_id: UUID, provider_id: UUID) -> str:
    """What a suspension means for what the provider has and for what is new, as it is told of one."""
    return f"{await what_goes_on(work, framework_id, provider_id)} {NOTHING_NEW}"


async def _lapsed(work: Work, framework_id: UUID, provider_id: UUID) -> bool:
    return await work.fetchval(
        "SELECT EXISTS (SELECT FROM standing_ground WHERE framework_id = $1 AND provider_id = $2 AND NOT holds"
        " AND flags_visits)",
        framework_id, provider_id,
    )  # fmt: skip


async def grounds_by_hand(
    work: Work, framework_id: UUID, provider_id: UUID, rules: Sequence[SuspensionRule]
) -> list[SuspensionRule]:
    """The grounds somebody may give. A lapse of cover is not among them before it is on record: given without one it
    would stop none of the visits it says it flags."""
    lapsed = {
        row["rule_key"]
        for row in await work.fetch(
            "SELECT rule_key FROM standing_ground WHERE framework_id = $1 AND provider_id = $2 AND NOT holds",
            framework_id, provider_id,
        )
    }  # fmt: skip
    return [rule for rule in rules if rule.key not in GROUNDS or rule.key in lapsed]


async def add_step(
    work: Work,
    framework_id: UUID,
    suspension_id: UUID,
    provider_id: UUID,
    what: str,
    *,
    says: str = "",
    action_id: UUID | None = None,
    by_name: str | None = None,
    **more: Any,
) -> UUID:
    """One line of a suspension's story, by whoever acts; `more` are `new_due_on` or `owner_name`."""
    actor = work.actor
    person = None if actor.role == "system" else actor.person_id
    return await work.fetchval(
        "INSERT INTO suspension_step (framework_id, suspension_id, provider_id, action_id, what, at, by_provider,"
        " by_person, by_name, says, new_due_on, owner_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " RETURNING id",
        framework_id, suspension_id, provider_id, action_id, what, work.now, actor.provider_id is not None, person,
        by_name or actor.person_name, says.strip(), more.get("new_due_on"), more.get("owner_name"),
    )  # fmt: skip


async def close_plan(work: Work, root_id: UUID) -> None:
    """End every open clock of a suspension that is over: its plan, what is asked in it, a review."""
    for rule in (RESPONSE, WRITE_PLAN, REVIEW):
        await cancel(work, root_id, rule)
    for row in await work.fetch("SELECT id FROM plan_action WHERE suspension_id = $1", root_id):
        await cancel(work, row["id"], ACTION)
        await cancel(work, row["id"], SIGN_OFF)


async def tell_members(work: Work, members: tuple, partner: UUID | None, provider_id: UUID, what: str) -> None:
    """Tell the referrers of every member commissioner, or of `partner` alone, what happened to a provider."""
    name = await work.fetchval("SELECT name FROM organisation WHERE id = $1", provider_id)
    for member in members:
        if partner is None or member.commissioner_id == partner:
            await tell(
                work, f"{name} {what}.", f"/providers/{provider_id}", organisation_id=member.commissioner_id,
                role="referrer",
            )  # fmt: skip


async def tell_deciders(work: Work, view: FrameworkView, partner: UUID | None, sentence: str, link: str) -> None:
    """Tell the contract managers who decide about a suspension: the partner's for its own, else the lead's."""
    await tell(work, sentence, link, organisation_id=partner or view.lead_id, role="contract_manager")


def place(view: FrameworkView, lot: str | None) -> str:
    """Which referrals it is about: a lot of the framework, or all of it."""
    return f"lot {lot} of {view.name}" if lot else view.name
