"""What the API takes and gives about contracts. Days are ISO dates, instants carry their offset, money is pence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.contracts.agenda import AgendaItem
from marketplace.contracts.following import Action
from marketplace.contracts.views import Change, Contract, Line, Occasion, Request, Step
from marketplace.providers.schemas import In, Lines
from marketplace.providers.schemas import Line as Text

Minutes = Annotated[str, msgspec.Meta(max_length=20_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


class PlanIn(In):
    """`kind`: meeting, monitoring_visit, inspection, interviews; the last two may come unannounced.

    Sent again with the same `id` it is planned once.
    """

    kind: Text
    starts_at: datetime
    place: Text
    about: Lines = ""
    announced: bool = True
    id: UUID | None = None


class NextIn(In):
    """`kind`: meeting or monitoring_visit."""

    kind: Text
    due_on: date
    reason: Lines


class MoveIn(In):
    starts_at: datetime
    place: Text
    reason: Lines


class ReasonIn(In):
    reason: Lines


class ItemIn(In):
    title: Text
    text: Lines = ""


class AgendaIn(In):
    """The whole agenda as it is to be; what was made from the record keeps its links by its title.

    `changes` is that of the occasion as it was read: 409 where it has changed since.
    """

    items: list[ItemIn]
    changes: int


class AgendaAgainIn(In):
    """`changes` is that of the occasion as it was read: 409 where it has changed since."""

    changes: int


class FindingIn(In):
    """`area` as the framework's terms name it; `grade`: met, partly_met, not_met."""

    area: Text
    grade: Text
    says: Lines


class ShareIn(In):
    attended_by: Lines
    provider_there: bool
    minutes: Minutes


class ActionIn(In):
    title: Text
    due_on: date
    owner_name: Text = ""
    for_provider: bool = True
    finding_id: UUID | None = None


class SaysIn(In):
    says: Lines = ""


class LaterIn(In):
    due_on: date
    says: Lines


class AnswerIn(In):
    """`evidence` are files of your own evidence; whoever manages the contract may open them."""

    says: Lines
    evidence: list[UUID] = msgspec.field(default_factory=list)


class MinutesAnswerIn(In):
    """`agrees` false keeps `says` as a comment beside the minutes."""

    agrees: bool
    says: Lines = ""


class AskIn(In):
    """Without `due_on` the framework's days count. Sent again with the same `id` it is asked for once."""

    title: Text
    asks: Lines
    format: Text
    due_on: date | None = None
    id: UUID | None = None


class ChargeIn(In):
    minutes: int
    reason: Lines


class DecideIn(In):
    stands: bool
    says: Lines


class ChangeIn(In):
    """`kind`: rating, non_compliance, conditions, registration, enforcement.

    Sent again with the same `id` it is reported once.
    """

    kind: Text
    says: Lines
    learnt_at: datetime
    id: UUID | None = None


# --- out --------------------------------------------------------------------------------------------------------------


