"""Payment runs: built, approved by another, exported once, paid as the bank says; of two at once, one wins."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import re
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from marketplace.billing import credit_note_queries, queries
from marketplace.billing.credit_notes import ask_deduction, confirm_credit_note
from marketplace.billing.payment_files import Paid, read_payments
from marketplace.billing.payment_queries import payables, payment_clock, payment_run
from marketplace.billing.payment_runs import approve_run, build_run, cancel_run, export_run, mark_paid, take_file
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import local_day
from tests.billing.test_api import api, token
from tests.billing.test_credit_notes import an_accepted, books
from tests.world import people
from tests.world.apps import create_console
from tests.world.billing import banked
from tests.world.door import at

__all__ = ["api"]
OWED = 25_440  # four visits of a weekday and one of a Saturday, as `an_accepted` makes them


@pytest.fixture
async def accepted(case, clock, first_day, finance):
    await banked(case.manager)
    return await an_accepted(case, clock, first_day, finance)


@pytest.fixture
async def exported(accepted, finance):
    run_id = await build_run(finance, [accepted])
    await export_run(finance, run_id)
    return run_id


async def four_eyes(migrator, run_id: UUID) -> None:
    """As if the run's sum had reached the pack's: the sum itself is the policy's matter (tests/policy)."""
    await migrator.execute("ALTER TABLE payment_run DISABLE TRIGGER payment_run_is_kept")
    await migrator.execute("UPDATE payment_run SET four_eyes = true WHERE id = $1", run_id)
    await migrator.execute("ALTER TABLE payment_run ENABLE TRIGGER payment_run_is_kept")


async def test_from_the_accepted_invoice_to_the_bank(accepted, finance, clock, case):
    (due,) = await ask(finance, payables)
    assert (due.invoice_id, due.pence, due.held) == (accepted, OWED, False)
    run_id = await build_run(finance, [accepted])
    assert await ask(finance, payables) == []
    with pytest.raises(Conflict):
        await build_run(finance, [accepted])
    with pytest.raises(Conflict, match="once the run is exported"):
        await mark_paid(finance, run_id, [Paid(1, local_day(clock.at))])
    control = await export_run(finance, run_id)
    with pytest.raises(WrongState, match="exported"):
        await export_run(finance, run_id)
    with pytest.raises(WrongState):
        await cancel_run(finance, run_id)
    original, copy = await take_file(finance, run_id), await take_file(finance, run_id)
    assert (original.name, copy.name) == ("payment-run-1.csv", "payment-run-1-COPY-1.csv")
    assert "COPY" not in original.text and "not to be paid again" in copy.text
    rows = list(csv.DictReader(io.StringIO(original.text)))
    assert rows[0]["reference"] == "PR1-1" and rows[0]["amount_pounds"] == "254.40"
    assert rows[1]["reference"] == "TOTAL" and rows[1]["amount_pounds"] == "254.40"
    body = original.text.split("\r\n", 1)[1].split("TOTAL", 1)[0]
    assert hashlib.sha256(body.encode()).hexdigest() == control == rows[2]["provider"]
    assert "Maya" not in original.text
    clock.move(timedelta(days=2))
    day = local_day(clock.at)
    assert await mark_paid(finance, run_id, [Paid(1, day, OWED)]) == 1
    assert await mark_paid(finance, run_id, [Paid(1, day, OWED)]) == 0  # told twice, counted once
    with pytest.raises(InvalidInput, match="was entered"):
        await mark_paid(finance, run_id, [Paid(1, day - timedelta(days=1))])
    view = await ask(case.manager, queries.invoice, accepted)
    assert view.state == "paid" and view.paid_at is not None and local_day(view.paid_at) == day
    found = await ask(finance, books)
    assert found.get("provider_payable", 0) == 0 and found["bank"] == -OWED and sum(found.values()) == 0
    assert await ask(finance, payables) == []
    (row,) = await ask(finance, payment_clock)
    assert row.state == "paid_in_time" and row.paid_on == day


