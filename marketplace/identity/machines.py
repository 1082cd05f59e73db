"""Tokens of machines: a provider's rostering system sends and reads the roster with one, and reaches nothing else.

A manager issues it with a name and an end, sees when it was last used, and revokes it. What it does is done and audited
as a coordinator's doing in the manager's name, with the machine's beside it; it ends when the manager leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from marketplace.identity.permissions import permit
from marketplace.identity.sessions import digest, new_token
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted, NotSignedIn

PREFIX = "machine_"  # tells such a token from an access token, people and scanners of leaked secrets alike
SCOPE = "/api/v1/roster/"
LIVES = {30: "30 days", 90: "90 days", 365: "A year"}
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Machine:
    """A token as its provider sees it: never the token itself."""

    id: UUID
    name: str
    made_by_name: str
    made_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    maker_manages: bool

    @property
    def state(self) -> str:
        """working, expired, revoked, or ended with its maker, who manages the provider no more."""
        if self.revoked_at is not None:
            return "revoked"
        if not self.maker_manages:
            return "ended"
        return "expired" if self.expires_at <= datetime.now(UTC) else "working"


async def issue_machine_token(actor: Actor, *, name: str, days: int) -> str:
    """A new token for a rostering system, told this once. Raises `InvalidInput` naming `name` or `days`."""
    permit(actor, "machine_token.write")
    if actor.provider_id is None:
        raise NotPermitted
    name = " ".join(name.split())
    faults: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME:
        faults["name"] = f"Enter what the system is called, in {LONGEST_NAME} characters or fewer"
    if days not in LIVES:
        faults["days"] = "Select how long the token works: 30, 90 or 365 days"
    if faults:
        raise InvalidInput(faults)
    token = PREFIX + new_token()
    async with unit_of_work(actor) as work:
        try:
            token_id = await work.fetchval(
                """INSERT INTO machine_token (provider_id, name, token_hash, made_by, made_by_name, made_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
                actor.provider_id, name, digest(token), actor.person_id, actor.person_name, work.now,
                datetime.now(UTC) + timedelta(days=days),
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise InvalidInput({"name": "A token of this name stands already: revoke it first"}) from error
        work.audit("machine_token.issued", "machine_token", token_id, name=name, days=days)
    return token


async def revoke_machine_token(actor: Actor, token_id: UUID) -> None:
    """End a token at once; one that was revoked stays so."""
    permit(actor, "machine_token.write")
    async with unit_of_work(actor) as work:
        found = await work.fetchrow(
            "SELECT revoked_at FROM machine_token WHERE provider_id = $1 AND id = $2", actor.provider_id, token_id
        )
        if found is None:
            raise NotFound
        done = await work.execute(
            """UPDATE machine_token SET revoked_at = $3, revoked_by = $4
               WHERE provider_id = $1 AND id = $2 AND revoked_at IS NULL""",
            actor.provider_id, token_id, work.now, actor.person_id,
        )  # fmt: skip
        if done == "UPDATE 1":
            work.audit("machine_token.revoked", "machine_token", token_id)


async def machine_tokens(work: Work) -> list[Machine]:
    """The provider's tokens, those that stand first, the newest first."""
    rows = await work.fetch(
        """SELECT id, name, made_by_name, made_at, expires_at, last_used_at, revoked_at,
             EXISTS (SELECT FROM membership m WHERE m.person_id = t.made_by AND m.organisation_id = t.provider_id
                     AND m.role = 'provider_manager' AND m.ended_at IS NULL) AS maker_manages
           FROM machine_token t WHERE provider_id = $1 ORDER BY revoked_at IS NOT NULL, made_at DESC, id LIMIT 200""",
        work.actor.provider_id,
    )  # fmt: skip
    return [Machine(**dict(row)) for row in rows]


async def actor_of_machine(token: str, path: str) -> Actor:
    """Whom a machine's token stands for. Raises `NotSignedIn` when it is no more, `NotPermitted` outside its scope."""
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM machine_token_use($1)", digest(token))
    if row is None:
        raise NotSignedIn("This machine's token has expired or was revoked.")
    if not path.startswith(SCOPE):
        raise NotPermitted("This token is for the roster alone: it sends visits and reads the planned ones.")
    name = f"{row['name']}, issued by {row['person_name']}"
    return Actor(row["person_id"], name, "coordinator", row["organisation_id"], row["organisation_name"], "provider")
