"""The whole pathway of one package by actions, from a draft framework to the broadcast that leaves its provider out.

One function for every council: whatever differs comes from its pack and from `councils.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from marketplace.billing import queries as invoices
from marketplace.billing.credit_note_queries import credit_notes
from marketplace.billing.credit_notes import confirm_credit_note
from marketplace.billing.deciding import accept_invoice
from marketplace.frameworks import actions as frameworks_actions
from marketplace.frameworks.queries import decisions
from marketplace.packages import plan_actions, record_actions, setup_actions, signing, visit_actions
from marketplace.packages.award import award_offer
from marketplace.packages.records import RecordText
from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Claim, ClaimLine, WeeklySlot
from marketplace.providers.actions import suspend
from marketplace.referrals import broadcasting, choosing, offering
from marketplace.referrals import queries as referral_queries
from marketplace.referrals.award import choose_offer
from marketplace.settings import Settings
from tests.whole.councils import Council
from tests.world import billing, frameworks, offers, packages, people, referrals

# What must never leave the case: every one of these is written into it somewhere below.
SECRETS = (
    "Maya", "Okonkwo", "Grace", "2016-03-14", "14 March 2016", "14/03/2016", "Larkspur", "SE13 6LT", "SE136LT",
    "020 7946 0123", "Ring twice", "shelf in the hall", "trampoline", "gooseberry", "tambourine", "blue inhaler",
    "towpath", "grandmother", "thunderstorm", "swallowed", "cellar door", "telephoned the aunt", "Tobias",
    "Winterbourne",
)  # fmt: skip
SATURDAY = 5_280  # two hours at 26.40
LOST_INTEREST = "The children were asleep after the thunderstorm."


@dataclass
class Walked:
    """What the walk left behind, for the tests that look at it afterwards."""

    council: Council
    case: packages.Case
    finance: Actor
    contracts: Actor
    referral_id: UUID
    next_referral_id: UUID
    invoice_ids: list[UUID] = field(default_factory=list)
    visits: dict[str, UUID] = field(default_factory=dict)
    partner: packages.Case | None = None


async def walk(
    council: Council, settings: Settings, clock: FrozenClock, pause: Callable[[], Awaitable[None]] | None = None
) -> Walked:
    """Everything a council, three providers, two workers and a family do with each other in two months.

    At every `pause` the worker process may do what waits for it.
    """
    pause = pause or _no_pause
    world, partner_referrer = await _framework(council, settings)
    child_id = await referrals.add_child(world.referrer)
    family = await referrals.family_of(world.referrer, child_id, email=people.an_email("family"))
    referral_id, package_id = await _awarded(council, world, child_id, family)
    await pause()
    case = await _set_up(council, world, child_id, family, package_id)
    visits = await _planned(council, case)
    finance = await people.person_in(world.admin, "finance", "Finn Ance")
    contracts = await people.person_in(world.admin, "contract_manager", "Connie Tract")
    walked = Walked(council, case, finance, contracts, referral_id, referral_id, visits=visits)
    if partner_referrer is not None:
        walked.partner = await _partner_package(world, partner_referrer)
    await _delivered(council, case, visits, clock, pause)
    if walked.partner is not None:
        await billing.visit_done(walked.partner, clock, date(2026, 5, 30))
    await _invoiced(walked, clock, pause)
    if walked.partner is not None:
        await _partner_invoiced(walked, walked.partner)
    await _suspended(walked)
    await pause()
    return walked


async def _no_pause() -> None:
    return None


async def _framework(council: Council, settings: Settings) -> tuple[referrals.World, Actor | None]:
    """Created from the pack, its decisions confirmed one by one, opened; three providers apply and are admitted."""
    admin = await people.council(settings, council.name)
    partner = await people.council(settings, council.partner) if council.partner else None
    framework_id = await frameworks.draft_framework(
        admin, pack=council.pack, name=f"{council.name} framework", anchor_day=council.anchor,
        partners=[partner] if partner else [],
    )  # fmt: skip
    asked = await ask(admin, decisions, framework_id)
    assert asked, "a pack without a decision to confirm proves nothing here"
    with pytest.raises(Conflict):
        await frameworks_actions.open_framework(admin, framework_id)
    await frameworks.confirm_decisions(admin, framework_id)
    await frameworks_actions.open_framework(admin, framework_id)
    referrer = await people.person_in(admin, "referrer", "Rea Ferrer")
    world = referrals.World(settings, admin, referrer, framework_id, council.lot, [], {})
    for name in ("Alder Care", "Birch Support", "Cedar Families"):
        await referrals.add_provider(world, name, workers=4, needs=council.needs, role=council.role)
    return world, await people.person_in(partner, "referrer", "Petra Borough") if partner else None


async def _awarded(council: Council, world: referrals.World, child_id: UUID, family: Actor) -> tuple[UUID, UUID]:
    """A referral, a question and its answer, a decline, two offers; both sides choose one and it is awarded."""
    alder, birch, cedar = world.providers
    draft_id = await referrals.written_draft(
        world, child_id, needs=council.needs, interventions=council.interventions, starts_on=date(2026, 5, 18),
        pattern=[WeeklySlot(weekday, "16:00", "18:00", council.activity) for weekday in (0, 1, 4)],
    )  # fmt: skip
    assert [each.reached for each in await ask(world.referrer, broadcasting.preview, draft_id)] == [True] * 3
    sent = await broadcasting.broadcast_referral(world.referrer, draft_id)
    question_id = await offering.ask_question(birch, sent.id, "Is there a step at the entrance?")
    await broadcasting.answer_question(world.referrer, question_id, answer="One low step, and a rail beside it.")
    assert [row["answer"] for row in await ask(cedar, referral_queries.clarifications, sent.id)] == [
        "One low step, and a rail beside it."
    ]
    reason = council.pack.reasons("decline")[0].code
    needs_one = council.pack.on(date(2026, 5, 11)).pathway.decline_needs_reason
    if needs_one:
        with pytest.raises(InvalidInput):
            await offering.decline_referral(cedar, sent.id, "")
    await offering.decline_referral(cedar, sent.id, reason if needs_one else "")
    ours = await offers.offered(world, alder, sent.id, backups=[])
    await offers.offered(world, birch, sent.id)
    answers = {row.provider_name: row.answer for row in await ask(world.referrer, referral_queries.answers, sent.id)}
    assert answers == {"Alder Care": "offer", "Birch Support": "offer", "Cedar Families": "declined"}
    with pytest.raises(Conflict, match="family has not accepted"):
        await award_offer(world.referrer, ours, version=1)
    await choosing.choose_as_family(family, ours, version=1)
    await choose_offer(world.referrer, ours, version=1)
    return sent.id, await award_offer(world.referrer, ours, version=1)


async def _set_up(
    council: Council, world: referrals.World, child_id: UUID, family: Actor, package_id: UUID
) -> packages.Case:
    """Risk assessment, plan signed by both, back-up named: no visit before the last of them."""
    manager = world.providers[0]
    comes, stands_in = world.workers[manager.organisation_id][:2]  # type: ignore[index]
    worker, backup = await packages.worker_sign_ins(manager, comes, stands_in)
    case = packages.Case(
        world, manager, world.referrer, family, child_id, package_id, comes, stands_in, worker, backup
    )  # fmt: skip
    first = date(2026, 5, 18)
    with pytest.raises(Conflict, match="not signed by family and referrer"):
        await packages.a_visit(case, first)
    plan_id = await packages.written_plan(
        case,
        outcomes="Maya goes to the trampoline park and to the cellar door cinema.",
        risks="Runs towards water: hold hands on the towpath.",
    )
    fingerprint = await plan_actions.share_plan(manager, plan_id)
    assert not await plan_actions.sign_plan(family, plan_id, text_hash=fingerprint)
    assert await plan_actions.sign_plan(world.referrer, plan_id, text_hash=fingerprint)
    with pytest.raises(Conflict, match="no back-up worker is named"):
        await packages.a_visit(case, first)
    await setup_actions.name_backup(manager, package_id, stands_in)
    return case


async def _planned(council: Council, case: packages.Case) -> dict[str, UUID]:
    """Two weeks of the plan's pattern, at every visit the worker who comes."""
    first, last = date(2026, 5, 18), date(2026, 5, 29)
    planned = await visit_actions.plan_from_pattern(case.manager, case.package_id, first, last, [case.worker_id])
    assert planned.gaps == () and len(planned.made) == 6
    names = ("signed", "left unsigned", "claimed unsigned", "bank holiday", "second tuesday", "second friday")
    assert (await case.visit(planned.made[0])).activity == council.activity
    return dict(zip(names, planned.made, strict=True))


