"""People and organisations: find or make a person, give and end roles, register an organisation.

The functions that take `work` are parts of other domains' changes (a worker with a sign-in, a family member with a
grant); those that take an actor are whole actions.
"""

from __future__ import annotations

import re
from uuid import UUID

import asyncpg

from marketplace.identity.links import invite
from marketplace.identity.names import is_name
from marketplace.identity.permissions import ROLE_NAMES, ROLES_OF_KIND, permit
from marketplace.platform.actor import Actor, OrganisationKind
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.web.forms import EMAIL

LONGEST_NAME = 120
COLOUR = re.compile(r"#[0-9a-f]{6}")
# Whoever has this role keeps the others' access in order: the last one stays.
KEEPERS: dict[str, str] = {
    "commissioner": "commissioner_admin",
    "provider": "provider_manager",
    "operator": "operator",
}


def clean_person(name: str, email: str) -> tuple[str, str]:
    """The name without needless spaces and the address in small letters; raises `InvalidInput`."""
    name, email = " ".join(name.split()), email.strip().lower()
    problems: dict[str, str] = {}
    if not is_name(name):
        problems["name"] = "Enter the person's full name"
    elif len(name) > LONGEST_NAME:
        problems["name"] = f"The name must be {LONGEST_NAME} characters or fewer"
    if not EMAIL.fullmatch(email):
        problems["email"] = "Enter an e-mail address in the correct format, like name@example.org"
    if problems:
        raise InvalidInput(problems)
    return name, email


async def find_or_create_person(work: Work, name: str, email: str, phone: str | None = None) -> UUID:
    """The person with this e-mail address, made if there is none. Who is known already keeps their name and phone.

    Says nothing about whether they were known. Raises `InvalidInput` for `name` or `email`.
    """
    name, email = clean_person(name, email)
    return await work.fetchval("SELECT person_find_or_create($1, $2, $3)", name, email, phone or None)


async def give_role(work: Work, person_id: UUID, role: str) -> UUID:
    """The membership of a person in the actor's organisation with this role, begun again if it had ended.

    The caller has checked that the actor may (people.write, workforce.write) and invites the person.
    """
    kind = work.actor.organisation_kind
    if kind is None or role not in ROLES_OF_KIND[kind]:
        raise NotPermitted("Your organisation does not have this role.")
    membership_id = await work.fetchval(
        """INSERT INTO membership (person_id, organisation_id, role, starts_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (person_id, organisation_id, role) DO UPDATE SET ended_at = NULL,
               starts_at = CASE WHEN membership.ended_at IS NULL THEN membership.starts_at ELSE excluded.starts_at END
           RETURNING id""",
        person_id,
        work.actor.organisation_id,
        role,
        work.now,
    )
    work.audit("role.given", "person", person_id, role=role)
    return membership_id


async def end_role_of(work: Work, person_id: UUID, role: str) -> bool:
    """End a person's role in the actor's organisation, and with it their sessions and tokens in it, at once.

    For other domains (a worker who left); True when there was one. The caller has checked that the actor may.
    """
    ended = await work.fetchval(
        "UPDATE membership SET ended_at = $4 WHERE person_id = $1 AND organisation_id = $2 AND role = $3"
        " AND ended_at IS NULL RETURNING id",
        person_id,
        work.actor.organisation_id,
        role,
        work.now,
    )
    if ended is not None:
        work.audit("role.ended", "person", person_id, role=role)
    return ended is not None


