# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses a provider on its own invoices, their lines, the ledger, its disputes, its bank account, and
on what it owes; and a council on what it has decided.

A party that may cause some changes of a row must not cause the others, whatever statement comes in its context.
"""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import lay

INVOICE = """INSERT INTO invoice (commissioner_id, framework_id, provider_id, first_day, last_day, number, submitted_at,
    submitted_by, due_at, claim, result, pack_hash, gross_pence, deduction_pence, carried_in_pence, net_pence,
    carried_out_pence, received_at, state{more})
    SELECT commissioner_id, framework_id, provider_id, first_day + 99, last_day + 99, 77, submitted_at, {person}, due_at,
    claim, result, pack_hash, 0, 0, 0, 0, 0, {received}, {state} FROM invoice WHERE number = 1"""
ENTRY = """WITH e AS (INSERT INTO ledger_entry (commissioner_id, framework_id, provider_id, at, kind, subject_type,
    subject_id, written_by, dedupe_key) SELECT commissioner_id, framework_id, provider_id, app_now(), {kind}, {about},
    {subject}, app_person(), {kind} || ':' || {subject} FROM invoice WHERE number = 1 RETURNING *)
    SELECT FROM e"""
DISPUTE = """INSERT INTO deduction_dispute (commissioner_id, framework_id, provider_id, invoice_id, first_day, pence, says,
    raised_by, raised_at, second_needed) SELECT commissioner_id, framework_id, provider_id, id, first_day, {pence}, 's',
    app_person(), app_now(), false FROM invoice WHERE number = 1"""
ACCOUNT = """INSERT INTO bank_change (provider_id, account_name, sort_code, account_number, proposed_by, proposed_by_name,
    proposed_at, state, answered_by, answered_by_name, answered_at) VALUES (app_organisation(), 'x', '202015', '12345678',
    {by}, 'n', app_now(), {state}, {answered}, 'n', {when})"""

SOMEBODY_ELSE = "(SELECT id FROM person WHERE id <> app_person() LIMIT 1)"


def refused() -> list[str]:
    invoice = {"more": "", "person": "app_person()", "received": "app_now()", "state": "'submitted'"}
    entry = {"kind": "'invoice'", "about": "'invoice'", "subject": "id"}
    changes = [
        "state = 'accepted', accepted_at = app_now(), accepted_by = app_person(), pay_by = '2026-06-01'",
        "state = 'paid', paid_at = app_now()", "state = 'returned'", "pay_by = '2026-05-12'", "accepted_at = app_now()",
        "received_at = app_now() - interval '9 days'", "net_pence = 5, gross_pence = 5", "result = '[1]'",
        "replaced_at = app_now()", "submitted_by = NULL", "parties = '{\"other\": 1}'",
    ]  # fmt: skip
    return [
        *(f"UPDATE invoice SET {change} WHERE number = 1" for change in changes),
        "UPDATE invoice SET state = 'submitted' WHERE number = 2",  # returned, not replaced yet
        "UPDATE invoice SET replaced_at = NULL WHERE number = 3",
        "DELETE FROM invoice",
        INVOICE.format(**invoice | {"state": "'accepted'"}),
        INVOICE.format(**invoice | {"received": "app_now() - interval '9 days'"}),
        INVOICE.format(**invoice | {"person": SOMEBODY_ELSE}),
        *(
            f"UPDATE {table} SET {change}"
            for table in ("invoice_line", "invoice_other_line")
            for change in ("payable_pence = 100000", "claimed_pence = 1", "counts = false")
        ),
        "DELETE FROM invoice_line",
        "INSERT INTO invoice_line (commissioner_id, invoice_id, provider_id, position, visit_commissioner_id, visit_id,"
        " minutes, percent, held, payable_pence) SELECT v.commissioner_id, i.id, i.provider_id, 9, v.commissioner_id, v.id,"
        " 60, 100, false, 100000 FROM invoice i, visit v WHERE i.number = 3",
        "INSERT INTO invoice_other_line (commissioner_id, invoice_id, provider_id, position, line_id, price_pence,"
        " payable_pence) SELECT i.commissioner_id, i.id, i.provider_id, 9, l.id, 1, 1 FROM invoice i, other_line l"
        " WHERE i.number = 1 AND l.longer_visit_id IS NOT NULL",
        *(
            ENTRY.format(**entry | {"kind": f"'{kind}'"})
            for kind in ("waiver", "payment", "invoice", "overcarried", "invoice_replaced", "purchase_payout_owed")
        ),
        ENTRY.format(kind="'credit_note'", about="'credit_note'", subject="id"),
        *(
            "INSERT INTO ledger_posting SELECT commissioner_id, id, provider_id, 'provider_payable', -7 FROM ledger_entry"
            f" WHERE kind = '{kind}'"
            for kind in ("invoice", "waiver")
        ),
        DISPUTE.format(pence=100_000),
        ACCOUNT.format(by=SOMEBODY_ELSE, state="'confirmed'", answered="app_person()", when="app_now()"),
        ACCOUNT.format(by=SOMEBODY_ELSE, state="'open'", answered="NULL", when="NULL"),
    ]  # fmt: skip


async def test_a_provider_decides_nothing_about_its_own_money(database, migrator):
    rows = await lay(migrator)
    other = """INSERT INTO invoice (commissioner_id, framework_id, provider_id, first_day, last_day, number, submitted_at,
        submitted_by, due_at, claim, result, pack_hash, gross_pence, deduction_pence, carried_in_pence, net_pence,
        carried_out_pence, received_at, state, parties, replaced_at) SELECT commissioner_id, framework_id, provider_id,
        first_day + $1::int, last_day + $1::int, $1::int, submitted_at, submitted_by, due_at, claim, result, pack_hash, 0, 0, 0, 0, 0,
        app_now(), 'returned', '{}', $2 FROM invoice WHERE number = 1"""
    await migrator.execute("UPDATE invoice SET parties = '{}'")
    await migrator.execute(other, 2, None)
    await migrator.execute(other, 3, await migrator.fetchval("SELECT now()"))
    await migrator.execute(
        "INSERT INTO ledger_entry SELECT commissioner_id, gen_random_uuid(), framework_id, provider_id, at, 'waiver',"
        " subject_type, subject_id, written_by, 'k2' FROM ledger_entry WHERE kind = 'invoice'"
    )
    manager = rows.actors["winner_manager"]
    for sql in refused():
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
            async with unit_of_work(manager) as work:
                found = await work.execute(sql)
                assert found not in ("UPDATE 0", "INSERT 0 0", "SELECT 0"), sql  # it found a row, and changed it
                pytest.fail(f"{found}: {sql}")
    # a council decides, and writes no invoice and no line
    finance = rows.actors["northgate_finance"]
    for sql in (
        "UPDATE invoice_line SET payable_pence = 1", "UPDATE invoice SET net_pence = 5, gross_pence = 5",
        INVOICE.format(more="", person="app_person()", received="app_now()", state="'submitted'"),
    ):  # fmt: skip
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError, AssertionError)):
            async with unit_of_work(finance) as work:
                assert await work.execute(sql) != "UPDATE 0"
                pytest.fail(sql)


OWES = [
    *(
        f"UPDATE obligation SET {change} WHERE rule_key = 'plan_signed'"
        for change in (
            "due_at = due_at + interval '9 days'", "met_at = app_now()", "met_at = due_at - interval '1 hour'",
            "cancelled_at = app_now() - interval '1 hour'", "owed_by_organisation = owed_to", "starts_at = starts_at - interval '1 day'",
            "subject_id = gen_random_uuid()", "pack_hash = 'h2'",
        )
    ),
    "DELETE FROM obligation",
    "UPDATE visit_request SET kind = 'again', wished_start = app_now(), wished_end = app_now() + interval '1 hour'",
    f"UPDATE visit_request SET state = 'withdrawn', answered_at = app_now(), answered_by = {SOMEBODY_ELSE}",
    "INSERT INTO visit_request (commissioner_id, package_id, provider_id, framework_id, visit_id, kind, asked_side,"
    " asked_by, asked_at) SELECT commissioner_id, package_id, provider_id, framework_id, visit_id, 'make_up', 'family',"
    " asked_by, asked_at FROM visit_request",
    "DELETE FROM visit_request",
]  # fmt: skip


async def test_who_owes_something_says_no_other_day_and_what_was_decided_stands(database, migrator):
    rows = await lay(migrator)
    refused_as = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)
    for sql in OWES:
        with pytest.raises(refused_as):
            async with unit_of_work(rows.actors["winner_manager"]) as work:
                found = await work.execute(sql)
                assert found not in ("UPDATE 0", "INSERT 0 0"), sql
                pytest.fail(f"{found}: {sql}")
    # noted late by whom it is owed to, what was done in time was not missed: nothing of it is refused
    with pytest.raises(InterruptedError):
        async with unit_of_work(rows.actors["northgate_referrer"]) as work:
            late = "UPDATE obligation SET missed_at = due_at WHERE rule_key = 'plan_signed'"
            done = "UPDATE obligation SET met_at = due_at - interval '1 hour', missed_at = NULL WHERE rule_key = 'plan_signed'"
            assert [await work.execute(sql) for sql in (late, done)] == ["UPDATE 1", "UPDATE 1"]
            raise InterruptedError  # and taken back
    # done late it is met now and stays missed, as the product says it; what was answered is not answered again
    async with unit_of_work(rows.actors["winner_manager"]) as work:
        assert (
            await work.execute(
                "UPDATE obligation SET met_at = app_now(), missed_at = due_at WHERE rule_key = 'plan_signed'"
            )
            == "UPDATE 1"
        )
        answer = "UPDATE visit_request SET state = 'withdrawn', answered_at = app_now(), answered_by = app_person()"
        assert await work.execute(answer) == "UPDATE 1"
    again = [
        f"UPDATE obligation SET {column} = NULL WHERE rule_key = 'plan_signed'" for column in ("met_at", "missed_at")
    ]
    for sql in (*again, answer):
        with pytest.raises(refused_as):
            async with unit_of_work(rows.actors["winner_manager"]) as work:
                await work.execute(sql)
                pytest.fail(sql)

    finance = rows.actors["northgate_finance"]
    async with unit_of_work(finance) as work:
        await work.execute(
            "UPDATE invoice SET state = 'accepted', accepted_at = app_now(), accepted_by = app_person(),"
            " pay_by = '2026-06-01' WHERE number = 1"
        )
    for change in (
        "pay_by = '2027-06-01'", "pay_by = NULL", f"accepted_by = {SOMEBODY_ELSE}", "state = 'submitted'",
        "accepted_at = accepted_at + interval '1 day'",
    ):  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError, match="decided about an invoice stands"):
            async with unit_of_work(finance) as work:
                assert await work.execute(f"UPDATE invoice SET {change} WHERE number = 1") == "UPDATE 1"
