"""A meeting's agenda, made from the record since the last one: what both ends can open before they talk (L 7.7).

It is kept with the meeting as it was made, so it holds counts and references only: nothing a provider may not read of
its commissioner, no child's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.contracts.following import open_actions
from marketplace.contracts.steps import Place
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.reminders import farthest_warning
from marketplace.providers.lapses import of_provider, within
from marketplace.providers.queries import OnFramework, one_provider, readiness_totals
from marketplace.web.filters import count, day, listing, pounds

BY_HAND = "by_hand"


class AgendaItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item. `key` says which part of the record it came from; the links lead each end to the same facts."""

    title: str
    text: str = ""
    key: str = BY_HAND
    link: str = ""
    own_link: str = ""


def read(stored: Any) -> list[AgendaItem]:
    """An agenda as the database keeps it."""
    return msgspec.convert(stored, list[AgendaItem])


async def made(work: Work, place: Place) -> list[AgendaItem]:
    """The agenda from the record since the last meeting (before the first: ever), the pack's own items at the end."""
    ids = (place.framework.id, place.provider_id, place.commissioner_id)
    last = await last_meeting(work, *ids)
    since, when = last or datetime(2000, 1, 1, tzinfo=UTC), "since the last meeting" if last else "so far"
    on = local_day(work.now)
    row = await work.fetchrow(_RECORD, *ids, since, work.now)
    assert row is not None
    facts: dict[str, Any] = dict(row)
    here = next(each for each in await one_provider(work, place.provider_id) if each.framework_id == place.framework.id)
    about = f"/providers/{place.provider_id}"
    duties = f"/duties?provider={place.provider_id}"
    items = [
        AgendaItem(
            key="standing", title="Standing", link=about, own_link="/standing",
            text=f"{here.line}. {_held_back(facts['suspended'], facts['restricted'])} {when}.",
        ),
        AgendaItem(
            key="actions", title="Actions from before", link=f"/contracts/{place.framework.id}/{place.provider_id}",
            own_link="/contract", text=await _actions(work, place),
        ),
        AgendaItem(
            key="duties", title="Duties with a clock", link=duties, own_link="/duties",
            text=f"{count(facts['late'], 'duty', 'duties')} missed or done late, {facts['in_time']} done in time."
            + (f" Late most often: {facts['late_titles']}." if facts["late_titles"] else ""),
        ),
        AgendaItem(
            key="packages", title="Packages", link="/packages", own_link="/packages",
            text=f"{facts['running']} running, {facts['begun']} begun and {facts['ended']} ended {when}.",
        ),
        AgendaItem(
            key="visits", title="Visits", link="/packages", own_link="/week",
            text=f"{facts['delivered']} delivered, {facts['called_off']} cancelled by the provider,"
            f" {facts['missed']} missed, {facts['by_family']} cancelled by families.",
        ),
        AgendaItem(
            key="money", title="Deductions and disputes", link="/deductions", own_link="/deductions",
            text=f"{count(facts['deducted'], 'invoice')} with a deduction, {pounds(facts['deducted_pence'])} in all;"
            f" {count(facts['disputes'], 'dispute')} raised, {facts['open_disputes']} open.",
        ),
        AgendaItem(
            key="evidence", title="Evidence and toolkits", link=f"{about}/declarations", own_link="/lapses",
            text=await _evidence(work, place, here),
        ),
        AgendaItem(
            key="information", title="Information asked for", own_link="/contract",
            link=f"/contracts/{place.framework.id}/{place.provider_id}",
            text=f"{facts['asked']} asked, {facts['returned']} returned as poor, {facts['waiting']} not given yet.",
        ),
        AgendaItem(
            key="cqc", title="Care Quality Commission", link=f"/contracts/{place.framework.id}/{place.provider_id}",
            own_link="/contract", text=f"{count(facts['cqc'], 'change')} reported, {facts['cqc_late']} of them late.",
        ),
    ]  # fmt: skip
    fixed = place.pack.on(on).contracts.agenda
    return [*items, *(AgendaItem(key="pack", title=title) for title in fixed)]


async def _actions(work: Work, place: Place) -> str:
    found = await open_actions(work, place.framework.id, place.provider_id, place.commissioner_id)
    if not found:
        return "None is open."
    said = [f"{action.title} (until {day(action.due_on)})" for action in found]
    return f"{count(len(found), 'action')} open: {'; '.join(said)}."


async def _evidence(work: Work, place: Place, here: OnFramework) -> str:
    on = local_day(work.now)
    ahead = farthest_warning(place.pack.on(on))
    lapsing = within(await of_provider(work, [place.pack], place.provider_id, on), ahead, on)
    ready = [
        f"lot {lot} {ready} of {every}"
        for lot, _, ready, every in await readiness_totals(work, place.provider_id, here)
    ]
    toolkits = [
        f"{item.title}: {'declared ' + day(item.declared_on) if item.declared_on else 'not declared'}"
        for item in here.asked
        if item.key in _toolkits(place)
    ]
    parts = [f"Workers ready today: {', '.join(ready)}"] if ready else []
    if here.missing:
        parts.append(f"Still asked: {_listed([item.title for item in here.missing])}")
    if lapsing:
        parts.append(f"Lapsing: {_listed([f'{each.title} ({day(each.until)})' for each in lapsing])}")
    return ". ".join([*parts, *toolkits]) + "." if parts or toolkits else "Nothing is missing, nothing lapses soon."


