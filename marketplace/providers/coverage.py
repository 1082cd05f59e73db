"""A provider's own cover, registration for regulated care and insurance: what the pack makes of its lapse (domain 6).

Looked at by the framework's lead, whose suspensions stand for the framework. The first look that finds a cover gone
acts, once; that it is back is noted, and only a person lifts what was imposed. What a lapse means for the visits that
are planned is seen to in packages, by every commissioner for its own cases.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.frameworks.queries import FrameworkView, framework, my_frameworks, pack_of
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, ask, outside_context, unit_of_work
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.jobs import job, sweep
from marketplace.policy.calendar import local_day
from marketplace.policy.coverage import Ground, grounds
from marketplace.policy.pack import Pack, PackError
from marketplace.policy.standing import explain
from marketplace.providers.declaration_details import INSURANCE, REGISTRATION
from marketplace.providers.declarations import one_at_a_time
from marketplace.providers.facts import ProviderRecord, provider_records
from marketplace.providers.imposing import impose, tell_members, what_stays
from marketplace.providers.slips import end_slip
from marketplace.providers.standing import hold_standing
from marketplace.settings import Settings
from marketplace.web.filters import listing

LOOK_AT_COVER = "look_at_cover"
LOOK_AT_COVER_OF_VISITS = "look_at_cover_of_visits"  # packages has it
INSURANCE_LAPSED = "insurance_lapsed"  # which a mistyped day alone brings about
MENDED = {
    "cqc_lapsed": "Declare the registration when you have it again",
    "insurance_lapsed": "Declare the new insurance, with its certificate",
}
DECLARED = {"cqc_lapsed": "/declarations/cqc_registration", "insurance_lapsed": "/declarations/insurance"}


def proposal(rule_key: str) -> str:
    """The contract manager's task where the pack proposes a suspension instead of imposing it."""
    return f"task.suspend_{rule_key}"


@sweep("covers", every=timedelta(minutes=10))
async def look_at_covers(settings: Settings) -> None:
    """Every commissioner's led frameworks; run twice, it changes nothing more."""
    await _look_everywhere()


@job(LOOK_AT_COVER)
async def look_at_cover(settings: Settings, payload: dict[str, Any]) -> None:
    """A provider has changed its registration or insurance: its frameworks' leads look at once."""
    await _look_everywhere(UUID(payload["provider"]))


async def _look_everywhere(provider_id: UUID | None = None) -> None:
    async with outside_context() as connection:
        leads = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    faults: list[Exception] = []
    for lead in leads:
        try:
            await look_as_lead(lead["id"], lead["name"], provider_id)
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # one commissioner's fault must not stop the others
    if faults:
        raise faults[0]


async def look_as_lead(lead_id: UUID, name: str = "", provider_id: UUID | None = None) -> int:
    """One lead's frameworks, all their providers or one; returns how many covers were found to have lapsed now.

    Where something has changed, the provider is read again in a unit of its own: what it declares meanwhile counts.
    """
    lapsed = 0
    actor = system_for(lead_id, "commissioner", name)
    faults: list[Exception] = []
    for framework_id, changed in await ask(actor, _changed, lead_id, provider_id):
        try:
            async with unit_of_work(actor) as work:
                lapsed += await _look_at_provider(work, framework_id, changed)
        except (MarketplaceError, PackError, asyncpg.PostgresError) as error:
            faults.append(error)  # nor one provider's
    if faults:
        raise faults[0]
    return lapsed


async def _changed(work: Work, lead_id: UUID, provider_id: UUID | None) -> list[tuple[UUID, UUID]]:
    """(framework, provider) wherever a cover stands otherwise than was noted last."""
    today = local_day(work.now)
    found: list[tuple[UUID, UUID]] = []
    for view in await my_frameworks(work):
        if not view.led_by(lead_id):
            continue
        pack = await pack_of(work, view.id)
        noted = {
            (row["provider_id"], row["rule_key"]): (row["holds"], tuple(row["lots"]))
            for row in await work.fetch("SELECT * FROM standing_ground WHERE framework_id = $1", view.id)
        }
        for record in await provider_records(work, view.id, None if provider_id is None else [provider_id]):
            for ground in grounds(pack, today, record.facts):
                known = noted.get((record.id, ground.rule.key))
                if known == (ground.holds, ground.lots):
                    continue
                if known is not None or ground.holds or await _was_there(work, view.id, record):
                    found.append((view.id, record.id))
                    break
    return found


async def _look_at_provider(work: Work, framework_id: UUID, provider_id: UUID) -> int:
    for key in (REGISTRATION, INSURANCE):
        await one_at_a_time(work, provider_id, key)
    # before it is read what stands: what a manager imposes meanwhile is seen, and not imposed a second time
    await hold_standing(work, framework_id, provider_id, alone=True)
    view, pack = await framework(work, framework_id), await pack_of(work, framework_id)
    lapsed = 0
    for record in await provider_records(work, framework_id, [provider_id]):
        for ground in grounds(pack, local_day(work.now), record.facts):
            lapsed += await _look(work, view, pack, record, ground)
    return lapsed


