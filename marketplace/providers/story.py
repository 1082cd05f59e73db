"""A provider's history on frameworks as a story: one plain sentence for each thing that happened, by whom and why.

Told to a commissioner of its own frameworks and cases, and to the provider of itself, each as far as row-level
security lets them read; what is only proposed is not told to the provider. Folders to the right add what they know
with `@tells`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import my_frameworks
from marketplace.identity.permissions import may
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import last_instant, local_day, midnight
from marketplace.providers.plans import WORDS
from marketplace.web.filters import bracketed, count, day

KINDS = {
    "admission": "Admissions",
    "standing": "Suspensions, pauses and limits",
    "plan": "Plans of action",
    "package": "Packages moved or stopped",
    "money": "Deductions and disputes",
    "contract": "Meetings, visits and information",
}
# Said by the rows of the suspension itself.
_TOLD_BY_SUSPENSION = ("imposed", "lifted", "lifted_partly", "ended")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened: `says` is its sentence, `why` in the words of who did it, `link` where more stands."""

    at: datetime
    kind: str
    says: str
    by: str = ""
    why: str = ""
    framework_id: UUID | None = None
    link: str = ""

    @property
    def sentence(self) -> str:
        """The whole of it in one line, as a file has it."""
        by = f" By {self.by}." if self.by else ""
        return f"{self.says}{by}{f' {self.why}' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class Month:
    """What happened in one month, the newest first."""

    first: datetime
    told: list[Told] = field(default_factory=list)


Teller = Callable[[Work, UUID], Awaitable[list[Told]]]
_tellers: list[Teller] = []


def tells(teller: Teller) -> Teller:
    """Register what another folder knows of a provider's history: every entry it may tell the actor, in any order."""
    _tellers.append(teller)
    return teller


async def story(
    work: Work, provider_id: UUID, *, kind: str = "", framework_id: UUID | None = None, until: datetime | None = None
) -> list[Told]:
    """What happened, the newest first, up to a moment (default: now); of one kind or framework where asked.

    Raises `NotFound` for a provider on none of the actor's frameworks.
    """
    names = {each.id: each.name for each in await my_frameworks(work)}
    rows = await work.fetch(
        "SELECT framework_id FROM admission WHERE provider_id = $1 UNION SELECT framework_id FROM application"
        " WHERE provider_id = $1",
        provider_id,
    )
    if not {row["framework_id"] for row in rows} & names.keys():
        raise NotFound("There is no such provider on your frameworks.")
    told = [
        *await _own(work, provider_id, names),
        *[each for teller in _tellers for each in await teller(work, provider_id)],
    ]
    last = min(until or work.now, work.now)
    asked = [
        each
        for each in told
        if each.at <= last
        and (not kind or each.kind == kind)
        and (framework_id is None or each.framework_id == framework_id)
    ]
    return _newest_first(asked)


async def latest(work: Work, provider_id: UUID, most: int = 10) -> list[Told]:
    """The newest of the story that bears on the standing itself: admissions, suspensions, plans; empty for a stranger.

    What a page of the standing shows above the link to the whole of it.
    """
    names = {each.id: each.name for each in await my_frameworks(work)}
    told = [each for each in await _own(work, provider_id, names) if each.at <= work.now]
    return _newest_first(told)[:most]


async def _own(work: Work, provider_id: UUID, names: dict[UUID, str]) -> list[Told]:
    """What this folder itself knows of it."""
    return [
        *await _admissions(work, provider_id, names),
        *await _causes(work, provider_id, names),
        *await _suspensions(work, provider_id, names),
        *await _steps(work, provider_id),
        *await _limits(work, provider_id, names),
    ]


def _newest_first(told: list[Told]) -> list[Told]:
    # of one moment in the order it was told above: what gave cause, the suspension, what was said about it
    return sorted(told, key=lambda each: each.at)[::-1]


def by_month(told: list[Told]) -> list[Month]:
    """The story in chapters, the newest month first."""
    months: list[Month] = []
    for each in told:
        first = midnight(local_day(each.at).replace(day=1))
        if not months or months[-1].first != first:
            months.append(Month(first))
        months[-1].told.append(each)
    return months