async def _partner_package(world: referrals.World, partner_referrer: Actor) -> packages.Case:
    """The partner commissioner's own child, with the same provider and other workers of it."""
    theirs = replace(world, referrer=partner_referrer)
    child_id = await referrals.add_child(partner_referrer, "Tobias Winterbourne", date(2014, 9, 2), other_names="")
    family = await referrals.family_of(partner_referrer, child_id, "Ursula Winterbourne", relation="Aunt")
    alder = world.providers[0]
    return await packages.set_up(
        theirs, child_id=child_id, family=family, starts_on=date(2026, 5, 18),
        workers=world.workers[alder.organisation_id][2:4],  # type: ignore[index]
    )  # fmt: skip


async def _delivered(
    council: Council, case: packages.Case, visits: dict[str, UUID], clock: FrozenClock, pause: Any
) -> None:
    """Six visits: most confirmed, one with a coded reason, one unanswered, two cancelled where that is charged."""
    for name, visit_id in visits.items():
        visit = await case.visit(visit_id)
        if council.cancellations and name == "second tuesday":
            clock.move_to(visit.planned_start + timedelta(minutes=3))
            await visit_actions.cancel_visit(
                case.worker, visit_id, version=visit.version, outcome="cancelled_on_arrival",
                reason="Nobody opened; the grandmother called through the cellar door.",
            )  # fmt: skip
            continue
        if council.cancellations and name == "second friday":
            clock.move_to(visit.planned_start - timedelta(hours=3))
            await visit_actions.cancel_visit(
                case.manager, visit_id, version=visit.version, outcome="cancelled_by_family",
                notice_at=visit.planned_start - timedelta(hours=3), reason="Maya has swallowed something.",
            )  # fmt: skip
            continue
        clock.move_to(visit.planned_end + timedelta(minutes=5))
        fingerprint = await _written_up(case, visit_id)
        if name == "left unsigned":
            code = council.pack.reasons("unsigned_visit")[0].code
            await signing.family_cannot_sign(
                case.worker, visit_id, code=code, shown_how="read_aloud", remark=LOST_INTEREST, text_hash=fingerprint
            )  # fmt: skip
        elif name != "claimed unsigned":
            await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)
        await pause()


