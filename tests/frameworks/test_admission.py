"""Applications, admissions, rate cards and variations: what each side can do, and what nobody else sees."""

import asyncio
from datetime import date, timedelta
from types import SimpleNamespace

import asyncpg
import pytest

from marketplace.frameworks import actions, application_actions, queries, rate_actions, rates
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.pricing import rate_on
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world.frameworks import admitted, applied, draft_framework, flat_rates, open_framework
from tests.world.people import council, person_in, provider_org

TODAY = date(2026, 5, 11)


async def two_councils_two_providers(settings: Settings) -> SimpleNamespace:
    """An open framework led by Northgate with partner Southmere; Kind Hands and Rival Care are providers."""
    admin, partner = await council(settings, "Northgate"), await council(settings, "Southmere")
    framework_id = await open_framework(admin, partners=[partner])
    return SimpleNamespace(
        admin=admin,
        partner=partner,
        stranger=await council(settings, "Eastham"),
        manager=await provider_org(settings, "Kind Hands"),
        rival=await provider_org(settings, "Rival Care"),
        framework_id=framework_id,
        pack=await ask(admin, queries.pack_of, framework_id),
    )


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, world=two_councils_two_providers)


@pytest.fixture
def world(laid: SimpleNamespace) -> SimpleNamespace:
    return laid


