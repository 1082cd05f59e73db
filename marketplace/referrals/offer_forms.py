"""An offer being written: what its pages hold between steps, and the proposal read from them.

The steps are plain addresses that carry what was chosen and typed so far, so that going back, reloading and a second
window all work; nothing is kept before the offer is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import offering, patterns
from marketplace.referrals.offering import Proposal
from marketplace.referrals.opportunities import OpportunityView
from marketplace.referrals.queries import OfferView
from marketplace.web.forms import Form
from marketplace.web.svg import DAYS

WHO = ("workers", "backups")
WEEKDAYS = [(str(n), name) for n, name in enumerate(DAYS)]
ROW_FIELDS = ("day", "begin", "end", "activity")
ROW = re.compile(r"(?:day|begin|end|activity)-([0-9]{1,2})")
TERMS = ("filled", "serve", "starts_on-day", "starts_on-month", "starts_on-year", "remark")
FIRST_BOX = "serve-0"
TOLD_AS_WHO = ("workers", "backups")


@dataclass(frozen=True, slots=True)
class Row:
    """A visit on the page of the week: one asked for, with a box to tick, or another one, kept when it has times."""

    number: int
    asked: str  # "Monday 4pm to 6pm", or ""


def asked_slots(view: OpportunityView) -> tuple[WeeklySlot, ...]:
    """The visits of a week the referral asks for."""
    return patterns.slots(view.referral.pattern)  # type: ignore[arg-type] - JSON comes as values


def from_query(request: Request[Any, Any, Any]) -> Form:
    """The form as the address carries it."""
    sent: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        sent.setdefault(name, []).append(str(value))
    return Form(sent)


def carried(form: Form, *, without: str = "") -> list[tuple[str, str]]:
    """Every field of the steps as (name, value); those of one step left out ("who" or "terms")."""
    rows = [f"{field}-{n}" for n in _numbers(form) for field in ROW_FIELDS]
    names = {"who": (*TERMS, *rows, "seen"), "terms": (*WHO, "seen")}.get(without, (*WHO, *TERMS, *rows, "seen"))
    return [(name, value) for name in names for value in form.values(name) if value]


def query(form: Form) -> str:
    """The same for a link, with its question mark."""
    found = urlencode(carried(form))
    return f"?{found}" if found else ""


def starting(view: OpportunityView, offer: OfferView | None = None) -> Form:
    """The first showing: empty for a new offer, what stands for a change."""
    if offer is None:
        return Form()
    form = Form.starting_with(
        workers=[worker["worker_id"] for worker in offer.workers if worker["part"] == "main"],
        backups=[worker["worker_id"] for worker in offer.workers if worker["part"] == "backup"],
        starts_on=offer.starts_on,
        remark=offer.remark,
        seen=offer.version,
        filled="yes",
    )
    _fill_rows(form, view, patterns.slots(offer.pattern))
    return form


def fill_terms(form: Form, view: OpportunityView) -> None:
    """The week and the start as the referral asks for them, where the step is reached for the first time."""
    if form.value("filled"):
        return
    form.set("filled", "yes")
    form.set("starts_on", view.on)
    _fill_rows(form, view, asked_slots(view))


def rows(form: Form, view: OpportunityView) -> list[Row]:
    """The visits to show: those asked for, others that were added, and an empty one to add another."""
    asked = [patterns.words(each) for each in asked_slots(view)]
    extra = [n for n in _numbers(form) if n >= len(asked) and _typed(form, n)]
    spare = max([len(asked) - 1, *extra]) + 1
    added = [Row(n, "") for n in [*extra, *([spare] if len(asked) + len(extra) < patterns.MOST_SLOTS else [])]]
    return [*(Row(n, words) for n, words in enumerate(asked)), *added]


def read_who(form: Form, view: OpportunityView) -> None:
    """Complain where too few workers are chosen, or what was sent is none of the boxes."""
    wanted = view.referral.workers_per_visit
    if len(set(form.values("workers"))) < wanted:
        form.error("workers", "Select who will come" if wanted == 1 else f"Select at least {wanted} workers who come")
    form.uuids("workers", "the workers who come")
    form.uuids("backups", "who stands in")
    if set(form.values("workers")) & set(form.values("backups")):
        form.error("backups", "A worker is either proposed or the back-up, not both")


def read_proposal(form: Form, view: OpportunityView) -> Proposal:
    """Everything the steps hold. Look at `form.errors` before using it."""
    read_who(form, view)
    ticked = set(form.values("serve"))
    slots: list[WeeklySlot] = []
    for row in rows(form, view):
        if (row.asked and str(row.number) in ticked) or (not row.asked and _typed(form, row.number)):
            slots += _slot(form, view, row)
    if not slots and not any(name.startswith(("begin-", "end-", "day-", "activity-")) for name in form.errors):
        form.error("pattern", "Select at least one visit", FIRST_BOX)
    return Proposal(
        workers=tuple(form.uuids("workers", "the workers who come")),
        backups=tuple(form.uuids("backups", "who stands in")),
        starts_on=form.date("starts_on", "the date you can start"),
        pattern=tuple(slots),
        remark=form.text("remark", "your remark", required=False, most=offering.LONGEST_TEXT, lines=True),
    )


def about_who(form: Form) -> bool:
    """Whether the first step is where something must be mended."""
    return any(name in form.errors for name in TOLD_AS_WHO)


def _slot(form: Form, view: OpportunityView, row: Row) -> list[WeeklySlot]:
    n = row.number
    name = f"the {row.asked.split(' ')[0]} visit" if row.asked else "the other visit"
    day = form.choice(f"day-{n}", f"the day of {name}", [value for value, _ in WEEKDAYS])
    begin = form.time(f"begin-{n}", f"the time {name} starts")
    end = form.time(f"end-{n}", f"the time {name} ends")
    activities = view.activities
    if len(activities) == 1:
        form.set(f"activity-{n}", next(iter(activities)))
    activity = form.choice(f"activity-{n}", f"what is done at {name}", activities)
    if any(f"{field}-{n}" in form.errors for field in ROW_FIELDS):
        return []
    return [WeeklySlot(int(day), f"{begin:%H:%M}", f"{end:%H:%M}", activity)]


def _fill_rows(form: Form, view: OpportunityView, offered: tuple[WeeklySlot, ...]) -> None:
    """Each visit asked for is a row; one offered at other times on the same day fills that row; the rest are added."""
    asked, left = asked_slots(view), list(offered)
    found: dict[int, WeeklySlot] = {}
    for same in (lambda a, b: a == b, lambda a, b: (a.weekday, a.activity) == (b.weekday, b.activity)):
        for n, wanted in enumerate(asked):
            match = next((each for each in left if n not in found and same(each, wanted)), None)
            if match is not None:
                left.remove(match)
                found[n] = match
    form.set("serve", [str(n) for n in sorted(found)])
    shown = {n: found.get(n, wanted) for n, wanted in enumerate(asked)}
    shown |= {len(asked) + n: each for n, each in enumerate(left)}
    for n, each in shown.items():
        values = (each.weekday, each.start, each.end, each.activity)
        for field, value in zip(ROW_FIELDS, values, strict=True):
            form.set(f"{field}-{n}", value)


def _typed(form: Form, n: int) -> bool:
    """Whether a row that was not asked for has times."""
    return bool(form.value(f"begin-{n}").strip() or form.value(f"end-{n}").strip())


def _numbers(form: Form) -> list[int]:
    return sorted({int(match[1]) for name in form.typed if (match := ROW.fullmatch(name))})
