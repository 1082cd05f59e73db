"""Who gets new referrals, who does not, why, since when, until when, by whom; and what ends by itself."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers import actions, lifting, queries
from marketplace.providers.as_of import standings_at
from marketplace.providers.facts import provider_record, provider_records
from marketplace.providers.standing import hold_standing, judge, standing, standings
from marketplace.providers.story import latest, story
from tests.world import providers

TODAY = date(2026, 5, 11)


async def of(place, lot="C", by=None):  # type: ignore[no-untyped-def]
    return await ask(by or place.lead, standing, place.framework_id, place.provider_id, lot)


async def test_an_admitted_provider_in_good_order_is_active_for_everybody_who_may_ask(place):
    for actor in (place.lead, place.partner, place.manager):
        assert (await of(place, by=actor)).line == "Active"
    assert (await of(place, "B")).codes == ("not_admitted",)
    unseen = await of(place, by=place.apart)
    assert unseen.codes[-1] == "not_admitted" or "not_admitted" in unseen.codes


async def test_all_admitted_providers_are_judged_at_once(place):
    await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Repeated missed visits")
    found = await ask(place.lead, standings, place.framework_id, "C")
    assert [(each.provider_name, each.good) for each in found] == [("Kindly Care Ltd", False), ("Rival Care Ltd", True)]


async def test_a_lot_asked_for_at_once_stands_as_its_providers_do_one_by_one(place, migrator, clock):
    """The question over a whole lot answers under no table's own policies: it must give what these would."""
    pick = random.Random(4)
    whose = {actor: actor.organisation_id for actor in (place.lead, place.partner)}
    seen = set()
    for step in range(60):
        day = TODAY + timedelta(days=pick.choice((-40, -1, 0, 1, 40)))
        one = pick.choice((place.provider_id, place.rival.provider_id))
        at = datetime.combine(day, time(9), UTC)
        change, *values = pick.choice(
            (
                ("UPDATE provider SET insurance_until = $2 WHERE id = $1", pick.choice((None, day, TODAY))),
                ("UPDATE provider SET cqc_registered = $2 WHERE id = $1", pick.random() < 0.7),
                (
                    "UPDATE admission SET starts_on = least($2, $3::date), ends_on = $3 WHERE provider_id = $1"
                    " AND lot_code = 'C'", day, pick.choice((None, day)),
                ),
                (
                    "INSERT INTO suspension (framework_id, provider_id, lot_code, commissioner_id, starts_at, until_on,"
                    " reason, rule_key, imposed_by_name) VALUES ($2, $1, $3, $4, $5, $6, 'Why', 'a_rule', 'The rule')",
                    place.framework_id, pick.choice((None, "A", "C")), pick.choice((None, *whose.values())), at,
                    pick.choice((None, TODAY, TODAY + timedelta(days=60))),
                ),
                (
                    "INSERT INTO pause (framework_id, provider_id, lot_code, starts_at, until_on, paused_by)"
                    " VALUES ($2, $1, $3, $4, $5, $6)", place.framework_id, pick.choice((None, "A", "C")), at,
                    pick.choice((None, TODAY, TODAY + timedelta(days=60))), place.manager.person_id,
                ),
                (
                    "INSERT INTO restriction (framework_id, provider_id, lot_code, commissioner_id, new_packages,"
                    " starts_at, until_on, reason, imposed_by, imposed_by_name)"
                    " VALUES ($2, $1, $3, $4, 1, $5, $6, 'Why', $7, 'Lee')", place.framework_id,
                    pick.choice((None, "A", "C")), pick.choice((None, *whose.values())), at, pick.choice((None, TODAY)),
                    place.lead.person_id,
                ),
                ("UPDATE suspension SET lifted_at = greatest($2, starts_at) WHERE provider_id = $1", at),
                ("UPDATE pause SET ended_at = greatest($2, starts_at) WHERE provider_id = $1", at),
            )
        )  # fmt: skip
        await migrator.execute(change, one, *values)
        for actor in whose:
            for lot in ("A", "C"):
                async with unit_of_work(actor, read_only=True) as work:
                    at_once = await standings(work, place.framework_id, lot)
                    everybody = [each.provider_id for each in at_once]
                    one_by_one = await standings(work, place.framework_id, lot, provider_ids=everybody)
                assert at_once == one_by_one and len(everybody) == 2, (step, change)
                seen |= {each.codes for each in at_once}
    assert () in seen and len(seen) > 8
    assert await ask(place.apart, standings, place.framework_id, "C") == []
    assert await ask(place.rival, standings, place.framework_id, "C") != []  # its own, under its own policies


