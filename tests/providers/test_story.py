"""A provider's history reads as a story, to each as far as it may; a suspension's audit trail explains it in order."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound
from marketplace.providers import actions, causes, lifting, plan_actions, plans
from marketplace.providers.story import by_month, story
from tests.providers.conftest import Place
from tests.structure.inhabited import bearer
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

FACTS = "Three incidents in a month: I-1, I-2, I-3"


async def lived_through(place: Place, clock: FrozenClock) -> UUID:
    """A proposal turned down, one that suspends, a plan, its end for a lot with a limit, then the whole; a pause."""
    referrer = await people.person_in(place.lead, "referrer", "Rea Ferrer")
    ground = {"rule_key": "repeated_incidents"}
    first = await causes.propose(referrer, place.framework_id, place.provider_id, facts="A rumour", **ground)
    await causes.decide_cause(place.lead, first, suspend=False, reason="Not so")
    clock.move(timedelta(days=25))  # into June
    second = await causes.propose(referrer, place.framework_id, place.provider_id, facts=FACTS, **ground)
    suspension = await causes.decide_cause(place.lead, second, suspend=True, reason="A pattern")
    assert suspension is not None
    clock.move(timedelta(days=1))
    await plan_actions.answer(place.manager, suspension, "We have trained everybody.")
    action = await plan_actions.ask_action(
        place.lead, suspension, title="Train the team", due_on=clock.at.date() + timedelta(days=10)
    )
    clock.move(timedelta(days=2))
    await plan_actions.say_done(place.manager, action, "Done on Monday.")
    await plan_actions.sign_off(place.lead, action, "Seen.")
    clock.move(timedelta(days=1))
    await lifting.reinstate(place.lead, suspension, "Lot A first", lots=["A"], new_packages=2)
    clock.move(timedelta(days=1))
    view = await ask(place.lead, plans.suspension, suspension)
    for part, _ in view.parts:
        await lifting.reinstate(place.lead, part, "All is well")
    await actions.pause(place.manager, place.framework_id, "C", reason="Full")
    return suspension


async def test_it_reads_as_a_story_to_the_council_and_without_what_it_must_not_see_to_the_provider(place, clock):
    await lived_through(place, clock)
    told = list(reversed(await ask(place.lead, story, place.provider_id)))
    says = [each.says for each in told]
    name = "Care and support framework"
    wanted = [
        f"A suspension was proposed on {name} (P 13.7).",
        "A contract manager decided not to suspend on that ground (P 13.7).",
        f"A suspension was proposed on {name} (P 13.7).",
        "A contract manager decided to suspend on that ground (P 13.7).",
        f"It was suspended from new referrals of {name} (P 13.7).",
        "Answered.", "Asked for an action: Train the team.", "Said that it is done: Train the team.",
        "Signed it off: Train the team.", f"Its suspension from {name} was lifted for some lots.",
        f"The suspension went on for lot C of {name}.", f"It was restricted to 2 new packages on lot A of {name}.",
        f"Its suspension from lot C of {name} was lifted.",
        f"It paused new referrals of lot C of {name} by its own wish.",
    ]  # fmt: skip
    assert [each for each in says if each in wanted] == wanted
    assert any(each.startswith("It was admitted to lot C") for each in says)
    assert all(each.says.endswith(".") for each in told)
    months = by_month(list(reversed(told)))
    assert [month.first.strftime("%B") for month in months][:2] == ["June", "May"]
    suspended = next(each for each in told if each.says.startswith("It was suspended"))
    assert suspended.by == place.lead.person_name and "I-1, I-2" in suspended.why and "A pattern" in suspended.why

    own = await ask(place.manager, story, place.provider_id)
    assert not any("rumour" in each.sentence or "not to suspend" in each.says for each in own)
    assert any("decided to suspend" in each.says and each.why == "A pattern" for each in own)
    assert {each.says for each in own} < set(says)
    plan = await ask(place.lead, story, place.provider_id, kind="plan")
    assert {each.kind for each in plan} == {"plan"} and len(plan) == 4
    assert await ask(place.partner, story, place.provider_id)  # a member of the framework reads the lead's
    for nobody in (place.rival, place.apart):
        with pytest.raises(NotFound):
            await ask(nobody, story, place.provider_id)


async def test_a_proposal_that_waits_is_not_the_providers_to_read(place):
    referrer = await people.person_in(place.lead, "referrer")
    await causes.propose(
        referrer, place.framework_id, place.provider_id, rule_key="repeated_incidents", facts=FACTS
    )  # fmt: skip
    assert any(each.why == FACTS for each in await ask(place.lead, story, place.provider_id))
    assert not any(each.why == FACTS for each in await ask(place.manager, story, place.provider_id))


async def test_pages_file_and_api_with_the_standing_on_a_past_day(place, database, clock):
    await lived_through(place, clock)
    async with at(create_console(database, clock), database, place.lead) as door:
        path = f"/providers/{place.provider_id}/story"
        shown = (await door.get(path)).text
        assert "June 2026" in shown and "I-1, I-2" in shown and "As it stood" not in shown
        past = (await door.get(f"{path}?day-day=6&day-month=6&day-year=2026&kind=standing")).text
        assert "As it stood on" in past and "suspended from new referrals since 5 June 2026" in past
        assert "was lifted" not in past and "Train the team" not in past
        wrong = (await door.get(f"{path}?day-day=31&day-month=2&day-year=2026")).text
        assert "There is a problem" in wrong and 'value="31"' in wrong
        assert "There is a problem" in (await door.get(f"{path}?day-day=1&day-month=1&day-year=2027")).text
        file = (await door.get(f"{path}?format=csv&kind=plan")).text
        assert file.count("\r\n") == 5 and "Train the team" in file
        assert (await door.get(f"{path}?kind=x&framework=x&time=noon")).status_code == 200
        assert (await door.get(f"/providers/{place.lead.organisation_id}/story")).status_code == 404
        api = f"/api/v1/providers/{place.provider_id}/story"
        told = (await door.client.get(f"{api}?kind=plan", headers=await bearer(database, place.lead))).json()
        assert [each["kind"] for each in told] == ["plan"] * 4
        past = (await door.client.get(f"{api}?at=2026-06-06T01:00:00Z")).json()
        assert past[0]["says"].startswith("It was suspended")
    async with at(create_marketplace(database, clock), database, place.manager) as door:
        shown = (await door.get("/standing/story?day-day=6&day-month=6&day-year=2026")).text
        assert "suspended from new referrals since 5 June 2026" in shown and "rumour" not in shown
        assert len((await door.client.get("/api/v1/standing/story")).json()) > 8
        assert (await door.get(f"/providers/{place.provider_id}/story")).status_code in (403, 404)
    async with at(create_marketplace(database, clock), database, place.rival) as door:
        assert "I-1" not in (await door.get("/standing/story")).text


async def test_the_audit_trail_explains_a_suspension_in_order(place, clock, migrator):
    suspension = await lived_through(place, clock)

    async def trail(organisation_id):
        return await migrator.fetch(
            "SELECT action, person_name, details FROM audit_entry WHERE organisation_id = $1 AND (subject_id = $2"
            " OR details ->> 'suspension' = $3 OR subject_id::text = $3) AND action ~"
            " '^(suspension|plan_action|provider[.](suspended|reinstated|restricted|paused))' ORDER BY seq",
            organisation_id, place.provider_id, str(suspension),
        )  # fmt: skip

    rows = await trail(place.lead.organisation_id)
    assert [row["action"] for row in rows] == [
        "suspension.cause", "suspension.cause_decided",  # what was turned down stays told
        "suspension.cause", "provider.suspended", "suspension.cause_decided", "plan_action.asked",
        "plan_action.signed_off", "provider.reinstated", "provider.restricted", "provider.reinstated",
    ]  # fmt: skip
    proposed, imposed, decided = rows[2:5]
    assert proposed["person_name"] == "Rea Ferrer" and proposed["details"]["clause"] == "P 13.7"
    assert imposed["details"]["rule"] == "repeated_incidents" and imposed["details"]["suspension"] == str(suspension)
    assert imposed["details"]["pack"] and imposed["details"]["lot"] is None
    assert decided["details"]["cause"] == proposed["details"]["cause"] and decided["details"]["suspended"] is True
    assert {row["person_name"] for row in rows if row is not proposed and row is not rows[0]} == {
        place.lead.person_name
    }
    partly, limit, whole = rows[-3:]
    assert partly["details"]["lots"] == ["A"] and partly["details"]["goes_on_for"] == ["C"]
    assert limit["details"]["new_packages"] == 2 and whole["details"]["lot"] == "C"
    # what the provider did stands in its own chain
    own = [row["action"] for row in await trail(place.provider_id)]
    assert own == ["suspension.answered", "plan_action.done", "provider.paused"]