async def invite_colleague(actor: Actor, name: str, email: str, role: str) -> UUID:
    """Give somebody a role in my organisation and mail them how to sign in; answers the membership's id.

    Raises `InvalidInput` for `name`, `email` or `role`, `NotPermitted`.
    """
    permit(actor, "people.write")
    if role not in roles_to_give(actor):
        raise InvalidInput({"role": "Select what this person will do"})
    async with unit_of_work(actor) as work:
        person_id = await find_or_create_person(work, name, email)
        taken = await work.fetchval(
            "SELECT true FROM membership WHERE person_id = $1 AND organisation_id = $2 AND role = $3"
            " AND ended_at IS NULL",
            person_id,
            actor.organisation_id,
            role,
        )
        if taken:
            raise InvalidInput(
                {"email": f"This person is already a {ROLE_NAMES[role].lower()} of {actor.organisation_name}"}
            )
        membership_id = await give_role(work, person_id, role)
        await invite(work, person_id)
    return membership_id


async def end_role(actor: Actor, membership_id: UUID) -> None:
    """End a role in my organisation; whoever has it is signed out of it at once.

    Raises `NotFound`, and `Conflict` for the last person who can manage people.
    """
    permit(actor, "people.write")
    kind: OrganisationKind = actor.organisation_kind or "operator"
    async with unit_of_work(actor) as work:
        # All keepers' rows are locked, so that two cannot end one another at once.
        rows = await work.fetch(
            "SELECT id, person_id, role FROM membership WHERE organisation_id = $1 AND ended_at IS NULL"
            " AND (id = $2 OR role = $3) ORDER BY id FOR UPDATE",
            actor.organisation_id,
            membership_id,
            KEEPERS[kind],
        )
        row = next((row for row in rows if row["id"] == membership_id), None)
        if row is None:
            raise NotFound
        if row["role"] == KEEPERS[kind] and sum(each["role"] == KEEPERS[kind] for each in rows) == 1:
            raise Conflict(
                f"This is the only {ROLE_NAMES[row['role']].lower()} of {actor.organisation_name}:"
                " give somebody else this role first."
            )
        await work.execute("UPDATE membership SET ended_at = $2 WHERE id = $1", membership_id, work.now)
        work.audit("role.ended", "person", row["person_id"], role=row["role"])


def roles_to_give(actor: Actor) -> tuple[str, ...]:
    """The roles an administrator can give here; workers get theirs with their entry in the workforce."""
    return tuple(role for role in ROLES_OF_KIND[actor.organisation_kind or "advice"] if role != "worker")


async def register_organisation(
    actor: Actor,
    *,
    kind: str,
    name: str,
    short_name: str,
    administrator_name: str,
    administrator_email: str,
    colour: str = "#1d4f91",
) -> UUID:
    """Open a commissioner's or provider's place with its first administrator, who is mailed how to sign in.

    For operators. Raises `InvalidInput` naming `kind`, `name`, `short_name`, `colour`, `administrator_name` or
    `administrator_email`.
    """
    permit(actor, "operate")
    name, short_name, colour = " ".join(name.split()), " ".join(short_name.split()), colour.lower()
    problems: dict[str, str] = {}
    if kind not in ("commissioner", "provider"):
        problems["kind"] = "Select whether it is a commissioner or a provider"
    if not name or len(name) > LONGEST_NAME:
        problems["name"] = f"Enter the organisation's name, in at most {LONGEST_NAME} characters"
    if not short_name or len(short_name) > 40:
        problems["short_name"] = "Enter a short name, in at most 40 characters"
    if not COLOUR.fullmatch(colour):
        problems["colour"] = "Enter the colour as # and six digits or letters a to f, like #1d4f91"
    try:
        clean_person(administrator_name, administrator_email)
    except InvalidInput as error:
        problems |= {f"administrator_{field}": sentence for field, sentence in error.fields.items()}
    if problems:
        raise InvalidInput(problems)
    async with unit_of_work(actor) as work:
        person_id = await find_or_create_person(work, administrator_name, administrator_email)
        try:
            organisation_id: UUID = await work.fetchval(
                "SELECT organisation_register($1, $2, $3, $4, $5)", kind, name, short_name, colour, person_id
            )
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotPermitted from error
        work.audit("organisation.registered", "organisation", organisation_id, kind=kind, name=name)
        await invite(work, person_id)
    return organisation_id
