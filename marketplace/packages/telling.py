"""Whom a change of a package concerns: its provider's office, the referrer whose case it is, the family by right."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, owe
from marketplace.obligations.news import tell
from marketplace.packages import queries
from marketplace.packages.tables import Package
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.referrals.grants import Grant, grants_of, holders

BUYS = "spend"  # whose holders stand in the referrer's place where their direct payment pays


def provider_only(actor: Actor, permission: str) -> UUID:
    """The provider the actor plans for. Raises `NotPermitted` for a commissioner's people: they agree to its doings."""
    permit(actor, permission)
    if actor.provider_id is None:
        raise NotPermitted("The provider does this; you see it when it is done.")
    return actor.provider_id


def not_the_familys(package: Package) -> None:
    """Raise `Conflict` where a direct payment pays: what a council decides of a package is the family's there."""
    if package.direct_payment_id is not None:
        raise Conflict("The family pays for this support with its direct payment, and decides this itself.")


async def family_with(work: Work, package: Package, right: str) -> list[Grant]:
    """Who of the family has a right today, as far as the context sees (a family member sees only themself)."""
    return holders(await grants_of(work, package.child_id), right, local_day(work.now))


async def tell_family(work: Work, package: Package, sentence: str, link: str, right: str = "see_visits") -> None:
    """Tell every family member who has the right; of a package it pays for, whom it concerns twice hears it once."""
    once = f"{sentence} {work.now}" if package.direct_payment_id is not None else None
    for grant in await family_with(work, package, right):
        await tell(work, sentence, link, person_id=grant.person_id, once=once)


async def tell_referrer(work: Work, package: Package, sentence: str, link: str) -> None:
    """Tell the referrer whose case it is; of a package the family pays for, those who stand in the referrer's place."""
    if package.direct_payment_id is not None:
        theirs = "/who-is-coming" if link.startswith("/packages/") else link  # an office's page of a package
        await tell_family(work, package, sentence, theirs, BUYS)
        return
    await tell(work, sentence, link, organisation_id=package.commissioner_id, person_id=await _referrer(work, package))


async def tell_provider(work: Work, package: Package, sentence: str, link: str) -> None:
    """Tell the provider's office."""
    await tell(work, sentence, link, organisation_id=package.provider_id)


async def owe_referrer(
    work: Work, pack: Pack, package: Package, rule: str, title: str, subject_type: str, subject_id: UUID, link: str
) -> None:
    """Give the referrer whose case it is something to do, or those who stand in the referrer's place."""
    if package.direct_payment_id is not None:
        await owe_family(work, pack, package, rule, title, BUYS, subject_type, subject_id, link)
        return
    await owe(
        work, pack, rule, title=title, subject_type=subject_type, subject_id=subject_id, reference=package.reference,
        owed_by=Owed(package.commissioner_id, "referrer", await _referrer(work, package)),
        link=link, commissioner_id=package.commissioner_id, framework_id=package.framework_id,
        child_id=package.child_id, package_id=package.id,
    )  # fmt: skip


async def owe_family(
    work: Work, pack: Pack, package: Package, rule: str, title: str, right: str, subject_type: str, subject_id: UUID,
    link: str, starts_at: datetime | None = None,
) -> None:  # fmt: skip
    """Give every family member with a right something to do (from `starts_at`, default: now)."""
    for grant in await family_with(work, package, right):
        await owe(
            work, pack, rule, title=title, subject_type=subject_type, subject_id=subject_id,
            reference=package.reference, owed_by=Owed(person_id=grant.person_id), link=link, starts_at=starts_at,
            commissioner_id=package.commissioner_id, framework_id=package.framework_id, child_id=package.child_id,
            package_id=package.id,
        )  # fmt: skip


async def _referrer(work: Work, package: Package) -> UUID:
    found = await queries.referrer_of(work, package)
    return found["person_id"] if found is not None else package.referrer_id
