"""Requests to providers over HTTP: the family's pages and the provider's, the plan's signature, the same by the API."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from marketplace.platform.database import ask
from tests.structure.inhabited import bearer
from tests.world import packages, providers, purchases
from tests.world.apps import create_marketplace
from tests.world.door import at


@pytest.fixture
def app(database, clock):
    return create_marketplace(database, clock)


def text_of(answer) -> str:
    body = answer.text.split("<main", 1)[-1]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


WEEK = {"days-1": ["0", "2"], "begin-1": "16:00", "end-1": "18:00", "activity-1": "home_support"}
FIRST = {"starts_on-day": "12", "starts_on-month": "5", "starts_on-year": "2026"}


async def test_asked_answered_compared_and_agreed(app, settings, buyers):
    home = buyers
    alder, birch, cedar = home.world.providers
    budget = f"/budget/{home.direct_payment_id}"
    async with at(app, settings, home.mother) as door:
        found = await door.get(f"{budget}/find?days-1=0&days-1=2&begin-1=16:00&end-1=18:00&activity-1=home_support")
        link = re.search(r'href="(/budget/[^"]+/ask\?[^"]+)"', found.text)
        assert link is not None and text_of(found).count("Ask for support") == 3
        page = await door.get(link[1].replace("&amp;", "&"))
        assert "£96.00 for the first week" in text_of(page) and 'value="16:00"' in page.text
        asked = WEEK | FIRST | {
            "lot": "C", "providers": [str(alder.provider_id), str(birch.provider_id)], "workers": "1",
            "area": "Hither Green", "key": str(uuid4()),
        }  # fmt: skip
        empty = await door.post(f"{budget}/ask", {"lot": "C"})
        assert empty.status_code == 400 and "Enter what matters to your child" in empty.text
        assert "Select whom to ask" in empty.text
        naming = await door.post(f"{budget}/ask", asked | {"says": "Grace knows what to do"})
        assert "Grace” identifies nobody" in naming.text and "Grace knows what to do" in naming.text
        asked |= {"says": "Somebody patient"}
        check = await door.post(f"{budget}/ask", asked)
        assert "You ask Alder Care and Birch Support" in text_of(check)
        back = await door.post(f"{budget}/ask", asked | {"step": "edit"})
        assert "Somebody patient" in back.text and 'value="16:00"' in back.text
        sent = [await door.post(f"{budget}/ask", asked | {"step": "send"}) for _ in range(2)]
        where = sent[0].headers["location"]
        assert [each.headers["location"] for each in sent] == [where, where]
        assert "No answers yet" in text_of(await door.get(where)) and "Birch Support, expected by" in text_of(
            await door.get(where)
        )
        assert "Waiting for answers" in text_of(await door.get("/requests"))
    enquiry = where.replace("/requests/", "/enquiries/")
    async with at(app, settings, cedar) as door:
        assert (await door.get(enquiry)).status_code == 404
        assert "Nothing here" in text_of(await door.get("/enquiries"))
    async with at(app, settings, alder) as door:
        assert "Answer a family" in text_of(await door.get("/today"))
        assert "To answer" in text_of(await door.get("/enquiries"))
        shown = text_of(await door.get(enquiry))
        assert "Hither Green" in shown and "Somebody patient" in shown and "Okonkwo" not in shown
        assert "Birch" not in shown
        form = await door.get(f"{enquiry}/answer")
        one, two = home.world.workers[alder.organisation_id]  # type: ignore[index]
        assert "Alder Worker 1" in form.text and 'value="16:00"' in form.text
        answer = WEEK | FIRST | {"workers": [str(one)], "backups": [str(two)], "remark": "We swim on Mondays"}
        wrong = await door.post(f"{enquiry}/answer", answer | {"backups": [str(one)]})
        assert "either comes or is the back-up" in wrong.text and "We swim on Mondays" in wrong.text
        check = await door.post(f"{enquiry}/answer", answer)
        assert "£96.00" in text_of(check) and "Check your answer" in text_of(check)
        assert (await door.post(f"{enquiry}/answer", answer | {"step": "send"})).status_code == 303
        assert "You have answered" in text_of(await door.get(f"{enquiry}"))
    async with at(app, settings, birch) as door:
        assert "Select why you say no" in (await door.post(f"{enquiry}/decline", {})).text
        assert (
            await door.post(f"{enquiry}/decline", {"reason_code": "no_capacity", "remark": "Soon"})
        ).status_code == 303
    async with at(app, settings, home.mother) as door:
        shown = text_of(await door.get(where))
        assert "Alder Worker 1" in shown and "£96.00" in shown and "not rated" in shown
        accept = re.search(r'href="(/requests/[^"]+/accept/[^"]+)"', (await door.get(where)).text)
        meet = re.search(r'href="(/requests/[^"]+/meet/[^"]+)"', (await door.get(where)).text)
        assert accept is not None and meet is not None
        assert "Enter the time" in (await door.post(meet[1], {})).text
        times = {"on-1-day": "13", "on-1-month": "5", "on-1-year": "2026", "at-1": "4pm", "says": "Near the park"}
        assert (await door.post(meet[1], times)).status_code == 303
        assert "They have not answered yet" in text_of(await door.get(where))
        assert "You sign it, for your family and in the place" in text_of(await door.get(accept[1]))
    async with at(app, settings, alder) as door:
        shown = await door.get(enquiry)
        ask_path = re.search(r'action="(/enquiries/[^"]+/meetings/[^"]+)"', shown.text)
        assert ask_path is not None
        assert (await door.post(ask_path[1], {"agreed_at": "none"}, page=enquiry)).status_code == 400
        confirmed = {"agreed_at": "0", "answer": "At the gate"}
        assert (await door.post(ask_path[1], confirmed, page=enquiry)).status_code == 303
    async with at(app, settings, home.mother) as door:
        assert "is agreed" in text_of(await door.get(where))
        assert (await door.post(accept[1])).status_code == 303
        again = await door.post(accept[1])
        assert again.status_code == 409 and "accepted already" in text_of(again)
        assert "This has been agreed as package P-" in text_of(await door.get(where))
        assert "paid for by your direct payment" in text_of(await door.get("/who-is-coming"))
    async with at(app, settings, alder) as door:
        shown = await door.get(enquiry)
        package = re.search(r'href="(/packages/[^"]+)"', shown.text)
        assert package is not None
        page = await door.get(package[1])
        assert "Direct payment" in text_of(page) and "Maya Okonkwo" in page.text and "Agreed by the family" in page.text
        assert "/funding" not in page.text and "/handover" not in page.text
        assert "Direct payment" in text_of(await door.get("/packages"))
    async with at(app, settings, birch) as door:
        assert (await door.get(package[1])).status_code == 404
        assert "This request is over" in text_of(await door.get(enquiry))
    async with at(app, settings, home.world.referrer) as door:
        listed = text_of(await door.get("/packages"))
        assert "Direct payment" in listed and "Alder Care" in listed
        page = await door.get(package[1])
        assert page.status_code == 200 and "/referrals/" not in page.text and "/undo-award" not in page.text
        assert (await door.get(f"{package[1]}/funding")).status_code == 200
        assert "/move" not in page.text and (await door.get(f"{package[1]}/undo-award")).status_code == 404
        assert (await door.get(enquiry)).status_code in (403, 404)


async def test_the_plan_is_signed_in_both_places_by_one_act(app, settings, buyers):
    bought = await purchases.agreed(buyers)
    plan_id = await packages.written_plan(bought.case)
    async with at(app, settings, bought.case.manager) as door:
        assert "The family reads it and signs" in text_of(await door.get(f"/plans/{plan_id}"))
        assert (await door.post(f"/plans/{plan_id}/share", page=f"/plans/{plan_id}")).status_code == 303
    async with at(app, settings, buyers.mother) as door:
        home_page = text_of(await door.get("/who-is-coming"))
        assert "Read and sign the plan" in home_page
        page = await door.get(f"/plans/{plan_id}/sign")
        seen = re.search(r'name="text_hash" value="([^"]+)"', page.text)
        assert seen is not None and "in the place the council has" in page.text
        half = await door.post(f"/plans/{plan_id}/sign", {"read": "yes", "text_hash": seen[1]})
        assert half.status_code == 400 and "also sign in the place of the council" in half.text
        signed = await door.post(
            f"/plans/{plan_id}/sign", {"read": "yes", "in_referrers_place": "yes", "text_hash": seen[1]}
        )
        assert signed.status_code == 303 and "In force" in text_of(await door.get(f"/plans/{plan_id}"))
    async with at(app, settings, buyers.world.referrer) as door:
        assert (await door.get(f"/plans/{plan_id}/sign")).status_code in (303, 403)
    day = await ask(buyers.mother, providers.today) + timedelta(days=1)
    visit_id = await packages.a_visit(bought.case, day)
    async with at(app, settings, bought.case.worker) as door:
        assert (await door.get("/now")).status_code == 200
        assert "Maya Okonkwo" in (await door.get(f"/visits/{visit_id}")).text
    async with at(app, settings, buyers.world.referrer) as door:
        page = await door.get(f"/visits/{visit_id}")
        assert page.status_code == 200 and "another-time" not in page.text


async def test_the_same_through_the_api(app, settings, buyers):
    home = buyers
    alder, birch, _ = home.world.providers
    mother, provider, rival = [await bearer(settings, each) for each in (home.mother, alder, birch)]
    pattern = [{"weekday": 0, "start": "16:00", "end": "18:00", "activity": "home_support"}]
    asked = {
        "providers": [str(alder.provider_id)], "lot": "C", "pattern": pattern, "starts_on": "2026-05-18",
        "says": "Somebody patient",
    }  # fmt: skip
    async with at(app, settings) as door:
        where = f"/api/v1/direct-payments/{home.direct_payment_id}/enquiries"
        wrong = await door.client.post(where, json=asked | {"says": ""}, headers=mother)
        assert wrong.status_code == 400 and "says" in wrong.json()["fields"]
        made = (await door.client.post(where, json=asked, headers=mother)).json()["id"]
        one = f"/api/v1/enquiries/{made}"
        assert (await door.client.get(one, headers=rival)).status_code == 404
        seen = (await door.client.get(one, headers=provider)).json()
        assert seen["state"] == "open" and seen["waiting"] == [] and seen["age_band"]
        worker = str(home.world.workers[alder.organisation_id][0])  # type: ignore[index]
        answer = {"workers": [worker], "starts_on": "2026-05-18", "pattern": pattern}
        price = (await door.client.post(f"{one}/price", json=answer, headers=provider)).json()
        assert price["pence_first_week"] == 4800
        given = (await door.client.post(f"{one}/answers", json=answer, headers=provider)).json()["id"]
        lines = (await door.client.get("/api/v1/enquiries", headers=mother)).json()
        assert [line["state"] for line in lines] == ["open"]
        naive = {"proposed": ["2026-05-13T16:00:00"]}
        meetings = f"/api/v1/enquiry-answers/{given}/meetings"
        assert (await door.client.post(meetings, json=naive, headers=mother)).status_code == 400
        met = await door.client.post(meetings, json={"proposed": ["2026-05-13T16:00:00+01:00"]}, headers=mother)
        said = await door.client.post(
            f"/api/v1/enquiry-meetings/{met.json()['id']}/answer", json={"agreed_at": "2026-05-13T15:00:00Z"},
            headers=provider,
        )  # fmt: skip
        assert said.status_code == 204
        accepted = await door.client.post(f"/api/v1/enquiry-answers/{given}/accept", headers=mother)
        package_id = accepted.json()["package_id"]
        listed = (await door.client.get("/api/v1/packages", headers=provider)).json()["items"]
        assert [(line["id"], line["direct_payment"]) for line in listed] == [(package_id, True)]
        assert (await door.client.get(one, headers=mother)).json()["state"] == "agreed"
        assert (await door.client.post(f"{one}/withdraw", headers=mother)).status_code == 409
