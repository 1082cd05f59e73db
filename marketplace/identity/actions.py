"""One's own account: signing in and out, choosing the place, passwords, PINs, sessions, tokens."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from marketplace.identity import attempts, tokens
from marketplace.identity.links import MAIL_LINK
from marketplace.identity.passwords import check_password, check_pin, hash_secret, needs_new_hash, secret_fits
from marketplace.identity.permissions import FRONT_DOORS, ROLE_NAMES
from marketplace.identity.sessions import Place, actor_from, digest, new_token, open_session, places_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import outside_context, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted, NotSignedIn
from marketplace.settings import Settings

log = structlog.get_logger()
NOT_RIGHT = "The e-mail address or the password is not right"


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has just proved who they are."""

    person_id: UUID
    person_name: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session's token; without a place, the person still has to choose among several."""

    token: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    expires_in: int
    refresh_token: str
    place: Place


async def prove(settings: Settings, email: str, password: str, network: str) -> Known:
    """Whose address and password these are. Takes as long, and says the same, whether the account exists or not.

    Raises `InvalidInput` for `password`, `TooManyAttempts`.
    """
    email = email.strip().lower()
    attempt = await attempts.begin(_key(settings), attempts.SIGN_IN, "sign-in", email, network=network)
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM sign_in_find($1)", email)
    stored = row["password_hash"] if row is not None else None
    if not await secret_fits(password, stored) or row is None or stored is None:
        log.info("sign-in refused")
        raise InvalidInput({"password": NOT_RIGHT})
    await attempt.worked()
    if needs_new_hash(stored):
        renewed = await hash_secret(password)
        async with outside_context() as connection:
            await connection.execute("SELECT password_rehash($1, $2, $3)", row["person_id"], stored, renewed)
    return Known(row["person_id"], row["person_name"])


async def sign_in(
    settings: Settings, door: str, email: str, password: str, *, network: str, device: str, replaces: str | None = None
) -> SignedIn:
    """Open a session at a front door. Raises like `prove`, and `NotPermitted` for somebody without a place there."""
    known = await prove(settings, email, password, network)
    places = await places_at(door, known.person_id)
    if not places:
        raise NotPermitted(await _where_else(settings, door, known.person_id))
    place = places[0] if len(places) == 1 else None
    token = await open_session(
        door, known.person_id, place, device=device, life=settings.session_absolute, replaces=replaces
    )
    log.info("signed in", person=str(known.person_id), door=door, role=place.role if place else None)
    return SignedIn(token, place)


async def places_at(door: str, person_id: UUID) -> list[Place]:
    """The places of a person that this front door admits."""
    return [place for place in await places_of(person_id) if place.role in FRONT_DOORS[door]]


async def choose_place(
    settings: Settings, door: str, person_id: UUID, key: str, *, token: str, device: str
) -> SignedIn:
    """Act from now on in the place named by `key`; the session's id changes. Raises `InvalidInput` for `place`."""
    place = next((each for each in await places_at(door, person_id) if each.key == key), None)
    if place is None:
        raise InvalidInput({"place": "Select the organisation and role you want to act for"})
    renewed = await open_session(door, person_id, place, device=device, life=settings.session_absolute, replaces=token)
    return SignedIn(renewed, place)


async def change_password(actor: Actor, settings: Settings, current: str, new: str) -> None:
    """Set my own password; every other session, token and link of mine ends.

    Somebody who has none yet needs no current one. Raises `InvalidInput` for `current` or `password`.
    """
    check_password(new, actor.person_name)
    async with unit_of_work(actor, read_only=True) as work:
        row = await work.fetchrow("SELECT * FROM own_credential()")
    if row is not None and row["password_hash"] is not None:
        key = (_key(settings), attempts.SIGN_IN, "change-password", str(actor.person_id))
        attempt = await attempts.begin(*key)
        if not await secret_fits(current, row["password_hash"]):
            raise InvalidInput({"current": "This is not your present password"})
        await attempt.worked()
    await keep_password(actor, await hash_secret(new))


async def keep_password(actor: Actor, hashed: str) -> None:
    """The change itself: a checked password, as its hash. The demo makes one hash for everybody."""
    async with unit_of_work(actor) as work:
        await work.execute("SELECT password_set($1, $2)", hashed, actor.session_id)
        work.audit("password.changed", "person", actor.person_id)
    log.info("password changed", person=str(actor.person_id))


async def ask_for_reset(settings: Settings, email: str, network: str) -> None:
    """Mail a link to this address if it is somebody's; the answer is the same either way."""
    email = email.strip().lower()
    await attempts.begin(_key(settings), attempts.LINK, "reset", email, network=network)
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT person_id FROM sign_in_find($1)", email)
    if row is not None:
        async with unit_of_work(Actor(row["person_id"], "The marketplace", "system")) as work:
            await work.enqueue(MAIL_LINK, {"person": row["person_id"], "kind": "reset"})


@dataclass(frozen=True, slots=True)
class LinkOwner:
    person_name: str
    email: str
    kind: str


async def look_at_link(token: str) -> LinkOwner:
    """Whose link it is, without using it. Raises `NotFound` once it was used or has run out."""
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM link_look($1)", digest(token))
    if row is None:
        raise NotFound("This link was used already or has run out. Ask for a new one on the sign-in page.")
    return LinkOwner(row["person_name"], row["email"], row["kind"])


