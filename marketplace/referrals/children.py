"""Children: a random reference in one table, who they are in another that opens to a provider only at award.

A referrer works on their own cases; another referrer of the council takes a case over first, with a reason. Opening a
child's identity is a look that is logged (data.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from marketplace.identity.permissions import may, permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.referrals import anonymity, queries
from marketplace.referrals.references import new_reference
from marketplace.referrals.tables import Child, ChildIdentity

POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})")
OWN_CASE = "own case"


class ChildDetails(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who the child is. `other_names` are the names of the family, one a line: free text is checked against them."""

    name: str
    date_of_birth: date
    address: str = ""
    postcode: str = ""
    phone: str = ""
    at_the_door: str = ""
    other_names: str = ""


@dataclass(frozen=True, slots=True)
class ChildLine:
    """A child in a list; `name` is given for one's own cases only."""

    id: UUID
    reference: str
    name: str | None
    referrer_name: str
    mine: bool
    created_at: datetime
    open_referrals: int


@dataclass(frozen=True, slots=True)
class ChildFile:
    """An opened child's record."""

    child: Child
    identity: ChildIdentity
    referrer_name: str
    mine: bool
    siblings: tuple[str, ...]  # references
    referrals: tuple[Any, ...]
    looks: tuple[Any, ...]


async def add_child(
    actor: Actor, details: ChildDetails, *, sibling_of: UUID | None = None, although_known: bool = False
) -> UUID:
    """Take a child on as one's own case, under a new random reference; `sibling_of` puts it into that child's family.

    Raises `InvalidInput` naming the field, also where a child of this name and birthday is known (`although_known`
    says that it is another one), `NotFound` for a sibling out of reach.
    """
    permit(actor, "child.write")
    async with unit_of_work(actor) as work:
        details = _checked(details, local_day(work.now))
        known = await work.fetchval(
            "SELECT c.reference FROM child_identity i JOIN child c ON c.commissioner_id = i.commissioner_id AND"
            " c.id = i.child_id"
            " WHERE i.commissioner_id = app_commissioner() AND lower(i.name) = lower($1) AND i.date_of_birth = $2",
            details.name, details.date_of_birth,
        )  # fmt: skip
        if known and not although_known:
            raise InvalidInput({"name": f"A child with this name and date of birth is known already as {known}"})
        row = Child(
            commissioner_id=actor.commissioner_id,
            reference=new_reference("C"),
            referrer_id=actor.person_id,
            created_at=work.now,
        )
        if sibling_of is not None:
            row.family_id = (await own_case(work, actor, sibling_of)).family_id
        await Child.insert(row)
        await ChildIdentity.insert(
            ChildIdentity(commissioner_id=row.commissioner_id, child_id=row.id, **msgspec.structs.asdict(details))
        )
        work.audit("child.added", "child", row.id, reference=row.reference)
        return row.id


async def change_child(actor: Actor, child_id: UUID, details: ChildDetails) -> None:
    """Replace what is known of a child's identity. Raises `InvalidInput`, `NotFound`, `NotPermitted`."""
    permit(actor, "child.write")
    async with unit_of_work(actor) as work:
        child = await own_case(work, actor, child_id)
        details = _checked(details, local_day(work.now))
        before = await _identity(work, child)
        changed = [field for field, value in msgspec.structs.asdict(details).items() if getattr(before, field) != value]
        await (
            ChildIdentity.update(msgspec.structs.asdict(details))  # type: ignore[arg-type] - columns by name
            .where(ChildIdentity.commissioner_id == child.commissioner_id)
            .where(ChildIdentity.child_id == child_id)
        )
        work.audit("child.changed", "child", child_id, fields=changed)


async def take_over_case(actor: Actor, child_id: UUID, *, reason: str) -> None:
    """Make a colleague's case one's own, with the reason: cover, a hand-over. Raises `InvalidInput` without one."""
    permit(actor, "child.write")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why you take this case over"})
    async with unit_of_work(actor) as work:
        child = await queries.child(work, child_id)
        await anonymity.name_nobody(work, child.commissioner_id, child.id, "reason", reason, anonymity.KEPT)
        await Child.update({Child.referrer_id: actor.person_id}).where(Child.id == child_id)
        # what still runs goes along: the duties of the case are the new referrer's
        for table, states in (("referral", ["draft", "broadcast"]), ("package", ["set_up", "active"])):
            await work.execute(
                f"UPDATE {table} SET referrer_id = $3"  # noqa: S608 - our own two names
                " WHERE commissioner_id = $1 AND child_id = $2 AND state = ANY ($4)",
                child.commissioner_id, child.id, actor.person_id, states,
            )  # fmt: skip
        work.audit("child.taken_over", "child", child_id, before=child.referrer_id, reason=reason.strip())


