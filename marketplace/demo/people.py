"""The demo's people: how they get their places and their sign-ins, and as whom they then act."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from marketplace.demo.timeline import Story
from marketplace.identity import actions, people
from marketplace.identity.passwords import hash_secret
from marketplace.identity.sessions import places_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import outside_context

PASSWORD = "three quiet herons"  # noqa: S105 - everybody's, and printed by the loader: the demo keeps no secrets
PIN = "7391"
DOMAIN = "example.org"


@dataclass(slots=True)
class People:
    """Sign-ins of the story. Everybody has the one password, so its hash is made once."""

    password_hash: str
    pin_hash: str
    known: dict[str, UUID] = field(default_factory=dict)  # by e-mail address, everybody with a password

    async def sign_in(self, email: str, role: str, organisation_id: UUID | None = None) -> Actor:
        """The person of that address in that role, with a password from the first time on."""
        async with outside_context() as connection:
            row = await connection.fetchrow("SELECT * FROM sign_in_find($1)", email)
        assert row is not None, f"nobody was given a sign-in under {email}"
        person_id, name = row["person_id"], row["person_name"]
        place = next(
            each
            for each in await places_of(person_id)
            if each.role == role and (organisation_id is None or each.organisation_id == organisation_id)
        )
        actor = Actor(
            person_id, name, place.role, place.organisation_id, place.organisation_name, place.organisation_kind  # type: ignore[arg-type]
        )  # fmt: skip
        if email not in self.known:
            self.known[email] = person_id
            await actions.keep_password(actor, self.password_hash)
        return actor

    async def choose_pin(self, family: Actor) -> None:
        """A family member chooses the PIN with which visits are confirmed on a worker's device."""
        await actions.keep_pin(family, self.pin_hash)


async def first_people() -> People:
    """Nobody yet, but the password."""
    return People(await hash_secret(PASSWORD), await hash_secret(PIN))


async def register(
    story: Story, crowd: People, operator: Actor, kind: str, name: str, short: str, colour: str, person: str, email: str
) -> Actor:
    """An organisation with its first administrator or manager, who has signed in."""
    organisation_id = await people.register_organisation(
        operator, kind=kind, name=name, short_name=short, colour=colour, administrator_name=person,
        administrator_email=email,
    )  # fmt: skip
    role = "commissioner_admin" if kind == "commissioner" else "provider_manager"
    return await crowd.sign_in(email, role, organisation_id)


async def colleague(crowd: People, administrator: Actor, name: str, email: str, role: str) -> Actor:
    """Somebody the administrator has invited to a role, and who has signed in."""
    await people.invite_colleague(administrator, name, email, role)
    return await crowd.sign_in(email, role, administrator.organisation_id)
