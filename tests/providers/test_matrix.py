"""The readiness matrix: by lot and by a package's child, in words with dates, by what lapses; on paper, as a file."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import ask
from marketplace.providers import evidence, queries, workforce
from marketplace.providers.matrix import look_ahead, matrix
from tests.world import frameworks, packages, people, providers, referrals
from tests.world.apps import create_marketplace
from tests.world.door import at
from tests.world.referrals import borough

TODAY = date(2026, 5, 11)


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


async def cells(place, lot: str = "C", needs=(), on: date = TODAY) -> dict[str, dict[str, tuple[str, str]]]:  # type: ignore[no-untyped-def]
    """What stands in each worker's row: column -> (words, tone)."""
    found = matrix(place.pack, await ask(place.manager, queries.workforce), lot, needs, on)
    return {
        row.entry.worker.name: dict(zip(found.columns, ((cell.words, cell.tone) for cell in row.cells), strict=True))
        for row in found.rows
    }


async def test_each_state_of_a_competency_has_its_own_words(place):
    bare = await providers.worker(place.manager, "Lee Barton")
    given = {"assessor_name": "Alex Moor, nurse educator", "method": "observed"}
    assert (await cells(place))["Lee Barton"]["First aid"] == ("Missing", "bad")
    await evidence.record_competency(place.manager, bare, code="first_aid", assessed_on=TODAY, method="attendance")
    assert (await cells(place))["Lee Barton"]["First aid"] == ("Attended, not signed off", "bad")
    await evidence.record_competency(place.manager, bare, code="first_aid", assessed_on=TODAY, **given)
    assert (await cells(place))["Lee Barton"]["First aid"] == ("Until 11 May 2029", "good")
    on = date(2029, 4, 13)
    assert (await cells(place, on=on))["Lee Barton"]["First aid"] == ("Lapses 11 May 2029", "soon")
    assert (await cells(place, on=date(2029, 4, 12)))["Lee Barton"]["First aid"][1] == "good"  # 29 days before
    assert (await cells(place, on=date(2029, 5, 11)))["Lee Barton"]["First aid"][1] == "soon"
    assert (await cells(place, on=date(2029, 5, 12)))["Lee Barton"]["First aid"] == ("Due since 12 May 2029", "bad")
    await evidence.send_back_to_training(place.manager, bare, "first_aid", "Unsure")
    assert (await cells(place))["Lee Barton"]["First aid"] == ("Back to training", "bad")


async def test_the_spans_are_the_packs(place):
    assert look_ahead(place.pack) == (28, 56, 84)


async def test_only_what_lapses_within_the_span_is_listed_and_another_span_is_ignored(app, database, place):
    await providers.ready_worker(
        place.manager, place.framework_id, "C", "Wren Ashby", dbs_checked_on=TODAY - timedelta(days=120)
    )
    lot = f"/workforce?lot={place.framework_id}.C"
    async with at(app, database, place.manager) as door:
        shown = (await door.get(lot)).text
        assert "Within 84 days" in shown and "Within 14 days" not in shown
        # supervision of 30 days ago counts three months; the DBS check lapses in 64 days
        assert "Wren Ashby" not in (await door.get(f"{lot}&lapsing=28")).text
        assert "Wren Ashby" in (await door.get(f"{lot}&lapsing=84")).text
        for odd in ("7", "-1", "x", "999999999999999999999"):
            assert "Wren Ashby" in (await door.get(f"{lot}&lapsing={odd}")).text


