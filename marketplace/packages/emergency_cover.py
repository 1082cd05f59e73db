"""Emergency cover where a contract manager has stopped a package's visits because care may not lawfully go on (P 4.3).

A referral that starts from what was sent once already, with a shorter time to answer, authorised by name, for the days
of the visits that stand still. Once it is awarded, the visits it covers end at the provider that lapsed, at no charge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import cancel
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.allocations import budget_changes
from marketplace.packages.lapsed_visits import coming_visits
from marketplace.packages.placing import visits_stopped
from marketplace.packages.planning import pattern_of, when
from marketplace.packages.tables import Package, Visit
from marketplace.packages.telling import tell_family, tell_provider, tell_referrer
from marketplace.packages.visit_moving import keep_reason
from marketplace.packages.visit_requests import close_moves
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import end_of_day, local_day, midnight
from marketplace.policy.coverage import emergency_hours
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.policy.scope import needs_of
from marketplace.referrals import patterns
from marketplace.referrals.broadcasting import NobodyReached, send_in
from marketplace.referrals.drafting import new_draft
from marketplace.referrals.queries import referral as the_referral
from marketplace.referrals.tables import Referral
from marketplace.web.filters import count, day, moment


@dataclass(frozen=True, slots=True)
class EmergencyCover:
    """What was asked for a stopped package, and how far it is. `new_package_id` once it is agreed."""

    referral_id: UUID
    reference: str
    state: str
    respond_by: datetime | None
    answer_hours: int | None
    offers: int
    first_day: date
    last_day: date
    asked_at: datetime
    asked_by: str
    new_package_id: UUID | None
    new_reference: str | None
    new_provider: str | None

    @property
    def sought(self) -> bool:
        """Whether it is still being looked for."""
        return self.new_package_id is None and self.state in ("draft", "broadcast")

    @property
    def says(self) -> str:
        """How far it is, in a sentence."""
        days = f"{day(self.first_day)} to {day(self.last_day)}"
        if self.new_package_id is not None:
            return f"{self.new_provider} covers {days} (package {self.new_reference})."
        if self.state == "draft":
            return f"Cover for {days} is drafted as {self.reference}; the referrer has to complete and send it."
        if self.state == "broadcast" and self.respond_by is not None:
            until, offers = moment(self.respond_by), count(self.offers, "offer")
            return f"Cover for {days} is looked for as {self.reference}: answers until {until}, {offers} so far."
        return f"The search for cover for {days} ({self.reference}) was closed."


async def covers_sought(work: Work, package: Package) -> list[EmergencyCover]:
    """Every emergency cover asked for a package, the newest first; for the package's commissioner."""
    rows = await work.fetch(
        "SELECT c.*, r.reference, r.state, r.respond_by, r.answer_hours, p.id AS new_id, p.reference AS new_reference,"
        " o.name AS new_provider, (SELECT count(*) FROM offer f WHERE f.commissioner_id = r.commissioner_id"
        " AND f.referral_id = r.id AND f.state = 'made') AS offers"
        " FROM emergency_cover c JOIN referral r ON r.commissioner_id = c.commissioner_id AND r.id = c.referral_id"
        " LEFT JOIN package p ON p.commissioner_id = c.commissioner_id AND p.referral_id = c.referral_id"
        " AND p.state <> 'undone' LEFT JOIN organisation o ON o.id = p.provider_id"
        " WHERE c.commissioner_id = $1 AND c.package_id = $2 ORDER BY c.asked_at DESC, c.id",
        package.commissioner_id, package.id,
    )  # fmt: skip
    return [
        EmergencyCover(
            row["referral_id"], row["reference"], row["state"], row["respond_by"], row["answer_hours"], row["offers"],
            row["first_day"], row["last_day"], row["asked_at"], row["asked_by_name"], row["new_id"],
            row["new_reference"], row["new_provider"],
        )
        for row in rows
    ]  # fmt: skip


async def ask_cover(
    actor: Actor, package_id: UUID, *, reason: str, answer_hours: int | None = None
) -> tuple[UUID, str | None]:
    """Look for emergency cover of a package whose visits are stopped; the actor authorises it by name.

    Providers have `answer_hours` (default: the pack's). Returns the referral's id and, where it could not be sent at
    once, why: it is then a draft of the case's referrer. Raises `InvalidInput`, `NotFound`, and `Conflict` where visits
    are not stopped, the framework has no emergency track, or cover is looked for already.
    """
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        package = await queries.package(work, package_id, lock=True)
        if package.commissioner_id != actor.commissioner_id:
            raise NotFound
        return await cover_in(work, package, reason=reason, answer_hours=answer_hours)