async def test_a_credit_note_holds_the_payment_and_then_lessens_it(accepted, finance, case):
    note_id = await ask_deduction(finance, accepted, "inaccurate", "One visit was shorter.")
    assert [row.held for row in await ask(finance, payables)] == [True]
    with pytest.raises(Conflict, match="cannot be paid now"):
        await build_run(finance, [accepted])
    await confirm_credit_note(case.manager, note_id)
    assert [(row.pence, row.held) for row in await ask(finance, payables)] == [(OWED - 10_000, False)]
    run_id = await build_run(finance, [accepted])
    assert (await ask(finance, payment_run, run_id)).total_pence == OWED - 10_000


async def test_nothing_is_paid_where_no_account_was_given(settings, case, clock, first_day, finance):
    invoice_id = await an_accepted(case, clock, first_day, finance)
    async with at(create_console(settings, clock), settings, finance) as desk:
        shown = (await desk.get("/payments")).text
        assert "No bank account" in shown and "Build the payment run" not in shown
        with pytest.raises(Conflict, match="Alder Care has not given a bank account"):
            await build_run(finance, [invoice_id])
        await banked(case.manager)
        shown = (await desk.get("/payments")).text
        assert "No bank account" not in shown and "Build the payment run" in shown
    run = await ask(finance, payment_run, await build_run(finance, [invoice_id]))
    assert run.four_eyes and run.lines[0].account_number == "55555555"  # given after the invoice: four eyes


async def test_nothing_is_deducted_from_what_is_on_its_way(accepted, finance, case):
    run_id = await build_run(finance, [accepted])
    with pytest.raises(Conflict, match="lies in payment run 1"):
        await ask_deduction(finance, accepted, "inaccurate", "One visit was shorter.")
    await cancel_run(finance, run_id)
    await ask_deduction(finance, accepted, "inaccurate", "One visit was shorter.")
    assert len(await ask(finance, credit_note_queries.credit_notes)) == 1


async def test_a_run_that_went_stale_is_not_exported(accepted, finance, migrator):
    run_id = await build_run(finance, [accepted])
    await migrator.execute("UPDATE invoice SET state = 'disputed' WHERE id = $1", accepted)
    with pytest.raises(Conflict, match="has changed since this run was built"):
        await export_run(finance, run_id)
    await cancel_run(finance, run_id)
    with pytest.raises(WrongState):
        await export_run(finance, run_id)
    assert await ask(finance, payables) == []  # in dispute: nothing to pay


async def test_four_eyes(accepted, finance, case, migrator):
    run_id = await build_run(finance, [accepted])
    with pytest.raises(Conflict, match="needs no approval"):
        await approve_run(finance, run_id)
    await four_eyes(migrator, run_id)
    other = await people.person_in(case.world.admin, "finance", "Flo Second")
    for who in (finance, other):
        with pytest.raises(Conflict, match="waits for a second finance officer"):
            await export_run(who, run_id)
    with pytest.raises(Conflict, match="somebody else approves"):
        await approve_run(finance, run_id)
    await approve_run(other, run_id)
    with pytest.raises(WrongState):
        await approve_run(other, run_id)
    await export_run(finance, run_id)


