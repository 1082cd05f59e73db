# ruff: noqa: E501 - a statement to a line where it can be
"""What PostgreSQL refuses a provider and its worker about files of evidence: others' keys, a check's words, other days."""

from __future__ import annotations

from uuid import UUID

from marketplace.platform.actor import system_for
from marketplace.platform.database import unit_of_work
from tests.secrecy.rows import lay
from tests.secrecy.test_own_word import done, refused

ADD = """INSERT INTO evidence (provider_id, id, kind, worker_id, file_name, content_type, size, uploaded_by, uploaded_by_name,
    uploaded_at, form_until, quarantine_key{more}) VALUES ('{provider}', '{id}', 'worker_other', '{worker}', 'f', 'application/pdf',
    1, {by}, 'Somebody Else', {at}, now(), '{key}'{values})"""
CHECKED = """UPDATE evidence SET state = 'clean', scan = 'clean', original_sha256 = repeat('a', 64), quarantine_version = '1',
    published_key = '{key}', published_version = '1', published_sha256 = repeat('a', 64), published_size = 5 WHERE id = '{id}'"""
HANDED_IN = "UPDATE evidence SET state = 'checking', quarantine_version = '1', size = 7 WHERE id = '{id}'"


async def test_a_file_lies_under_its_own_key_and_its_check_alone_says_what_it_is(database, migrator):
    rows = await lay(migrator)
    manager, worker = rows.actors["winner_manager"], rows.actors["allocated_worker"]
    system = system_for(rows["winner"], "provider")
    new = UUID(int=7)
    mine = f"quarantine/{rows['winner']}/{new}"
    given = {
        "provider": rows["winner"],
        "id": new,
        "worker": rows["allocated_worker_row"],
        "key": mine,
        "more": "",
        "values": "",
        "by": "app_person()",
        "at": "app_now()",
    }
    theirs = f"quarantine/{rows['rival']}/{rows['rival_worker_file']}"
    for actor in (manager, worker):
        await refused(actor, ADD.format(**given | {"key": theirs}))
        await refused(actor, ADD.format(**given | {"at": "'2019-01-01'"}))
        await refused(actor, ADD.format(**given | {"more": ", keep_until", "values": ", '2199-01-01'"}))
    await refused(manager, ADD.format(**given | {"by": f"'{rows['rival_manager']}'"}))
    done_at_once = {"more": ", state, quarantine_version", "values": ", 'checking', '1'"}
    await refused(manager, ADD.format(**given | done_at_once))
    assert await done(worker, ADD.format(**given)) == ["INSERT 0 1"]
    assert await migrator.fetchval("SELECT uploaded_by_name FROM evidence WHERE id = $1", new) == "Allocated Worker"
    # found clean, refused, kept longer, tidied, called something else: by nobody but its check
    published = f"evidence/{rows['winner']}/{new}/a"
    await refused(manager, CHECKED.format(key=published, id=new))
    for change in ("state = 'refused', refused_reason = 'x'", "keep_until = '2199-01-01'", "warned_at = app_now()", "quarantine_tidied_at = app_now()", "file_name = 'other.pdf'", "uploaded_by_name = 'Another'", "form_until = form_until - interval '1 day'", "deleted_at = app_now() - interval '1 day', deleted_reason = 'x'"):  # fmt: skip
        await refused(manager, f"UPDATE evidence SET {change} WHERE id = '{new}'")
    assert await done(worker, HANDED_IN.format(id=new)) == ["UPDATE 1"]
    for key in (mine, theirs, f"evidence/{rows['rival']}/{rows['rival_worker_file']}/a"):
        await refused(system, CHECKED.format(key=key, id=new))
    assert await done(system, CHECKED.format(key=published, id=new), f"UPDATE evidence SET keep_until = '2030-01-01' WHERE id = '{new}'") == ["UPDATE 1"] * 2  # fmt: skip
    gone = f"UPDATE evidence SET deleted_at = app_now(), deleted_reason = 'r', quarantine_tidied_at = NULL WHERE id = '{new}'"
    assert await done(manager, gone) == ["UPDATE 1"]


DECLARE = """INSERT INTO declaration (provider_id, rule_key, declared_on, declared_by, declared_by_name, recorded_at)
    SELECT provider_id, rule_key, declared_on, {by}, 'Somebody Else', {at} FROM declaration LIMIT 1"""
