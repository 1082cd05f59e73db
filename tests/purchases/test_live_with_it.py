"""What a family is told before it calls a bought visit off, what a suspension means to it, what its council watches."""

from __future__ import annotations

import re

import pytest

from marketplace.billing.correction_settling import settle_correction
from marketplace.billing.corrections import answer_correction, propose_correction, put_to_referrer
from marketplace.obligations.queries import my_news
from marketplace.packages import visit_actions
from marketplace.packages.cancellation import PriceChanged
from marketplace.packages.cancelling import call_off
from marketplace.packages.lapsed_cover import decide
from marketplace.packages.outcomes import Given
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.providers import actions
from marketplace.purchases.direct_payments import record_direct_payment
from marketplace.purchases.suspended import tell_of_suspensions
from marketplace.purchases.the_rest import call_off_rest
from marketplace.purchases.watching import counted, watched
from tests.billing.test_pages import text_of
from tests.laid import Start, the_richest
from tests.purchases.test_money_back import HOUR, WEEKDAY, charging, visits
from tests.world import packages, people, purchases, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.bought import buy, settled
from tests.world.door import at


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


async def test_what_comes_back_is_said_before_a_visit_is_called_off(database, settings, case, clock, migrator):
    late, early = await visits(case, 2, 5)
    await buy(migrator, case, [late, early], WEEKDAY, top_up=800)
    clock.move_to((await case.visit(late)).planned_start - HOUR)
    app = create_marketplace(database, clock)
    async with at(app, settings, case.family) as door:
        shown = text_of(await door.get(f"/visits/{late}/cancel"))
        assert (
            "You paid £48.00 for this visit. £24.00 goes back to you, £8.00 of it your own money, the way you paid;"
            " £24.00 is kept for the provider." in shown
        )
        check = await door.post(f"/visits/{late}/cancel", {"version": 1, "reason": "A cold"})
        assert "£24.00 is kept for the provider" in text_of(check)
        shown = text_of(await door.get(f"/visits/{early}/cancel"))
        assert "You paid £48.00 for this visit. All of it goes back to you" in shown


async def test_what_is_left_at_the_end_is_called_off_in_one_go(database, settings, case, clock, migrator):
    late, early, done = chosen = await visits(case, 3, 6, 2)
    bought = await buy(migrator, case, chosen, WEEKDAY)
    clock.move_to((await case.visit(done)).planned_end + HOUR)
    await packages.confirmed(case, done)
    clock.move_to((await case.visit(late)).planned_start - HOUR)
    where = f"/purchases/{bought.purchase_id}"
    async with at(create_marketplace(database, clock), settings, case.family) as door:
        assert "Call off the visits still to come" in text_of(await door.get(where))
        shown = text_of(await door.get(f"{where}/rest"))
        assert "£72.00 goes back to you" in shown and "£24.00 is kept for the provider" in shown
        empty = await door.post(f"{where}/rest", {"kept": 2_400, "reason": ""})
        assert empty.status_code == 400 and "Enter why the visits do not take place" in empty.text
        stale = await door.post(f"{where}/rest", {"kept": 0, "reason": "We move away"})
        assert stale.status_code == 409 and "£24.00 would be kept now" in stale.text
        assert (await door.post(f"{where}/rest", {"kept": 2_400, "reason": "We move away"})).status_code == 303
        await settled(bought)
        shown = text_of(await door.get(where))
        assert "£24.00 is going back to your card" in shown and "£48.00 is going back to your card" in shown
        assert "No visit of this purchase is still to come" in text_of(await door.get(f"{where}/rest"))
        assert "Call off the visits still to come" not in text_of(await door.get(where))  # nothing is left to
    with pytest.raises(Conflict, match="still to come"):
        await call_off_rest(case.family, bought.purchase_id, reason="Again", kept_pence=0)
    for stranger, fault in ((case.manager, NotPermitted), (await people.family_member(case.referrer), NotFound)):
        with pytest.raises(fault):
            await call_off_rest(stranger, bought.purchase_id, reason="Mine", kept_pence=0)
    assert [(await case.visit(each)).outcome for each in (late, early)] == ["cancelled_by_family"] * 2


