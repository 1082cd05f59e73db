"""Watch: what is about to go wrong, counted under row-level security, each figure with its list.

Names of providers and workers, references of cases; never a child's data. Reads across the domains, so it stands here,
to the right of all of them; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import may, permit
from marketplace.obligations.queries import late_duties
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.providers.facts import WorkerRecord, worker_records
from marketplace.providers.matrix import look_ahead
from marketplace.providers.readiness import judge_worker
from marketplace.web.filters import count, day, moment, pounds, time_left

MOST = 200


@dataclass(frozen=True, slots=True)
class WatchList:
    """One figure and what is behind it: `rows` of plain words under `heads`; `alarm` where somebody should act.

    `links` has for each row where it leads in the console, or is empty.
    """

    key: str
    number: str
    label: str
    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    alarm: bool = False
    nothing: str = ""


async def waiting(work: Work) -> WatchList:
    """Children whose referral has been broadcast and not awarded, the longest waiting first."""
    rows = await work.fetch(
        """SELECT r.reference, r.lot_code, r.area, r.respond_by, r.child_id,
                  coalesce((SELECT min(x.at) FROM referral_reach x
                            WHERE x.commissioner_id = r.commissioner_id AND x.referral_id = r.id),
                           r.broadcast_at) AS since,
                  (SELECT count(*) FROM offer o WHERE o.commissioner_id = r.commissioner_id AND o.referral_id = r.id
                      AND o.state = 'made') AS offers
           FROM referral r WHERE r.commissioner_id = $1 AND r.state = 'broadcast'
           ORDER BY since, r.reference LIMIT $2""",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    children = len({row["child_id"] for row in rows})
    return WatchList(
        key="waiting",
        number=f"{children:,}",
        label="child waiting" if children == 1 else "children waiting",
        title="Children waiting for a provider",
        heads=("Referral", "Lot", "Area", "Waiting", "Answers", "Offers"),
        rows=[
            (
                row["reference"], row["lot_code"], row["area"], _waited(row["since"], work.now),
                f"due {moment(row['respond_by'])}" if row["respond_by"] > work.now else "time is over",
                str(row["offers"]),
            )
            for row in rows
        ],
        nothing="No child is waiting: every referral that was broadcast has been awarded or closed.",
    )  # fmt: skip


async def silent(work: Work) -> WatchList:
    """Providers reached by an open referral that have neither offered nor declined, the most urgent first."""
    rows = await work.fetch(
        """SELECT r.reference, r.respond_by, o.name FROM referral r
           JOIN referral_reach x ON x.commissioner_id = r.commissioner_id AND x.referral_id = r.id
                AND x.round = r.round AND x.reached
           JOIN organisation o ON o.id = x.provider_id
           WHERE r.commissioner_id = $1 AND r.state = 'broadcast'
             AND NOT EXISTS (SELECT 1 FROM offer f WHERE f.commissioner_id = x.commissioner_id
                             AND f.referral_id = x.referral_id AND f.round = x.round AND f.provider_id = x.provider_id)
             AND NOT EXISTS (SELECT 1 FROM referral_decline d WHERE d.commissioner_id = x.commissioner_id
                             AND d.referral_id = x.referral_id AND d.round = x.round AND d.provider_id = x.provider_id)
           ORDER BY r.respond_by, r.reference, o.name LIMIT $2""",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    return WatchList(
        key="silent",
        number=f"{len(rows):,}",
        label="answer missing" if len(rows) == 1 else "answers missing",
        title="Referrals not answered yet",
        heads=("Referral", "Provider", "Answer due"),
        rows=[(row["reference"], row["name"], _due(row["respond_by"], work.now)) for row in rows],
        alarm=any(row["respond_by"] <= work.now for row in rows),
        nothing="Every provider that was reached has answered.",
    )


async def late(work: Work) -> WatchList:
    """Duties past their time and still open, on either side, the longest late first."""
    rows = await late_duties(work, MOST)
    return WatchList(
        key="late",
        number=f"{len(rows):,}",
        label="duty late" if len(rows) == 1 else "duties late",
        title="Duties that are late",
        heads=("Duty", "For", "Owed by", "Due"),
        rows=[
            (row["title"], row["reference"], row["owed_by_name"] or "a person", _due(row["due_at"], work.now))
            for row in rows
        ],
        links=[f"/duties/{row['id']}" for row in rows],
        alarm=bool(rows),
        nothing="Nothing is late.",
    )


async def lapsing(work: Work) -> WatchList:
    """Workers on live packages who are not ready, or will not be some weeks ahead, with the reasons."""
    placed = await work.fetch(
        """SELECT p.framework_id, p.reference, p.lot_code, p.needs, w.provider_id, w.worker_id, o.name AS provider
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
    packs = {each: await pack_of(work, each) for each in {row["framework_id"] for row in placed}}
    today = local_day(work.now)
    rows: list[tuple[str, ...]] = []
    now_out = 0
    for row in placed:
        worker = workers.get(row["worker_id"])
        if worker is None:
            rows.append((row["reference"], row["provider"], "A worker who has left", "now", "has left the provider"))
            now_out += 1
            continue
        pack = packs[row["framework_id"]]
        later = today + timedelta(days=_ahead(pack, today))
        for on, when in ((today, "now"), (later, f"by {day(later)}")):
            judged = judge_worker(pack, worker, row["lot_code"], row["needs"], on)
            if not judged.ready:
                now_out += on == today
                rows.append((row["reference"], row["provider"], worker.name, when, ", ".join(judged.reasons)))
                break
    return WatchList(
        key="lapsing",
        number=f"{len(rows):,}",
        label="worker with lapsing evidence" if len(rows) == 1 else "workers with lapsing evidence",
        title="Evidence lapsing on live packages",
        heads=("Package", "Provider", "Worker", "Not ready", "Why"),
        rows=sorted(rows, key=lambda row: (row[3] != "now", row[0], row[2]))[:MOST],
        alarm=now_out > 0,
        nothing="Everybody placed on a live package is ready, now and in the weeks to come.",
    )


