"""Questions about providers under row-level security: a provider's own, or those of a commissioner's frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import framework, lots, my_frameworks, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.requirements import Asked, everything_asked
from marketplace.providers.facts import ProviderRecord, WorkerRecord, provider_records, worker_records
from marketplace.providers.holds import Hold
from marketplace.providers.readiness import Ready, judge_worker
from marketplace.providers.standing import Standing, dated, judge


async def profile(work: Work, provider_id: UUID) -> dict[str, Any]:
    """The organisation's profile; empty fields where the provider has filled in none yet. Raises `NotFound`."""
    row = await work.fetchrow(
        "SELECT o.name, o.id AS provider_id, p.* FROM organisation o LEFT JOIN provider p ON p.id = o.id"
        " WHERE o.id = $1 AND o.kind = 'provider'",
        provider_id,
    )
    if row is None:
        raise NotFound
    found = dict(row)
    found["id"] = found.pop("provider_id")
    found["declarations"] = {key: date.fromisoformat(day) for key, day in (found["declarations"] or {}).items()}
    return found


async def admitted_lots(work: Work, framework_id: UUID, provider_id: UUID) -> list[str]:
    """Codes of the lots the provider is, or is about to be, admitted to."""
    rows = await work.fetch(
        "SELECT DISTINCT lot_code FROM admission WHERE framework_id = $1 AND provider_id = $2"
        " AND (ends_on IS NULL OR ends_on >= $3) ORDER BY lot_code",
        framework_id,
        provider_id,
        local_day(work.now),
    )
    return [row["lot_code"] for row in rows]


# --- workers ----------------------------------------------------------------------------------------------------------


async def workforce(work: Work, *, with_left: bool = False) -> list[WorkerRecord]:
    """The actor's own workers, by name."""
    provider_id = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    return (await worker_records(work, [provider_id], with_left=with_left))[provider_id]


async def worker(work: Work, worker_id: UUID) -> WorkerRecord:
    """One of the actor's own workers, also one who has left. Raises `NotFound`."""
    provider_id = work.actor.provider_id
    if provider_id is not None:
        found = await worker_records(work, [provider_id], worker_ids=[worker_id], with_left=True)
        if found[provider_id]:
            return found[provider_id][0]
    raise NotFound("There is no such worker in your organisation.")


async def private_details(work: Work, worker_id: UUID) -> dict[str, Any]:
    """What stays with the provider: contact, certificate and registration numbers, its own reference of the worker.

    Raises `NotFound` to anyone else.
    """
    row = await work.fetchrow(
        "SELECT p.*, w.reference FROM worker_private p JOIN worker w ON w.provider_id = p.provider_id"
        " AND w.id = p.worker_id WHERE p.worker_id = $1",
        worker_id,
    )
    if row is None:
        raise NotFound
    return dict(row)


@dataclass(frozen=True, slots=True)
class LotReadiness:
    """A worker on one lot of one framework."""

    framework_id: UUID
    framework_name: str
    lot: str
    lot_title: str
    entry: Ready

    @property
    def fits(self) -> bool:
        """Whether the lot takes the worker's role at all."""
        roles = self.entry.pack.on(self.entry.on).lot(self.lot).roles
        return not roles or self.entry.worker.role in roles


async def readiness_by_lot(work: Work, record: WorkerRecord) -> list[LotReadiness]:
    """The worker on each lot the provider is admitted to, today, without any child's special needs."""
    found: list[LotReadiness] = []
    today = local_day(work.now)
    for each in await my_frameworks(work):
        pack = await pack_of(work, each.id)
        titles = {lot.code: lot.title for lot in await lots(work, each.id)}
        for code in await admitted_lots(work, each.id, record.provider_id):
            entry = judge_worker(pack, record, code, (), today)
            found.append(LotReadiness(each.id, each.name, code, titles.get(code, code), entry))
    return found