async def test_families_of_a_suspended_provider_are_told_once_what_it_means(database, settings, case, clock, migrator):
    (visit_id,) = await visits(case, 3)
    bought = await buy(migrator, case, [visit_id], WEEKDAY)
    manager = await people.person_in(case.world.admin, "contract_manager", "Connie Tract")
    assert case.manager.organisation_id is not None
    child = await referrals.add_child(case.referrer, name="Sarah Okonkwo")  # of the same mother, with the same provider
    other = await referrals.family_of(case.referrer, child, "Ada Aunt", rights=purchases.BUYER)
    paid_from = await record_direct_payment(
        case.referrer, child, case.world.framework_id, purchases.terms(["C"]), starts_on=purchases.FIRST_DAY
    )
    sister = purchases.Household(case.world, child, other, other, paid_from)
    await purchases.agreed(sister, case.manager, workers=False)
    await migrator.execute(
        "UPDATE family_grant SET person_id = $1 WHERE child_id = $2 AND person_id = $3",
        case.family.person_id, child, other.person_id,
    )  # fmt: skip
    await actions.suspend(
        manager, case.world.framework_id, case.manager.organisation_id, reason="Records are missing", lot_code=None
    )
    for _ in range(2):
        await tell_of_suspensions(bought.council)
    told = await migrator.fetch(
        "SELECT person_id, sentence, link FROM notice WHERE sentence LIKE '%takes no new families%'"
    )
    assert [row["person_id"] for row in told] == [case.family.person_id] * 2  # once for each child
    payments = (bought.direct_payment_id, paid_from)
    assert {row["link"] for row in told} == {f"/budget/{each}" for each in payments}
    assert all("suspen" not in row["sentence"] and "Records" not in row["sentence"] for row in told)
    async with at(create_marketplace(database, clock), settings, case.family) as door:
        shown = text_of(await door.get(f"/budget/{bought.direct_payment_id}"))
        assert "Alder Care takes no new families at the moment. Your visits with it go on as agreed" in shown
        assert "Records are missing" not in shown
        # where care may not lawfully go on, the page does not say that it does
        await migrator.execute(
            "INSERT INTO standing_ground (framework_id, provider_id, rule_key, code, since, holds,"
            " flags_visits, lots) SELECT framework_id, provider_id, 'insurance_lapsed', 'insurance_lapsed', now(),"
            " false, true, ARRAY[lot_code] FROM package LIMIT 1"
        )
        shown = text_of(await door.get(f"/budget/{bought.direct_payment_id}"))
        assert "may not lawfully go on" in shown and "go on as agreed" not in shown
    await call_off(case.family, visit_id, version=1, reason="Grandma is here")  # everything else goes on
    await settled(bought)
    assert await migrator.fetchval("SELECT sum(pence) FROM refund") == WEEKDAY