async def test_a_suspension_for_all_lots_says_since_when_by_whom_and_why_and_is_lifted(place, clock):
    suspension = await actions.suspend(
        place.lead, place.framework_id, place.provider_id, reason="Repeated missed visits", rule_key="quality_failing"
    )
    for lot in ("A", "C"):
        (reason,) = (await of(place, lot)).reasons
        assert (reason.code, reason.since, reason.until, reason.by) == (
            "suspended", TODAY, None, place.lead.person_name,
        )  # fmt: skip
        assert reason.why == "Repeated missed visits"
    clock.move(timedelta(days=3))
    await lifting.reinstate(place.lead, suspension, "The plan's actions are done")
    assert (await of(place)).good
    with pytest.raises(Conflict, match="ended already"):
        await lifting.reinstate(place.lead, suspension, "Again")


async def test_a_suspension_of_one_lot_leaves_the_other(place):
    await actions.suspend(place.lead, place.framework_id, place.provider_id, "A", reason="No nurse on the rota")
    assert (await of(place, "A")).codes == ("suspended_lot",)
    assert (await of(place, "C")).good


async def test_a_suspension_to_a_date_holds_through_that_day_in_london_and_ends_by_itself(place, clock):
    await actions.suspend(
        place.lead, place.framework_id, place.provider_id, reason="Until the audit", until_on=date(2026, 5, 20)
    )
    await actions.pause(place.manager, place.framework_id, "C", until_on=date(2026, 5, 20), reason="Full")
    clock.move_to(datetime(2026, 5, 20, 22, 59, tzinfo=UTC))  # one minute to midnight in London
    assert (await of(place)).reasons[0].until == date(2026, 5, 20)
    clock.move_to(datetime(2026, 5, 20, 23, 0, tzinfo=UTC))
    assert (await of(place)).good
    paused, ended = [each for each in await ask(place.lead, story, place.provider_id) if "by its date" in each.says]
    assert paused.says.startswith("Its pause of new referrals of lot C") and paused.at == ended.at
    assert ended.at == datetime(2026, 5, 20, 22, 59, 59, 999999, tzinfo=UTC)  # while it stood, it had not ended
    during = (await ask(place.lead, standings_at, place.provider_id, ended.at))[0].standing
    assert during.codes == ("suspended",)


async def test_standing_as_of_an_earlier_moment_is_what_it_was(place, clock):
    before = clock.at
    clock.move(timedelta(days=1))
    await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Repeated missed visits")
    during = clock.at
    clock.move(timedelta(days=1))
    (row,) = (await ask(place.lead, queries.one_provider, place.provider_id))[0].open_holds
    await lifting.reinstate(place.lead, row.id, "Done")
    for moment, good in ((before, True), (during, False), (clock.at, True)):
        found = await ask(place.lead, standing, place.framework_id, place.provider_id, "C", moment)
        assert found.good is good


async def test_a_partner_suspends_for_its_own_referrals_only_and_lifts_only_its_own(place):
    await actions.suspend(place.partner, place.framework_id, place.provider_id, reason="Our own concern")
    assert not (await of(place, by=place.partner)).good
    assert (await of(place, by=place.lead)).good
    (told,) = await ask(place.manager, queries.partner_suspensions, place.provider_id)
    assert told["commissioner_name"] == "Southmere Council"
    of_lead = await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="For all of us")
    with pytest.raises(NotPermitted):
        await lifting.reinstate(place.partner, of_lead, "Not mine to lift")


async def test_suspending_twice_is_refused_with_who_did_it(place):
    await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="First")
    with pytest.raises(Conflict, match=f"already suspended here, since 11 May 2026, by {place.lead.person_name}"):
        await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Second")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("reason", {"reason": "  "}),
        ("lot_code", {"lot_code": "B"}),
        ("until_on", {"until_on": TODAY - timedelta(days=1)}),
        ("rule_key", {"rule_key": "because"}),
    ],
)
async def test_a_suspension_that_cannot_stand_is_refused_by_its_field(place, field, given):
    with pytest.raises(InvalidInput) as refused:
        await actions.suspend(place.lead, place.framework_id, place.provider_id, **({"reason": "Why"} | given))
    assert set(refused.value.fields) == {field}