def _toolkits(place: Place) -> set[str]:
    return {row.key for row in place.pack.content.provider_requirements if row.details == "toolkit"}


def _listed(titles: Sequence[str], most: int = 6) -> str:
    more = f"; and {len(titles) - most} more" if len(titles) > most else ""
    return "; ".join(titles[:most]) + more


def _held_back(suspended: int, restricted: int) -> str:
    found = [
        f"{what} {_times(number)}" for what, number in (("suspended", suspended), ("restricted", restricted)) if number
    ]
    return listing(found).capitalize() if found else "Neither suspended nor restricted"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


async def last_meeting(work: Work, framework_id: UUID, provider_id: UUID, commissioner_id: UUID) -> datetime | None:
    """When the last meeting was held; None before the first."""
    return await work.fetchval(
        "SELECT max(starts_at) FROM contract_occasion WHERE framework_id = $1 AND provider_id = $2"
        " AND commissioner_id = $3 AND kind = 'meeting' AND shared_at IS NOT NULL",
        framework_id, provider_id, commissioner_id,
    )  # fmt: skip


_RECORD = """
WITH mine AS (SELECT * FROM obligation b WHERE b.framework_id = $1 AND b.owed_by_organisation = $2
        AND (b.commissioner_id = $3 OR b.commissioner_id IS NULL) AND b.starts_at <= $5),
    late AS (SELECT title, count(*) AS n FROM mine WHERE missed_at >= $4
        OR (met_at IS NULL AND cancelled_at IS NULL AND due_at <= $5 AND due_at >= $4)
        GROUP BY title ORDER BY 2 DESC, 1)
SELECT (SELECT count(*) FROM suspension WHERE framework_id = $1 AND provider_id = $2 AND follows_id IS NULL
            AND starts_at >= $4 AND (commissioner_id IS NULL OR commissioner_id = $3)) AS suspended,
    (SELECT count(*) FROM restriction WHERE framework_id = $1 AND provider_id = $2 AND starts_at >= $4
        AND (commissioner_id IS NULL OR commissioner_id = $3)) AS restricted,
    (SELECT coalesce(sum(n), 0)::int FROM late) AS late,
    (SELECT string_agg(title, '; ') FROM (SELECT title FROM late LIMIT 3) l) AS late_titles,
    (SELECT count(*) FROM mine WHERE met_at >= $4 AND missed_at IS NULL) AS in_time,
    (SELECT count(*) FROM package WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2
        AND state = 'active') AS running,
    (SELECT count(*) FROM package WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2
        AND awarded_at >= $4 AND undone_at IS NULL) AS begun,
    (SELECT count(*) FROM package WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2
        AND state = 'ended' AND ends_on >= ($4 AT TIME ZONE 'Europe/London')::date) AS ended,
    v.*, i.*, d.*, q.*, c.*
FROM (SELECT count(*) FILTER (WHERE outcome = 'delivered') AS delivered,
        count(*) FILTER (WHERE outcome = 'cancelled_by_provider') AS called_off,
        count(*) FILTER (WHERE outcome = 'missed') AS missed,
        count(*) FILTER (WHERE outcome IN ('cancelled_by_family', 'cancelled_on_arrival')) AS by_family
    FROM visit WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2
        AND planned_start >= $4 AND planned_start < $5) v,
    (SELECT count(*) FILTER (WHERE deduction_pence > 0) AS deducted,
        coalesce(sum(deduction_pence), 0)::bigint AS deducted_pence
    FROM invoice WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2 AND replaced_at IS NULL
        AND submitted_at >= $4) i,
    (SELECT count(*) FILTER (WHERE raised_at >= $4) AS disputes,
        count(*) FILTER (WHERE state IN ('open', 'proposed')) AS open_disputes
    FROM deduction_dispute WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2) d,
    (SELECT count(*) FILTER (WHERE what = 'information_asked') AS asked,
        count(*) FILTER (WHERE what = 'information_returned') AS returned,
        greatest(0, count(*) FILTER (WHERE what IN ('information_asked', 'information_returned'))
            - count(*) FILTER (WHERE what IN ('information_given', 'information_withdrawn'))) AS waiting
    FROM contract_step WHERE commissioner_id = $3 AND framework_id = $1 AND provider_id = $2 AND at >= $4) q,
    (SELECT count(*) AS cqc, (SELECT count(*) FROM mine WHERE rule_key = 'cqc_report' AND missed_at IS NOT NULL
            AND met_at >= $4) AS cqc_late
    FROM cqc_change WHERE provider_id = $2 AND reported_at >= $4) c
"""  # fmt: skip
