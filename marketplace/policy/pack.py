"""The policy pack: a framework's rules as one frozen, checked value.

`load_pack` reads a pack that comes with the software by its id, or any folder of TOML files. `pack_to_json` and
`pack_from_json` carry a pack in and out of the database unchanged, so that what was judged can be judged again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from marketplace.policy import checking, settings
from marketplace.policy.calendar import Holidays, holidays_with
from marketplace.policy.checking import Fault
from marketplace.policy.pack_files import PACK_FOLDERS, read_folder
from marketplace.policy.rules import (
    Competency,
    Content,
    Duty,
    Intervention,
    Kpi,
    Lot,
    Reason,
    Requirement,
    Role,
    Rule,
    WorkerCheck,
)

AnyRule = TypeVar("AnyRule", bound=Rule)
Group = TypeVar("Group", bound=msgspec.Struct)


class PackError(ValueError):
    """A pack that cannot be used: unknown, or with faults, each naming file, key and reason."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class UnknownCode(PackError):
    """A lot, competency, duty or other code that the pack does not hold."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A question the source leaves open, with the value the pack proposes; `choices` are listed where they are few.

    `kind` tells a form what to ask for; `reasons` are lines of `code = title`.
    """

    key: str
    title: str
    question: str
    clause: str
    unit: str
    from_: date = msgspec.field(name="from")
    field: str
    value: object
    kind: checking.AnswerKind
    choices: tuple[str, ...] = ()