async def test_a_packages_child_is_judged_by_its_own_needs_and_sign_offs(app, database):
    world = await borough(database, provider_names=("Alder Care",))
    pack = await ask(world.admin, pack_of, world.framework_id)
    special = next(row for row in pack.interventions(world.lot) if row.needs_child_specific_sign_off)
    case = await packages.awarded(world, needs=[special.code])
    package = await case.package()
    path = f"/workforce?lot={case.package_id}"
    name = (await ask(case.manager, queries.worker, case.worker_id)).name
    column = f"{special.title}, with this child"

    async def table(door) -> list[dict[str, str]]:  # type: ignore[no-untyped-def]
        file = await door.get(f"{path}&format=csv")
        return list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))

    async with at(app, database, case.manager) as door:
        page = (await door.get(path)).text
        assert f"Package {package.reference}" in page and "The child of a package" in page
        before = {row["Worker"]: row for row in await table(door)}
        assert before[name][column] == "Missing" and before[name]["Ready"] == "Not ready"
        await evidence.record_competency(
            case.manager, case.worker_id, code=special.code, assessed_on=TODAY, method="observed",
            assessor_name="Alex Moor, nurse educator", for_package_id=case.package_id,
        )  # fmt: skip
        after = {row["Worker"]: row for row in await table(door)}
        assert after[name][column] == "Signed off 11 May 2026" and after[name]["Ready"] == "Ready"
        assert after[name]["First to lapse"] and after[name]["Why not"] == ""
        # on the lot alone the sign-off with one child adds nothing and hides nothing
        assert column not in (await door.get(f"/workforce?lot={world.framework_id}.{world.lot}")).text
    birch = await referrals.add_provider(world, "Birch Support")
    async with at(app, database, birch) as door:
        assert package.reference not in (await door.get(path)).text


async def test_a_sign_off_for_another_child_is_said_to_be_that(place, database):
    world = await borough(database, name="Westham Council", provider_names=("Cedar Families",))
    case = await packages.set_up(world)
    code = next(r.code for r in (await ask(case.manager, queries.worker, case.worker_id)).competencies)
    await evidence.send_back_to_training(case.manager, case.worker_id, code, "With this child first")
    await evidence.record_competency(
        case.manager, case.worker_id, code=code, assessed_on=TODAY, method="observed", assessor_name="Alex Moor, nurse",
        for_package_id=case.package_id,
    )  # fmt: skip
    pack = await ask(case.manager, pack_of, world.framework_id)
    found = matrix(pack, await ask(case.manager, queries.workforce), world.lot, (), TODAY)
    row = next(row for row in found.rows if row.entry.worker.id == case.worker_id)
    assert "For one child only" in [cell.words for cell in row.cells] and not row.entry.ready


async def test_it_prints_landscape_and_a_file_starts_no_formula(app, database, place):
    await workforce.add_worker(place.manager, name="=Lee Barton", role="support_worker")
    async with at(app, database, place.manager) as door:
        page = (await door.get(f"/workforce?lot={place.framework_id}.C")).text
        assert "size:A4 landscape" in page and "data-app-print" in page
        lot = f"{place.framework_id}.C"
        file = await door.get(f"/workforce?lot={lot}&format=csv")
        assert "'=Lee Barton" in file.text
    async with at(app, database, place.rival) as door:
        assert "Lee Barton" not in (await door.get("/workforce")).text


async def test_a_worker_is_told_lot_by_lot_on_every_framework_why_ready_or_not(app, database, place):
    other = await people.council(database, "Westham Council")
    second = await frameworks.open_framework(other)
    await frameworks.admitted(other, place.manager, second, ["C"])
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    await evidence.send_back_to_training(place.manager, worker, "first_aid", "Unsure")
    record = await ask(place.manager, queries.worker, worker)
    found = await ask(place.manager, queries.readiness_by_lot, record)
    assert {(each.framework_id, each.lot, each.entry.ready) for each in found} == {
        (place.framework_id, "A", False), (place.framework_id, "C", False), (second, "C", False),
    }  # fmt: skip
    for actor, path in ((place.manager, f"/workforce/{worker}"), (themself, "/my-training")):
        async with at(app, database, actor) as door:
            page = (await door.get(path)).text
            assert page.count("has not been assessed in First aid") == 2  # on each lot that takes the role
