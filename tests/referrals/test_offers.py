"""A provider answers: offers at framework prices from ready workers, declines, questions; what others learn of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from marketplace.frameworks.queries import pack_of, rate_card_rows
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.pricing import price_pattern
from marketplace.providers import actions as provider_actions
from marketplace.providers import workforce
from marketplace.referrals import choosing, offering, opportunities, queries
from marketplace.referrals.award import acceptance, choose_offer
from tests.world import people
from tests.world.offers import offered, proposal
from tests.world.providers import worker as unready_worker
from tests.world.referrals import add_child, broadcast, family_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def child(world):
    return await add_child(world.referrer)


@pytest.fixture
async def family(world, child):
    return await family_of(world.referrer, child)


@pytest.fixture
async def referral(world, child, family):
    return await broadcast(world, child)


async def _duties(work: Work, referral_id, provider_id):
    return [
        (row["rule_key"], row["met_at"] is not None, row["missed_at"] is not None)
        for row in await work.fetch(
            "SELECT * FROM obligation WHERE subject_id = $1 AND owed_by_organisation = $2 ORDER BY rule_key",
            referral_id, provider_id,
        )
    ]  # fmt: skip


async def test_an_offer_is_priced_by_the_rules_to_the_penny(world, referral):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    offer = await ask(alder, queries.offer_view, offer_id)
    pack = await ask(alder, pack_of, world.framework_id)
    card = await ask(alder, rate_card_rows, world.framework_id, alder.organisation_id)
    made = await proposal(world, alder, referral)
    priced = price_pattern(
        pack, card, world.lot, made.pattern, made.starts_on, made.starts_on + timedelta(days=27), workers=1
    )
    assert offer.pence_per_period == priced.total_pence > 0
    assert offer.pence_per_week == sum(
        visit.pence for visit in priced.visits if visit.start.date() < made.starts_on + timedelta(days=7)
    )
    assert sum(row["pence"] for row in offer.price["rows"]) == offer.pence_per_period


async def test_the_duty_to_answer_is_met_by_an_offer_in_time_and_stays_missed_after_a_late_one(world, referral, clock):
    alder, birch, _ = world.providers
    await offered(world, alder, referral)
    assert [met for _, met, missed in await ask(alder, _duties, referral, alder.organisation_id) if not missed] == [
        True,
        True,
    ]
    clock.move(timedelta(hours=25))
    await offered(world, birch, referral)
    assert {(met, missed) for _, met, missed in await ask(birch, _duties, referral, birch.organisation_id)} == {
        (True, True)
    }


async def test_a_worker_who_is_not_ready_cannot_be_proposed_and_the_reason_is_told(world, referral):
    alder = world.providers[0]
    novice = await unready_worker(alder, "Nova Ice")
    with pytest.raises(InvalidInput) as refused:
        await offered(world, alder, referral, workers=[novice])
    assert "Nova Ice" in refused.value.fields["workers"] and "DBS" in refused.value.fields["workers"]
    stranger = world.workers[world.providers[1].organisation_id][0]
    with pytest.raises(InvalidInput) as refused:
        await offered(world, alder, referral, workers=[stranger])
    assert refused.value.fields["workers"] == "Choose workers from the list"


async def test_readiness_is_asked_again_when_the_offer_is_sent(world, referral):
    alder = world.providers[0]
    made = await proposal(world, alder, referral)
    await workforce.stand_down(alder, made.workers[0], "Complaint being looked into")
    with pytest.raises(InvalidInput, match="problem"):
        await offering.make_offer(alder, referral, made)


async def test_a_provider_sees_its_own_answer_only(world, referral):
    alder, birch, _ = world.providers
    offer_id = await offered(world, alder, referral)
    await offering.decline_referral(birch, referral, "no_capacity")
    for question in (opportunities.my_offer, queries.offer_view, queries.offer):
        with pytest.raises(NotFound):
            await ask(birch, question, offer_id)
    for change in (
        lambda: offering.withdraw_offer(birch, offer_id),
        lambda: choosing.answer_meeting(birch, offer_id, "Tuesday"),
    ):
        with pytest.raises(NotFound):
            await change()
    rows, _ = await ask(birch, opportunities.opportunities, show="all")
    assert [(row.answer, row.offer_id) for row in rows] == [("declined", None)]
    assert await ask(birch, opportunities.my_offers) == ([], 0)


async def test_who_was_not_reached_finds_nothing(world, referral, settings):
    stranger = await people.provider_org(settings, "Elm Assist")
    for act in (
        lambda: ask(stranger, opportunities.opportunity, referral),
        lambda: offering.decline_referral(stranger, referral, "no_capacity"),
        lambda: offering.ask_question(stranger, referral, "Where is it?"),
    ):
        with pytest.raises(NotFound):
            await act()
    assert (await ask(stranger, opportunities.opportunities, show="all"))[0] == []


async def test_a_decline_needs_a_reason_of_the_pack(world, referral):
    alder = world.providers[0]
    with pytest.raises(InvalidInput) as refused:
        await offering.decline_referral(alder, referral, "too_far")
    assert refused.value.fields == {"reason_code": "Select why you decline"}
    with pytest.raises(InvalidInput) as refused:
        await offering.decline_referral(alder, referral, "other", "  ")
    assert "remark" in refused.value.fields
    await offering.decline_referral(alder, referral, "other", "Our minibus is being repaired")
    await offering.decline_referral(alder, referral, "no_capacity")
    await offered(world, alder, referral)  # a decline is no end while the referral is open
    with pytest.raises(Conflict, match="Withdraw it first"):
        await offering.decline_referral(alder, referral, "no_capacity")


async def test_offering_twice_is_refused_also_at_once(world, referral):
    alder = world.providers[0]
    made = await proposal(world, alder, referral)
    outcomes = await asyncio.gather(
        offering.make_offer(alder, referral, made), offering.make_offer(alder, referral, made), return_exceptions=True
    )
    refused = [each for each in outcomes if isinstance(each, Conflict)]
    assert len(refused) == 1 and "already made an offer" in refused[0].sentence


async def test_an_amended_offer_loses_the_choices_made_of_it(world, referral, family, clock):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    await choosing.choose_as_family(family, offer_id, version=1)
    await choose_offer(world.referrer, offer_id, version=1)
    made = await proposal(world, alder, referral, remark="Half an hour later on Tuesdays")
    assert await offering.amend_offer(alder, offer_id, made) == 2

    async def accepted(work: Work):
        return await acceptance(work, await queries.referral(work, referral), offer_id, 2)

    now = await ask(world.referrer, accepted)
    assert (now.referrer, now.family) == (False, False)
    with pytest.raises(Conflict, match="changed this offer"):
        await choosing.choose_as_family(family, offer_id, version=1)
    clock.move(timedelta(hours=24))
    with pytest.raises(Conflict, match="could be changed until"):
        await offering.amend_offer(alder, offer_id, made)


async def test_a_withdrawn_offer_can_be_chosen_by_nobody(world, referral, family):
    alder = world.providers[0]
    offer_id = await offered(world, alder, referral)
    await offering.withdraw_offer(alder, offer_id)
    with pytest.raises(NotFound):
        await choosing.choose_as_family(family, offer_id, version=1)
    with pytest.raises(WrongState):
        await choose_offer(world.referrer, offer_id, version=1)
    with pytest.raises(WrongState):
        await offering.withdraw_offer(alder, offer_id)
    await offered(world, alder, referral)  # and may offer again


async def test_a_paused_provider_makes_no_offer(world, referral):
    alder = world.providers[0]
    made = await proposal(world, alder, referral)
    await provider_actions.pause(alder, world.framework_id, reason="Moving office")
    with pytest.raises(Conflict, match="paused"):
        await offering.make_offer(alder, referral, made)


async def test_answers_end_at_the_deadlines_first_late_instant_for_questions(world, referral, clock):
    alder = world.providers[0]
    opened = await ask(alder, queries.referral, referral)
    clock.move_to(opened.respond_by - timedelta(microseconds=1))
    await offering.ask_question(alder, referral, "Is there a lift?")
    clock.move_to(opened.respond_by)
    with pytest.raises(Conflict, match="could be asked until"):
        await offering.ask_question(alder, referral, "Is there a garden?")


async def test_a_family_chooses_changes_its_mind_and_meets(world, referral, family):
    alder, birch, _ = world.providers
    first, second = await offered(world, alder, referral), await offered(world, birch, referral)
    await choosing.choose_as_family(family, first, version=1)
    await choosing.choose_as_family(family, second, version=1)
    assert (await ask(family, opportunities.my_choice, referral)).chosen == second
    await choosing.take_back_choice(family, referral)
    assert (await ask(family, opportunities.my_choice, referral)).chosen is None
    meeting = await choosing.ask_to_meet(family, first, "Saturday morning suits us")
    with pytest.raises(Conflict, match="asked already"):
        await choosing.ask_to_meet(family, first, "")
    with pytest.raises(NotFound):
        await choosing.answer_meeting(birch, meeting, "Come by")
    await choosing.answer_meeting(alder, meeting, "Saturday at 10, at the library")
    offer = next(each for each in (await ask(family, opportunities.my_choice, referral)).offers if each.id == first)
    assert offer.meetings[0]["answer"] == "Saturday at 10, at the library"


async def test_another_family_sees_nothing_of_it(world, referral):
    other = await family_of(world.referrer, await add_child(world.referrer, "Tom Reed"), "Rita Reed")
    offer_id = await offered(world, world.providers[0], referral)
    assert [each.referral.id for each in await ask(other, opportunities.my_choices)] == []
    for act in (
        lambda: ask(other, opportunities.my_choice, referral),
        lambda: choosing.choose_as_family(other, offer_id, version=1),
        lambda: choosing.ask_to_meet(other, offer_id, "Hello"),
    ):
        with pytest.raises(NotFound):
            await act()
