"""Which of the day's mails somebody wants. What is urgent is always mailed, and everything stands under Today."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from marketplace.obligations.tables import MailChoice
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work

# kind: (what is mailed, who reads what it is about)
KINDS: dict[str, tuple[str, str]] = {
    "duties": ("What I owe until tomorrow night", "One mail a day, on days when there is something. A short time to do"
               " something, and what has become late, are mailed at once in any case."),
    "lapses": ("What lapses soon", "One mail a day, on days when evidence comes nearer to its last day."),
}  # fmt: skip


async def choices(work: Work) -> dict[str, bool]:
    """By kind, whether the acting person wants the mail."""
    rows = await work.fetch("SELECT kind, wanted FROM mail_choice WHERE person_id = $1", work.actor.person_id)
    return dict.fromkeys(KINDS, True) | {row["kind"]: row["wanted"] for row in rows}


async def choose(actor: Actor, wanted: Sequence[str]) -> None:
    """Keep which kinds the acting person wants; every other kind is not mailed to them any more."""
    async with unit_of_work(actor) as work:
        before = await choices(work)
        for kind in KINDS:
            if before[kind] == (kind in wanted):
                continue
            row = MailChoice(
                id=uuid4(), person_id=actor.person_id, kind=kind, wanted=kind in wanted, changed_at=work.now
            )
            await work.execute(
                """INSERT INTO mail_choice (id, person_id, kind, wanted, changed_at) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (person_id, kind) DO UPDATE SET wanted = $4, changed_at = $5""",
                row.id, row.person_id, row.kind, row.wanted, row.changed_at,
            )  # fmt: skip
            work.audit("mail_choice.changed", "person", actor.person_id, kind=kind, wanted=kind in wanted)


async def without(work: Work, people: Sequence[UUID], kind: str) -> set[UUID]:
    """Who of these people does not want mails of a kind. For the worker's database role alone."""
    rows = await work.fetch("SELECT mail_not_wanted($1, $2) AS id", list(people), kind)
    return {row["id"] for row in rows}