async def test_only_contract_managers_of_the_framework_suspend(place):
    for actor in (place.manager, place.rival, place.coordinator):
        with pytest.raises(NotPermitted):
            await actions.suspend(actor, place.framework_id, place.provider_id, reason="Why")
    with pytest.raises(NotFound):
        await actions.suspend(place.apart, place.framework_id, place.provider_id, reason="Why")


async def test_the_provider_is_told_what_stays_and_a_rival_is_told_nothing(place, migrator):
    await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Repeated missed visits")
    told = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", place.provider_id)
    assert any("Packages and families you have now go on" in row["sentence"] for row in told)
    theirs = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", place.rival.provider_id)
    assert not any("suspended" in row["sentence"] for row in theirs)
    async with unit_of_work(place.rival, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM suspension") == 0
        assert await work.fetchval("SELECT count(*) FROM admission WHERE provider_id = $1", place.provider_id) == 0


async def test_a_pause_is_the_providers_own_wish_for_one_lot_or_all_and_ends(place, clock):
    pause = await actions.pause(place.manager, place.framework_id, "C", until_on=TODAY + timedelta(days=7))
    assert (await of(place, "C")).state == "paused"
    assert (await of(place, "A")).good
    with pytest.raises(Conflict):
        await actions.pause(place.manager, place.framework_id, "C")
    await actions.resume(place.manager, pause)
    assert (await of(place, "C")).good
    await actions.pause(place.manager, place.framework_id, reason="Office move", until_on=TODAY + timedelta(days=1))
    assert (await of(place, "A")).reasons[0].until == TODAY + timedelta(days=1)
    clock.move(timedelta(days=2))
    assert (await of(place, "A")).good


async def test_nobody_else_pauses_a_provider_and_nobody_resumes_anothers_pause(place):
    pause = await actions.pause(place.manager, place.framework_id)
    with pytest.raises(NotPermitted):
        await actions.pause(place.lead, place.framework_id)
    with pytest.raises(NotPermitted):
        await actions.pause(place.coordinator, place.framework_id)
    with pytest.raises(NotFound):
        await actions.resume(place.rival, pause)


async def test_insurance_and_registration_lapsing_end_good_standing(place):
    await providers.in_good_order(place.manager, insurance_until=TODAY)
    assert (await of(place)).good  # its last day counts
    await providers.in_good_order(place.manager, insurance_until=TODAY - timedelta(days=1), cqc_registered=False)
    found = await of(place)
    assert found.state == "suspended"
    assert found.codes == ("cqc_not_registered", "insurance_lapsed")


async def test_an_award_waits_for_a_suspension_and_then_sees_it(place):
    """The award's side takes the admissions shared, the suspension alone: whoever comes second sees the first."""
    held, seen = asyncio.Event(), []

    async def award() -> None:
        await held.wait()
        async with unit_of_work(place.partner) as work:
            await hold_standing(work, place.framework_id, place.provider_id)
            seen.append((await standing(work, place.framework_id, place.provider_id, "C")).good)

    async def suspend() -> None:
        async with unit_of_work(place.lead) as work:
            await hold_standing(work, place.framework_id, place.provider_id, alone=True)
            held.set()
            while not await work.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0)
            await work.execute(
                "INSERT INTO suspension (framework_id, provider_id, starts_at, reason, imposed_by, imposed_by_name)"
                " VALUES ($1, $2, $3, 'Now', $4, 'Lead')",
                place.framework_id, place.provider_id, work.now, place.lead.person_id,
            )  # fmt: skip

    await asyncio.gather(award(), suspend())
    assert seen == [False]


async def test_what_a_framework_still_misses_shrinks_as_the_provider_declares(place, clock):
    (before,) = await ask(place.manager, queries.on_frameworks, place.provider_id)
    assert "making_it_real" in {item.key for item in before.missing}
    with pytest.raises(InvalidInput):
        await actions.declare(place.manager, ["making_it_real"], TODAY + timedelta(days=1))
    await actions.declare(place.manager, ["making_it_real"], TODAY)
    (after,) = await ask(place.manager, queries.on_frameworks, place.provider_id)
    assert {i.key for i in before.missing} - {i.key for i in after.missing} == {"making_it_real"}
    clock.move(timedelta(days=185))
    (later,) = await ask(place.manager, queries.on_frameworks, place.provider_id)
    assert next(i for i in later.asked if i.key == "making_it_real").state == "due_again"