async def test_what_may_not_lawfully_go_on_is_called_off_at_no_charge(database, settings, case, clock, migrator):
    soon, later, kept = chosen = await visits(case, 3, 6, 8)
    bought = await buy(migrator, case, chosen, WEEKDAY)
    manager = await people.person_in(case.world.admin, "contract_manager", "Connie Tract")
    clock.move_to((await case.visit(soon)).planned_start - HOUR)
    where = f"/purchases/{bought.purchase_id}/rest"
    app = create_marketplace(database, clock)
    async with at(app, settings, case.family) as door:
        assert "£24.00 is kept for the provider" in text_of(await door.get(where))
    await migrator.execute(
        "INSERT INTO standing_ground (framework_id, provider_id, rule_key, code, since, holds, flags_visits, lots)"
        " SELECT framework_id, provider_id, 'insurance_lapsed', 'insurance_lapsed', now(), false, true, ARRAY[lot_code]"
        " FROM package LIMIT 1"
    )
    async with at(create_console(database, clock), settings, manager) as door:
        path = f"/packages/{case.package_id}/cover"
        shown = text_of(await door.get(path))
        assert "buys them itself: it can call them off at no charge" in shown and "referrer" not in shown
        given = {"goes_on": "no", "reason": "No letter"}
        check = text_of(await door.post(path, given | {"go": "check"}))
        assert "told that visits are stopped for now, not why" in check and "referrer" not in check
        assert (await door.post(path, given | {"go": "decide"})).status_code == 303
    with pytest.raises(InvalidInput):  # nobody looks for cover in the family's place
        await decide(manager, case.package_id, goes_on=False, reason="No letter", emergency_cover=True)
    news = [row["sentence"] for row in await ask(case.family, my_news)]
    assert any("stopped for now. You can call visits off at no charge" in said for said in news)
    assert not any("insur" in said.lower() or "referrer" in said for said in news)  # what was decided, not why
    async with at(app, settings, case.family) as door:
        shown = text_of(await door.get(f"/visits/{soon}/cancel"))
        assert "nothing is charged" in shown and "All of it goes back to you" in shown
        assert "may not lawfully take place at the moment" in shown
        shown = text_of(await door.get(where))
        assert "£144.00 goes back to you" in shown and "so calling them off costs you nothing" in shown
        check = text_of(await door.post(f"/visits/{soon}/cancel", {"version": 1, "reason": "They may not come"}))
        assert check.count("What was paid") == 1 and "Why it costs nothing This visit may not lawfully" in check
        assert "Visits are stopped for now. Expect nobody" in text_of(await door.get("/who-is-coming"))
    await call_off(case.family, soon, version=1, reason="They may not come", charge_pence=0, charge_required=True)
    assert (await case.visit(soon)).outcome == "cancelled_by_provider"
    assert (await case.visit(soon)).notice_at is None
    async with at(app, settings, case.family) as door:
        shown = text_of(await door.get(f"/visits/{soon}"))
        assert "called off by the family while visits are stopped" in shown and "It says: They may not come" in shown
    told = [row["sentence"] for row in await ask(case.manager, my_news)]
    assert any("it counts as your cancellation" in said for said in told)
    await decide(manager, case.package_id, goes_on=True, reason="The letter came")
    assert any("go on as planned" in row["sentence"] for row in await ask(case.family, my_news))
    async with at(app, settings, case.family) as door:
        assert "stopped for now" not in text_of(await door.get("/who-is-coming"))
    clock.move_to((await case.visit(later)).planned_start - HOUR)
    with pytest.raises(PriceChanged):  # from then on the pack's rule holds again
        await call_off(case.family, later, version=1, reason="A cold", charge_pence=0)
    await settled(bought)
    back = await migrator.fetch("SELECT cause, pence FROM refund")
    assert [(row["cause"], row["pence"]) for row in back] == [("cancelled_by_provider", WEEKDAY)]
    assert (await case.visit(kept)).outcome is None


async def test_where_a_family_buys_nobody_speaks_of_a_referrer(database, settings, case, clock, migrator):
    first, second = await visits(case, 2, 3)
    clock.move_to((await case.visit(first)).planned_end + HOUR)
    await packages.delivered(case, first)
    app = create_marketplace(database, clock)
    async with at(app, settings, case.manager) as door:
        shown = text_of(await door.get(f"/visits/{first}/not-signed"))
        assert "stays asked to confirm the visit" in shown and "referrer" not in shown.lower()
        assert "/ask-longer" not in (await door.get(f"/visits/{second}")).text
        sent = {"outcome": "cancelled_by_provider", "reason": "No worker", "version": 1, "step": "check", "charge": "0"}
        after = await door.post(f"/visits/{second}/cancel", sent)
        assert after.status_code == 303
        shown = text_of(await door.get(f"/visits/{second}"))
        assert "Cancelled. The family and workers have been told." in shown
        assert "Make up a visit" not in text_of(await door.get("/duties"))  # the money goes back instead
    async with at(app, settings, case.worker) as door:
        page = await door.get(f"/visits/{first}/not-signed")
        text_hash = re.search(r'name="text_hash" value="([^"]+)"', page.text)
        assert text_hash is not None and "referrer" not in text_of(page).lower()
        code = re.search(r'name="code"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="code"', page.text)
        how = re.search(r'name="shown_how"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="shown_how"', page.text)
        assert code is not None and how is not None
        sent = {"text_hash": text_hash[1], "code": code[1] or code[2], "shown_how": how[1] or how[2]}
        assert (await door.post(f"/visits/{first}/not-signed", sent)).status_code == 303
        shown = text_of(await door.get(f"/visits/{first}"))
        assert "can still confirm it on its own device" in shown and "referrer" not in shown.lower()


