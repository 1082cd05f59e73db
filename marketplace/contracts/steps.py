"""What every change of a contract's management shares: who it is between, its line in the story, who hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from marketplace.frameworks.queries import FrameworkView, framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted
from marketplace.policy.pack import Pack
from marketplace.providers.attachments import DBS_SCAN
from marketplace.providers.files import attachable

MANAGE, ANSWER, READ, REVIEW = "contract.manage", "contract.answer", "contract.read", "contract.review"
LATEST = date(2199, 12, 31)
LONGEST, SHORT, MOST_FILES = 3_000, 300, 10
CONTRACTS = UUID("1d3d6a8e-52c5-4c0e-9a55-9b8a1f0e7c44")  # the namespace of `subject`: any fixed one would do


@dataclass(frozen=True, slots=True)
class Place:
    """A provider on a framework, as the commissioner that manages the contract sees it."""

    framework: FrameworkView
    pack: Pack
    commissioner_id: UUID
    provider_id: UUID
    provider_name: str

    @property
    def ids(self) -> dict[str, UUID]:
        """The columns every row of a contract repeats."""
        return {
            "commissioner_id": self.commissioner_id, "framework_id": self.framework.id, "provider_id": self.provider_id,
        }  # fmt: skip


def subject(framework_id: UUID, provider_id: UUID, commissioner_id: UUID, kind: str) -> UUID:
    """What the repeating duties of a contract are about: the same for ever for the same contract and kind."""
    return uuid5(CONTRACTS, f"{framework_id} {provider_id} {commissioner_id} {kind}")


async def place_of(work: Work, framework_id: UUID, provider_id: UUID) -> Place:
    """The acting commissioner's contract with a provider admitted, or once admitted. Raises `NotFound`."""
    view = await framework(work, framework_id)
    row = await work.fetchrow(
        "SELECT o.name FROM organisation o WHERE o.id = $2 AND EXISTS (SELECT 1 FROM admission a"
        " WHERE a.framework_id = $1 AND a.provider_id = $2)",
        framework_id, provider_id,
    )  # fmt: skip
    commissioner_id = work.actor.commissioner_id
    if row is None or commissioner_id is None or view.member(commissioner_id) is None:
        raise NotFound("This provider is not admitted to this framework.")
    return Place(view, await pack_of(work, framework_id), commissioner_id, provider_id, row["name"])


async def place_of_row(work: Work, row: asyncpg.Record) -> Place:
    """The contract a row within reach belongs to, at either end."""
    name = await work.fetchval("SELECT name FROM organisation WHERE id = $1", row["provider_id"])
    view = await framework(work, row["framework_id"])
    return Place(view, await pack_of(work, view.id), row["commissioner_id"], row["provider_id"], name or "The provider")


def manager(actor: Actor) -> Actor:
    """Whoever manages contracts for a commissioner. Raises `NotPermitted`."""
    permit(actor, MANAGE)
    if actor.commissioner_id is None:
        raise NotPermitted
    return actor


def answering(actor: Actor) -> Actor:
    """Whoever answers for a provider. Raises `NotPermitted`."""
    permit(actor, ANSWER)
    if actor.provider_id is None:
        raise NotPermitted
    return actor


async def row_of(work: Work, table: str, row_id: UUID, *, hold: bool = True) -> asyncpg.Record:
    """A row of ours (the commissioner's that keeps it, the provider's it is about) by its id. Raises `NotFound`."""
    locked = " FOR UPDATE" if hold and work.actor.commissioner_id is not None and table in _CHANGED else ""
    sql = f"SELECT * FROM {table} WHERE id = $1{locked}"  # noqa: S608 - our own table names
    row = await work.fetchrow(sql, row_id)
    mine = (work.actor.commissioner_id, work.actor.provider_id)
    if row is None or not (row["commissioner_id"] == mine[0] or row["provider_id"] == mine[1]):
        raise NotFound
    return row


_CHANGED = ("contract_occasion", "information_charge")


async def open_until(work: Work, rule_key: str, subject_id: UUID) -> datetime | None:
    """Until when such a duty stands open; None where none does."""
    return await work.fetchval(
        "SELECT max(due_at) FROM obligation WHERE rule_key = $1 AND subject_id = $2 AND met_at IS NULL"
        " AND cancelled_at IS NULL",
        rule_key, subject_id,
    )  # fmt: skip


async def one_at_a_time(work: Work, row_id: UUID) -> None:
    """Hold what is decided from its story until this unit ends: two at once see each other's lines."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 44))", str(row_id))


async def made_before(work: Work, table: str, row_id: UUID) -> bool:
    """Whether this row is there already: what is sent twice, also at once, is made once."""
    await one_at_a_time(work, row_id)
    sql = f"SELECT EXISTS (SELECT 1 FROM {table} WHERE id = $1)"  # noqa: S608 - our own table names
    return await work.fetchval(sql, row_id)


async def add_step(work: Work, place: Place, what: str, *, says: str = "", **about: Any) -> UUID:
    """One line of the story; `about` are occasion_id, finding_id, action_id, request_id, new_due_on."""
    actor = work.actor
    values: dict[str, Any] = {
        **place.ids, "what": what, "at": work.now, "by_provider": actor.provider_id is not None,
        "by_person": None if actor.role == "system" else actor.person_id, "by_name": actor.person_name,
        "says": says.strip(), **about,
    }  # fmt: skip
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    sql = f"INSERT INTO contract_step ({', '.join(values)}) VALUES ({marks}) RETURNING id"  # noqa: S608 - our own columns
    return await work.fetchval(sql, *values.values())


async def attach(work: Work, place: Place, step_id: UUID, evidence_ids: Sequence[UUID]) -> int:
    """Attach files of the provider's own evidence to a step; how many. Raises `InvalidInput`, `NotFound`."""
    files = list(dict.fromkeys(evidence_ids))
    if len(files) > MOST_FILES:
        raise InvalidInput({"evidence_id": f"Select {MOST_FILES} files at most"})
    for evidence_id in files:
        if (await attachable(work, evidence_id))["kind"] == DBS_SCAN:
            raise InvalidInput({"evidence_id": "A scan of a DBS certificate is shown to nobody: select another file"})
        await work.execute(
            "INSERT INTO contract_step_evidence VALUES ($1, $2, $3, $4)",
            place.commissioner_id, step_id, place.provider_id, evidence_id,
        )  # fmt: skip
    return len(files)


async def tell_provider(work: Work, place: Place, sentence: str, link: str) -> None:
    """News for the provider's office."""
    await tell(work, sentence, link, organisation_id=place.provider_id)


async def tell_managers(work: Work, place: Place, sentence: str, link: str) -> None:
    """News for the commissioner's contract managers."""
    await tell(work, sentence, link, organisation_id=place.commissioner_id, role="contract_manager")


def said(text: str, field: str, missing: str, *, most: int = LONGEST) -> str:
    """A text that is needed. Raises `InvalidInput` for none, and for more than `most` characters."""
    if not text.strip():
        raise InvalidInput({field: missing})
    return short(text, field, most=most)


def short(text: str, field: str = "says", *, most: int = LONGEST) -> str:
    """A text that may be empty, of `most` characters. Raises `InvalidInput`."""
    if len(text.strip()) > most:
        raise InvalidInput({field: f"This must be {most:,} characters or fewer"})
    return text.strip()
