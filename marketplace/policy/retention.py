"""How long a file of evidence is kept: each kind has its period in the packs."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import get_args

from marketplace.policy.calendar import add_months
from marketplace.policy.pack import Pack
from marketplace.policy.rules import ProviderFile, Retention, WorkerFile

WORKER_FILES: tuple[str, ...] = get_args(WorkerFile)
LISTED_AHEAD = timedelta(days=28)  # how long before it goes a file is listed
PROVIDER_FILES: tuple[str, ...] = get_args(ProviderFile)


def retention_of(packs: Iterable[Pack], kind: str, on: date) -> Retention | None:
    """The rule for a kind of file that holds among several packs on a day; None where none of them has one.

    Of periods that are limits (`at_most`) the shortest holds, before any other; of the rest the longest.
    """
    found = [rule for pack in packs for rule in pack.on(on).content.retention if rule.key == kind]
    limits = [rule for rule in found if rule.at_most]
    if limits:
        return min(limits, key=lambda rule: rule.months)
    return max(found, key=lambda rule: rule.months, default=None)


def keep_until(packs: Iterable[Pack], kind: str, uploaded_on: date, left_on: date | None) -> date | None:
    """The last day a file of a kind is kept; None while that is not known (the worker has not left, or no pack says).

    A worker who left before the file came counts from the upload.
    """
    rule = retention_of(packs, kind, uploaded_on)
    if rule is None:
        return None
    if rule.counts_from == "upload":
        return add_months(uploaded_on, rule.months)
    return add_months(max(left_on, uploaded_on), rule.months) if left_on is not None else None


def listed_first(rule: Retention, until: date, listed_on: date) -> date:
    """The last day a file is kept that was listed as to be deleted on a day.

    A period that got shorter, or a last day put wrong, deletes nothing unseen: a file stays its weeks on the list. Not
    so where the period is a limit (`at_most`): that is law, whoever has looked.
    """
    return until if rule.at_most else max(until, listed_on + LISTED_AHEAD - timedelta(days=1))
