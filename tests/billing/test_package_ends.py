"""A package ends with its last day: not before its last visits are signed, told once, open again for a correction."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.billing.funding import shares_may_change
from marketplace.billing.visit_records import record_visit
from marketplace.obligations.queries import my_duties, my_news
from marketplace.packages import boards, queries, record_actions, signing
from marketplace.packages.ending import end_packages
from marketplace.packages.late_records import Entry
from marketplace.packages.visit_actions import record_missed
from marketplace.packages.visit_requests import open_requests
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound
from tests.billing.test_pages import text_of
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at
from tests.world.packages import a_visit

DAY = timedelta(days=1)


async def ends_on(migrator, case, last_day):
    await migrator.execute("UPDATE package SET ends_on = $2 WHERE id = $1", case.package_id, last_day)


async def told(actor) -> int:
    return sum("has ended" in row["sentence"] for row in await ask(actor, my_news))


async def test_it_ends_once_its_last_visits_are_signed(case, clock, first_day, database, settings, migrator):
    provider, here = case.manager.provider_id, f"/packages/{case.package_id}"
    missed = await a_visit(case, first_day)
    clock.move_to((await case.visit(missed)).planned_end + DAY / 24)
    await record_missed(case.manager, missed, version=1, reason="The car broke down")
    visit_id = await visit_done(case, clock, first_day + DAY, signed=False)
    await ends_on(migrator, case, first_day + DAY)
    assert await end_packages(provider) == 0, "its last day is today"
    period = await period_of(case, first_day)
    after(clock, period, days=1)
    assert await end_packages(provider) == 0, "the family has not signed yet"
    assert len(await ask(case.manager, open_requests)) == 1
    app, said = create_marketplace(database, clock), f"Ended on {first_day + DAY:%-d %B %Y}"
    async with at(app, settings, case.manager) as office:
        for page in ("/packages", here):
            shown = text_of(await office.get(page))
            assert said in shown and "Plan visits" not in shown, page
    async with at(app, settings, case.family) as door:
        assert f"This support ended on {first_day + DAY:%-d %B %Y}" in text_of(await door.get("/who-is-coming"))
    visit = await case.visit(visit_id)
    assert visit.record_hash is not None
    await signing.family_confirms(case.family, visit_id, text_hash=visit.record_hash)  # late, and still possible
    gross = (await the_draft(case, period)).result.gross_pence
    assert gross > 0

    assert [await end_packages(provider) for _ in range(2)] == [1, 0]
    package = await case.package()
    assert (package.state, package.ended_reason) == ("ended", "Its last day has passed")
    for who in (case.manager, case.referrer, case.family):
        assert await told(who) == 1
        assert not [row for row in await ask(who, my_duties) if row["reference"] == package.reference]
    assert await ask(case.manager, open_requests) == []  # nothing is placed there any more
    with pytest.raises(NotFound):
        await ask(case.worker, queries.package, case.package_id)
    assert await ask(case.family, boards.coming) == []
    async with at(app, settings, case.manager) as office:
        assert package.reference in text_of(await office.get("/packages?state=ended"))
        assert package.reference not in text_of(await office.get("/packages"))
    async with at(app, settings, case.family) as door:
        assert "No support is running yet" in text_of(await door.get("/who-is-coming"))
    audited = "SELECT count(*) FROM audit_entry WHERE organisation_id = $1 AND subject_id = $2 AND action = $3"
    for of in (provider, case.referrer.organisation_id):
        assert await migrator.fetchval(audited, of, case.package_id, "package.ended") == 1
    assert (await the_draft(case, period)).result.gross_pence == gross
    assert shares_may_change(package)

    # a correction opens it for everybody who signs again, and nobody is told twice that it ended
    entry = Entry(visit.actual_start, visit.actual_end - timedelta(minutes=30))  # type: ignore[operator, arg-type]
    version = (await case.visit(visit_id)).version
    await record_visit(case.manager, visit_id, entry, version=version, reason="The clock was misread")
    assert (await case.package()).state == "active"
    assert await end_packages(provider) == 0
    now = await case.visit(visit_id)
    assert now.record_hash is not None and "task.confirm_visit" not in {
        row["rule_key"] for row in await ask(case.family, my_duties)
    }
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=now.record_hash)
    assert "task.confirm_visit" in {row["rule_key"] for row in await ask(case.family, my_duties)}
    await signing.family_confirms(case.family, visit_id, text_hash=now.record_hash)
    assert 0 < (await the_draft(case, period)).result.gross_pence < gross
    assert await end_packages(provider) == 1
    assert [await told(who) for who in (case.manager, case.referrer, case.family)] == [1, 1, 1]
    assert await submitted(case, period)


async def test_one_without_a_last_day_or_with_open_visits_goes_on(case, clock, first_day, migrator):
    visit_id = await a_visit(case, first_day)
    after(clock, await period_of(case, first_day), days=40)
    assert await end_packages(case.manager.provider_id) == 0
    await ends_on(migrator, case, first_day)
    assert await end_packages(case.manager.provider_id) == 0, "nothing is recorded of its visit"
    await record_missed(case.manager, visit_id, version=1, reason="Nobody went")
    assert await end_packages(case.manager.provider_id) == 1