async def test_a_profile_is_refused_by_field_and_serves_every_framework(place):
    with pytest.raises(InvalidInput) as refused:
        await actions.update_profile(
            place.manager, legal_name=" ", company_number="1", cqc_provider_id="x", cqc_registered=True
        )
    assert set(refused.value.fields) == {"legal_name", "company_number", "cqc_provider_id"}
    with pytest.raises(NotPermitted):
        await actions.update_profile(place.lead, legal_name="Taken over")


async def test_the_effects_of_a_suspension_can_be_asked_before_it_is_done(place):
    effects = await ask(place.lead, queries.suspension_effects, place.framework_id, place.provider_id)
    assert (effects.open_offers, effects.packages, effects.coming_visits) == (0, 0, 0)


async def test_the_story_names_admission_suspension_and_lifting_in_order(place, clock):
    clock.move(timedelta(days=1))
    suspension = await actions.suspend(place.lead, place.framework_id, place.provider_id, "C", reason="Missed visits")
    clock.move(timedelta(days=1))
    await lifting.reinstate(place.lead, suspension, "Plan done")
    told = [each.says for each in await ask(place.lead, latest, place.provider_id)]
    assert told[0].startswith("Its suspension from lot C of") and told[0].endswith("lifted.")
    assert told[1].startswith("It was suspended from new referrals of lot C of")
    assert told[-1].startswith("It applied to lot") and any(each.startswith("It was admitted to") for each in told)
    assert told == [each.says for each in await ask(place.lead, story, place.provider_id)][:10]
    assert await ask(place.apart, latest, place.provider_id) == []
    with pytest.raises(NotFound):
        await ask(place.apart, queries.one_provider, place.provider_id)


async def test_every_reason_says_since_when_and_by_which_rule(place, clock):
    await providers.in_good_order(place.manager, insurance_until=TODAY - timedelta(days=1), cqc_registered=False)
    registration, insurance = (await of(place, "A")).reasons
    assert (registration.since, registration.rule_key) == (TODAY, "cqc_registration")
    assert (insurance.since, insurance.rule_key) == (TODAY, "insurance")
    assert registration.sentence.endswith(f"since 11 May 2026 ({registration.clause})") and registration.clause
    # said again later, it is still since the first day; at both questions over a lot, and on the pages' own
    clock.move(timedelta(days=3))
    await providers.in_good_order(place.manager, insurance_until=TODAY + timedelta(days=90), cqc_registered=False)
    (reason,) = (await of(place, "A")).reasons
    assert reason.since == TODAY
    (shown,) = await ask(place.lead, queries.on_frameworks, place.provider_id)
    assert shown.lots[0][2].reasons == (reason,)
    assert (await ask(place.lead, standings, place.framework_id, "A"))[0].reasons == (reason,)
    # registered again and lapsed again: since the second time; a provider that never was has no such day
    await providers.in_good_order(place.manager, cqc_registered=True)
    clock.move(timedelta(days=2))
    await providers.in_good_order(place.manager, cqc_registered=False)
    assert (await of(place, "A")).reasons[0].since == TODAY + timedelta(days=5)


async def test_a_used_up_restriction_says_since_when_and_whose_it_is(place, clock):
    suspension = await actions.suspend(place.lead, place.framework_id, place.provider_id, reason="Repeated misses")
    clock.move(timedelta(days=1))
    await lifting.reinstate(place.lead, suspension, "Slowly", new_packages=1)
    (record,) = await ask(place.lead, partial(provider_records, lot="C"), place.framework_id, [place.provider_id])
    (limit,) = [replace(hold, given=1) for hold in record.holds]  # its one package has been given
    full = provider_record(record.id, record.name, list(record.admissions), [limit], True, TODAY + timedelta(40), "C")
    now = judge(place.pack, place.framework_id, full, "C", TODAY + timedelta(days=1))
    assert now.state == "restricted"
    assert [(reason.code, reason.since, reason.by) for reason in now.reasons] == [
        ("restriction_used_up", TODAY + timedelta(days=1), place.lead.person_name)
    ]
