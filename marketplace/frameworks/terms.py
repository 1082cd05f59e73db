"""The pack in readable form, clause by clause: what people read before they apply, and what a decision asks.

Wording only; the rules themselves live in `marketplace.policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketplace.frameworks.views import DecisionView
from marketplace.policy.pack import Pack
from marketplace.policy.rules import (
    ClockStop,
    Competency,
    Duty,
    Intervention,
    Kpi,
    Lot,
    Method,
    ProviderRequirement,
    ReasonList,
    Retention,
    Role,
    Rule,
    SuspensionRule,
    WorkerCheck,
)
from marketplace.web.filters import code, count, listing, pounds, words
from marketplace.web.filters import day as written_day

UNITS = {
    "elapsed_hours": "hour",
    "hours": "hour",
    "local_days": "calendar day",
    "days": "day",
    "working_days": "working day",
    "months": "month",
    "years": "year",
    "miles": "mile",
    "immediately": "minute",
}
LEVELS = {
    "qualified_nurse": "to the level of a qualified children's nurse",
    "included": "included",
    "trained_and_supervised": "by workers trained and supervised for it",
    "competent_parent": "to the level of a competent parent",
    "barred": "not on this lot",
}
CHOICES = {
    "always": "Asked of every worker",
    "where_needed": "Asked only where the child needs it",
    "standing": "A lapse ends good standing",
    "asked": "Asked for",
    "automatic": "Suspends by itself",
    "propose": "Proposed to a contract manager, who decides",
    "local_days": "Calendar days",
    "elapsed_hours": "Hours, elapsed",
    "working_days": "Working days",
    "billing": "Must be there before the visit is paid",
    "immediately": "At once",
}
UNSET = {"percent": "No target", "months": "No limit", "": "Nothing named"}  # what is left open, by what is counted
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Term:
    """One rule in words. `decision_key` is set where the commissioner decided it."""

    title: str
    value: str
    clause: str
    since: date
    decision_key: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its terms; `anchor` is its id on the page."""

    anchor: str
    title: str
    terms: tuple[Term, ...]


def amount(number: int, unit: str) -> str:
    """A number with its unit: "24 hours", "50 %", "£100.00"."""
    if unit == "pence":
        return pounds(number)
    if unit == "percent":
        return f"{number} %"
    return count(number, UNITS[unit]) if unit in UNITS else str(number)


def answer(value: Any, unit: str) -> str:
    """A decision's value as people read it; what is left open in words of its own ("No target", "Nothing named")."""
    if value is None:
        return UNSET.get(unit, UNSET[""])
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int):
        return amount(value, unit)
    if isinstance(value, str):
        return CHOICES.get(value, code(value))
    if isinstance(value, Sequence):
        items = [item["title"] if isinstance(item, Mapping) else answer(item, unit) for item in value]
        return "; ".join(items) or UNSET[""]
    return str(value)


def as_typed(value: Any, kind: str) -> str:
    """A value as a form shows it for editing; the pack reads it back from that text."""
    if value is None:
        return ""
    if kind == "yes_no":
        return "yes" if value else "no"
    if kind == "reasons":
        return "\n".join(f"{reason['code']} = {reason['title']}" for reason in value)
    if kind == "list":
        return "\n".join(str(item) for item in value)
    return str(value)


def sections(pack: Pack, day: date) -> list[Section]:
    """Everything the pack holds on a day, in a reader's order: lots first, then money, people, duties, quality."""
    pack = pack.on(day)
    content = pack.content
    found = [Section(f"lot-{lot.key}", lot.title, tuple(_lot_terms(pack, lot))) for lot in content.lots]
    for anchor, title, noun, describe in GROUPS:
        terms = tuple(_term(pack, noun, rule, rule.title, describe(rule)) for rule in getattr(content, noun))
        if terms:
            found.append(Section(anchor, title, terms))
    return found


def decided(views: Iterable[DecisionView]) -> dict[str, DecisionView]:
    """Decisions by key, to stand beside their terms."""
    return {view.key: view for view in views}


def _term(pack: Pack, noun: str, rule: Rule, title: str, value: str) -> Term:
    return Term(title, value, rule.clause, rule.from_, pack.decision_key(noun, rule) if rule.decision else None)


def _lot_terms(pack: Pack, lot: Lot) -> Iterable[Term]:
    yield Term("What it covers", "; ".join(lot.scope), lot.clause, lot.from_)
    roles = [pack.roles[role].title for role in lot.roles]
    yield Term("Who delivers it", listing(roles) if roles else "Workers of any role", lot.clause, lot.from_)
    activities = [pack.activities[activity] for activity in lot.activities]
    yield Term("Activities", listing(activities), lot.clause, lot.from_)
    yield _term(pack, "lots", lot, "Regulated care", "Yes: CQC registration is asked for" if lot.regulated else "No")
    if lot.youngest is not None or lot.oldest is not None:
        youngest, oldest = lot.youngest or pack.ages.youngest, lot.oldest or pack.ages.oldest
        yield Term("Ages", f"{youngest} to {oldest}", lot.clause, lot.from_)
    if lot.normally_at_most_months is not None:
        yield Term("Normally lasts at most", amount(lot.normally_at_most_months, "months"), lot.clause, lot.from_)
    for row in pack.requirements(lot.key):
        yield _term(pack, "requirements", row, pack.competencies[row.competency].title, CHOICES[row.kind])
    for row in pack.interventions(lot.key):
        yield _term(pack, "interventions", row, row.title, _intervention(row))


