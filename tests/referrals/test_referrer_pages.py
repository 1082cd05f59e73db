"""The referrer's pages over HTTP: from a child to an award, and what others find at the same addresses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from litestar import Litestar

from marketplace.platform.actor import Actor
from marketplace.referrals import queries
from tests.referrals import laid
from tests.world import door, people, referrals
from tests.world.apps import create_console, create_marketplace


@pytest.fixture
async def app(database) -> AsyncIterator[Litestar]:  # type: ignore[no-untyped-def]
    yield create_marketplace(database)


def at(app: Litestar, world: referrals.World, actor: Actor) -> AbstractAsyncContextManager[Any]:
    return door.at(app, world.settings, actor)


def leads_to(answer: httpx.Response) -> str:
    assert answer.status_code == 303, f"{answer.status_code}: {text_of(answer)[:600]}"
    return answer.headers["location"]


def text_of(answer: httpx.Response) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


async def test_from_a_child_to_a_broadcast_through_the_pages(app, world):
    async with at(app, world, world.referrer) as browser:
        assert "No children yet" in (await browser.get("/children")).text
        child = leads_to(
            await browser.post(
                "/children/new",
                {
                    "name": "Maya Okonkwo", "date_of_birth-day": "14", "date_of_birth-month": "3",
                    "date_of_birth-year": "2016", "address": "12 Larkspur Gardens", "postcode": "se136lt",
                },
            )
        )  # fmt: skip
        assert "SE13 6LT" in (await browser.get(child)).text
        access = {
            "name": "Grace Okonkwo", "email": "grace@example.org", "relation": "Mother", "rights": ["choose",
            "sign_plan"],
            "jointly": "no", "action": "save",
        }  # fmt: skip
        assert leads_to(await browser.post(f"{child}/access/new", access)) == child
        assert "Grace Okonkwo" in (await browser.get(child)).text

        child_id = child.rsplit("/", 1)[1]
        begun = {"child_id": child_id, "framework_id": str(world.framework_id)}
        step = leads_to(await browser.post("/referrals/new", begun))
        here = step.rsplit("/", 2)[0]
        assert step.endswith("/draft/lot")
        assert "Select a lot" in text_of(await browser.post(step, {"action": "continue"}))
        step = leads_to(await browser.post(step, {"lot_code": "C", "action": "continue"}))
        shown = await browser.get(step)
        assert "What this lot cannot be asked for" in shown.text and "Deep suctioning" in shown.text
        step = leads_to(await browser.post(step, {"interventions": ["personal_care"], "action": "continue"}))
        visits = {"days": ["0", "2"], "begin": "4pm", "end": "6pm", "activity": "home_support", "action": "add"}
        assert leads_to(await browser.post(step, visits)) == step
        again = await browser.post(step, visits | {"begin": "5pm"})
        assert again.status_code == 400 and "overlap" in text_of(again) and 'value="5pm"' in again.text
        # going on without adding: what was typed is not lost, nor is a half of it
        half = await browser.post(step, {"begin": "10am", "action": "continue"})
        assert half.status_code == 400 and "Select at least one day" in text_of(half) and 'value="10am"' in half.text
        typed = {"days": ["5"], "begin": "10am", "end": "1pm", "activity": "community_support", "action": "continue"}
        following = leads_to(await browser.post(step, typed))
        assert "Saturday 10am to 1pm" in text_of(await browser.get(step))
        assert leads_to(await browser.post(step, {"remove": "2"})) == step
        step = following
        dates = {"starts_on-day": "1", "starts_on-month": "6", "starts_on-year": "2026", "workers_per_visit": "1"}
        assert "must be 11 May 2026 or later" in text_of(await browser.post(step, dates | {"starts_on-month": "4"}))
        step = leads_to(await browser.post(step, dates | {"action": "continue"}))
        step = leads_to(await browser.post(step, {"outcomes": referrals.OUTCOMES, "action": "continue"}))
        portrait = {"pen_portrait": "Maya Okonkwo loves water.", "action": "continue"}
        step = leads_to(await browser.post(step, portrait))
        step = leads_to(await browser.post(step, {"area": "Hither Green", "action": "continue"}))
        assert step.endswith("/draft/words")
        assert "This must be taken out" in (await browser.get(step)).text
        step = leads_to(
            await browser.post(
                f"{here}/draft/portrait", {"pen_portrait": "Loves water.", "then": "check", "action": "continue"}
            )
        )
        assert step.endswith("/draft/check")
        reach = await browser.get(f"{here}/draft/reach")
        assert "It reaches 3 of 3 providers on Lot C" in text_of(reach)
        checked = await browser.get(step)
        assert "5 to 10" in checked.text and "Maya" not in checked.text
        assert "whom it will reach, and who is left out" in text_of(checked)
        sent = leads_to(await browser.post(f"{here}/broadcast", {"seen": seen(checked)}, page=step))
        assert sent == here
        assert "No answer yet: 3" in text_of(await browser.get(here))


def seen(answer: httpx.Response) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', answer.text)
    assert found
    return found.group(1)


async def test_offers_side_by_side_without_ranking_and_the_award(app, world, migrator):
    child_id = await referrals.add_child(world.referrer)
    mother = await referrals.family_of(world.referrer, child_id)
    referral_id = await referrals.broadcast(world, child_id)
    dear, cheap = world.providers[0], world.providers[1]
    first = await laid.offer(dear, referral_id, world.workers[dear.organisation_id], pence=20_000)
    second = await laid.offer(cheap, referral_id, world.workers[cheap.organisation_id], pence=9_600)
    async with at(app, world, world.referrer) as browser:
        compare = f"/referrals/{referral_id}/offers"
        text = text_of(await browser.get(compare))
        assert text.index("Alder Care") < text.index("Birch Support")  # by name, though dearer
        assert "£200.00" in text and "£96.00" in text and "cheapest" not in text.lower()
        award = f"/referrals/{referral_id}/award/{second}"
        refused = await browser.post(award, {"version": "1"})
        assert refused.status_code == 409 and "The family has not accepted this offer yet" in text_of(refused)
        chosen = {"offer_id": str(second), "version": "1"}
        assert leads_to(await browser.post(f"/referrals/{referral_id}/choose", chosen, page=compare)) == compare
        await laid.family_choice(mother, second)
        assert "The family’s choice" in (await browser.get(compare)).text
        assert "1 other offer counts as not chosen" in text_of(await browser.get(award))
        package = leads_to(await browser.post(award, {"version": "1"}))
        assert package.startswith("/packages/")
        gone = await browser.get(f"/referrals/{referral_id}/award/{first}")
        assert gone.status_code == 404
        undone = leads_to(await browser.post(f"{package}/undo-award", {"reason": "Worker ill"}))
        assert undone == f"/referrals/{referral_id}"
        assert "Compare 1 offer" in (await browser.get(undone)).text


async def test_a_stale_step_keeps_what_was_typed_and_says_what_changed(app, world, clock):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await referrals.written_draft(world, child_id)
    step = f"/referrals/{draft_id}/draft/area"
    async with at(app, world, world.referrer) as browser:
        old = seen(await browser.get(step))
        clock.at = clock.at.replace(minute=5)
        await browser.post(step, {"area": "Catford", "seen": old, "action": "later"})
        late = await browser.post(step, {"area": "Lee", "seen": old, "action": "continue"})
        assert late.status_code == 409
        assert "now different are the area" in text_of(late) and 'value="Lee"' in late.text
        assert leads_to(await browser.post(step, {"area": "Lee", "seen": seen(late), "action": "continue"}))


async def test_others_find_nothing_at_the_same_addresses(app, world, database):
    child_id = await referrals.add_child(world.referrer)
    draft_id = await referrals.written_draft(world, child_id)
    referral_id = await referrals.broadcast(world, await referrals.add_child(world.referrer, "Olu Adeyemi"))
    other = await people.person_in(await people.council(database, "Southmere Council"), "referrer")
    paths = [
        f"/children/{child_id}", f"/children/{child_id}/change", f"/children/{child_id}/access/new",
        f"/referrals/{referral_id}", f"/referrals/{referral_id}/offers", f"/referrals/{referral_id}/close",
        f"/referrals/{draft_id}/draft/area", f"/referrals/{draft_id}/draft/check",
    ]  # fmt: skip
    async with at(app, world, other) as browser:
        for path in paths:
            answer = await browser.get(path)
            assert answer.status_code == 404, path
            for secret in ("Maya", "Olu", "Larkspur", "R-", "C-"):
                assert secret not in text_of(answer), (path, secret)
    async with at(app, world, world.providers[0]) as browser:
        for path in paths:
            assert (await browser.get(path)).status_code in (403, 404), path


async def test_a_colleague_is_asked_for_a_reason_before_the_record_opens(app, world, migrator):
    child_id = await referrals.add_child(world.referrer)
    colleague = await people.person_in(world.admin, "referrer")
    async with at(app, world, colleague) as browser:
        asked = await browser.get(f"/children/{child_id}")
        assert "Why do you need this record?" in asked.text and "Maya" not in asked.text
        shown = await browser.post(f"/children/{child_id}", {"why": "Covering a call from the family"})
        assert "Maya Okonkwo" in shown.text
        assert "Who looked" not in shown.text  # that is for the case's referrer and contract managers (data.md)
        changed = await browser.get(f"/children/{child_id}/change")
        assert changed.status_code == 403 and "Maya" not in changed.text


async def test_a_contract_manager_looks_in_the_console_with_a_reason(world):
    child_id = await referrals.add_child(world.referrer)
    manager = await people.person_in(world.admin, "contract_manager")
    async with door.at(create_console(world.settings), world.settings, manager) as browser:
        assert "Maya" not in (await browser.get(f"/children/{child_id}")).text
        shown = await browser.post(f"/children/{child_id}", {"why": "Concern raised"})
        assert "Maya Okonkwo" in shown.text and "/access/new" not in shown.text


async def test_questions_closing_and_broadcasting_again(app, world, migrator, clock):
    referral_id = await referrals.broadcast(world)
    provider = world.providers[0]
    question_id = await migrator.fetchval(
        "INSERT INTO referral_question (commissioner_id, referral_id, provider_id, asked_by, asked_at, question)"
        " VALUES ($1, $2, $3, $4, $5, 'Is there a dog?') RETURNING id",
        world.admin.organisation_id, referral_id, provider.organisation_id, provider.person_id, clock.at,
    )  # fmt: skip
    async with at(app, world, world.referrer) as browser:
        page = f"/questions/{question_id}/answer"
        assert "Enter the answer" in text_of(await browser.post(page, {"question": "Is there a dog?"}))
        done = await browser.post(page, {"question": "Is there a dog?", "answer": "Yes, a calm one."})
        assert leads_to(done) == f"/referrals/{referral_id}"
        assert "Select why no offer is taken" in text_of(await browser.post(f"/referrals/{referral_id}/close"))
        leads_to(await browser.post(f"/referrals/{referral_id}/close", {"reason_code": "no_offers"}))
        again = {"starts_on-day": "10", "starts_on-month": "6", "starts_on-year": "2026"}
        leads_to(await browser.post(f"/referrals/{referral_id}/again", again))
        assert "Round 2" in (await browser.get(f"/referrals/{referral_id}")).text


def test_the_states_a_list_can_show_are_those_of_a_referral():
    assert set(queries.LIST_STATES) == {"open", "draft", "awarded", "closed"}
