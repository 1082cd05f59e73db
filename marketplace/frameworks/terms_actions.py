"""Changing the terms of an open framework, and accepting them anew.

A changed answer to one of the pack's decisions makes another pack version, which judges from then on; what was judged
before names the version that judged it. Every provider on the framework accepts the new terms, as a task of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks import packs, queries
from marketplace.frameworks.actions import LONGEST_REMARK, judge, led_framework, ours_to_lead
from marketplace.frameworks.views import FrameworkView
from marketplace.identity.permissions import permit
from marketplace.obligations import duties, news
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.pack import Decision, Pack

ACCEPT = "task.accept_terms"
KEPT_DAYS = "evidence_days"  # the job that works out how long a provider's files are kept


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the terms: which decision, from what to what, why, by whom."""

    key: str
    title: str
    unit: str
    before: Any
    after: Any
    reason: str
    by: str
    at: datetime
    pack_hash: str


@dataclass(frozen=True, slots=True)
class Terms:
    """A framework's terms to a provider: what changed since it last accepted, and whether it is to accept them."""

    framework: FrameworkView
    changes: list[Change]
    accepted_by: str | None
    accepted_at: datetime | None
    to_accept: bool


async def check_change(work: Work, framework_id: UUID, key: str, value: object, reason: str) -> tuple[Pack, Decision]:
    """The pack and the decision as they would be; the check-your-answers page asks first. Raises what `change_terms`
    raises."""
    found = await ours_to_lead(work, framework_id)
    if found.state != "open":
        raise Conflict("Only the terms of an open framework are changed this way.")
    await queries.decision(work, framework_id, key)
    wrong: dict[str, str] = {}
    if not reason.strip():
        wrong["reason"] = "Enter why the terms change; every provider reads it"
    elif len(reason) > LONGEST_REMARK:
        wrong["reason"] = f"The reason must be {LONGEST_REMARK:,} characters or fewer"
    try:
        after, settled = judge(await packs.stored(work, found.pack_hash), {key: value}, key)
    except InvalidInput as error:
        raise InvalidInput(wrong | error.fields) from error
    if wrong:
        raise InvalidInput(wrong)
    if after.content_hash == found.pack_hash:
        raise Conflict("That is the answer already: nothing changes.")
    return after, settled


async def change_terms(actor: Actor, framework_id: UUID, key: str, value: object, reason: str) -> str:
    """Answer a decision of an open framework anew; returns the hash of the pack that judges from now on.

    Everybody on the framework is told, and asked to accept. Raises `NotFound`, `InvalidInput` on `value` or `reason`,
    `Conflict` where the framework is not open or the answer is the same.
    """
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        decision = await queries.decision(work, framework_id, key)
        after, settled = await check_change(work, framework_id, key, value, reason)
        pack_hash = await packs.store(work, after)
        await work.execute("UPDATE framework SET pack_hash = $2 WHERE id = $1", framework_id, pack_hash)
        await work.execute(
            "UPDATE framework_decision SET value = $3, confirmed_by = $4, confirmed_by_name = $5, confirmed_at = $6,"
            " remark = $7 WHERE framework_id = $1 AND rule_key = $2",
            framework_id, key, json.dumps(settled.value), actor.person_id, actor.person_name, work.now, reason.strip(),
        )  # fmt: skip
        await work.execute(
            "INSERT INTO terms_change (framework_id, rule_key, value_before, value, reason, hash_before, pack_hash,"
            " changed_by, changed_by_name, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            framework_id, key, json.dumps(decision.value), json.dumps(settled.value), reason.strip(), found.pack_hash,
            pack_hash, actor.person_id, actor.person_name, work.now,
        )  # fmt: skip
        work.audit("framework.terms_changed", "framework", framework_id, rule=key, pack_hash=pack_hash)
        for provider_id in await _on_framework(work, framework_id):
            await duties.owe(
                work, after, ACCEPT, subject_type="framework", subject_id=framework_id, reference=found.name,
                owed_by=duties.Owed(organisation_id=provider_id, role="provider_manager"), owed_to=found.lead_id,
                link=f"/frameworks/{framework_id}/changes", title="Accept changed terms", framework_id=framework_id,
            )  # fmt: skip
            await news.tell(
                work, f"{found.lead_name} changed the terms of {found.name}. Read what changed, and accept it.",
                f"/frameworks/{framework_id}/changes", organisation_id=provider_id, role="provider_manager",
            )  # fmt: skip
            if key.startswith("retention."):  # the last days of what it keeps follow at once
                await work.enqueue(KEPT_DAYS, {"provider": str(provider_id)}, dedupe_key=f"{KEPT_DAYS} {provider_id}")
        for member in found.members:
            if not member.leads:
                await news.tell(
                    work, f"{found.lead_name} changed the terms of {found.name}.", f"/frameworks/{framework_id}",
                    organisation_id=member.commissioner_id, role="commissioner_admin",
                )  # fmt: skip
        return pack_hash


async def _on_framework(work: Work, framework_id: UUID) -> list[UUID]:
    rows = await work.fetch(
        "SELECT provider_id FROM application WHERE framework_id = $1 AND state = 'submitted'"
        " UNION SELECT provider_id FROM admission WHERE framework_id = $1 AND (ends_on IS NULL OR ends_on >= $2)"
        " ORDER BY 1",
        framework_id, queries.today(work),
    )  # fmt: skip
    return [row["provider_id"] for row in rows]


