"""The pages over HTTP: a whole package from award to a confirmed visit, by clicking what each role is offered."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import date, time, timedelta
from uuid import UUID

import httpx
import pytest

from marketplace.identity.actions import set_pin
from marketplace.packages import boards, queries
from marketplace.packages.award import undo_award
from marketplace.platform.database import ask
from marketplace.policy.calendar import wall_time
from tests.world import door, packages, people, referrals
from tests.world.apps import create_console, create_marketplace

TUESDAY = date(2026, 5, 12)


@pytest.fixture
def app(database):  # type: ignore[no-untyped-def]
    return create_marketplace(database)


def said(answer: httpx.Response) -> str:
    """A page's words without markup."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", answer.text))
    return re.sub(r"\s+", " ", text)


def signed_text(answer: httpx.Response) -> str:
    """The text to be signed, read back out of the page's markup."""
    block = re.search(r'<div id="signed-text">(.*?)</div>', answer.text, re.DOTALL)
    assert block is not None
    parts = re.findall(r"<h\d[^>]*>(.*?)</h\d><p[^>]*>(.*?)</p>", block[1], re.DOTALL)
    return "\n\n".join(f"{html.unescape(heading)}\n{html.unescape(text)}" for heading, text in parts)


def hidden(answer: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None, f"no hidden {name}"
    return html.unescape(found[1])


def day_fields(name: str, day: date) -> dict[str, str]:
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


PLAN = {
    "outcomes": "Two afternoons a week outdoors.", "activities_to_do": "Swimming & cooking",
    "activities_not_to_do": "No <dogs>",
    "health": "", "medication": "", "equipment": "", "risks": "Water: hold hands", "feedback": "Call the office",
    "rows": "3", "weekday-0": "0", "begins-0": "16:00", "ends-0": "6pm", "activity-0": "home_support",
    "weekday-1": "2", "begins-1": "4pm", "ends-1": "18:00", "activity-1": "home_support",
}  # fmt: skip


async def test_from_award_to_a_confirmed_visit_by_clicking(case, app, database, clock):
    package = f"/packages/{case.package_id}"
    async with (
        door.at(app, database, case.manager) as office, door.at(app, database, case.referrer) as referrer,
        door.at(app, database, case.family) as family, door.at(app, database, case.worker) as worker,
    ):  # fmt: skip
        shown = await office.get(package)
        assert "Arrange the risk assessment" in said(shown) and "Maya Okonkwo" in said(shown)
        today = date(2026, 5, 11)
        wrong = await office.post(
            f"{package}/risk-assessment", day_fields("on", date(2026, 5, 1)) | {"action": "arrange"}
        )
        assert wrong.status_code == 400 and "The day must be 11 May 2026 or later" in said(wrong)
        assert (
            await office.post(f"{package}/risk-assessment", day_fields("on", today) | {"action": "arrange"})
        ).status_code == 303
        assert (
            await office.post(f"{package}/risk-assessment", day_fields("on", today) | {"action": "done"})
        ).status_code == 303

        half = await office.post(f"{package}/plan", PLAN | {"outcomes": "", "begins-1": "25:00"})
        assert half.status_code == 400 and "Enter what the support is to achieve" in said(half)
        assert "The start of visit 2 must be a time" in said(half) and "Swimming &amp; cooking" in half.text
        written = await office.post(f"{package}/plan", PLAN)
        plan = written.headers["location"]
        assert "No <dogs>" in signed_text(await office.get(plan))
        assert (await family.get(plan)).status_code == 404  # a draft is the provider's own
        assert (await office.post(f"{plan}/share", page=plan)).status_code == 303

        asked = await family.get("/who-is-coming")
        assert "The care plan is ready for you to read" in said(asked)
        to_sign = await family.get(f"{plan}/sign")
        assert hashlib.sha256(signed_text(to_sign).encode()).hexdigest() == hidden(to_sign, "text_hash")
        fields = {"text_hash": hidden(to_sign, "text_hash")}
        assert "Confirm that you have read" in said(await family.post(f"{plan}/sign", fields))
        assert (await family.post(f"{plan}/sign", fields | {"read": "yes"})).status_code == 303
        twice = await family.post(f"{plan}/sign", fields | {"read": "yes"}, page="/account/pin")
        assert twice.headers["location"] == plan
        assert "You have signed this plan already" in said(await family.get(plan))
        assert "Read and sign the plan" in said(await referrer.get(package))
        assert (await referrer.post(f"{plan}/sign", fields | {"read": "yes"})).status_code == 303
        assert "In force" in said(await referrer.get(plan))

        form = await office.get(f"{package}/plan-visits")
        assert "Alder Worker 1" in said(form)
        days = day_fields("first_day", TUESDAY) | day_fields("last_day", date(2026, 5, 24))
        planned = await office.post(f"{package}/plan-visits", days | {"workers": str(case.worker_id)})
        assert planned.status_code == 303, said(planned)
        assert "3 visits" in said(await office.get(f"{package}/visits"))
        assert "Wednesday 13 May 2026, 4pm to 6pm" in said(await family.get("/who-is-coming"))
        assert "Alder Worker 1" in said(await family.get("/who-is-coming"))
        assert "Maya Okonkwo" in said(await office.get("/week?from=2026-05-13"))

        clock.move_to(wall_time(date(2026, 5, 13), time(16, 2)))
        now = said(await worker.get("/now"))
        for fact in (
            "I have arrived",
            "12 Larkspur Gardens",
            "Ring twice",
            "020 7946 0199",
            "Grace Okonkwo",
            "hold hands",
        ):
            assert fact in now
        (visit_id,) = [line.visit.id for line in (await ask(case.worker, _all, case.package_id))[:1]]
        visit = f"/visits/{visit_id}"
        for early in ("finish", "record"):
            assert (await worker.get(f"{visit}/{early}")).headers["location"] == visit
        assert "First say that you have arrived" in said(await worker.get(visit))
        assert (await worker.post(f"{visit}/arrive", page="/now")).status_code == 303
        clock.move(timedelta(hours=2))
        record = {"activities": "Swimming", "money_spent": "3.50"}
        assert "Enter what the money was spent on" in said(await worker.post(f"{visit}/record", record))
        assert (await worker.post(f"{visit}/record", record | {"money_remark": "Bus"})).status_code == 303
        finish = await worker.get(f"{visit}/finish")
        late = {"shown": hidden(finish, "shown"), "end": "17:55", "reason": ""}
        assert "Enter why the end is another time than now" in said(await worker.post(f"{visit}/finish", late))
        assert (await worker.post(f"{visit}/finish", late | {"reason": "Forgot to press"})).status_code == 303
        sign = await worker.get(f"{visit}/sign")
        assert hashlib.sha256(signed_text(sign).encode()).hexdigest() == hidden(sign, "text_hash")
        assert (await worker.post(f"{visit}/sign", {"text_hash": hidden(sign, "text_hash")})).status_code == 303
        await set_pin(case.family, "8305")
        handed = await worker.get(f"{visit}/hand-over")
        fields = {"text_hash": hidden(handed, "text_hash"), "person_id": str(case.family.person_id)}
        wrong = await worker.post(f"{visit}/hand-over", fields | {"pin": "4444"})
        assert "This PIN is not right" in said(wrong) and "4444" not in wrong.text
        assert (await worker.post(f"{visit}/hand-over", fields | {"pin": "8305"})).status_code == 303
        assert "Confirmed" in said(await family.get(visit))
        text = said(await referrer.get(visit))
        assert "£3.50: Bus" in text and "Own PIN on the worker's device" in text
        assert "family member" in said(await referrer.get(package))  # who looked


async def _all(work, package_id: UUID):  # type: ignore[no-untyped-def]

    rows, _ = await boards.visits_of_package(work, package_id, when="coming")
    return rows


async def test_the_family_confirms_at_home_or_the_referrer_resolves(ready, app, database, clock):
    first = await packages.a_visit(ready, TUESDAY)
    second = await packages.a_visit(ready, TUESDAY, time(19), time(20))
    clock.move_to(wall_time(TUESDAY, time(20, 30)))
    for visit_id in (first, second):
        await packages.delivered(ready, visit_id)
    async with door.at(app, database, ready.family) as family, door.at(app, database, ready.referrer) as referrer:
        assert "2 visits wait for you" in said(await family.get("/who-is-coming"))
        shown = await family.get(f"/visits/{first}/confirm")
        assert hashlib.sha256(signed_text(shown).encode()).hexdigest() == hidden(shown, "text_hash")
        done = await family.post(f"/visits/{first}/confirm", {"text_hash": hidden(shown, "text_hash")})
        assert done.status_code == 303
        assert "To confirm" in said(await family.get("/visits"))
        async with door.at(app, database, ready.worker) as worker:
            page = await worker.get(f"/visits/{second}/not-signed")
            fields = {"text_hash": hidden(page, "text_hash"), "shown_how": "paper", "code": "declined"}
            assert "Select why the family" in said(
                await worker.post(f"/visits/{second}/not-signed", fields | {"code": ""})
            )
            assert (await worker.post(f"/visits/{second}/not-signed", fields)).status_code == 303
        assert "Resolve an unsigned visit" in said(await referrer.get(f"/packages/{ready.package_id}"))
        fields = {"resolution": "The mother says all was well"}
        assert (await referrer.post(f"/visits/{second}/resolve", fields)).status_code == 303
        assert "counts as signed" in said(await referrer.get(f"/visits/{second}"))


async def test_moving_swapping_and_cancelling_by_clicking(ready, app, database, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    visit = f"/visits/{visit_id}"
    async with door.at(app, database, ready.manager) as office:
        fields = day_fields("day", TUESDAY) | {"start": "5pm", "end": "7pm"}
        assert (await office.post(f"{visit}/move", fields | {"version": "1"})).status_code == 303
        stale = await office.post(f"{visit}/move", fields | {"version": "1", "start": "3pm"})
        assert "changed while you were looking" in said(stale) and 'value="3pm"' in stale.text
        assert "Alder Worker 2" in said(await office.get(f"{visit}/swap"))
        swap = {"version": "2", "leaves": str(ready.worker_id), "comes": str(ready.backup_id)}
        assert (await office.post(f"{visit}/swap", swap)).status_code == 303
        missing = await office.post(
            f"{visit}/cancel", {"version": "3", "outcome": "cancelled_by_family", "reason": "Ill"}
        )
        assert "Enter the day the family told you" in said(missing)
        cancel = {"version": "3", "outcome": "cancelled_by_family", "reason": "Ill", "notice_time": "11:30am"}
        cancel |= day_fields("notice", date(2026, 5, 11))
        check = await office.post(f"{visit}/cancel", cancel)
        assert "What is charged Nothing" in said(check) and (await ready.visit(visit_id)).outcome is None
        assert (await office.post(f"{visit}/cancel", cancel | {"step": "check"})).status_code == 303
        assert "Cancelled by the family: Ill" in said(await office.get(visit))


async def test_others_find_nothing_and_learn_nothing(ready, app, database, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    plan = (await ask(ready.manager, queries.signed_plan, ready.package_id)).id
    rival = await referrals.add_provider(ready.world, "Birch Support")
    elsewhere = await people.person_in(await people.council(database, "Southmere"), "referrer")
    child_id = await referrals.add_child(ready.referrer, "Leo Hart", other_names="")
    family = await referrals.family_of(ready.referrer, child_id, "Lara Hart")
    other = await packages.awarded(
        ready.world, child_id=child_id, family=family, worker_people=(ready.worker, ready.backup)
    )
    paths = [f"/packages/{ready.package_id}", f"/visits/{visit_id}", f"/plans/{plan}"]
    for actor in (rival, elsewhere, other.family):
        async with door.at(app, database, actor) as somebody:
            for path in paths if actor is not other.family else paths[1:]:
                answer = await somebody.get(path)
                assert answer.status_code == 404, (actor.role, path)
                assert "Maya" not in answer.text and "Okonkwo" not in answer.text
            listed = await somebody.get("/packages" if actor.role != "family" else "/visits")
            assert "Maya" not in listed.text


async def test_a_colleague_says_why_and_the_look_is_kept(ready, app, database, migrator):
    colleague = await people.person_in(ready.world.admin, "referrer", "Cole League")
    path = f"/packages/{ready.package_id}"
    async with door.at(app, database, colleague) as somebody:
        asked = await somebody.get(path)
        assert "Why do you need to see this?" in said(asked) and "Maya" not in asked.text
        assert "Enter why you need" in said(await somebody.post(path, {"why": " "}))
        opened = await somebody.post(path, {"why": "Covering for Rea this week"})
        assert "Maya Okonkwo" in said(opened)
        assert "Maya" not in (await somebody.get("/packages")).text
    row = await migrator.fetchrow("SELECT * FROM look WHERE person_id = $1", colleague.person_id)
    assert "Covering for Rea" in row["why"] and row["subject_id"] == ready.child_id


async def test_after_an_undone_award_the_provider_sees_nobody(case, app, database):

    await undo_award(case.referrer, case.package_id, reason="The family moves away")
    async with door.at(app, database, case.manager) as office:
        shown = await office.get(f"/packages/{case.package_id}")
        assert shown.status_code == 200 and "Award undone" in said(shown)
        for secret in ("Maya", "Okonkwo", "Larkspur", "SE13 6LT"):
            assert secret not in shown.text
    async with door.at(app, database, case.worker) as worker:
        assert (await worker.get(f"/packages/{case.package_id}")).status_code in (403, 404)


async def test_a_contract_manager_gives_a_reason_and_finance_sees_facts_only(ready, database, clock):
    visit_id = await packages.a_visit(ready, TUESDAY)
    clock.move_to(wall_time(TUESDAY, time(18, 5)))
    await packages.delivered(ready, visit_id)
    console = create_console(database)
    manager = await people.person_in(ready.world.admin, "contract_manager")
    finance = await people.person_in(ready.world.admin, "finance")
    async with door.at(console, database, manager) as somebody:
        assert (await ready.package()).reference in said(await somebody.get("/packages"))
        for path in (f"/packages/{ready.package_id}", f"/visits/{visit_id}"):
            assert "Maya" not in (await somebody.get(path)).text
            opened = await somebody.post(path, {"why": "A complaint is being looked into"})
            assert "Maya Okonkwo" in said(opened)
        assert "Went swimming" in said(opened)
    async with door.at(console, database, finance) as somebody:
        assert (await somebody.get(f"/packages/{ready.package_id}")).status_code == 403
        opened = await somebody.post(f"/visits/{visit_id}", {"why": "To check an invoice"})
        assert opened.status_code == 200 and "the family has not confirmed it" in said(opened)
        for secret in ("Maya", "Went swimming", "Calm and cheerful", "Larkspur"):
            assert secret not in opened.text