async def test_two_at_once_one_wins(accepted, finance, case, clock):
    other = await people.person_in(case.world.admin, "finance", "Flo Second")
    built = await asyncio.gather(*(build_run(who, [accepted]) for who in (finance, other)), return_exceptions=True)
    (run_id,) = [each for each in built if isinstance(each, UUID)]
    assert sum(isinstance(each, Conflict) for each in built) == 1, built
    left = await asyncio.gather(*(export_run(who, run_id) for who in (finance, other)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in left) == 1 and sum(isinstance(each, WrongState) for each in left) == 1
    taken = await asyncio.gather(*(take_file(who, run_id) for who in (finance, other)))
    assert sorted(each.copy for each in taken) == [0, 1]
    day = local_day(clock.at)
    marked = await asyncio.gather(*(mark_paid(who, run_id, [Paid(1, day)]) for who in (finance, other)))
    assert sorted(marked) == [0, 1]
    assert (await ask(finance, books))["bank"] == -OWED


async def test_a_late_one_is_shown_as_late(accepted, finance, clock):
    (row,) = await ask(finance, payment_clock)
    assert row.state == "waiting" and (row.pay_by - row.received_on).days == 30
    clock.move(timedelta(days=31))
    (row,) = await ask(finance, payment_clock)
    assert row.state == "late" and row.days == 31
    run_id = await build_run(finance, [accepted])
    await export_run(finance, run_id)
    await mark_paid(finance, run_id, [Paid(1, local_day(clock.at))])
    assert [row.state for row in await ask(finance, payment_clock)] == ["paid_late"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must name the columns reference, amount, paid_on"),
        (b"reference,amount\nPR1-1,254.40", "must name the columns paid_on"),
        (b"\xff\xfe\x00", "saved as UTF-8"),
        (b"reference,amount,paid_on\n", "has no payments in it"),
        (b"reference,amount,paid_on\nPR2-1,254.40,2026-06-15", "row 2: 'PR2-1' is no payment of this run"),
        (b"reference,amount,paid_on\nPR1-1,lots,2026-06-15", "row 2: the amount must be in pounds"),
        (b"reference,amount,paid_on\nPR1-1,254.40,31/02/2026", "row 2: the day must be like"),
        (b"reference,amount,paid_on\nPR1-1,1,2026-06-15\nPR1-1,1,2026-06-15", "row 3: PR1-1 is there twice"),
    ],
)
def test_a_banks_file_that_is_none_says_what_is_wrong(content, said):
    with pytest.raises(InvalidInput) as refused:
        read_payments(content, 1)
    assert said in refused.value.fields["file"]


def test_a_banks_file_is_read_as_banks_write_it():
    text = '\ufeffDate,Reference,Amount,Account\r\n15/06/2026,PR1-1,"1,254.40",1\r\n2026-06-16,PR1-2,£3.5,2\r\n'
    assert [(each.position, each.pence, each.paid_on.day) for each in read_payments(text.encode(), 1)] == [
        (1, 125_440, 15), (2, 350, 16),
    ]  # fmt: skip


async def test_wrong_payments_are_refused_whole(exported, finance, clock):
    day = local_day(clock.at)
    for wrong, said in (
        ([Paid(1, day, 1)], "another amount"),
        ([Paid(1, day), Paid(2, day)], "PR1-2 is no payment"),
        ([Paid(1, day + timedelta(days=1))], "to today"),
        ([Paid(1, day - timedelta(days=1))], "the day must be from"),
        ([], "at least one"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await mark_paid(finance, exported, wrong)
        assert said in refused.value.fields["paid"]
    assert (await ask(finance, payment_run, exported)).lines[0].paid_on is None


async def test_who_may_and_who_sees(exported, accepted, finance, case, settings, migrator):
    elsewhere = await people.person_in(await people.council(settings, "Southmere"), "finance")
    for attempt in (export_run, approve_run, cancel_run, take_file):
        with pytest.raises(NotFound):
            await attempt(elsewhere, exported)
        for nobody in (case.manager, case.referrer):
            with pytest.raises(NotPermitted):
                await attempt(nobody, exported)
    with pytest.raises(NotFound):
        await build_run(elsewhere, [accepted])
    with pytest.raises(NotFound):
        await ask(elsewhere, payment_run, exported)
    assert await ask(elsewhere, payables) == [] and await ask(elsewhere, payment_clock) == []
    for statement in ("UPDATE payment_run SET control_hash = repeat('0', 64)", "UPDATE payment_line SET pence = 1"):
        with pytest.raises(asyncpg.CheckViolationError):
            await migrator.execute(statement)


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.split("<main", 1)[-1]).replace("&#39;", "'").split())