async def flagged(work: Work) -> WatchList:
    """Coming visits that may not go on as they are planned, the next first: whose worker or provider, and why."""
    rows = await work.fetch(
        """SELECT p.reference, v.package_id, v.planned_start, o.name AS provider,
                  string_agg(f.says, '; ' ORDER BY f.says) AS why
           FROM visit_flag f JOIN visit v ON v.commissioner_id = f.commissioner_id AND v.id = f.visit_id
           JOIN package p ON p.commissioner_id = v.commissioner_id AND p.id = v.package_id
           JOIN organisation o ON o.id = v.provider_id
           WHERE f.commissioner_id = $1 AND f.cleared_at IS NULL AND v.outcome IS NULL
           GROUP BY v.id, p.reference, v.package_id, v.planned_start, o.name
           ORDER BY v.planned_start, p.reference LIMIT $2""",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    return WatchList(
        key="flagged",
        number=f"{len(rows):,}",
        label="visit that may not go on" if len(rows) == 1 else "visits that may not go on",
        title="Coming visits that may not go on as planned",
        heads=("Package", "Visit", "Provider", "Why"),
        rows=[(row["reference"], moment(row["planned_start"]), row["provider"], row["why"]) for row in rows],
        links=[f"/packages/{row['package_id']}" for row in rows],
        alarm=bool(rows),
        nothing="Every coming visit may take place as it is planned.",
    )


async def suspended(work: Work) -> WatchList:
    """Providers suspended at present on the commissioner's frameworks, the longest first."""
    rows = await work.fetch(
        """SELECT o.name, f.name AS framework, s.lot_code, s.starts_at, s.until_on, s.reason, s.provider_id
           FROM suspension s JOIN organisation o ON o.id = s.provider_id JOIN framework f ON f.id = s.framework_id
           WHERE s.lifted_at IS NULL AND s.starts_at <= $1 AND (s.until_on IS NULL OR s.until_on >= $2)
             AND s.framework_id IN (SELECT framework_id FROM framework_member WHERE commissioner_id = $3)
           ORDER BY s.starts_at, o.name LIMIT $4""",
        work.now, local_day(work.now), work.actor.commissioner_id, MOST,
    )  # fmt: skip
    providers = len({row["provider_id"] for row in rows})
    return WatchList(
        key="suspended",
        number=f"{providers:,}",
        label="provider suspended" if providers == 1 else "providers suspended",
        title="Providers suspended",
        heads=("Provider", "Framework", "Lots", "Since", "Until", "Why"),
        rows=[
            (
                row["name"], row["framework"], f"lot {row['lot_code']}" if row["lot_code"] else "all lots",
                day(row["starts_at"]), day(row["until_on"]) if row["until_on"] else "lifted by decision", row["reason"],
            )
            for row in rows
        ],
        links=[f"/providers/{row['provider_id']}" for row in rows],
        nothing="No provider is suspended.",
    )  # fmt: skip


async def spend(work: Work) -> WatchList:
    """What has been accepted for payment so far, and what waits for a decision, by framework and provider."""
    rows = await work.fetch(
        """SELECT f.name AS framework, o.name AS provider, count(*) AS invoices,
                  coalesce(sum(i.net_pence) FILTER (WHERE i.state IN ('accepted', 'paid')), 0)::bigint AS accepted,
                  coalesce(sum(i.net_pence) FILTER (WHERE i.state IN ('submitted', 'disputed')), 0)::bigint AS open,
                  coalesce(sum(i.deduction_pence), 0)::bigint AS deducted
           FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
           WHERE i.commissioner_id = $1 AND i.replaced_at IS NULL
           GROUP BY f.name, o.name ORDER BY accepted DESC, f.name, o.name LIMIT $2""",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    return WatchList(
        key="spend",
        number=pounds(sum(row["accepted"] for row in rows)),
        label="accepted so far",
        title="Spend so far",
        heads=("Framework", "Provider", "Invoices", "Accepted", "Waiting for a decision", "Deducted"),
        rows=[
            (
                row["framework"], row["provider"], str(row["invoices"]), pounds(row["accepted"]), pounds(row["open"]),
                pounds(row["deducted"]),
            )
            for row in rows
        ],
        nothing="No invoice has been submitted yet.",
    )  # fmt: skip


Question = Callable[[Work], Awaitable[WatchList]]
# What each list asks beside watch.read: the reading matrix of docs/architecture.md.
LISTS: dict[str, tuple[Question, str]] = {
    "waiting": (waiting, "watch.read"),
    "silent": (silent, "watch.read"),
    "late": (late, "watch.read"),
    "flagged": (flagged, "package.read"),
    "lapsing": (lapsing, "workforce.read"),
    "suspended": (suspended, "standing.read"),
    "spend": (spend, "invoice.read"),
}


async def watch(work: Work) -> list[WatchList]:
    """Every list this role may see, in the order of urgency."""
    permit(work.actor, "watch.read")
    return [await question(work) for question, permission in LISTS.values() if may(work.actor, permission)]


async def one_list(work: Work, key: str) -> WatchList:
    """One of them. Raises `NotFound` for a key there is none of, `NotPermitted`."""
    permit(work.actor, "watch.read")
    if key not in LISTS:
        raise NotFound
    question, permission = LISTS[key]
    permit(work.actor, permission)
    return await question(work)


def _ahead(pack: Pack, today: date) -> int:
    """How many days ahead lapsing evidence is shown: the nearest of those the pack lets people look ahead by."""
    return look_ahead(pack.on(today))[0]


def _waited(since: datetime, now: datetime) -> str:
    days = (local_day(now) - local_day(since)).days
    return count(days, "day") if days else "since today"


def _due(due_at: datetime, now: datetime) -> str:
    return f"{moment(due_at)} ({time_left(due_at, now)})"
