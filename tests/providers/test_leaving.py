"""A last day and other days that were mistyped, names that turn around, and what other tabs and mails say of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from marketplace.obligations.queries import my_news
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.bounds import earliest_believable
from marketplace.policy.pack import load_pack
from marketplace.providers import dbs_checks, evidence, queries, withdrawing, workforce
from marketplace.providers.lapse_sweeps import subject_of
from tests.policy.policy_builders import HARROWDALE
from tests.providers.test_competence import a_file
from tests.providers.test_declarations import TODAY
from tests.world import people, providers
from tests.world.apps import create_marketplace
from tests.world.door import at

NURSE = "Alex Moor, nurse educator"


def typed(day: date) -> dict[str, str]:
    return {"left_on-day": str(day.day), "left_on-month": str(day.month), "left_on-year": str(day.year)}


async def test_a_last_day_in_the_past_says_first_what_it_does_and_a_far_one_is_a_slip(place, database, clock):
    worker = await workforce.add_worker(place.manager, name="Lee Barton", role="support_worker")
    await workforce.invite_worker(place.manager, worker, "lee@example.org")
    await a_file(place.manager, worker, "profile_video")
    clock.move(timedelta(days=90))
    today, past = TODAY + timedelta(days=90), TODAY + timedelta(days=1)
    path = f"/workforce/{worker}/leave"
    coordinator = await people.person_in(place.manager, "coordinator")

    async def last_day() -> date | None:
        return (await ask(place.manager, queries.worker, worker)).left_on

    async with at(create_marketplace(database, clock), database, place.manager) as door:
        for far in (date(1927, 2, 22), date(1976, 8, 8)):
            bad = await door.post(path, typed(far))
            assert bad.status_code == 400 and "must be 9 August 1976 or later: check the year" in bad.text
        shown = await door.post(path, typed(past))
        for said in ("which is in the past", "sign-in for you ends at once", "deleted at once", "profile video"):
            assert said in shown.text, said
        assert await last_day() is None, "looking records nothing"
        back = await door.post(path, {**typed(past), "go": "change"})
        assert 'value="2026"' in back.text and "Record the last day" in back.text
        near = await door.post(path, typed(today - timedelta(days=3)))
        assert "deleted at once" not in near.text and "which is in the past" in near.text
        assert (
            await door.post(path, typed(today + timedelta(days=3)))
        ).status_code == 303  # nothing that cannot be undone
        assert await last_day() == today + timedelta(days=3)
        assert (await door.post(f"/workforce/{worker}/stay", {})).status_code == 303
        assert (await door.post(path, {**typed(past), "go": "leave"})).status_code == 303
        assert await last_day() == past
        # ended meanwhile in another tab
        shown = (await door.get(f"/workforce/{await providers.worker(place.manager, 'Kit Lowe')}/stand-up")).text
        assert "Kit Lowe is not stood down" in shown and "since ." not in shown
    news = [row["sentence"] for row in await ask(coordinator, my_news)]
    assert any("A worker stays after all" in said for said in news)


async def test_evidence_from_before_living_memory_is_a_slip_and_a_name_reads_as_it_is_written(place):
    worker = await providers.worker(place.manager, "Adart\u202eL\u200f  Moor")
    assert (await ask(place.manager, queries.worker, worker)).name == "AdartL Moor"
    await workforce.change_worker(
        place.manager, worker, name="\u2067Lee\u2069 Barton", role="support_worker", engagement="employed"
    )
    assert (await ask(place.manager, queries.worker, worker)).name == "Lee Barton"
    old = date(1926, 5, 1)
    with pytest.raises(InvalidInput) as refused:
        given: dict[str, Any] = {"code": "first_aid", "method": "observed", "assessor_name": NURSE}
        await evidence.record_competency(place.manager, worker, assessed_on=old, **given)
    assert "11 May 1976 or later" in refused.value.fields["assessed_on"]
    with pytest.raises(InvalidInput) as refused:
        await evidence.record_check(place.manager, worker, kind="references", done_on=old)
    assert "11 May 1976 or later" in refused.value.fields["done_on"]
    assert earliest_believable([place.pack, load_pack(HARROWDALE)], date(2028, 2, 29)) == date(1978, 2, 28)
    # checks of one day are told apart where one of them is to be withdrawn
    for outcome in ("clear", "new_information"):
        await providers_check(place, worker, outcome)
    async with unit_of_work(place.manager, read_only=True) as work:
        says = [each.says for each in await withdrawing.recorded_checks(work, worker)]
    assert sorted(said.split(": ")[1] for said in says) == ["clear", "new information"]


async def providers_check(place, worker, outcome: str) -> None:
    full: dict[str, Any] = {
        "certificate_number": "001234567890", "issued_on": TODAY - timedelta(days=60), "workforce": "child",
        "barred_list_checked": True,
    }  # fmt: skip
    given: dict[str, Any] = full if outcome == "clear" else {}
    await dbs_checks.record_dbs_check(
        place.manager,
        worker,
        checked_on=TODAY - timedelta(days=9),
        checked_by_name="Ada Brook",
        outcome=outcome,
        **given,
    )


@pytest.mark.parametrize(
    ("soon", "lapsed", "said"),
    [
        (1, 0, "1 thing lapses soon"),
        (3, 1, "3 things lapse soon, 1 has lapsed"),
        (1, 57, "1 thing lapses soon, 57 have lapsed"),
        (0, 1, "1 thing has lapsed"),
        (0, 60, "60 things have lapsed"),
    ],
)
def test_a_mail_tells_what_is_to_come_from_what_has_been(soon, lapsed, said):
    assert subject_of(soon, lapsed) == said