async def own_packages(work: Work) -> list[tuple[UUID, str]]:
    """The provider's running packages by reference, for a sign-off that belongs to one child."""
    rows = await work.fetch(
        "SELECT id, reference FROM package WHERE provider_id = $1 AND state IN ('set_up', 'active') ORDER BY reference",
        work.actor.provider_id,
    )
    return [(row["id"], row["reference"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Training:
    """A worker's own training at one employer, as the packs of its frameworks judge it today."""

    record: WorkerRecord
    provider_name: str
    lots: list[LotReadiness]


async def my_training(work: Work) -> list[Training]:
    """The actor's own record as a worker, one for each employer; nobody else's."""
    rows = await work.fetch(
        "SELECT w.provider_id, w.id, o.name FROM worker w JOIN organisation o ON o.id = w.provider_id"
        " WHERE w.person_id = $1 ORDER BY o.name",
        work.actor.person_id,
    )
    places = await work.fetch("SELECT * FROM my_workplace_lots() ORDER BY framework_id, lot_code")
    today = local_day(work.now)
    found: list[Training] = []
    for row in rows:
        records = await worker_records(work, [row["provider_id"]], worker_ids=[row["id"]], with_left=True)
        record = records[row["provider_id"]][0]
        on_lots: list[LotReadiness] = []
        for place in places:
            if place["provider_id"] != row["provider_id"]:
                continue
            view = await framework(work, place["framework_id"])
            titles = {lot.code: lot.title for lot in await lots(work, view.id)}
            code: str = place["lot_code"]
            entry = judge_worker(await pack_of(work, view.id), record, code, (), today)
            on_lots.append(LotReadiness(view.id, view.name, code, titles.get(code, code), entry))
        found.append(Training(record, row["name"], on_lots))
    return found


# --- standing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnFramework:
    """A provider on one framework: each lot it was admitted to with its standing, and what is still asked of it."""

    framework_id: UUID
    framework_name: str
    led_by_me: bool
    record: ProviderRecord
    lots: tuple[tuple[str, str, Standing], ...]
    asked: tuple[Asked, ...]
    pack: Pack

    @property
    def open_holds(self) -> tuple[Hold, ...]:
        """Suspensions and pauses in force."""
        return self.record.holds

    @property
    def missing(self) -> tuple[Asked, ...]:
        """What the framework still misses of the provider."""
        return tuple(item for item in self.asked if item.state != "held")

    @property
    def line(self) -> str:
        """The standing in one line: the lots by state."""
        if not self.lots:
            return "Not admitted"
        if len({standing.line for _, _, standing in self.lots}) == 1:
            return self.lots[0][2].line
        return ". ".join(
            f"Lot {code}: {standing.line[0].lower()}{standing.line[1:]}" for code, _, standing in self.lots
        )


async def on_frameworks(work: Work, provider_id: UUID | None = None) -> list[OnFramework]:
    """The actor's frameworks with a provider (or every provider) on them, by framework and provider's name."""
    found: list[OnFramework] = []
    today = local_day(work.now)
    for each in await my_frameworks(work):
        pack = await pack_of(work, each.id)
        titles = {lot.code: lot.title for lot in await lots(work, each.id)}
        wanted = None if provider_id is None else [provider_id]
        own = work.actor.commissioner_id
        # lot by lot, since a pause of one lot is one for that lot only
        judged: dict[UUID, list[tuple[str, str, Standing]]] = {}
        records: dict[UUID, ProviderRecord] = {}
        for code, title in titles.items():
            stand: list[Standing] = []
            for record in await provider_records(work, each.id, wanted, lot=code, commissioner_id=own):
                records[record.id] = record
                if any(admission.lot == code for admission in record.admissions):
                    stand.append(judge(pack, each.id, record, code, today))
            for standing in await dated(work, stand, work.now):
                judged.setdefault(standing.provider_id, []).append((code, title, standing))
        for record in sorted(records.values(), key=lambda record: (record.name, str(record.id))):
            placed = await asked_lots(work, record.id) if provider_id is not None else {}
            facts = await profile(work, record.id) if provider_id is not None else {}
            found.append(
                OnFramework(
                    each.id,
                    each.name,
                    each.led_by(own),
                    record,
                    tuple(judged.get(record.id, ())),
                    everything_asked(
                        pack,
                        today,
                        facts,
                        placed.get(each.id, ()),
                        await rejected_keys(work, record.id, each.id),
                        await unshown_keys(work, record.id),
                    )
                    if provider_id is not None
                    else (),
                    pack,
                )
            )
    return found


async def asked_lots(work: Work, provider_id: UUID) -> dict[UUID, set[str]]:
    """The lots a provider has applied to or was admitted to, by framework: what it is asked for there."""
    found: dict[UUID, set[str]] = {}
    for row in await work.fetch(
        "SELECT framework_id, lot_code FROM application WHERE provider_id = $1 AND state IN ('submitted', 'admitted')"
        " UNION SELECT framework_id, lot_code FROM admission WHERE provider_id = $1",
        provider_id,
    ):
        found.setdefault(row["framework_id"], set()).add(row["lot_code"])
    return found


async def rejected_keys(work: Work, provider_id: UUID, framework_id: UUID) -> set[str]:
    """What the framework's lead found wanting of the provider's newest declarations, until it is declared again."""
    rows = await work.fetch(
        "SELECT d.rule_key FROM (SELECT DISTINCT ON (rule_key) id, rule_key FROM declaration WHERE provider_id = $1"
        " ORDER BY rule_key, in_order DESC) d WHERE (SELECT a.verdict FROM declaration_assessment a WHERE"
        " a.framework_id = $2 AND a.provider_id = $1 AND a.declaration_id = d.id ORDER BY a.in_order DESC LIMIT 1)"
        " = 'rejected'",
        provider_id, framework_id,
    )  # fmt: skip
    return {row["rule_key"] for row in rows}


async def unshown_keys(work: Work, provider_id: UUID) -> set[str]:
    """What the provider's newest declarations say of which every file was refused or deleted since."""
    # a commissioner reaches files through the narrow function alone
    file = "declared_file(f.evidence_id)" if work.actor.commissioner_id else "evidence"
    rows = await work.fetch(
        "SELECT d.rule_key FROM (SELECT DISTINCT ON (rule_key) id, rule_key FROM declaration WHERE provider_id = $1"
        " ORDER BY rule_key, in_order DESC) d JOIN declaration_file f ON f.provider_id = $1 AND f.declaration_id = d.id"
        f" CROSS JOIN LATERAL (SELECT state <> 'refused' AND deleted_at IS NULL AS shows FROM {file} e"
        " WHERE e.provider_id = $1 AND e.id = f.evidence_id) e GROUP BY 1 HAVING NOT bool_or(e.shows)",
        provider_id,
    )
    return {row["rule_key"] for row in rows}


async def one_provider(work: Work, provider_id: UUID) -> list[OnFramework]:
    """A provider as a commissioner sees it: on the frameworks they share. Raises `NotFound` where there is none."""
    found = [each for each in await on_frameworks(work, provider_id) if each.lots or each.record.admissions]
    if not found:
        raise NotFound("There is no such provider on your frameworks.")
    return found


async def partner_suspensions(work: Work, provider_id: UUID) -> list[dict[str, Any]]:
    """Suspensions in force by partner commissioners for their own referrals, as the provider itself sees them."""
    rows = await work.fetch(
        "SELECT s.*, o.name AS commissioner_name, f.name AS framework_name FROM suspension s"
        " JOIN organisation o ON o.id = s.commissioner_id JOIN framework f ON f.id = s.framework_id"
        " WHERE s.provider_id = $1 AND in_force(s.starts_at, s.lifted_at, s.until_on, $2)"
        " ORDER BY s.starts_at",
        provider_id,
        work.now,
    )
    return [dict(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a suspension would meet among the actor's own commissioner's cases, counted before it is done.

    Not among them is what families with direct payments have asked of the provider and been offered: the family is the
    customer, and no council reads its requests or the answers (`m0041_enquiries`). A count is no way around that: with
    the few families that are looking at a time, one more or less tells whose request it is. Nothing is lost by it, as
    none of them can be agreed while the suspension lasts; what was agreed before is a package and is counted as one.
    """

    open_referrals: int
    open_offers: int
    awards_in_progress: int
    packages: int
    families: int
    coming_visits: int


async def suspension_effects(work: Work, framework_id: UUID, provider_id: UUID, lot_code: str | None = None) -> Effects:
    """Counts over cases, which lie to the right of providers: read by name only, under the actor's own policies."""
    row = await work.fetchrow(
        """
        SELECT
          (SELECT count(*) FROM referral r JOIN referral_reach x ON x.commissioner_id = r.commissioner_id
             AND x.referral_id = r.id AND x.round = r.round WHERE r.framework_id = $1 AND x.provider_id = $2
             AND x.reached AND r.state = 'broadcast' AND ($3::text IS NULL OR r.lot_code = $3)) AS open_referrals,
          (SELECT count(*) FROM offer o JOIN referral r ON r.commissioner_id = o.commissioner_id
             AND r.id = o.referral_id WHERE r.framework_id = $1 AND o.provider_id = $2 AND o.state = 'made'
             AND r.state = 'broadcast' AND ($3::text IS NULL OR r.lot_code = $3)) AS open_offers,
          (SELECT count(*) FROM package WHERE framework_id = $1 AND provider_id = $2 AND state = 'set_up'
             AND ($3::text IS NULL OR lot_code = $3)) AS awards_in_progress,
          (SELECT count(*) FROM package WHERE framework_id = $1 AND provider_id = $2 AND state = 'active'
             AND ($3::text IS NULL OR lot_code = $3)) AS packages,
          (SELECT count(DISTINCT child_id) FROM package WHERE framework_id = $1 AND provider_id = $2
             AND state = 'active' AND ($3::text IS NULL OR lot_code = $3)) AS families,
          (SELECT count(*) FROM visit WHERE framework_id = $1 AND provider_id = $2 AND outcome IS NULL
             AND actual_start IS NULL AND planned_start > $4 AND ($3::text IS NULL OR lot_code = $3)) AS coming_visits
        """,
        framework_id,
        provider_id,
        lot_code,
        work.now,
    )
    assert row is not None
    return Effects(**dict(row))


async def readiness_totals(work: Work, provider_id: UUID, on_framework: OnFramework) -> list[tuple[str, str, int, int]]:
    """(lot, title, ready, all) of a provider's workers: counts only, no worker's own record."""
    records = (await worker_records(work, [provider_id]))[provider_id]
    today = local_day(work.now)
    totals: list[tuple[str, str, int, int]] = []
    for code, title, _ in on_framework.lots:
        ready = sum(1 for record in records if judge_worker(on_framework.pack, record, code, (), today).ready)
        totals.append((code, title, ready, len(records)))
    return totals