WITH_FILE = "INSERT INTO declaration_file SELECT provider_id, {declaration}, '{file}' FROM declaration LIMIT 1"
NEWEST = "(SELECT id FROM declaration ORDER BY in_order DESC LIMIT 1)"
ASSESS = """INSERT INTO declaration_assessment (framework_id, provider_id, declaration_id, commissioner_id, verdict, assessed_by,
    assessed_by_name, assessed_at, pack_hash) SELECT framework_id, provider_id, declaration_id, commissioner_id, 'accepted', {by},
    'Somebody Else', {at}, pack_hash FROM declaration_assessment LIMIT 1"""


async def test_it_is_declared_and_assessed_now_in_ones_own_name_and_with_its_own_files(database, migrator):
    rows = await lay(migrator)
    manager, lead = rows.actors["winner_manager"], rows.actors["northgate_contract_manager"]
    now, mine = {"by": "app_person()", "at": "app_now()"}, {"declaration": NEWEST}
    another = {"by": f"'{rows['rival_manager']}'"}
    for actor, said in ((manager, DECLARE), (lead, ASSESS)):
        await refused(actor, said.format(**now | another))
        await refused(actor, said.format(**now | {"at": "'2019-01-01'"}))
        assert await done(actor, said.format(**now)) == ["INSERT 0 1"]
    names = "SELECT DISTINCT declared_by_name FROM declaration WHERE declared_by_name <> 'n' UNION SELECT assessed_by_name FROM declaration_assessment WHERE assessed_by_name <> 'n'"
    assert {row[0] for row in await migrator.fetch(names)} == {"Winner Manager", "Northgate Contract Manager"}
    # to what was assessed no file is added; to what is declared now none of a worker, none refused, none that has gone
    await migrator.execute("UPDATE evidence SET state = 'clean', scan = 'clean', original_sha256 = repeat('a', 64), quarantine_version = '1', published_key = 'evidence/' || provider_id || '/' || id || '/a', published_version = '1', published_sha256 = repeat('a', 64), published_size = 5")  # fmt: skip
    file, scan = rows["declared_file"], rows["allocated_worker_file"]
    other = await migrator.fetchval("INSERT INTO evidence (provider_id, id, kind, file_name, content_type, size, uploaded_by, uploaded_by_name, uploaded_at, form_until, quarantine_key) SELECT provider_id, $1::uuid, kind, file_name, content_type, size, uploaded_by, uploaded_by_name, uploaded_at, form_until, 'quarantine/' || provider_id || '/' || $1::text FROM evidence WHERE id = $2 RETURNING id", UUID(int=9), file)  # fmt: skip
    await migrator.execute("UPDATE evidence SET state = 'checking', quarantine_version = '1' WHERE id = $1", other)
    await refused(manager, WITH_FILE.format(declaration=f"'{rows['declaration']}'", file=other))
    await refused(manager, DECLARE.format(**now), WITH_FILE.format(**mine, file=scan))
    assert await done(manager, DECLARE.format(**now), WITH_FILE.format(**mine, file=other)) == ["INSERT 0 1"] * 2
    await migrator.execute("UPDATE evidence SET deleted_at = now(), deleted_reason = 'r' WHERE id = $1", other)
    await refused(manager, DECLARE.format(**now), WITH_FILE.format(**mine, file=other))


async def test_workers_are_read_while_their_provider_is_there_or_a_package_runs_and_the_packs_days_beyond(
    database, migrator
):
    rows = await lay(migrator)
    council = rows.actors["northgate_contract_manager"]

    async def read() -> set[str]:
        async with unit_of_work(council) as work:
            names = {row["name"] for row in await work.fetch("SELECT name FROM worker")}
            dbs = {row["worker_id"] for row in await work.fetch("SELECT worker_id FROM worker_dbs_check")}
            assert len(dbs) == len(names)
            return names

    ours, theirs = {"allocated_worker", "colleague_worker"}, {"rival_worker"}
    setting = {
        "settings": [{"key": "providers.workers_read_days", "from": "2020-01-01", "value": 10}],
        "pack": {"from": "2020-01-01"},
    }
    await migrator.execute(
        "INSERT INTO pack_version (hash, pack_id, title, content) VALUES ('h2', 'p', 'P', $1)", setting
    )
    assert await read() == ours | theirs
    await migrator.execute("UPDATE admission SET starts_on = '2020-01-01', ends_on = '2026-05-10'")
    assert await read() == ours, "a pack without the rule lets nobody read on; a package of the winner's runs"
    await migrator.execute("UPDATE framework SET pack_hash = 'h2'")
    for ended, seen in (("2026-05-01", ours | theirs), ("2026-04-30", ours)):
        await migrator.execute(f"UPDATE admission SET ends_on = '{ended}'")
        assert await read() == seen
    await migrator.execute("UPDATE package SET state = 'ended'")
    assert await read() == set()