class Pack:
    """A checked pack. Look-ups are by code; ask `pack.on(day)` first where a rule may change over time."""

    def __init__(self, content: Content) -> None:
        """Takes checked content; use `load_pack` or `pack_from_json`, which check."""
        self.content = content
        self._changes = content.changes()
        self._on: dict[date, Pack] = {}

    @property
    def id(self) -> str:
        """The pack's id, for instance as a case names it."""
        return self.content.pack.key

    @property
    def title(self) -> str:
        """The pack's name for people."""
        return self.content.pack.title

    @property
    def first_day(self) -> date:
        """The day the pack applies from; earlier days are judged as this one is."""
        return self.content.pack.from_

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the canonical JSON of everything in the pack, in hexadecimal."""
        return hashlib.sha256(pack_to_json(self)).hexdigest()

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Every rule of the pack with its noun, all dated versions included."""
        for noun, rules in self.content.nouns():
            for rule in rules:
                yield noun, rule

    def on(self, day: date) -> "Pack":
        """The pack as it stands on a day: of each rule the latest version whose `from` is not after that day."""
        if not self._changes:
            return self
        since = max((change for change in self._changes if change <= day), default=self.first_day)
        if since not in self._on:
            self._on[since] = Pack(self.content.on(since))
        return self._on[since]

    # --- the groups of single values -------------------------------------------------------------------------------

    @cached_property
    def charging(self) -> settings.Charging:
        """Cancellation shares and what is billed."""
        return _group(self.content, "charging", settings.Charging)

    @cached_property
    def billing(self) -> settings.Billing:
        """Billing period, due day, deduction, payment."""
        return _group(self.content, "billing", settings.Billing)

    @cached_property
    def vat(self) -> settings.Vat:
        """What e-invoices say about VAT."""
        return _group(self.content, "vat", settings.Vat)

    @cached_property
    def ages(self) -> settings.Ages:
        """Whom the framework is for."""
        return _group(self.content, "ages", settings.Ages)

    @cached_property
    def readiness(self) -> settings.Readiness:
        """How evidence is read."""
        return _group(self.content, "readiness", settings.Readiness)

    @cached_property
    def pathway(self) -> settings.Pathway:
        """What must be there before the next step."""
        return _group(self.content, "pathway", settings.Pathway)

    @cached_property
    def providers(self) -> settings.Providers:
        """What is asked of every provider in numbers."""
        return _group(self.content, "providers", settings.Providers)

    @cached_property
    def reminders(self) -> settings.Reminders:
        """When people are reminded of their duties."""
        return _group(self.content, "reminders", settings.Reminders)

    @cached_property
    def budget(self) -> settings.Budget:
        """When a child's referrer is warned that its allocation runs out."""
        return _group(self.content, "budget", settings.Budget)

    @cached_property
    def profile(self) -> settings.Profile:
        """What a family reads of a worker."""
        return _group(self.content, "profile", settings.Profile)

    @cached_property
    def evaluation(self) -> settings.Evaluation:
        """How applications are scored."""
        return _group(self.content, "evaluation", settings.Evaluation)

    @cached_property
    def purchases(self) -> settings.Purchases:
        """Families who buy for themselves."""
        return _group(self.content, "purchases", settings.Purchases)

    @cached_property
    def watch(self) -> settings.Watch:
        """When a provider is said to drift."""
        return _group(self.content, "watch", settings.Watch)

    @cached_property
    def contracts(self) -> settings.Contracts:
        """Meetings, visits and information of contract management."""
        return _group(self.content, "contracts", settings.Contracts)

    @cached_property
    def holidays(self) -> Holidays:
        """Bank holidays: the published ones and the pack's own."""
        vouched = _group(self.content, "calendar", settings.Calendar).bank_holidays_known_until
        return holidays_with((rule.day for rule in self.content.holidays), vouched)

    # --- look-ups by code ------------------------------------------------------------------------------------------

    @cached_property
    def lots(self) -> dict[str, Lot]:
        """Lots by code, in the pack's order."""
        return {lot.key: lot for lot in self.content.lots}

    @cached_property
    def activities(self) -> dict[str, str]:
        """Titles of the activities by code."""
        return {activity.key: activity.title for activity in self.content.activities}

    @cached_property
    def bands(self) -> dict[str, str]:
        """Titles of the day bands by code."""
        return {band.key: band.title for band in self.content.bands}

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Roles by code."""
        return {role.key: role for role in self.content.roles}

    @cached_property
    def competencies(self) -> dict[str, Competency]:
        """Competencies by code."""
        return {competency.key: competency for competency in self.content.competencies}

    @cached_property
    def methods(self) -> dict[str, bool]:
        """Whether each method of assessment can sign a worker off."""
        return {method.key: method.signs_off for method in self.content.methods}

    @cached_property
    def duties(self) -> dict[str, Duty]:
        """Duties by code."""
        return {duty.key: duty for duty in self.content.duties}

    @cached_property
    def kpis(self) -> dict[str, Kpi]:
        """Performance measures by code."""
        return {kpi.key: kpi for kpi in self.content.kpis}

    @cached_property
    def worker_checks(self) -> dict[str, WorkerCheck]:
        """Checks of workers by code."""
        return {check.key: check for check in self.content.worker_checks}

    def lot(self, code: str) -> Lot:
        """The lot of that code. Raises `UnknownCode`."""
        if code not in self.lots:
            raise UnknownCode(f"{self.title} has no lot {code!r}")
        return self.lots[code]

    def duty(self, code: str) -> Duty:
        """The duty of that code. Raises `UnknownCode`."""
        if code not in self.duties:
            raise UnknownCode(f"{self.title} has no duty {code!r}")
        return self.duties[code]

    def requirements(self, lot: str) -> tuple[Requirement, ...]:
        """The competencies a lot asks for, in the pack's order."""
        return tuple(row for row in self.content.requirements if row.lot == lot)

    def interventions(self, lot: str) -> tuple[Intervention, ...]:
        """The interventions a lot names, barred ones included."""
        return tuple(row for row in self.content.interventions if row.lot == lot)

    def reasons(self, name: str) -> tuple[Reason, ...]:
        """The coded reasons of a list, for instance `decline` or `unsigned_visit`. Raises `UnknownCode`."""
        for row in self.content.reasons:
            if row.key == name:
                return row.reasons
        raise UnknownCode(f"{self.title} has no list of reasons {name!r}")

    # --- decisions -------------------------------------------------------------------------------------------------

    def decisions(self) -> list[Decision]:
        """What the commissioner confirms, one by one, when it opens a framework."""
        return [_decision(self.decision_key(noun, rule), rule) for noun, rule in self.rules() if rule.decision]

    def with_decisions(self, values: Mapping[str, object]) -> "Pack":
        """The same pack with other answers; text from a form is read as the type the decision has.

        Raises `PackError` with one fault per key that is no decision, or whose value does not fit.
        """
        faults: list[Fault] = []
        changed: dict[str, Rule] = {}
        for noun, rule in self.rules():
            key = self.decision_key(noun, rule)
            if rule.decision and key in values:
                try:
                    changed[key] = _answered(rule, values[key])
                except msgspec.ValidationError as error:
                    faults.append(Fault("", key, checking.plain(error)))
        known = {decision.key for decision in self.decisions()}
        faults += [Fault("", key, "is not a decision of this pack") for key in values if key not in known]
        if faults:
            raise _refusal(f"The answers do not fit {self.title}", faults)
        fields: dict[str, Any] = {}
        for noun, rules in self.content.nouns():
            answered = tuple(changed.get(self.decision_key(noun, rule), rule) for rule in rules)
            fields[noun] = answered[0] if noun == "pack" else answered
        return _checked(Content(**fields), f"The answers do not fit {self.title}")

    def decision_key(self, noun: str, rule: Rule) -> str:
        """Noun and key, and the day of a version that does not apply from the pack's first day."""
        later = "" if rule.from_ == self.first_day else f"@{rule.from_.isoformat()}"
        return f"{noun}.{rule.key}{later}"


