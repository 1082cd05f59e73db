"""A family asks, providers answer, the family accepts: a package of its direct payment, and the rules of each step."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from marketplace.packages import cancelling, moving, plan_actions, queries
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.providers.actions import suspend
from marketplace.providers.workforce import stand_down
from marketplace.purchases import answering, enquiries, enquiring, meeting
from marketplace.purchases.agreeing import accept_answer, take_back_acceptance
from marketplace.purchases.direct_payments import record_direct_payment
from marketplace.purchases.enquiry_sweeps import close_lapsed
from tests.structure.inhabited import bearer
from tests.world import packages, people, providers, purchases, referrals
from tests.world.apps import create_marketplace
from tests.world.door import at


async def told(work: Work) -> list[str]:
    rows = await work.fetch("SELECT sentence FROM notice ORDER BY at, sentence")
    return [row["sentence"] for row in rows]


async def open_duties(work: Work) -> list[str]:
    rows = await work.fetch(
        "SELECT rule_key FROM obligation WHERE subject_type = 'enquiry' AND met_at IS NULL AND cancelled_at IS NULL"
    )
    return [row["rule_key"] for row in rows]


async def test_what_may_be_asked(buyers):
    home, world = buyers, buyers.world
    first = world.providers[0].provider_id

    async def fault(field: str, asked=(first,), **changed) -> str:
        wish = await purchases.a_wish(home, **changed)
        with pytest.raises(InvalidInput) as refused:
            await enquiring.ask_providers(home.mother, home.direct_payment_id, wish, list(asked))
        assert set(refused.value.fields) == {field}
        return refused.value.fields[field]

    today = await ask(home.mother, providers.today)
    assert await fault("says", says=" ") == "Enter what matters to your child"
    assert "Take it out" in await fault("says", says="Maya Okonkwo likes water")
    assert "Take it out" in await fault("says", says="Call me on 020 7946 0123")
    assert "today or later" in await fault("starts_on", starts_on=today - timedelta(days=1))
    assert "younger than 18" in await fault("starts_on", starts_on=today.replace(year=2035))
    assert "at least one visit" in await fault("pattern", pattern=())
    assert await fault("lot", lot="A") == "Choose what you look for from the list"
    assert await fault("needs", needs=("flying",)) == "Choose needs from the list"
    assert await fault("providers", asked=()) == "Select whom to ask"
    assert "takes new families" in await fault("providers", asked=(uuid4(),))
    uncle = await purchases.a_wish(home)
    with pytest.raises(NotFound):  # he sees the plan and no budget
        await enquiring.ask_providers(home.uncle, home.direct_payment_id, uncle, [first])
    key = uuid4()
    for _ in range(2):  # sent twice, kept once
        made = await enquiring.ask_providers(
            home.mother, home.direct_payment_id, await purchases.a_wish(home), [first], enquiry_id=key
        )
        assert made == key
    assert await ask(world.providers[0], open_duties) == ["enquiry_response"]


async def test_each_provider_answers_for_itself_and_the_family_compares(buyers):
    home = buyers
    alder, birch, cedar = home.world.providers
    enquiry_id = await purchases.asked(home, alder, birch)
    with pytest.raises(NotFound):
        await ask(cedar, enquiries.provider_view, enquiry_id)
    seen = await ask(alder, enquiries.provider_view, enquiry_id)
    assert seen.open and seen.enquiry.row.age_band and len([w for w in seen.workers if w.ready]) == 2
    assert await ask(alder, queries.child_name, seen.enquiry.row.commissioner_id, home.child_id) is None
    nobody = await purchases.a_proposal(home, alder, workers=(), backups=())
    strangers = await purchases.a_proposal(home, birch)
    for proposal, field in ((nobody, "workers"), (strangers, "workers")):
        with pytest.raises(InvalidInput) as refused:
            await answering.say_yes(alder, enquiry_id, proposal)
        assert field in refused.value.fields
    answer_id = await purchases.answered(home, enquiry_id, alder)
    with pytest.raises(Conflict, match="answered this request already"):
        await purchases.answered(home, enquiry_id, alder)
    with pytest.raises(InvalidInput):
        await answering.say_no(birch, enquiry_id, "because")
    await answering.say_no(birch, enquiry_id, "other", "We are full until June.")
    assert await ask(alder, open_duties) == await ask(birch, open_duties) == []
    with pytest.raises(NotFound):  # a rival's answer is not there
        await answering.withdraw_answer(birch, answer_id)
    view = await ask(home.mother, enquiries.family_view, enquiry_id)
    yes, no = view.answers
    # the price the council pays: two afternoons of two hours at £24.00
    assert (yes.state, yes.pence_per_week, no.state) == ("offered", 9600, "declined")
    assert "full until June" in no.remark and yes.workers[0]["name"] == "Alder Worker 1"
    with pytest.raises(NotFound):
        await ask(home.uncle, enquiries.family_view, enquiry_id)
    with pytest.raises(NotFound):
        await ask(home.world.referrer, enquiries.enquiry, enquiry_id)
    # a no becomes a yes while the request is open, and is taken back again
    later = await purchases.answered(home, enquiry_id, birch)
    await answering.withdraw_answer(birch, later)
    with pytest.raises(WrongState):
        await answering.withdraw_answer(birch, later)
    with pytest.raises(WrongState):
        await accept_answer(home.mother, later)
    now = await ask(home.mother, purchases.moment)
    with pytest.raises(InvalidInput):
        await meeting.ask_to_meet(home.mother, answer_id, [now - timedelta(hours=1)])
    with pytest.raises(InvalidInput):
        await meeting.ask_to_meet(home.mother, answer_id, [now + timedelta(days=2)], "We live at 12 Larkspur Gardens")
    asked = await meeting.ask_to_meet(home.mother, answer_id, [now + timedelta(days=2)], "After school suits us")
    with pytest.raises(Conflict):
        await meeting.ask_to_meet(home.mother, answer_id, [now + timedelta(days=3)])
    with pytest.raises(NotFound):
        await meeting.answer_meeting(birch, asked, agreed_at=now + timedelta(days=2))
    with pytest.raises(InvalidInput):
        await meeting.answer_meeting(alder, asked, agreed_at=now + timedelta(days=4))
    await meeting.answer_meeting(alder, asked, agreed_at=now + timedelta(days=2), answer="At the playground")
    with pytest.raises(Conflict):
        await meeting.answer_meeting(alder, asked, agreed_at=None, answer="Or not")


async def test_accepting_makes_a_package_once_and_tells_the_others_nothing(buyers, clock):
    home = buyers
    alder, birch, cedar = home.world.providers
    enquiry_id = await purchases.asked(home, alder, birch, cedar)
    chosen = await purchases.answered(home, enquiry_id, alder)
    other = await purchases.answered(home, enquiry_id, birch)
    package_id = await accept_answer(home.mother, chosen)
    assert package_id is not None
    for again in (chosen, other):
        with pytest.raises(WrongState, match="accepted already"):
            await accept_answer(home.mother, again)
    package = await ask(alder, queries.package, package_id)
    assert (package.direct_payment_id, package.referral_id) == (home.direct_payment_id, None)
    assert [row["part"] for row in await ask(alder, queries.team, package)] == ["main", "backup"]
    assert await ask(alder, queries.child_name, package.commissioner_id, home.child_id) == "Maya Okonkwo"
    for loser in (birch, cedar):
        with pytest.raises(NotFound):
            await ask(loser, queries.package, package_id)
        assert any("does not go on with request" in said for said in await ask(loser, told))
        assert not any("accepted" in said for said in await ask(loser, told))
        assert await ask(loser, open_duties) == []
    with pytest.raises(Conflict):
        await answering.say_no(cedar, enquiry_id, "other", "Late")
    view = await ask(home.mother, enquiries.family_view, enquiry_id)
    assert view.state == "agreed" and [each.state for each in view.answers] == ["accepted", "not_chosen"]
    # the council sees that the package is there, and whose
    seen = await ask(home.world.referrer, queries.package, package_id)
    assert seen.provider_id == alder.provider_id


async def test_what_stands_in_the_way_of_accepting(buyers, clock):
    home, world = buyers, buyers.world
    alder = world.providers[0]
    assert alder.provider_id is not None
    birch = world.providers[1]
    enquiry_id = await purchases.asked(home, alder, birch)
    answer_id = await purchases.answered(home, enquiry_id, alder)
    worker_id = world.workers[alder.provider_id][0]
    await stand_down(alder, worker_id, "A complaint is looked into")
    with pytest.raises(Conflict, match="cannot come from"):
        await accept_answer(home.mother, answer_id)
    await answering.withdraw_answer(alder, answer_id)
    second, backup = world.workers[alder.provider_id][1], ()
    answer_id = await purchases.answered(home, enquiry_id, alder, workers=(second,), backups=backup)
    manager = await people.person_in(world.admin, "contract_manager", "Cora Manager")
    await suspend(manager, world.framework_id, alder.provider_id, reason="Three missed visits")
    with pytest.raises(Conflict, match="takes no new families"):
        await accept_answer(home.mother, answer_id)
    await answering.withdraw_answer(alder, answer_id)
    with pytest.raises(Conflict, match="cannot take new families"):
        await purchases.answered(home, enquiry_id, alder, workers=(second,), backups=backup)
    clock.move(timedelta(days=40))
    with pytest.raises(Conflict, match="no longer open"):
        await answering.say_no(alder, enquiry_id, "other", "Too late")
    view = await ask(home.mother, enquiries.family_view, enquiry_id)
    assert view.state == "lapsed"
    assert birch.provider_id is not None and await ask(birch, open_duties) == ["enquiry_response"]
    for provider_id in (alder.provider_id, birch.provider_id):
        assert [await close_lapsed(provider_id) for _ in range(2)] == [1, 0]
    assert await ask(birch, open_duties) == []
    assert any("not open any more" in said for said in await ask(home.mother, told))


async def test_a_request_taken_back(buyers):
    home = buyers
    alder, birch, _ = home.world.providers
    enquiry_id = await purchases.asked(home, alder, birch)
    answer_id = await purchases.answered(home, enquiry_id, alder)
    with pytest.raises(NotFound):
        await enquiring.withdraw_enquiry(home.uncle, enquiry_id)
    await enquiring.withdraw_enquiry(home.mother, enquiry_id)
    with pytest.raises(WrongState):
        await enquiring.withdraw_enquiry(home.mother, enquiry_id)
    with pytest.raises(WrongState):
        await accept_answer(home.mother, answer_id)
    assert await ask(birch, open_duties) == []


async def test_joint_holders_agree_and_sign_together(buyers, database, clock, settings):
    home = buyers
    world = home.world
    child_id = await referrals.add_child(world.referrer, "Noor Aziz", other_names="")
    pair = [
        await referrals.family_of(world.referrer, child_id, name, purchases.BUYER, jointly=True, relation=relation)
        for name, relation in (("Amal Aziz", "Mother"), ("Bilal Aziz", "Father"))
    ]
    payment = await record_direct_payment(
        world.referrer, child_id, world.framework_id, purchases.terms([world.lot]), starts_on=purchases.FIRST_DAY
    )
    both = purchases.Household(world, child_id, pair[0], pair[1], payment)
    enquiry_id = await purchases.asked(both)
    answer_id = await purchases.answered(both, enquiry_id)
    assert await accept_answer(pair[0], answer_id) is None
    assert await accept_answer(pair[0], answer_id) is None  # twice by one is still one
    with pytest.raises(WrongState, match="have not accepted"):
        await take_back_acceptance(pair[1], answer_id)
    for stranger in (home.mother, home.uncle):
        with pytest.raises(NotFound):
            await take_back_acceptance(stranger, answer_id)
    await take_back_acceptance(pair[0], answer_id)
    assert any("was taken back" in said for said in await ask(pair[1], told))
    with pytest.raises(WrongState, match="have not accepted"):
        await take_back_acceptance(pair[0], answer_id)
    # what one took back does not count with the other's
    assert await accept_answer(pair[1], answer_id) is None
    async with at(create_marketplace(database, clock), settings, pair[1]) as door:
        where = f"/requests/{enquiry_id}"
        shown = (await door.get(where)).text
        assert "Take your acceptance back" in shown and "Agree with Alder Care" not in shown
        path = f"{where}/accept/{answer_id}/take-back"
        assert (await door.post(path, page=where)).headers["location"] == where
        assert "Agree with Alder Care" in (await door.get(where)).text
        again = await door.post(path, page=where)
        assert again.status_code == 409 and "You have not accepted this answer" in again.text
        assert await accept_answer(pair[0], answer_id) is None
        own, api = await bearer(settings, pair[0]), f"/api/v1/enquiry-answers/{answer_id}/take-back"
        assert (await door.client.post(api, headers=own)).status_code == 204
        assert (await door.client.post(api, headers=own)).status_code == 409
    assert await accept_answer(pair[0], answer_id) is None
    assert any("counts once you accept" in said for said in await ask(pair[1], told))
    package_id = await accept_answer(pair[1], answer_id)
    assert package_id is not None
    for holder in pair:
        with pytest.raises(WrongState, match="accepted already"):
            await take_back_acceptance(holder, answer_id)
    office = world.providers[0]
    one, two = world.workers[office.organisation_id]  # type: ignore[index]
    case = packages.Case(
        world, office, world.referrer, pair[0], child_id, package_id, one, two, office, office
    )  # fmt: skip
    plan_id = await packages.written_plan(case)
    text_hash = await plan_actions.share_plan(case.manager, plan_id)
    assert not await plan_actions.sign_plan(pair[0], plan_id, text_hash=text_hash, in_referrers_place=True)
    assert await plan_actions.sign_plan(pair[1], plan_id, text_hash=text_hash, in_referrers_place=True)


async def test_the_family_stands_in_the_referrers_place(buyers):
    home = buyers
    bought = await purchases.agreed(home)
    case, mother, referrer = bought.case, home.mother, home.world.referrer
    plan_id = await packages.written_plan(case)
    text_hash = await plan_actions.share_plan(case.manager, plan_id)
    assert not any("care plan" in said for said in await ask(referrer, told))
    with pytest.raises(NotPermitted, match="signs its plan itself"):
        await plan_actions.sign_plan(referrer, plan_id, text_hash=text_hash)
    with pytest.raises(NotPermitted):
        await plan_actions.sign_plan(home.uncle, plan_id, text_hash=text_hash, in_referrers_place=True)
    with pytest.raises(InvalidInput) as refused:
        await plan_actions.sign_plan(mother, plan_id, text_hash=text_hash)
    assert "in_referrers_place" in refused.value.fields
    tomorrow = await ask(mother, providers.today) + timedelta(days=1)
    with pytest.raises(Conflict, match="not signed"):
        await packages.a_visit(case, tomorrow)
    assert await plan_actions.sign_plan(mother, plan_id, text_hash=text_hash, in_referrers_place=True)
    package = await case.package()
    given = await ask(case.manager, queries.signatures, package.commissioner_id, plan_id)
    assert sorted(row["side"] for row in given) == ["family", "referrer"]
    visit_id = await packages.a_visit(case, tomorrow)
    # what a council decides of its own packages is not its to decide here
    visit = await case.visit(visit_id)
    with pytest.raises(Conflict, match="with its direct payment"):
        await moving.begin_move(referrer, case.package_id, reason="Nearer by")
    with pytest.raises(Conflict, match="with its direct payment"):
        await cancelling.call_off(referrer, visit_id, reason="A trip", version=visit.version)


async def test_bought_visits_share_no_time_with_commissioned_ones(buyers, clock):
    """A worker who is with a brother or sister at the council's cost is taken: no bought visit rides along."""
    home = buyers
    bought = await purchases.agreed(home)
    await purchases.sign_for_family(bought)
    sibling = await referrals.add_child(home.world.referrer, "Ben Okonkwo", sibling_of=home.child_id)
    ordinary = await packages.awarded(
        home.world, child_id=sibling, worker_people=(bought.case.worker, bought.case.backup)
    )
    await packages.signed_plan(ordinary)
    day = await ask(home.mother, providers.today) + timedelta(days=2)
    await packages.a_visit(ordinary, day)
    with pytest.raises(Conflict):
        await packages.a_visit(bought.case, day)


async def test_two_acceptances_and_a_suspension_at_once(buyers):
    """Whoever comes second sees the first: one package at most, and none after the suspension's moment."""
    home, world = buyers, buyers.world
    alder, birch, _ = world.providers
    assert alder.provider_id is not None
    enquiry_id = await purchases.asked(home, alder, birch)
    answers = [await purchases.answered(home, enquiry_id, manager) for manager in (alder, birch)]
    manager = await people.person_in(world.admin, "contract_manager", "Cora Manager")
    done = await asyncio.gather(
        *(accept_answer(home.mother, each) for each in answers for _ in range(2)),
        suspend(manager, world.framework_id, alder.provider_id, reason="Three missed visits"),
        return_exceptions=True,
    )
    assert not isinstance(done[-1], BaseException)
    made = [each for each in done[:-1] if not isinstance(each, BaseException)]
    refused = [each for each in done[:-1] if isinstance(each, BaseException)]
    assert len(made) == 1 and all(isinstance(each, Conflict) for each in refused), done
