"""A longer visit: asked for beforehand by the provider, decided by the referrer, said with its reason on the visit."""

from __future__ import annotations

from datetime import date, time, timedelta

import asyncpg
import pytest

from marketplace.packages import overrun_decisions
from marketplace.packages.cancelling import call_off
from marketplace.packages.overruns import ask_longer
from marketplace.packages.visit_requests import ask_for_time, request_of, withdraw
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import wall_time
from tests.billing.test_api import api, token
from tests.packages.test_cancelling import news, open_duties
from tests.packages.test_cancelling_pages import text_of
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.door import at

__all__ = ["api"]
TUESDAY = date(2026, 5, 12)
WHY = "The pool is far away that day."


def clock_at(hour: int, minute: int = 0):
    return wall_time(TUESDAY, time(hour, minute))


async def test_asked_refused_asked_again_and_approved_through_the_pages(ready, settings, migrator, api):
    visit_id = await packages.a_visit(ready, TUESDAY)
    app = create_marketplace(settings)
    where, page = f"/visits/{visit_id}/ask-longer", f"/visits/{visit_id}"
    async with at(app, settings, ready.manager) as door:
        assert "Ask for a longer visit" in text_of(await door.get(page))
        wrong = await door.post(where, {"end": "17:30", "reason": WHY})
        assert "Enter an end after the planned one, 6pm" in text_of(wrong) and WHY in wrong.text
        assert "Error" in text_of(await door.post(where, {"end": "19:00", "reason": " "}))
        assert (await door.post(where, {"end": "19:00", "reason": WHY})).status_code == 303
        shown = text_of(await door.get(page))
        assert f"A longer visit : asked for until 7pm Waits for the referrer {WHY}" in shown
        assert "Ask for a longer visit" not in shown and "Answer it" not in shown
        twice = await door.post(where, {"end": "19:00", "reason": WHY})
        assert "the referrer answers that first" in text_of(twice)
        assert (await door.client.get("/api/v1/visit-requests")).json() == []  # nothing for the provider to answer
    assert await open_duties(migrator, visit_id) == ["task.approve_overrun"]
    assert any("A longer visit" in said for said in await news(migrator, person=ready.referrer.person_id))
    async with at(app, settings, ready.referrer) as door:
        assert "The provider asks for a longer visit." in text_of(await door.get(page))
        deciding = text_of(await door.get(f"{page}/longer"))
        assert "last until 7pm" in deciding and WHY in deciding
        assert "Error" in text_of(await door.post(f"{page}/longer", {"decision": "refuse", "reason": ""}))
        refused = {"decision": "refuse", "reason": "The bus is quicker."}
        assert (await door.post(f"{page}/longer", refused)).status_code == 303
        assert "The referrer says: The bus is quicker." in text_of(await door.get(page))
    assert await open_duties(migrator, visit_id) == []
    async with at(app, settings, ready.family) as door:
        seen = text_of(await door.get(page))
        assert "The referrer says: The bus is quicker." in seen and "Not needed any more" not in seen
        assert (await door.get(where)).status_code == 403
    async with at(app, settings, ready.manager) as door:
        assert "Declined" in text_of(await door.get(page))
    body = {"ends_at": clock_at(18, 30).isoformat(), "reason": "Half an hour then"}
    mine = await token(api, settings, ready.manager)
    assert (await api.post(f"/visits/{visit_id}/ask-longer", json=body, headers=mine)).status_code == 201
    theirs = await token(api, settings, ready.family)
    assert (await api.post(f"/visits/{visit_id}/ask-longer", json=body, headers=theirs)).status_code == 403
    await overrun_decisions.approve_overrun(ready.referrer, visit_id)
    async with at(app, settings, ready.manager) as door:
        asked = (await door.client.get(f"/api/v1/visits/{visit_id}/requests")).json()
        assert sorted((each["kind"], each["state"], each["answer"]) for each in asked) == [
            ("longer", "agreed", "30 minutes longer than planned."), ("longer", "declined", "The bus is quicker."),
        ]  # fmt: skip
    with pytest.raises(WrongState):
        await ask_longer(ready.manager, visit_id, ends_at=clock_at(20), reason="More still")


async def test_nobody_else_asks_or_answers_and_what_is_moot_closes(ready, settings, clock, migrator):
    visit_id = await packages.a_visit(ready, TUESDAY)
    rival = await people.provider_org(settings)
    elsewhere = await people.person_in(await people.council(settings, name="Southmere Council"), "referrer")
    for stranger, error in ((rival, NotFound), (ready.family, NotPermitted), (ready.referrer, NotPermitted)):
        with pytest.raises(error):
            await ask_longer(stranger, visit_id, ends_at=clock_at(19), reason=WHY)
    with pytest.raises(InvalidInput) as fault:
        await ask_longer(ready.manager, visit_id, ends_at=clock_at(16) + timedelta(days=9), reason="")
    assert set(fault.value.fields) == {"ends_at", "reason"}
    made = await ask_longer(ready.manager, visit_id, ends_at=clock_at(19), reason=WHY)
    with pytest.raises(NotFound):
        await overrun_decisions.refuse_overrun(elsewhere, visit_id, reason="Not mine")
    with pytest.raises(NotPermitted):
        await overrun_decisions.approve_overrun(ready.manager, visit_id)
    for reader in (ready.manager, ready.family):  # it is decided on the visit, and nowhere else
        with pytest.raises(NotFound):
            await ask(reader, request_of, made)
    with pytest.raises(NotFound):
        await withdraw(ready.family, made)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):  # nor by the provider below its pages
        async with unit_of_work(ready.manager) as work:
            await work.execute(
                """UPDATE visit_request SET state = 'agreed', new_visit_id = visit_id, answered_by = asked_by,
                   answered_at = asked_at WHERE id = $1""",
                made,
            )
    # the family asks for another time beside it, then needs the visit no more: both end
    await ask_for_time(ready.family, visit_id, starts_at=clock_at(9), ends_at=clock_at(11), reason="Flu")
    await call_off(ready.family, visit_id, version=1, reason="Flu")
    states = "SELECT kind, state FROM visit_request WHERE visit_id = $1 ORDER BY kind"
    assert [tuple(row) for row in await migrator.fetch(states, visit_id)] == [
        ("longer", "withdrawn"), ("move", "withdrawn"),
    ]  # fmt: skip
    assert await open_duties(migrator, visit_id) == []
    # done in the planned time after all: nothing to decide
    second = await packages.a_visit(ready, TUESDAY, time(19), time(20))
    await ask_longer(ready.manager, second, ends_at=clock_at(21), reason=WHY)
    clock.move_to(clock_at(20, 10))
    with pytest.raises(Conflict, match="should have ended"):
        third = await packages.a_visit(ready, TUESDAY, time(8), time(9))
        await ask_longer(ready.manager, third, ends_at=clock_at(10), reason=WHY)
    await packages.delivered(ready, second)
    assert [tuple(row) for row in await migrator.fetch(states, second)] == [("longer", "withdrawn")]
    assert "task.approve_overrun" not in await open_duties(migrator, second)
    # longer all the same, and refused afterwards: the reason stands on the visit too
    fourth = await packages.a_visit(ready, TUESDAY, time(10), time(11))
    await packages.delivered(ready, fourth, end=clock_at(11, 30))
    await overrun_decisions.refuse_overrun(ready.referrer, fourth, reason="Nobody asked")
    async with at(create_marketplace(settings), settings, ready.manager) as door:
        assert "The referrer says: Nobody asked" in text_of(await door.get(f"/visits/{fourth}"))
