"""Importing a workforce: a file is read and tried out, looked at, accepted, and only then kept, all of it or nothing.

Long files are tried and kept by the worker process; the job is queued in every case, so that a process that dies in
between leaves nothing undone, and does nothing where the work is done already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, Unavailable
from marketplace.providers.import_checking import Progress, carry_out
from marketplace.providers.import_keeping import empty_old
from marketplace.providers.import_plan import Plan, differences
from marketplace.providers.import_reading import Rows, read_file
from marketplace.providers.import_workers import NEW
from marketplace.providers.workforce import ensure_profile, hold_workforce

JOB = "import_workforce"
AT_ONCE = 300  # rows that are tried and kept while the person waits; more go to the worker process


class _Undone(Exception):
    """Carries the plan out of a unit of work that is rolled back."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


async def upload(actor: Actor, file_name: str, content: bytes) -> UUID:
    """Read a workforce file and try it out; answers the import's id. Raises `InvalidInput` on `file`.

    What grew old is emptied at this occasion too.
    """
    permit(actor, "workforce.write")
    if actor.provider_id is None:
        raise NotFound
    rows = await asyncio.to_thread(read_file, file_name, content)
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        await empty_old(work, provider_id)
        import_id: UUID = await work.fetchval(
            "INSERT INTO workforce_import (provider_id, file_name, rows, uploaded_by, uploaded_by_name, uploaded_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            provider_id, _plain_name(file_name), msgspec.to_builtins(rows), actor.person_id, actor.person_name,
            work.now,
        )  # fmt: skip
        await work.execute(
            "INSERT INTO import_progress (provider_id, import_id, total) VALUES ($1, $2, $3)",
            provider_id, import_id, rows.count,
        )  # fmt: skip
        work.audit("workforce.import_uploaded", "workforce_import", import_id, rows=rows.count)
        await _queue(work, provider_id, import_id)
    if rows.count <= AT_ONCE:
        await try_out(actor, import_id)
    return import_id


async def answer(actor: Actor, import_id: UUID, answers: Mapping[str, str]) -> None:
    """Say of rows whether they mean somebody who works here already (`answers`: row -> worker's id) or not ("new")."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await _locked(work, import_id)
        _in_state(row, "checked", "answered")
        plan = msgspec.convert(row["plan"], Plan)
        offered = {each.key: {NEW, *(person for person, _ in each.people)} for each in plan.questions}
        kept = {key: value for key, value in answers.items() if value in offered.get(key, ())}
        await work.execute(
            "UPDATE workforce_import SET answers = $3, state = 'checking', since = '[]' WHERE provider_id = $1"
            " AND id = $2",
            row["provider_id"], import_id, {**row["answers"], **kept},
        )  # fmt: skip
        work.audit("workforce.import_answered", "workforce_import", import_id, answers=len(kept))
        await _queue(work, row["provider_id"], import_id)
        count = msgspec.convert(row["rows"], Rows).count
    if count <= AT_ONCE:
        await try_out(actor, import_id)


async def accept(actor: Actor, import_id: UUID, plan_hash: str) -> None:
    """Keep what the plan with this hash says. Where others have changed the same meanwhile, nothing is kept.

    Then the import is to be looked at again, with what became different. Raises `Conflict` for another plan, and for
    one with faults, open questions or nothing to do.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await _locked(work, import_id)
        _in_state(row, "checked", "accepted")
        plan = msgspec.convert(row["plan"], Plan)
        if plan_hash != row["plan_hash"]:
            raise Conflict("This preview has changed since you looked. Look at it again before you accept it.")
        if not plan.fit:
            raise Conflict("This file cannot be imported as it is: see what is said about it.")
        await work.execute(
            "UPDATE workforce_import SET state = 'importing', accepted_by = $3, accepted_by_name = $4,"
            " accepted_by_role = $5, accepted_at = $6, since = '[]' WHERE provider_id = $1 AND id = $2",
            row["provider_id"], import_id, actor.person_id, actor.person_name, actor.role, work.now,
        )  # fmt: skip
        work.audit("workforce.import_accepted", "workforce_import", import_id, plan=plan_hash)
        await _queue(work, row["provider_id"], import_id)
        count = msgspec.convert(row["rows"], Rows).count
    if count <= AT_ONCE:
        await keep(actor, import_id, at_once=True)


