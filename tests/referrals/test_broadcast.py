"""A referral is sent to all providers of the lot in good standing, each reached or left out with the reason."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.facts import WeeklySlot
from marketplace.providers.actions import suspend
from marketplace.referrals import broadcasting, drafting, queries
from marketplace.referrals.drafting import DraftChange
from marketplace.referrals.reach import Reach, summary
from tests.world import people, referrals


async def test_it_reaches_every_provider_in_good_standing_and_says_why_others_are_left_out(world, migrator):
    manager = await people.person_in(world.admin, "contract_manager")
    suspended = world.providers[1]
    await suspend(manager, world.framework_id, suspended.organisation_id, reason="Two missed visits in a week")
    referral_id = await referrals.broadcast(world)
    found = {each.provider_name: each for each in await ask(world.referrer, queries.answers, referral_id)}
    assert [name for name, each in found.items() if each.reached] == ["Alder Care", "Cedar Families"]
    left_out = found["Birch Support"]
    assert left_out.answer == "left_out"
    assert "Two missed visits in a week" in left_out.reasons[0]
    assert found["Alder Care"].ready_workers == 2
    row = await migrator.fetchrow("SELECT * FROM referral WHERE id = $1", referral_id)
    assert row["respond_by"] - row["broadcast_at"] == timedelta(hours=24)
    assert row["age_band"] == "5 to 10"
    assert row["pack_hash"] == await migrator.fetchval("SELECT pack_hash FROM framework")


def test_one_or_several_left_out_are_spoken_of_rightly():
    def left_out(*codes: str) -> list[Reach]:
        return [Reach(uuid4(), "Somebody", (code,), (), 2) for code in codes]

    assert "Left out: 1 has paused new referrals by its own wish and 2 are suspended from new referrals." in summary(
        left_out("suspended", "paused", "suspended"), "Lot C"
    )
    assert "2 have paused new referrals by their own wish" in summary(left_out("paused", "paused"), "Lot C")


async def test_each_provider_reached_owes_an_answer_within_24_hours_and_is_told_by_reference_only(world, migrator):
    referral_id = await referrals.broadcast(world)
    duties = await migrator.fetch("SELECT * FROM obligation WHERE subject_id = $1", referral_id)
    assert {(duty["owed_by_organisation"], duty["rule_key"]) for duty in duties} == {
        (provider.organisation_id, rule)
        for provider in world.providers
        for rule in ("referral_response", "competence_evidence")
    }
    assert {duty["due_at"] - duty["starts_at"] for duty in duties} == {timedelta(hours=24)}
    notices = await migrator.fetch(
        "SELECT sentence FROM notice WHERE organisation_id = ANY ($1)",
        [provider.organisation_id for provider in world.providers],
    )
    assert len([notice for notice in notices if "has reached you" in notice["sentence"]]) == 3
    told = " ".join(notice["sentence"] for notice in notices)
    for secret in ("Maya", "Okonkwo", "Larkspur", "SE13", "Hither"):
        assert secret not in told


async def test_nobody_reached_sends_nothing_and_says_what_to_do(world, migrator):
    manager = await people.person_in(world.admin, "contract_manager")
    for provider in world.providers:
        await suspend(manager, world.framework_id, provider.organisation_id, reason="Under review")
    draft_id = await referrals.written_draft(world, await referrals.add_child(world.referrer))
    with pytest.raises(broadcasting.NobodyReached, match=r"nothing was sent.*3 are suspended.*Choose another lot"):
        await broadcasting.broadcast_referral(world.referrer, draft_id)
    assert await migrator.fetchval("SELECT state FROM referral WHERE id = $1", draft_id) == "draft"
    assert await migrator.fetchval("SELECT count(*) FROM referral_reach") == 0


async def test_a_second_click_broadcasts_nothing_twice(world, migrator):
    referral_id = await referrals.broadcast(world)
    with pytest.raises(WrongState):
        await broadcasting.broadcast_referral(world.referrer, referral_id)
    assert await migrator.fetchval("SELECT count(*) FROM referral_reach WHERE referral_id = $1", referral_id) == 3


async def test_an_unfinished_draft_names_every_missing_field(world):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await drafting.create_draft(world.referrer, child_id, world.framework_id)
    with pytest.raises(InvalidInput) as refused:
        await broadcasting.broadcast_referral(world.referrer, draft_id)
    assert set(refused.value.fields) == {"lot_code", "pattern", "starts_on", "outcomes", "pen_portrait", "area"}


async def see_referral(work: Work, referral_id: UUID):
    return await queries.referral(work, referral_id)


async def test_a_provider_sees_the_anonymous_part_only_and_others_see_nothing(world, database, migrator):
    child_id = await referrals.add_child(world.referrer)
    referral_id = await referrals.broadcast(world, child_id)
    reached = world.providers[0]
    row = await ask(reached, see_referral, referral_id)
    assert row.pen_portrait == referrals.PORTRAIT

    async def identities(work: Work):
        return await work.fetch("SELECT * FROM child_identity") + await work.fetch("SELECT * FROM child")

    assert await ask(reached, identities) == []
    stranger = await people.provider_org(database, "Dogwood Care")
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    family = await referrals.family_of(world.referrer, child_id, rights=["choose"])
    other_family = await people.family_member(world.referrer, "Olu Adeyemi")
    await ask(family, see_referral, referral_id)
    for nobody in (stranger, other, other_family):
        with pytest.raises(NotFound):
            await ask(nobody, see_referral, referral_id)

    async def reach_rows(work: Work):
        return [row["provider_id"] for row in await work.fetch("SELECT provider_id FROM referral_reach")]

    async def duties(work: Work):
        rows = await work.fetch("SELECT owed_by_organisation FROM obligation WHERE subject_id = $1", referral_id)
        return {row["owed_by_organisation"] for row in rows}

    assert await ask(reached, reach_rows) == [reached.organisation_id]
    assert await ask(reached, duties) == {reached.organisation_id}


async def ask_question(provider: Actor, referral_id: UUID, commissioner_id: UUID, text: str) -> UUID:
    async with unit_of_work(provider) as work:
        return await work.fetchval(
            "INSERT INTO referral_question (commissioner_id, referral_id, provider_id, asked_by, asked_at, question)"
            " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            commissioner_id, referral_id, provider.organisation_id, provider.person_id, work.now, text,
        )  # fmt: skip


async def test_an_answer_goes_to_everyone_reached_without_saying_who_asked(world, migrator):
    referral_id = await referrals.broadcast(world)
    asker, other = world.providers[0], world.providers[1]
    question_id = await ask_question(asker, referral_id, world.admin.organisation_id, "Is there a dog at home?")
    await broadcasting.answer_question(world.referrer, question_id, answer="Yes, a calm one.")
    [published] = await ask(other, queries.clarifications, referral_id)
    assert (published["question"], published["answer"]) == ("Is there a dog at home?", "Yes, a calm one.")
    assert await ask(other, queries.questions, referral_id) == []
    told = await migrator.fetch(
        "SELECT organisation_id, sentence FROM notice WHERE sentence LIKE '%question%answered%'"
    )
    assert {row["organisation_id"] for row in told} == {provider.organisation_id for provider in world.providers}
    assert not any("Alder" in row["sentence"] for row in told)
    with pytest.raises(Conflict, match="answered already"):
        await broadcasting.answer_question(world.referrer, question_id, answer="Again")


async def test_an_answer_that_names_the_child_is_refused(world):
    referral_id = await referrals.broadcast(world)
    question_id = await ask_question(world.providers[0], referral_id, world.admin.organisation_id, "Which school?")
    with pytest.raises(InvalidInput) as refused:
        await broadcasting.answer_question(
            world.referrer, question_id, answer="Maya Okonkwo goes to the one near SE13 6LT."
        )
    assert "answer" in refused.value.fields
    # all that must be looked at is said together: what is confirmed together was shown together
    assert "Maya Okonkwo" in refused.value.fields["answer"] and "SE13 6LT" in refused.value.fields["answer"]
    # and cannot be waved through: a whole name is mended, not confirmed
    with pytest.raises(InvalidInput):
        await broadcasting.answer_question(
            world.referrer, question_id, answer="Maya Okonkwo goes there.", confirmed=["maya okonkwo"]
        )


async def test_closing_without_award_and_broadcasting_again_wider(world, migrator, clock):
    referral_id = await referrals.broadcast(world)
    with pytest.raises(InvalidInput):
        await broadcasting.close_referral(world.referrer, referral_id, reason_code="made_up")
    await broadcasting.close_referral(world.referrer, referral_id, reason_code="no_match")
    assert (
        await migrator.fetchval(
            "SELECT count(*) FROM obligation WHERE subject_id = $1 AND cancelled_at IS NULL", referral_id
        )
        == 0
    )
    clock.move(timedelta(days=1))
    later = clock.at.date() + timedelta(days=30)
    await broadcasting.broadcast_again(world.referrer, referral_id, starts_on=later)
    row = await migrator.fetchrow("SELECT * FROM referral WHERE id = $1", referral_id)
    assert (row["state"], row["round"], row["starts_on"]) == ("broadcast", 2, later)
    assert row["respond_by"] == clock.at + timedelta(hours=24)
    assert await migrator.fetchval("SELECT count(*) FROM referral_reach WHERE referral_id = $1", referral_id) == 6


async def test_a_new_round_waits_until_providers_have_had_their_time(world, clock):
    referral_id = await referrals.broadcast(world)
    clock.move(timedelta(hours=23, minutes=59))
    with pytest.raises(Conflict, match="Providers have until"):
        await broadcasting.broadcast_again(world.referrer, referral_id)
    clock.move(timedelta(minutes=1))
    assert (await broadcasting.broadcast_again(world.referrer, referral_id)).round == 2


async def test_a_night_shift_and_a_past_start_are_read_as_people_mean_them(world):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await drafting.create_draft(world.referrer, child_id, world.framework_id)
    night = WeeklySlot(6, "22:00", "07:00", "waking_night")
    monday = WeeklySlot(0, "06:00", "09:00", "home_support")
    change = DraftChange(lot_code="C", pattern=[night, monday])
    with pytest.raises(InvalidInput, match="problem") as refused:
        await drafting.save_draft(world.referrer, draft_id, change)
    assert "overlap" in refused.value.fields["pattern"]
    await drafting.save_draft(world.referrer, draft_id, DraftChange(lot_code="C", pattern=[night]))
    with pytest.raises(InvalidInput) as refused:
        await drafting.save_draft(world.referrer, draft_id, DraftChange(starts_on=date(2026, 5, 10)))
    assert refused.value.fields == {"starts_on": "The start date must be today or later"}
