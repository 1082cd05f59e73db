"""What there is to read of contracts: each with what is due and open, its occasions and requests, and its story."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.contracts.agenda import read
from marketplace.contracts.charges import charge_of, poor_or_late
from marketplace.contracts.dates import due_days
from marketplace.contracts.finding_files import files_of
from marketplace.contracts.following import Action, actions_of
from marketplace.contracts.requests import last_day_of, state_of
from marketplace.contracts.steps import place_of_row
from marketplace.contracts.views import Change, Contract, Finding, Line, Occasion, Request, Step, StepFile
from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy import contracts as rules
from marketplace.policy.calendar import local_day

MOST = 500


async def contracts(work: Work, *, provider_id: UUID | None = None) -> list[Line]:
    """Every contract within reach: a commissioner's own with each provider admitted (or once met), a provider's with
    each commissioner that leads a framework it is on, or has planned or asked something of it."""
    own = work.actor.commissioner_id
    lines: list[Line] = []
    for view in await my_frameworks(work):
        if own is not None and view.member(own) is None:
            continue
        asked = await _counts(work, view.id)
        names = {member.commissioner_id: member.name for member in view.members}
        pack = await pack_of(work, view.id)
        for commissioner_id in [own] if own is not None else names:
            if commissioner_id is None:
                continue
            meetings = await due_days(work, view.id, commissioner_id, "meeting")
            visits = await due_days(work, view.id, commissioner_id, "monitoring_visit")
            leads = view.led_by(commissioner_id)
            met = {provider for place, provider in asked if place == commissioner_id}
            if work.actor.provider_id is not None:
                wanted = {work.actor.provider_id} & (set(meetings) | met if leads else met)
            else:
                wanted = set(meetings) | met
            if provider_id is not None:
                wanted &= {provider_id}
            for provider in wanted:
                count = asked.get((commissioner_id, provider), {})
                lines.append(
                    Line(
                        view.id, view.name, commissioner_id, names.get(commissioner_id, ""), provider, "",
                        count.get("last_meeting"), _due(pack, "meeting", meetings.get(provider), leads),
                        _due(pack, "monitoring_visit", visits.get(provider), leads), count.get("planned"),
                        count.get("open_actions", 0), count.get("late_actions", 0), count.get("open_requests", 0),
                    )
                )  # fmt: skip
    rows = await work.fetch(
        "SELECT id, name FROM organisation WHERE id = ANY ($1)", list({line.provider_id for line in lines})
    )
    provider_names = {row["id"]: row["name"] for row in rows}
    named = [replace(line, provider=provider_names.get(line.provider_id, "")) for line in lines]
    return sorted(named, key=lambda line: (line.provider, line.framework, line.commissioner))


def _due(pack: Any, kind: str, found: tuple[date, date | None] | None, leads: bool) -> date | None:
    """The day by the pack is the lead's to keep; a day set by hand is its commissioner's."""
    if found is None:
        return None
    last, chosen = found
    return chosen or (rules.due_on(pack, kind, last) if leads else None)


async def _counts(work: Work, framework_id: UUID) -> dict[tuple[UUID, UUID], dict[str, Any]]:
    found: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    today = local_day(work.now)
    rows = await work.fetch(
        """SELECT commissioner_id, provider_id,
                  max((starts_at AT TIME ZONE 'Europe/London')::date) FILTER (WHERE kind = 'meeting' AND shared_at IS NOT NULL) AS last_meeting,
                  min(starts_at) FILTER (WHERE shared_at IS NULL AND called_off_at IS NULL AND starts_at >= $2) AS planned
           FROM contract_occasion WHERE framework_id = $1 GROUP BY 1, 2""",  # noqa: E501 - SQL is laid out as SQL
        framework_id, work.now,
    )  # fmt: skip
    for row in rows:
        found[row["commissioner_id"], row["provider_id"]] = {**dict(row), "open_actions": 0, "late_actions": 0}
    rows = await work.fetch(
        """SELECT r.commissioner_id, r.provider_id, count(*) FILTER (WHERE s.what IN ('information_asked', 'information_returned')) AS n
           FROM information_request r CROSS JOIN LATERAL (SELECT t.what FROM contract_step t
               WHERE t.commissioner_id = r.commissioner_id AND t.request_id = r.id AND t.what IN ('information_asked',
                   'information_given', 'information_returned', 'information_accepted', 'information_withdrawn')
               ORDER BY t.in_order DESC LIMIT 1) s
           WHERE r.framework_id = $1 GROUP BY 1, 2""",  # noqa: E501 - as above
        framework_id,
    )
    for row in rows:
        found.setdefault((row["commissioner_id"], row["provider_id"]), {})["open_requests"] = row["n"]
    rows = await work.fetch(
        """SELECT commissioner_id, provider_id, count(*) AS n, count(*) FILTER (WHERE due_on < $2) AS late
           FROM (SELECT a.commissioner_id, a.provider_id, l.what, coalesce(m.new_due_on, a.due_on) AS due_on
                 FROM contract_action a
                 LEFT JOIN LATERAL (SELECT t.what FROM contract_step t WHERE t.commissioner_id = a.commissioner_id
                     AND t.action_id = a.id AND t.what IN ('action_done', 'action_returned', 'action_accepted',
                         'action_withdrawn') ORDER BY t.in_order DESC LIMIT 1) l ON true
                 LEFT JOIN LATERAL (SELECT t.new_due_on FROM contract_step t WHERE t.commissioner_id = a.commissioner_id
                     AND t.action_id = a.id AND t.new_due_on IS NOT NULL ORDER BY t.in_order DESC LIMIT 1) m ON true
                 WHERE a.framework_id = $1) x
           WHERE what IS NULL OR what = 'action_returned' GROUP BY 1, 2""",
        framework_id, today,
    )  # fmt: skip
    for row in rows:
        kept = found.setdefault((row["commissioner_id"], row["provider_id"]), {})
        kept |= {"open_actions": row["n"], "late_actions": row["late"]}
    return found


async def contract(work: Work, framework_id: UUID, provider_id: UUID, commissioner_id: UUID | None = None) -> Contract:
    """One contract: a commissioner's own with a provider, or a provider's own with one. Raises `NotFound`."""
    holder = work.actor.commissioner_id or commissioner_id
    if work.actor.provider_id is not None and work.actor.provider_id != provider_id:
        raise NotFound
    found = [
        line
        for line in await contracts(work, provider_id=provider_id)
        if (line.framework_id, line.commissioner_id) == (framework_id, holder)
    ]
    if not found:
        raise NotFound("There is no such contract, or it is not yours to see.")
    line = found[0]
    ids = (framework_id, provider_id, line.commissioner_id)
    occasions = await work.fetch(
        f"{_OCCASIONS} WHERE o.framework_id = $1 AND o.provider_id = $2 AND o.commissioner_id = $3"
        " ORDER BY o.starts_at DESC, o.id LIMIT 200",
        *ids,
    )  # fmt: skip
    requests = await work.fetch(
        f"{_REQUESTS} WHERE r.framework_id = $1 AND r.provider_id = $2 AND r.commissioner_id = $3"
        " ORDER BY r.in_order DESC LIMIT 200",
        *ids,
    )  # fmt: skip
    chosen = await work.fetch(
        "SELECT * FROM contract_next WHERE framework_id = $1 AND provider_id = $2 AND commissioner_id = $3"
        " ORDER BY in_order DESC LIMIT 20",
        *ids,
    )  # fmt: skip
    row = await work.fetchrow(
        "SELECT $1::uuid AS framework_id, $2::uuid AS provider_id, $3::uuid AS commissioner_id", *ids
    )
    assert row is not None
    return Contract(
        line, await place_of_row(work, row), tuple(_occasion(each) for each in occasions),
        tuple(await actions_of(work, place=ids)), tuple([await _request(work, each) for each in requests]),
        tuple(await changes(work, provider_id)), tuple(chosen), local_day(work.now),
    )  # fmt: skip


# --- occasions --------------------------------------------------------------------------------------------------------

_OCCASIONS = """SELECT o.*, f.name AS framework, c.name AS commissioner, p.name AS provider FROM contract_occasion o
    JOIN framework f ON f.id = o.framework_id JOIN organisation c ON c.id = o.commissioner_id
    JOIN organisation p ON p.id = o.provider_id"""


def _occasion(row: asyncpg.Record, **more: Any) -> Occasion:
    state = "called_off" if row["called_off_at"] is not None else "held" if row["shared_at"] is not None else "planned"
    return Occasion(
        row["id"], row["framework_id"], row["framework"], row["commissioner_id"], row["commissioner"],
        row["provider_id"], row["provider"], row["kind"], row["announced"], row["starts_at"], row["place"],
        row["about"], state, tuple(read(row["agenda"])), row["attended_by"] or "", row["provider_there"],
        row["minutes"] or "", row["shared_at"], row["called_off_reason"] or "", row["changes"], row["changed_at"],
        row["planned_at"], row["planned_by_name"], **more,
    )  # fmt: skip


async def occasion(work: Work, occasion_id: UUID) -> Occasion:
    """A meeting or visit with its findings, actions and story. Raises `NotFound` for what is not ours to see."""
    row = await work.fetchrow(f"{_OCCASIONS} WHERE o.id = $1", occasion_id)
    if row is None:
        raise NotFound("There is no such meeting or visit, or it is not yours to see.")
    steps = await _steps(work, occasion_id=occasion_id)
    answers: defaultdict[UUID | None, list[Step]] = defaultdict(list)
    for step in steps:
        if step.what == "finding_answered":
            answers[step.finding_id].append(step)
    findings = await work.fetch("SELECT * FROM contract_finding WHERE occasion_id = $1 ORDER BY in_order", occasion_id)
    shown_by = await files_of(work, occasion_id) if findings else {}
    return _occasion(
        row,
        findings=tuple(
            Finding(each["id"], each["area"], each["grade"], each["says"], each["found_by_name"],
                    tuple(answers[each["id"]]), tuple(shown_by.get(each["id"], ())))
            for each in findings
        ),
        actions=tuple(await actions_of(work, occasion_id=occasion_id)),
        steps=tuple(steps),
    )  # fmt: skip


async def occasions_between(work: Work, first: datetime, last: datetime) -> list[Occasion]:
    """The meetings and visits within reach that begin in a span of time, called off ones too; the first first."""
    rows = await work.fetch(
        f"{_OCCASIONS} WHERE o.starts_at >= $1 AND o.starts_at < $2 ORDER BY o.starts_at, o.id LIMIT {MOST}",
        first, last,
    )  # fmt: skip
    return [_occasion(row) for row in rows]


async def carried_actions(work: Work, found: Occasion) -> list[Action]:
    """What is open of earlier meetings and visits of the same contract: shown on the next agenda until it is done."""
    every = await actions_of(work, place=(found.framework_id, found.provider_id, found.commissioner_id))
    return [action for action in every if action.is_open and action.occasion_id != found.id]


# --- requests ---------------------------------------------------------------------------------------------------------

_REQUESTS = """SELECT r.*, f.name AS framework, c.name AS commissioner, p.name AS provider FROM information_request r
    JOIN framework f ON f.id = r.framework_id JOIN organisation c ON c.id = r.commissioner_id
    JOIN organisation p ON p.id = r.provider_id"""


async def _request(work: Work, row: asyncpg.Record, **more: Any) -> Request:
    state, due_on = await state_of(work, row["id"]), await last_day_of(work, row["id"])
    late = state in ("open", "returned") and due_on < local_day(work.now)
    return Request(
        row["id"], row["framework_id"], row["framework"], row["commissioner_id"], row["commissioner"],
        row["provider_id"], row["provider"], row["title"], row["asks"], row["format"], due_on, state, row["asked_at"],
        row["asked_by_name"], late, **more,
    )  # fmt: skip


async def request(work: Work, request_id: UUID) -> Request:
    """Information asked for, with what was given and charged. Raises `NotFound`."""
    row = await work.fetchrow(f"{_REQUESTS} WHERE r.id = $1", request_id)
    if row is None:
        raise NotFound("There is no such request, or it is not yours to see.")
    pack, on = await pack_of(work, row["framework_id"]), local_day(work.now)
    return await _request(
        work, row, charge=await charge_of(work, request_id), chargeable=await poor_or_late(work, row),
        hour_pence=pack.on(on).contracts.hour_pence if rules.may_charge(pack, on) else 0,
        steps=tuple(await _steps(work, request_id=request_id)),
    )  # fmt: skip


async def requests(work: Work) -> list[Request]:
    """The information asked for within reach, the newest first."""
    rows = await work.fetch(f"{_REQUESTS} ORDER BY r.in_order DESC LIMIT {MOST}")
    return [await _request(work, row) for row in rows]


# --- both -------------------------------------------------------------------------------------------------------------


async def _steps(work: Work, *, occasion_id: UUID | None = None, request_id: UUID | None = None) -> list[Step]:
    files: defaultdict[UUID, list[StepFile]] = defaultdict(list)
    for row in await work.fetch("SELECT * FROM contract_files($1, $2)", occasion_id, request_id):
        name = row["title"] or row["file_name"]
        files[row["step_id"]].append(StepFile(row["id"], row["step_id"], name, row["state"], row["deleted"]))
    rows = await work.fetch(
        f"{_STEPS} WHERE t.occasion_id = $1 OR t.request_id = $2 ORDER BY t.in_order", occasion_id, request_id
    )
    return [_step(row, tuple(files[row["id"]])) for row in rows]


_STEPS = """SELECT t.*, coalesce(a.title, n.area, '') AS about FROM contract_step t
    LEFT JOIN contract_action a ON a.commissioner_id = t.commissioner_id AND a.id = t.action_id
    LEFT JOIN contract_finding n ON n.commissioner_id = t.commissioner_id AND n.id = t.finding_id"""


def _step(row: asyncpg.Record, files: tuple[StepFile, ...] = ()) -> Step:
    return Step(
        row["id"], row["at"], row["what"], row["by_name"], row["by_provider"], row["says"], row["finding_id"],
        row["action_id"], row["about"], row["new_due_on"], files,
    )  # fmt: skip


async def changes(work: Work, provider_id: UUID | None = None) -> list[Change]:
    """What providers within reach (or one) reported of the Care Quality Commission, the newest first."""
    rows = await work.fetch(
        """SELECT c.*, EXISTS (SELECT 1 FROM obligation b WHERE b.rule_key = $2 AND b.starts_at = c.learnt_at
                             AND b.owed_by_organisation = c.provider_id AND b.met_at = c.reported_at
                             AND b.missed_at IS NOT NULL) AS late
           FROM cqc_change c WHERE $1::uuid IS NULL OR c.provider_id = $1
           ORDER BY c.reported_at DESC, c.id LIMIT 200""",
        provider_id, rules.CQC,
    )  # fmt: skip
    return [
        Change(
            row["id"], row["provider_id"], row["kind"], row["says"], row["learnt_at"], row["reported_at"],
            row["reported_by_name"], row["late"],
        )
        for row in rows
    ]  # fmt: skip