async def discard(actor: Actor, import_id: UUID) -> None:
    """Give the file up; its rows are deleted, that it was there is not."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await _locked(work, import_id)
        if row["state"] not in ("checking", "checked"):
            raise Conflict("This import is done, or being done: it cannot be given up any more.")
        await work.execute(
            "UPDATE workforce_import SET state = 'discarded', ended_at = $3, rows = '{}', plan = NULL, plan_hash = NULL"
            " WHERE provider_id = $1 AND id = $2",
            row["provider_id"], import_id, work.now,
        )  # fmt: skip
        work.audit("workforce.import_discarded", "workforce_import", import_id)


# --- trying and keeping, in the request or by the job -----------------------------------------------------------------


async def try_out(actor: Actor, import_id: UUID, progress: Progress | None = None) -> None:
    """Find out what the file would do, by doing it in a unit that is rolled back. Nothing happens when it is known."""
    try:
        async with unit_of_work(actor) as work:
            row = await _locked(work, import_id)
            if row["state"] != "checking":
                return
            await _one_file_at_a_time(work)
            raise _Undone(await carry_out(work, msgspec.convert(row["rows"], Rows), row["answers"], progress))
    except _Undone as tried:
        plan = tried.plan
    async with unit_of_work(actor) as work:
        await work.execute(
            "UPDATE workforce_import SET state = 'checked', plan = $2, plan_hash = $3, checked_at = $4"
            " WHERE id = $1 AND state = 'checking' AND answers = $5",
            import_id, msgspec.to_builtins(plan), plan.hash, work.now, row["answers"],
        )  # fmt: skip


async def keep(actor: Actor, import_id: UUID, *, at_once: bool = False, progress: Progress | None = None) -> None:
    """Carry the accepted plan out in one transaction; back to the preview, with what is different, if it is another."""
    try:
        async with unit_of_work(actor) as work:
            row = await _locked(work, import_id)
            if row["state"] != "importing":
                return
            before = msgspec.convert(row["plan"], Plan)
            await _one_file_at_a_time(work)
            # Nobody adds or changes a worker while the whole is kept.
            await hold_workforce(work)
            await work.execute("SELECT 1 FROM worker WHERE provider_id = $1 ORDER BY id FOR UPDATE", row["provider_id"])
            plan = await carry_out(work, msgspec.convert(row["rows"], Rows), row["answers"], progress)
            if plan.hash != row["plan_hash"]:
                raise _Undone(plan)
            await work.execute(
                "UPDATE workforce_import SET state = 'imported', ended_at = $3, rows = '{}' WHERE provider_id = $1"
                " AND id = $2",
                row["provider_id"], import_id, work.now,
            )  # fmt: skip
            work.audit(
                "workforce.imported", "workforce_import", import_id, added=len(plan.effects("add")),
                changed=len(plan.effects("change")), left=len(plan.effects("same")),
            )  # fmt: skip
            if not at_once:
                await _tell(work, row, "Your workforce file has been imported.")
            return
    except _Undone as other:
        plan = other.plan
    async with unit_of_work(actor) as work:
        await work.execute(
            "UPDATE workforce_import SET state = 'checked', plan = $2, plan_hash = $3, checked_at = $4, since = $5"
            " WHERE id = $1 AND state = 'importing'",
            import_id, msgspec.to_builtins(plan), plan.hash, work.now, differences(before, plan),
        )  # fmt: skip
        work.audit("workforce.import_held", "workforce_import", import_id)
        if not at_once:
            await _tell(work, row, "Your workforce file was not imported: others changed the same workers meanwhile.")


async def go_on(provider_id: UUID, import_id: UUID) -> None:
    """The job: whatever the import waits for, as the person who asked for it. Run twice, it happens once."""
    async with unit_of_work(system_for(provider_id, "provider"), read_only=True) as work:
        row = await work.fetchrow(
            "SELECT i.*, o.name AS provider_name FROM workforce_import i JOIN organisation o ON o.id = i.provider_id"
            " WHERE i.provider_id = $1 AND i.id = $2",
            provider_id, import_id,
        )  # fmt: skip
    if row is None or row["state"] not in ("checking", "importing"):
        return

    async def tell_progress(done: int) -> None:
        # On a connection of its own: what the unit that does the rows has written is not seen before its end.
        with suppress(Unavailable):  # it is for show alone
            async with outside_context() as connection:
                await connection.execute("SELECT note_import_progress($1, $2, $3)", provider_id, import_id, done)

    await tell_progress(0)
    if row["state"] == "checking":
        await try_out(_as(row, row["uploaded_by"], row["uploaded_by_name"], "system"), import_id, tell_progress)
    else:
        accepted = _as(row, row["accepted_by"], row["accepted_by_name"], row["accepted_by_role"])
        await keep(accepted, import_id, progress=tell_progress)


def _as(row: Any, person_id: UUID, name: str, role: Any) -> Actor:
    return Actor(person_id, name, role, row["provider_id"], row["provider_name"], "provider")


async def _queue(work: Work, provider_id: UUID, import_id: UUID) -> None:
    await work.enqueue(JOB, {"provider": provider_id, "import": import_id})


async def _tell(work: Work, row: Any, sentence: str) -> None:
    await tell(
        work, sentence, f"/workforce/import/{row['id']}", organisation_id=row["provider_id"],
        person_id=row["accepted_by"],
    )  # fmt: skip


async def _one_file_at_a_time(work: Work) -> None:
    """Two files of one provider, each in its own order, would wait for each other's workers and references. The office
    does not wait here: a file that is only tried out, perhaps for minutes, takes neither `hold_workforce` nor every
    worker."""
    held = f"workforce files of {work.actor.provider_id}"
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", held)


async def _locked(work: Work, import_id: UUID) -> Any:
    row = await work.fetchrow(
        "SELECT * FROM workforce_import WHERE provider_id = $1 AND id = $2 FOR UPDATE",
        work.actor.provider_id, import_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such import in your organisation.")
    return row


def _in_state(row: Any, state: str, verb: str) -> None:
    if row["state"] != state:
        said = {
            "checking": "is still being checked",
            "importing": "is being imported",
            "imported": "has been imported already",
            "discarded": "has been given up",
        }
        raise Conflict(f"This file {said.get(row['state'], 'has been checked')}, so it cannot be {verb} now.")


def _plain_name(file_name: str) -> str:
    kept = "".join(sign for sign in file_name.replace("\\", "/").rsplit("/", 1)[-1] if sign.isprintable())
    return kept.strip()[:120] or "file"
