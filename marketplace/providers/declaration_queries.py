"""What each framework asks of a provider, what was declared with which files, and what was found of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.requirements import Asked, everything_asked
from marketplace.policy.rules import SuspensionRule
from marketplace.policy.suspending import gives_cause, suspends_by_itself
from marketplace.providers.declaration_details import INSURANCE, REGISTRATION, Kind, in_words, kind_of
from marketplace.providers.declarations import known_keys
from marketplace.providers.queries import admitted_lots, asked_lots, profile, rejected_keys, unshown_keys
from marketplace.providers.vocabulary import words
from marketplace.web.filters import bracketed, day_after, listing
from marketplace.web.filters import day as written_day


@dataclass(frozen=True, slots=True)
class File:
    """A file declared with; `open` once it has been checked."""

    id: UUID
    name: str
    kind: str
    open: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What one framework's lead found of one declaration."""

    id: UUID
    framework_id: UUID
    framework_name: str
    verdict: str
    to_mend: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration as made, with its files and every finding of it, the newest first."""

    id: UUID
    key: str
    declared_on: date
    remark: str
    details: dict[str, Any]
    by: str
    at: datetime
    files: list[File] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def found_by(self, framework_id: UUID) -> Finding | None:
        """What counts on a framework: its newest finding."""
        return next((finding for finding in self.findings if finding.framework_id == framework_id), None)

    @property
    def said(self) -> list[str]:
        """The details in words."""
        return in_words(self.key, self.details)


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing a framework asks of a provider: `state` is missing, due_again, rejected, unshown, waiting or
    accepted; unshown where the framework takes it only with a file and that was refused or deleted.

    `until` is the last day what was declared counts; `declared` the newest declaration, None where there is none with
    files and findings (missing, or declared before these were kept).
    """

    key: str
    title: str
    clause: str
    state: str
    declared_on: date | None
    until: date | None
    declared: Declared | None
    finding: Finding | None

    @property
    def missed(self) -> bool:
        """Whether the framework still misses it: not there, run out, rejected, or its file gone."""
        return self.state in ("missing", "due_again", "rejected", "unshown")

    @property
    def words(self) -> str:
        if self.state == "due_again" and self.until is not None:
            return f"Due again since {written_day(day_after(self.until))}"
        if self.state == "waiting" and self.declared is None:
            return "By your word alone: not declared"
        return {
            "missing": "Missing", "rejected": "To be mended", "waiting": "Declared, not assessed yet",
            "accepted": "Accepted", "due_again": "Due again", "unshown": "Its file was refused or deleted",
        }[self.state]  # fmt: skip


COLUMNS = (
    "f.declaration_id, e.id, e.title, e.file_name, e.kind, e.state = 'clean' AND e.deleted_at IS NULL AS open"
    " FROM declaration_file f"
)
OWN_FILES = (
    f"SELECT {COLUMNS} JOIN evidence e ON e.provider_id = f.provider_id AND e.id = f.evidence_id"
    " WHERE f.provider_id = $1 ORDER BY e.file_name, e.id"
)
# a commissioner reaches files through the narrow function alone
WEIGHED_FILES = (
    f"SELECT {COLUMNS} CROSS JOIN LATERAL declared_file(f.evidence_id) e"
    " WHERE f.provider_id = $1 ORDER BY e.file_name, e.id"
)
TONES = {
    "missing": "red",
    "due_again": "yellow",
    "rejected": "red",
    "unshown": "red",
    "waiting": "blue",
    "accepted": "green",
}


@dataclass(frozen=True, slots=True)
class AskedBy:
    """A framework with everything it asks of one provider."""

    framework_id: UUID
    framework_name: str
    led_by_me: bool
    pieces: list[Piece]

    @property
    def missing(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.missed]


@dataclass(frozen=True, slots=True)
class ToAssess:
    """What is assessed, and what follows: the grounds on which rejecting it suspends, or is put to a contract manager,
    and whether such a proposal of it waits already."""

    provider_id: UUID
    profile: dict[str, Any]
    on: AskedBy
    piece: Piece
    grounds: tuple[SuspensionRule, ...]
    proposed: bool

    @property
    def declared(self) -> Declared:
        """The newest declaration, which is the one that is assessed."""
        assert self.piece.declared is not None
        return self.piece.declared

    @property
    def last(self) -> UUID | None:
        """The framework's newest finding of it, None where there is none."""
        return self.piece.finding.id if self.piece.finding else None

    @property
    def rejecting(self) -> list[str]:
        """What rejecting does, in sentences."""
        said = ["The provider is told what is to be mended, and has it as a task."]
        for rule in self.grounds:
            if suspends_by_itself(rule):
                said.append(f"New referrals to it are suspended at once: {rule.title}{bracketed(rule.clause)}.")
            else:
                said.append(
                    f"A suspension is put to the contract managers, who decide: {rule.title}{bracketed(rule.clause)}."
                )
        return said