async def _look(work: Work, view: FrameworkView, pack: Pack, record: ProviderRecord, ground: Ground) -> bool:
    """Note whether the cover holds; True when it is found to have lapsed by this very look."""
    known = await work.fetchrow(
        "SELECT holds, lots FROM standing_ground WHERE framework_id = $1 AND provider_id = $2 AND rule_key = $3"
        " FOR UPDATE",
        view.id, record.id, ground.rule.key,
    )  # fmt: skip
    if known is not None and known["holds"] == ground.holds and tuple(known["lots"]) == ground.lots:
        return False
    if known is None and not ground.holds and not await _was_there(work, view.id, record):
        return False  # never insured or registered, and nobody in its care: its standing says so, nothing has lapsed
    noted = await work.execute(
        "INSERT INTO standing_ground (framework_id, provider_id, rule_key, code, holds, since, lots, flags_visits)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (framework_id, provider_id, rule_key) DO UPDATE SET"
        " since = CASE WHEN standing_ground.holds = $5 THEN standing_ground.since ELSE $6 END,"
        " holds = $5, lots = $7, flags_visits = $8 WHERE standing_ground.holds <> $5 OR standing_ground.lots <> $7",
        view.id, record.id, ground.rule.key, ground.code, ground.holds, work.now, list(ground.lots),
        ground.flags_visits,
    )  # fmt: skip
    if noted.endswith(" 0") or (known is None and ground.holds):
        return False
    for member in view.members:
        payload = {"commissioner": member.commissioner_id}
        await work.enqueue(LOOK_AT_COVER_OF_VISITS, payload, dedupe_key=f"cover of {member.commissioner_id}")
    if ground.holds:
        if known is not None and not known["holds"]:
            await cancel(work, record.id, proposal(ground.rule.key))
            work.audit(
                "provider.cover_is_back", "provider", record.id, framework=view.id, rule=ground.rule.key,
                pack=view.pack_hash,
            )  # fmt: skip
            if ground.rule.key == INSURANCE_LAPSED:
                await end_slip(work, view, pack, record.id, ground.rule.key)
        return False
    now = known is None or known["holds"]
    lots = ground.lots if now else tuple(lot for lot in ground.lots if known and lot not in known["lots"])
    if now:
        work.audit(
            "provider.cover_lapsed", "provider", record.id, framework=view.id, rule=ground.rule.key, lots=lots,
            pack=view.pack_hash,
        )  # fmt: skip
    if now or (lots and not ground.every_lot):  # else the same lapse, for all lots already
        await _act(work, view, pack, record, ground, lots)
    return now


async def _was_there(work: Work, framework_id: UUID, record: ProviderRecord) -> bool:
    if record.insurance_until is not None and record.insurance_until < local_day(work.now):
        return True
    # A read of a table to the right, by name only: somebody may be in its care without cover.
    return await work.fetchval(
        "SELECT EXISTS (SELECT 1 FROM package WHERE framework_id = $1 AND provider_id = $2"
        " AND state IN ('set_up', 'active'))",
        framework_id, record.id,
    )  # fmt: skip


async def _act(
    work: Work, view: FrameworkView, pack: Pack, record: ProviderRecord, ground: Ground, lots: tuple[str, ...]
) -> None:
    """Suspend by the pack's rule, or propose it to the lead's contract managers; the provider is told either way."""
    if not ground.suspends:
        title = f"Decide on a suspension: {record.name} {explain(ground.code)}"
        await owe(
            work, pack, proposal(ground.rule.key), title=title,
            subject_type="provider", subject_id=record.id, reference=view.name,
            owed_by=Owed(work.actor.commissioner_id, "contract_manager"),
            link=f"/providers/{record.id}/suspend/{view.id}", framework_id=view.id,
        )  # fmt: skip
        await tell(
            work, f"For {view.name} our records say that your organisation {explain(ground.code)}. The contract manager"
            f" decides on a suspension. {MENDED[ground.rule.key]}.", DECLARED[ground.rule.key],
            organisation_id=record.id,
        )  # fmt: skip
        return
    for lot in (None,) if ground.every_lot else lots:
        await _suspend(work, view, record, ground, lot)
    where = view.name if ground.every_lot else f"{listing([f'lot {lot}' for lot in lots])} of {view.name}"
    stays = await what_stays(work, view.id, record.id)
    await tell(
        work, f"New referrals from {where} are suspended by the framework's rule: your"
        f" organisation {explain(ground.code)}. {stays} {MENDED[ground.rule.key]}, then ask the contract manager"
        " to lift the suspension.", DECLARED[ground.rule.key], organisation_id=record.id,
    )  # fmt: skip
    said = f"{explain(ground.code)} and is suspended from new referrals by the framework's rule"
    await tell_members(work, view.members, None, record.id, said)
    await tell(
        work, f"{record.name} {said}.", f"/providers/{record.id}", organisation_id=work.actor.commissioner_id,
        role="contract_manager",
    )  # fmt: skip


async def _suspend(work: Work, view: FrameworkView, record: ProviderRecord, ground: Ground, lot: str | None) -> None:
    stands = any(
        hold.kind == "suspension" and hold.rule_key == ground.rule.key and hold.lot == lot
        and hold.commissioner_id is None and hold.until is None
        for hold in record.holds
    )  # fmt: skip
    if stands:
        return  # somebody has imposed it on this very ground already
    await impose(
        work, view, await pack_of(work, view.id), record.id, lot, partner=None,
        reason=ground.rule.title, rule=ground.rule, by=None,
        with_plan=ground.rule.needs_action_plan,
    )  # fmt: skip
