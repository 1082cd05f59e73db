"""Opening one package, plan or visit: everything its page shows, read and logged as a look in one unit (data.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.identity.permissions import may, permit
from marketplace.obligations.queries import duties_about
from marketplace.packages import boards, queries
from marketplace.packages.allocations import AllocationRow, allocation_now
from marketplace.packages.boards import VisitLine
from marketplace.packages.cancellation import terms_of
from marketplace.packages.documents import Document
from marketplace.packages.lapsed_cover import LapsedCover, covers_of, decisions_of
from marketplace.packages.overrun_decisions import longer_approved, longer_by
from marketplace.packages.placing import may_have_visits
from marketplace.packages.planning import pattern_of
from marketplace.packages.records import facts_of, missing_words
from marketplace.packages.review_queries import reviews_of
from marketplace.packages.reviewing import next_due
from marketplace.packages.states import visit_state
from marketplace.packages.tables import Correction, Package, PlanReview, PlanVersion, Visit, VisitRequest
from marketplace.packages.telling import BUYS, family_with
from marketplace.packages.visit_requests import latest_correction, requests_about
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.policy.cancelling import CancellationTerms
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import charged_percent
from marketplace.referrals import patterns
from marketplace.referrals.needs import titles

SAME_LOOK = timedelta(minutes=30)  # going back and forth between pages is one look, not several


@dataclass(frozen=True, slots=True)
class PackageFile:
    """An opened package."""

    now: datetime
    package: Package
    pack: Pack
    lot_title: str
    identity: Any  # child_identity row, None where it is closed
    needs: list[str]
    pattern: list[dict[str, Any]]
    pattern_lines: list[str]
    provider: Any
    commissioner_name: str
    referrer: Any
    mine: bool  # the acting referrer's own case
    family: list[Any]
    team: list[Any]
    plans: list[PlanVersion]
    plan: PlanVersion | None  # in force
    reviews: list[PlanReview]
    review_due: datetime | None  # from when on the one that comes next is late
    duties: list[Any]
    to_do_before_visits: list[str]
    look_at: list[VisitLine]
    coming: list[VisitLine]
    coming_total: int
    past: list[VisitLine]
    past_total: int
    looks: list[Any]
    story: list[dict[str, Any]]
    allocation: AllocationRow | None  # what the child may have, for its commissioner
    covers: list[LapsedCover]  # what of its provider's registration and insurance has lapsed


async def open_package(actor: Actor, package_id: UUID, *, why: str = "") -> PackageFile:
    """Open a package's page: a look, logged with who and why.

    The provider, an allocated worker, the family and the referrer whose case it is need no further reason; others give
    one. Raises `NotFound`, `NotPermitted`, `InvalidInput` for `why`.
    """
    async with unit_of_work(actor) as work:
        package = await queries.package(work, package_id)
        permit(actor, "package.read")
        mine = await log_look(work, package, why)
        pack = await queries.pack_for(work, package)
        plans = await queries.plans(work, package.id)
        in_force = next((each for each in plans if each.state == "signed"), None)
        pattern = patterns.stored(await pattern_of(work, package))
        coming, coming_total = await boards.visits_of_package(work, package.id, when="coming", size=8)
        past, past_total = await boards.visits_of_package(work, package.id, when="past", size=8)
        look_at, _ = await boards.visits_of_package(work, package.id, when="look", size=50)
        looks: list[Any] = []
        if mine and actor.commissioner_id is not None:
            looks = await work.fetch(
                "SELECT l.at, l.person_name, l.why, o.name AS organisation FROM look l LEFT JOIN"
                " organisation o ON o.id = l.for_organisation"
                " WHERE l.organisation_id = $1 AND l.subject_id = $2 ORDER BY l.at DESC, l.id DESC LIMIT 20",
                package.commissioner_id, package.child_id,
            )  # fmt: skip
        return PackageFile(
            now=work.now,
            package=package,
            pack=pack,
            lot_title=pack.lots[package.lot_code].title if package.lot_code in pack.lots else package.lot_code,
            identity=await queries.identity(work, package),
            needs=titles(pack, package.lot_code, package.needs),
            pattern=pattern,
            pattern_lines=patterns.summary(pattern, pack.activities),
            provider=await queries.provider_contacts(work, package.provider_id),
            commissioner_name=await _name(work, package.commissioner_id),
            referrer=await queries.referrer_of(work, package),
            mine=mine,
            family=await queries.family_contacts(work, package),
            team=await queries.team(work, package),
            plans=plans,
            plan=in_force,
            reviews=await reviews_of(work, package.id),
            review_due=await next_due(work, package),
            duties=[
                row for row in await _duties(work, package) if row["met_at"] is None and row["cancelled_at"] is None
            ],
            to_do_before_visits=await may_have_visits(work, package, pack),
            look_at=look_at,
            coming=coming,
            coming_total=coming_total,
            past=past,
            past_total=past_total,
            looks=looks,
            story=await _story(work, package, plans),
            allocation=await allocation_now(work, package.child_id) if may(actor, "budget.read") else None,
            covers=await covers_of(work, package) if package.state in ("set_up", "active") else [],
        )


async def log_look(work: Work, package: Package, why: str) -> bool:
    """Log that the case was opened; True for those whose own work it is. Raises `InvalidInput` where it asks why."""
    actor = work.actor
    reason = {"worker": "at the door", "family": "family member"}.get(actor.role, "their package")
    own = True
    if actor.commissioner_id is not None:
        found = await queries.referrer_of(work, package)
        own = actor.role == "referrer" and found is not None and found["person_id"] == actor.person_id
        if not own and not why.strip():
            raise InvalidInput({"why": "Enter why you need to see this package"})
        reason = "own case" if own else why.strip()[:500]
    said = f"{package.reference}: {reason}"
    lately = await work.fetchval(
        "SELECT 1 FROM look WHERE organisation_id = $1 AND subject_id = $2 AND person_id = $3 AND why = $4"
        " AND at > $5 LIMIT 1",
        package.commissioner_id, package.child_id, actor.person_id, said, work.now - SAME_LOOK,
    )  # fmt: skip
    if not lately:
        await work.look(package.commissioner_id, "child", package.child_id, said)
    return own


async def _name(work: Work, organisation_id: UUID) -> str:
    return await work.fetchval("SELECT name FROM organisation WHERE id = $1", organisation_id) or ""


async def _duties(work: Work, package: Package) -> list[Any]:
    return await work.fetch(
        "SELECT b.*, o.name AS owed_by_name FROM obligation b LEFT JOIN organisation o ON o.id = b.owed_by_organisation"
        " WHERE b.package_id = $1 ORDER BY b.due_at, b.id",
        package.id,
    )


async def _story(work: Work, package: Package, plans: list[PlanVersion]) -> list[dict[str, Any]]:
    """What happened to the package, newest first, from its own facts."""
    begun = "Awarded" if package.direct_payment_id is None else "Agreed by the family"
    entries: list[dict[str, Any]] = [{"title": begun, "at": package.awarded_at, "by": "", "text": ""}]

    def add(title: str, at: datetime | None, text: str = "", by: str = "") -> None:
        if at is not None:
            entries.append({"title": title, "at": at, "text": text, "by": by})

    add("Risk assessment arranged", package.risk_assessment_arranged_at)
    add("Risk assessment recorded as done", package.risk_assessment_done_at)
    for version in plans:
        add(f"Care plan version {version.version} shared for signing", version.shared_at)
        add(f"Care plan version {version.version} in force", version.signed_at)
        for row in await queries.signatures(work, package.commissioner_id, version.id):
            side = row["side"]
            if side == "referrer" and package.direct_payment_id is not None:
                side = "family in the council’s place"
            add(
                f"Care plan version {version.version} signed for the {side}",
                row["signed_at"],
                by=row["printed_name"],
            )
    for each in await reviews_of(work, package.id):
        add("Review of the care plan signed off", each.signed_off_at, by=each.signed_off_by_name or "")
    for row in await decisions_of(work, package):
        what = "Goes on" if row["goes_on"] else "Visits stopped"
        add(f"{what} while the provider's cover has lapsed", row["decided_at"], row["reason"], row["decided_by_name"])
    first = await work.fetchval(
        "SELECT min(actual_start) FROM visit WHERE commissioner_id = $1 AND package_id = $2",
        package.commissioner_id, package.id,
    )  # fmt: skip
    add("First visit", first)
    add("Award undone", package.undone_at, package.undone_reason or "")
    add("Ended", package.ended_at, package.ended_reason or "")
    order = sorted(enumerate(entries), key=lambda each: (each[1]["at"], each[0]), reverse=True)
    return [entry for _, entry in order]


@dataclass(frozen=True, slots=True)
class PlanFile:
    """An opened version of a plan, as it is shown and signed."""

    now: datetime
    version: PlanVersion
    package: Package
    text: Document
    signatures: list[Any]
    may_sign: bool
    in_referrers_place: bool  # of a package the reader's family pays for
    nobody_of_family_may: bool
    provider: Any
    earlier: list[PlanVersion]


async def open_plan(actor: Actor, plan_id: UUID, *, why: str = "") -> PlanFile:
    """Open a version of a plan: a look. Raises as `open_package`."""
    async with unit_of_work(actor) as work:
        version = await queries.plan(work, plan_id)
        package = await queries.package(work, version.package_id)
        permit(actor, "package.read")
        mine = await log_look(work, package, why)
        given = await queries.signatures(work, package.commissioner_id, plan_id)
        signers = await family_with(work, package, "sign_plan")
        by_me = any(row["person_id"] == actor.person_id for row in given)
        bought = package.direct_payment_id is not None
        buyers = await family_with(work, package, BUYS) if bought else []
        in_place = any(grant.person_id == actor.person_id for grant in buyers)
        family = in_place or any(grant.person_id == actor.person_id for grant in signers)
        right = mine and not bought if actor.role == "referrer" else family
        may_sign = may(actor, "plan.sign") and version.state == "shared" and right and not by_me
        earlier = [each for each in await queries.plans(work, package.id) if each.version < version.version]
        return PlanFile(
            work.now, version, package, await queries.plan_text(work, version, package), given, may_sign, in_place,
            not signers, await queries.provider_contacts(work, package.provider_id), earlier,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class VisitFile:
    """An opened visit, with what its reader may see of it."""

    now: datetime
    visit: Visit
    state: str
    package: Package
    pack: Pack
    activity: str
    identity: Any
    needs: list[str]
    workers: list[Any]
    mine: Any  # the acting worker's line of it, else None
    own_case: bool
    outcome_reason: str | None  # in the family's or the provider's words: for those who meet the child
    note: Any  # None where it is not the reader's to read
    text: Document | None
    closed: bool  # a record was written, and is not the reader's to read
    signatures: list[Any]
    missing: list[str]
    plan: PlanVersion | None
    provider: Any
    commissioner_name: str
    family: list[Any]
    confirmers: list[Any]  # family members whose confirmation counts; for those who meet the child
    may_confirm: bool
    overrun_minutes: int
    overrun_open: bool
    longer_approved: int  # minutes
    percent: int
    terms: CancellationTerms | None  # of a visit that did not take place, for those who may know its price
    may_call_off: bool
    asked: list[VisitRequest]
    correction: Correction | None  # the latest proposed that charges more, for those who meet the child
    reasons: dict[str, str]  # coded reasons of this framework
    recent: list[tuple[VisitLine, Any]]
    duties: list[Any]
    flags: list[str]  # why it may not go on as it is planned


async def open_visit(actor: Actor, visit_id: UUID, *, why: str = "") -> VisitFile:
    """Open a visit: a look. Its notes only for roles that may read them. Raises as `open_package`.

    A finance officer and another payer learn the visit's facts: nobody's name of the family, and nothing in its words.
    """
    async with unit_of_work(actor) as work:
        visit = await queries.visit(work, visit_id)
        permit(actor, "visit.read")
        package = await queries.package(work, visit.package_id)
        # of what a family buys, the council reads and decides nothing
        own_case = await log_look(work, package, why) and (actor.role == "family" or package.direct_payment_id is None)
        pack = await queries.pack_for(work, visit)
        day = local_day(visit.planned_start)
        theirs = actor.commissioner_id in (None, visit.commissioner_id)  # else of a council that pays a part of it
        reads = theirs and (may(actor, "visit_note.read") or may(actor, "visit_note.read_with_reason"))
        knows_child = theirs and (may(actor, "child.read") or may(actor, "child.read_with_reason"))
        note = await queries.visit_note(work, visit) if reads else None
        delivered = visit.outcome == "delivered"
        # Of what was written and is out of reach no empty record is shown above the hash of the full one.
        closed = delivered and visit.activities_recorded and note is None
        workers = await queries.visit_workers(work, visit)
        given = await queries.signatures(work, visit.commissioner_id, visit.id)
        confirmers = await family_with(work, package, "confirm_visits")
        confirmed = any(row["person_id"] == actor.person_id and row["text_hash"] == visit.record_hash for row in given)
        duties = await duties_about(work, visit.id)
        signed = [(row["printed_name"], row["signed_at"] is not None) for row in workers]
        begun = visit.outcome is not None or visit.planned_end <= work.now
        return VisitFile(
            now=work.now,
            visit=visit,
            state=visit_state(visit),
            package=package,
            pack=pack,
            activity=pack.activities.get(visit.activity, visit.activity),
            identity=await queries.identity(work, package) if knows_child else None,
            needs=titles(pack, package.lot_code, package.needs) if knows_child else [],
            workers=workers,
            mine=next((row for row in workers if row["worker_person_id"] == actor.person_id), None),
            own_case=own_case,
            outcome_reason=await queries.visit_reason(work, visit) if knows_child else None,
            note=note,
            text=await queries.record_text(work, visit) if reads and delivered and not closed else None,
            closed=closed,
            signatures=given,
            missing=missing_words(pack, visit, signed) if begun else [],
            plan=await queries.signed_plan(work, package.id),
            provider=await queries.provider_contacts(work, package.provider_id),
            commissioner_name=await _name(work, visit.commissioner_id),
            family=await queries.family_contacts(work, package) if knows_child else [],
            confirmers=confirmers if knows_child else [],
            may_confirm=actor.role == "family"
            and any(grant.person_id == actor.person_id for grant in confirmers)
            and visit.outcome == "delivered"
            and visit.activities_recorded
            and not visit.family_signed
            and not confirmed,
            overrun_minutes=longer_by(visit),
            overrun_open=any(
                row["rule_key"] == "task.approve_overrun" and row["met_at"] is None and row["cancelled_at"] is None
                for row in duties
            ),
            longer_approved=longer_approved(visit),
            percent=charged_percent(pack, facts_of(visit, signed)),
            terms=await terms_of(work, visit, visit.outcome, visit.notice_at)
            if visit.outcome not in (None, "delivered") and actor.role != "worker"
            else None,
            may_call_off=may(actor, "visit.call_off")
            and (own_case if actor.role != "family" else any(each.person_id == actor.person_id for each in confirmers)),
            correction=await latest_correction(work, visit) if knows_child and actor.role != "worker" else None,
            asked=await requests_about(work, visit) if knows_child and actor.role != "worker" else [],
            reasons={reason.code: reason.title for reason in pack.on(day).reasons("unsigned_visit")},
            recent=await boards.recent_records(work, package.id, before=visit.planned_start) if reads else [],
            duties=duties,
            flags=await queries.visit_flags(work, visit) if visit.outcome is None else [],
        )
