"""The kinds of rule a policy pack is made of: one frozen struct per noun, read from the pack's TOML files.

Every rule says which clause it comes from, what its number is counted in and from which day it applies. Where the
source is silent the rule is a decision: the commissioner answers its question when it opens a framework.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, pattern=r"\S")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Months = Annotated[int, msgspec.Meta(ge=1, le=600)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]

Unit = Literal[
    "elapsed_hours", "local_days", "working_days", "months", "immediately", "days", "hours", "years", "miles",
    "percent", "pence", "count", "yes_no", "choice", "list", "text", "date",
]  # fmt: skip
ClockUnit = Literal["elapsed_hours", "local_days", "working_days", "months", "immediately"]
Party = Literal[
    "provider", "referrer", "contract_manager", "finance_officer", "advice_service", "commissioner", "family"
]

WorkerFile = Literal[
    "dbs_certificate", "training_certificate", "assessment", "registration", "right_to_work", "reference",
    "car_insurance", "profile_video", "worker_other",
]  # fmt: skip
ProviderFile = Literal[
    "insurance", "cqc_registration", "policy", "statement_of_purpose", "young_persons_guide", "inspection_report",
    "toolkit", "other",
]  # fmt: skip
EvidenceKind = Literal[WorkerFile, ProviderFile]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What every rule carries. `decides` names the field the commissioner may set; it belongs to a decision only."""

    key: Code
    title: Text
    clause: Text
    unit: Unit
    from_: date = msgspec.field(name="from")
    decision: bool = False
    decides: str | None = None
    question: str | None = None


class PackHead(Rule, frozen=True, kw_only=True):
    """The pack itself: `key` is its id, `from` its first day. Earlier days are judged as that day is."""

    source: Text
    commissioners: tuple[Text, ...] = ()


class Setting(Rule, frozen=True, kw_only=True):
    """One value of a group in `settings.py`; the key is `group.field`, for instance `billing.deduction_pence`."""

    value: bool | int | str | tuple[int | str, ...]


class Lot(Rule, frozen=True, kw_only=True):
    """A service line. No roles means that any role fits. `registered_roles` need their professional registration."""

    scope: tuple[Text, ...]
    roles: tuple[Code, ...] = ()
    activities: tuple[Code, ...]
    registered_roles: tuple[Code, ...] = ()
    regulated: bool
    youngest: Count | None = None
    oldest: Count | None = None
    normally_at_most_months: Months | None = None


class Activity(Rule, frozen=True, kw_only=True):
    """What a rate is agreed for and a visit consists of."""


class Band(Rule, frozen=True, kw_only=True):
    """A kind of day with its own rate: the weekdays it takes (Monday is 0), or the bank holidays, which go first."""

    weekdays: tuple[Weekday, ...] = ()
    bank_holidays: bool = False


class Role(Rule, frozen=True, kw_only=True):
    """What a worker is employed as; `registration` names the professional register the role belongs to."""

    registration: Text | None = None


class Competency(Rule, frozen=True, kw_only=True):
    """A skill that is assessed. `months` is how long an assessment counts; none means it does not run out.

    `offered` training is for the provider to offer its staff: no lot asks a worker for it.
    """

    months: Months | None = None
    offered: bool = False


class Requirement(Rule, frozen=True, kw_only=True):
    """A lot asks for a competency: of every worker, or (starred) only where the child needs it."""

    lot: Code
    competency: Code
    kind: Literal["always", "where_needed"]


class Intervention(Rule, frozen=True, kw_only=True):
    """Something done for a child on a lot, and up to which level. `competency` is the training row that covers it;
    `support` is everyday help, such as personal care, that every worker of the lot gives."""

    lot: Code
    code: Code
    level: Literal["qualified_nurse", "included", "trained_and_supervised", "competent_parent", "barred"]
    competency: Code | None = None
    kind: Literal["clinical", "support"] = "clinical"

    @property
    def barred(self) -> bool:
        """Whether a referral to this lot cannot ask for it."""
        return self.level == "barred"

    @property
    def needs_child_specific_sign_off(self) -> bool:
        """Without a training row a worker is signed off for it child by child."""
        return not self.barred and self.kind == "clinical" and self.competency is None


class Method(Rule, frozen=True, kw_only=True):
    """How a competency was established; only some methods can sign a worker off."""

    signs_off: bool


class WorkerCheck(Rule, frozen=True, kw_only=True):
    """A check of a worker. `required` ones are part of readiness; `months` is how long one counts.

    `evidence` says where the fact is kept: the DBS date, the registration date, or a record of this check's own.
    `when` limits it to those who drive children, to the registered roles of a lot, or to any role with a register.
    """

    required: bool
    evidence: Literal["dbs", "registration", "record"] = "record"
    months: Months | None = None
    expires: bool = False
    when: Literal["always", "driving", "registered_lot", "registered_role"] = "always"


class ProviderRequirement(Rule, frozen=True, kw_only=True):
    """What a provider must have, declare or repeat. `months` is how often.

    `details`: asked besides the day: each inspection of so many `years` with its rating, or a toolkit's outcome.
    """

    months: Months | None = None
    details: Literal["", "inspections", "toolkit"] = ""
    years: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    effect: Literal["standing", "asked"] = "asked"
    regulated_only: bool = False


class Document(Rule, frozen=True, kw_only=True):
    """A policy or paper the provider keeps up to date; `providers.document_review_months` says how often."""


