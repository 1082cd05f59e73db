"""Decisions about a provider's standing, and its own profile: suspend, pause, resume, update, declare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from marketplace.frameworks.queries import framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import meet
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.suspending import ground
from marketplace.providers import queries
from marketplace.providers.declaration_details import CQC_ID
from marketplace.providers.declarations import keep_declaration, look_at_cover_again
from marketplace.providers.imposing import COMES_BY_ITSELF, grounds_by_hand, impose, place, tell_members, what_stays
from marketplace.providers.standing import hold_standing
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import ensure_profile
from marketplace.web.filters import day

COMPANY = re.compile(r"[0-9]{8}|[A-Z]{2}[0-9]{6}")
PROFILE_FIELDS = (
    "legal_name", "company_number", "about", "contact_name", "contact_phone", "contact_email", "on_call_name",
    "on_call_phone", "office_address", "safeguarding_lead", "cqc_provider_id", "cqc_registered", "insurance_until",
)  # fmt: skip


async def update_profile(
    actor: Actor,
    *,
    legal_name: str,
    company_number: str = "",
    about: str = "",
    contact_name: str = "",
    contact_phone: str = "",
    contact_email: str = "",
    on_call_name: str = "",
    on_call_phone: str = "",
    office_address: str = "",
    safeguarding_lead: str = "",
    cqc_provider_id: str | None = None,
    cqc_registered: bool | None = None,
    insurance_until: date | None = None,
) -> None:
    """Keep the organisation's profile. One profile serves every framework the provider is on (domain 1).

    Registration and insurance stay as they are (None): at the doors they are declared, with what shows them
    (`declarations.py`). Only who lays a whole world at once gives them here.
    """
    permit(actor, "provider.write")
    company, cqc = company_number.strip().upper(), (cqc_provider_id or "").strip()
    wrong: dict[str, str] = {}
    if not legal_name.strip():
        wrong["legal_name"] = "Enter the organisation's legal name"
    if company and not COMPANY.fullmatch(company):
        wrong["company_number"] = "A company number has 8 digits, or 2 letters and 6 digits"
    if cqc and not CQC_ID.fullmatch(cqc):
        wrong["cqc_provider_id"] = "A CQC provider identifier looks like 1-123456789"
    if cqc_registered and not cqc:
        wrong["cqc_provider_id"] = "Enter the CQC provider identifier of the registration"
    if wrong:
        raise InvalidInput(wrong)
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        before = await work.fetchrow("SELECT * FROM provider WHERE id = $1 FOR UPDATE", provider_id)
        assert before is not None
        values = (
            legal_name.strip(), company or None, about.strip(), contact_name.strip(), contact_phone.strip(),
            contact_email.strip(), on_call_name.strip(), on_call_phone.strip(), office_address.strip(),
            safeguarding_lead.strip(), before["cqc_provider_id"] if cqc_provider_id is None else cqc or None,
            before["cqc_registered"] if cqc_registered is None else cqc_registered,
            before["insurance_until"] if insurance_until is None else insurance_until,
        )  # fmt: skip
        await work.execute(
            "UPDATE provider SET legal_name = $2, company_number = $3, about = $4, contact_name = $5,"
            " contact_phone = $6, contact_email = $7, on_call_name = $8, on_call_phone = $9, office_address = $10,"
            " safeguarding_lead = $11, cqc_provider_id = $12, cqc_registered = $13, insurance_until = $14"
            " WHERE id = $1",
            provider_id, *values,
        )  # fmt: skip
        changed = [name for name, value in zip(PROFILE_FIELDS, values, strict=True) if before[name] != value]
        work.audit("provider.profile_updated", "provider", provider_id, changed=changed)
        if {"cqc_registered", "insurance_until"} & set(changed):
            await look_at_cover_again(work, provider_id)


async def registration_ended(work: Work) -> bool:
    """The acting provider is not registered with the Commission any more: its profile says so, its cover is looked at.

    For the unit in which it reports that. False where the profile said so already.
    """
    permit(work.actor, "provider.write")
    provider_id = await ensure_profile(work)
    ended = await work.fetchval(
        "UPDATE provider SET cqc_registered = false WHERE id = $1 AND cqc_registered RETURNING id", provider_id
    )
    if ended is None:
        return False
    work.audit("provider.profile_updated", "provider", provider_id, changed=["cqc_registered"])
    await look_at_cover_again(work, provider_id)
    return True


async def declare(actor: Actor, keys: Sequence[str], declared_on: date) -> None:
    """Declare what frameworks ask (living wage, Making it Real, policies: L 2.5, 10.2, P 10.1), all of one day."""
    permit(actor, "provider.write")
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        packs = [pack for _, _, pack in (await words(work)).packs]
        rules = [rule for pack in packs for rule in (*pack.content.provider_requirements, *pack.content.documents)]
        # a registration or an insurance is declared with what it says: a day alone shows nothing of it
        by_itself = {
            rule.key for pack in packs for rule in pack.content.provider_requirements if rule.effect != "asked"
        }
        known = {rule.key for rule in rules} - by_itself
        wrong: dict[str, str] = {}
        if not keys or not set(keys) <= known:
            wrong["keys"] = "Select what you declare"
        if declared_on > local_day(work.now):
            wrong["declared_on"] = "The date must be today or in the past"
        if wrong:
            raise InvalidInput(wrong)
        for key in dict.fromkeys(keys):
            await keep_declaration(work, provider_id, key, declared_on)
        work.audit("provider.declared", "provider", provider_id, keys=list(keys), declared_on=declared_on)


async def suspend(
    actor: Actor,
    framework_id: UUID,
    provider_id: UUID,
    lot_code: str | None = None,
    *,
    reason: str,
    until_on: date | None = None,
    rule_key: str | None = None,
    with_plan: bool | None = None,
) -> UUID:
    """Stop new referrals to a provider (domain 6): for all lots or one, open-ended or up to and including a day.

    The lead commissioner suspends for the framework, a partner for its own referrals. Existing packages go on. Holds
    the provider's admissions alone, so that no award is made after this moment. With a plan of action where `with_plan`
    says so, by itself where the pack's ground needs one (P 13.6). Returns the suspension's id.
    """
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        view = await framework(work, framework_id)
        member = view.member(actor.commissioner_id)
        if member is None:
            raise NotFound
        await hold_standing(work, framework_id, provider_id, alone=True)
        lots = await queries.admitted_lots(work, framework_id, provider_id)
        if not lots:
            raise NotFound("This provider is not admitted to this framework.")
        pack = await pack_of(work, framework_id)
        today = local_day(work.now)
        wrong: dict[str, str] = {}
        if not reason.strip():
            wrong["reason"] = "Enter why the provider is suspended; the provider reads it"
        if lot_code is not None and lot_code not in lots:
            wrong["lot_code"] = "Select a lot the provider is admitted to"
        if until_on is not None and until_on < today:
            wrong["until_on"] = "The last day must be today or later"
        rule = ground(pack, today, rule_key) if rule_key is not None else None
        if rule_key is not None and rule is None:
            wrong["rule_key"] = "Select the ground from the list"
        elif rule is not None and not await grounds_by_hand(work, framework_id, provider_id, [rule]):
            wrong["rule_key"] = COMES_BY_ITSELF
        if wrong:
            raise InvalidInput(wrong)
        partner = None if member.leads else actor.commissioner_id
        await _refuse_double(work, framework_id, provider_id, lot_code, partner)
        planned = rule is not None and rule.needs_action_plan if with_plan is None else with_plan
        suspension_id = await impose(
            work, view, pack, provider_id, lot_code, partner=partner, reason=reason.strip(), rule=rule, by=actor,
            until_on=until_on, with_plan=planned,
        )  # fmt: skip
        await meet(work, f"task.suspend_{rule_key}", provider_id, by_organisation=actor.commissioner_id)
        until = f" until {day(until_on)}" if until_on else ""
        by = f" for referrals of {actor.organisation_name}" if partner else ""
        stays = await what_stays(work, framework_id, provider_id)
        await tell(
            work, f"New referrals from {place(view, lot_code)} are suspended{by}{until}. {stays}",
            f"/standing/suspensions/{suspension_id}", organisation_id=provider_id,
        )  # fmt: skip
        await tell_members(work, view.members, partner, provider_id, f"is suspended from new referrals{until}")
        return suspension_id


async def _refuse_double(
    work: Work, framework_id: UUID, provider_id: UUID, lot_code: str | None, partner: UUID | None
) -> None:
    standing = await work.fetchrow(
        "SELECT starts_at, imposed_by_name FROM suspension WHERE framework_id = $1 AND provider_id = $2"
        " AND lot_code IS NOT DISTINCT FROM $3 AND commissioner_id IS NOT DISTINCT FROM $4"
        " AND in_force(starts_at, lifted_at, until_on, $5)",
        framework_id, provider_id, lot_code, partner, work.now,
    )  # fmt: skip
    if standing is not None:
        raise Conflict(
            f"This provider is already suspended here, since {day(standing['starts_at'])}, by"
            f" {standing['imposed_by_name']}. Reinstate it first, or leave the suspension as it is."
        )


async def pause(
    actor: Actor,
    framework_id: UUID,
    lot_code: str | None = None,
    *,
    until_on: date | None = None,
    reason: str = "",
) -> UUID:
    """The provider takes no new referrals by its own wish: all lots or one, open-ended or up to a day (D). Its id."""
    permit(actor, "provider.pause")
    async with unit_of_work(actor) as work:
        provider_id = actor.provider_id
        lots = await queries.admitted_lots(work, framework_id, provider_id) if provider_id else []
        if provider_id is None or not lots:
            raise NotFound("You are not admitted to this framework.")
        wrong: dict[str, str] = {}
        if lot_code is not None and lot_code not in lots:
            wrong["lot_code"] = "Select one of your lots"
        if until_on is not None and until_on < local_day(work.now):
            wrong["until_on"] = "The last day must be today or later"
        if wrong:
            raise InvalidInput(wrong)
        await hold_standing(work, framework_id, provider_id, alone=True)
        paused = await work.fetchval(
            "SELECT id FROM pause WHERE framework_id = $1 AND provider_id = $2 AND lot_code IS NOT DISTINCT FROM $3"
            " AND in_force(starts_at, ended_at, until_on, $4)",
            framework_id, provider_id, lot_code, work.now,
        )  # fmt: skip
        if paused is not None:
            raise Conflict("You have paused new referrals here already.")
        pause_id = await work.fetchval(
            "INSERT INTO pause (framework_id, provider_id, lot_code, starts_at, until_on, reason, paused_by)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            framework_id, provider_id, lot_code, work.now, until_on, reason.strip(), actor.person_id,
        )  # fmt: skip
        work.audit("provider.paused", "provider", provider_id, framework=framework_id, lot=lot_code, until_on=until_on)
        return pause_id


async def resume(actor: Actor, pause_id: UUID) -> None:
    """End the provider's own pause: from the next broadcast on it is reached again."""
    permit(actor, "provider.pause")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM pause WHERE provider_id = $1 AND id = $2", actor.provider_id, pause_id)
        if row is None:
            raise NotFound
        ended = await work.fetchval(
            "UPDATE pause SET ended_at = $3, ended_by = $4 WHERE framework_id = $1 AND id = $2"
            " AND in_force(starts_at, ended_at, until_on, $3) RETURNING id",
            row["framework_id"], pause_id, work.now, actor.person_id,
        )  # fmt: skip
        if ended is None:
            raise Conflict("This pause has ended already.")
        work.audit(
            "provider.resumed", "provider", row["provider_id"], framework=row["framework_id"], lot=row["lot_code"]
        )