class StepFileOut(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    state: str


class StepOut(msgspec.Struct, kw_only=True):
    id: UUID
    at: datetime
    what: str
    by: str
    by_provider: bool
    says: str
    finding_id: UUID | None
    action_id: UUID | None
    new_due_on: date | None
    files: list[StepFileOut]


class ActionOut(msgspec.Struct, kw_only=True):
    """`state`: open, late, done (said to be), accepted, withdrawn."""

    id: UUID
    occasion_id: UUID
    finding_id: UUID | None
    title: str
    for_provider: bool
    owner_name: str
    due_on: date
    state: str


class FindingFileOut(msgspec.Struct, kw_only=True):
    """A file that shows a finding; `remarks` say what the check left out of it."""

    id: UUID
    name: str
    size: int
    remarks: str
    by: str


class FindingOut(msgspec.Struct, kw_only=True):
    id: UUID
    area: str
    grade: str
    says: str
    answers: list[str]
    files: list[FindingFileOut]


class OccasionOut(msgspec.Struct, kw_only=True):
    """`state`: planned, held, called_off."""

    id: UUID
    framework_id: UUID
    commissioner_id: UUID
    provider_id: UUID
    kind: str
    announced: bool
    starts_at: datetime
    place: str
    about: str
    state: str
    agenda: list[AgendaItem]
    changes: int  # goes up with every change: sent back with an edited agenda
    attended_by: str
    provider_there: bool | None
    minutes: str
    minutes_agreed: bool
    findings: list[FindingOut]
    actions: list[ActionOut]
    steps: list[StepOut]


class ChargeOut(msgspec.Struct, kw_only=True):
    """`state`: waiting (for an objection), objected, stands, dropped."""

    minutes: int
    hour_pence: int
    pence: int
    clause: str
    reason: str
    charged_at: datetime
    object_until: datetime
    state: str


class RequestOut(msgspec.Struct, kw_only=True):
    """`state`: open, given, returned, accepted, withdrawn."""

    id: UUID
    framework_id: UUID
    commissioner_id: UUID
    provider_id: UUID
    title: str
    asks: str
    format: str
    due_on: date
    state: str
    late: bool
    charge: ChargeOut | None
    steps: list[StepOut]


class ChangeOut(msgspec.Struct, kw_only=True):
    id: UUID
    provider_id: UUID
    kind: str
    says: str
    learnt_at: datetime
    reported_at: datetime
    late: bool


class LineOut(msgspec.Struct, kw_only=True):
    framework_id: UUID
    framework: str
    commissioner_id: UUID
    commissioner: str
    provider_id: UUID
    provider: str
    last_meeting: date | None
    next_meeting: date | None
    next_visit: date | None
    open_actions: int
    late_actions: int
    open_requests: int


class ContractOut(msgspec.Struct, kw_only=True):
    contract: LineOut
    occasions: list[OccasionOut]
    actions: list[ActionOut]
    requests: list[RequestOut]
    changes: list[ChangeOut]


def step_out(step: Step) -> StepOut:
    """A step as the API tells it."""
    files = [StepFileOut(id=file.id, name=file.name, state=file.state) for file in step.files if not file.deleted]
    return StepOut(
        id=step.id, at=step.at, what=step.what, by=step.by, by_provider=step.by_provider, says=step.says,
        finding_id=step.finding_id, action_id=step.action_id, new_due_on=step.new_due_on, files=files,
    )  # fmt: skip


def action_out(action: Action) -> ActionOut:
    """An action as the API tells it."""
    return ActionOut(
        id=action.id, occasion_id=action.occasion_id, finding_id=action.finding_id, title=action.title,
        for_provider=action.for_provider, owner_name=action.owner_name, due_on=action.due_on, state=action.state,
    )  # fmt: skip


def occasion_out(found: Occasion) -> OccasionOut:
    """A meeting or visit as the API tells it."""
    findings = [
        FindingOut(
            id=each.id,
            area=each.area,
            grade=each.grade,
            says=each.says,
            answers=[a.says for a in each.answers],
            files=[FindingFileOut(id=f.id, name=f.name, size=f.size, remarks=f.remarks, by=f.by) for f in each.files],
        )
        for each in found.findings
    ]
    return OccasionOut(
        id=found.id, framework_id=found.framework_id, commissioner_id=found.commissioner_id,
        provider_id=found.provider_id, kind=found.kind, announced=found.announced, starts_at=found.starts_at,
        place=found.place, about=found.about, state=found.state, agenda=list(found.agenda),
        changes=found.changes,
        attended_by=found.attended_by, provider_there=found.provider_there, minutes=found.minutes,
        minutes_agreed=found.agreed is not None, findings=findings, actions=[action_out(a) for a in found.actions],
        steps=[step_out(step) for step in found.steps],
    )  # fmt: skip


def request_out(found: Request) -> RequestOut:
    """A request as the API tells it."""
    row = found.charge
    charge = None
    if row is not None:
        charge = ChargeOut(
            minutes=row["minutes"], hour_pence=row["hour_pence"], pence=row["pence"], clause=row["clause"],
            reason=row["reason"], charged_at=row["charged_at"], object_until=row["object_until"],
            state=found.charge_state,
        )  # fmt: skip
    return RequestOut(
        id=found.id, framework_id=found.framework_id, commissioner_id=found.commissioner_id,
        provider_id=found.provider_id, title=found.title, asks=found.asks, format=found.format, due_on=found.due_on,
        state=found.state, late=found.late, charge=charge, steps=[step_out(step) for step in found.steps],
    )  # fmt: skip


def change_out(found: Change) -> ChangeOut:
    """A change by the Care Quality Commission as the API tells it."""
    return ChangeOut(
        id=found.id, provider_id=found.provider_id, kind=found.kind, says=found.says, learnt_at=found.learnt_at,
        reported_at=found.reported_at, late=found.late,
    )  # fmt: skip


def line_out(found: Line) -> LineOut:
    """A contract in a list."""
    return LineOut(
        framework_id=found.framework_id, framework=found.framework, commissioner_id=found.commissioner_id,
        commissioner=found.commissioner, provider_id=found.provider_id, provider=found.provider,
        last_meeting=found.last_meeting, next_meeting=found.next_meeting, next_visit=found.next_visit,
        open_actions=found.open_actions, late_actions=found.late_actions, open_requests=found.open_requests,
    )  # fmt: skip


def contract_out(found: Contract) -> ContractOut:
    """A contract with everything of it; the story of each occasion and request is at its own address."""
    return ContractOut(
        contract=line_out(found.line), occasions=[occasion_out(each) for each in found.occasions],
        actions=[action_out(each) for each in found.actions], requests=[request_out(each) for each in found.requests],
        changes=[change_out(each) for each in found.changes],
    )  # fmt: skip
