"""What gives cause for a suspension: the pack's rule imposes it, or it is put to a contract manager, once per cause.

Causes come from records (a toolkit found wanting, a plan not followed) and from people: brokerage proposes, a contract
manager decides (P 13.6, 13.7). What was decided stays with its facts, its clause and its decider.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import FrameworkView, framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.rules import SuspensionRule
from marketplace.policy.suspending import ground, lots_of, suspends_by_itself
from marketplace.providers import queries
from marketplace.providers.imposing import (
    COMES_BY_ITSELF,
    add_step,
    grounds_by_hand,
    impose,
    place,
    tell_deciders,
    tell_members,
    what_stays,
)
from marketplace.providers.standing import hold_standing

DECIDE = "task.decide_cause"
LONGEST = 4_000


async def propose(
    actor: Actor, framework_id: UUID, provider_id: UUID, *, rule_key: str, facts: str, lot_code: str | None = None
) -> UUID:
    """Put a ground of the pack with its facts to the contract managers; returns the cause's id.

    The lead's people propose for the framework, a partner's for its own referrals. Raises `InvalidInput` by field,
    `Conflict` where the very same was put before, `NotFound`.
    """
    permit(actor, "suspension.propose")
    async with unit_of_work(actor) as work:
        view = await framework(work, framework_id)
        member = view.member(actor.commissioner_id)
        lots = await queries.admitted_lots(work, framework_id, provider_id) if member is not None else []
        if member is None or not lots:
            raise NotFound("This provider is not admitted to this framework.")
        pack = await pack_of(work, framework_id)
        rule = ground(pack, local_day(work.now), rule_key)
        wrong: dict[str, str] = {}
        if rule is None:
            wrong["rule_key"] = "Select the ground from the list"
        elif not await grounds_by_hand(work, framework_id, provider_id, [rule]):
            wrong["rule_key"] = COMES_BY_ITSELF
        if not facts.strip():
            wrong["facts"] = "Enter what happened and how you know; the provider reads it when it is suspended"
        elif len(facts.strip()) > LONGEST:
            wrong["facts"] = f"What happened must be {LONGEST:,} characters or fewer"
        if lot_code is not None and lot_code not in lots:
            wrong["lot_code"] = "Select a lot the provider is admitted to"
        if wrong or rule is None:
            raise InvalidInput(wrong)
        said = hashlib.sha256(f"{lot_code}\n{' '.join(facts.split()).casefold()}".encode()).hexdigest()[:32]
        cause_id = await raise_cause(
            work, view, pack, provider_id, rule, f"said {said}", facts.strip(), lot=lot_code,
            partner=None if member.leads else actor.commissioner_id, by=actor, only_propose=True,
        )  # fmt: skip
        if cause_id is None:
            raise Conflict("This has been put to the contract managers already.")
        return cause_id


async def raise_cause(
    work: Work,
    view: FrameworkView,
    pack: Pack,
    provider_id: UUID,
    rule: SuspensionRule,
    cause: str,
    facts: str,
    *,
    lot: str | None = None,
    partner: UUID | None = None,
    by: Actor | None = None,
    only_propose: bool = False,
) -> UUID | None:
    """Note a cause and do what its rule says: suspend by itself, or ask a contract manager. None: it fired before.

    `cause` says what it is about so that the same is the same for ever; a suspension for `lot`, or as the rule has it.
    """
    imposes = suspends_by_itself(rule) and not only_propose
    cause_id: UUID | None = await work.fetchval(
        "INSERT INTO suspension_cause (framework_id, provider_id, commissioner_id, rule_key, clause, effect, cause,"
        " facts, lot_code, pack_hash, raised_at, raised_by, raised_by_name)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT (framework_id, provider_id, rule_key, cause) DO NOTHING RETURNING id",
        view.id, provider_id, partner, rule.key, rule.clause, "automatic" if imposes else "propose", cause, facts, lot,
        view.pack_hash, work.now, by.person_id if by else None, by.person_name if by else "The records",
    )  # fmt: skip
    if cause_id is None:
        return None
    work.audit(
        "suspension.cause", "provider", provider_id, framework=view.id, rule=rule.key, clause=rule.clause,
        cause=cause_id, imposes=imposes, pack=view.pack_hash,
    )  # fmt: skip
    if imposes:
        await hold_standing(work, view.id, provider_id, alone=True)
        admitted = await queries.admitted_lots(work, view.id, provider_id)
        first: UUID | None = None
        for each in lots_of(pack, local_day(work.now), rule, lot, admitted):
            made = await _suspend(work, view, pack, provider_id, rule, each, partner, f"{rule.title}: {facts}", None)
            first = first or made
        await _decided(work, view.id, cause_id, "suspended", "The rule suspends by itself.", first)
    else:
        name = await work.fetchval("SELECT name FROM organisation WHERE id = $1", provider_id)
        link = f"/providers/{provider_id}/causes/{cause_id}"
        await owe(
            work, pack, DECIDE, title=f"Decide on a suspension of {name}: {rule.title}",
            subject_type="suspension_cause", subject_id=cause_id, reference=view.name,
            owed_by=Owed(partner or view.lead_id, "contract_manager"), link=link, framework_id=view.id,
            commissioner_id=partner,
        )  # fmt: skip
        await tell_deciders(work, view, partner, f"A suspension of {name} is proposed: {rule.title}.", link)
    return cause_id


async def decide_cause(
    actor: Actor, cause_id: UUID, *, suspend: bool, reason: str, lot_code: str | None = None, all_lots: bool = False
) -> UUID | None:
    """A contract manager suspends on a proposed ground, or does not, with the reason; returns the suspension's id.

    For the lots that were proposed, unless another `lot_code` or `all_lots` is said. Raises `Conflict` where it has
    been decided, `InvalidInput` by field, `NotFound`.
    """
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM suspension_cause WHERE id = $1", cause_id)
        if row is None:
            raise NotFound
        view = await framework(work, row["framework_id"])
        if (row["commissioner_id"] or view.lead_id) != actor.commissioner_id:
            raise NotFound
        await hold_standing(work, view.id, row["provider_id"], alone=True)
        row = await work.fetchrow("SELECT * FROM suspension_cause WHERE id = $1", cause_id)
        assert row is not None
        if row["decision"] is not None:
            raise Conflict(f"{row['decided_by_name']} has decided this already.")
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why you decide so"})
        lots = await queries.admitted_lots(work, view.id, row["provider_id"])
        if lot_code is not None and all_lots:
            raise InvalidInput({"lot_code": "Select one lot or all of them, not both"})
        lot = None if all_lots else lot_code or row["lot_code"]
        if lot is not None and lot not in lots and (suspend or lot_code):
            raise InvalidInput({"lot_code": "Select a lot the provider is admitted to"})
        pack = await pack_of(work, view.id)
        rule = ground(pack, local_day(work.now), row["rule_key"])
        made: UUID | None = None
        if suspend:
            if rule is None:
                raise Conflict("The framework's terms no longer have this ground. Suspend with a reason of your own.")
            said = f"{row['facts']}\n\n{reason.strip()}"
            made = await _suspend(work, view, pack, row["provider_id"], rule, lot, row["commissioner_id"], said, actor)
        await _decided(work, view.id, cause_id, "suspended" if suspend else "not_suspended", reason.strip(), made)
        work.audit(
            "suspension.cause_decided", "provider", row["provider_id"], framework=view.id, rule=row["rule_key"],
            cause=cause_id, suspended=suspend, suspension=made,
        )  # fmt: skip
        await meet(work, DECIDE, cause_id)
        return made


OF_DECLARATIONS = (
    "SELECT c.id, c.rule_key, c.suspension_id FROM suspension_cause c JOIN declaration d"
    " ON d.provider_id = c.provider_id AND c.cause LIKE 'declaration ' || d.id || ' rejected%'"
    " WHERE c.framework_id = $1 AND c.provider_id = $2 AND d.rule_key = $3"
)


async def drop_causes(
    work: Work, view: FrameworkView, provider_id: UUID, key: str, why: str, *, but: UUID | None = None
) -> None:
    """Close what was proposed because a declaration of `key` was rejected, undecided, where that holds no more.

    `but` is the one declaration whose proposals go on waiting.
    """
    await hold_standing(work, view.id, provider_id, alone=True)
    for row in await work.fetch(
        f"{OF_DECLARATIONS} AND c.decision IS NULL AND d.id IS DISTINCT FROM $4 ORDER BY c.raised_at, c.id",
        view.id, provider_id, key, but,
    ):  # fmt: skip
        await _decided(work, view.id, row["id"], "dropped", why, None)
        await cancel(work, row["id"], DECIDE)
        work.audit(
            "suspension.cause_dropped", "provider", provider_id, framework=view.id, rule=row["rule_key"],
            cause=row["id"],
        )  # fmt: skip


async def tell_it_is_mended(work: Work, view: FrameworkView, provider_id: UUID, key: str, title: str) -> None:
    """Tell the contract managers of a suspension that stands on what has been accepted since: they alone lift it."""
    for row in await work.fetch(
        f"SELECT DISTINCT f.suspension_id, o.name FROM ({OF_DECLARATIONS}) f JOIN organisation o ON o.id = $2"  # noqa: S608 - our own text
        " JOIN suspension s ON s.framework_id = $1 AND coalesce(s.follows_id, s.id) = f.suspension_id"
        " AND s.lifted_at IS NULL AND s.until_on IS NULL",
        view.id, provider_id, key,
    ):  # fmt: skip
        said = f"{row['name']} is suspended for what has been accepted since: {title}. Decide whether to lift it."
        await tell_deciders(work, view, None, said, f"/suspensions/{row['suspension_id']}")


async def _suspend(
    work: Work, view: FrameworkView, pack: Pack, provider_id: UUID, rule: SuspensionRule, lot: str | None,
    partner: UUID | None, reason: str, by: Actor | None,
) -> UUID:  # fmt: skip
    """Impose on this ground; where one on the same ground stands, what was found is added to it instead."""
    stands: UUID | None = await work.fetchval(
        "SELECT coalesce(follows_id, id) FROM suspension WHERE framework_id = $1 AND provider_id = $2 AND rule_key = $3"
        " AND lot_code IS NOT DISTINCT FROM $4 AND commissioner_id IS NOT DISTINCT FROM $5 AND lifted_at IS NULL"
        " AND until_on IS NULL",
        view.id, provider_id, rule.key, lot, partner,
    )  # fmt: skip
    if stands is not None:
        await add_step(work, view.id, stands, provider_id, "imposed", says=reason)
        return stands
    made = await impose(
        work, view, pack, provider_id, lot, partner=partner, reason=reason, rule=rule, by=by,
        with_plan=rule.needs_action_plan,
    )  # fmt: skip
    by_rule = " by the framework's rule" if by is None else ""
    await tell(
        work,
        f"New referrals from {place(view, lot)} are suspended{by_rule}. {await what_stays(work, view.id, provider_id)}",
        f"/standing/suspensions/{made}", organisation_id=provider_id,
    )  # fmt: skip
    await tell_members(work, view.members, partner, provider_id, "is suspended from new referrals")
    return made


async def _decided(
    work: Work, framework_id: UUID, cause_id: UUID, decision: str, reason: str, suspension_id: UUID | None
) -> None:
    actor = work.actor
    person = None if actor.role == "system" else actor.person_id
    await work.execute(
        "UPDATE suspension_cause SET decision = $3, decided_at = $4, decided_by = $5, decided_by_name = $6,"
        " decision_reason = $7, suspension_id = $8 WHERE framework_id = $1 AND id = $2",
        framework_id, cause_id, decision, work.now, person, actor.person_name, reason, suspension_id,
    )  # fmt: skip


async def open_causes(work: Work, provider_id: UUID) -> list[dict[str, Any]]:
    """What was proposed of a provider and waits for the acting commissioner's decision, the oldest first."""
    rows = await work.fetch(
        "SELECT c.id, c.rule_key, c.clause, c.facts, c.raised_at, c.raised_by_name FROM suspension_cause c"
        " JOIN framework f ON f.id = c.framework_id WHERE c.provider_id = $1 AND c.decision IS NULL"
        " AND coalesce(c.commissioner_id, f.lead_commissioner_id) = $2 ORDER BY c.raised_at, c.id",
        provider_id, work.actor.commissioner_id,
    )  # fmt: skip
    return [dict(row) for row in rows]
