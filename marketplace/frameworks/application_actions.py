"""Getting onto a framework: a provider applies to lots, the lead admits or refuses with reasons, an admission ends.

A provider sees nothing of any other provider's application, card or admission (data.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

import asyncpg

from marketplace.frameworks import queries, rates, scoring
from marketplace.frameworks.actions import led_framework, ours_to_lead
from marketplace.frameworks.states import advance
from marketplace.frameworks.tables import Admission, Application, RateCard
from marketplace.frameworks.terms_actions import accepted_with_application
from marketplace.frameworks.views import ApplicationView, FrameworkView
from marketplace.identity.permissions import permit
from marketplace.obligations import duties, news
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.policy import evaluation
from marketplace.policy.calendar import local_day
from marketplace.web.filters import day as written_day

DECIDE = "task.application_decision"
LONGEST_STATEMENT = 5_000
LONGEST_REASON = 2_000


async def check_application(
    work: Work, framework_id: UUID, bids: Mapping[str, rates.Rates], statement: str
) -> FrameworkView:
    """Whether the actor's provider may apply to these lots at these rates; the check-your-answers page asks first.

    `bids` maps each lot's code to its rates. Raises `InvalidInput` on `lots`, `statement` or a rate's field, `Conflict`
    where the framework takes no applications or the provider waits for or has an admission to a lot.
    """
    found = await queries.framework(work, framework_id)
    today = queries.today(work)
    if found.state != "open" or (found.ends_on is not None and found.ends_on < today):
        raise Conflict(f"{found.name} takes no applications now.")
    lots = {lot.code: lot for lot in await queries.lots(work, framework_id)}
    if not bids or set(bids) - set(lots):
        raise InvalidInput({"lots": "Select at least one of the framework's lots"})
    _check_text("statement", statement, LONGEST_STATEMENT, "Enter how you would deliver the lots you apply to")
    waiting = {each.lot_code for each in await queries.applications(work, framework_id, state="submitted")}
    standing = {
        each.lot_code: each
        for each in await queries.admissions(work, framework_id, provider_id=work.actor.provider_id)
        if each.ends_on is None or each.ends_on >= today
    }
    for code in bids:
        if code in waiting:
            raise Conflict(f"You have already applied to {lots[code].title}. That application waits for its decision.")
        if code in standing:
            raise Conflict(f"You are already admitted to {lots[code].title}.")
    pack = await queries.pack_of(work, framework_id)
    faults: dict[str, str] = {}
    for code, bid in bids.items():
        try:
            rates.check(rates.grid(pack, code, today), bid)
        except InvalidInput as error:
            faults |= error.fields
    if faults:
        raise InvalidInput(faults)
    return found


async def apply(actor: Actor, framework_id: UUID, bids: Mapping[str, rates.Rates], statement: str) -> list[UUID]:
    """Apply to one or several lots, each with its rate card. One application per lot; returns their ids.

    Raises what `check_application` raises.
    """
    permit(actor, "application.write")
    if actor.provider_id is None:
        raise NotPermitted("Only a provider applies to a framework.")
    async with unit_of_work(actor) as work:
        found = await check_application(work, framework_id, bids, statement)
        await accepted_with_application(work, found)
        made: list[UUID] = []
        for lot_code, bid in bids.items():
            application = Application(
                framework_id=framework_id,
                provider_id=actor.provider_id,
                lot_code=lot_code,
                statement=statement.strip(),
                submitted_at=work.now,
                submitted_by=actor.person_id,
            )
            try:
                await Application.insert(application)
                await propose_card(
                    work, framework_id, lot_code, bid, queries.today(work), application_id=application.id
                )
            except asyncpg.UniqueViolationError as error:
                raise Conflict(
                    "You have already applied to this lot. That application waits for its decision."
                ) from error
            made.append(application.id)
            work.audit(
                "application.submitted", "application", application.id,
                commissioner_id=found.lead_id, framework=framework_id, lot=lot_code, provider=actor.provider_id,
            )  # fmt: skip
            await duties.owe(
                work,
                await queries.pack_of(work, framework_id),
                DECIDE,
                subject_type="application",
                subject_id=application.id,
                reference=f"{actor.organisation_name}, lot {lot_code}",
                owed_by=duties.Owed(organisation_id=found.lead_id, role="commissioner_admin"),
                owed_to=actor.provider_id,
                link=f"/applications/{application.id}",
                title="Evaluate an application",
                framework_id=framework_id,
            )
        lots = f"{'lots' if len(bids) > 1 else 'lot'} {', '.join(bids)}"
        await news.tell(
            work,
            f"{actor.organisation_name or 'A provider'} applied to {found.name} ({lots}).",
            f"/applications/{made[0]}" if len(made) == 1 else f"/frameworks/{framework_id}/applications",
            organisation_id=found.lead_id,
            role="commissioner_admin",
        )
        return made


async def withdraw_application(actor: Actor, application_id: UUID) -> None:
    """Take back an application that waits for its decision, with its rate card. Raises `WrongState`."""
    permit(actor, "application.write")
    async with unit_of_work(actor) as work:
        found = await queries.application(work, application_id)
        if found.provider_id != actor.provider_id:
            raise NotPermitted("Only the provider that applied can withdraw its application.")
        await _move(work, found, "withdrawn")
        await work.execute(
            "UPDATE rate_card SET state = 'withdrawn'"
            " WHERE framework_id = $1 AND application_id = $2 AND state = 'proposed'",
            found.framework_id, found.id,
        )  # fmt: skip
        framework = await queries.framework(work, found.framework_id)
        work.audit(
            "application.withdrawn", "application", found.id, commissioner_id=framework.lead_id, lot=found.lot_code
        )
        await news.tell(
            work,
            f"{found.provider_name} withdrew its application to {found.lot_title} of {found.framework_name}.",
            f"/applications/{found.id}",
            organisation_id=framework.lead_id,
            role="commissioner_admin",
        )


async def check_admission(work: Work, application_id: UUID, starts_on: date) -> None:
    """Whether the application could be admitted from that day; the check-your-answers page asks first. Raises what
    `admit` raises."""
    found = await queries.application(work, application_id)
    framework = await ours_to_lead(work, found.framework_id)
    advance("application", found.state, "admitted")
    await _check_admission(work, found, framework, starts_on)


async def _check_admission(
    work: Work, found: queries.ApplicationView, framework: queries.FrameworkView, starts_on: date
) -> None:
    _check_start(framework, starts_on)
    await _check_scores(work, found.id)
    for earlier in await queries.admissions(
        work, found.framework_id, provider_id=found.provider_id, lot_code=found.lot_code
    ):
        if earlier.ends_on is None or earlier.ends_on >= starts_on:
            raise Conflict(f"{found.provider_name} is already admitted to {found.lot_title} on that day.")


async def _check_scores(work: Work, application_id: UUID) -> None:
    found = await scoring.scores(work, application_id)
    if not evaluation.may_be_admitted(found.rule, found.agreed is not None):
        raise Conflict(
            "Nobody is admitted to this framework before the scores are agreed:"
            f" {found.scorers} of the {found.rule.scorers} people who score alone first have done so."
        )


async def admit(actor: Actor, application_id: UUID, starts_on: date, reason: str = "") -> UUID:
    """Admit the provider to the lot from a day on, and agree its rate card from that day. Returns the admission's id.

    Raises `NotPermitted` for a partner, `InvalidInput` on `starts_on`, `WrongState` where the application no longer
    waits, `Conflict` where the provider is admitted to the lot already, or its scores are not agreed and the pack asks
    for that.
    """
    permit(actor, "application.decide")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput({"reason": f"The reason must be {LONGEST_REASON:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        found, framework = await _to_decide(work, application_id)
        advance("application", found.state, "admitted")
        await _check_admission(work, found, framework, starts_on)
        await _move(work, found, "admitted", reason.strip() or None)
        admission = Admission(
            framework_id=found.framework_id,
            provider_id=found.provider_id,
            lot_code=found.lot_code,
            application_id=found.id,
            starts_on=starts_on,
        )
        try:
            await Admission.insert(admission)
            await work.execute(
                "UPDATE rate_card SET state = 'agreed', applies_from = $3, decided_at = $4, decided_by = $5"
                " WHERE framework_id = $1 AND application_id = $2 AND state = 'proposed'",
                found.framework_id, found.id, starts_on, work.now, actor.person_id,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict(f"{found.provider_name} is already admitted to {found.lot_title}.") from error
        work.audit(
            "application.admitted", "application", found.id,
            provider=found.provider_id, lot=found.lot_code, admission=admission.id, starts_on=starts_on,
        )  # fmt: skip
        await _tell_provider(
            work,
            found,
            f"{framework.lead_name} admitted you to {found.lot_title} of {found.framework_name}"
            f" from {written_day(starts_on)}."
            " Your rates are agreed from that day, and referrals on the lot will reach you.",
        )
        return admission.id


async def refuse(actor: Actor, application_id: UUID, reason: str) -> None:
    """Refuse with the reasons, which the provider reads. Raises `InvalidInput` on `reason`, `WrongState`."""
    permit(actor, "application.decide")
    _check_text("reason", reason, LONGEST_REASON, "Enter the reasons, which the provider will read")
    async with unit_of_work(actor) as work:
        found, framework = await _to_decide(work, application_id)
        await _move(work, found, "refused", reason.strip())
        await work.execute(
            "UPDATE rate_card SET state = 'refused', decision_reason = 'The application was refused', decided_at = $3,"
            " decided_by = $4 WHERE framework_id = $1 AND application_id = $2 AND state = 'proposed'",
            found.framework_id, found.id, work.now, actor.person_id,
        )  # fmt: skip
        work.audit("application.refused", "application", found.id, provider=found.provider_id, lot=found.lot_code)
        await _tell_provider(
            work,
            found,
            f"{framework.lead_name} did not admit you to {found.lot_title} of {found.framework_name}."
            " Read the reasons; you may apply again while the framework is open.",
        )


async def end_admission(actor: Actor, admission_id: UUID, ends_on: date, reason: str) -> None:
    """Set the last day of an admission, with the reason. Existing packages go on; no referral reaches the lot after it.

    Raises `InvalidInput` on `ends_on` or `reason`, `Conflict` where an end is set already.
    """
    permit(actor, "application.decide")
    _check_text("reason", reason, LONGEST_REASON, "Enter why the admission ends, which the provider will read")
    async with unit_of_work(actor) as work:
        found = await queries.admission(work, admission_id)
        framework = await led_framework(work, found.framework_id)
        if ends_on < max(found.starts_on, queries.today(work)):
            raise InvalidInput({"ends_on": "The last day must be today or later, and not before the admission starts"})
        ended = await work.fetchval(
            "UPDATE admission SET ends_on = $3, ended_reason = $4, ended_at = $5"
            " WHERE framework_id = $1 AND id = $2 AND ends_on IS NULL RETURNING id",
            found.framework_id, found.id, ends_on, reason.strip(), work.now,
        )  # fmt: skip
        if ended is None:
            raise Conflict("The end of this admission is set already.")
        work.audit(
            "admission.ended", "admission", found.id, provider=found.provider_id, lot=found.lot_code, ends_on=ends_on
        )
        await news.tell(
            work,
            f"{framework.lead_name} ends your admission to {found.lot_title} of {found.framework_name}"
            f" on {written_day(ends_on)}. Packages you have go on. Read the reason.",
            f"/frameworks/{found.framework_id}",
            organisation_id=found.provider_id,
            role="provider_manager",
        )


async def propose_card(
    work: Work,
    framework_id: UUID,
    lot_code: str,
    bid: rates.Rates,
    applies_from: date,
    *,
    application_id: UUID | None = None,
    reason: str = "",
) -> UUID:
    """Write a proposed card with its rates for the actor's provider, inside the caller's unit. Returns its id."""
    provider_id = work.actor.provider_id
    card = RateCard(
        framework_id=framework_id,
        provider_id=provider_id,
        lot_code=lot_code,
        application_id=application_id,
        applies_from=applies_from,
        proposed_at=work.now,
        proposed_by=work.actor.person_id,
        reason=reason,
    )
    await RateCard.insert(card)
    await work.execute(
        "INSERT INTO rate (framework_id, rate_card_id, provider_id, activity, band, pence_per_hour)"
        " SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::int[])",
        framework_id, card.id, provider_id,
        [activity for activity, _ in bid], [band for _, band in bid], list(bid.values()),
    )  # fmt: skip
    return card.id


async def _to_decide(work: Work, application_id: UUID) -> tuple[ApplicationView, FrameworkView]:
    found = await queries.application(work, application_id)
    framework = await led_framework(work, found.framework_id)
    # read again now that the framework is held: two decisions at once come one after the other
    return await queries.application(work, application_id), framework


async def _move(work: Work, found: ApplicationView, verb: str, reason: str | None = None) -> None:
    state = advance("application", found.state, verb)
    decided = state in ("admitted", "refused")
    moved = await work.fetchval(
        "UPDATE application SET state = $3, decided_at = $4, decided_by = $5, decision_reason = $6"
        " WHERE framework_id = $1 AND id = $2 AND state = $7 RETURNING id",
        found.framework_id, found.id, state,
        work.now if decided else None, work.actor.person_id if decided else None, reason, found.state,
    )  # fmt: skip
    if moved is None:
        raise WrongState("application", "changed meanwhile", verb)
    if decided:
        await duties.meet(work, DECIDE, found.id)
    else:
        await duties.cancel(work, found.id, DECIDE)


def _check_start(framework: FrameworkView, starts_on: date) -> None:
    opened = local_day(framework.opened_at) if framework.opened_at else starts_on
    if starts_on < opened:
        raise InvalidInput(
            {"starts_on": f"The first day must be {written_day(opened)}, when the framework opened, or later"}
        )
    if framework.ends_on is not None and starts_on > framework.ends_on:
        raise InvalidInput(
            {"starts_on": f"The framework ends on {written_day(framework.ends_on)}: choose an earlier first day"}
        )


def _check_text(field: str, text: str, most: int, sentence: str) -> None:
    if not text.strip():
        raise InvalidInput({field: sentence})
    if len(text) > most:
        raise InvalidInput({field: f"The text must be {most:,} characters or fewer"})


async def _tell_provider(work: Work, found: ApplicationView, sentence: str) -> None:
    await news.tell(
        work, sentence, f"/applications/{found.id}", organisation_id=found.provider_id, role="provider_manager"
    )
