"""What a cause of the pack's `suspensions` leads to, and when a plan of action has been followed (domain 6, P 13.6).

Facts come from records or from people; the rules say whether they suspend by themselves or are put to a contract
manager, for which lots, and whether a plan of action goes with it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from marketplace.policy.pack import Pack
from marketplace.policy.rules import SuspensionRule

NOT_FOLLOWED = "plan_not_followed"
RESPONSE, SIGN_OFF, REVIEW = "plan_response", "plan_sign_off", "suspension_review"  # the duties with a clock

ActionState = Literal["open", "done", "signed_off", "withdrawn"]


class ActionFacts(msgspec.Struct, frozen=True):
    """One action of a plan: its last good day, and what became of it."""

    id: str
    due_on: date
    state: ActionState


class PlanFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A suspension's plan: whether the provider has answered at all, until when it had to, and its actions."""

    suspension: str
    answered: bool
    answer_missed: bool
    actions: tuple[ActionFacts, ...] = ()


def ground(pack: Pack, on: date, rule_key: str) -> SuspensionRule | None:
    """The pack's rule of that key as it stands on a day; None where the pack has none."""
    return next((rule for rule in pack.on(on).content.suspensions if rule.key == rule_key), None)


def gives_cause(pack: Pack, on: date, requirement: str, admitted: Sequence[str]) -> tuple[SuspensionRule, ...]:
    """The grounds on which rejecting what a provider declared of `requirement` tells against it, by those it is
    admitted to; none where it is on no lot."""
    if not admitted:
        return ()
    return tuple(rule for rule in pack.on(on).content.suspensions if rule.requirement == requirement)


def suspends_by_itself(rule: SuspensionRule) -> bool:
    """Whether the rule imposes; otherwise it may, and a contract manager decides."""
    return rule.effect == "automatic"


def lots_of(
    pack: Pack, on: date, rule: SuspensionRule, asked: str | None, admitted: Sequence[str]
) -> tuple[str | None, ...]:
    """The lots a cause is about: the one asked for, all (None), or of a rule about regulated care each such lot."""
    if asked is not None:
        return (asked,)
    if rule.lots == "all":
        return (None,)
    return tuple(lot for lot in admitted if pack.on(on).lot(lot).regulated)


def not_engaged(plan: PlanFacts, today: date) -> tuple[tuple[str, str], ...]:
    """Each way in which a plan is not followed, as (cause, action's id or ""): the same cause is the same for ever.

    An answer that did not come in time; an action neither done, signed off nor withdrawn by the end of its last day.
    An action moved to a later day is another cause when that day passes too.
    """
    found = [(f"no answer to {plan.suspension}", "")] if plan.answer_missed and not plan.answered else []
    found += [
        (f"action {each.id} not done by {each.due_on.isoformat()}", each.id)
        for each in plan.actions
        if each.state == "open" and each.due_on < today
    ]
    return tuple(found)


def still_to_do(actions: Sequence[ActionFacts]) -> int:
    """How many actions stand against lifting: all but those signed off or withdrawn (domain 6, D)."""
    return sum(each.state not in ("signed_off", "withdrawn") for each in actions)


def room(allowed: int, given: int) -> int:
    """How many new packages a restricted provider may still be given; never below zero."""
    return max(0, allowed - given)