async def open_child(actor: Actor, child_id: UUID, *, why: str = "") -> ChildFile:
    """Open a child's record: a look, logged with who and why.

    One's own case needs no further reason; a colleague and a contract manager give one. Raises `NotFound`, then
    `NotPermitted` for roles that meet no child, `InvalidInput` where the reason is missing.
    """
    async with unit_of_work(actor) as work:
        child = await queries.child(work, child_id)
        if not may(actor, "child.read") and not may(actor, "child.read_with_reason"):
            permit(actor, "child.read")
        mine = may(actor, "child.read") and child.referrer_id == actor.person_id
        if not mine and not why.strip():
            raise InvalidInput({"why": "Enter why you need to see this child's record"})
        await work.look(child.commissioner_id, "child", child.id, OWN_CASE if mine else why.strip())
        siblings = await work.fetch(
            "SELECT reference FROM child WHERE commissioner_id = $1 AND family_id = $2 AND id <> $3 ORDER BY reference",
            child.commissioner_id, child.family_id, child.id,
        )  # fmt: skip
        referrals = await work.fetch(
            "SELECT id, reference, state, lot_code, starts_on, changed_at FROM referral WHERE commissioner_id ="
            " $1 AND child_id = $2"
            " AND (state <> 'draft' OR closed_at IS NULL) ORDER BY created_at DESC",
            child.commissioner_id, child.id,
        )  # fmt: skip
        # who looked is shown to those whose case it is and to contract managers (data.md), not to a colleague
        looks = [] if actor.role == "referrer" and not mine else await work.fetch(
            "SELECT at, person_name, why FROM look WHERE organisation_id = $1 AND subject_id = $2 ORDER BY at"
            " DESC, id DESC LIMIT 20",
            child.commissioner_id, child.id,
        )  # fmt: skip
        name = await work.fetchval("SELECT name FROM person WHERE id = $1", child.referrer_id)
        identity = await _identity(work, child)
        return ChildFile(
            child, identity, name or "A colleague", mine, tuple(row["reference"] for row in siblings), tuple(referrals),
            tuple(looks),
        )  # fmt: skip


async def children(work: Work, *, mine: bool = True, text: str = "") -> list[ChildLine]:
    """The commissioner's children: one's own with names, by name; colleagues' by reference only."""
    rows = await work.fetch(
        """
        SELECT c.id, c.reference, CASE WHEN c.referrer_id = app_person() THEN i.name END AS name,
               coalesce(p.name, 'A colleague') AS referrer_name, c.referrer_id = app_person() AS mine, c.created_at,
               (SELECT count(*) FROM referral r WHERE r.commissioner_id = c.commissioner_id AND r.child_id = c.id
                AND (r.state = 'broadcast' OR r.state = 'draft' AND r.closed_at IS NULL)) AS open_referrals
        FROM child c JOIN child_identity i ON i.commissioner_id = c.commissioner_id AND i.child_id = c.id
        LEFT JOIN person p ON p.id = c.referrer_id
        WHERE c.commissioner_id = app_commissioner() AND (NOT $1 OR c.referrer_id = app_person())
          AND ($2 = '' OR strpos(lower(c.reference), lower($2)) > 0 OR c.referrer_id = app_person() AND strpos(lower(i.name), lower($2)) > 0)
        ORDER BY (c.referrer_id = app_person()) DESC, name, c.reference LIMIT 500
        """,  # noqa: E501 - laid out as SQL
        mine, text.strip(),
    )  # fmt: skip
    return [ChildLine(**dict(row)) for row in rows]


async def own_case(work: Work, actor: Actor, child_id: UUID) -> Child:
    """The child, if it is the actor's own case. Raises `NotFound` before `NotPermitted`."""
    child = await queries.child(work, child_id)
    if child.referrer_id != actor.person_id:
        raise NotPermitted(f"{child.reference} is a colleague's case. Take the case over first, with your reason.")
    return child


async def _identity(work: Work, child: Child) -> ChildIdentity:
    found = (
        await ChildIdentity.objects()
        .where(ChildIdentity.commissioner_id == child.commissioner_id)
        .where(ChildIdentity.child_id == child.id)
        .first()
    )
    assert found is not None  # written with the child, in one unit
    return found


def _checked(details: ChildDetails, today: date) -> ChildDetails:
    faults: dict[str, str] = {}
    postcode = " ".join(details.postcode.upper().split())
    match = POSTCODE.fullmatch(postcode.replace(" ", ""))
    if not details.name.strip():
        faults["name"] = "Enter the child's name"
    if details.date_of_birth > today:
        faults["date_of_birth"] = "The date of birth must be today or in the past"
    if postcode and not match:
        faults["postcode"] = "Enter a full UK postcode, like SE13 6LT"
    for field, most in (("name", 200), ("address", 1000), ("phone", 50), ("at_the_door", 2000), ("other_names", 2000)):
        if len(getattr(details, field)) > most:
            faults[field] = f"This must be {most:,} characters or fewer"
    if faults:
        raise InvalidInput(faults)
    return ChildDetails(
        name=" ".join(details.name.split()),
        date_of_birth=details.date_of_birth,
        address=details.address.strip(),
        postcode=f"{match[1]} {match[2]}" if match else "",
        phone=details.phone.strip(),
        at_the_door=details.at_the_door.strip(),
        other_names=details.other_names.strip(),
    )
