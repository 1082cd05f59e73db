"""Scoring an application: points by criterion, given alone first and agreed together after that."""

from collections.abc import Mapping, Sequence

import msgspec

from marketplace.policy.settings import Evaluation


class Scored(msgspec.Struct, frozen=True):
    """Points by criterion, in the pack's order; `total` of at most `of`."""

    points: dict[str, int]
    total: int
    of: int


def faults_of(rule: Evaluation, points: Mapping[str, int]) -> dict[str, str]:
    """What is wrong with points, by criterion: each criterion is given 0 to the pack's most, and no other is."""
    wrong: dict[str, str] = {}
    for criterion in rule.criteria:
        given = points.get(criterion)
        if given is None or not 0 <= given <= rule.most_points:
            wrong[criterion] = f"Give 0 to {rule.most_points} points for: {criterion}"
    for criterion in points:
        if criterion not in rule.criteria:
            wrong[criterion] = "This is no criterion of the framework"
    return wrong


def scored(rule: Evaluation, points: Mapping[str, int]) -> Scored:
    """Points with their total; criteria the rule does not have (any more) stay as they were given."""
    order: Sequence[str] = [*rule.criteria, *(each for each in points if each not in rule.criteria)]
    kept = {criterion: points[criterion] for criterion in order if criterion in points}
    return Scored(kept, sum(kept.values()), len(kept) * rule.most_points)


def may_be_agreed(rule: Evaluation, scorers: int) -> bool:
    """Whether enough people have scored alone for the scores to be talked over."""
    return scorers >= rule.scorers


def may_be_admitted(rule: Evaluation, agreed: bool) -> bool:
    """Whether an application may be admitted with its scores as they are: agreed together, or not (yet)."""
    return agreed or not rule.agreed_before_admission
