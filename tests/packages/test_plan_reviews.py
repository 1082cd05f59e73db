"""The review of a care plan: owed by the pack's months, recorded, sent back, signed off; the next one owed from it."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from marketplace.obligations.queries import my_duties
from marketplace.packages import plan_actions, review_queries, reviewing
from marketplace.packages.reviewing import Finding, owe_reviews, record_review
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, NotPermitted
from tests.obligations.conftest import as_worker
from tests.structure.inhabited import bearer
from tests.world import packages, people, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.door import at

TUESDAY = date(2026, 5, 12)
OUTCOMES = "Two afternoons a week outdoors.\n- Sleeps through the night\n"
AUTUMN = datetime(2026, 8, 25, 9, tzinfo=UTC)


def said(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def typed(day: date, plan_id: object, **changed: str) -> dict[str, str]:
    return {
        "held_on-day": str(day.day), "held_on-month": str(day.month), "held_on-year": str(day.year),
        "took_part": "Mother, the worker and the child", "grade-0": "reached", "says-0": "Every week",
        "grade-1": "not_yet", "says-1": "Wakes at three", "says": "", "goes_on": "no", "plan_id": str(plan_id),
        "go": "check",
    } | changed  # fmt: skip


async def owed(actor: Actor) -> dict[str, str]:
    return {row["rule_key"]: row["link"] for row in await ask(actor, my_duties)}


async def test_from_the_first_visit_to_the_next_review(case, database, clock, migrator) -> None:
    plan_id = await packages.signed_plan(case, outcomes=OUTCOMES)
    provider = case.manager.provider_id
    visit = await packages.a_visit(case, TUESDAY)
    app, console, here = (
        create_marketplace(database, clock),
        create_console(database, clock),
        f"/packages/{case.package_id}",
    )
    async with at(app, database, case.manager) as office:
        assert (await office.get(f"{here}/review")).status_code == 409, "nothing to review before the first visit"
    clock.move_to((await case.visit(visit)).planned_end + timedelta(hours=1))
    await packages.delivered(case, visit)
    assert await owe_reviews(provider) == 0, "six months are far away"
    clock.move_to(AUTUMN)
    async with as_worker(database, clock):
        assert await owe_reviews(provider) == 1
        assert await owe_reviews(provider) == 0, "once"
    [duty] = [row for row in await ask(case.manager, my_duties) if row["rule_key"] == "plan_review"]
    assert (duty["due_at"], duty["link"]) == (datetime(2026, 11, 13, tzinfo=UTC), f"{here}/review")
    assert duty["owed_to"] == case.referrer.organisation_id
    council = await people.person_in(case.referrer, "contract_manager")
    colleague = await people.person_in(case.referrer, "referrer")
    uncle = await referrals.family_of(case.referrer, case.child_id, rights=("see_visits",))

    async with at(app, database, case.manager) as office:
        page = said((await office.get(here)).text)
        assert "The next review is due by" in page and "Record a review" in page
        shown = said((await office.get(f"{here}/review")).text)
        assert "Outcome 2" in shown and "Sleeps through the night" in shown
        for wrong, sentence in (
            ({"took_part": " "}, "Enter who took part"), ({"grade-1": ""}, "how it is with outcome 2"),
            ({"goes_on": ""}, "how it goes on"), ({"held_on-year": "2027"}, "no later than today"),
        ):  # fmt: skip
            refused = await office.post(f"{here}/review", typed(AUTUMN.date(), plan_id, **wrong))
            assert refused.status_code == 400 and sentence in said(refused.text) and "Wakes at three" in refused.text
        early = await office.post(f"{here}/review", typed(TUESDAY, plan_id))
        assert "must be after 12 May 2026" in said(early.text)
        other = await office.post(f"{here}/review", typed(AUTUMN.date(), case.package_id, go="record"))
        assert "not the one you opened" in said(other.text)
        check = await office.post(f"{here}/review", typed(AUTUMN.date(), plan_id))
        assert "Not yet" in check.text and "A new version of the plan is written" in said(check.text)
        changed = await office.post(f"{here}/review", typed(AUTUMN.date(), plan_id, go="change"))
        assert "Every week" in changed.text and "Check the review" in changed.text
        made = await office.post(f"{here}/review", typed(AUTUMN.date(), plan_id, go="record"))
        assert made.status_code == 303
        twice = await office.post(f"{here}/review", typed(AUTUMN.date(), plan_id, go="record"))
        assert twice.status_code == 409
        review_page = made.headers["location"]
        assert "Sign the review off" not in (await office.get(review_page)).text
        assert (await office.post(f"{review_page}/sign-off", page=review_page)).status_code == 403
    assert "plan_review" not in await owed(case.manager), "recording it is the provider's part"
    assert await owe_reviews(provider) == 0, "it waits for its answer"
    for stranger in (case.world.admin, case.worker, uncle):
        async with at(console if stranger is case.world.admin else app, database, stranger) as door:
            assert (await door.get(review_page)).status_code in (403, 404), stranger.role
    async with at(app, database, colleague) as door:
        assert (await door.post(f"{review_page}/sign-off", page="/today")).status_code == 403
    async with at(console, database, council) as desk:
        assert "Why do you need this review" in said((await desk.get(review_page)).text)
        assert "Wakes at three" in (await desk.post(review_page, {"why": "A complaint"})).text
    async with at(app, database, case.family) as family:
        assert "it was looked at how the plan is working" in said((await family.get("/who-is-coming")).text)
        read = said((await family.get(review_page)).text)
        assert "Wakes at three" in read and "Sign the review off" not in read
        assert (await family.post(f"{review_page}/sign-off", page=review_page)).status_code == 403

    # sent back, reviewed again, signed off
    assert (await owed(case.referrer))["task.sign_off_plan_review"] == review_page
    async with at(app, database, case.referrer) as referrer:
        assert (await referrer.post(f"{review_page}/return", {"reason": " "}, page=review_page)).status_code == 400
        assert (
            await referrer.post(f"{review_page}/return", {"reason": "Ask the school too"}, page=review_page)
        ).status_code == 303
        assert (await referrer.post(f"{review_page}/return", {"reason": "Again"}, page=review_page)).status_code == 409
    assert (await owed(case.manager))["task.review_plan_again"] == f"{here}/review"
    assert await owe_reviews(provider) == 0
    clock.move(timedelta(days=2))
    api = create_marketplace(database, clock)
    async with at(api, database, case.manager) as door:
        mine = await bearer(database, case.manager)
        todo = (await door.client.post(f"/api/v1{here}/plan-reviews/open", headers=mine)).json()
        assert todo["outcomes"] == ["Two afternoons a week outdoors.", "Sleeps through the night"]
        body = {
            "plan_id": todo["plan_id"], "held_on": "2026-08-26", "took_part": "The school too", "goes_on": False,
            "findings": [{"grade": "reached"}, {"grade": "on_the_way", "says": "Better"}],
        }  # fmt: skip
        bad = await door.client.post(
            f"/api/v1{here}/plan-reviews", json=body | {"findings": [{"grade": "fine"}] * 2}, headers=mine
        )
        assert bad.status_code == 400 and "grade-0" in bad.text
        again = (await door.client.post(f"/api/v1{here}/plan-reviews", json=body, headers=mine)).json()["id"]
        theirs = await bearer(database, case.referrer)
        signed = await door.client.post(f"/api/v1/plan-reviews/{again}/sign-off", headers=theirs)
        assert signed.status_code == 204
        listed = (await door.client.get(f"/api/v1{here}/plan-reviews", headers=mine)).json()
        assert [each["state"] for each in listed] == ["signed_off", "returned"]
        whole = (await door.client.post(f"/api/v1/plan-reviews/{again}/open", json={}, headers=theirs)).json()
        assert whole["outcomes"][1] == {"outcome": "Sleeps through the night", "grade": "on_the_way", "says": "Better"}
    assert set(await owed(case.manager)) & {"task.review_plan_again", "task.write_new_plan"} == {"task.write_new_plan"}
    next_plan = await packages.written_plan(case)
    await plan_actions.share_plan(case.manager, next_plan)
    assert "task.write_new_plan" not in await owed(case.manager)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(case.manager) as work:
            await work.execute("UPDATE plan_review SET says = 'Otherwise' WHERE id = $1", again)

    # the next turn runs from that review, and what is late stays late
    clock.move_to(datetime(2027, 3, 10, 9, tzinfo=UTC))
    async with as_worker(database, clock):
        assert await owe_reviews(provider) == 1
    given = {"plan_id": plan_id, "held_on": date(2027, 3, 1), "took_part": "Mother", "goes_on": True}
    findings = [Finding(grade="reached"), Finding(grade="dropped")]
    for who, error in ((case.family, NotPermitted), (colleague, NotPermitted), (case.worker, NotPermitted)):
        with pytest.raises(error):
            await record_review(who, case.package_id, **given, findings=findings)
    with pytest.raises(Conflict):
        await record_review(case.referrer, case.package_id, **given, findings=findings[:1])
    third = await record_review(case.referrer, case.package_id, **given, findings=findings)
    assert (await ask(case.family, review_queries.review, third)).signed_off_by_name == case.referrer.person_name
    rows = await migrator.fetch("SELECT * FROM obligation WHERE rule_key = 'plan_review' ORDER BY starts_at")
    assert [(row["met_at"] is not None, row["missed_at"]) for row in rows] == [
        (True, None), (True, datetime(2027, 2, 27, tzinfo=UTC)),
    ]  # fmt: skip
    with pytest.raises(Conflict):
        await reviewing.sign_off_review(case.referrer, third)
    with pytest.raises(NotFound):
        await ask(uncle, review_queries.review, third)
