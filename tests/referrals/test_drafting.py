"""A draft grows step by step, loses nothing, and cannot ask a lot for what it does not do."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, NotFound, WrongState
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import broadcasting, drafting, queries
from marketplace.referrals.drafting import DraftChange, Stale
from tests.world import people, referrals


async def begun(world: referrals.World, **child: object):
    child_id = await referrals.add_child(world.referrer, **child)  # type: ignore[arg-type]
    return await drafting.create_draft(world.referrer, child_id, world.framework_id)


async def test_a_need_outside_the_lots_scope_is_refused_with_its_clause(world):
    draft_id = await begun(world)
    with pytest.raises(InvalidInput) as refused:
        await drafting.save_draft(
            world.referrer, draft_id, DraftChange(lot_code="C", interventions=["deep_suctioning", "medication"])
        )
    assert "Deep suctioning is outside the scope of Lot C" in refused.value.fields["interventions"]
    assert "L 6.7" in refused.value.fields["interventions"]
    with pytest.raises(InvalidInput):
        await drafting.save_draft(world.referrer, draft_id, DraftChange(lot_code="C", needs=["no such need"]))
    await drafting.save_draft(world.referrer, draft_id, DraftChange(lot_code="A", interventions=["deep_suctioning"]))


async def test_another_lot_takes_out_what_it_does_not_do_and_says_so(world):
    draft_id = await begun(world)
    await drafting.save_draft(
        world.referrer, draft_id, DraftChange(lot_code="A", interventions=["deep_suctioning", "personal_care"])
    )
    remarks = await drafting.save_draft(world.referrer, draft_id, DraftChange(lot_code="C"))
    assert len(remarks) == 1 and "Deep suctioning" in remarks[0]
    view = await ask(world.referrer, drafting.draft, draft_id)
    assert view.referral.interventions == ["personal_care"]


async def test_a_child_out_of_the_lots_age_range_cannot_be_referred_to_it(database):
    world = await referrals.borough(
        database, lot="HLFS", pack_id="cambridgeshire-peterborough-pdps", provider_names=["Fen Support"]
    )
    draft_id = await begun(world, born=date(2022, 1, 5))
    with pytest.raises(InvalidInput) as refused:
        await drafting.save_draft(world.referrer, draft_id, DraftChange(lot_code="HLFS"))
    assert "ages 6 to 18 (P 1.3, P 2.1" in refused.value.fields["lot_code"]
    assert "will be 4" in refused.value.fields["lot_code"]


async def test_where_the_pack_asks_a_panel_approves_first(database):
    world = await referrals.borough(
        database, lot="HLFS", pack_id="cambridgeshire-peterborough-pdps", provider_names=["Fen Support"]
    )
    draft_id = await referrals.written_draft(world, await referrals.add_child(world.referrer))
    await drafting.save_draft(world.referrer, draft_id, DraftChange(panel_approved_on=None))
    with pytest.raises(InvalidInput) as refused:
        await broadcasting.broadcast_referral(world.referrer, draft_id)
    assert set(refused.value.fields) == {"panel_approved_on"}
    with pytest.raises(InvalidInput):
        await drafting.save_draft(world.referrer, draft_id, DraftChange(panel_approved_on=date(2026, 5, 12)))
    await drafting.save_draft(world.referrer, draft_id, DraftChange(panel_approved_on=date(2026, 5, 11)))
    assert (await broadcasting.broadcast_referral(world.referrer, draft_id)).state == "broadcast"


async def test_what_identifies_the_child_is_found_and_mended_or_confirmed(world, migrator):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await referrals.written_draft(
        world, child_id, portrait="Maya lives on Larkspur Gardens, SE13 6LT. Grace says mornings are hard."
    )
    view = await ask(world.referrer, drafting.draft, draft_id)
    words = {doubt.words: doubt.may_be_confirmed for doubt in view.doubts}
    assert words == {"Maya": True, "Larkspur Gardens": False, "SE13 6LT": False, "Grace": True}
    with pytest.raises(InvalidInput) as refused:
        await broadcasting.broadcast_referral(world.referrer, draft_id)
    assert "pen_portrait" in refused.value.fields
    # a postcode cannot be confirmed away
    await drafting.save_draft(world.referrer, draft_id, DraftChange(confirmed=list(words)))
    with pytest.raises(InvalidInput, match="cannot be broadcast") as refused:
        await broadcasting.broadcast_referral(world.referrer, draft_id)
    assert "Larkspur Gardens" in refused.value.fields["pen_portrait"]
    assert refused.value.fields["pen_portrait"].endswith("Take it out")
    change = DraftChange(pen_portrait="With grace and patience, mornings go well.", confirmed=["grace"])
    await drafting.save_draft(world.referrer, draft_id, change)
    assert (await broadcasting.broadcast_referral(world.referrer, draft_id)).state == "broadcast"


async def test_confirmed_words_do_not_pass_into_a_copy_for_another_child(world):
    first = await referrals.add_child(world.referrer)
    draft_id = await referrals.written_draft(world, first, portrait="She dances with grace.")
    await drafting.save_draft(world.referrer, draft_id, DraftChange(confirmed=["grace"]))
    other = await referrals.add_child(world.referrer, "Grace Adeyemi", born=date(2015, 1, 2), other_names="")
    copy_id = await drafting.copy_referral(world.referrer, draft_id, child_id=other)
    view = await ask(world.referrer, drafting.draft, copy_id)
    assert [doubt.words.lower() for doubt in view.unsettled] == ["grace"]
    assert view.referral.starts_on is None
    assert view.referral.pen_portrait == "She dances with grace."


async def test_two_people_writing_one_draft_lose_nothing(world, clock):
    draft_id = await begun(world)
    seen = (await ask(world.referrer, queries.referral, draft_id)).changed_at
    colleague = await people.person_in(world.admin, "referrer")
    clock.move(timedelta(minutes=3))
    await drafting.save_draft(colleague, draft_id, DraftChange(area="Catford"), seen=seen)
    with pytest.raises(Stale, match="now different are the area") as stale:
        await drafting.save_draft(world.referrer, draft_id, DraftChange(area="Lee"), seen=seen)
    assert (await ask(world.referrer, queries.referral, draft_id)).area == "Catford"
    await drafting.save_draft(world.referrer, draft_id, DraftChange(area="Lee"), seen=stale.value.seen)
    assert (await ask(world.referrer, queries.referral, draft_id)).area == "Lee"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (DraftChange(lot_code="Z"), "lot_code"),
        (DraftChange(workers_per_visit=9), "workers_per_visit"),
        (DraftChange(starts_on=date(2026, 6, 1), ends_on=date(2026, 5, 31)), "ends_on"),
        (DraftChange(lot_code="C", pattern=[WeeklySlot(0, "10:00", "10:00", "day_care")]), "pattern"),
        (DraftChange(lot_code="C", pattern=[WeeklySlot(7, "10:00", "11:00", "day_care")]), "pattern"),
        (DraftChange(lot_code="C", pattern=[WeeklySlot(0, "25:00", "11:00", "day_care")]), "pattern"),
        (DraftChange(lot_code="C", pattern=[WeeklySlot(0, "10:00", "11:00", "surgery")]), "pattern"),
        (DraftChange(pen_portrait="x" * 4001), "pen_portrait"),
        (DraftChange(area="x" * 101), "area"),
    ],
)
async def test_what_cannot_be_taken_names_its_field(world, change, field):
    draft_id = await begun(world)
    with pytest.raises(InvalidInput) as refused:
        await drafting.save_draft(world.referrer, draft_id, change)
    assert field in refused.value.fields


async def test_a_broadcast_referral_is_not_edited_and_a_discarded_draft_leaves_the_list(world):
    referral_id = await referrals.broadcast(world)
    with pytest.raises(WrongState):
        await drafting.save_draft(world.referrer, referral_id, DraftChange(area="Lee"))
    draft_id = await begun(world, name="Olu Adeyemi", other_names="", born=date(2014, 2, 2))
    await drafting.discard_draft(world.referrer, draft_id)
    rows, total = await ask(world.referrer, queries.referrals, state="draft")
    assert (rows, total) == ([], 0)


async def test_drafts_are_nobody_elses(world, database):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await referrals.written_draft(world, child_id)
    family = await referrals.family_of(world.referrer, child_id)
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    for nobody in (world.providers[0], family, other):
        with pytest.raises(NotFound):
            await ask(nobody, queries.referral, draft_id)


async def test_the_list_counts_answers_and_finds_by_reference(world):
    referral_id = await referrals.broadcast(world)
    rows, total = await ask(world.referrer, queries.referrals, state="open")
    assert (total, rows[0].id, rows[0].reached, rows[0].silent) == (1, referral_id, 3, 3)
    found, _ = await ask(world.referrer, queries.referrals, state="all", text=rows[0].reference[-4:])
    assert [row.id for row in found] == [referral_id]
    assert (await ask(world.referrer, queries.referrals, state="all", text="100%"))[1] == 0
