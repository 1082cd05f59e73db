"""A worker's own agreements: that families read their profile, and that their DBS status is checked. Given to what is
shown, taken back at once, by nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers.facts import PROFILE_CHECK, WorkerRecord
from marketplace.providers.profiles import preview
from marketplace.providers.queries import my_training
from marketplace.providers.workforce import tell_planners


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """A worker's own profile at one employer. `text_hash` is what an agreement names; `shown` are (framework, text)."""

    record: WorkerRecord
    provider_name: str
    shown: tuple[tuple[str, str], ...]
    asked_on: tuple[str, ...]  # lots where a profile is part of readiness
    dbs_agreed_at: datetime | None

    @property
    def text_hash(self) -> str:
        """Of the text families would read in the worker's own words."""
        return fingerprint(self.record.profile)


def fingerprint(text: str) -> str:
    """SHA-256 of a profile's text, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


async def my_profiles(work: Work) -> list[OwnProfile]:
    """The actor's own profile at each employer they have not left."""
    today = local_day(work.now)
    found: list[OwnProfile] = []
    for each in await my_training(work):
        if each.record.left_on is not None and each.record.left_on < today:
            continue
        shown: dict[str, str] = {}
        asked: list[str] = []
        for lot in each.lots:
            if not lot.fits:
                continue
            pack = lot.entry.pack
            shown.setdefault(lot.framework_name, preview(pack, each.record, today))
            rule = pack.on(today).worker_checks.get(PROFILE_CHECK)
            if rule is not None and rule.required:
                asked.append(lot.lot_title)
        agreed_at = await work.fetchval(
            "SELECT dbs_update_service_consent_at FROM worker_private WHERE provider_id = $1 AND worker_id = $2",
            each.record.provider_id, each.record.id,
        )  # fmt: skip
        found.append(OwnProfile(each.record, each.provider_name, tuple(shown.items()), tuple(asked), agreed_at))
    return found


async def _mine(work: Work, worker_id: UUID) -> OwnProfile:
    for each in await my_profiles(work):
        if each.record.id == worker_id:
            return each
    raise NotFound("There is no such profile of yours.")


async def agree_to_profile(actor: Actor, worker_id: UUID, *, agreed: bool, text_hash: str = "") -> None:
    """Families read the profile from now on, as it was shown; or no more, in offers and packages alike, from now on.

    Raises `NotFound`, `Conflict` where there is no text or it has changed since it was shown.
    """
    permit(actor, "profile.consent")
    async with unit_of_work(actor) as work:
        mine = await _mine(work, worker_id)
        record = mine.record
        if agreed and not record.profile.strip():
            raise Conflict("Your office has not written a profile yet.")
        if agreed and mine.text_hash != text_hash:
            raise Conflict("Your office has changed the text since you read it: read it again first.")
        if agreed == (record.profile_consent_at is not None):
            return  # pressed twice
        done = await work.fetchval(
            "SELECT my_profile_consent($1, $2, $3, $4)", record.provider_id, worker_id, agreed, record.profile
        )
        if not done:
            raise Conflict("Your office has changed the text since you read it: read it again first.")
        work.audit("worker.profile_agreed" if agreed else "worker.profile_withdrawn", "worker", worker_id)
        if not agreed and mine.asked_on:
            row = {"provider_id": record.provider_id, "id": worker_id}
            said = "A worker took back the agreement to their profile: look at the visits planned with them."
            await tell_planners(work, row, said)


async def agree_to_status_checks(actor: Actor, worker_id: UUID, *, agreed: bool) -> None:
    """The DBS status may be checked with the update service from now on; or nothing is asked any more."""
    permit(actor, "profile.consent")
    async with unit_of_work(actor) as work:
        mine = await _mine(work, worker_id)
        if agreed == (mine.dbs_agreed_at is not None):
            return
        await work.fetchval("SELECT my_dbs_consent($1, $2, $3)", mine.record.provider_id, worker_id, agreed)
        work.audit("worker.dbs_checks_agreed" if agreed else "worker.dbs_checks_withdrawn", "worker", worker_id)
