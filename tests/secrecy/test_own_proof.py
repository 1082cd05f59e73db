# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses a provider about what proves that its workers are competent, checked and agree to things."""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import Rows, lay

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)
OTHERS = "(SELECT id FROM person WHERE id <> app_person() LIMIT 1)"
NOW, EARLIER = "app_now()", "app_now() - interval '9 days'"
SIGNS = """INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_name, recorded_at, recorded_by)
    SELECT provider_id, worker_id, 'new', assessed_on, method, {name}, {at}, {by} FROM worker_competency WHERE code = 'stands'"""
SELF = "(SELECT upper(w.name) FROM worker w WHERE w.id = worker_competency.worker_id)"
CHECKS = """INSERT INTO worker_dbs_check (provider_id, worker_id, checked_on, checked_by_name, recorded_at, recorded_by, source, withdrawn_at, withdrawn_by_name, withdrawn_reason)
    SELECT provider_id, worker_id, checked_on, 'new', {at}, {by}, '{source}', {over}, {why}, {why} FROM worker_dbs_check WHERE checked_by_name = 'stands'"""
OTHER_CHECKS = """INSERT INTO worker_check (provider_id, worker_id, kind, done_on, recorded_at, recorded_by)
    SELECT provider_id, worker_id, 'new', done_on, {at}, {by} FROM worker_check WHERE kind = 'stands'"""
ASKS = """INSERT INTO dbs_status_request (provider_id, worker_id, asked_at, asked_by, asked_by_name, automatic, answer)
    SELECT provider_id, worker_id, {at}, {by}, 'n', false, 'unreachable' FROM worker_dbs_check WHERE checked_by_name = 'stands'"""
SENDS_BACK = "UPDATE worker_competency SET withdrawn_at = {at}, withdrawn_reason = 'w' WHERE code = 'stands'"
WITHDRAWS = "UPDATE {table} SET withdrawn_at = {at}, withdrawn_by_name = 'n', withdrawn_reason = 'w' WHERE {which}"
DBS, OTHER = (
    {"table": "worker_dbs_check", "which": "checked_by_name = 'stands'"},
    {"table": "worker_check", "which": "kind = 'stands'"},
)

FORGED = [
    *(
        f"UPDATE worker_competency SET {change} WHERE code = '{code}'"
        for code in ("stands", "back")
        for change in (
            "assessor_name = 'Another, nurse'", f"assessor_name = {SELF}", "assessed_on = assessed_on + 1", "method = 'another'",
            "for_package_id = gen_random_uuid()", f"recorded_by = {OTHERS}", f"recorded_at = {EARLIER}", "code = 'x'",
        )
    ),
    "UPDATE worker_competency SET withdrawn_at = NULL, withdrawn_reason = NULL WHERE code = 'back'",
    f"UPDATE worker_competency SET withdrawn_at = {NOW} WHERE code = 'back'",
    "UPDATE worker_competency SET withdrawn_reason = 'x' WHERE code = 'back'",
    SENDS_BACK.format(at=EARLIER),
    SIGNS.format(name="'Honest, nurse'", at=EARLIER, by="app_person()"), SIGNS.format(name="'Honest, nurse'", at=NOW, by=OTHERS),
    SIGNS.format(name=SELF, at=NOW, by="app_person()"),
    *(
        f"UPDATE worker_dbs_check SET {change} WHERE checked_by_name = '{which}'"
        for which, change in (
            ("news", "outcome = 'clear'"), ("news", "checked_on = checked_on - 9"), ("stands", "checked_on = checked_on + 1"),
            ("stands", "source = 'update_service'"), ("stands", "checked_by_name = 'Another'"), ("stands", f"recorded_by = {OTHERS}"),
            ("stands", f"recorded_at = {EARLIER}"), ("over", "withdrawn_at = NULL, withdrawn_by_name = NULL, withdrawn_reason = NULL"),
            ("over", "withdrawn_by_name = 'x'"), ("over", "withdrawn_reason = 'x'"),
        )
    ),
    CHECKS.format(at=EARLIER, by="app_person()", source="seen", over="NULL", why="NULL"), CHECKS.format(at=NOW, by=OTHERS, source="seen", over="NULL", why="NULL"),
    CHECKS.format(at=NOW, by="app_person()", source="seen", over=NOW, why="'w'"), CHECKS.format(at=NOW, by="app_person()", source="update_service", over="NULL", why="NULL"),
    WITHDRAWS.format(at=EARLIER, **DBS), WITHDRAWS.format(at=EARLIER, **OTHER),
    *(f"UPDATE worker_check SET {change} WHERE kind = 'stands'" for change in ("done_on = done_on + 9", "valid_until = '2040-01-01'", "kind = 'x'", f"recorded_by = {OTHERS}")),
    OTHER_CHECKS.format(at=EARLIER, by="app_person()"), OTHER_CHECKS.format(at=NOW, by=OTHERS),
    ASKS.format(at=EARLIER, by="app_person()"), ASKS.format(at=NOW, by=OTHERS),
    # an agreement is the worker's, given now, to this text
    "UPDATE worker SET profile = 'another' WHERE name = 'agrees'", f"UPDATE worker SET profile_consent_at = {EARLIER} WHERE name = 'agrees'",
    f"UPDATE worker SET profile_consent_at = {NOW} WHERE person_id IS NOT NULL", f"UPDATE worker SET profile_consent_at = {EARLIER} WHERE name = 'silent'",
    f"UPDATE worker_private SET dbs_update_service_consent_at = {NOW} WHERE worker_id IN (SELECT id FROM worker WHERE person_id IS NOT NULL)",
    f"UPDATE worker_private SET dbs_update_service_consent_at = {EARLIER} WHERE worker_id IN (SELECT id FROM worker WHERE name = 'silent')",
    f"INSERT INTO worker (provider_id, name, role, created_at, profile, profile_consent_at) VALUES (app_organisation(), 'n', 'r', {NOW}, 'p', {EARLIER})",
    # when evidence was last looked at decides whom a warning still reaches
    "UPDATE lapse_look SET looked_on = '2030-01-01'", "UPDATE lapse_look SET warned = true",
    *(f"DELETE FROM {table}" for table in ("worker_competency", "worker_dbs_check", "worker_check", "lapse_look", "dbs_status_request")),
]  # fmt: skip
ALLOWED = [
    SENDS_BACK.format(at=NOW), WITHDRAWS.format(at=NOW, **DBS), WITHDRAWS.format(at=NOW, **OTHER),
    SIGNS.format(name="'Honest, nurse'", at=NOW, by="app_person()"), CHECKS.format(at=NOW, by="app_person()", source="seen", over="NULL", why="NULL"),
    OTHER_CHECKS.format(at=NOW, by="app_person()"), ASKS.format(at=NOW, by="app_person()"),
    f"UPDATE worker SET profile = 'now', profile_consent_at = {NOW} WHERE name = 'silent'", "UPDATE worker SET profile_consent_at = NULL, profile = 'x' WHERE name = 'agrees'",
    f"UPDATE worker_private SET dbs_update_service_consent_at = {NOW} WHERE worker_id IN (SELECT id FROM worker WHERE name = 'silent')",
]  # fmt: skip


