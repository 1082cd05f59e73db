"""Cancelling: the price shown is the price charged; what is owed is made up; other times are asked for."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from marketplace.packages import visit_actions, visit_requests
from marketplace.packages.cancellation import PriceChanged, allocation_words, cancelling, charge_words
from marketplace.packages.cancelling import call_off
from marketplace.packages.visit_requests import agree, ask_for_time, decline, request_of, withdraw
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import wall_time
from tests.world import packages, people, referrals

TUESDAY = date(2026, 5, 12)
FIVE = wall_time(TUESDAY, time(17)), wall_time(TUESDAY, time(19))


async def news(migrator, person=None, organisation=None) -> list[str]:
    rows = await migrator.fetch(
        "SELECT sentence FROM notice WHERE person_id = $1 OR organisation_id = $2 AND person_id IS NULL",
        person, organisation,
    )  # fmt: skip
    return [row["sentence"] for row in rows]


async def open_duties(migrator, subject) -> list[str]:
    rows = await migrator.fetch(
        "SELECT rule_key FROM obligation WHERE subject_id = $1 AND met_at IS NULL AND cancelled_at IS NULL", subject
    )
    return [row["rule_key"] for row in rows]


async def test_the_family_cancels_and_everybody_hears_of_it(ready, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    visit, _, _, terms = await ask(ready.family, cancelling, visit_id)
    # two hours at £24; this pack charges nothing
    assert (terms.percent, terms.charged_pence, terms.whole_pence, terms.taken_minutes) == (0, 0, 4800, 0)
    assert charge_words(terms) == "Nothing"
    assert allocation_words(terms) == "Nothing comes off the child's budget"
    with pytest.raises(InvalidInput) as fault:
        await call_off(ready.family, visit_id, version=1, reason=" ")
    assert set(fault.value.fields) == {"reason"}
    with pytest.raises(PriceChanged):
        await call_off(ready.family, visit_id, version=1, reason="Grandma is here", charge_pence=2400)
    assert (await ready.visit(visit_id)).outcome is None
    await call_off(ready.family, visit_id, version=1, reason="Grandma is here", charge_pence=0)
    after = await ready.visit(visit_id)
    assert (after.outcome, after.version) == ("cancelled_by_family", 2)
    assert await migrator.fetchval("SELECT says FROM visit_reason WHERE visit_id = $1", visit_id) == "Grandma is here"
    assert after.notice_at is not None and after.notice_at < visit.planned_start
    said = "is cancelled for the family"
    for heard in (
        await news(migrator, organisation=ready.manager.organisation_id),
        await news(migrator, person=ready.referrer.person_id),
        await news(migrator, person=ready.worker.person_id),
    ):
        assert any(said in sentence for sentence in heard)
    duty = await migrator.fetchrow("SELECT * FROM obligation WHERE subject_id = $1", visit_id)
    assert duty is None or duty["met_at"] is not None
    assert await migrator.fetchval("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    with pytest.raises(WrongState):
        await call_off(ready.family, visit_id, version=2, reason="Again")


async def test_who_may_not_cancel_and_when_it_is_too_late(ready, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    stranger = await referrals.family_of(ready.referrer, await referrals.add_child(
        ready.referrer, "Leo Hart", date(2015, 1, 2), other_names=""))  # fmt: skip
    sees = await referrals.family_of(ready.referrer, ready.child_id, name="Aunt Vera", rights=("see_visits",))
    colleague = await people.person_in(ready.world.admin, "referrer")
    rival = await people.provider_org(ready.world.settings)
    with pytest.raises(NotFound):
        await call_off(stranger, visit_id, version=1, reason="Not mine")
    with pytest.raises(NotPermitted):
        await call_off(sees, visit_id, version=1, reason="I may only look")
    with pytest.raises(NotPermitted):
        await ask_for_time(sees, visit_id, starts_at=FIVE[0], ends_at=FIVE[1], reason="I may only look")
    with pytest.raises(NotPermitted, match="colleague's case"):
        await call_off(colleague, visit_id, version=1, reason="Not my case")
    with pytest.raises(NotFound):
        await visit_actions.cancel_visit(rival, visit_id, version=1, outcome="cancelled_by_provider", reason="Mine")
    with pytest.raises(Conflict, match="changed while you were looking"):
        await call_off(ready.family, visit_id, version=7, reason="Late page")
    clock.move_to(wall_time(TUESDAY, time(16)))
    with pytest.raises(Conflict, match="should have begun"):
        await call_off(ready.family, visit_id, version=1, reason="Too late")


async def test_the_referrer_cancels_for_the_family(ready, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    await call_off(ready.referrer, visit_id, version=1, reason="School trip", charge_pence=0)
    assert (await ready.visit(visit_id)).outcome == "cancelled_by_family"
    assert any("is cancelled" in said for said in await news(migrator, person=ready.family.person_id))
    assert await migrator.fetchval("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0


async def test_what_the_provider_cancels_is_owed_until_it_is_placed_or_not_needed(ready, migrator):
    first, second = await packages.a_visit(ready, TUESDAY), await packages.a_visit(ready, TUESDAY + timedelta(days=1))
    for visit_id in (first, second):
        await visit_actions.cancel_visit(
            ready.manager, visit_id, version=1, outcome="cancelled_by_provider", reason="The worker is ill",
            charge_pence=0,
        )  # fmt: skip
    asked = {row["visit_id"]: row["id"] for row in await migrator.fetch("SELECT * FROM visit_request")}
    assert set(asked) == {first, second}
    assert await open_duties(migrator, asked[first]) == ["task.make_up_visit"]
    with pytest.raises(Conflict, match="is owed"):
        await decline(ready.manager, asked[first], reason="No time")
    with pytest.raises(InvalidInput):
        await agree(ready.manager, asked[first])
    friday = TUESDAY + timedelta(days=3)
    placed = await agree(
        ready.manager, asked[first], starts_at=wall_time(friday, time(16)), ends_at=wall_time(friday, time(18))
    )
    assert (await ready.visit(placed)).planned_start == wall_time(friday, time(16))
    assert await open_duties(migrator, asked[first]) == []
    with pytest.raises(WrongState):
        await agree(ready.manager, asked[first], starts_at=FIVE[0], ends_at=FIVE[1])
    await withdraw(ready.family, asked[second])
    assert await open_duties(migrator, asked[second]) == []
    assert (await ask(ready.family, request_of, asked[second])).request.state == "withdrawn"


async def test_another_time_is_asked_for_agreed_and_declined(ready, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    with pytest.raises(InvalidInput) as fault:
        await ask_for_time(ready.family, visit_id, starts_at=FIVE[1], ends_at=FIVE[0], reason="The dentist")
    assert set(fault.value.fields) == {"ends_at"}
    with pytest.raises(InvalidInput) as fault:
        await ask_for_time(ready.family, visit_id, starts_at=FIVE[0], ends_at=FIVE[1], reason="")
    assert set(fault.value.fields) == {"reason"}
    first = await ask_for_time(ready.family, visit_id, starts_at=FIVE[0], ends_at=FIVE[1], reason="The dentist")
    with pytest.raises(Conflict, match="asked about this visit already"):
        await ask_for_time(ready.referrer, visit_id, starts_at=FIVE[0], ends_at=FIVE[1], reason="The dentist")
    assert await open_duties(migrator, first) == ["task.answer_visit_request"]
    with pytest.raises(InvalidInput):
        await decline(ready.manager, first, reason=" ")
    await decline(ready.manager, first, reason="Nobody is free then")
    assert (await ready.visit(visit_id)).planned_start == wall_time(TUESDAY, time(16))
    second = await ask_for_time(ready.family, visit_id, starts_at=FIVE[0], ends_at=FIVE[1], reason="The dentist")
    with pytest.raises(NotPermitted):
        await agree(ready.family, second)
    assert await agree(ready.manager, second) == visit_id
    moved = await ready.visit(visit_id)
    assert (moved.planned_start, moved.planned_end) == FIVE
    # asked for, then cancelled: what was asked waits no more
    third = await ask_for_time(
        ready.family,
        visit_id,
        starts_at=wall_time(TUESDAY, time(9)),
        ends_at=wall_time(TUESDAY, time(11)),
        reason="Flu",
    )
    await call_off(ready.family, visit_id, version=moved.version, reason="Flu")
    assert (await ask(ready.manager, request_of, third)).request.state == "withdrawn"
    assert await open_duties(migrator, third) == []
    # and a visit instead of the cancelled one
    thursday = TUESDAY + timedelta(days=2)
    again = await ask_for_time(
        ready.family, visit_id, starts_at=wall_time(thursday, time(16)), ends_at=wall_time(thursday, time(18)),
        reason="Better by then",
    )  # fmt: skip
    assert [row["kind"] for row in await ask(ready.manager, visit_requests.open_requests)] == ["again"]
    placed = await agree(ready.manager, again, worker_ids=[ready.worker_id])
    assert (await ready.visit(placed)).planned_start == wall_time(thursday, time(16))