async def cover_in(
    work: Work, package: Package, *, reason: str, answer_hours: int | None = None
) -> tuple[UUID, str | None]:
    """As `ask_cover`, within a unit that holds the package."""
    pack = await pack_of(work, package.framework_id)
    await _may_ask(work, package, pack)
    pathway = pack.on(local_day(work.now)).pathway
    hours = emergency_hours(pack, local_day(work.now), answer_hours)
    wrong: dict[str, str] = {}
    if hours is None:
        wrong["answer_hours"] = f"The hours to answer must be between 1 and {pathway.emergency_most_hours}"
    if is_blank(reason):
        wrong["reason"] = "Enter why; the provider and the referrer read it"
    if wrong:
        raise InvalidInput(wrong)
    first, last = await _days(work, package)
    assert package.referral_id is not None
    earlier = await the_referral(work, package.referral_id)
    await work.look(package.commissioner_id, "child", package.child_id, "looked for emergency cover")
    row = await new_draft(work, package.child_id, package.framework_id)
    values: dict[Any, Any] = _asked_as_before(pack, package, earlier) | {
        "pattern": patterns.stored(await pattern_of(work, package)), "starts_on": first, "ends_on": last,
        "answer_hours": hours, "emergency_by": work.actor.person_name,
    }  # fmt: skip
    await Referral.update(values).where(Referral.id == row.id)
    for name, value in values.items():
        setattr(row, name, value)
    await work.execute(
        "INSERT INTO emergency_cover (commissioner_id, package_id, provider_id, referral_id, first_day, last_day,"
        " reason, asked_at, asked_by, asked_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        package.commissioner_id, package.id, package.provider_id, row.id, first, last, reason.strip(), work.now,
        work.actor.person_id, work.actor.person_name,
    )  # fmt: skip
    unsent = await _send(work, row)
    work.audit(
        "package.cover_sought", "package", package.id, referral=row.id, hours=hours, first_day=first, last_day=last,
        authorised_by=work.actor.person_id, sent=unsent is None,
    )  # fmt: skip
    await _tell(work, package, row, first, last, unsent)
    return row.id, unsent


async def _may_ask(work: Work, package: Package, pack: Pack) -> None:
    if package.referral_id is None:
        raise Conflict("The family buys this support itself. Tell it which other providers it can ask.")
    if not pack.on(local_day(work.now)).pathway.emergency_track:
        raise Conflict("This framework has no emergency track. The referrer can move the package to another provider.")
    if not await visits_stopped(work, package):
        raise Conflict("The visits of this package are not stopped: decide that first.")
    for each in await covers_sought(work, package):
        if each.sought or (each.new_package_id is not None and each.last_day >= local_day(work.now)):
            raise Conflict(f"There is emergency cover already. {each.says}")


async def _days(work: Work, package: Package) -> tuple[date, date]:
    """From the first to the last of the visits that stand still; without any, the four weeks from tomorrow."""
    today = local_day(work.now)
    days = [local_day(row["planned_start"]) for row in await coming_visits(work, package)]
    first = max(min(days, default=today + timedelta(days=1)), today)
    return first, max(days, default=first + timedelta(days=27))


def _asked_as_before(pack: Pack, package: Package, earlier: Referral) -> dict[Any, Any]:
    """What was sent once: its words were checked then, so that nothing waits for them now."""
    kinds = {need.code: need.kind for need in needs_of(pack, package.lot_code)}
    return {
        "lot_code": package.lot_code,
        "needs": [code for code in package.needs if kinds.get(code) != "intervention"],
        "interventions": [code for code in package.needs if kinds.get(code) == "intervention"],
        "workers_per_visit": package.workers_per_visit,
        "area": earlier.area,
        "outcomes": earlier.outcomes,
        "activities": earlier.activities,
        "pen_portrait": earlier.pen_portrait,
        "anonymity_confirmed": earlier.anonymity_confirmed,
        "panel_approved_on": earlier.panel_approved_on,
        "copied_from": earlier.id,
        "referrer_id": package.referrer_id,  # whose case it is goes on with it
    }


async def _send(work: Work, row: Referral) -> str | None:
    """Sent, or why not yet: what then is to be done, in sentences."""
    try:
        await send_in(work, row)
    except InvalidInput as error:
        return ". ".join(dict.fromkeys(error.fields.values())) + "."
    except NobodyReached as error:
        return error.sentence
    return None


async def _tell(work: Work, package: Package, row: Referral, first: date, last: date, unsent: str | None) -> None:
    days = f"{day(first)} to {day(last)}"
    link = f"/referrals/{row.id}"
    said = f"Emergency cover of package {package.reference} is looked for, {days}: referral {row.reference}."
    if unsent is not None:
        said = f"Emergency cover of package {package.reference} waits for you: referral {row.reference} was not sent."
    await tell_referrer(work, package, said, link)
    await tell_provider(
        work, package, f"Emergency cover of package {package.reference} is looked for, {days}.",
        f"/packages/{package.id}",
    )  # fmt: skip
    await tell_family(
        work, package, "Another provider is being looked for at once, for the visits that are stopped.", "/today"
    )


