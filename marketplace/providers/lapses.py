"""What lapses next: every dated fact of a provider and its workers with its last good day, by the strictest pack.

The last good days are `policy.standing`'s; on the day after one, the fact counts no more. Read under row-level
security: a provider's own, or a worker's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import PERSONAL_ROLES
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.reminders import newest_warning
from marketplace.policy.requirements import asked_of_provider
from marketplace.policy.standing import check_current_until, competency_current_until, dbs_current_until
from marketplace.providers import queries
from marketplace.providers.facts import Competence, WorkerRecord, worker_records
from marketplace.web.filters import count, day

Kind = Literal["dbs", "registration", "competency", "check", "insurance", "declaration"]
SPANS = 3  # of the packs' warning days the farthest are what people look ahead by
NOT_READY = "not ready from the day after"
NO_COVER = "no new referrals from the day after, and coming visits are flagged"
AGAIN = "to be declared again"


@dataclass(frozen=True, slots=True)
class Lapse:
    """One fact that counts up to and including `until`. `worker_id` is None for what is the organisation's own.

    `pack` is the strictest of the packs that ask for it; its warnings are given. `then` says what follows.
    """

    kind: Kind
    code: str
    title: str
    until: date
    done_on: date | None
    pack: Pack
    then: str
    worker_id: UUID | None = None
    worker_name: str = ""
    person_id: UUID | None = None
    package_id: UUID | None = None

    @property
    def whose(self) -> str:
        """The worker's name, or the organisation."""
        return self.worker_name or "Our organisation"

    @property
    def act(self) -> tuple[str, str]:
        """(words, address) of the page that renews it, for the office."""
        if self.worker_id is None:
            return (
                ("Declare the new insurance", "/declarations/insurance")
                if self.kind == "insurance"
                else ("Declare it again", f"/declarations/{self.code}")
            )
        page = {"dbs": "dbs", "registration": "registration", "competency": "competency"}.get(self.kind, "check")
        words = {"dbs": "Record a check", "competency": "Record an assessment"}.get(self.kind, "Record it again")
        return words, f"/workforce/{self.worker_id}/{page}"

    def days_left(self, on: date) -> int:
        """How many days after `on` it still counts; below zero it has lapsed."""
        return (self.until - on).days

    def left(self, on: date) -> str:
        """The same in words."""
        days = self.days_left(on)
        if days < 0:
            return f"lapsed {count(-days, 'day')} ago"
        return "last good day is today" if days == 0 else f"{count(days, 'day')} left"

    def sentence(self, on: date, *, own: bool = False) -> str:
        """One line of a mail or of Today: whose, what, until when."""
        whose = "Your" if own else f"{self.whose}:"
        title = self.title[:1].lower() + self.title[1:] if own and not self.title[:2].isupper() else self.title
        return f"{whose} {title}, {'lapsed after' if self.until < on else 'good until'} {day(self.until)}"

    def warning(self, after: date | None, on: date) -> int | None:
        """The newest warning due since `after` (or since the fact was made), as days ahead; None where none is."""
        since = max((each for each in (after, self.done_on) if each is not None), default=None)
        return newest_warning(self.pack, self.until, since, on)


async def lapses(work: Work) -> list[Lapse]:
    """Everything dated of the acting provider, or of the acting worker alone; the first to lapse first.

    Raises `NotFound` for anybody else.
    """
    today = local_day(work.now)
    if work.actor.role not in PERSONAL_ROLES:
        return await lapses_of_provider(work)
    found: list[Lapse] = []
    for provider_id, worker_id, packs in await _my_places(work):
        records = await worker_records(work, [provider_id], worker_ids=[worker_id])
        found += [lapse for record in records[provider_id] for lapse in of_worker(packs, record, today)]
    return _in_order(found)


async def lapses_of_provider(work: Work, worker_ids: Sequence[UUID] | None = None, *, own: bool = True) -> list[Lapse]:
    """Everything dated of the acting provider's workers (or of these alone), and with `own` of the organisation.

    Raises `NotFound` for anybody but a provider.
    """
    provider_id, today = work.actor.provider_id, local_day(work.now)
    if provider_id is None:
        raise NotFound
    rows = await work.fetch("SELECT framework_id FROM my_provider_frameworks() ORDER BY 1")
    packs = [await pack_of(work, row["framework_id"]) for row in rows]
    found = await of_provider(work, packs, provider_id, today) if own else []
    if worker_ids is None or worker_ids:
        for record in (await worker_records(work, [provider_id], worker_ids=worker_ids))[provider_id]:
            found += of_worker(packs, record, today)
    return _in_order(found)


def _in_order(found: Iterable[Lapse]) -> list[Lapse]:
    return sorted(found, key=lambda each: (each.until, each.worker_name, each.title, str(each.worker_id)))


def spans_of(found: Sequence[Lapse]) -> list[int]:
    """How far ahead people look, in days, the shortest first: the farthest of the packs' warnings."""
    days = {ahead for lapse in found for ahead in lapse.pack.reminders.lapse_days}
    return sorted(sorted(days, reverse=True)[:SPANS])


