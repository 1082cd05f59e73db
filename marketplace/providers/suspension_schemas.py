"""What the API takes and gives about suspensions: causes, the plan's actions, reviews, limits, standing at a moment."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.providers.as_of import LineAt, Met
from marketplace.providers.plans import Action, Step, SuspensionView
from marketplace.providers.schemas import In, Line, Lines, StandingOut, standing_out


class LiftIn(In):
    """`lots` lifts a suspension for all lots for these first; `new_packages` is a limit on what is lifted."""

    reason: Lines
    lots: list[Line] = msgspec.field(default_factory=list)
    new_packages: int | None = None


class ProposalIn(In):
    """A ground of the pack with its facts; `lot_code` null means all lots."""

    framework_id: UUID
    rule_key: Line
    facts: Lines
    lot_code: Line | None = None


class DecisionIn(In):
    """`suspend` false: not on this ground. It is for the lots that were proposed, unless `lot_code` says another or
    `all_lots` that it is for all."""

    suspend: bool
    reason: Lines
    lot_code: Line | None = None
    all_lots: bool = False


class ActionIn(In):
    title: Line
    due_on: date
    evidence_asked: Lines = ""
    owner_name: Line = ""


class SaysIn(In):
    says: Lines = ""


class MoveIn(In):
    due_on: date
    says: Lines


class ReviewIn(In):
    """`lifts` true ends the suspension altogether."""

    lifts: bool
    says: Lines


class DoneIn(In):
    """`evidence` are files of your own evidence; whoever decides may open them."""

    says: Lines
    evidence: list[UUID] = msgspec.field(default_factory=list)


class OwnerIn(In):
    owner_name: Line


class DecidedOut(msgspec.Struct, kw_only=True):
    """The suspension that was made or added to; null where it was not suspended."""

    suspension_id: UUID | None


class StepFileOut(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    state: str


class StepOut(msgspec.Struct, kw_only=True):
    at: datetime
    what: str
    by: str
    by_provider: bool
    says: str
    action_id: UUID | None
    new_due_on: date | None
    owner_name: str | None
    files: list[StepFileOut]


class ActionOut(msgspec.Struct, kw_only=True):
    """`state`: open, done (said to be), signed_off, withdrawn."""

    id: UUID
    title: str
    evidence_asked: str
    owner_name: str
    due_on: date
    state: str


class SuspensionOut(msgspec.Struct, kw_only=True):
    """`parts` are the suspensions in force of it with their lots (null: all): what is lifted is one of them."""

    id: UUID
    framework_id: UUID
    provider_id: UUID
    provider: str
    partner_id: UUID | None
    lot: str | None
    since: datetime
    until: date | None
    reason: str
    rule_key: str | None
    clause: str | None
    with_plan: bool
    by: str
    parts: list[tuple[UUID, str | None]]
    review_asked: bool
    actions: list[ActionOut]
    steps: list[StepOut]


class LineAtOut(msgspec.Struct, kw_only=True):
    framework_id: UUID
    framework: str
    standing: StandingOut


class MetOut(msgspec.Struct, kw_only=True):
    kind: str
    id: UUID
    reference: str
    lot: str
    coming_visits: int
    then: str


def suspension_out(view: SuspensionView) -> SuspensionOut:
    """A suspension with its plan and story."""
    return SuspensionOut(
        id=view.id, framework_id=view.framework.id, provider_id=view.provider_id, provider=view.provider_name,
        partner_id=view.partner_id, lot=view.lot, since=view.since, until=view.until, reason=view.reason,
        rule_key=view.rule_key, clause=view.clause, with_plan=view.with_plan, by=view.by, parts=list(view.parts),
        review_asked=view.review is not None, actions=[_action(each) for each in view.actions],
        steps=[_step(each) for each in view.steps],
    )  # fmt: skip


def line_out(line: LineAt) -> LineAtOut:
    """A lot's standing at the moment asked about."""
    return LineAtOut(
        framework_id=line.framework_id, framework=line.framework_name, standing=standing_out(line.standing)
    )


def met_out(met: Met) -> MetOut:
    """An offer or a package a suspension meets."""
    return MetOut(**{name: getattr(met, name) for name in MetOut.__struct_fields__})


def _action(action: Action) -> ActionOut:
    return ActionOut(**{name: getattr(action, name) for name in ActionOut.__struct_fields__})


def _step(step: Step) -> StepOut:
    files = [StepFileOut(id=file.id, name=file.name, state=file.state) for file in step.files if not file.deleted]
    return StepOut(
        at=step.at, what=step.what, by=step.by, by_provider=step.by_provider, says=step.says, action_id=step.action_id,
        new_due_on=step.new_due_on, owner_name=step.owner_name, files=files,
    )  # fmt: skip