async def cover_agreed(work: Work, made: Package) -> None:
    """An award: where it is emergency cover, the visits it covers end at the provider that lapsed, at no charge.

    Only while they are stopped: where they take place again meanwhile they stand, and the referrer is told. For the
    unit of the award. The family, the referrer, the provider and its workers are told.
    """
    row = await work.fetchrow(
        "UPDATE emergency_cover SET agreed_at = $3 WHERE commissioner_id = $1 AND referral_id = $2"
        " RETURNING package_id, first_day, last_day",
        made.commissioner_id, made.referral_id, work.now,
    )  # fmt: skip
    if row is None:
        return
    package = await queries.package(work, row["package_id"], lock=True)
    if not await visits_stopped(work, package):
        await _not_needed(work, package, made)
        return
    since = max(made.starts_on, row["first_day"])
    until = min(made.ends_on or row["last_day"], row["last_day"])
    visits = (
        await Visit.objects()
        .where(Visit.commissioner_id == package.commissioner_id)
        .where(Visit.package_id == package.id)
        .where(Visit.outcome.is_null())
        .where(Visit.actual_start.is_null())
        .where(Visit.planned_start >= max(midnight(since), work.now))
        .where(Visit.planned_start < end_of_day(until))
        .order_by(Visit.planned_start)
        .lock_rows()
    )
    for visit in visits:
        await _ends(work, package, visit)
    if visits:
        await budget_changes(work, package.commissioner_id, package.child_id)
    work.audit(
        "package.cover_agreed", "package", package.id, commissioner_id=package.commissioner_id, covers=made.id,
        provider=made.provider_id, visits=len(visits), first_day=since, last_day=until,
    )  # fmt: skip
    days = f"{day(since)} to {day(until)}"
    said = f"Emergency cover of package {package.reference} is agreed, {days}: package {made.reference}."
    ended = f" {count(len(visits), 'visit')} of the lapsed provider {'ends' if len(visits) == 1 else 'end'}."
    await tell_referrer(work, package, said + (ended if visits else ""), f"/packages/{made.id}")
    await tell_provider(
        work, package, f"Another provider covers package {package.reference}, {days}."
        + (f" Your {count(len(visits), 'visit')} in that time {'is' if len(visits) == 1 else 'are'} cancelled by your"
           " lapse: nothing is paid, nothing is charged to the family." if visits else ""),
        f"/packages/{package.id}",
    )  # fmt: skip
    await tell_family(
        work, package, f"Somebody else comes from {days} in place of the visits that are stopped.", "/who-is-coming"
    )


async def _not_needed(work: Work, package: Package, made: Package) -> None:
    """Agreed although the visits take place again: no visit of theirs ends by it, and somebody is sent twice."""
    work.audit(
        "package.cover_agreed", "package", package.id, commissioner_id=package.commissioner_id, covers=made.id,
        provider=made.provider_id, visits=0,
    )  # fmt: skip
    said = (
        f"Emergency cover of package {package.reference} is agreed as package {made.reference}, although its visits"
        " take place again: none of them has been cancelled. Undo the award unless both are needed."
    )
    await tell_referrer(work, package, said, f"/packages/{made.id}")


async def _ends(work: Work, package: Package, visit: Visit) -> None:
    """One visit does not take place by its provider's lapse: not charged, not to be made up, since it is covered."""
    await work.execute(
        "UPDATE visit SET outcome = 'cancelled_by_provider', outcome_at = $3, version = version + 1"
        " WHERE commissioner_id = $1 AND id = $2",
        visit.commissioner_id, visit.id, work.now,
    )  # fmt: skip
    await keep_reason(work, visit, "Covered by another provider: care could not lawfully go on here")
    await work.execute(
        "UPDATE visit_flag SET cleared_at = $3 WHERE commissioner_id = $1 AND visit_id = $2 AND cleared_at IS NULL",
        visit.commissioner_id, visit.id, work.now,
    )  # fmt: skip
    await cancel(work, visit.id)
    await close_moves(work, visit)
    said = f"The visit of package {package.reference} on {when(visit.planned_start)} is cancelled."
    for row in await work.fetch("SELECT * FROM free_visit_time($1, $2)", visit.commissioner_id, visit.id):
        await tell(work, said, "/now", person_id=row["person_id"])
    work.audit(
        "visit.cancelled_by_provider", "visit", visit.id, commissioner_id=visit.commissioner_id, percent=0,
        charged_pence=0, covered=True,
    )  # fmt: skip
