"""Variations: new rates from a day on, proposed by the provider with a reason, agreed or refused by the lead."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import asyncpg

from marketplace.frameworks import queries, rates
from marketplace.frameworks.actions import led_framework
from marketplace.frameworks.application_actions import LONGEST_REASON, propose_card
from marketplace.frameworks.states import advance
from marketplace.frameworks.views import AdmissionView, CardView
from marketplace.identity.permissions import permit
from marketplace.obligations import duties, news
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.web.filters import day as written_day

DECIDE = "task.rates_decision"


async def check_variation(
    work: Work, framework_id: UUID, lot_code: str, bid: rates.Rates, applies_from: date, reason: str
) -> AdmissionView:
    """Whether the actor's provider may propose these rates; asked before the check-your-answers page.

    Raises `NotFound` without an admission to the lot, `InvalidInput` on `applies_from`, `reason` or a rate's field,
    `Conflict` while another proposal waits.
    """
    held = [
        each
        for each in await queries.admissions(work, framework_id, provider_id=work.actor.provider_id, lot_code=lot_code)
        if each.ends_on is None or each.ends_on >= queries.today(work)
    ]
    if work.actor.provider_id is None or not held:
        raise NotFound("You are not admitted to this lot.")
    admission = held[-1]
    faults: dict[str, str] = {}
    # A price agreed for days gone by would make invoices of those days wrong afterwards.
    if applies_from <= queries.today(work):
        faults["applies_from"] = "The day the new rates apply from must be after today"
    elif not admission.covers(applies_from):
        faults["applies_from"] = "The day the new rates apply from must be within your admission"
    if not reason.strip():
        faults["reason"] = "Enter why the rates should change"
    elif len(reason) > LONGEST_REASON:
        faults["reason"] = f"The reason must be {LONGEST_REASON:,} characters or fewer"
    pack = await queries.pack_of(work, framework_id)
    try:
        rates.check(rates.grid(pack, lot_code, applies_from), bid)
    except InvalidInput as error:
        faults |= error.fields
    if faults:
        raise InvalidInput(faults)
    if await queries.rate_cards(
        work, framework_id, provider_id=work.actor.provider_id, lot_code=lot_code, state="proposed"
    ):
        raise Conflict("You have already proposed new rates for this lot. That proposal waits for its decision.")
    return admission


async def propose_rates(
    actor: Actor, framework_id: UUID, lot_code: str, bid: rates.Rates, applies_from: date, reason: str
) -> UUID:
    """Propose new rates for a lot the provider is admitted to. The present card counts until they are agreed.

    `bid` maps (activity, band) to pence per hour. Returns the card's id; raises what `check_variation` raises.
    """
    permit(actor, "application.write")
    async with unit_of_work(actor) as work:
        admission = await check_variation(work, framework_id, lot_code, bid, applies_from, reason)
        framework = await queries.framework(work, framework_id)
        try:
            card_id = await propose_card(work, framework_id, lot_code, bid, applies_from, reason=reason.strip())
        except asyncpg.UniqueViolationError as error:
            raise Conflict("You have already proposed new rates for this lot.") from error
        work.audit(
            "rates.proposed", "rate_card", card_id,
            commissioner_id=framework.lead_id, provider=actor.provider_id, lot=lot_code, applies_from=applies_from,
        )  # fmt: skip
        await duties.owe(
            work,
            await queries.pack_of(work, framework_id),
            DECIDE,
            subject_type="rate_card",
            subject_id=card_id,
            reference=f"{admission.provider_name}, lot {lot_code}",
            owed_by=duties.Owed(organisation_id=framework.lead_id, role="commissioner_admin"),
            owed_to=actor.provider_id,
            link=f"/rate-cards/{card_id}",
            title="Decide on new rates",
            framework_id=framework_id,
        )
        await news.tell(
            work,
            f"{admission.provider_name} proposes new rates for {admission.lot_title} of {framework.name}"
            f" from {written_day(applies_from)}.",
            f"/rate-cards/{card_id}",
            organisation_id=framework.lead_id,
            role="commissioner_admin",
        )
        return card_id


async def withdraw_rates(actor: Actor, card_id: UUID) -> None:
    """Take back proposed rates. A card that came with an application goes with the application. Raises `WrongState`."""
    permit(actor, "application.write")
    async with unit_of_work(actor) as work:
        card = await queries.rate_card(work, card_id)
        if card.provider_id != actor.provider_id:
            raise NotPermitted("Only the provider that proposed these rates can withdraw them.")
        await _move(work, card, "withdrawn")
        framework = await queries.framework(work, card.framework_id)
        work.audit("rates.withdrawn", "rate_card", card.id, commissioner_id=framework.lead_id, lot=card.lot_code)
        await news.tell(
            work,
            f"{card.provider_name} withdrew the rates it proposed for {card.lot_title} of {card.framework_name}.",
            f"/rate-cards/{card.id}",
            organisation_id=framework.lead_id,
            role="commissioner_admin",
        )


async def agree_rates(actor: Actor, card_id: UUID) -> None:
    """Agree a variation: from its day on each visit is priced by it. Raises `WrongState`, `Conflict`."""
    permit(actor, "application.decide")
    async with unit_of_work(actor) as work:
        card = await _to_decide(work, card_id)
        if card.applies_from < queries.today(work):
            raise Conflict(
                f"These rates were to apply from {written_day(card.applies_from)}, which has passed."
                " Refuse them and ask the provider to propose a later day."
            )
        try:
            await _move(work, card, "agreed")
        except asyncpg.UniqueViolationError as error:
            raise Conflict("Other rates are already agreed for this lot from that very day.") from error
        work.audit(
            "rates.agreed",
            "rate_card",
            card.id,
            provider=card.provider_id,
            lot=card.lot_code,
            applies_from=card.applies_from,
        )
        await _tell_provider(
            work,
            card,
            f"Your new rates for {card.lot_title} of {card.framework_name}"
            f" are agreed from {written_day(card.applies_from)}.",
        )


async def refuse_rates(actor: Actor, card_id: UUID, reason: str) -> None:
    """Refuse a variation with its reason; the present rates go on. Raises `InvalidInput` on `reason`, `WrongState`."""
    permit(actor, "application.decide")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter the reason, which the provider will read"})
    if len(reason) > LONGEST_REASON:
        raise InvalidInput({"reason": f"The reason must be {LONGEST_REASON:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        card = await _to_decide(work, card_id)
        await _move(work, card, "refused", reason.strip())
        work.audit("rates.refused", "rate_card", card.id, provider=card.provider_id, lot=card.lot_code)
        await _tell_provider(
            work,
            card,
            f"Your new rates for {card.lot_title} of {card.framework_name} were not agreed. Your present rates go on.",
        )


async def _to_decide(work: Work, card_id: UUID) -> CardView:
    card = await queries.rate_card(work, card_id)
    await led_framework(work, card.framework_id)
    return await queries.rate_card(work, card_id)


async def _move(work: Work, card: CardView, verb: str, reason: str | None = None) -> None:
    if not card.variation:
        raise Conflict("These rates belong to an application and are decided with it.")
    state = advance("rate card", card.state, verb)
    decided = state in ("agreed", "refused")
    moved = await work.fetchval(
        "UPDATE rate_card SET state = $3, decided_at = $4, decided_by = $5, decision_reason = $6"
        " WHERE framework_id = $1 AND id = $2 AND state = 'proposed' RETURNING id",
        card.framework_id, card.id, state,
        work.now if decided else None, work.actor.person_id if decided else None, reason,
    )  # fmt: skip
    if moved is None:
        raise Conflict("These rates have been decided meanwhile.")
    if decided:
        await duties.meet(work, DECIDE, card.id)
    else:
        await duties.cancel(work, card.id, DECIDE)


async def _tell_provider(work: Work, card: CardView, sentence: str) -> None:
    await news.tell(work, sentence, f"/rate-cards/{card.id}", organisation_id=card.provider_id, role="provider_manager")
