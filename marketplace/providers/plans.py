"""What there is to read of a suspension: its story, its plan's actions with what became of each, files, a review."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import FrameworkView, framework
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.suspending import ActionFacts, ActionState, still_to_do
from marketplace.web.filters import day

AFTER: dict[str, ActionState] = {
    "action_done": "done",
    "action_returned": "open",
    "action_signed_off": "signed_off",
    "action_withdrawn": "withdrawn",
}
WORDS = {
    "imposed": "Suspended",
    "answered": "Answered",
    "review_asked": "Asked for a review",
    "review_upheld": "Reviewed: the suspension stands",
    "review_lifted": "Reviewed: the suspension is lifted",
    "action_asked": "Asked for an action",
    "owner_named": "Named who does it",
    "action_done": "Said that it is done",
    "action_returned": "Sent it back",
    "action_signed_off": "Signed it off",
    "action_moved": "Gave it a later day",
    "action_withdrawn": "Withdrew it",
    "not_engaged": "The plan was not followed",
    "lifted": "Lifted",
    "lifted_partly": "Lifted for some lots",
    "ended": "Ended by its date",
}
BY_PROVIDER = ("answered", "owner_named", "action_done")


@dataclass(frozen=True, slots=True)
class StepFile:
    """A file attached to a step, as a list names it."""

    id: UUID
    name: str
    state: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story; `title` and `text` as a timeline shows them."""

    id: UUID
    at: datetime
    what: str
    by: str
    by_provider: bool
    says: str
    action_id: UUID | None
    action_title: str
    new_due_on: date | None
    owner_name: str | None
    files: tuple[StepFile, ...] = ()

    @property
    def title(self) -> str:
        """What happened, and to which action."""
        words = WORDS[self.what]
        if self.new_due_on is not None:
            words += f", {day(self.new_due_on)}"
        if self.owner_name:
            words += f": {self.owner_name}"
        return f"{words} ({self.action_title})" if self.action_title else words

    @property
    def text(self) -> str:
        """What was said, with the names of files."""
        files = ", ".join(file.name for file in self.files)
        return self.says + (f" Files: {files}" if files else "")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a plan as it stands: who does it, until when, what became of it."""

    id: UUID
    title: str
    evidence_asked: str
    owner_name: str
    due_on: date
    state: ActionState
    steps: tuple[Step, ...]

    @property
    def facts(self) -> ActionFacts:
        """As `policy.suspending` judges it."""
        return ActionFacts(str(self.id), self.due_on, self.state)

    def late(self, today: date) -> bool:
        """Whether its last day has passed and nobody says it is done."""
        return self.state == "open" and self.due_on < today


@dataclass(frozen=True, slots=True)
class SuspensionView:
    """One suspension with all that was said and done about it; `parts` are those in force, lot by lot or whole."""

    id: UUID
    framework: FrameworkView
    provider_id: UUID
    provider_name: str
    partner_id: UUID | None
    partner_name: str | None
    lot: str | None
    since: datetime
    until: date | None
    reason: str
    rule_key: str | None
    clause: str | None
    with_plan: bool
    imposed_by: UUID | None
    by: str
    parts: tuple[tuple[UUID, str | None], ...]
    actions: tuple[Action, ...]
    steps: tuple[Step, ...]
    causes: tuple[dict[str, Any], ...]
    today: date

    @property
    def in_force(self) -> bool:
        """Whether it still stands on some lot."""
        return bool(self.parts)

    @property
    def review(self) -> Step | None:
        """The review that was asked for and is not decided."""
        asked = [step for step in self.steps if step.what.startswith("review_")]
        return asked[-1] if asked and asked[-1].what == "review_asked" else None

    @property
    def still_to_do(self) -> int:
        """How many actions stand against lifting."""
        return still_to_do([action.facts for action in self.actions])

    @property
    def answered(self) -> bool:
        """Whether the provider has said or done anything about it."""
        return any(step.what in BY_PROVIDER for step in self.steps)

    @property
    def story(self) -> list[Step]:
        """The steps, newest first."""
        return list(reversed(self.steps))


async def actions_of(work: Work, root_id: UUID) -> list[Action]:
    """The actions of a suspension's plan in the order they were asked."""
    return await _actions(work, root_id, await _steps(work, root_id, files=False))