async def test_a_correction_that_charges_more_needs_the_familys_yes_and_nobody_elses(
    database, settings, case, clock, migrator
):
    (visit_id,) = await visits(case, 3)
    await call_off(case.family, visit_id, version=1, reason="Grandma is here")
    clock.move_to((await case.visit(visit_id)).planned_start + HOUR)
    given = Given("cancelled_on_arrival")
    version = (await case.visit(visit_id)).version
    made = await propose_correction(
        case.manager, visit_id, given, version=version, reason="The worker stood at the door", charge_pence=WEEKDAY
    )
    with pytest.raises(Conflict, match="decides this itself"):
        await put_to_referrer(case.manager, made, code="nobody_home")
    app = create_marketplace(database, clock)
    async with at(app, settings, case.manager) as door:
        shown = text_of(await door.get(f"/corrections/{made}"))
        assert "Take the proposal back" in shown and "referrer" not in shown
    async with at(app, settings, case.referrer) as door:
        assert "What do you decide?" not in text_of(await door.get(f"/corrections/{made}"))
    await answer_correction(case.family, made, agrees=False, says="We told you two days before")
    assert case.manager.organisation_id is not None
    for _ in range(2):
        await settle_correction(case.manager.organisation_id, made)
    assert await migrator.fetchval("SELECT state FROM correction WHERE id = $1", made) == "declined"
    assert (await case.visit(visit_id)).outcome == "cancelled_by_family"
    assert "not agreed to: the record stays" in "".join(row["sentence"] for row in await ask(case.manager, my_news))
    owed = "SELECT count(*) FROM obligation WHERE subject_id = $1 AND met_at IS NULL AND cancelled_at IS NULL"
    assert await migrator.fetchval(owed, made) == 0


async def test_the_council_watches_spend_hours_and_who_has_nobody(database, settings, case, clock, migrator):
    done, _ = chosen = await visits(case, 2, 4)
    bought = await buy(migrator, case, chosen, WEEKDAY)
    child = await referrals.add_child(case.referrer, name="Noah Reed")
    alone, _ = await purchases.spent_something(case.world, child)
    clock.move_to((await case.visit(done)).planned_end + HOUR)
    await packages.confirmed(case, done)
    await settled(bought)
    finance = await people.person_in(case.world.admin, "finance", "Finn Ance")
    for actor in (case.referrer, finance):
        assert await ask(actor, counted) == (2, 1)
    first, second = await ask(finance, watched)
    assert (first.view.id, first.providers) == (alone, ())
    assert (second.providers, second.bought_minutes, second.delivered_minutes) == (("Alder Care",), 60, 120)
    clock.move_to((await case.visit(chosen[1])).planned_start)
    assert [each.bought_minutes for each in await ask(finance, watched)] == [0, 120]
    await visit_actions.cancel_visit(
        case.manager, chosen[1], version=1, outcome="cancelled_by_provider", reason="No worker"
    )
    await settled(bought)  # all of its money goes back: nothing of it is bought any more
    assert [each.bought_minutes for each in await ask(finance, watched)] == [0, 60]
    async with at(create_console(database, clock), settings, case.referrer) as door:
        assert "family with a direct payment has no provider" in text_of(await door.get("/watch"))
        listed = await door.get("/watch/direct_payments")
        assert "No provider" in text_of(listed) and "2 hours" in text_of(listed) and "pi_1" not in listed.text
        assert "Hours delivered" in (await door.get("/watch/direct_payments?format=csv")).text
    other = await people.council(settings, "Elsewhere Council")
    referrer = await people.person_in(other, "referrer", "Otto Other")
    assert await ask(referrer, counted) == (0, 0) and await ask(referrer, watched) == []