def load_pack(name: str | Path) -> Pack:
    """A pack by its id, or from a folder of TOML files. Raises `PackError`, naming every fault."""
    if isinstance(name, str) and name in PACK_FOLDERS:
        return _built_in(name)
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join(sorted(PACK_FOLDERS))
        raise UnknownCode(f"there is no pack {str(name)!r}: known are {known}, or name a folder")
    return _load(folder)


def available_packs() -> tuple[str, ...]:
    """The ids of the packs that come with the software."""
    return tuple(sorted(PACK_FOLDERS))


def check_folder(folder: str | Path) -> list[Fault]:
    """Every fault of a pack's folder, with file, key and reason; none when the pack can be used."""
    content, faults = read_folder(Path(folder))
    if content is not None:
        faults += checking.faults_of(content)
    return faults


def pack_to_json(pack: Pack) -> bytes:
    """The pack as canonical JSON: what is stored with a framework and hashed."""
    return msgspec.json.encode(pack.content)


def pack_from_json(data: bytes) -> Pack:
    """A stored pack. Raises `PackError` when the bytes are no pack or the pack has faults."""
    try:
        content = msgspec.json.decode(data, type=Content)
    except msgspec.MsgspecError as error:
        raise PackError(f"this is not a stored pack: {checking.plain(error)}") from error
    return _checked(content, "The stored pack cannot be used")


@cache
def _built_in(pack_id: str) -> Pack:
    return _load(PACK_FOLDERS[pack_id])


def _load(folder: Path) -> Pack:
    content, faults = read_folder(folder)
    if content is None or faults:
        raise _refusal(f"The pack in {folder.name} cannot be used", faults)
    return _checked(content, f"The pack in {folder.name} cannot be used")


def _checked(content: Content, message: str) -> Pack:
    faults = checking.faults_of(content)
    if faults:
        raise _refusal(message, faults)
    return Pack(content)


def _refusal(message: str, faults: list[Fault]) -> PackError:
    lines = "; ".join(str(fault) for fault in faults)
    return PackError(f"{message}: {lines}", tuple(faults))


def _group(content: Content, name: str, group: type[Group]) -> Group:
    values = {rule.key.split(".", 1)[1]: rule.value for rule in content.settings if rule.key.startswith(f"{name}.")}
    return msgspec.convert(values, group)


def _decision(key: str, rule: Rule) -> Decision:
    field, answer_type = checking.decided_field(rule)
    kind, choices = checking.form_of(answer_type)
    return Decision(
        key=key,
        title=rule.title,
        question=rule.question or "",
        clause=rule.clause,
        unit=rule.unit,
        from_=rule.from_,
        field=field,
        value=msgspec.to_builtins(getattr(rule, field)),
        kind=kind,
        choices=choices,
    )


def _answered(rule: AnyRule, answer: object) -> AnyRule:
    field, answer_type = checking.decided_field(rule)
    value = msgspec.convert(checking.as_answer(answer, answer_type), cast(Any, answer_type), strict=False)
    return msgspec.structs.replace(rule, **{field: value})