async def declared_by(work: Work, provider_id: UUID, key: str | None = None) -> list[Declared]:
    """A provider's declarations, the newest first, as far as the actor may see them."""
    rows = await work.fetch(
        "SELECT * FROM declaration WHERE provider_id = $1 AND ($2::text IS NULL OR rule_key = $2)"
        " ORDER BY in_order DESC",
        provider_id, key,
    )  # fmt: skip
    files: defaultdict[UUID, list[File]] = defaultdict(list)
    for row in await work.fetch(WEIGHED_FILES if work.actor.commissioner_id else OWN_FILES, provider_id):
        files[row["declaration_id"]].append(File(row["id"], row["title"] or row["file_name"], row["kind"], row["open"]))
    findings: defaultdict[UUID, list[Finding]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT a.*, f.name FROM declaration_assessment a JOIN framework f ON f.id = a.framework_id"
        " WHERE a.provider_id = $1 ORDER BY a.in_order DESC",
        provider_id,
    ):
        findings[row["declaration_id"]].append(
            Finding(
                row["id"], row["framework_id"], row["name"], row["verdict"], row["to_mend"], row["assessed_by_name"],
                row["assessed_at"],
            )
        )  # fmt: skip
    return [
        Declared(
            row["id"], row["rule_key"], row["declared_on"], row["remark"], row["details"], row["declared_by_name"],
            row["recorded_at"], files[row["id"]], findings[row["id"]],
        )
        for row in rows
    ]  # fmt: skip


async def asked_by_frameworks(work: Work, provider_id: UUID) -> list[AskedBy]:
    """Every framework the actor shares with the provider, with what it asks and how that stands there today."""
    facts = await profile(work, provider_id)
    newest: dict[str, Declared] = {}
    for each in await declared_by(work, provider_id):
        newest.setdefault(each.key, each)
    today = local_day(work.now)
    own = work.actor.commissioner_id
    placed = await asked_lots(work, provider_id)
    unshown = await unshown_keys(work, provider_id)
    found: list[AskedBy] = []
    for each in await my_frameworks(work):
        if each.id in placed:
            pack = (await pack_of(work, each.id)).on(today)
            rejected = await rejected_keys(work, provider_id, each.id)
            asked = everything_asked(pack, today, facts, placed[each.id], rejected, unshown)
            pieces = [_piece(item, each.id, newest) for item in asked]
            found.append(AskedBy(each.id, each.name, own is not None and each.led_by(own), pieces))
    return found


def _piece(asked: Asked, framework_id: UUID, newest: dict[str, Declared]) -> Piece:
    declared = newest.get(asked.key)
    finding = declared.found_by(framework_id) if declared else None
    state = asked.state if asked.state != "held" else finding.verdict if finding else "waiting"
    return Piece(asked.key, asked.title, asked.clause, state, asked.declared_on, asked.until, declared, finding)


async def cover_seen(work: Work, provider_id: UUID) -> dict[str, str]:
    """Who has seen proof of a provider's registration and insurance, in words, for wherever the two are shown."""
    newest: dict[str, Declared] = {}
    for each in await declared_by(work, provider_id):
        newest.setdefault(each.key, each)
    return {key: _seen(newest.get(key)) for key in (REGISTRATION, INSURANCE)}


def _seen(declared: Declared | None) -> str:
    if declared is None:
        return "no commissioner has seen proof of it"
    last = {finding.framework_id: finding for finding in reversed(declared.findings)}.values()
    said = [f"{each.verdict} by {each.framework_name}" for each in last]
    return listing(said) if said else f"declared on {written_day(declared.at)}, not assessed yet"


async def own_pieces(work: Work) -> list[AskedBy]:
    """What each framework asks of the actor's own provider. Raises `NotFound` to anybody else."""
    if work.actor.provider_id is None:
        raise NotFound
    return await asked_by_frameworks(work, work.actor.provider_id)


