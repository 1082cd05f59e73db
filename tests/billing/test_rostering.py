"""Visits from a rostering system: sent twice counted once, errors row by row; nothing is signed, nor signed changed."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.billing.roster_rows import read_csv, read_row
from marketplace.billing.rostering import take_rows
from marketplace.packages import record_actions, signing
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotPermitted
from marketplace.policy.calendar import local
from tests.billing.test_api import api, token
from tests.billing.test_pages import text_of
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft
from tests.world.door import at

__all__ = ["api"]
HOUR = timedelta(hours=1)


def stamp(moment) -> str:
    return local(moment).isoformat()


async def row_of(case, visit_id, reference, **changed) -> dict[str, str]:
    """The visit as it was planned, as a rostering system would send it."""
    visit, package = await case.visit(visit_id), await case.package()
    return {
        "reference": reference, "package": package.reference, "planned_start": stamp(visit.planned_start),
        "outcome": "delivered", "start": stamp(visit.planned_start), "end": stamp(visit.planned_end),
        "activities": "Swam.",
    } | changed  # fmt: skip


@pytest.fixture
async def three(case, clock, first_day):
    """Three visits that ended with nothing recorded."""
    visits = [await packages.a_visit(case, first_day + timedelta(days=n)) for n in range(3)]
    clock.move_to((await case.visit(visits[-1])).planned_end + HOUR)
    return visits


async def signed(case, visit_id) -> None:
    fingerprint = (await case.visit(visit_id)).record_hash
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)


async def test_a_batch_by_api_is_taken_row_by_row_and_twice_counts_once(api, settings, case, clock, first_day, three):
    mine = await token(api, settings, case.manager)
    one, two, three_ = three
    period = await period_of(case, first_day)
    rows = [
        await row_of(case, one, "A-1"),
        await row_of(case, two, "A-2", end="soon"),
        await row_of(case, three_, "A-3", outcome="missed", start="", end="", reason="The worker was ill."),
        await row_of(case, one, "A-4", planned_start="2026-06-03 09:00"),
        await row_of(case, one, "A-5"),
    ]
    looked = await api.post("/roster/visits", json={"visits": rows, "only_look": True}, headers=mine)
    statuses = [each["status"] for each in looked.json()["results"]]
    assert statuses == ["recorded", "refused", "missed", "refused", "recorded"]  # each looked at by itself
    assert (await case.visit(one)).outcome is None and (await case.visit(three_)).outcome is None
    sent = (await api.post("/roster/visits", json={"visits": rows}, headers=mine)).json()["results"]
    assert [each["status"] for each in sent] == ["recorded", "refused", "missed", "refused", "refused"]
    assert "end: Give when it ended like 2026-06-03 16:00" in sent[1]["sentence"]
    assert "No visit of package" in sent[3]["sentence"] and "under the reference A-1" in sent[4]["sentence"]
    again = (await api.post("/roster/visits", json={"visits": rows}, headers=mine)).json()["results"]
    assert [each["status"] for each in again] == ["unchanged", "refused", "unchanged", "refused", "refused"]
    recorded = await case.visit(one)
    assert recorded.outcome == "delivered" and recorded.activities_recorded and not recorded.family_signed
    assert (await the_draft(case, period)).result.gross_pence == 0  # held: nobody has signed
    await signed(case, one)
    assert (await the_draft(case, period)).result.gross_pence == 4800

    # the planned ones, pre-filled, sent back as they are
    (left,) = (await api.get(f"/roster/planned/{first_day}/{first_day + timedelta(days=6)}", headers=mine)).json()
    assert left["visit"] == str(two) and left["outcome"] == "delivered"
    (done,) = (await api.post("/roster/visits", json={"visits": [left]}, headers=mine)).json()["results"]
    assert done["status"] == "recorded" and not (await case.visit(two)).activities_recorded
    empty = await api.post("/roster/visits", json={"visits": []}, headers=mine)
    assert empty.status_code == 400 and set(empty.json()["fields"]) == {"visits"}
    for actor in (case.family, case.worker, case.referrer):
        theirs = await token(api, settings, actor)
        assert (await api.post("/roster/visits", json={"visits": rows}, headers=theirs)).status_code == 403
    rival = await token(api, settings, await people.provider_org(settings, "Rival Care"))
    stolen = (await api.post("/roster/visits", json={"visits": [left, rows[0]]}, headers=rival)).json()["results"]
    assert [each["status"] for each in stolen] == ["refused", "refused"]
    assert (await api.get(f"/roster/planned/{first_day}/{first_day}", headers=rival)).json() == []


async def test_changed_content_corrects_until_the_family_signed_or_it_is_billed(case, clock, first_day, three, finance):
    one = three[0]
    row = await row_of(case, one, "A-1")
    assert [each.status for each in await take_rows(case.manager, [row])] == ["recorded"]
    fingerprint = (await case.visit(one)).record_hash
    await record_actions.sign_as_worker(case.worker, one, text_hash=fingerprint)
    shorter = row | {"end": stamp((await case.visit(one)).planned_end - HOUR / 2)}
    (told,) = await take_rows(case.manager, [shorter])
    assert told.status == "corrected"
    rows = await ask(case.manager, corrections)
    assert [(each["source"], each["reason"]) for each in rows] == [
        ("roster", "Sent again, changed, by the rostering system")
    ]
    (worker,) = await ask(case.manager, worker_signed)
    assert worker["signed_at"] is None  # the worker signs again
    await signed(case, one)
    (told,) = await take_rows(case.manager, [row])
    assert told.status == "refused" and "The family has answered this record" in told.sentence
    (told,) = await take_rows(case.manager, [shorter | {"outcome": "missed", "reason": "x"}])
    assert told.status == "refused"
    period = await period_of(case, first_day)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    (told,) = await take_rows(case.manager, [row])
    assert told.status == "refused"
    await return_invoice(finance, invoice_id, "Mend it.")
    assert (await case.visit(one)).family_signed
    # of two at once, one records it
    two = await row_of(case, three[1], "A-2")
    both = await asyncio.gather(take_rows(case.manager, [two]), take_rows(case.manager, [two]))
    assert sorted(each[0].status for each in both) == ["recorded", "unchanged"]


async def test_visits_are_planned_and_cancelled_and_nobody_unready_is_recorded(case, clock, first_day, three):
    visit, package = await case.visit(three[0]), await case.package()
    start, end = (stamp(at + timedelta(days=7)) for at in (visit.planned_start, visit.planned_end))
    plan = {
        "reference": "B-1", "package": package.reference, "outcome": "planned", "planned_start": start,
        "planned_end": end, "activity": visit.activity, "workers": str(case.worker_id),
    }  # fmt: skip
    assert [each.status for each in await take_rows(case.manager, [plan, plan])] == ["planned", "unchanged"]
    early = plan | {"outcome": "delivered", "start": start, "end": end}
    assert "has not ended yet" in (await take_rows(case.manager, [early]))[0].sentence
    moved = plan | {"planned_start": stamp(visit.planned_start + timedelta(days=8))}
    assert (await take_rows(case.manager, [moved]))[0].status == "refused"
    gone = plan | {"outcome": "cancelled_by_family", "notice_at": stamp(clock.at - HOUR), "reason": "A cold."}
    assert (await take_rows(case.manager, [gone]))[0].status == "cancelled"
    for actor in (case.worker, case.family, case.referrer):
        with pytest.raises(NotPermitted):
            await take_rows(actor, [plan])
    with pytest.raises(InvalidInput):
        await take_rows(case.manager, [plan] * 501)


async def test_a_file_is_checked_then_taken_and_a_week_is_typed(settings, database, case, clock, first_day, three):
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        assert "/roster/planned.csv" in (await door.get("/roster")).text
        file = (await door.get("/roster/planned.csv")).content
        rows = read_csv(file)
        assert [row["visit"] for row in rows] == [str(each) for each in three]
        rows[0]["reference"], rows[1]["end"] = "=1+1", "late"
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        shown = await door.get("/roster")
        csrf = re.search(r'name="_csrf" value="([^"]+)"', shown.text)
        assert csrf

        async def upload(name: str, content: bytes):
            return await door.client.post(
                "/roster", data={"_csrf": csrf.group(1)}, files={"file": (name, content, "text/csv")},
                headers={"origin": str(door.client.base_url)},
            )  # fmt: skip

        wrong = await upload("photo.csv", b"\x89PNG\r\n\x1a\n")
        assert wrong.status_code == 400 and "first line must name the columns" in wrong.text
        checked = await upload("visits.csv", out.getvalue().encode())
        assert "2: to be recorded" in text_of(checked) and "end: Give when it ended" in text_of(checked)
        assert (await case.visit(three[0])).outcome is None
        hidden = re.search(r'name="rows" value="([^"]*)"', checked.text)
        kept = hidden.group(1).replace("&#34;", '"').replace("&amp;", "&")
        csrf = re.search(r'name="_csrf" value="([^"]+)"', checked.text)

        async def take(text: str):
            return await door.post("/roster/take", {"rows": text}, page="/roster")

        taken = await take(kept)
        assert "2: recorded" in text_of(taken) and "1: refused" in text_of(taken)
        assert "2: known already: nothing changed" in text_of(await take(kept))
        assert (await take("nonsense")).status_code == 303
        assert (await case.visit(three[0])).outcome == "delivered"

        week = f"/roster/week?from={first_day}"
        left = await door.get(week)
        assert f"outcome-{three[1]}" in left.text and f"outcome-{three[0]}" not in left.text
        typed = {f"outcome-{three[1]}": "delivered", f"start-{three[1]}": "16:10", f"end-{three[1]}": "x"}
        bad = await door.post(week, typed)
        assert bad.status_code == 400 and 'value="16:10"' in bad.text
        good = await door.post(week, typed | {f"end-{three[1]}": "17:50", f"reason-{three[1]}": "Traffic"})
        assert "1: to be recorded" in text_of(good)
        kept = re.search(r'name="rows" value="([^"]*)"', good.text).group(1).replace("&#34;", '"')
        assert "1: recorded" in text_of(await take(kept))
    visit = await case.visit(three[1])
    assert (f"{local(visit.actual_start):%H:%M}", f"{local(visit.actual_end):%H:%M}") == ("16:10", "17:50")


def test_times_without_an_offset_are_londons_and_each_fault_is_named():
    read = read_row({"visit": str(uuid4()), "outcome": "delivered", "start": "2026-06-03 16:00",
                     "end": "2026-06-03T17:00Z"})  # fmt: skip
    assert read.reference == str(read.visit_id) and stamp(read.start) == "2026-06-03T16:00:00+01:00"
    assert stamp(read.end) == "2026-06-03T18:00:00+01:00"
    with pytest.raises(InvalidInput) as named:
        read_row({"visit": "x", "outcome": "done", "start": "9999-99-99", "reference": "r" * 101, "activities": "\0"})
    assert set(named.value.fields) == {"visit", "outcome", "start", "reference", "activities"}


async def corrections(work: Work):
    return await work.fetch("SELECT * FROM visit_correction")


async def worker_signed(work: Work):
    return await work.fetch("SELECT w.signed_at FROM visit_worker w JOIN roster_row r USING (visit_id)")
