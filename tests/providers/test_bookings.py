"""A worker is in one place at a time, also when two people book at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers.bookings import book, release
from tests.world import providers

NINE = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)  # a Monday, 9am in London
HOUR = timedelta(hours=1)


async def take(actor, worker, starts, ends):  # type: ignore[no-untyped-def]
    async with unit_of_work(actor) as work:
        return await book(work, actor.provider_id, worker, starts, ends)


async def test_two_bookings_of_one_worker_at_once_exactly_one_wins_and_the_other_is_told_when(place):
    worker = await providers.worker(place.manager, "Wren Ashby")
    results = await asyncio.gather(
        *(take(place.manager, worker, NINE + n * HOUR / 4, NINE + 2 * HOUR) for n in range(4)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Conflict)]
    assert len(refused) == 3
    for each in refused:
        assert each.sentence.startswith("Wren Ashby is already booked on Monday 1 June 2026 from 9")


async def test_one_visit_may_follow_the_other_and_released_time_is_free_again(place):
    worker = await providers.worker(place.manager, "Wren Ashby")
    first = await take(place.manager, worker, NINE, NINE + HOUR)
    await take(place.manager, worker, NINE + HOUR, NINE + 2 * HOUR)
    with pytest.raises(Conflict):
        await take(place.manager, worker, NINE, NINE + HOUR)
    async with unit_of_work(place.manager) as work:
        await release(work, first)
        await release(work, first)
    await take(place.manager, worker, NINE, NINE + HOUR)


async def test_a_unit_goes_on_after_a_refused_booking(place):
    worker = await providers.worker(place.manager, "Wren Ashby")
    await take(place.manager, worker, NINE, NINE + HOUR)
    async with unit_of_work(place.manager) as work:
        with pytest.raises(Conflict):
            await book(work, place.provider_id, worker, NINE, NINE + HOUR)
        await book(work, place.provider_id, worker, NINE + HOUR, NINE + 2 * HOUR)
    async with unit_of_work(place.manager, read_only=True) as work:
        assert await work.fetchval("SELECT count(*) FROM booking") == 2


async def test_nobody_books_anothers_worker_and_no_time_runs_backwards(place):
    worker = await providers.worker(place.manager, "Wren Ashby")
    with pytest.raises(NotFound):
        await take(place.rival, worker, NINE, NINE + HOUR)
    with pytest.raises(InvalidInput):
        await take(place.manager, worker, NINE, NINE)
    booking = await take(place.manager, worker, NINE, NINE + HOUR)
    async with unit_of_work(place.rival) as work:
        with pytest.raises(NotFound):
            await release(work, booking)
