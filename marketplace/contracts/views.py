"""What is read of contracts, as pages, calendars and the API show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from marketplace.contracts.agenda import AgendaItem
from marketplace.contracts.cqc import KINDS as CHANGES
from marketplace.contracts.finding_files import FindingFile
from marketplace.contracts.findings import GRADES
from marketplace.contracts.following import Action
from marketplace.contracts.occasions import KINDS
from marketplace.contracts.steps import Place
from marketplace.web.filters import day

WORDS = {
    "planned": "Planned",
    "moved": "Moved",
    "called_off": "Called off",
    "held": "Held, and shared with the provider",
    "minutes_agreed": "Agreed the minutes",
    "minutes_commented": "Commented on the minutes",
    "finding_answered": "Answered a finding",
    "action_asked": "Asked for an action",
    "action_done": "Said that an action is done",
    "action_returned": "Sent an action back",
    "action_accepted": "An action is done",
    "action_moved": "Gave an action more time",
    "action_withdrawn": "Withdrew an action",
    "next_set": "Set the next day",
    "information_asked": "Asked for information",
    "information_given": "Gave the information",
    "information_returned": "Returned it as poor",
    "information_accepted": "Accepted it",
    "information_moved": "Gave it more time",
    "information_withdrawn": "Withdrew the request",
    "charged": "Charged the time spent on it",
    "charge_objected": "Objected to the charge",
    "charge_stands": "The charge stands",
    "charge_dropped": "The charge is dropped",
}


@dataclass(frozen=True, slots=True)
class StepFile:
    """A file of the provider attached to a step. `state` is clean once it can be opened."""

    id: UUID
    step_id: UUID
    name: str
    state: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a story; `title`, `by` and `text` as a timeline shows them."""

    id: UUID
    at: datetime
    what: str
    by: str
    by_provider: bool
    says: str
    finding_id: UUID | None
    action_id: UUID | None
    about: str
    new_due_on: date | None
    files: tuple[StepFile, ...] = ()

    @property
    def title(self) -> str:
        """What happened, to what, until when."""
        until = f", until {day(self.new_due_on)}" if self.new_due_on is not None else ""
        return WORDS[self.what] + (f" ({self.about})" if self.about else "") + until

    @property
    def text(self) -> str:
        """What was said, with the names of files."""
        files = ", ".join(file.name for file in self.files)
        return self.says + (f" Files: {files}" if files else "")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a visit found under a heading, with the files that show it and the provider's answers."""

    id: UUID
    area: str
    grade: str
    says: str
    by: str
    answers: tuple[Step, ...]
    files: tuple[FindingFile, ...] = ()

    @property
    def tag(self) -> tuple[str, str]:
        """The grade's word and colour."""
        return GRADES[self.grade]


@dataclass(frozen=True, slots=True)
class Occasion:
    """A meeting or visit. `state`: planned, held or called_off; `agreed` is who agreed the minutes."""

    id: UUID
    framework_id: UUID
    framework: str
    commissioner_id: UUID
    commissioner: str
    provider_id: UUID
    provider: str
    kind: str
    announced: bool
    starts_at: datetime
    place: str
    about: str
    state: str
    agenda: tuple[AgendaItem, ...]
    attended_by: str
    provider_there: bool | None
    minutes: str
    shared_at: datetime | None
    called_off_reason: str
    changes: int
    changed_at: datetime | None
    planned_at: datetime
    planned_by: str
    findings: tuple[Finding, ...] = ()
    actions: tuple[Action, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return KINDS[self.kind][0]

    @property
    def agreed(self) -> Step | None:
        """The provider's agreement to the minutes."""
        return next((step for step in self.steps if step.what == "minutes_agreed"), None)

    @property
    def comments(self) -> tuple[Step, ...]:
        """The provider's comments on the minutes, kept beside them."""
        return tuple(step for step in self.steps if step.what == "minutes_commented")

    @property
    def story(self) -> list[Step]:
        """The steps, newest first."""
        return list(reversed(self.steps))


@dataclass(frozen=True, slots=True)
class Request:
    """Information asked for. `charge` is None where nothing was charged; `chargeable`: it was poor, or late."""

    id: UUID
    framework_id: UUID
    framework: str
    commissioner_id: UUID
    commissioner: str
    provider_id: UUID
    provider: str
    title: str
    asks: str
    format: str
    due_on: date
    state: str
    asked_at: datetime
    asked_by: str
    late: bool
    charge: asyncpg.Record | None = None
    chargeable: bool = False
    hour_pence: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def story(self) -> list[Step]:
        """The steps, newest first."""
        return list(reversed(self.steps))

    @property
    def charge_state(self) -> str:
        """waiting, objected, stands or dropped; empty without a charge."""
        if self.charge is None:
            return ""
        if self.charge["dropped_at"] is not None:
            return "dropped"
        if self.charge["stands_at"] is not None:
            return "stands"
        return "objected" if self.charge["objected_at"] is not None else "waiting"


@dataclass(frozen=True, slots=True)
class Change:
    """What the Care Quality Commission changed. `late`: reported after the time a framework of the reader gives."""

    id: UUID
    provider_id: UUID
    kind: str
    says: str
    learnt_at: datetime
    reported_at: datetime
    by: str
    late: bool

    @property
    def title(self) -> str:
        """What changed, in words."""
        return CHANGES[self.kind]


@dataclass(frozen=True, slots=True)
class Line:
    """A contract in a list: what is due next, what is open."""

    framework_id: UUID
    framework: str
    commissioner_id: UUID
    commissioner: str
    provider_id: UUID
    provider: str
    last_meeting: date | None
    next_meeting: date | None
    next_visit: date | None
    planned: datetime | None
    open_actions: int
    late_actions: int
    open_requests: int


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract with everything of it, the newest first."""

    line: Line
    place: Place
    occasions: tuple[Occasion, ...]
    actions: tuple[Action, ...]
    requests: tuple[Request, ...]
    changes: tuple[Change, ...]
    next_set: tuple[asyncpg.Record, ...]
    today: date