def _intervention(rule: Intervention) -> str:
    text = code(LEVELS[rule.level])
    return f"{text}, signed off child by child" if rule.needs_child_specific_sign_off else text


def _band(rule: Any) -> str:
    days = [WEEKDAYS[number] for number in rule.weekdays] + (["bank holidays"] if rule.bank_holidays else [])
    return listing(days) if days else "Not used"


def _setting(rule: Any) -> str:
    return answer(rule.value, rule.unit)


def _competency(rule: Competency) -> str:
    if rule.offered:
        return "Offered to staff" + (f" every {amount(rule.months, 'months')}" if rule.months else "")
    return f"Assessed again every {amount(rule.months, 'months')}" if rule.months else "Does not run out"


def _check(rule: WorkerCheck) -> str:
    parts = ["Needed before a worker is placed" if rule.required else "Recorded"]
    if rule.months:
        parts.append(f"repeated within {amount(rule.months, 'months')}")
    if rule.when == "driving":
        parts.append("for those who drive children")
    elif rule.when != "always":
        parts.append("for roles with a register")
    return ", ".join(parts)


def _requirement(rule: ProviderRequirement) -> str:
    parts = [CHOICES[rule.effect]]
    if rule.months:
        parts.append(f"every {amount(rule.months, 'months')}")
    if rule.regulated_only:
        parts.append("on lots with regulated care")
    return ", ".join(parts)


def _duty(rule: Duty) -> str:
    to = listing([f"the {words(party)}" for party in rule.owed_to])
    within = "At once" if rule.unit == "immediately" else f"Within {amount(rule.count, rule.unit)}"
    if rule.unit == "immediately":
        within += f" (within {count(rule.count, 'minute')})"
    again = ", again each time" if rule.repeats else ""
    missed = "".join(
        f"; a missed one {leads} {words(code)}"
        for leads, code in (("counts in", rule.counts_in), ("gives cause for", rule.gives_cause))
        if code
    )
    return f"{within} after {rule.starts}{again}; the {words(rule.owed_by)} owes it to {to}{missed}"


def _kpi(rule: Kpi) -> str:
    target = f"target {rule.target} %" if rule.target is not None else "no target agreed yet"
    return f"{rule.numerator}, of {rule.denominator}; {target}; {rule.better} is better"


def _suspension(rule: SuspensionRule) -> str:
    parts = [CHOICES[rule.effect], "all lots" if rule.lots == "all" else "lots with regulated care"]
    if rule.needs_action_plan:
        parts.append("with an action plan")
    if rule.flags_visits:
        parts.append("every coming visit is flagged")
    return ", ".join(parts)


def _clock_stop(rule: ClockStop) -> str:
    return f"At most {count(rule.most_days, 'day')} in all, once a contract manager accepts it"


def _activity(_: Rule) -> str:
    return "An activity with rates of its own"


def _role(rule: Role) -> str:
    return f"Registered with the {rule.registration}" if rule.registration else "No register"


def _method(rule: Method) -> str:
    return "Can sign a worker off" if rule.signs_off else "Never signs a worker off by itself"


def _retention(rule: Retention) -> str:
    since = "its upload" if rule.counts_from == "upload" else "the worker's last day"
    return f"{'At most ' if rule.at_most else ''}{count(rule.months, 'month')} from {since}"


def _reasons(rule: ReasonList) -> str:
    return "; ".join(reason.title for reason in rule.reasons)


# In a reader's order: (id on the page, heading, the pack's noun, how a rule of it reads).
GROUPS: tuple[tuple[str, str, str, Callable[[Any], str]], ...] = (
    ("rates", "What rates are agreed for", "activities", _activity),
    ("days", "Kinds of day", "bands", _band),
    ("charging", "Prices, charges and billing", "settings", _setting),
    ("roles", "Workers' roles", "roles", _role),
    ("training", "Training", "competencies", _competency),
    ("methods", "How competence is established", "methods", _method),
    ("checks", "Checks of workers", "worker_checks", _check),
    ("provider", "What every provider has and does", "provider_requirements", _requirement),
    ("documents", "Policies and documents kept up to date", "documents", lambda rule: "Kept and reviewed"),
    ("retention", "How long files of evidence are kept", "retention", _retention),
    ("duties", "Duties and their deadlines", "duties", _duty),
    ("clocks", "When a duty’s clock may stand", "clock_stops", _clock_stop),
    ("measures", "Performance measures", "kpis", _kpi),
    ("suspension", "When new referrals stop", "suspensions", _suspension),
    ("records", "The record of a visit", "record_fields", lambda rule: CHOICES[rule.level]),
    ("reasons", "Coded reasons", "reasons", _reasons),
    ("outcomes", "Programmes and outcomes", "programmes", lambda rule: "; ".join((*rule.long_term, *rule.short_term))),
    ("holidays", "Bank holidays added", "holidays", lambda rule: written_day(rule.day)),
)