async def use_link(token: str, password: str) -> None:
    """Set the password of the link's owner; the link is used up and every session of theirs ends.

    Raises `NotFound`, `InvalidInput` for `password`.
    """
    owner = await look_at_link(token)
    check_password(password, owner.person_name, owner.email)
    hashed = await hash_secret(password)
    async with outside_context() as connection:
        person_id = await connection.fetchval("SELECT link_use($1, $2)", digest(token), hashed)
    if person_id is None:
        raise NotFound("This link was used already or has run out. Ask for a new one on the sign-in page.")
    log.info("password set by link", person=str(person_id), kind=owner.kind)


async def end_session(actor: Actor, session_id: UUID) -> None:
    """End one of my own sessions. Raises `NotFound`."""
    async with unit_of_work(actor) as work:
        if not await work.fetchval("SELECT session_end_own($1)", session_id):
            raise NotFound("This session has already ended.")


async def set_pin(actor: Actor, pin: str) -> None:
    """Set my PIN, with which I confirm visits on a worker's device. For family members; raises `InvalidInput`."""
    if actor.role != "family":
        raise NotPermitted("Only family members confirm visits with a PIN.")
    check_pin(pin)
    await keep_pin(actor, await hash_secret(pin))


async def keep_pin(actor: Actor, hashed: str) -> None:
    """The change itself: a checked PIN, as its hash."""
    async with unit_of_work(actor) as work:
        await work.execute("SELECT pin_set($1)", hashed)
        work.audit("pin.set", "person", actor.person_id)


async def check_family_pin(actor: Actor, settings: Settings, person_id: UUID, pin: str) -> str:
    """The name of the family member whose PIN was typed on this worker's device; call it before opening a unit.

    Only for a worker allocated to a child whose visits this person may confirm: else `NotFound`. Raises `InvalidInput`
    for `pin`, and `TooManyAttempts`: the wait is this device's alone, for this person.
    """
    async with unit_of_work(actor, read_only=True) as work:
        row = await work.fetchrow("SELECT * FROM pin_find($1)", person_id)
    if row is None:
        raise NotFound
    if row["pin_hash"] is None:
        raise InvalidInput({"pin": f"{row['person_name']} has not set a PIN yet: confirm on their own device instead"})
    attempt = await attempts.begin(_key(settings), attempts.PIN, "pin", str(person_id), str(actor.person_id))
    if not await secret_fits(pin, row["pin_hash"]):
        raise InvalidInput({"pin": "This PIN is not right"})
    await attempt.worked()
    return row["person_name"]


# Tokens of the API


async def issue_tokens(
    settings: Settings, email: str, password: str, *, network: str, place_key: str | None = None
) -> TokenPair:
    """A first pair of tokens for one place. Raises like `prove`; `InvalidInput` for `place` lists the places."""
    known = await prove(settings, email, password, network)
    places = await places_of(known.person_id)
    chosen = [place for place in places if place_key in (None, place.key)]
    if len(chosen) != 1:
        names = "; ".join(f"{place.key} ({_describe(place)})" for place in places)
        raise InvalidInput({"place": f"Choose one of your places: {names or 'there is none'}"})
    place, line, refresh = chosen[0], uuid4(), new_token()
    async with outside_context() as connection:
        await connection.execute(
            "SELECT refresh_open($1, $2, $3, $4, $5, $6)",
            line,
            digest(refresh),
            known.person_id,
            place.membership_id,
            place.role == "family",
            settings.refresh_token_life,
        )
    access, seconds = tokens.issue(settings, tokens.Claims(known.person_id, place.membership_id, line))
    return TokenPair(access, seconds, refresh, place)


async def renew_tokens(settings: Settings, refresh_token: str) -> TokenPair:
    """The next pair. A token shown twice ends its whole family, for one of the two was stolen. Raises `NotSignedIn`."""
    following = new_token()
    async with outside_context() as connection:
        row = await connection.fetchrow("SELECT * FROM refresh_use($1, $2)", digest(refresh_token), digest(following))
    if row is not None and row["outcome"] == "reused":
        log.warning("refresh token used twice", family=str(row["family_id"]))
    actor = actor_from(row) if row is not None and row["outcome"] == "renewed" else None
    if row is None or actor is None:
        raise NotSignedIn("This refresh token cannot be used any more: sign in again.")
    place = Place(
        row["membership_id"],
        row["role"],
        row["organisation_id"],
        actor.organisation_name,
        row["organisation_kind"],
        row["colour"],
    )
    access, seconds = tokens.issue(settings, tokens.Claims(actor.person_id, place.membership_id, row["family_id"]))
    return TokenPair(access, seconds, following, place)


async def revoke_tokens(refresh_token: str) -> None:
    """End the family of this refresh token; its access tokens are refused at once. Unknown ones are passed over."""
    async with outside_context() as connection:
        await connection.execute("SELECT refresh_revoke($1)", digest(refresh_token))


def _key(settings: Settings) -> bytes:
    return settings.derived_key("subjects of sign-in attempts")


def _describe(place: Place) -> str:
    role = ROLE_NAMES[place.role]
    return f"{role} for {place.organisation_name}" if place.organisation_name else role


async def _where_else(settings: Settings, door: str, person_id: UUID) -> str:
    if not await places_of(person_id):
        return "Your sign-in has no role at present. Ask the organisation you work for, or the council."
    if door == "marketplace":
        return f"Your role uses the commissioner's console: sign in at {settings.admin_url}"
    return f"Your role uses the marketplace: sign in at {settings.marketplace_url}"