async def suspension(work: Work, suspension_id: UUID) -> SuspensionView:
    """A suspension within sight, by its own id or that of a part that goes on. Raises `NotFound`."""
    row = await work.fetchrow(
        "SELECT s.*, p.name AS provider, c.name AS partner FROM suspension x JOIN suspension s"
        " ON s.framework_id = x.framework_id AND s.id = coalesce(x.follows_id, x.id)"
        " JOIN organisation p ON p.id = s.provider_id LEFT JOIN organisation c ON c.id = s.commissioner_id"
        " WHERE x.id = $1",
        suspension_id,
    )
    if row is None:
        raise NotFound("There is no such suspension, or it is not yours to see.")
    today = local_day(work.now)
    parts = await work.fetch(
        "SELECT id, lot_code FROM suspension WHERE framework_id = $1 AND coalesce(follows_id, id) = $2"
        " AND in_force(starts_at, lifted_at, until_on, $3) ORDER BY lot_code",
        row["framework_id"], row["id"], work.now,
    )  # fmt: skip
    causes = await work.fetch(
        "SELECT * FROM suspension_cause WHERE framework_id = $1 AND suspension_id = $2 ORDER BY raised_at",
        row["framework_id"], row["id"],
    )  # fmt: skip
    steps = await _steps(work, row["id"])
    return SuspensionView(
        row["id"], await framework(work, row["framework_id"]), row["provider_id"], row["provider"],
        row["commissioner_id"], row["partner"], row["lot_code"], row["starts_at"], row["until_on"], row["reason"],
        row["rule_key"], row["clause"], row["with_plan"], row["imposed_by"], row["imposed_by_name"],
        tuple((part["id"], part["lot_code"]) for part in parts), tuple(await _actions(work, row["id"], steps)),
        tuple(steps), tuple(dict(cause) for cause in causes), today,
    )  # fmt: skip


async def _steps(work: Work, root_id: UUID, *, files: bool = True) -> list[Step]:
    attached: defaultdict[UUID, list[StepFile]] = defaultdict(list)
    if files and work.actor.role != "system":
        for row in await work.fetch("SELECT * FROM step_files($1)", root_id):
            name = row["title"] or row["file_name"]
            attached[row["step_id"]].append(StepFile(row["id"], name, row["state"], row["deleted"]))
    rows = await work.fetch(
        "SELECT t.*, a.title FROM suspension_step t LEFT JOIN plan_action a ON a.framework_id = t.framework_id"
        " AND a.id = t.action_id WHERE t.suspension_id = $1 ORDER BY t.in_order",
        root_id,
    )
    return [
        Step(
            row["id"], row["at"], row["what"], row["by_name"], row["by_provider"], row["says"], row["action_id"],
            row["title"] or "", row["new_due_on"], row["owner_name"], tuple(attached[row["id"]]),
        )
        for row in rows
    ]  # fmt: skip


async def _actions(work: Work, root_id: UUID, steps: list[Step]) -> list[Action]:
    found: list[Action] = []
    for row in await work.fetch("SELECT * FROM plan_action WHERE suspension_id = $1 ORDER BY in_order", root_id):
        own = [step for step in steps if step.action_id == row["id"]]
        state: ActionState = "open"
        due_on, owner = row["due_on"], row["owner_name"]
        for step in own:
            state = AFTER.get(step.what, state)
            due_on = step.new_due_on or due_on
            owner = step.owner_name or owner
        found.append(Action(row["id"], row["title"], row["evidence_asked"], owner, due_on, state, tuple(own)))
    return found