async def _written_up(case: packages.Case, visit_id: UUID) -> str:
    visit = await case.visit(visit_id)
    why = "The worker's telephone fell into the gooseberry bush."
    await record_actions.start_visit(case.worker, visit_id, at=visit.planned_start, reason=why)
    await record_actions.finish_visit(case.worker, visit_id, at=visit.planned_end, reason=why)
    text = RecordText(
        activities="Maya played the tambourine.", emotions="Calm", medication="Two puffs of the blue inhaler.",
        changes="The grandmother moved in.", money_spent_pence=350, money_remark="Two tickets for Maya Okonkwo",
    )  # fmt: skip
    await record_actions.write_record(case.worker, visit_id, text)
    fingerprint = (await case.visit(visit_id)).record_hash
    assert fingerprint is not None
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint)
    return fingerprint


async def _invoiced(walked: Walked, clock: FrozenClock, pause: Any) -> None:
    """The first period with its deduction, accepted; then what was held, complete by then, on the next."""
    council, case = walked.council, walked.case
    period = await billing.period_of(case, date(2026, 5, 20))
    assert (period.first_day, period.last_day) == council.first_period
    billing.after(clock, period, hours=9)
    await pause()
    claim = await _overclaimed(case, period, walked.visits["claimed unsigned"])
    seen = (await billing.the_draft(case, period, claim)).result
    first = await _submit_and_accept(walked, period, claim)
    assert first.result.defects == seen.defects, "every defect is seen before submitting"
    assert tuple(each.kind for each in first.result.defects) == council.defects
    assert (first.number, first.result.gross_pence, first.result.deduction_pence) == (
        1, council.gross, council.deduction
    )  # fmt: skip
    assert first.result.net_pence == council.gross - council.deduction and first.result.carried_out_pence == 0
    assert first.pay_by == council.pay_by
    held = {line.visit_id for line in first.lines if line.held}
    assert held == {walked.visits["left unsigned"], walked.visits["claimed unsigned"]}

    said = "I telephoned the aunt; the visit took place."
    await signing.resolve_unsigned(case.referrer, walked.visits["left unsigned"], resolution=said)
    late = await case.visit(walked.visits["claimed unsigned"])
    await signing.family_confirms(case.family, late.id, text_hash=late.record_hash or "")
    following = await billing.period_of(case, period.last_day + timedelta(days=1))
    billing.after(clock, following, hours=9)
    await pause()
    second = await _submit_and_accept(walked, following, None)
    assert second.submitted_at.date() == council.second_submitted_on
    assert (second.number, second.result.defects) == (2, ())
    assert second.result.gross_pence == second.result.net_pence == council.later_gross
    assert {line.visit_id for line in second.lines} == held