def _of(names: dict[UUID, str], row: Any) -> str:
    name = names.get(row["framework_id"], "a framework")
    return f"lot {row['lot_code']} of {name}" if row["lot_code"] else name


async def _admissions(work: Work, provider_id: UUID, names: dict[UUID, str]) -> list[Told]:
    told: list[Told] = []
    for row in await work.fetch(
        "SELECT a.*, d.name AS decider FROM application a LEFT JOIN person d ON d.id = a.decided_by"
        " WHERE a.provider_id = $1 ORDER BY a.submitted_at, a.lot_code, a.id",
        provider_id,
    ):
        says = f"It applied to {_of(names, row)}."
        told.append(Told(row["submitted_at"], "admission", says, "", "", row["framework_id"]))
        if row["state"] == "refused":
            says = f"Its application to {_of(names, row)} was refused."
            told.append(
                Told(row["decided_at"], "admission", says, row["decider"] or "", row["decision_reason"] or "",
                     row["framework_id"])
            )  # fmt: skip
    for row in await work.fetch(
        "SELECT a.*, p.decided_at, d.name AS decider FROM admission a LEFT JOIN application p"
        " ON p.framework_id = a.framework_id AND p.id = a.application_id LEFT JOIN person d ON d.id = p.decided_by"
        " WHERE a.provider_id = $1 ORDER BY a.lot_code, a.id",
        provider_id,
    ):
        where = _of(names, row)
        since = midnight(row["starts_on"])
        says, decided = f"It was admitted to {where}.", row["decided_at"] or since
        told.append(
            Told(max(since, decided), "admission", says, row["decider"] or "", "", row["framework_id"])
        )  # fmt: skip
        if row["ends_on"] is not None:
            says = f"Its admission to {where} ended with this day."
            told.append(
                Told(last_instant(row["ends_on"]), "admission", says, "", row["ended_reason"] or "",
                     row["framework_id"])
            )  # fmt: skip
    return told


async def _suspensions(work: Work, provider_id: UUID, names: dict[UUID, str]) -> list[Told]:
    rows = await work.fetch(
        "SELECT * FROM suspension WHERE provider_id = $1 ORDER BY starts_at, follows_id NULLS FIRST, lot_code, id",
        provider_id,
    )
    goes_on = {(row["follows_id"], row["starts_at"]) for row in rows if row["follows_id"] is not None}
    told: list[Told] = []
    for row in rows:
        where, link = _of(names, row), _suspension_link(work, row["follows_id"] or row["id"])
        until = f" until {day(row['until_on'])}" if row["until_on"] else ""
        clause = bracketed(row["clause"] or "")
        says = f"It was suspended from new referrals of {where}{until}{clause}."
        if row["follows_id"] is not None:
            says = f"The suspension went on for {where}{until}."
        why = "" if row["follows_id"] is not None else row["reason"]
        told.append(
            Told(row["starts_at"], "standing", says, row["imposed_by_name"], why, row["framework_id"], link)
        )  # fmt: skip
        if row["lifted_at"] is not None:
            some = " for some lots" if (row["id"], row["lifted_at"]) in goes_on else ""
            says = f"Its suspension from {where} was lifted{some}."
            told.append(
                Told(row["lifted_at"], "standing", says, row["lifted_by_name"] or "", row["lift_reason"] or "",
                     row["framework_id"], link)
            )  # fmt: skip
        elif _is_over(work, row):
            says = f"Its suspension from {where} ended by its date."
            told.append(Told(last_instant(row["until_on"]), "standing", says, "", "", row["framework_id"], link))
    return told


DECIDED = {
    "suspended": "A contract manager decided to suspend",
    "not_suspended": "A contract manager decided not to suspend",
    "dropped": "Nothing is left to decide",
}


