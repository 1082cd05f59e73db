"""The profile a family may read: what the pack says, where the worker agrees, no more once that is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from marketplace.packages import setup_actions
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.pack import load_pack
from marketplace.providers import dbs_checks, evidence, own_profile, queries, workforce
from marketplace.providers.profiles import family_profile
from tests.policy.policy_builders import HARROWDALE
from tests.providers.conftest import Place
from tests.world import offers, packages, providers, referrals
from tests.world.apps import create_marketplace
from tests.world.door import at
from tests.world.referrals import borough

TODAY = date(2026, 5, 11)
WORDS = "love being outdoors"


async def mine(worker: Actor) -> own_profile.OwnProfile:
    (found,) = await ask(worker, own_profile.my_profiles)
    return found


async def test_the_pack_says_what_a_family_reads(place: Place):
    worker = await workforce.add_worker(
        place.manager, name="Wren Ashby", role="support_worker", languages="English, Polish"
    )
    pack = place.pack
    await providers.with_evidence(place.manager, worker, pack, "C")
    starred = next(row.competency for row in pack.requirements("C") if row.kind == "where_needed")
    await evidence.record_competency(place.manager, worker, code=starred, assessed_on=TODAY, method="attendance")
    await evidence.send_back_to_training(place.manager, worker, "first_aid", "Unsure")
    record = await ask(place.manager, queries.worker, worker)
    text = family_profile(pack, record, TODAY)
    own, speaks, trained = text.split("\n")
    assert WORDS in own and speaks == "Speaks English, Polish."
    assert trained.startswith("Signed off in ") and "First aid" not in trained and "2026" not in text
    assert pack.competencies[starred].title not in trained
    assert providers.certificate_of(worker) not in text
    other = load_pack(HARROWDALE)
    assert other.profile.holds == ("training", "own_words")
    assert family_profile(other, record, TODAY) == own  # nothing this pack trains for, then the worker's own words
    assert family_profile(pack, replace(record, profile_consent_at=None), TODAY) == ""


async def test_a_worker_who_signs_in_agrees_oneself_and_the_office_cannot(place: Place):
    worker = await providers.worker(place.manager, "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    with pytest.raises(InvalidInput) as refused:
        await workforce.publish_profile(place.manager, worker, "I love music", True)
    assert set(refused.value.fields) == {"consent"}
    await workforce.publish_profile(place.manager, worker, "I love music", False)
    shown = await mine(themself)
    assert shown.record.published_profile == "" and "I love music" in shown.shown[0][1]
    for text_hash in ("", own_profile.fingerprint("Another text")):
        with pytest.raises(Conflict, match="read it again"):
            await own_profile.agree_to_profile(themself, worker, agreed=True, text_hash=text_hash)
    for _ in range(2):
        await own_profile.agree_to_profile(themself, worker, agreed=True, text_hash=shown.text_hash)
    assert (await mine(themself)).record.published_profile == "I love music"
    # another text is another question
    await workforce.publish_profile(place.manager, worker, "I love football", False)
    assert (await mine(themself)).record.published_profile == ""


async def test_nobody_agrees_for_somebody_else(place: Place):
    one = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    two = await providers.ready_worker(place.manager, place.framework_id, "C", "Lee Barton")
    themself = await providers.with_sign_in(place.manager, one, "Wren Ashby", "wren@example.org")
    with pytest.raises(NotFound):
        await own_profile.agree_to_profile(themself, two, agreed=False)
    with pytest.raises(NotFound):
        await own_profile.agree_to_status_checks(themself, two, agreed=False)
    for actor in (place.manager, place.lead, place.rival):
        with pytest.raises(NotPermitted):
            await own_profile.agree_to_profile(actor, one, agreed=False)
    # nor past the actions
    for actor in (place.manager, place.rival, themself):
        async with unit_of_work(actor) as work:
            assert not await work.fetchval("SELECT my_profile_consent($1, $2, false, '')", place.provider_id, two)
            assert not await work.fetchval("SELECT my_dbs_consent($1, $2, false)", place.provider_id, two)


async def test_taken_back_no_offer_package_referrer_or_family_shows_it_and_planners_are_told(database, clock, migrator):
    world = await borough(database, provider_names=("Alder Care", "Birch Support"))
    case = await packages.set_up(world)
    birch = world.providers[1]
    referral_id = await referrals.broadcast(world, case.child_id)
    offer_id = await offers.offered(world, birch, referral_id)
    alder_offer = await offers.offered(world, case.manager, referral_id)
    app = create_marketplace(database, clock)

    async def texts() -> dict[str, str]:
        found = {}
        async with at(app, database, case.family) as door:
            found["coming"] = (await door.get("/who-is-coming")).text
            found["choices"] = (await door.get(f"/choices/{referral_id}")).text
        async with at(app, database, world.referrer) as door:
            found["offers"] = (await door.get(f"/referrals/{referral_id}/offers")).text
        return found

    before = await texts()
    assert WORDS in before["choices"] and WORDS in before["offers"]
    await packages.a_visit(case, TODAY + timedelta(days=2))
    assert WORDS in (await texts())["coming"]
    shown = await mine(case.worker)
    await own_profile.agree_to_profile(case.worker, case.worker_id, agreed=False)
    after = await texts()
    assert WORDS not in after["coming"]
    left = await migrator.fetch("SELECT profile FROM package_worker WHERE worker_id = $1", case.worker_id)
    assert [row["profile"] for row in left] == [""]
    left = await migrator.fetch("SELECT profile FROM offer_worker WHERE worker_id = $1", case.worker_id)
    assert left and {row["profile"] for row in left} == {""}
    rival = await migrator.fetch("SELECT profile FROM offer_worker WHERE offer_id = $1", offer_id)
    assert all(WORDS in row["profile"] for row in rival)  # somebody else's stands
    told = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", case.manager.provider_id)
    assert any("took back the agreement" in row["sentence"] for row in told)
    record = await ask(case.manager, queries.worker, case.worker_id)
    assert record.profile and record.published_profile == ""
    # agreed again, it is there again where a choice is open or a package runs
    await own_profile.agree_to_profile(case.worker, case.worker_id, agreed=True, text_hash=shown.text_hash)
    assert WORDS in (await texts())["coming"]
    assert alder_offer is not None


async def test_the_team_of_a_package_gets_the_profile_the_pack_says(database, clock, migrator):
    case = await packages.set_up(await borough(database, provider_names=("Alder Care",)))
    await setup_actions.add_worker(case.manager, case.package_id, case.backup_id, part="main")
    texts = await migrator.fetch("SELECT profile FROM package_worker")
    assert all(WORDS in row["profile"] and "Speaks English." in row["profile"] for row in texts)
    assert all("Signed off in" in row["profile"] for row in texts)


async def test_status_checks_are_the_workers_to_agree_to_and_take_back(place: Place):
    worker = await providers.ready_worker(place.manager, place.framework_id, "C", "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    assert (await mine(themself)).dbs_agreed_at is not None
    for _ in range(2):
        await own_profile.agree_to_status_checks(themself, worker, agreed=False)
    private = await ask(place.manager, queries.private_details, worker)
    assert private["dbs_update_service_consent_at"] is None
    with pytest.raises(InvalidInput) as refused:
        await dbs_checks.record_dbs_check(
            place.manager, worker, checked_on=TODAY, checked_by_name="Ada Brook", update_service_consent=True
        )
    assert set(refused.value.fields) == {"update_service_consent"}
    await own_profile.agree_to_status_checks(themself, worker, agreed=True)
    assert (await mine(themself)).dbs_agreed_at is not None


async def test_page_and_api_of_my_profile(place: Place, database, clock):
    app = create_marketplace(database, clock)
    worker = await providers.worker(place.manager, "Wren Ashby")
    themself = await providers.with_sign_in(place.manager, worker, "Wren Ashby", "wren@example.org")
    async with at(app, database, themself) as door:
        assert "has not written a profile of you yet" in (await door.get("/my-profile")).text
        await workforce.publish_profile(place.manager, worker, "I love music", False)
        shown = (await door.get("/my-profile")).text
        assert "I love music" in shown and "Not shown" in shown and "Families may read this" in shown
        stale = {"agreed": "yes", "text_hash": own_profile.fingerprint("I hate music")}
        answer = await door.post(f"/my-profile/{worker}/families", stale, page="/my-profile")
        assert answer.status_code == 400 and "read it again first" in answer.text
        sent = {"agreed": "yes", "text_hash": own_profile.fingerprint("I love music")}
        answer = await door.post(f"/my-profile/{worker}/families", sent, page="/my-profile")
        assert answer.status_code == 303
        assert "Stop showing my profile" in (await door.get("/my-profile")).text
        (told,) = (await door.get("/api/v1/my-profile")).json()
        assert told["families_agreed_at"] and told["text_hash"] == sent["text_hash"]
        answer = await door.post(f"/my-profile/{worker}/families", {"agreed": "no"}, page="/my-profile")
        assert answer.status_code == 303 and "Not shown" in (await door.get("/my-profile")).text
        assert (
            await door.post(f"/my-profile/{worker}/status-checks", {"agreed": "yes"}, page="/my-profile")
        ).status_code == 303
        (told,) = (await door.get("/api/v1/my-profile")).json()
        assert told["families_agreed_at"] is None and told["status_checks_agreed_at"]
    async with at(app, database, place.manager) as door:
        assert (await door.get("/my-profile")).status_code == 403
        form = (await door.get(f"/workforce/{worker}/profile")).text
        assert "agrees under My profile" in form and 'name="consent"' not in form
