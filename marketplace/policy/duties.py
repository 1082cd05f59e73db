"""Duties with a clock: when each falls due, and how it stands at a moment (domain 6)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from marketplace.policy.calendar import add_months, after, end_of_day, is_before, local_day
from marketplace.policy.pack import Pack
from marketplace.policy.rules import Duty

ObligationState = Literal["open", "met", "met_late", "missed"]


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a missed duty leads to, as a sentence, and the clause that says so."""

    sentence: str
    clause: str


def due_at(pack: Pack, duty: str, event_at: datetime) -> datetime:
    """The first instant at which a duty that began at `event_at` is late, on London's clock.

    Hours are elapsed hours. Days, months and working days end with their last local day; working days are counted from
    the next day. Raises `UnknownCode`, or `CalendarError` where bank holidays are not published yet.
    """
    rule = pack.on(local_day(event_at)).duty(duty)
    if rule.unit == "elapsed_hours":
        return after(event_at, timedelta(hours=rule.count))
    if rule.unit == "immediately":
        return after(event_at, timedelta(minutes=rule.count))
    return end_of_day(last_day(pack, rule, local_day(event_at)))


def last_day(pack: Pack, rule: Duty, event_day: date) -> date:
    """The last local day on which a duty counted in days, months or working days is in time."""
    if rule.unit == "months":
        return add_months(event_day, rule.count)
    if rule.unit == "working_days":
        return pack.on(event_day).holidays.add_working_days(event_day, rule.count)
    return event_day + timedelta(days=rule.count)


def obligation_state(due: datetime, met_at: datetime | None, now: datetime) -> ObligationState:
    """How an obligation stands at `now`: open, met in time, met late, or missed so far. What is due at an instant is
    late at that instant. A `met_at` after `now` has not happened yet."""
    if met_at is not None and not is_before(now, met_at):
        return "met" if is_before(met_at, due) else "met_late"
    return "open" if is_before(now, due) else "missed"


def consequences(pack: Pack, duty: str, event_at: datetime) -> tuple[Consequence, ...]:
    """What missing a duty that began at `event_at` leads to by the pack: the measure it counts against, the suspension
    it gives cause for. Empty where the pack attaches nothing, and for what is no duty of the pack."""
    rules = pack.on(local_day(event_at))
    rule = rules.duties.get(duty)
    if rule is None:
        return ()
    found: list[Consequence] = []
    kpi = rules.kpis.get(rule.counts_in or "")
    if kpi is not None:
        target = "" if kpi.target is None else f" (target {kpi.target}%)"
        found.append(Consequence(f"It counts against the measure “{kpi.title}”{target}.", kpi.clause))
    for cause in rules.content.suspensions:
        if cause.key == rule.gives_cause:
            how = "It suspends by itself" if cause.effect == "automatic" else "A suspension is proposed"
            found.append(Consequence(f"{how}: {cause.title[0].lower()}{cause.title[1:]}.", cause.clause))
    return tuple(found)