async def accept_terms(actor: Actor, framework_id: UUID, pack_hash: str) -> None:
    """Accept the terms as they stand, named by the hash that was shown; the task is done with it.

    Raises `NotFound`, `Conflict` where they have changed since they were shown, or are accepted already.
    """
    permit(actor, "application.write")
    async with unit_of_work(actor) as work:
        await work.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"terms {framework_id} {actor.provider_id}")
        found = await terms_to_provider(work, framework_id)
        if found.framework.pack_hash != pack_hash:
            raise Conflict("The terms have changed since you looked. Read them again before you accept them.")
        if not found.to_accept:
            raise Conflict("There is nothing to accept: you have accepted these terms already.")
        await _accept(work, found.framework)
        await duties.meet(work, ACCEPT, framework_id, by_organisation=actor.provider_id)
        work.audit(
            "framework.terms_accepted", "framework", framework_id, commissioner_id=found.framework.lead_id,
            provider=actor.provider_id, pack_hash=pack_hash,
        )  # fmt: skip


async def changes(work: Work, framework_id: UUID) -> list[Change]:
    """Every change of a framework's terms, the newest first."""
    titles = {each.key: each for each in await queries.decisions(work, framework_id)}
    rows = await work.fetch("SELECT * FROM terms_change WHERE framework_id = $1 ORDER BY in_order DESC", framework_id)
    return [
        Change(
            row["rule_key"], titles[row["rule_key"]].title if row["rule_key"] in titles else row["rule_key"],
            titles[row["rule_key"]].unit if row["rule_key"] in titles else "text", row["value_before"], row["value"],
            row["reason"], row["changed_by_name"], row["changed_at"], row["pack_hash"],
        )
        for row in rows
    ]  # fmt: skip


async def terms_to_provider(work: Work, framework_id: UUID) -> Terms:
    """What changed since the actor's provider last accepted, or applied. Raises `NotFound` to others."""
    found = await queries.framework(work, framework_id)
    since = await work.fetchval(
        "SELECT min(at) FROM (SELECT submitted_at AS at FROM application WHERE framework_id = $1 AND provider_id = $2"
        " AND state IN ('submitted', 'admitted') UNION ALL SELECT starts_on::timestamptz FROM admission"
        " WHERE framework_id = $1 AND provider_id = $2) known",
        framework_id, work.actor.provider_id,
    )  # fmt: skip
    if since is None:
        raise NotFound("You are not on this framework.")
    last = await work.fetchrow(
        "SELECT * FROM terms_acceptance WHERE framework_id = $1 AND provider_id = $2"
        " ORDER BY in_order DESC LIMIT 1",
        framework_id, work.actor.provider_id,
    )  # fmt: skip
    if last is None:
        return Terms(found, newer := await _since(work, framework_id, since), None, None, bool(newer))
    newer = []
    for each in await changes(work, framework_id):
        if each.pack_hash == last["pack_hash"]:
            break
        newer.append(each)
    to_accept = last["pack_hash"] != found.pack_hash
    return Terms(found, newer if to_accept else [], last["accepted_by_name"], last["accepted_at"], to_accept)


async def _since(work: Work, framework_id: UUID, moment: datetime) -> list[Change]:
    return [each for each in await changes(work, framework_id) if each.at >= moment]


async def accepted_with_application(work: Work, framework: FrameworkView) -> None:
    """Who applies accepts the terms as they stand; in the caller's unit."""
    await _accept(work, framework)
    await duties.meet(work, ACCEPT, framework.id, by_organisation=work.actor.provider_id)


async def _accept(work: Work, framework: FrameworkView) -> None:
    await work.execute(
        "INSERT INTO terms_acceptance (framework_id, provider_id, pack_hash, accepted_by, accepted_by_name,"
        " accepted_at) SELECT $1, $2, $3, $4, $5, $6 WHERE $3 IS DISTINCT FROM (SELECT pack_hash FROM terms_acceptance"
        " WHERE framework_id = $1 AND provider_id = $2 ORDER BY in_order DESC LIMIT 1)",
        framework.id, work.actor.provider_id, framework.pack_hash, work.actor.person_id, work.actor.person_name,
        work.now,
    )  # fmt: skip


async def acceptances(work: Work, framework_id: UUID) -> list[tuple[str, datetime | None, str]]:
    """(provider, when, by whom) of everybody on the framework today: who has accepted its terms as they stand."""
    rows = await work.fetch(
        "SELECT o.name, t.accepted_at, t.accepted_by_name FROM organisation o LEFT JOIN LATERAL (SELECT *"
        " FROM terms_acceptance a WHERE a.framework_id = $1 AND a.provider_id = o.id"
        " AND a.pack_hash = (SELECT pack_hash FROM framework WHERE id = $1) ORDER BY a.in_order DESC LIMIT 1) t"
        " ON true WHERE o.id = ANY ($2) ORDER BY t.accepted_at IS NOT NULL, o.name",
        framework_id, await _on_framework(work, framework_id),
    )  # fmt: skip
    return [(row["name"], row["accepted_at"], row["accepted_by_name"] or "") for row in rows]
