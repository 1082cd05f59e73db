"""Giving, changing and ending a family member's access: by the referrer whose case it is, with a reason (domain 1)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from marketplace.identity.links import invite
from marketplace.identity.people import find_or_create_person
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.referrals.children import own_case
from marketplace.referrals.grants import RIGHTS
from marketplace.referrals.tables import FamilyGrant


async def grant_access(
    actor: Actor,
    child_id: UUID,
    *,
    name: str,
    email: str,
    phone: str | None = None,
    relation: str,
    rights: Collection[str],
    jointly: bool = False,
    starts_on: date | None = None,
    ends_on: date | None = None,
    reason: str = "",
) -> UUID:
    """Give a person access to a child's case, from today unless said otherwise, and invite them to sign in.

    Parental responsibility, court orders and a young person's own wishes decide it: `reason` says which.
    Raises `InvalidInput` naming the field, `NotFound`, `NotPermitted` for a case of another referrer's.
    """
    permit(actor, "grant.write")
    async with unit_of_work(actor) as work:
        child = await own_case(work, actor, child_id)
        first_day = starts_on or local_day(work.now)
        faults = _faults(rights, first_day, ends_on, local_day(work.now))
        for field, value, sentence in (
            ("name", name, "Enter the person's name"),
            ("email", email, "Enter an email address"),
            ("relation", relation, "Enter how this person is related to the child"),
        ):
            if not value.strip():
                faults[field] = sentence
        if faults:
            raise InvalidInput(faults)
        # held, so that a form sent twice does not give access twice: ending one would leave the other
        await work.fetchval(
            "SELECT 1 FROM child WHERE commissioner_id = $1 AND id = $2 FOR NO KEY UPDATE",
            child.commissioner_id, child_id,
        )  # fmt: skip
        person_id = await find_or_create_person(work, name.strip(), email.strip().lower(), phone)
        if await work.fetchval(
            "SELECT 1 FROM family_grant WHERE child_id = $1 AND person_id = $2 AND revoked_at IS NULL"
            " AND (ends_on IS NULL OR ends_on >= $3)",
            child_id, person_id, local_day(work.now),
        ):  # fmt: skip
            raise InvalidInput({"email": "This person already has access to the case. Change that access instead"})
        grant_id = await _insert(
            work, child.commissioner_id, child_id, person_id, relation, rights, jointly, first_day, ends_on, reason
        )
        await invite(work, person_id)
        await tell(work, "You have been given access to a child's case.", "/today", person_id=person_id)
        return grant_id


async def change_access(
    actor: Actor,
    grant_id: UUID,
    *,
    rights: Collection[str],
    jointly: bool,
    ends_on: date | None = None,
    reason: str = "",
) -> UUID:
    """Replace a person's rights at once; the earlier access stays on record as ended."""
    permit(actor, "grant.write")
    async with unit_of_work(actor) as work:
        row = await _standing_grant(work, actor, grant_id)
        today = local_day(work.now)
        faults = _faults(rights, today, ends_on, today)
        if faults:
            raise InvalidInput(faults)
        await _end(work, row, "Replaced by changed access")
        return await _insert(
            work,
            row.commissioner_id,
            row.child_id,
            row.person_id,
            row.relation,
            rights,
            jointly,
            today,
            ends_on,
            reason,
        )


async def revoke_access(actor: Actor, grant_id: UUID, *, reason: str) -> None:
    """End a person's access at once: their next click finds nothing. Raises `InvalidInput` without a reason."""
    permit(actor, "grant.write")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why the access ends"})
    async with unit_of_work(actor) as work:
        await _end(work, await _standing_grant(work, actor, grant_id), reason.strip())


async def _standing_grant(work: Work, actor: Actor, grant_id: UUID) -> FamilyGrant:
    row = await FamilyGrant.objects().where(FamilyGrant.id == grant_id).first().lock_rows("NO KEY UPDATE")
    if row is None:
        raise NotFound
    await own_case(work, actor, row.child_id)
    if row.revoked_at is not None:
        raise Conflict("This access has ended already.")
    return row


async def _end(work: Work, row: FamilyGrant, reason: str) -> None:
    await work.execute(
        "UPDATE family_grant SET revoked_at = $3, revoked_by = $4, revoke_reason = $5 WHERE commissioner_id ="
        " $1 AND id = $2",
        row.commissioner_id, row.id, work.now, work.actor.person_id, reason,
    )  # fmt: skip
    work.audit("grant.revoked", "child", row.child_id, grant=row.id, person=row.person_id)


async def _insert(
    work: Work, commissioner_id: UUID, child_id: UUID, person_id: UUID, relation: str, rights: Collection[str],
    jointly: bool, starts_on: date, ends_on: date | None, reason: str,
) -> UUID:  # fmt: skip
    chosen = [right for right in RIGHTS if right in rights]
    row = FamilyGrant(
        commissioner_id=commissioner_id, child_id=child_id, person_id=person_id, relation=relation.strip(),
        rights=chosen,
        jointly=jointly, starts_on=starts_on, ends_on=ends_on, granted_by=work.actor.person_id, granted_at=work.now,
        reason=reason.strip(),
    )  # fmt: skip
    await FamilyGrant.insert(row)
    work.audit("grant.given", "child", child_id, grant=row.id, person=person_id, rights=chosen, jointly=jointly)
    return row.id


def _faults(rights: Collection[str], starts_on: date, ends_on: date | None, today: date) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not rights:
        faults["rights"] = "Select what this person may see and do"
    elif set(rights) - set(RIGHTS):
        faults["rights"] = "Choose what this person may see and do from the list"
    if ends_on is not None and ends_on < max(starts_on, today):
        faults["ends_on"] = "The last day of access must not be before its first day or in the past"
    return faults
