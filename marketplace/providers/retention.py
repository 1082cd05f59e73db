"""Files are kept as long as the packs say, and no longer: listed before they go, deleted with every version, recorded.

How long is policy (`policy/retention.py`); here the days are worked out for each file and acted on. Evidence of a
provider serves all its frameworks, so their packs are read together.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.retention import LISTED_AHEAD, retention_of
from marketplace.providers.file_actions import mark_deleted
from marketplace.providers.files import KINDS
from marketplace.providers.retention_days import work_out_days
from marketplace.providers.vocabulary import words
from marketplace.settings import Settings
from marketplace.web.filters import count, day


async def keep_files(settings: Settings) -> None:
    """Every provider that keeps files; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT provider_id FROM providers_keeping_evidence()")
    for tenant in tenants:
        await keep_files_of(tenant["provider_id"])


async def keep_files_of(provider_id: UUID) -> int:
    """One provider's: work out the days, say what will go, delete what has had its time; returns how many went."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        packs = [pack for _, _, pack in (await words(work)).packs]
        await work_out_days(work, packs)
        today = local_day(work.now)
        await _say_what_will_go(work, today)
        rows = await work.fetch(
            "SELECT id, kind, state, uploaded_at, keep_until, warned_at FROM evidence WHERE provider_id = $1"
            " AND deleted_at IS NULL AND keep_until < $2 ORDER BY keep_until, id FOR UPDATE",
            provider_id, today,
        )  # fmt: skip
        for row in rows:
            rule = retention_of(packs, row["kind"], local_day(row["uploaded_at"]))
            clause = f" ({rule.clause})" if rule is not None else ""
            await mark_deleted(
                work, provider_id, row["id"], f"Its time was up: it was kept until {day(row['keep_until'])}{clause}"
            )
        await _say_what_went_unlisted(work, [row for row in rows if row["warned_at"] is None])
        return len(rows)


async def days_of(provider_id: UUID, worker_id: UUID | None = None) -> None:
    """The last days of a provider's files, whose packs have changed; or of those about one worker, whose own last day
    was put or taken back."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        await work_out_days(work, [pack for _, _, pack in (await words(work)).packs], worker_id=worker_id)


async def _say_what_will_go(work: Work, today: date) -> None:
    rows = await work.fetch(
        "UPDATE evidence SET warned_at = $3 WHERE provider_id = $1 AND deleted_at IS NULL AND state <> 'refused'"
        " AND warned_at IS NULL AND keep_until >= $4 AND keep_until < $2 RETURNING keep_until",
        work.actor.provider_id, today + LISTED_AHEAD, work.now, today,
    )  # fmt: skip
    if rows:
        first = day(min(row["keep_until"] for row in rows) + timedelta(days=1))
        await tell(
            work, f"{count(len(rows), 'file')} of your evidence will be deleted, from {first} on: see which.",
            "/evidence/retention", organisation_id=work.actor.provider_id, role="provider_manager",
        )  # fmt: skip


async def _say_what_went_unlisted(work: Work, rows: list[Any]) -> None:
    """A limit does not wait for a list: what it took at once is said when it has gone."""
    gone = [row for row in rows if row["state"] != "refused"]
    if gone:
        await tell(
            work, f"{count(len(gone), 'file')} of your evidence had to be deleted at once: see which, and why.",
            "/evidence/retention", organisation_id=work.actor.provider_id, role="provider_manager",
        )  # fmt: skip


def periods(packs: list[Pack], today: date) -> list[tuple[str, str, str]]:
    """How long each kind is kept: (the kind's title, the period in words, the clause)."""
    said: list[tuple[str, str, str]] = []
    for kind, title in KINDS.items():
        rule = retention_of(packs, kind, today)
        if rule is not None:
            since = "its upload" if rule.counts_from == "upload" else "the worker’s last day"
            most = "at most " if rule.at_most else ""
            said.append((title, f"{most}{count(rule.months, 'month')} from {since}", rule.clause))
    return said