async def test_the_pages(database, settings, clock, accepted, finance):
    async with at(create_console(database, clock), settings, finance) as desk:
        assert "Together £254.40" in text_of(await desk.get("/payments"))
        assert "Select at least one invoice to pay" in (await desk.post("/payments")).text
        built = await desk.post("/payments", {"pay": str(accepted)})
        where = built.headers["location"]
        assert "Exporting is done once" in text_of(await desk.get(where))
        await desk.post(f"{where}/export", page=where)
        again = await desk.post(f"{where}/export", page=where)
        assert again.status_code == 409 and "so it cannot be exported now" in again.text
        file = await desk.post(f"{where}/file", page=where)
        assert 'filename="payment-run-1.csv"' in file.headers["content-disposition"] and "PR1-1" in file.text
        file = await desk.post(f"{where}/file", page=where)
        assert "COPY-1" in file.headers["content-disposition"]
        wrong = await desk.post(f"{where}/paid", {"paid": "1", "paid_on-day": "31", "paid_on-month": "2"}, page=where)
        assert "must include a year" in text_of(wrong) and 'value="31"' in wrong.text
        token = re.search(r'name="_csrf" value="([^"]+)"', (await desk.get(where)).text)
        assert token
        day = local_day(clock.at)
        for content, said in (("x", "must name the columns"), (f"reference,amount,date\nPR1-1,1.00,{day}", "another")):
            sent = await desk.client.post(
                f"{where}/paid-file", data={"_csrf": token.group(1)}, files={"file": ("bank.csv", content)},
                headers={"origin": str(desk.client.base_url)},
            )  # fmt: skip
            assert said in text_of(sent), text_of(sent)
        done = await desk.client.post(
            f"{where}/paid-file", data={"_csrf": token.group(1)},
            files={"file": ("bank.csv", f"reference,amount,date\nPR1-1,254.40,{day}")},
            headers={"origin": str(desk.client.base_url)},
        )  # fmt: skip
        assert "1 marked as paid" in (await desk.get(done.headers["location"])).text
        assert "Mark as paid" not in (await desk.get(where)).text
        report = await desk.get("/payments/clock")
        assert "100% of those paid were paid in time" in text_of(report)
        assert "Paid in time" in (await desk.get("/payments/clock?format=csv")).text
        assert "Paid" in text_of(await desk.get(f"/invoices/{accepted}"))


async def test_the_api(api, settings, case, accepted, finance, clock):
    mine, theirs = await token(api, settings, finance), await token(api, settings, case.manager)
    assert [row["pence"] for row in (await api.get("/payables", headers=mine)).json()] == [OWED]
    assert (await api.get("/payables", headers=theirs)).status_code == 403
    for said in ({}, {"invoices": []}):  # what is not said is not paid
        nothing = await api.post("/payment-runs", json=said, headers=mine)
        assert nothing.status_code == 400 and set(nothing.json()["fields"]) == {"invoices"}
    both = {"invoices": [str(accepted)], "everything": True}
    assert (await api.post("/payment-runs", json=both, headers=mine)).json()["fields"].keys() == {"everything"}
    shown = (await api.get(f"/invoices/{accepted}", headers=theirs)).json()
    assert shown["received_at"] and shown["accepted_at"] and shown["paid_at"] is None
    assert shown["clause"] and (shown["dispute_until"], shown["dispute_id"]) == (None, None)
    made = await api.post("/payment-runs", json={"everything": True}, headers=mine)
    assert made.status_code == 201, made.text
    run = f"/payment-runs/{made.json()['id']}"
    control = (await api.post(f"{run}/export", headers=mine)).json()["control_hash"]
    assert (await api.post(f"{run}/export", headers=mine)).status_code == 409
    assert control in (await api.post(f"{run}/file", headers=mine)).json()["text"]
    day = str(local_day(clock.at))
    body = {"payments": [{"position": 1, "paid_on": day, "pence": OWED}]}
    assert (await api.post(f"{run}/paid", json=body, headers=mine)).json() == {"marked": 1}
    assert (await api.post(f"{run}/paid", json=body, headers=mine)).json() == {"marked": 0}
    whole = (await api.get(run, headers=mine)).json()
    assert whole["state"] == "exported" and whole["lines"][0]["paid_on"] == day
    assert [row["unpaid"] for row in (await api.get("/payment-runs", headers=mine)).json()] == [0]
    assert [row["state"] for row in (await api.get("/payment-clock", headers=mine)).json()] == ["paid_in_time"]
    assert (await api.post(f"{run}/cancel", headers=mine)).status_code == 409
