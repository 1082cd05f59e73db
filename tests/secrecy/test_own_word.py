# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses a family about what it buys and asks for, and a provider about its account at Stripe."""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import lay

BUY = """INSERT INTO purchase (commissioner_id, framework_id, provider_id, child_id, direct_payment_id, package_id, reference,
    lot_code, first_day, last_day, method, state, pence, minutes, pack_hash, made_at, made_by, made_by_name, due_at)
    SELECT commissioner_id, framework_id, provider_id, child_id, direct_payment_id, package_id, {reference}, lot_code,
    first_day, last_day, method, {state}, {pence}, minutes, pack_hash, app_now(), {by}, 'm', due_at
    FROM purchase WHERE reference = 'DPSECRET1'"""
LINE = """INSERT INTO purchase_visit (commissioner_id, purchase_id, framework_id, provider_id, child_id, visit_id, day,
    minutes, pence, counts) SELECT p.commissioner_id, p.id, p.framework_id, p.provider_id, p.child_id, l.visit_id, l.day,
    l.minutes, l.pence, true FROM purchase p, purchase_visit l WHERE p.reference = '{reference}'"""
SHARE = """INSERT INTO purchase_share (commissioner_id, purchase_id, framework_id, provider_id, child_id, visit_id,
    direct_payment_id, budget_pence, top_up_pence, budget_minutes) SELECT p.commissioner_id, p.id, p.framework_id,
    p.provider_id, p.child_id, s.visit_id, s.direct_payment_id, {pence}, 0, 60
    FROM purchase p, (SELECT * FROM purchase_share LIMIT 1) s WHERE p.reference = '{reference}'"""
ACCOUNT = """INSERT INTO provider_account (provider_id, asked_at, asked_by, stripe_id, state) VALUES (app_organisation(),
    app_now(), app_person(), {stripe}, {state})"""
AGREE = """INSERT INTO purchase_agreement (commissioner_id, purchase_id, framework_id, provider_id, child_id, person_id,
    person_name, agreed_at) SELECT commissioner_id, id, framework_id, provider_id, child_id, app_person(), 'm', app_now()
    FROM purchase WHERE state = 'drafted'"""
WAIT = "UPDATE purchase SET state = 'waiting' WHERE state = 'drafted'"


async def refused(actor: Actor, *statements: str) -> None:
    """The last of these statements, or the unit's end, is refused; those before it find rows."""
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
        async with unit_of_work(actor) as work:
            for sql in statements:
                assert not (found := await work.execute(sql)).endswith(" 0"), (found, sql)


async def done(actor: Actor, *statements: str) -> list[str]:
    async with unit_of_work(actor) as work:
        return [await work.execute(sql) for sql in statements]


async def test_neither_a_family_nor_a_provider_decides_by_its_own_word(database, migrator):
    rows = await lay(migrator)
    mother, manager, rival = (rows.actors[each] for each in ("mother", "winner_manager", "rival_manager"))
    new = {"reference": "'DPSECRET2'", "state": "'drafted'", "pence": "pence", "by": "app_person()"}
    await migrator.execute("UPDATE purchase_visit SET counts = false")  # its visit may be bought again
    line, share = LINE.format(reference="DPSECRET2"), SHARE.format(reference="DPSECRET2", pence=100)
    # bought at another price than its lines', or theirs at another than what is paid of them; or without any
    await refused(mother, BUY.format(**new | {"pence": "1"}), line, share)
    await refused(mother, BUY.format(**new), line, SHARE.format(reference="DPSECRET2", pence=1))
    await refused(mother, BUY.format(**new), line)
    await refused(mother, BUY.format(**new))
    await refused(mother, BUY.format(**new | {"state": "'waiting'"}))
    assert await done(mother, BUY.format(**new), line, share) == ["INSERT 0 1"] * 3
    # by one alone of those who buy jointly
    await refused(mother, WAIT)
    assert await done(mother, AGREE, WAIT) == ["INSERT 0 1", "UPDATE 1"]
    # by when a provider answers a family's request
    moved = "UPDATE enquiry_reach SET answer_by = answer_by - interval '9 days'"
    for sql in (moved, "UPDATE enquiry_reach SET asked_at = app_now() - interval '9 days'"):
        await refused(mother, sql)
    await refused(manager, moved)
    close = "UPDATE enquiry_reach SET closed_at = app_now() WHERE closed_at IS NULL"
    assert not (await done(mother, close))[0].endswith(" 0")
    await refused(mother, "UPDATE enquiry_reach SET closed_at = NULL")
    # how a provider's account stands, and which it is
    for change in ("state = 'active'", "stripe_id = 'acct_mine'", "due = '{x}'"):
        assert await done(manager, f"UPDATE provider_account SET {change}") == ["UPDATE 0"]
    await refused(rival, ACCOUNT.format(stripe="'acct_mine'", state="'pending'"))
    await refused(rival, ACCOUNT.format(stripe="NULL", state="'active'"))
    assert await done(rival, ACCOUNT.format(stripe="NULL", state="'pending'")) == ["INSERT 0 1"]
    system = system_for(rows.ids["winner"], "provider")
    known = "UPDATE provider_account SET stripe_id = 'acct_1', state = 'active'"
    assert await done(system, known, known) == ["UPDATE 1", "UPDATE 1"]
    await refused(system, "UPDATE provider_account SET stripe_id = 'acct_2'")
