"""Disputes about a deduction: until when, who may waive alone, what a waiver pays and what it takes off (L 7.11; D)."""

from collections.abc import Collection
from datetime import datetime

from marketplace.policy.calendar import is_before, local_day
from marketplace.policy.duties import due_at
from marketplace.policy.pack import Pack

DISPUTE = "deduction_dispute"
ANSWER = "dispute_answer"

# Why a deduction may be waived (D): whose fault the defect was, or that there was none.
WAIVER_REASONS = ("no_defect", "family_fault", "commissioner_fault", "system_fault", "goodwill")


def dispute_until(pack: Pack, deducted_at: datetime) -> datetime | None:
    """The first instant at which a dispute is too late; None where the pack sets no time for disputes.

    Raises `CalendarError` past the published bank holidays.
    """
    known = DISPUTE in pack.on(local_day(deducted_at)).duties
    return due_at(pack, DISPUTE, deducted_at) if known else None


def in_time(pack: Pack, deducted_at: datetime, now: datetime) -> bool:
    """Whether a deduction may still be disputed; without a time in the pack it always may."""
    until = dispute_until(pack, deducted_at)
    return until is None or is_before(now, until)


def second_officer_needed(pack: Pack, deducted_at: datetime, pence: int) -> bool:
    """Whether a waiver of so much is confirmed by a second finance officer (four eyes, D)."""
    return pence > pack.on(local_day(deducted_at)).billing.waiver_alone_pence


def split_waiver(deduction_pence: int, carried_pence: int) -> tuple[int, int]:
    """(to be paid, taken off what is carried): what was not yet taken is no longer owed, the rest is paid back.

    `carried_pence` is what the provider still owes of this and earlier deductions.
    """
    off = min(deduction_pence, max(carried_pence, 0))
    return deduction_pence - off, off


def deductible_after(once: bool, deducted_pence: int, forgiven: Collection[str] | None, defect: str) -> bool:
    """Whether an accepted invoice may lose the sum for a fault found later (L 7.11: once per invoice; D).

    `once` is the pack's word, `deducted_pence` what it lost at submission, `forgiven` the kinds of defect that were
    waived since (None: nothing was). What was waived does not stand, so a fault of another kind may be deducted for;
    what was forgiven is not asked for a second time.
    """
    return not once or not deducted_pence or (forgiven is not None and defect not in forgiven)