class Retention(Rule, frozen=True, kw_only=True):
    """How long a kind of evidence file is kept, counted from its upload or from the worker's last day.

    `at_most` where the period is a limit rather than a need: of several packs' the shortest holds, else the longest.
    """

    key: EvidenceKind
    months: Months
    counts_from: Literal["upload", "worker_leaves"]
    at_most: bool = False


# What may be answered at the most, whatever the framework: a kind's months and what limits them.
LONGEST_KEPT: dict[str, tuple[int, str]] = {"dbs_certificate": (6, "the DBS code of practice")}


class Duty(Rule, frozen=True, kw_only=True):
    """An obligation with a clock: after `starts`, so many units; hours are elapsed, the rest ends with its last day.

    `immediately` counts as met within `count` minutes. `repeats` duties start again when they are met.
    `not_when_idle` ones fall away for a provider that delivered nothing. What a missed one leads to: the measure it
    `counts_in`, and the suspension it `gives_cause` for.
    """

    unit: ClockUnit
    count: Count
    starts: Text
    owed_by: Party
    owed_to: tuple[Party, ...]
    repeats: bool = False
    not_when_idle: bool = False
    counts_in: Code | None = None
    gives_cause: Code | None = None


class ClockStop(Rule, frozen=True, kw_only=True):
    """A ground on which the clock of some duties may stand, once a contract manager accepts it: all stops of one duty
    together at most `most_days`."""

    duties: tuple[Code, ...]
    most_days: Annotated[int, msgspec.Meta(ge=1, le=366)]


class Kpi(Rule, frozen=True, kw_only=True):
    """A performance measure. `numerator` of `denominator`, in percent; no target means none is agreed yet."""

    area: Text
    numerator: Text
    denominator: Text
    target: Percent | None = None
    better: Literal["higher", "lower"] = "higher"


class SuspensionRule(Rule, frozen=True, kw_only=True):
    """What stops new referrals: by itself, or as a proposal that a contract manager decides.

    `requirement` is what a provider must have whose rejected declaration gives cause, such as a toolkit.
    """

    effect: Literal["automatic", "propose"]
    lots: Literal["all", "regulated"] = "all"
    needs_action_plan: bool = False
    flags_visits: bool = False
    requirement: Code | None = None


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coded answer of a list of reasons."""

    code: Code
    title: Text


class ReasonList(Rule, frozen=True, kw_only=True):
    """The coded reasons people choose from, for instance when they decline a referral."""

    reasons: tuple[Reason, ...]


class RecordField(Rule, frozen=True, kw_only=True):
    """A field of the record of a visit: `billing` ones must be there before the visit is paid."""

    level: Literal["billing", "asked"]


class Programme(Rule, frozen=True, kw_only=True):
    """A programme of support with the outcomes a child works towards."""

    long_term: tuple[Text, ...]
    short_term: tuple[Text, ...]


class HolidayRule(Rule, frozen=True, kw_only=True):
    """A bank holiday the pack adds to the published ones."""

    day: date


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Everything a pack holds, noun by noun, in the order of its files."""

    pack: PackHead
    settings: tuple[Setting, ...] = ()
    lots: tuple[Lot, ...] = ()
    activities: tuple[Activity, ...] = ()
    bands: tuple[Band, ...] = ()
    roles: tuple[Role, ...] = ()
    competencies: tuple[Competency, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    methods: tuple[Method, ...] = ()
    worker_checks: tuple[WorkerCheck, ...] = ()
    provider_requirements: tuple[ProviderRequirement, ...] = ()
    documents: tuple[Document, ...] = ()
    retention: tuple[Retention, ...] = ()
    duties: tuple[Duty, ...] = ()
    clock_stops: tuple[ClockStop, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    suspensions: tuple[SuspensionRule, ...] = ()
    reasons: tuple[ReasonList, ...] = ()
    record_fields: tuple[RecordField, ...] = ()
    programmes: tuple[Programme, ...] = ()
    holidays: tuple[HolidayRule, ...] = ()

    def nouns(self) -> Iterator[tuple[str, tuple[Rule, ...]]]:
        """Each noun with its rules, the pack's head first."""
        yield "pack", (self.pack,)
        for noun in NOUNS:
            yield noun, getattr(self, noun)

    def changes(self) -> list[date]:
        """The days after the pack's first on which some rule begins to apply, in order."""
        days = {rule.from_ for _, rules in self.nouns() for rule in rules}
        return sorted(day for day in days if day > self.pack.from_)

    def on(self, day: date) -> "Content":
        """Of each rule the latest version that applies on the day; days before the pack's first count as that one."""
        day = max(day, self.pack.from_)
        fields: dict[str, Any] = {"pack": self.pack}
        for noun, rules in self.nouns():
            if noun != "pack":
                latest: dict[str, Rule] = {}
                for rule in sorted(rules, key=lambda rule: rule.from_):
                    if rule.from_ <= day:
                        latest[rule.key] = rule
                fields[noun] = tuple(rule for rule in rules if latest.get(rule.key) is rule)
        return Content(**fields)


NOUNS: dict[str, type[Rule]] = {
    "settings": Setting,
    "lots": Lot,
    "activities": Activity,
    "bands": Band,
    "roles": Role,
    "competencies": Competency,
    "requirements": Requirement,
    "interventions": Intervention,
    "methods": Method,
    "worker_checks": WorkerCheck,
    "provider_requirements": ProviderRequirement,
    "documents": Document,
    "retention": Retention,
    "duties": Duty,
    "clock_stops": ClockStop,
    "kpis": Kpi,
    "suspensions": SuspensionRule,
    "reasons": ReasonList,
    "record_fields": RecordField,
    "programmes": Programme,
    "holidays": HolidayRule,
}
