"""Watch over providers: those that drift, and those suspended, restricted or under a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from admin.watch_shapes import MOST, Figure, Row, WatchList, longest, our_frameworks, plural, said, some
from marketplace.frameworks.queries import FrameworkView, pack_of
from marketplace.obligations.duties import COUNTED
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day, midnight
from marketplace.policy.drifting import WORDS, Cases, Drift, Measure, drift, spans
from marketplace.providers.imposing import ACTION
from marketplace.web.filters import count, day

# Of each provider: how many of how many, since $5 and between $4 and then. Duties count by when they were due, answers
# by the broadcast, visits by when they were planned.
_RECORD: dict[Measure, str] = {
    "late_duties": f"""SELECT b.owed_by_organisation AS provider_id, b.due_at >= $5 AS recent, count(*) AS of,
            count(*) FILTER (WHERE b.missed_at IS NOT NULL OR b.met_at IS NULL) AS counted
        FROM obligation b WHERE (b.commissioner_id = $1 OR b.commissioner_id IS NULL) AND b.framework_id = $2
          AND b.due_at >= $4 AND b.due_at <= $3 AND {COUNTED}
          AND b.owed_by_organisation IN (SELECT provider_id FROM admission WHERE framework_id = $2)
        GROUP BY 1, 2""",  # noqa: S608 - our own text
    "declines": """SELECT x.provider_id, r.broadcast_at >= $5 AS recent, count(*) AS of,
            count(d.provider_id) AS counted
        FROM referral r JOIN referral_reach x ON x.commissioner_id = r.commissioner_id AND x.referral_id = r.id
             AND x.round = r.round AND x.reached
        LEFT JOIN referral_decline d ON d.commissioner_id = x.commissioner_id AND d.referral_id = x.referral_id
             AND d.round = x.round AND d.provider_id = x.provider_id
        WHERE r.commissioner_id = $1 AND r.framework_id = $2 AND r.broadcast_at >= $4 AND r.broadcast_at <= $3
        GROUP BY 1, 2""",
    "missed_visits": """SELECT v.provider_id, v.planned_start >= $5 AS recent, count(*) AS of,
            count(*) FILTER (WHERE v.outcome IN ('missed', 'cancelled_by_provider')) AS counted
        FROM visit v WHERE v.commissioner_id = $1 AND v.framework_id = $2 AND v.planned_start >= $4
          AND v.planned_start <= $3 AND v.outcome IS NOT NULL GROUP BY 1, 2""",
}


@dataclass(frozen=True, slots=True)
class Drifter:
    """A provider that does worse than before on a framework, in which measures."""

    framework: FrameworkView
    provider_id: UUID
    drifts: tuple[Drift, ...]


async def _drifters(work: Work) -> list[Drifter]:
    """By how far the worst of its shares has grown."""
    found: list[Drifter] = []
    today = local_day(work.now)
    for framework in await our_frameworks(work):
        pack = await pack_of(work, framework.id)
        compared = spans(pack, today)
        of: dict[UUID, list[Drift]] = {}
        for measure, sql in _RECORD.items():
            rows = await work.fetch(
                sql, work.actor.commissioner_id, framework.id, work.now, midnight(compared.before),
                midnight(compared.since),
            )  # fmt: skip
            for provider_id, before, now in _sides(rows):
                seen = drift(pack, today, measure, before, now)
                if seen is not None:
                    of.setdefault(provider_id, []).append(seen)
        found += [Drifter(framework, provider_id, tuple(drifts)) for provider_id, drifts in of.items()]
    return sorted(found, key=lambda each: (-max(map(_growth, each.drifts)), str(each.provider_id)))


def _sides(rows: list[Any]) -> Iterator[tuple[UUID, Cases, Cases]]:
    """Of each provider both spans; one without a row had nothing to count."""
    sides: dict[UUID, list[Cases]] = {}
    for row in rows:
        pair = sides.setdefault(row["provider_id"], [Cases(0, 0), Cases(0, 0)])
        pair[row["recent"]] = Cases(row["counted"], row["of"])
    for provider_id, (before, now) in sides.items():
        yield provider_id, before, now


def _growth(each: Drift) -> float:
    return each.now.counted / each.now.of - each.before.counted / each.before.of


async def drifting(work: Work) -> Figure:
    """Providers that do worse over the last days than over as many before."""
    found = await _drifters(work)
    providers = len({each.provider_id for each in found})
    return Figure(
        "drifting", providers, plural(providers, "provider drifting", "providers drifting"),
        said(*(_of_measure(found, measure) for measure in WORDS)),
    )  # fmt: skip


_SHORT: dict[Measure, str] = {"late_duties": "late duties", "declines": "declines", "missed_visits": "missed visits"}


def _of_measure(found: list[Drifter], measure: Measure) -> str:
    return some(sum(any(each.measure == measure for each in one.drifts) for one in found), f"by {_SHORT[measure]}")


async def drifting_list(work: Work) -> WatchList:
    """Whose record has worsened most first, with the numbers that say so."""
    found = await _drifters(work)
    names = {
        row["id"]: row["name"]
        for row in await work.fetch(
            "SELECT id, name FROM organisation WHERE id = ANY ($1)", [each.provider_id for each in found]
        )
    }
    about: list[str] = []
    today = local_day(work.now)
    for framework in await our_frameworks(work):
        pack = (await pack_of(work, framework.id)).on(today)
        compared, rule = spans(pack, today), pack.watch
        about.append(
            f"{framework.name}: {_days(compared.since, today)} beside"
            f" {_days(compared.before, compared.since - timedelta(days=1))};"
            f" told from {count(rule.drift_least, 'case')} on where the share has grown by {rule.drift_points} in a"
            " hundred or more."
        )
    return WatchList(
        "drifting", "Providers that drift", ("Provider", "Framework", "What has become worse"),
        [
            Row((names[each.provider_id], each.framework.name, "; ".join(one.says for one in each.drifts)),
                f"/providers/{each.provider_id}", names[each.provider_id])
            for each in found
        ],
        "No provider does worse than it did before.", " ".join(about),
    )  # fmt: skip


def _days(first: date, last: date) -> str:
    return f"{day(first)} to {day(last)}"


# Everything in force that holds a provider back; a plan goes with a suspension, its late actions are obligations.
_HELD = """FROM (
      SELECT s.provider_id, s.framework_id, s.lot_code, coalesce(f.starts_at, s.starts_at) AS starts_at, s.until_on,
             s.reason, 'Suspended' AS what, s.with_plan, coalesce(s.follows_id, s.id) AS root_id
      FROM suspension s LEFT JOIN suspension f ON f.framework_id = s.framework_id AND f.id = s.follows_id
      WHERE s.framework_id = ANY ($1) AND in_force(s.starts_at, s.lifted_at, s.until_on, $2)
        AND (s.commissioner_id IS NULL OR s.commissioner_id = $3)
      UNION ALL
      SELECT r.provider_id, r.framework_id, r.lot_code, r.starts_at, r.until_on, r.reason,
             'Restricted to ' || r.new_packages || ' new package' || CASE r.new_packages WHEN 1 THEN '' ELSE 's' END,
             false, r.suspension_id
      FROM restriction r WHERE r.framework_id = ANY ($1) AND in_force(r.starts_at, r.ended_at, r.until_on, $2)
        AND (r.commissioner_id IS NULL OR r.commissioner_id = $3)) h"""
_PLAN = """(SELECT count(*) FROM plan_action a JOIN obligation b ON b.subject_id = a.id AND b.rule_key = $4
    AND b.met_at IS NULL AND b.cancelled_at IS NULL WHERE a.framework_id = h.framework_id
    AND a.suspension_id = h.root_id AND h.with_plan {late})"""


async def _held(work: Work, sql: str, *more: Any) -> list[Any]:
    ours = [each.id for each in await our_frameworks(work)]
    return await work.fetch(
        sql, ours, work.now, work.actor.commissioner_id, ACTION, *more
    )  # fmt: skip


async def suspended(work: Work) -> Figure:
    """Providers suspended, restricted or under a plan at present on the commissioner's frameworks."""
    [row] = await _held(
        work,
        f"""SELECT count(DISTINCT provider_id) AS providers, min(starts_at) AS since,
               count(DISTINCT provider_id) FILTER (WHERE with_plan) AS plans,
               coalesce(max(late), 0) AS late, count(DISTINCT provider_id) FILTER (WHERE what <> 'Suspended') AS limited
            FROM (SELECT h.*, {_PLAN.format(late="AND b.due_at <= $2")} AS late {_HELD}) held""",  # noqa: S608 - our own text
    )
    return Figure(
        "suspended", row["providers"],
        plural(row["providers"], "provider suspended or restricted", "providers suspended or restricted"),
        said(longest(row["since"], work.now) if row["providers"] else "",
             some(row["plans"], "under a plan"), some(row["limited"], "restricted"),
             "actions of a plan are late" if row["late"] else ""),
        alarm=row["late"] > 0,
    )  # fmt: skip


