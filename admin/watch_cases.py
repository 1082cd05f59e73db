"""Watch over cases: children who wait, answers that are missing, visits that may not go on, workers who lapse.

References of cases, names of providers and workers; never a child's data.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from admin.watch_shapes import MOST, Figure, Row, WatchList, due, longest, plural, said, some, waited
from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.scope import sort_needs
from marketplace.providers.facts import WorkerRecord, worker_records
from marketplace.providers.matrix import look_ahead
from marketplace.providers.placed_index import unready_on_packages
from marketplace.providers.readiness import judge_worker
from marketplace.web.filters import count, day, moment

# Waiting since the first broadcast, however often it was sent again.
_SINCE = """coalesce((SELECT min(x.at) FROM referral_reach x WHERE x.commissioner_id = r.commissioner_id
    AND x.referral_id = r.id), r.broadcast_at)"""
_SILENT = """FROM referral r JOIN referral_reach x ON x.commissioner_id = r.commissioner_id AND x.referral_id = r.id
         AND x.round = r.round AND x.reached
    WHERE r.commissioner_id = $1 AND r.state = 'broadcast'
      AND NOT EXISTS (SELECT 1 FROM offer f WHERE f.commissioner_id = x.commissioner_id
                      AND f.referral_id = x.referral_id AND f.round = x.round AND f.provider_id = x.provider_id)
      AND NOT EXISTS (SELECT 1 FROM referral_decline d WHERE d.commissioner_id = x.commissioner_id
                      AND d.referral_id = x.referral_id AND d.round = x.round AND d.provider_id = x.provider_id)"""
_FLAGGED = """FROM visit_flag f JOIN visit v ON v.commissioner_id = f.commissioner_id AND v.id = f.visit_id
    WHERE f.commissioner_id = $1 AND f.cleared_at IS NULL AND v.outcome IS NULL"""


async def waiting(work: Work) -> Figure:
    """Children whose referral has been broadcast and not awarded; how long the first of them has waited."""
    row = await work.fetchrow(
        f"""SELECT count(DISTINCT child_id) AS children, min(since) AS since, count(*) FILTER (WHERE offers = 0
               AND respond_by <= $2) AS nobody
            FROM (SELECT r.child_id, r.respond_by, {_SINCE} AS since,
                         (SELECT count(*) FROM offer o WHERE o.commissioner_id = r.commissioner_id
                          AND o.referral_id = r.id AND o.state = 'made') AS offers
                  FROM referral r WHERE r.commissioner_id = $1 AND r.state = 'broadcast') waiting""",  # noqa: S608 - our own text
        work.actor.commissioner_id, work.now,
    )  # fmt: skip
    assert row is not None
    return Figure(
        "waiting", row["children"], plural(row["children"], "child waiting", "children waiting"),
        said(longest(row["since"], work.now) if row["children"] else "",
             some(row["nobody"], "with no offer and no time left")),
        alarm=row["nobody"] > 0,
    )  # fmt: skip


async def waiting_list(work: Work) -> WatchList:
    """The longest waiting first."""
    rows = await work.fetch(
        f"""SELECT r.id, r.reference, r.lot_code, r.area, r.respond_by, r.referrer_id, {_SINCE} AS since,
                  (SELECT count(*) FROM offer o WHERE o.commissioner_id = r.commissioner_id AND o.referral_id = r.id
                      AND o.state = 'made') AS offers,
                  r.id IN (SELECT r.id {_SILENT}) AS unanswered
           FROM referral r WHERE r.commissioner_id = $1 AND r.state = 'broadcast'
           ORDER BY since, r.reference LIMIT $2""",  # noqa: S608 - our own text
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    # the referrer acts on the referral itself; whoever oversees it sees who has not answered
    acts = work.actor.role == "referrer"
    return WatchList(
        "waiting", "Children waiting for a provider", ("Referral", "Lot", "Area", "Waiting", "Answers", "Offers"),
        [
            Row(
                (
                    row["reference"], row["lot_code"], row["area"], waited(row["since"], work.now),
                    f"due {moment(row['respond_by'])}" if row["respond_by"] > work.now else "time is over",
                    str(row["offers"]),
                ),
                f"/referrals/{row['id']}" if acts
                else f"/watch/silent?q={row['reference']}" if row["unanswered"] else "",
                at_marketplace=acts,
            )
            for row in rows
        ],
        "No child is waiting: every referral that was broadcast has been awarded or closed.",
    )  # fmt: skip


async def silent(work: Work) -> Figure:
    """Providers reached by an open referral that have neither offered nor declined."""
    row = await work.fetchrow(
        f"""SELECT count(*) AS number, count(*) FILTER (WHERE r.respond_by <= $2) AS late,
                   count(DISTINCT r.child_id) AS children {_SILENT}""",
        work.actor.commissioner_id, work.now,
    )  # fmt: skip
    assert row is not None
    return Figure(
        "silent", row["number"], plural(row["number"], "answer missing", "answers missing"),
        said(f"for {_children(row['children'])}" if row["number"] else "", some(row["late"], "past their time")),
        alarm=row["late"] > 0,
    )  # fmt: skip


async def silent_list(work: Work) -> WatchList:
    """The most urgent first; each leads to the provider."""
    rows = await work.fetch(
        f"SELECT r.reference, r.respond_by, x.provider_id, (SELECT name FROM organisation o WHERE o.id = x.provider_id)"  # noqa: S608 - our own text
        f" {_SILENT} ORDER BY r.respond_by, r.reference, name LIMIT $2",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    return WatchList(
        "silent", "Referrals not answered yet", ("Referral", "Provider", "Answer due"),
        [
            Row((row["reference"], row["name"], due(row["respond_by"], work.now)), f"/providers/{row['provider_id']}",
                row["name"])
            for row in rows
        ],
        "Every provider that was reached has answered.",
    )  # fmt: skip


async def flagged(work: Work) -> Figure:
    """Coming visits that may not go on as they are planned."""
    row = await work.fetchrow(
        f"""SELECT count(DISTINCT v.id) AS visits, count(DISTINCT v.child_id) AS children,
                   min(v.planned_start) AS first {_FLAGGED}""",
        work.actor.commissioner_id,
    )
    assert row is not None
    return Figure(
        "flagged", row["visits"],
        plural(row["visits"], "visit that may not go on", "visits that may not go on"),
        f"{_children(row['children'])}; the first {moment(row['first'])}" if row["visits"] else "",
        alarm=row["visits"] > 0,
    )  # fmt: skip


async def flagged_list(work: Work) -> WatchList:
    """The next first: whose worker or provider, and why. A lapsed cover leads to its decision."""
    rows = await work.fetch(
        f"""SELECT x.*, p.reference, o.name AS provider FROM (
              SELECT v.commissioner_id, v.package_id, v.provider_id, v.planned_start,
                     string_agg(f.says, '; ' ORDER BY f.says) AS why, bool_or(f.worker_id IS NULL) AS cover
              {_FLAGGED} GROUP BY v.commissioner_id, v.id) x
            JOIN package p ON p.commissioner_id = x.commissioner_id AND p.id = x.package_id
            JOIN organisation o ON o.id = x.provider_id ORDER BY x.planned_start, p.reference LIMIT $2""",  # noqa: S608 - our own text
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    decides = work.actor.role == "contract_manager"
    return WatchList(
        "flagged", "Coming visits that may not go on as planned", ("Package", "Visit", "Provider", "Why"),
        [
            Row(
                (row["reference"], moment(row["planned_start"]), row["provider"], row["why"]),
                f"/packages/{row['package_id']}{'/cover' if row['cover'] and decides else ''}", row["provider"],
            )
            for row in rows
        ],
        "Every coming visit may take place as it is planned.",
    )  # fmt: skip


async def lapsing(work: Work) -> Figure:
    """Workers on live packages who are not ready, or will not be some weeks ahead."""
    commissioner_id = work.actor.commissioner_id
    assert commissioner_id is not None
    frameworks = [
        row["framework_id"]
        for row in await work.fetch(
            "SELECT DISTINCT framework_id FROM package WHERE commissioner_id = $1 AND state IN ('set_up', 'active')",
            commissioner_id,
        )
    ]
    found = await unready_on_packages(work, commissioner_id, await _ahead(work, frameworks))
    return Figure(
        "lapsing", found.workers,
        plural(found.workers, "worker with lapsing evidence", "workers with lapsing evidence"),
        said(f"with {_children(len(found.children))}" if found.workers else "", some(found.now, "not ready now")),
        alarm=found.now > 0,
    )  # fmt: skip


async def lapsing_list(work: Work) -> WatchList:
    """Each worker placed on a live package who is not ready, or will not be, with the reasons; those of now first."""
    placed = await work.fetch(
        """SELECT p.id AS package_id, p.framework_id, p.reference, p.lot_code, p.needs, w.provider_id, w.worker_id,
                  o.name AS provider
           FROM package p JOIN package_worker w ON w.commissioner_id = p.commissioner_id AND w.package_id = p.id
           JOIN organisation o ON o.id = w.provider_id
           WHERE p.commissioner_id = $1 AND p.state IN ('set_up', 'active') AND w.removed_at IS NULL
           ORDER BY p.reference, w.name""",
        work.actor.commissioner_id,
    )
    workers: dict[object, WorkerRecord] = {}
    if placed:
        records = await worker_records(
            work, {row["provider_id"] for row in placed}, worker_ids={row["worker_id"] for row in placed}
        )
        workers = {record.id: record for found in records.values() for record in found}
    today = local_day(work.now)
    ahead = await _ahead(work, {row["framework_id"] for row in placed})
    rows: list[tuple[bool, str, str, Row]] = []
    for row in placed:
        worker = workers.get(row["worker_id"])
        name, when, why = "A worker who has left", "now", "has left the provider"
        if worker is not None:
            name, pack = worker.name, await pack_of(work, row["framework_id"])
            needs = sort_needs(pack, row["lot_code"], tuple(row["needs"])).competencies
            for on in (today, ahead[row["framework_id"]]):
                judged = judge_worker(pack, worker, row["lot_code"], needs, on)
                if not judged.ready:
                    when = "now" if on == today else f"by {day(on)}"
                    why = ", ".join(judged.reasons)
                    break
            else:
                continue
        cells = (row["reference"], row["provider"], name, when, why)
        rows.append((when != "now", row["reference"], name, Row(cells, f"/packages/{row['package_id']}",
                                                                 row["provider"])))  # fmt: skip
    return WatchList(
        "lapsing", "Evidence lapsing on live packages", ("Package", "Provider", "Worker", "Not ready", "Why"),
        [row for *_, row in sorted(rows, key=lambda each: each[:3])][:MOST],
        "Everybody placed on a live package is ready, now and in the weeks to come.",
    )  # fmt: skip


async def _ahead(work: Work, frameworks: set[UUID] | list[UUID]) -> dict[UUID, date]:
    """How far lapsing evidence is shown: the nearest of the days that the pack lets people look ahead by."""
    today = local_day(work.now)
    packs = {each: await pack_of(work, each) for each in frameworks}
    return {each: today + timedelta(days=look_ahead(pack.on(today))[0]) for each, pack in packs.items()}


def _children(number: int) -> str:
    return count(number, "child", "children")
