"""Contract management by the pack: when a meeting or visit is due, how long an answer may take, what an hour costs.

A pack that asks for no meetings, visits or charges leaves them to the commissioner: nothing is due, nothing is charged.
"""

from datetime import date, datetime, timedelta

from marketplace.policy.calendar import end_of_day, local_day, midnight
from marketplace.policy.disputes import ANSWER, dispute_until
from marketplace.policy.duties import last_day
from marketplace.policy.pack import Pack

MEETING, VISIT = "contract_meeting", "monitoring_visit"  # duties that repeat, from the admission or the last one
INFORMATION, CQC = "information_request", "cqc_report"  # duties with a clock of their own
OBJECTION = ANSWER  # an objection to a charge is answered as a disputed deduction is (D, after L 7.11)
REPEATING = {"meeting": MEETING, "monitoring_visit": VISIT}


def due_on(pack: Pack, kind: str, last: date) -> date | None:
    """The last day of the next meeting or monitoring visit after `last` (the admission's day, or the last one's).

    None where the pack asks for none (L 7.7, 7.8; P 13.4, 13.5).
    """
    rule = pack.on(last).duties.get(REPEATING.get(kind, ""))
    return last_day(pack, rule, last) if rule is not None else None


def ask_from(pack: Pack, due: date) -> datetime:
    """From when on a contract manager is asked to plan what is due on a day."""
    return midnight(due - timedelta(days=pack.on(due).contracts.notice_days))


def answer_until(pack: Pack, asked_at: datetime) -> datetime:
    """The first instant at which an answer to minutes or findings is late."""
    day = local_day(asked_at)
    return end_of_day(day + timedelta(days=pack.on(day).contracts.answer_days))


def information_due(pack: Pack, asked_at: datetime) -> date | None:
    """The last day for information where the request sets no other (L appendix 2); None where the pack has none."""
    day = local_day(asked_at)
    rule = pack.on(day).duties.get(INFORMATION)
    return last_day(pack, rule, day) if rule is not None else None


def may_charge(pack: Pack, on: date) -> bool:
    """Whether time spent on poor information is charged at all (L 7.10), and at a rate that is agreed."""
    rules = pack.on(on)
    return rules.pathway.information_charge and rules.contracts.hour_pence > 0


def charge_pence(pack: Pack, on: date, minutes: int) -> int:
    """What so many minutes cost, rounded half up to a penny; nothing where the pack does not charge."""
    if not may_charge(pack, on):
        return 0
    return (pack.on(on).contracts.hour_pence * minutes + 30) // 60


def object_until(pack: Pack, charged_at: datetime) -> datetime:
    """The first instant at which an objection to a charge is too late; a charge is booked from then on.

    Without a time for disputes in the pack it is that for an answer. Raises `CalendarError` past the known holidays.
    """
    return dispute_until(pack, charged_at) or answer_until(pack, charged_at)
