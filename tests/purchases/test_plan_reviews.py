"""Where a direct payment pays, the family signs a review of the care plan off; the council decides nothing of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.obligations.queries import my_duties
from marketplace.packages import queries, reviewing
from marketplace.packages.review_queries import outcomes_of
from marketplace.packages.reviewing import Finding, owe_reviews, record_review, return_review, sign_off_review
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, NotPermitted
from marketplace.policy.calendar import local_day


async def test_the_family_signs_off_in_the_councils_place(bought, clock, migrator) -> None:
    case, mother = bought.case, bought.home.mother
    # a first visit that began: how it came to be paid for is another story
    await migrator.execute("UPDATE visit SET actual_start = planned_start WHERE id = $1", bought.visits[0])
    await migrator.execute("UPDATE package SET state = 'active' WHERE id = $1", case.package_id)
    clock.move(timedelta(days=120))
    assert await owe_reviews(case.manager.provider_id) == 1
    plan = await ask(case.manager, queries.signed_plan, case.package_id)
    assert plan is not None
    given = {
        "plan_id": plan.id, "held_on": local_day(clock.at), "took_part": "All of us", "goes_on": True,
        "findings": [Finding(grade="reached") for _ in outcomes_of(plan)],
    }  # fmt: skip
    with pytest.raises(Conflict):
        await record_review(case.referrer, case.package_id, **given)
    made = await record_review(case.manager, case.package_id, **given)
    assert [row["link"] for row in await ask(mother, my_duties) if row["rule_key"] == reviewing.SIGN_OFF] == [
        f"/plan-reviews/{made}"
    ]
    with pytest.raises(NotPermitted):
        await sign_off_review(case.referrer, made)
    await return_review(mother, made, reason="We were not asked about Mondays")
    again = await record_review(case.manager, case.package_id, **given)
    await sign_off_review(mother, again)
    assert [row for row in await ask(mother, my_duties) if row["rule_key"] == reviewing.SIGN_OFF] == []
    assert await migrator.fetchval("SELECT owed_to FROM obligation WHERE rule_key = 'plan_review'") is None