async def suspended_list(work: Work) -> WatchList:
    """The longest first."""
    rows = await _held(
        work,
        f"""SELECT h.*, o.name, f.name AS framework, {_PLAN.format(late="")} AS open,
               {_PLAN.format(late="AND b.due_at <= $2")} AS late {_HELD}
            JOIN organisation o ON o.id = h.provider_id JOIN framework f ON f.id = h.framework_id
            ORDER BY h.starts_at, o.name, h.lot_code LIMIT $5""",
        MOST,
    )
    return WatchList(
        "suspended", "Providers suspended, restricted or under a plan",
        ("Provider", "Framework", "Lots", "What", "Since", "Until", "Plan", "Why"),
        [
            Row(
                (
                    row["name"], row["framework"], f"lot {row['lot_code']}" if row["lot_code"] else "all lots",
                    row["what"], day(row["starts_at"]),
                    day(row["until_on"]) if row["until_on"] else "a decision ends it",
                    _plan(row), row["reason"],
                ),
                f"/providers/{row['provider_id']}", row["name"],
            )
            for row in rows
        ],
        "No provider is suspended or restricted.",
    )  # fmt: skip


def _plan(row: Any) -> str:
    if not row["with_plan"]:
        return "none"
    return said(f"{count(row['open'], 'action')} to do", some(row["late"], "late"))
