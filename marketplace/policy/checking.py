"""What must hold between the rules of a pack: references, versions, groups of values, decisions."""

import re
from collections.abc import Iterable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec

from marketplace.policy.rules import LONGEST_KEPT, Content, Reason, Rule, Setting
from marketplace.policy.settings import GROUPS

AnswerKind = Literal["yes_no", "number", "choice", "text", "list", "reasons"]


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a pack: the file (empty where the pack is no longer files), the key, the reason."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.reason) if part)


def plain(error: Exception) -> str:
    """A validation error as a sentence for people: msgspec's words without its path."""
    text = re.sub(r" - at `([^`]*)`$", lambda found: f" (at {found[1].removeprefix('$')})", str(error))
    text = text.removesuffix(" (at )")
    return text[:1].lower() + text[1:]


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a kind of rule; msgspec evaluates its annotations anew each time it is asked."""
    return msgspec.structs.fields(kind)


def decided_field(rule: Rule) -> tuple[str, object]:
    """The field of a decision that the commissioner sets, and its type. A setting's type is its group's."""
    field = rule.decides or ("value" if isinstance(rule, Setting) else "")
    if isinstance(rule, Setting) and field == "value":
        group, _, name = rule.key.partition(".")
        for known in fields_of(GROUPS[group]) if group in GROUPS else ():
            if known.name == name:
                return field, known.type
    for known in fields_of(type(rule)):
        if known.name == field and field not in ("key", "from_", "decision", "decides", "question"):
            return field, known.type
    raise msgspec.ValidationError(f"decides {field!r}, which is not a field of this rule")


def form_of(answer_type: object) -> tuple[AnswerKind, tuple[str, ...]]:
    """What a form asks for to get a value of a type, and the choices where they are few."""
    kind = _bare(answer_type)
    if kind is bool:
        return "yes_no", ()
    if kind is int:
        return "number", ()
    if get_origin(kind) is Literal:
        return "choice", tuple(str(choice) for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return ("reasons" if _bare(get_args(kind)[0]) is Reason else "list"), ()
    return "text", ()


def as_answer(answer: object, answer_type: object) -> object:
    """An answer as its type may take it: text from a form is cut into a list at line ends (and at commas where the
    items are plain), an empty one means none where none is allowed."""
    if not isinstance(answer, str):
        return answer
    if not answer.strip() and type(None) in get_args(answer_type):
        return None
    kind, _ = form_of(answer_type)
    if kind == "list":
        return [part.strip() for part in re.split(r"[,\n]", answer) if part.strip()]
    if kind == "reasons":
        pairs = [line.partition("=") for line in answer.splitlines() if line.strip()]
        return [{"code": code.strip(), "title": title.strip()} for code, _, title in pairs]
    return answer


def _bare(answer_type: object) -> object:
    """A type without `None` beside it and without its bounds."""
    if get_origin(answer_type) in (Union, UnionType):
        answer_type = next(part for part in get_args(answer_type) if part is not type(None))
    return get_args(answer_type)[0] if get_origin(answer_type) is Annotated else answer_type


def faults_of(content: Content) -> list[Fault]:
    """Every broken connection inside a pack's content."""
    faults = [
        *_versions(content),
        *_decisions(content),
        *_settings(content),
        *_references(content),
        *_bands(content),
        *_substance(content),
    ]
    return [Fault("", key, reason) for key, reason in faults]


def _versions(content: Content) -> Iterable[tuple[str, str]]:
    for noun, rules in content.nouns():
        seen: set[tuple[str, object]] = set()
        for rule in rules:
            if (rule.key, rule.from_) in seen:
                yield f"{noun}.{rule.key}", "is given twice for the same day"
            seen.add((rule.key, rule.from_))


def _decisions(content: Content) -> Iterable[tuple[str, str]]:
    for noun, rules in content.nouns():
        for rule in rules:
            where = f"{noun}.{rule.key}"
            if rule.decision and not (rule.question or "").strip():
                yield f"{where}.question", "is missing: a decision asks the commissioner something"
            if rule.decision:
                try:
                    decided_field(rule)
                except msgspec.ValidationError as error:
                    yield f"{where}.decides", str(error)
            elif rule.decides or rule.question:
                yield f"{where}.decision", "must be true where the rule decides or asks something"


def _settings(content: Content) -> Iterable[tuple[str, str]]:
    given: dict[str, list[Setting]] = {}
    for rule in content.settings:
        given.setdefault(rule.key, []).append(rule)
    known = {f"{group}.{field.name}": field for group, kind in GROUPS.items() for field in fields_of(kind)}
    for key, rules in given.items():
        if key not in known:
            yield f"settings.{key}", "is not a setting this software knows"
            continue
        for rule in rules:
            try:
                msgspec.convert(rule.value, known[key].type)
            except msgspec.ValidationError as error:
                yield f"settings.{key}.value", plain(error)
    for key, field in known.items():
        if field.required and key not in given:
            yield f"settings.{key}", "is missing"
        elif key in given and all(rule.from_ > content.pack.from_ for rule in given[key]):
            yield f"settings.{key}.from", "needs a version from the pack's first day"