def within(found: Iterable[Lapse], days: int, on: date) -> list[Lapse]:
    """Those that lapse in so many days, or have lapsed already."""
    return [lapse for lapse in found if lapse.until <= on + timedelta(days=days)]


async def of_provider(work: Work, packs: Sequence[Pack], provider_id: UUID, on: date) -> list[Lapse]:
    """What is the organisation's own: insurance, and what it declares again from time to time (L 10.2, P 10.1)."""
    profile = await queries.profile(work, provider_id)
    found: list[Lapse] = []
    for pack in (pack.on(on) for pack in packs):
        insured = next((row for row in pack.content.provider_requirements if row.key == "insurance"), None)
        if insured is not None and profile["insurance_until"] is not None:
            then = NO_COVER if insured.effect == "standing" else AGAIN
            found.append(Lapse("insurance", "insurance", "Insurance", profile["insurance_until"], None, pack, then))
        for item in asked_of_provider(pack, on, profile["declarations"]):
            if item.until is not None:
                found.append(Lapse("declaration", item.key, item.title, item.until, item.declared_on, pack, AGAIN))
    return _strictest(found)


def of_worker(packs: Sequence[Pack], worker: WorkerRecord, on: date) -> list[Lapse]:
    """What of a worker's evidence has a last good day: DBS check, registration, competencies, other checks."""
    found: list[Lapse] = []
    for pack in (pack.on(on) for pack in packs):
        found += _checks(pack, worker)
        role = pack.roles.get(worker.role)
        if role is not None and role.registration and worker.registration_until is not None and worker.fit_to_practise:
            title = f"Registration: {role.registration}"
            found.append(_lapse(worker, "registration", "registration", title, worker.registration_until, None, pack))
        for record in _newest_sign_offs(worker):
            known = pack.competencies.get(record.code)
            until = competency_current_until(pack, record.code, record.assessed_on) if known is not None else None
            if known is not None and until is not None:
                title = known.title + (" (for one package)" if record.for_package_id is not None else "")
                code, package = record.code, record.for_package_id
                found.append(_lapse(worker, "competency", code, title, until, record.assessed_on, pack, package))
    return _strictest(found)


def _checks(pack: Pack, worker: WorkerRecord) -> list[Lapse]:
    found: list[Lapse] = []
    for check in pack.content.worker_checks:
        if check.evidence == "dbs" and worker.facts.dbs_checked_on is not None:
            done = worker.facts.dbs_checked_on
            found.append(_lapse(worker, "dbs", check.key, "DBS check", dbs_current_until(pack, done), done, pack))
        elif check.evidence == "record" and (check.when != "driving" or worker.drives_children):
            records = [record for record in worker.checks if record.code == check.key]
            ends = [(check_current_until(pack, check.key, r.done_on, r.valid_until), r.done_on) for r in records]
            # the record that lasts longest is the one that counts; one without an end does not lapse
            if ends and all(until is not None for until, _ in ends):
                until, done = max((until, done) for until, done in ends if until is not None)
                found.append(_lapse(worker, "check", check.key, check.title, until, done, pack))
    return found


def _newest_sign_offs(worker: WorkerRecord) -> list[Competence]:
    """Of each competency the newest sign-off that counts everywhere, and for one package where that one is newer."""
    best: dict[tuple[str, UUID | None], Competence] = {}
    for record in worker.competencies:  # newest first
        if record.withdrawn_at is None and record.assessor:
            best.setdefault((record.code, record.for_package_id), record)
    general = {code: record.assessed_on for (code, package), record in best.items() if package is None}
    return [
        record
        for (code, package), record in best.items()
        if package is None or record.assessed_on > general.get(code, date.min)
    ]


def _lapse(
    worker: WorkerRecord, kind: Kind, code: str, title: str, until: date, done_on: date | None, pack: Pack,
    package_id: UUID | None = None,
) -> Lapse:  # fmt: skip
    return Lapse(
        kind, code, title, until, done_on, pack, NOT_READY, worker.id, worker.name, worker.person_id, package_id
    )


def _strictest(found: Iterable[Lapse]) -> list[Lapse]:
    """Of what several packs ask the one that ends first."""
    first: dict[tuple[str, str, UUID | None, UUID | None], Lapse] = {}
    for lapse in found:
        key = (lapse.kind, lapse.code, lapse.worker_id, lapse.package_id)
        if key not in first or lapse.until < first[key].until:
            first[key] = lapse
    return list(first.values())


async def _my_places(work: Work) -> list[tuple[UUID, UUID, list[Pack]]]:
    """The acting person's own records as a worker, with the packs of the frameworks that employer is admitted to."""
    rows = await work.fetch(
        "SELECT provider_id, id FROM worker WHERE person_id = $1 ORDER BY provider_id", work.actor.person_id
    )
    places = await work.fetch("SELECT DISTINCT provider_id, framework_id FROM my_workplace_lots() ORDER BY 1, 2")
    return [
        (
            row["provider_id"],
            row["id"],
            [
                await pack_of(work, place["framework_id"])
                for place in places
                if place["provider_id"] == row["provider_id"]
            ],
        )
        for row in rows
    ]
