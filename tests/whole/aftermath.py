"""What stands around the cases after a walk: the worker process played, everything that left a case, and the pages."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
import structlog

from marketplace.platform.clock import FrozenClock
from marketplace.platform.jobs import JOBS, SWEEPS
from marketplace.platform.logs import set_up_logs
from marketplace.settings import Settings
from marketplace.worker import load_jobs
from tests.obligations.conftest import as_worker

POST = "send_mail"  # hands a written mail to the mail server: its text is looked at where it is written
WAITING = "SELECT id, entrypoint, payload FROM jobs.pgqueuer WHERE status = 'queued' ORDER BY id"
# Everything that is read outside the case it is about.
OUTSIDE = {
    "mails": "SELECT concat_ws(' ', subject, body) FROM mail_message",
    "notices": "SELECT concat_ws(' ', sentence, link) FROM notice",
    "the audit trail's details": "SELECT concat_ws(' ', action, details) FROM audit_entry",
    "obligations": "SELECT concat_ws(' ', title, reference, link) FROM obligation",
    "waiting jobs": "SELECT convert_from(payload, 'UTF8') FROM jobs.pgqueuer WHERE payload IS NOT NULL",
    "job errors": "SELECT traceback::text FROM jobs.pgqueuer_log WHERE traceback IS NOT NULL",
}
INSIDE = (
    "SELECT to_jsonb(t)::text FROM child_identity t", "SELECT to_jsonb(t)::text FROM plan_version t",
    "SELECT to_jsonb(t)::text FROM visit_note t", "SELECT to_jsonb(t)::text FROM visit t",
    "SELECT to_jsonb(t)::text FROM signature t", "SELECT to_jsonb(t)::text FROM family_grant t",
)  # fmt: skip


@dataclass
class Worker:
    """The worker process, when it is asked: every sweep once, then jobs until none waits. Keeps all payloads it saw."""

    settings: Settings
    clock: FrozenClock
    migrator: asyncpg.Connection
    payloads: list[str] = field(default_factory=list)
    ran: set[str] = field(default_factory=set)

    async def __call__(self) -> None:
        load_jobs()
        async with as_worker(self.settings, self.clock):
            for each in SWEEPS.values():
                if each.name not in ("tidy_queue", "note_audit_heads"):  # the queue's and the log's own housekeeping
                    await each.run(self.settings)
            while rows := await self.migrator.fetch(WAITING):
                for row in rows:
                    payload = (row["payload"] or b"null").decode()
                    self.payloads.append(payload)
                    self.ran.add(row["entrypoint"])
                    if row["entrypoint"] != POST:
                        await JOBS[row["entrypoint"]].run(self.settings, json.loads(payload))
                    await self.migrator.execute("DELETE FROM jobs.pgqueuer WHERE id = $1", row["id"])


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """All that the process logs, at the most talkative level, as it would stand on standard output."""
    root, output, before = logging.getLogger(), io.StringIO(), sys.stdout
    handlers, level = root.handlers, root.level
    sys.stdout = output
    try:
        set_up_logs("debug")
    finally:
        sys.stdout = before
    try:
        yield output
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


def told(text: str, secrets: tuple[str, ...]) -> list[str]:
    """Which of the secrets a text tells, however they are written."""
    lowered = text.lower()
    return [secret for secret in secrets if secret.lower() in lowered]


async def leaks(migrator: asyncpg.Connection, secrets: tuple[str, ...]) -> list[str]:
    """Every text outside the cases that tells a secret."""
    found: list[str] = []
    for place, sql in OUTSIDE.items():
        for row in await migrator.fetch(sql):
            if secret := told(row[0], secrets):
                found.append(f"{place}: {', '.join(secret)} in {row[0]!r}")
    return found