def _references(content: Content) -> Iterable[tuple[str, str]]:
    codes = {noun: {rule.key for rule in rules} for noun, rules in content.nouns()}

    def unknown(where: str, noun: str, keys: Iterable[str | None]) -> Iterable[tuple[str, str]]:
        for key in keys:
            if key is not None and key not in codes[noun]:
                yield where, f"names {key!r}, which is not among the pack's {noun}"

    for lot in content.lots:
        yield from unknown(f"lots.{lot.key}.roles", "roles", lot.roles)
        yield from unknown(f"lots.{lot.key}.activities", "activities", lot.activities)
        yield from unknown(f"lots.{lot.key}.registered_roles", "roles", lot.registered_roles)
        for role in content.roles:
            if role.key in lot.registered_roles and role.registration is None:
                yield f"roles.{role.key}.registration", f"is missing: lot {lot.key} asks for it"
        if lot.youngest is not None and lot.oldest is not None and lot.youngest > lot.oldest:
            yield f"lots.{lot.key}.oldest", "is below the youngest age"
    for row in content.requirements:
        yield from unknown(f"requirements.{row.key}.lot", "lots", [row.lot])
        yield from unknown(f"requirements.{row.key}.competency", "competencies", [row.competency])
    for row in content.interventions:
        yield from unknown(f"interventions.{row.key}.lot", "lots", [row.lot])
        yield from unknown(f"interventions.{row.key}.competency", "competencies", [row.competency])
    yield from _pairs("requirements", [(row.key, row.lot, row.competency) for row in content.requirements])
    yield from _pairs("interventions", [(row.key, row.lot, row.code) for row in content.interventions])
    for duty in content.duties:
        yield from unknown(f"duties.{duty.key}.counts_in", "kpis", [duty.counts_in])
        yield from unknown(f"duties.{duty.key}.gives_cause", "suspensions", [duty.gives_cause])
    owed_by_providers = {duty.key for duty in content.duties if duty.owed_by == "provider"}
    for stop in content.clock_stops:
        yield from unknown(f"clock_stops.{stop.key}.duties", "duties", stop.duties)
        for key in stop.duties:
            if key == "referral_response":
                yield f"clock_stops.{stop.key}.duties", "names referral_response: all who are asked have the same time"
            elif key in codes["duties"] and key not in owed_by_providers:
                yield f"clock_stops.{stop.key}.duties", f"names {key!r}, which is not owed by a provider"


def _pairs(noun: str, rows: list[tuple[str, str, str]]) -> Iterable[tuple[str, str]]:
    first: dict[tuple[str, str], str] = {}
    for key, lot, code in rows:
        if first.setdefault((lot, code), key) != key:
            yield f"{noun}.{key}", f"says the same of lot {lot} and {code} as {first[lot, code]}"


def _bands(content: Content) -> Iterable[tuple[str, str]]:
    for day in (content.pack.from_, *content.changes()):
        yield from _bands_of(content.on(day))


def _bands_of(content: Content) -> Iterable[tuple[str, str]]:
    covered = [day for band in content.bands for day in band.weekdays]
    if sorted(covered) != list(range(7)):
        yield "bands", "must take each weekday (0 is Monday) exactly once"
    if sum(band.bank_holidays for band in content.bands) > 1:
        yield "bands", "only one band may take the bank holidays"


def _substance(content: Content) -> Iterable[tuple[str, str]]:
    for noun in ("lots", "activities", "roles", "methods", "duties"):
        if not cast(tuple[Rule, ...], getattr(content, noun)):
            yield noun, "there must be at least one"
    if all(duty.key != "referral_response" for duty in content.duties):
        yield "duties.referral_response", "is missing: it says until when a broadcast is answered"
    for listing in content.reasons:
        reasons: list[str] = [reason.code for reason in listing.reasons]
        if not reasons or len(set(reasons)) != len(reasons):
            yield f"reasons.{listing.key}.reasons", "needs at least one reason, and each code once"
    for check in content.worker_checks:
        if (check.evidence == "registration") != check.when.startswith("registered"):
            yield f"worker_checks.{check.key}.when", "registered_lot or registered_role belong to registration evidence"
    for kept in content.retention:
        most, source = LONGEST_KEPT.get(kept.key, (None, ""))
        if most is not None and kept.months > most:
            yield f"retention.{kept.key}", f"must be {most} months or fewer ({source})"
        if most is not None and not kept.at_most:
            yield f"retention.{kept.key}.at_most", f"must be true: the period is a limit ({source})"
    ages: dict[str, Any] = {rule.key: rule.value for rule in content.settings if rule.key.startswith("ages.")}
    youngest, oldest = ages.get("ages.youngest"), ages.get("ages.oldest")
    if isinstance(youngest, int) and isinstance(oldest, int) and youngest > oldest:
        yield "settings.ages.oldest", "is below the youngest age"
