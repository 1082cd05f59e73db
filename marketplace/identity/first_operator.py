"""The first operator of a deployment, for the command line: before there is one, nobody can register anybody."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.identity.links import LIFE, PATH
from marketplace.identity.people import clean_person
from marketplace.identity.sessions import digest, new_token
from marketplace.platform.actor import Actor
from marketplace.settings import Settings


async def make_first_operator(settings: Settings, name: str, email: str) -> tuple[Actor, str]:
    """The operator and the address at which they choose their password (seven days; give it to nobody else).

    Runs as the migrator. Called again for the same address it makes a new link. Raises `InvalidInput`.
    """
    name, email = clean_person(name, email)
    token = new_token()
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        async with connection.transaction():
            organisation: UUID = await connection.fetchval(
                "SELECT id FROM organisation WHERE kind = 'operator'"
            ) or await connection.fetchval(
                "INSERT INTO organisation (kind, name, short_name) VALUES ('operator', 'Operator', 'Operator')"
                " RETURNING id"
            )
            person: UUID = await connection.fetchval(
                "INSERT INTO person (name, email) VALUES ($1, $2)"
                " ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id",
                name,
                email,
            )
            await connection.execute(
                "INSERT INTO membership (person_id, organisation_id, role) VALUES ($1, $2, 'operator')"
                " ON CONFLICT (person_id, organisation_id, role) DO UPDATE SET ended_at = NULL",
                person,
                organisation,
            )
            await connection.execute(
                "INSERT INTO one_time_link (token_hash, person_id, kind, ends_at)"
                " VALUES ($1, $2, 'invitation', now() + $3)",
                digest(token),
                person,
                LIFE["invitation"],
            )
    finally:
        await connection.close()
    actor = Actor(person, name, "operator", organisation, "Operator", "operator")
    return actor, f"{settings.admin_url}{PATH}?link={token}"