async def _causes(work: Work, provider_id: UUID, names: dict[UUID, str]) -> list[Told]:
    own, decides = work.actor.provider_id is not None, may(work.actor, "provider.suspend")
    told: list[Told] = []
    for row in await work.fetch(
        "SELECT c.*, o.name AS partner FROM suspension_cause c LEFT JOIN organisation o ON o.id = c.commissioner_id"
        " WHERE c.provider_id = $1 ORDER BY c.raised_at, c.id",
        provider_id,
    ):
        # what is only proposed, and what was waved off, is between the commissioners' people
        if own and row["decision"] != "suspended":
            continue
        where, framework_id = _of(names, row), row["framework_id"]
        automatic = row["effect"] == "automatic"
        what = "A rule found cause to suspend it" if automatic else "A suspension was proposed"
        link = f"/providers/{provider_id}/causes/{row['id']}" if decides else ""
        told.append(
            Told(row["raised_at"], "standing", f"{what} on {where}{bracketed(row['clause'])}.", row["raised_by_name"],
                 row["facts"], framework_id, link)
        )  # fmt: skip
        if row["decision"] is not None and not automatic:
            says = f"{DECIDED[row['decision']]} on that ground{bracketed(row['clause'])}."
            told.append(
                Told(row["decided_at"], "standing", says, row["decided_by_name"] or "",
                     row["decision_reason"] or "", framework_id, link)
            )  # fmt: skip
    return told


async def _steps(work: Work, provider_id: UUID) -> list[Told]:
    told: list[Told] = []
    for row in await work.fetch(
        "SELECT t.*, a.title FROM suspension_step t LEFT JOIN plan_action a ON a.framework_id = t.framework_id"
        " AND a.id = t.action_id WHERE t.provider_id = $1 AND t.what <> ALL ($2) ORDER BY t.in_order",
        provider_id, list(_TOLD_BY_SUSPENSION),
    ):  # fmt: skip
        says = WORDS[row["what"]]
        if row["title"]:
            says += f": {row['title']}"
        if row["new_due_on"] is not None:
            says += f", until {day(row['new_due_on'])}"
        if row["owner_name"]:
            says += f" ({row['owner_name']})"
        told.append(
            Told(row["at"], "plan", f"{says.rstrip('.')}.", row["by_name"], row["says"], row["framework_id"],
                 _suspension_link(work, row["suspension_id"]))
        )  # fmt: skip
    return told


async def _limits(work: Work, provider_id: UUID, names: dict[UUID, str]) -> list[Told]:
    told: list[Told] = []
    for row in await work.fetch("SELECT * FROM restriction WHERE provider_id = $1 ORDER BY starts_at, id", provider_id):
        where, framework_id = _of(names, row), row["framework_id"]
        says = f"It was restricted to {count(row['new_packages'], 'new package')} on {where}."
        told.append(Told(row["starts_at"], "standing", says, row["imposed_by_name"], row["reason"], framework_id))
        if row["ended_at"] is not None:
            says = f"The restriction on {where} ended."
            told.append(
                Told(row["ended_at"], "standing", says, row["ended_by_name"] or "", row["end_reason"] or "",
                     framework_id)
            )  # fmt: skip
        elif _is_over(work, row):
            says = f"The restriction on {where} ended by its date."
            told.append(Told(last_instant(row["until_on"]), "standing", says, "", "", framework_id))
    for row in await work.fetch("SELECT * FROM pause WHERE provider_id = $1 ORDER BY starts_at, id", provider_id):
        where, framework_id = _of(names, row), row["framework_id"]
        until = f" until {day(row['until_on'])}" if row["until_on"] else ""
        says = f"It paused new referrals of {where} by its own wish{until}."
        told.append(Told(row["starts_at"], "standing", says, "", row["reason"], framework_id))
        if row["ended_at"] is not None:
            says = f"It took new referrals of {where} again."
            told.append(Told(row["ended_at"], "standing", says, "", "", framework_id))
        elif _is_over(work, row):
            says = f"Its pause of new referrals of {where} ended by its date."
            told.append(Told(last_instant(row["until_on"]), "standing", says, "", "", framework_id))
    return told


def _is_over(work: Work, row: Any) -> bool:
    """Whether a hold to a date has ended by itself: with the last instant of that day."""
    return row["until_on"] is not None and last_instant(row["until_on"]) < work.now


def _suspension_link(work: Work, root_id: UUID) -> str:
    """The suspension's page, at the door of whoever reads (a referrer at the marketplace has none)."""
    if work.actor.provider_id is not None:
        return f"/standing/suspensions/{root_id}"
    return f"/suspensions/{root_id}" if work.actor.role != "referrer" else ""