async def test_applied_evaluated_admitted_and_the_rates_agreed_from_that_day(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    waiting = await ask(world.admin, queries.applications, world.framework_id, state="submitted")
    assert [(each.provider_name, each.lot_code) for each in waiting] == [("Kind Hands", "C")]
    card = await ask(world.admin, queries.rate_card, waiting[0].card_id)
    assert card.rates == flat_rates(world.pack, "C", TODAY)
    assert await ask(world.manager, queries.rate_card_rows, world.framework_id, world.manager.provider_id) == ()
    starts_on = TODAY + timedelta(days=7)
    admission_id = await application_actions.admit(world.admin, application_id, starts_on)
    admission = await ask(world.manager, queries.admission, admission_id)
    assert (admission.lot_code, admission.starts_on, admission.ends_on) == ("C", starts_on, None)
    rows = await ask(world.manager, queries.rate_card_rows, world.framework_id, world.manager.provider_id, "C")
    assert rate_on(rows, "C", "day_care", "weekday", starts_on) == 2400
    assert {row.from_ for row in rows} == {starts_on}
    assert (await ask(world.manager, queries.application, application_id)).state == "admitted"


async def test_several_lots_at_once_are_decided_one_by_one(world):
    first, second = await applied(world.manager, world.framework_id, ["C", "D"])
    await application_actions.admit(world.admin, first, TODAY)
    await application_actions.refuse(world.admin, second, "No experience of autism yet")
    found = {each.lot_code: each for each in await ask(world.manager, queries.applications)}
    assert (found["C"].state, found["D"].state) == ("admitted", "refused")
    assert found["D"].decision_reason == "No experience of autism yet"
    held = await ask(world.manager, queries.admissions, world.framework_id)
    assert [each.lot_code for each in held] == ["C"]
    await applied(world.manager, world.framework_id, ["D"])  # it may try again


async def test_a_refusal_needs_its_reasons(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    with pytest.raises(InvalidInput) as refused:
        await application_actions.refuse(world.admin, application_id, "  ")
    assert "reason" in refused.value.fields
    assert (await ask(world.admin, queries.application, application_id)).state == "submitted"


async def test_applying_twice_while_one_waits_is_refused_with_a_sentence(world):
    await applied(world.manager, world.framework_id, ["C"])
    with pytest.raises(Conflict, match=r"already applied to Lot C.* waits for its decision"):
        await applied(world.manager, world.framework_id, ["D", "C"])
    assert len(await ask(world.manager, queries.applications)) == 1  # lot D was not kept either


async def test_two_applications_at_once_leave_one(world):
    attempts = await asyncio.gather(
        *(applied(world.manager, world.framework_id, ["C"]) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, list) for each in attempts) == 1
    assert all(isinstance(each, list | Conflict) for each in attempts)
    assert len(await ask(world.manager, queries.applications)) == 1


async def test_an_application_is_decided_once_also_when_two_decide_at_once(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    outcomes = await asyncio.gather(
        application_actions.admit(world.admin, application_id, TODAY),
        application_actions.refuse(world.admin, application_id, "No"),
        application_actions.admit(world.admin, application_id, TODAY),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert sum(isinstance(each, WrongState) for each in outcomes) == 2
    with pytest.raises(WrongState, match=r"cannot be refused now|cannot be admitted now"):
        await application_actions.admit(world.admin, application_id, TODAY)


async def test_a_provider_admitted_to_a_lot_is_not_admitted_twice(world):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    with pytest.raises(Conflict, match="already admitted to Lot C"):
        await applied(world.manager, world.framework_id, ["C"])


async def test_after_its_end_an_admission_can_be_followed_by_another_but_not_overlapped(world, clock):
    (admission_id,) = await admitted(world.admin, world.manager, world.framework_id, ["C"])
    with pytest.raises(InvalidInput) as refused:
        await application_actions.end_admission(world.admin, admission_id, TODAY - timedelta(days=1), "Gone")
    assert "ends_on" in refused.value.fields
    last = TODAY + timedelta(days=30)
    await application_actions.end_admission(world.admin, admission_id, last, "The provider leaves the area")
    with pytest.raises(Conflict, match="set already"):
        await application_actions.end_admission(world.admin, admission_id, last, "Again")
    with pytest.raises(Conflict, match="already admitted"):
        await applied(world.manager, world.framework_id, ["C"])
    clock.move(timedelta(days=31))
    (application_id,) = await applied(world.manager, world.framework_id, ["C"], pence_per_hour=2600)
    with pytest.raises(Conflict, match="already admitted"):  # back-dated into the first
        await application_actions.admit(world.admin, application_id, last)
    with pytest.raises(Conflict, match="already admitted"):  # its check page says so first
        await ask(world.admin, application_actions.check_admission, application_id, last)
    await application_actions.admit(world.admin, application_id, last + timedelta(days=1))
    rows = await ask(world.manager, queries.rate_card_rows, world.framework_id, world.manager.provider_id)
    assert rate_on(rows, "C", "day_care", "weekday", last) == 2400
    assert rate_on(rows, "C", "day_care", "weekday", last + timedelta(days=1)) == 2600


async def test_withdrawn_is_gone_with_its_rates_and_another_may_follow(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    with pytest.raises(NotFound):
        await application_actions.withdraw_application(world.rival, application_id)
    await application_actions.withdraw_application(world.manager, application_id)
    with pytest.raises(WrongState):
        await application_actions.admit(world.admin, application_id, TODAY)
    with pytest.raises(WrongState):
        await application_actions.withdraw_application(world.manager, application_id)
    card = await ask(world.manager, queries.rate_card, (await ask(world.manager, queries.applications))[0].card_id)
    assert card.state == "withdrawn"
    await applied(world.manager, world.framework_id, ["C"])


async def test_every_rate_of_the_grid_is_asked_for_and_named(world):
    bid = flat_rates(world.pack, "C", TODAY)
    bid.pop(("waking_night", "sunday"))
    bid["day_care", "weekday"] = 0
    bid["day_care", "saturday"] = 10_000_000
    bid["gardening", "weekday"] = 1000
    with pytest.raises(InvalidInput) as refused:
        await application_actions.apply(world.manager, world.framework_id, {"C": bid}, "We can")
    assert set(refused.value.fields) == {
        "rate.C.waking_night.sunday", "rate.C.day_care.weekday", "rate.C.day_care.saturday", "rate.C.gardening.weekday",
    }  # fmt: skip
    assert "Enter the rate for Waking night, Sunday" in refused.value.fields["rate.C.waking_night.sunday"]
    assert await ask(world.manager, queries.applications) == []


async def test_wrong_lots_and_missing_statements_are_named(world):
    for bids in ({}, {"Z": {}}):
        with pytest.raises(InvalidInput) as refused:
            await application_actions.apply(world.manager, world.framework_id, bids, "We can")
        assert set(refused.value.fields) == {"lots"}
    with pytest.raises(InvalidInput) as refused:
        await applied(world.manager, world.framework_id, ["C"], statement=" ")
    assert set(refused.value.fields) == {"statement"}


async def test_a_draft_or_closed_or_ended_framework_takes_no_applications(world, clock):
    draft = await draft_framework(world.admin, name="Not yet")
    with pytest.raises(NotFound):
        await applied(world.manager, draft, ["C"])
    ending = await open_framework(world.admin, name="Ends soon", ends_on=TODAY)
    await applied(world.manager, ending, ["C"])  # its last day counts
    clock.move(timedelta(days=1))
    with pytest.raises(Conflict, match="takes no applications now"):
        await applied(world.manager, ending, ["D"])
    assert ending not in {each.id for each in await ask(world.manager, queries.open_frameworks)}
    (waiting,) = await applied(world.manager, world.framework_id, ["C"])
    await actions.close_framework(world.admin, world.framework_id, "Full")
    with pytest.raises(Conflict, match="takes no applications now"):
        await applied(world.rival, world.framework_id, ["C"])
    await application_actions.admit(world.admin, waiting, TODAY + timedelta(days=1))  # what waits is still decided


async def test_an_admission_starts_within_the_framework(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    with pytest.raises(InvalidInput) as refused:
        await application_actions.admit(world.admin, application_id, TODAY - timedelta(days=1))
    assert "11 May 2026, when the framework opened" in refused.value.fields["starts_on"]


async def test_a_partner_reads_but_cannot_decide_for_the_lead(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    assert (await ask(world.partner, queries.application, application_id)).provider_name == "Kind Hands"
    for attempt in (
        application_actions.admit(world.partner, application_id, TODAY),
        application_actions.refuse(world.partner, application_id, "No"),
    ):
        with pytest.raises(NotPermitted, match="Only Northgate"):
            await attempt
    admission_id = await application_actions.admit(world.admin, application_id, TODAY)
    with pytest.raises(NotPermitted):
        await application_actions.end_admission(world.partner, admission_id, TODAY, "No")


async def test_only_administrators_decide_and_only_managers_apply(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    for role in ("referrer", "contract_manager", "finance"):
        with pytest.raises(NotPermitted):
            await application_actions.admit(await person_in(world.admin, role), application_id, TODAY)
    with pytest.raises(NotPermitted):
        await application_actions.admit(world.manager, application_id, TODAY)
    with pytest.raises(NotPermitted):
        await applied(await person_in(world.manager, "coordinator"), world.framework_id, ["D"])


async def test_a_rival_and_another_commissioner_see_nothing_of_it(world):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    (application_id,) = await applied(world.manager, world.framework_id, ["D"])
    admission = (await ask(world.manager, queries.admissions))[0]
    cards = await ask(world.manager, queries.rate_cards)
    await admitted(world.admin, world.rival, world.framework_id, ["C"])  # being on the same lot opens nothing
    for other in (world.rival, world.stranger):
        mine = other.provider_id
        assert {each.provider_id for each in await ask(other, queries.applications)} <= {mine}
        assert {each.provider_id for each in await ask(other, queries.admissions)} <= {mine}
        assert {each.provider_id for each in await ask(other, queries.rate_cards)} <= {mine}
        assert await ask(other, queries.rate_card_rows, world.framework_id, world.manager.provider_id) == ()
        with pytest.raises(NotFound):
            await ask(other, queries.application, application_id)
        with pytest.raises(NotFound):
            await ask(other, queries.admission, admission.id)
        with pytest.raises(NotFound):
            await ask(other, queries.rate_card, cards[0].id)
        for table in ("application", "admission", "rate_card", "rate"):
            async with unit_of_work(other, read_only=True) as work:
                rows = await work.fetch(f"SELECT 1 FROM {table} WHERE provider_id = $1", world.manager.provider_id)
                assert rows == []
    for attempt in (
        application_actions.admit(world.stranger, application_id, TODAY),
        application_actions.withdraw_application(world.rival, application_id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_provider_cannot_admit_itself_or_rewrite_its_rates_in_sql(world):
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    await admitted(world.admin, world.manager, world.framework_id, ["D"])
    attempts = (
        "UPDATE application SET state = 'admitted', decided_at = now() WHERE provider_id = $1",
        "UPDATE rate_card SET state = 'agreed', decided_at = now() WHERE provider_id = $1",
        "UPDATE rate SET pence_per_hour = 9900 WHERE provider_id = $1",
        "DELETE FROM rate WHERE provider_id = $1",
        "INSERT INTO admission (framework_id, provider_id, lot_code, starts_on)"
        " SELECT framework_id, $1, lot_code, '2026-05-11' FROM application LIMIT 1",
        "INSERT INTO rate (framework_id, rate_card_id, provider_id, activity, band, pence_per_hour)"
        " SELECT framework_id, id, $1, 'extra', 'weekday', 9900 FROM rate_card WHERE state = 'agreed'",
    )
    for statement in attempts:
        try:
            async with unit_of_work(world.manager) as work:
                outcome = await work.execute(statement, world.manager.provider_id)
        except asyncpg.InsufficientPrivilegeError:
            continue
        assert outcome.endswith(" 0"), statement
    assert (await ask(world.admin, queries.application, application_id)).state == "submitted"


# --- variations -------------------------------------------------------------------------------------------------------


async def propose(world, pence: int = 2700, applies_from: date = TODAY + timedelta(days=20), lot: str = "C"):
    bid = flat_rates(world.pack, lot, TODAY, pence)
    return await rate_actions.propose_rates(world.manager, world.framework_id, lot, bid, applies_from, "Wages rose")


async def test_new_rates_count_from_their_day_once_agreed(world):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    card_id = await propose(world)
    rows = await ask(world.admin, queries.rate_card_rows, world.framework_id, world.manager.provider_id)
    assert rate_on(rows, "C", "day_care", "weekday", TODAY + timedelta(days=60)) == 2400
    with pytest.raises(NotPermitted):
        await rate_actions.agree_rates(world.partner, card_id)
    await rate_actions.agree_rates(world.admin, card_id)
    rows = await ask(world.admin, queries.rate_card_rows, world.framework_id, world.manager.provider_id)
    assert rate_on(rows, "C", "day_care", "weekday", TODAY + timedelta(days=19)) == 2400
    assert rate_on(rows, "C", "day_care", "weekday", TODAY + timedelta(days=20)) == 2700
    with pytest.raises(WrongState):
        await rate_actions.refuse_rates(world.admin, card_id, "Too late")


async def test_a_refused_proposal_changes_nothing_and_says_why(world):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    card_id = await propose(world)
    with pytest.raises(InvalidInput):
        await rate_actions.refuse_rates(world.admin, card_id, "")
    await rate_actions.refuse_rates(world.admin, card_id, "Above the budget")
    card = await ask(world.manager, queries.rate_card, card_id)
    assert (card.state, card.decision_reason) == ("refused", "Above the budget")
    rows = await ask(world.manager, queries.rate_card_rows, world.framework_id, world.manager.provider_id)
    assert {row.from_ for row in rows} == {TODAY}
    await propose(world, 2500)


async def test_one_proposal_waits_at_a_time_and_can_be_taken_back(world):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    card_id = await propose(world)
    with pytest.raises(Conflict, match="already proposed"):
        await propose(world, 2800)
    with pytest.raises(NotFound):
        await rate_actions.withdraw_rates(world.rival, card_id)
    await rate_actions.withdraw_rates(world.manager, card_id)
    await propose(world, 2800)


async def test_rates_do_not_change_for_days_gone_by(world, clock):
    await admitted(world.admin, world.manager, world.framework_id, ["C"])
    with pytest.raises(InvalidInput) as refused:
        await propose(world, applies_from=TODAY)
    assert "must be after today" in refused.value.fields["applies_from"]
    card_id = await propose(world, applies_from=TODAY + timedelta(days=1))
    clock.move(timedelta(days=2))
    with pytest.raises(Conflict, match="has passed"):
        await rate_actions.agree_rates(world.admin, card_id)


async def test_rates_are_proposed_only_by_those_admitted(world):
    with pytest.raises(NotFound, match="not admitted"):
        await propose(world)
    (application_id,) = await applied(world.manager, world.framework_id, ["C"])
    card_id = (await ask(world.manager, queries.application, application_id)).card_id
    for attempt in (
        rate_actions.withdraw_rates(world.manager, card_id),
        rate_actions.agree_rates(world.admin, card_id),
    ):
        with pytest.raises(Conflict, match="belong to an application"):
            await attempt


async def test_both_sides_are_told_and_the_duty_to_decide_comes_and_goes(world, migrator):
    async def told(actor) -> list[str]:
        rows = await migrator.fetch(
            "SELECT sentence FROM notice WHERE organisation_id = $1 ORDER BY at, id", actor.organisation_id
        )
        return [row["sentence"] for row in rows]

    async def duties() -> list[tuple[str, bool, bool]]:
        rows = await migrator.fetch("SELECT * FROM obligation ORDER BY starts_at, id")
        return [(row["rule_key"], row["met_at"] is not None, row["cancelled_at"] is not None) for row in rows]

    first, second = await applied(world.manager, world.framework_id, ["C", "D"])
    assert "Kind Hands applied to Care and support framework (lots C, D)." in await told(world.admin)
    assert await duties() == [(application_actions.DECIDE, False, False)] * 2
    await application_actions.admit(world.admin, first, TODAY)
    await application_actions.withdraw_application(world.manager, second)
    assert sorted(await duties()) == [
        (application_actions.DECIDE, False, True),
        (application_actions.DECIDE, True, False),
    ]
    assert any("admitted you to Lot C" in sentence for sentence in await told(world.manager))
    assert await told(world.rival) == []


async def test_the_grid_leaves_no_rate_out(world):
    shape = rates.grid(world.pack, "A", TODAY)
    assert len(shape.cells()) == 5 * 4
    assert shape.title.startswith("Lot A")