async def own_story(work: Work, key: str) -> tuple[str, Kind, list[Declared], list[tuple[UUID, str]]]:
    """(title, kind of details, every declaration of it, files that may be attached) of the actor's own provider.

    Raises `NotFound`.
    """
    if work.actor.provider_id is None:
        raise NotFound
    spoken = await words(work)
    titles = known_keys(spoken)
    if key not in titles:
        raise NotFound("None of your frameworks asks for this.")
    kind = kind_of(spoken, key)
    rows = await work.fetch(
        "SELECT id, title, file_name, uploaded_at FROM evidence WHERE provider_id = $1 AND worker_id IS NULL"
        " AND state NOT IN ('waiting', 'refused') AND deleted_at IS NULL AND $2 IN ('', kind)"
        " ORDER BY uploaded_at DESC, id",
        work.actor.provider_id, kind.file_kind,
    )  # fmt: skip
    files = [
        (row["id"], f"{row['title'] or row['file_name']}, added {written_day(row['uploaded_at'])}") for row in rows
    ]
    return titles[key], kind, await declared_by(work, work.actor.provider_id, key), files


async def declared_to_us(work: Work, provider_id: UUID) -> tuple[dict[str, Any], list[AskedBy]]:
    """The provider's profile and what our frameworks ask of it. Raises `NotFound` where we share none."""
    found = await asked_by_frameworks(work, provider_id) if work.actor.commissioner_id else []
    if not found:
        raise NotFound("There is no such provider on your frameworks.")
    return await profile(work, provider_id), found


async def one_declared(
    work: Work, declaration_id: UUID, framework_id: UUID
) -> tuple[UUID, dict[str, Any], AskedBy, Piece]:
    """(provider, its profile, the framework, the piece) of what was declared: the piece holds the newest declaration of
    it, whichever was asked for. Raises `NotFound`."""
    row = await work.fetchrow("SELECT provider_id, rule_key FROM declaration WHERE id = $1", declaration_id)
    if row is not None:
        facts, found = await declared_to_us(work, row["provider_id"])
        for each in found:
            for piece in each.pieces if each.framework_id == framework_id else ():
                if piece.declared is not None and piece.key == row["rule_key"]:
                    return row["provider_id"], facts, each, piece
    raise NotFound("There is no such declaration.")


async def to_assess(work: Work, declaration_id: UUID, framework_id: UUID) -> ToAssess:
    """The same with what follows a finding by the pack's grounds. Raises `NotFound`."""
    provider_id, facts, on, piece = await one_declared(work, declaration_id, framework_id)
    admitted = await admitted_lots(work, framework_id, provider_id)
    grounds = gives_cause(await pack_of(work, framework_id), local_day(work.now), piece.key, admitted)
    waits = await work.fetchval(
        "SELECT EXISTS (SELECT FROM suspension_cause c JOIN declaration d ON d.provider_id = c.provider_id"
        " AND c.cause LIKE 'declaration ' || d.id || ' rejected%' WHERE c.framework_id = $1 AND c.provider_id = $2"
        " AND d.rule_key = $3 AND c.decision IS NULL)",
        framework_id, provider_id, piece.key,
    )  # fmt: skip
    return ToAssess(provider_id, facts, on, piece, grounds, waits)


async def declared_since(work: Work, cause: dict[str, Any]) -> dict[str, Any] | None:
    """When, by whom and with which finding the provider declared again what gave cause for a suspension: `at`, `by`,
    `verdict` ("" while it waits). None where it did not, or something else gave cause."""
    row = await work.fetchrow(
        "SELECT n.recorded_at AS at, n.declared_by_name AS by, coalesce((SELECT a.verdict FROM declaration_assessment a"
        " WHERE a.framework_id = $1 AND a.provider_id = n.provider_id AND a.declaration_id = n.id"
        " ORDER BY a.in_order DESC LIMIT 1), '') AS verdict FROM declaration d JOIN declaration n"
        " ON n.provider_id = d.provider_id AND n.rule_key = d.rule_key AND n.in_order > d.in_order"
        " WHERE d.provider_id = $2 AND $3 LIKE 'declaration ' || d.id || ' rejected%' ORDER BY n.in_order DESC LIMIT 1",
        cause["framework_id"], cause["provider_id"], cause["cause"],
    )  # fmt: skip
    return dict(row) if row is not None else None


async def weighed_file(work: Work, evidence_id: UUID) -> dict[str, Any]:
    """A file a provider declared with, for a commissioner who weighs that provider. Raises `NotFound`."""
    row = await work.fetchrow(
        "SELECT e.*, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END AS shown_state"
        " FROM declared_file($1) e",
        evidence_id,
    )
    if row is None:
        raise NotFound("There is no such file.")
    return dict(row)
