"""After new information on a DBS certificate nobody is ready again by another row, an earlier day or a file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import InvalidInput
from marketplace.providers import dbs_checks, leaving, workforce
from marketplace.providers.import_columns import handle
from marketplace.providers.readiness import readiness, ready_counts
from marketplace.providers.withdrawing import recorded_checks, withdraw_check
from tests.providers.conftest import Place
from tests.providers.test_imports import accepted, effects, faults, sent
from tests.world import providers

TODAY = date(2026, 5, 11)
DOUBTED = "has new information on the DBS certificate, so a new certificate is needed"
ONE_PERSONS = "The certificate with this number is recorded with {}: it is about one person"
BY: dict[str, Any] = {"checked_by_name": "Ada Brook"}
HEAD = "Worker's reference,Name,Role,Date of DBS check,DBS checked by,DBS check found,DBS certificate number"


def days_ago(count: int) -> date:
    return TODAY - timedelta(days=count)


async def why_not(place: Place, worker: UUID) -> tuple[str, ...]:
    """What keeps a worker off lot C, by the facts; the rows of days are held against them."""
    entries = await ask(place.manager, readiness, place.provider_id, place.pack, "C", (), TODAY)
    counts = await ask(place.manager, ready_counts, [place.provider_id], place.pack, "C", (), TODAY)
    assert counts == {place.provider_id: sum(entry.ready for entry in entries)}
    return next(entry.reasons for entry in entries if entry.worker.id == worker)


async def news(place: Place, worker: UUID, found_on: date) -> None:
    await dbs_checks.record_dbs_check(place.manager, worker, checked_on=found_on, outcome="new_information", **BY)


async def refused_clear(place: Place, worker: UUID, **given: Any) -> set[str]:
    """The fields on which a clear check of today is refused."""
    paper: dict[str, Any] = {"checked_on": TODAY, "workforce": "child", "barred_list_checked": True} | given
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(place.manager, worker, **BY, **paper)
    return set(refused.value.fields)


async def clear(place: Place, worker: UUID, number: str, issued_on: date, **given: Any) -> None:
    paper: dict[str, Any] = {"checked_on": TODAY, "workforce": "child", "barred_list_checked": True} | given
    await dbs_checks.record_dbs_check(
        place.manager, worker, certificate_number=number, issued_on=issued_on, **BY, **paper
    )


async def test_news_of_an_earlier_day_than_the_last_check_counts_until_a_certificate_issued_since(place, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby", dbs_checked_on=TODAY)
    assert await why_not(place, worker) == ()
    clock.move(timedelta(minutes=5))
    await news(place, worker, days_ago(2))
    await workforce.stand_up(place.manager, worker, "We looked at it")
    assert await why_not(place, worker) == (DOUBTED,)
    clock.move(timedelta(minutes=5))
    # neither the same certificate again, nor one from before, nor a later check of the service's certificate
    assert await refused_clear(place, worker) == {"certificate_number"}
    number = providers.certificate_of(worker)
    assert await refused_clear(place, worker, certificate_number=number) == {"certificate_number"}
    assert await refused_clear(place, worker, certificate_number=number, issued_on=TODAY) == {"certificate_number"}
    assert await refused_clear(place, worker, certificate_number="002222222222", issued_on=days_ago(3)) == {"issued_on"}
    # a file that says an older clear check again changes nothing; one with the new certificate does
    found = await sent(place.manager, f"{HEAD}\n{handle(worker)},Wren Ashby,Support worker,10/05/2026,Ada Brook,,\n")
    assert effects(found) == [("Wren Ashby", "same")]
    await clear(place, worker, "002222222222", days_ago(1), checked_on=days_ago(1))
    assert await why_not(place, worker) == ()
    clock.move(timedelta(minutes=5))
    await dbs_checks.record_dbs_check(place.manager, worker, checked_on=TODAY, **BY)  # the next look is one as ever
    assert await why_not(place, worker) == ()
    # with the checks that settled it withdrawn, the news is what there is
    for each in await ask(place.manager, recorded_checks, worker):
        if each.kind == "dbs" and each.may_be_withdrawn:
            await withdraw_check(place.manager, worker, "dbs", each.id, "It was another worker's")
    assert await why_not(place, worker) == (DOUBTED,)


async def test_news_in_a_file_counts_however_old_its_day(place, clock):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby", dbs_checked_on=TODAY)
    clock.move(timedelta(minutes=5))
    line = f"{handle(worker)},Wren Ashby,Support worker,07/05/2026,Ada Brook,new_information,"
    done = await accepted(place.manager, await sent(place.manager, f"{HEAD}\n{line}\n"))
    assert done.state == "imported" and DOUBTED in await why_not(place, worker)
    again = await sent(place.manager, f"{HEAD}\n{line}\n")
    assert effects(again) == [("Wren Ashby", "same")]


async def test_a_certificate_is_one_persons_and_news_on_it_follows_them_into_every_row(place, clock, migrator):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby", dbs_checked_on=TODAY)
    number = providers.certificate_of(worker)
    twin = await providers.worker(place.manager, "Wren Ashby")
    assert await refused_clear(place, twin, certificate_number=number, issued_on=days_ago(20)) == {"certificate_number"}
    found = await sent(place.manager, f"{HEAD}\nE2,Nora Finch,Support worker,01/05/2026,Ada Brook,,{number}\n")
    assert f"Workers, row 2, DBS certificate number: {ONE_PERSONS.format('Wren Ashby')}" in faults(found)
    # two rows from before the rule, and one who left and came back: news is about all of them
    await migrator.execute(
        "UPDATE worker_private SET dbs_certificate_number = $2, dbs_issued_on = $3 WHERE worker_id = $1",
        twin, number, days_ago(50),
    )  # fmt: skip
    clock.move(timedelta(minutes=5))
    own: dict[str, Any] = {"workforce": "child", "barred_list_checked": True}
    await dbs_checks.record_dbs_check(place.manager, twin, checked_on=TODAY, **BY, **own)
    clock.move(timedelta(minutes=5))
    await news(place, worker, TODAY)
    for row in (worker, twin):
        assert {DOUBTED, "is stood down"} <= set(await why_not(place, row))
    await leaving.leave(place.manager, worker, days_ago(1))
    back = await providers.worker(place.manager, "Wren Ashby")
    clock.move(timedelta(minutes=5))
    assert await refused_clear(place, back, certificate_number=number, issued_on=days_ago(20)) == {"certificate_number"}
    # what was found sticks to the number even where its own row has another certificate by now
    await migrator.execute("UPDATE worker_private SET dbs_certificate_number = NULL WHERE worker_id = $1", twin)
    await migrator.execute(
        "UPDATE worker_private SET dbs_certificate_number = '003333333333' WHERE worker_id = $1", worker
    )
    assert await refused_clear(place, back, certificate_number=number, issued_on=days_ago(20)) == {"certificate_number"}
    async with unit_of_work(place.manager) as work:
        assert await work.fetchval("SELECT count(*) FROM doubted_certificate WHERE number = $1", number) == 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(place.manager) as work:
            await work.execute("DELETE FROM doubted_certificate")
    async with unit_of_work(place.rival) as work:
        assert await work.fetchval("SELECT count(*) FROM doubted_certificate") == 0
