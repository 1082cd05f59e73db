"""Suspensions that are fair: causes fire once, plans with evidence, reviews by another, lots first, limits back."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.providers import actions, causes, declarations, lifting, plan_actions, plans, suspension_sweeps
from marketplace.providers.standing import standing
from tests.world import frameworks, people, providers

TODAY = date(2026, 5, 11)
LOTS = ("A", "C")


async def of(place, lot="C", by=None, at=None):  # type: ignore[no-untyped-def]
    return await ask(by or place.lead, standing, place.framework_id, place.provider_id, lot, at)


async def suspended(place, lot=None, **more):  # type: ignore[no-untyped-def]
    given: dict[str, Any] = {"reason": "Missed visits", "rule_key": "quality_failing"} | more
    return await actions.suspend(place.lead, place.framework_id, place.provider_id, lot, **given)


async def sentences(migrator, organisation_id):  # type: ignore[no-untyped-def]
    rows = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1 ORDER BY at", organisation_id)
    return [row["sentence"] for row in rows]


async def test_standing_computed_for_any_past_moment_is_what_was_shown_then(place, clock):
    """Random histories: what is shown at each moment is kept, and asked again at the end as of that moment."""
    chance = random.Random(20260511)
    kept: list[tuple[object, str, object]] = []
    own: list = []
    for _ in range(45):
        clock.move(timedelta(hours=chance.choice((1, 7, 26, 60))))
        deed = chance.randrange(7)
        try:
            if deed == 0:
                lot = chance.choice((None, *LOTS))
                until = clock.at.date() + timedelta(days=chance.randrange(1, 9)) if chance.random() < 0.4 else None
                own.append(await suspended(place, lot, until_on=until, reason=f"Reason {len(own)}"))
            elif deed in (1, 2) and own:
                view = await ask(place.lead, plans.suspension, chance.choice(own))
                part, lot = chance.choice(view.parts or ((view.id, view.lot),))
                some = ["A"] if lot is None and chance.random() < 0.6 else None
                limit = chance.choice((None, 1, 3))
                await lifting.reinstate(place.lead, part, "Done", lots=some, new_packages=limit)
            elif deed == 3:
                await actions.pause(place.manager, place.framework_id, chance.choice((None, *LOTS)))
            elif deed == 4:
                await providers.in_good_order(
                    place.manager, cqc_registered=chance.random() < 0.7,
                    insurance_until=clock.at.date() + timedelta(days=chance.choice((-2, 3, 40))),
                )  # fmt: skip
            elif deed == 5:
                place_now = await of(place)
                pauses = await ask(place.manager, _pauses)
                if pauses and place_now.reasons:
                    await actions.resume(place.manager, chance.choice(pauses))
            else:
                limits = await ask(place.lead, _restrictions)
                if limits:
                    await lifting.end_restriction(place.lead, chance.choice(limits), "No longer needed")
        except Conflict:
            pass  # refused, since something of the kind stands or has ended: the history goes on
        kept += [(clock.at, lot, await of(place, lot)) for lot in LOTS]
    states = {shown.state for _, _, shown in kept}  # type: ignore[attr-defined]
    assert states >= {"active", "paused", "restricted", "suspended"}, states
    for at, lot, shown in kept:
        assert await of(place, lot, at=at) == shown, (at, lot)
        assert await of(place, lot, at=at, by=place.manager) == shown  # the provider reads the same line


async def _pauses(work):  # type: ignore[no-untyped-def]
    return [row["id"] for row in await work.fetch("SELECT id FROM pause WHERE ended_at IS NULL ORDER BY starts_at, id")]


async def _restrictions(work):  # type: ignore[no-untyped-def]
    return [row["id"] for row in await work.fetch("SELECT id FROM restriction WHERE ended_at IS NULL ORDER BY id")]


async def test_a_ground_proposed_by_brokerage_is_decided_once_by_a_contract_manager(place, migrator, clock):
    referrer = await people.person_in(place.lead, "referrer")
    given = {"rule_key": "repeated_incidents", "facts": "Three incidents in a month: I-1, I-2, I-3"}
    cause = await causes.propose(referrer, place.framework_id, place.provider_id, **given)
    with pytest.raises(Conflict, match="already"):
        await causes.propose(place.lead, place.framework_id, place.provider_id, **given)
    assert (await of(place)).good  # it may: nothing happens by itself
    for actor in (place.manager, place.rival):
        with pytest.raises(NotPermitted):
            await causes.propose(actor, place.framework_id, place.provider_id, **given)
    for actor, error in ((referrer, NotPermitted), (place.apart, NotFound), (place.partner, NotFound)):
        with pytest.raises(error):
            await causes.decide_cause(actor, cause, suspend=True, reason="Seen")
    with pytest.raises(InvalidInput) as refused:
        await causes.propose(referrer, place.framework_id, place.provider_id, rule_key="x", facts=" ", lot_code="Z")
    assert set(refused.value.fields) == {"rule_key", "facts", "lot_code"}
    with pytest.raises(InvalidInput):
        await causes.decide_cause(place.lead, cause, suspend=True, reason=" ")
    made = await causes.decide_cause(place.lead, cause, suspend=True, reason="The pattern is the same each time")
    assert made is not None
    (reason,) = (await of(place)).reasons
    assert reason.rule_key == "repeated_incidents" and reason.by == place.lead.person_name
    assert "I-1, I-2" in reason.why and "same each time" in reason.why
    with pytest.raises(Conflict, match="decided this already"):
        await causes.decide_cause(place.lead, cause, suspend=False, reason="Again")
    seen = await ask(place.manager, plans.suspension, made)
    assert [each["facts"] for each in seen.causes] == [given["facts"]] and seen.clause == "P 13.7"
    # another cause on the same ground adds to the one that stands, and lifting loses neither
    second = await causes.propose(
        referrer, place.framework_id, place.provider_id, rule_key="repeated_incidents", facts="A fourth one: I-4"
    )
    assert await causes.decide_cause(place.lead, second, suspend=True, reason="It goes on") == made
    await lifting.reinstate(place.lead, made, "Nothing new in eight weeks")
    story = [step.says for step in (await ask(place.lead, plans.suspension, made)).steps]
    assert any("I-4" in said for said in story) and story[-1] == "Nothing new in eight weeks"
    third = await causes.propose(
        referrer, place.framework_id, place.provider_id, rule_key="repeated_incidents", facts="One more", lot_code="C"
    )
    assert await causes.decide_cause(place.lead, third, suspend=False, reason="Not significant") is None
    assert (await of(place)).good
    rows = await migrator.fetch("SELECT action FROM audit_entry WHERE action LIKE 'suspension.cause%' ORDER BY seq")
    assert [row["action"] for row in rows] == ["suspension.cause", "suspension.cause_decided"] * 3


async def test_the_plan_from_the_answer_to_the_last_sign_off_and_then_lifted(place, clock, migrator):
    suspension = await suspended(place)
    view = await ask(place.manager, plans.suspension, suspension)
    assert view.with_plan and not view.answered and view.in_force
    for actor in (place.rival, place.apart):
        with pytest.raises(NotFound):
            await ask(actor, plans.suspension, suspension)
    with pytest.raises(InvalidInput) as refused:
        await plan_actions.ask_action(place.lead, suspension, title=" ", due_on=TODAY - timedelta(days=1))
    assert set(refused.value.fields) == {"title", "due_on"}
    rota = await plan_actions.ask_action(
        place.lead, suspension, title="A rota with a stand-in for each visit", due_on=TODAY + timedelta(days=7),
        evidence_asked="The rota of two weeks",
    )  # fmt: skip
    talk = await plan_actions.ask_action(
        place.lead, suspension, title="Supervise everyone in the team", due_on=TODAY + timedelta(days=14)
    )
    with pytest.raises(NotPermitted):
        await plan_actions.ask_action(place.partner, suspension, title="Mine", due_on=TODAY)
    with pytest.raises(NotFound):
        await plan_actions.say_done(place.rival, rota, "Not mine")
    with pytest.raises(NotPermitted):
        await plan_actions.say_done(place.lead, rota, "Not mine")
    await plan_actions.answer(place.manager, suspension, "Our rota broke down when two people left.")
    await plan_actions.name_owner(place.manager, rota, "Robin Vale")
    with pytest.raises(WrongState):
        await plan_actions.sign_off(place.lead, rota)  # nobody says it is done
    await plan_actions.say_done(place.manager, rota, "The rota is in use since Monday.")
    with pytest.raises(WrongState):
        await plan_actions.say_done(place.manager, rota, "Twice")
    await plan_actions.send_back(place.lead, rota, "Two evenings have no stand-in.")
    await plan_actions.say_done(place.manager, rota, "Now they have.")
    await plan_actions.sign_off(place.lead, rota)
    with pytest.raises(Conflict, match="1 action of the plan is neither signed off nor withdrawn"):
        await lifting.reinstate(place.lead, suspension, "Enough")
    with pytest.raises(InvalidInput):
        await plan_actions.move_action(place.lead, talk, TODAY + timedelta(days=3), "")
    await plan_actions.move_action(place.lead, talk, TODAY + timedelta(days=20), "Two are on leave.")
    await plan_actions.withdraw_action(place.lead, talk, "Covered by the new team lead.")
    clock.move(timedelta(days=1))
    await lifting.reinstate(place.lead, suspension, "Done as agreed", new_packages=2)
    now = await of(place)
    assert now.state == "restricted" and now.good
    assert "may take on 2 new packages and has been given 0" in now.line
    ended = await ask(place.manager, plans.suspension, suspension)
    assert not ended.in_force and [action.state for action in ended.actions] == ["signed_off", "withdrawn"]
    assert [step.what for step in ended.steps] == [
        "imposed", "action_asked", "action_asked", "answered", "owner_named", "action_done", "action_returned",
        "action_done", "action_signed_off", "action_moved", "action_withdrawn", "lifted",
    ]  # fmt: skip
    assert ended.actions[0].owner_name == "Robin Vale"
    with pytest.raises(Conflict, match="ended already"):
        await plan_actions.answer(place.manager, suspension, "Too late")
    deeds = await migrator.fetch(
        "SELECT action FROM audit_entry WHERE action LIKE 'plan_action.%' OR action LIKE 'suspension.%'"
        " OR action IN ('provider.suspended', 'provider.reinstated', 'provider.restricted') ORDER BY wall_at, seq"
    )
    assert [row["action"] for row in deeds] == [
        "provider.suspended", "plan_action.asked", "plan_action.asked", "suspension.answered",
        "plan_action.owner_named", "plan_action.done", "plan_action.returned", "plan_action.done",
        "plan_action.signed_off", "plan_action.moved", "plan_action.withdrawn", "provider.reinstated",
        "provider.restricted",
    ]  # fmt: skip
    open_ = await migrator.fetchval(
        "SELECT count(*) FROM obligation WHERE met_at IS NULL AND cancelled_at IS NULL"
        " AND (rule_key LIKE '%plan%' OR rule_key = 'suspension_review')"
    )
    assert open_ == 0
    told = await sentences(migrator, place.provider_id)
    assert any("has been lifted" in said for said in told) and any("2 new packages" in said for said in told)
    assert not any("suspen" in said for said in await sentences(migrator, place.rival.provider_id))


async def test_some_lots_first_goes_on_for_the_rest_since_the_first_day(place, clock):
    suspension = await suspended(place)
    await plan_actions.ask_action(place.lead, suspension, title="Train the nurses", due_on=TODAY + timedelta(days=30))
    clock.move(timedelta(days=3))
    with pytest.raises(InvalidInput) as refused:
        await lifting.reinstate(place.lead, suspension, "C is sound", lots=["B"], new_packages=0)
    assert set(refused.value.fields) == {"lots", "new_packages"}
    await lifting.reinstate(place.lead, suspension, "C is sound", lots=["C"], new_packages=1)
    assert (await of(place, "C")).state == "restricted"
    (reason,) = (await of(place, "A")).reasons
    assert (reason.since, reason.why, reason.rule_key) == (TODAY, "Missed visits", "quality_failing")
    view = await ask(place.manager, plans.suspension, suspension)
    assert [lot for _, lot in view.parts] == ["A"] and view.steps[-1].says == "Lot C: C is sound"
    with pytest.raises(Conflict, match="1 action"):
        await lifting.reinstate(place.lead, view.parts[0][0], "All")
    await plan_actions.withdraw_action(place.lead, view.actions[0].id, "No nurse employed any more")
    await lifting.reinstate(place.lead, view.parts[0][0], "All sound")
    assert (await of(place, "A")).good
    with pytest.raises(Conflict):
        await lifting.reinstate(place.lead, suspension, "Again")


async def test_a_review_is_asked_for_once_and_decided_by_somebody_else(place, migrator):
    suspension = await suspended(place)
    with pytest.raises(InvalidInput):
        await plan_actions.ask_review(place.manager, suspension, " ")
    with pytest.raises(NotPermitted):
        await plan_actions.ask_review(place.coordinator, suspension, "Please")
    await plan_actions.ask_review(place.manager, suspension, "The visits were cancelled by the family.")
    with pytest.raises(Conflict, match="not decided yet"):
        await plan_actions.ask_review(place.manager, suspension, "Again")
    with pytest.raises(Conflict, match="somebody else must decide"):
        await plan_actions.decide_review(place.lead, suspension, lifts=True, says="I was right")
    other = await people.person_in(place.lead, "contract_manager", "Other Manager")
    with pytest.raises(NotPermitted):
        await plan_actions.decide_review(place.partner, suspension, lifts=True, says="Not ours")
    await plan_actions.decide_review(other, suspension, lifts=False, says="Two of the three were not.")
    assert not (await of(place)).good
    await plan_actions.ask_action(place.lead, suspension, title="Call the families", due_on=TODAY)
    await plan_actions.ask_review(place.manager, suspension, "Here are the family's letters.")
    await plan_actions.decide_review(other, suspension, lifts=True, says="The letters settle it.")
    assert (await of(place)).good
    with pytest.raises(Conflict):
        await plan_actions.decide_review(other, suspension, lifts=True, says="Twice")
    late = await migrator.fetch("SELECT rule_key FROM obligation WHERE met_at IS NULL AND cancelled_at IS NULL")
    assert not {"suspension_review", "plan_response"} & {row["rule_key"] for row in late}


async def test_a_plan_that_is_not_followed_gives_cause_once_and_a_date_ends_by_itself(place, clock, migrator):
    lead = place.lead.organisation_id
    suspension = await suspended(place, until_on=TODAY + timedelta(days=12))
    action = await plan_actions.ask_action(place.lead, suspension, title="A rota", due_on=TODAY + timedelta(days=2))
    assert await suspension_sweeps.look_as_commissioner(lead) == 0
    clock.move(timedelta(days=3))
    assert await suspension_sweeps.look_as_commissioner(lead) == 1  # the action's day has passed
    assert await suspension_sweeps.look_as_commissioner(lead) == 0
    clock.move(timedelta(days=3))
    assert await suspension_sweeps.look_as_commissioner(lead) == 1  # no answer in the pack's five days
    await plan_actions.move_action(place.lead, action, TODAY + timedelta(days=8), "A last chance")
    assert await suspension_sweeps.look_as_commissioner(lead) == 0
    clock.move(timedelta(days=3))
    assert await suspension_sweeps.look_as_commissioner(lead) == 1  # the new day has passed too
    rows = await migrator.fetch("SELECT effect, decision, clause FROM suspension_cause")
    assert [tuple(row) for row in rows] == [("propose", None, "P 13.6")] * 3
    seen = await ask(place.lead, plans.suspension, suspension)
    assert [step.what for step in seen.steps].count("not_engaged") == 3
    assert await suspension_sweeps.look_as_commissioner(place.partner.organisation_id) == 0
    clock.move(timedelta(days=5))
    assert (await of(place)).good
    assert await suspension_sweeps.look_as_commissioner(lead) == 1
    assert await suspension_sweeps.look_as_commissioner(lead) == 0
    told = await sentences(migrator, place.provider_id)
    assert sum("ended with its last day, 23 May 2026" in said for said in told) == 1


async def test_a_partners_own_suspension_is_its_own_and_the_leads_to_see(place):
    made = await actions.suspend(
        place.partner, place.framework_id, place.provider_id, reason="Our visits", with_plan=True
    )
    await plan_actions.ask_action(place.partner, made, title="Call us", due_on=TODAY)
    await plan_actions.answer(place.manager, made, "We will")
    assert (await ask(place.lead, plans.suspension, made)).partner_name == "Southmere Council"
    of_lead = await suspended(place)
    with pytest.raises(NotPermitted):
        await plan_actions.ask_action(place.partner, of_lead, title="Not ours", due_on=TODAY)
    assert {r.why for r in (await of(place, by=place.partner)).reasons} == {"Our visits", "Missed visits"}
    assert {r.why for r in (await of(place)).reasons} == {"Missed visits"}


async def test_a_toolkit_found_wanting_suspends_by_itself_once_with_its_facts(database, migrator):
    """Cambridgeshire and Peterborough: P 9.3 suspends; Lewisham knows no such ground."""
    admin = await people.council(database, "Fenbridge Council")
    framework_id = await frameworks.open_framework(admin, pack_id="cambridgeshire-peterborough-pdps")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    await providers.in_good_order(manager)
    assert manager.provider_id is not None
    lot = next(iter((await ask(admin, pack_of, framework_id)).lots))
    await frameworks.admitted(admin, manager, framework_id, [lot])
    decider = await people.person_in(admin, "contract_manager")
    met = {"completed_on": TODAY, "outcome": "met"}
    declaration = await declarations.make_declaration(manager, "safeguarding_toolkit", declared_on=TODAY, details=met)
    await declarations.assess(decider, declaration, framework_id, verdict="rejected", to_mend="Section 4 is empty")
    (reason,) = (await ask(decider, standing, framework_id, manager.provider_id, lot)).reasons
    assert (reason.rule_key, reason.by) == ("toolkit_not_met", "the framework's own rule")
    assert "Section 4 is empty" in reason.why
    (row,) = await migrator.fetch("SELECT * FROM suspension_cause")
    assert (row["effect"], row["clause"], row["decision"]) == ("automatic", "P 9.3, P 13.6", "suspended")
    assert row["raised_by_name"] == decider.person_name and row["suspension_id"] is not None
    view = await ask(manager, plans.suspension, row["suspension_id"])
    assert view.with_plan and view.by == "the framework's own rule"
    await declarations.assess(decider, declaration, framework_id, verdict="rejected", to_mend="Section 4 still is")
    assert await migrator.fetchval("SELECT count(*) FROM suspension") == 1
    again = await declarations.make_declaration(manager, "safeguarding_toolkit", declared_on=TODAY, details=met)
    await declarations.assess(decider, again, framework_id, verdict="rejected", to_mend="Section 5 is empty")
    assert await migrator.fetchval("SELECT count(*) FROM suspension") == 1  # another cause, the same ground: added
    steps = (await ask(manager, plans.suspension, row["suspension_id"])).steps
    assert sum("Section 5" in step.says for step in steps) == 1