async def _partner_invoiced(walked: Walked, theirs: packages.Case) -> None:
    """The partner pays for its own child's visit alone, and the lead cannot read that invoice."""
    period = await billing.period_of(theirs, date(2026, 5, 30))
    invoice_id = await billing.submitted(theirs, period)
    invoice = await ask(theirs.manager, invoices.invoice, invoice_id)
    assert invoice.payer_id == theirs.referrer.organisation_id != walked.case.referrer.organisation_id
    assert [line.price_pence for line in invoice.lines] == [SATURDAY]
    assert [each.kind for each in invoice.result.defects] == ["late"], "it was only submitted a period later"
    billed = {
        line.visit_id
        for each in walked.invoice_ids
        for line in (await ask(theirs.manager, invoices.invoice, each)).lines
    }
    assert invoice.lines[0].visit_id not in billed
    with pytest.raises(NotFound):
        await ask(walked.finance, invoices.invoice, invoice_id)
    with pytest.raises(NotFound):
        await accept_invoice(walked.finance, invoice_id)
    finance = await people.person_in(theirs.referrer, "finance", "Phil Treasure")
    await accept_invoice(finance, invoice_id)
    with pytest.raises(NotFound):
        await ask(finance, invoices.invoice, walked.invoice_ids[0])


async def _overclaimed(case: packages.Case, period: Period, visit_id: UUID) -> Claim:
    """What the draft proposes, and the visit the family has not confirmed as well."""
    drafted = await billing.the_draft(case, period)
    price = next(line.price_pence for line in drafted.result.lines if line.visit == str(visit_id))
    assert price is not None
    lines = (*drafted.facts.claim.lines, ClaimLine(str(visit_id), price))
    return Claim(lines, sum(line.pence for line in lines))


async def _submit_and_accept(walked: Walked, period: Period, claim: Claim | None) -> Any:
    invoice_id = await billing.submitted(walked.case, period, claim)
    await accept_invoice(walked.finance, invoice_id)
    asked = partial(credit_notes, invoice_id=invoice_id, state="asked")
    for note in await ask(walked.case.manager, asked):  # what was claimed beyond the records
        await confirm_credit_note(walked.case.manager, note.id)
    walked.invoice_ids.append(invoice_id)
    return await ask(walked.case.manager, invoices.invoice, invoice_id)


async def _suspended(walked: Walked) -> None:
    """The provider is suspended: the next broadcast reaches the others, and says why it left this one out."""
    case, world = walked.case, walked.case.world
    alder = case.manager.organisation_id
    assert alder is not None
    await suspend(walked.contracts, world.framework_id, alder, reason="Assessed as not delivering quality")
    child_id = await referrals.add_child(world.referrer, "Noor Bellweather", date(2017, 1, 20), other_names="")
    walked.next_referral_id = await referrals.broadcast(
        world, child_id, needs=walked.council.needs, interventions=walked.council.interventions
    )
    answers = {
        each.provider_name: each
        for each in await ask(world.referrer, referral_queries.answers, walked.next_referral_id)
    }
    assert {name for name, each in answers.items() if each.reached} == {"Birch Support", "Cedar Families"}
    [why] = answers["Alder Care"].reasons
    assert "suspended" in why and "Assessed as not delivering quality" in why
    with pytest.raises(NotFound):
        await ask(case.manager, referral_queries.referral, walked.next_referral_id)
    assert (await case.package()).state == "active", "packages that run go on"
