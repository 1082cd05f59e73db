"""Councils, providers and people, made through the actions people use."""

from __future__ import annotations

import itertools
from uuid import UUID

from marketplace.identity import actions, people
from marketplace.identity.first_operator import make_first_operator
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.settings import Settings

PASSWORD = "lantern otter pavement"
_numbers = itertools.count(1)

NAMES = ("Ada Brook", "Ben Carrow", "Cora Dunn", "Dev Easton", "Elif Farrow", "Femi Garth", "Gwen Hale", "Hari Innes")


def an_email(name: str) -> str:
    """An address nobody else in this process has."""
    return f"{name.lower().replace(' ', '.')}.{next(_numbers)}@example.org"


async def operator(settings: Settings, name: str = "Opal Tor", email: str | None = None) -> Actor:
    """An operator of the deployment (one operators' organisation, however often it is asked for)."""
    return (await make_first_operator(settings, name, email or an_email(name)))[0]


async def council(settings: Settings, name: str = "Northgate Council", colour: str = "#1d4f91") -> Actor:
    """A commissioner's organisation; answers its administrator."""
    return await _organisation(settings, "commissioner", name, "commissioner_admin", colour)


async def provider_org(settings: Settings, name: str = "Kindly Care Ltd") -> Actor:
    """A provider's organisation; answers its manager."""
    return await _organisation(settings, "provider", name, "provider_manager", "#1d4f91")


async def _organisation(settings: Settings, kind: str, name: str, role: str, colour: str) -> Actor:
    by = await operator(settings, email="first.operator@example.org")
    person, email = NAMES[next(_numbers) % len(NAMES)], an_email("first")
    organisation_id = await people.register_organisation(
        by,
        kind=kind,
        name=name,
        short_name=name.split()[0],
        colour=colour,
        administrator_name=person,
        administrator_email=email,
    )
    async with unit_of_work(Actor(by.person_id, "", "system", organisation_id, name, kind)) as work:  # type: ignore[arg-type]
        person_id = await work.fetchval("SELECT person_id FROM membership WHERE organisation_id = $1", organisation_id)
    return Actor(person_id, person, role, organisation_id, name, kind)  # type: ignore[arg-type]


async def person_in(administrator: Actor, role: str, name: str | None = None, email: str | None = None) -> Actor:
    """Somebody with this role in the administrator's organisation."""
    name = name or NAMES[next(_numbers) % len(NAMES)]
    async with unit_of_work(administrator) as work:
        person_id = await people.find_or_create_person(work, name, email or an_email(name))
        await people.give_role(work, person_id, role)
    return Actor(
        person_id,
        name,
        role,  # type: ignore[arg-type]
        administrator.organisation_id,
        administrator.organisation_name,
        administrator.organisation_kind,
    )


async def family_member(by: Actor, name: str = "Fay Morrow", email: str | None = None) -> Actor:
    """A person as a family member would act; what they reach follows from the grants a referrer gives them."""
    async with unit_of_work(by) as work:
        person_id: UUID = await people.find_or_create_person(work, name, email or an_email(name))
    return Actor(person_id, name, "family")


async def with_password(actor: Actor, settings: Settings, password: str = PASSWORD) -> str:
    """Let somebody set their first password; answers their e-mail address."""
    await actions.change_password(actor, settings, "", password)
    async with unit_of_work(actor, read_only=True) as work:
        return await work.fetchval("SELECT email FROM person WHERE id = $1", actor.person_id)
