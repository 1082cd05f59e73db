"""A child's budget: set with a reason, drawn by visits and cancellations, warned of, read by those it concerns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from marketplace.billing.budgets import budget_of, set_allocation, work_out_all
from marketplace.obligations.queries import duties_about
from marketplace.packages import visit_actions
from marketplace.packages.allocations import allocation_now, allocations_of
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.billing.test_api import api, token
from tests.world import packages, people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import visit_done
from tests.world.door import at

__all__ = ["api"]
WHY = "The panel of 5 May agreed it for a year."


def days_of(first, last) -> dict[str, int]:
    return {
        f"{name}-{part}": getattr(on, part)
        for name, on in (("starts_on", first), ("ends_on", last))
        for part in ("day", "month", "year")
    }


def but(good: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {**good, **other}


async def test_a_budget_set_by_pages_drawn_by_visits_and_shown_to_the_family(database, case, clock, finance):
    app, console = create_marketplace(database, clock), create_console(database, clock)
    first = (await case.package()).starts_on
    last = first + timedelta(days=27)
    here = f"/children/{case.child_id}/budget"
    typed = days_of(first, last) | {"unit": "pence", "amount": "1,000", "reason": WHY}
    async with at(app, database, case.referrer) as door:
        assert "No budget is set" in (await door.get(here)).text
        wrong = await door.post(f"{here}/change", typed | {"amount": "lots", "step": "check"})
        assert "Enter how much" in wrong.text and 'value="lots"' in wrong.text and WHY in wrong.text
        check = await door.post(f"{here}/change", typed | {"step": "check"})
        assert "1,000 pounds" in check.text and WHY in check.text
        assert (await door.post(f"{here}/change", typed | {"step": "set"})).status_code == 303
        again = await door.post(f"{here}/change", typed | {"step": "set"})
        assert "The child has an allocation from" in again.text
        await visit_done(case, clock, first)
        await packages.a_visit(case, first + timedelta(days=1))
        shown = (await door.get(here)).text
        assert "£48.00" in shown and "Planned" in shown and "Show as a table" in shown
        _, row, found = await ask(case.referrer, budget_of, case.child_id)
        assert row is not None and found is not None
        # two hours done, two planned; the weekly pattern (Monday and Wednesday) for the rest of the four weeks
        assert (found.figures.spent, found.figures.committed, found.figures.left) == (4800, 4800, 90_400)
        assert found.expected and found.expected >= 7 * 4800 and found.figures.runs_out_on is None
        assert "£1,000.00" in (await door.get(f"/packages/{case.package_id}")).text
        listed = await door.get("/budgets?format=csv")
        assert ",pounds,1000.00,0.00,0.00,1000.00," in listed.text  # as of the day it was set
        hours = typed | {"unit": "minutes", "amount": "7.5", "replaces": row.id}
        assert (await door.post(f"{here}/change", hours | {"step": "set"})).status_code == 303
        assert "7 hours 30 minutes" in (await door.get(here)).text and "Replaced" in (await door.get(here)).text
    rows = await ask(case.referrer, allocations_of, case.child_id)
    assert [(each.unit, each.amount, each.replaced_at is None) for each in rows] == [
        ("minutes", 450, True), ("pence", 100_000, False),
    ]  # fmt: skip
    # eight hours of pattern do not fit into seven and a half: the referrer hears of it, once
    duties = [each for each in await ask(case.referrer, duties_about, rows[0].id) if each["met_at"] is None]
    assert [each["title"] for each in duties] == ["Look at a budget that runs out"]
    async with at(app, database, case.family) as door:
        assert "Your budget" in (await door.get("/who-is-coming")).text
        mine = await door.get(f"/support-budget/{case.child_id}")
        assert "2 hours has been used" in mine.text and "3 hours 30 minutes is left" in mine.text
        assert "used up on" in mine.text
    async with at(console, database, finance) as door:
        assert rows[0].child_reference in (await door.get("/budgets")).text
        assert (await door.get(here)).status_code == 200
    async with at(app, database, case.manager) as door:
        assert (await door.get(here)).status_code in (403, 404)


async def test_a_moved_visit_goes_on_standing_for_its_time_in_the_forecast(case):
    first = (await case.package()).starts_on
    days = {"starts_on": first, "ends_on": first + timedelta(days=27)}
    await set_allocation(case.referrer, case.child_id, **days, unit="minutes", amount=6000, reason=WHY)

    async def whole() -> int | None:
        _, _, found = await ask(case.referrer, budget_of, case.child_id)
        assert found is not None
        return found.figures.forecast

    before = await whole()
    slots = [first + timedelta(days=n) for n in range(7, 14) if (first + timedelta(days=n)).weekday() in (0, 2)]
    visit_id = await packages.a_visit(case, slots[0])  # in the weekly pattern's place
    assert await whole() == before
    for days_on in (1, 3):
        visit = await case.visit(visit_id)
        on = timedelta(days=days_on)
        await visit_actions.move_visit(
            case.manager, visit_id, version=visit.version, starts_at=visit.planned_start + on,
            ends_at=visit.planned_end + on,
        )  # fmt: skip
        assert await whole() == before  # it is the same visit at another time


async def test_figures_follow_the_days_and_nobody_else_reads_or_sets(case, clock, api, settings):
    first = (await case.package()).starts_on
    days = {"starts_on": first, "ends_on": first + timedelta(days=13)}
    good: dict[str, Any] = {**days, "unit": "minutes", "amount": 6000, "reason": WHY}
    made = await set_allocation(case.referrer, case.child_id, **good)
    colleague = await people.person_in(case.world.admin, "referrer")
    for nobody in (colleague, case.manager, case.family):
        with pytest.raises((NotPermitted, NotFound)):
            await set_allocation(nobody, case.child_id, **good)
    for field, wrong in (
        ("unit", "days"), ("amount", 0), ("reason", " "), ("ends_on", first - timedelta(days=1)), ("starts_on", first),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as error:
            await set_allocation(case.referrer, case.child_id, **but(good, **{field: wrong}))
        assert field in error.value.fields
    later = but(good, starts_on=first + timedelta(days=20), ends_on=first + timedelta(days=21), replaces=uuid4())
    with pytest.raises(Conflict, match="changed meanwhile"):
        await set_allocation(case.referrer, case.child_id, **later)
    other = await people.council(settings, "Southmere")
    stranger = await people.person_in(other, "referrer")
    assert await ask(stranger, allocations_of, case.child_id) == []
    assert await ask(case.manager, allocations_of, case.child_id) == []
    assert await ask(await people.family_member(case.referrer), allocations_of, case.child_id) == []

    await visit_done(case, clock, first)
    system = system_for(case.referrer.organisation_id, "commissioner")
    clock.move(timedelta(days=1))
    async with unit_of_work(system) as work:
        assert await work_out_all(work) == 1
    async with unit_of_work(system) as work:
        assert await work_out_all(work) == 0  # once a day
    row = await ask(case.family, allocation_now, case.child_id)
    assert row is not None and (row.id, row.spent, row.left) == (made, 120, 5880)

    mine = await token(api, settings, case.referrer)
    (listed,) = (await api.get("/budgets", headers=mine)).json()
    assert (listed["amount"], listed["spent"], listed["unit"]) == (6000, 120, "minutes")
    whole = (await api.get(f"/children/{case.child_id}/budget", headers=mine)).json()
    assert [visit["amount"] for visit in whole["visits"]] == [120] and whole["unpriced_visits"] == 0
    body = {
        "starts_on": str(first),
        "ends_on": str(first + timedelta(days=13)),
        "unit": "pence",
        "amount": 5,
        "reason": "x",
    }
    set_again = await api.post(f"/children/{case.child_id}/allocations", json=body, headers=mine)
    assert set_again.status_code == 400 and "starts_on" in set_again.text
    changed = await api.post(
        f"/children/{case.child_id}/allocations", json=body | {"replaces": str(made)}, headers=mine
    )
    assert changed.status_code == 201
    theirs = await token(api, settings, stranger)
    assert (await api.get(f"/children/{case.child_id}/budget", headers=theirs)).status_code == 404
    family = await token(api, settings, case.family)
    assert (await api.get(f"/my-children/{case.child_id}/budget", headers=family)).json()["amount"] == 5