async def lay_more(migrator: asyncpg.Connection) -> Rows:
    """Of the winner's worker a sign-off that stands and one sent back, checks that stand, are over, or hold news; two
    workers without a sign-in, one of whom has agreed to a profile."""
    rows = await lay(migrator)
    own, worker, by = rows.ids["winner"], rows.ids["allocated_worker_row"], rows.actors["winner_manager"].person_id
    await migrator.execute(
        "UPDATE worker_competency SET code = 'stands', assessor_name = 'Honest, nurse' WHERE worker_id = $1", worker
    )
    await migrator.execute("UPDATE worker_dbs_check SET checked_by_name = 'stands' WHERE worker_id = $1", worker)
    await migrator.execute("UPDATE worker_check SET kind = 'stands' WHERE worker_id = $1", worker)
    at = "now() - interval '2 days'"
    await migrator.execute(
        "INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_name, recorded_at, recorded_by,"
        f" withdrawn_at, withdrawn_reason) VALUES ($1, $2, 'back', '2026-01-01', 'observed', 'Honest, nurse', {at}, $3, {at}, 'r')",
        own, worker, by,
    )  # fmt: skip
    for name, outcome, over in (("news", "new_information", "NULL"), ("over", "clear", at)):
        why = "NULL" if over == "NULL" else "'r'"
        await migrator.execute(
            "INSERT INTO worker_dbs_check (provider_id, worker_id, checked_on, checked_by_name, outcome, recorded_at, recorded_by,"
            f" withdrawn_at, withdrawn_by_name, withdrawn_reason) VALUES ($1, $2, '2026-01-01', $4, $5, {at}, $3, {over}, {why}, {why})",
            own, worker, by, name, outcome,
        )  # fmt: skip
    for name, consent in (("agrees", at), ("silent", "NULL")):
        await migrator.execute(
            f"WITH w AS (INSERT INTO worker (provider_id, name, role, created_at, profile, profile_consent_at) VALUES ($1, $2, 'r', {at}, 'p', {consent})"
            " RETURNING provider_id, id) INSERT INTO worker_private (provider_id, worker_id) SELECT provider_id, id FROM w",
            own, name,
        )  # fmt: skip
    return rows


async def test_proof_stands_as_it_was_recorded_whatever_statement_comes(database, migrator):
    rows = await lay_more(migrator)
    actor = rows.actors["winner_manager"]
    through: list[str] = []
    for statement in FORGED:
        try:
            async with unit_of_work(actor) as work:
                done = await work.execute(statement)
            through.append(f"{done}: {statement}")
        except REFUSED:
            pass
    assert through == []
    for statement in ALLOWED:
        async with unit_of_work(actor) as work:
            done = await work.execute(statement)
        assert done.split()[-1] == "1", statement


async def test_only_the_worker_process_says_when_evidence_was_looked_at_and_never_ahead_of_the_day(database, migrator):
    rights = [
        await migrator.fetchval("SELECT has_table_privilege($1, 'lapse_look', $2)", role, right)
        for role in ("marketplace_app", "marketplace_worker") for right in ("SELECT", "INSERT", "UPDATE")
    ]  # fmt: skip
    assert rights == [True, False, False, True, True, True]
    rows = await lay(migrator)
    worker = await asyncpg.connect(database.dsn("worker"))
    try:
        async with worker.transaction():
            await worker.execute("SELECT set_config('app.organisation', $1, true)", str(rows.ids["winner"]))
            assert await worker.execute("UPDATE lapse_look SET looked_on = app_today()") == "UPDATE 1"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker.execute("UPDATE lapse_look SET looked_on = app_today() + 1")
    finally:
        await worker.close()
