"""What is done again and again: what a provider declares anew, when a care plan is reviewed next (domain 2, 3, 4.5).

The duty says how often; the clock runs from the last time, or from what the duty began with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from marketplace.policy.calendar import end_of_day, local_day, midnight
from marketplace.policy.duties import last_day
from marketplace.policy.pack import Pack
from marketplace.policy.reminders import farthest_warning

POLICY_REVIEW = "policy_review"  # one duty for all the papers a pack asks for
PLAN_REVIEW = "plan_review"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a duty that repeats: from the day it began, late from `due_at` on."""

    rule_key: str
    title: str
    began_on: date
    due_at: datetime


def turn(pack: Pack, rule_key: str, began_on: date, on: date) -> Turn | None:
    """The turn of a duty that began on a day, by the rule of the day `on`; None where the pack has no such duty."""
    rule = pack.on(on).duties.get(rule_key)
    if rule is None:
        return None
    return Turn(rule_key, rule.title, began_on, end_of_day(last_day(pack, rule, began_on)))


def asked_from(pack: Pack, due_at: datetime) -> datetime:
    """From when on what repeats is asked for: the pack's first warning of what lapses."""
    last = local_day(due_at - timedelta(microseconds=1))
    return midnight(last - timedelta(days=farthest_warning(pack.on(last))))


def to_declare_again(pack: Pack, on: date, admitted_on: date, declared: Mapping[str, date]) -> tuple[Turn, ...]:
    """The turns of everything an admitted provider declares again (L 10.2, P 10.1, 13.8); `declared` maps keys to days.

    A turn begins with the last time, or with the admission where there was none, or one that had run out by then. The
    papers have one turn together: that of the one looked at longest ago.
    """
    rules = pack.on(on)
    requirements = [rule.key for rule in rules.content.provider_requirements if rule.effect == "asked"]
    found: list[Turn] = []
    for rule_key in rules.duties:
        keys = [rule.key for rule in rules.content.documents] if rule_key == POLICY_REVIEW else [rule_key]
        if rule_key != POLICY_REVIEW and rule_key not in requirements:
            continue
        turns = [_running(pack, rule_key, on, admitted_on, declared.get(key)) for key in keys]
        found += sorted((each for each in turns if each is not None), key=lambda each: each.began_on)[:1]
    return tuple(found)


def _running(pack: Pack, rule_key: str, on: date, admitted_on: date, declared_on: date | None) -> Turn | None:
    if declared_on is not None:
        again = turn(pack, rule_key, declared_on, on)
        if again is None or again.due_at > midnight(admitted_on):
            return again
    return turn(pack, rule_key, admitted_on, on)
