"""The API of sign-in, one's own account, people and organisations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.identity import actions, people, queries, tokens
from marketplace.identity.context import network, settings_of
from marketplace.identity.guards import requires, signed_in
from marketplace.identity.schemas import (
    Created,
    Invitation,
    LinkPassword,
    Me,
    Member,
    NewOrganisation,
    NewPassword,
    NewPin,
    RefreshRequest,
    ResetRequest,
    Session,
    TokenRequest,
    TokenResponse,
)
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, NotSignedIn, TooManyAttempts

PUBLIC = {"public": True}
SIGN_IN = ["Sign-in"]
PEOPLE = ["People"]


@post("/api/v1/token", opt=PUBLIC, tags=SIGN_IN, status_code=200, raises=[TooManyAttempts], security=[{}])  # type: ignore[list-item]
async def get_token(request: Request[Any, Any, Any], data: JSONBody[TokenRequest]) -> TokenResponse:
    """An access token for one of your places, and a refresh token that gets the next one."""
    if data.family and data.membership_id:
        raise InvalidInput({"family": "Ask for a membership or for the family's place, not both."})
    key = "family" if data.family else str(data.membership_id) if data.membership_id else None
    try:
        pair = await actions.issue_tokens(
            settings_of(request), data.email, data.password, network=network(request), place_key=key
        )
    except InvalidInput as error:
        raise InvalidInput(
            {"membership_id" if field == "place" else field: sentence for field, sentence in error.fields.items()}
        ) from error
    return _tokens(pair)


@post("/api/v1/token/refresh", opt=PUBLIC, tags=SIGN_IN, status_code=200, raises=[NotSignedIn], security=[{}])  # type: ignore[list-item]
async def refresh_token(request: Request[Any, Any, Any], data: JSONBody[RefreshRequest]) -> TokenResponse:
    """The next pair of tokens. A refresh token works once; used again, it ends all that came from its sign-in."""
    return _tokens(await actions.renew_tokens(settings_of(request), data.refresh_token))


@post("/api/v1/token/revoke", opt=PUBLIC, tags=SIGN_IN, status_code=204, security=[{}])
async def revoke_token(data: JSONBody[RefreshRequest]) -> None:
    """Ends the refresh token and every access token that came from the same sign-in, at once."""
    await actions.revoke_tokens(data.refresh_token)


@get("/.well-known/jwks.json", opt=PUBLIC, tags=SIGN_IN, security=[{}])
async def json_web_key_set(request: Request[Any, Any, Any]) -> dict[str, list[dict[str, Any]]]:
    """The public keys of the access tokens."""
    return tokens.key_set(settings_of(request))


@post("/api/v1/password-reset", opt=PUBLIC, tags=SIGN_IN, status_code=202, raises=[TooManyAttempts], security=[{}])  # type: ignore[list-item]
async def ask_for_reset(request: Request[Any, Any, Any], data: JSONBody[ResetRequest]) -> None:
    """Mails a link to choose a new password, if there is such an account."""
    await actions.ask_for_reset(settings_of(request), data.email, network(request))


@post("/api/v1/set-password", opt=PUBLIC, tags=SIGN_IN, status_code=204, security=[{}])
async def set_password_by_link(data: JSONBody[LinkPassword]) -> None:
    """Sets the password of the owner of a one-time link. 404 once the link was used or has run out."""
    await actions.use_link(data.link, data.password)


@get("/api/v1/me", guards=[signed_in], tags=SIGN_IN)
async def who_am_i(request: Request[Any, Any, Any]) -> Me:
    """As whom this token or session acts."""
    actor = request.user
    return Me(actor.person_id, actor.person_name, actor.role, actor.organisation_id, actor.organisation_name)


@get("/api/v1/me/sessions", guards=[signed_in], tags=SIGN_IN)
async def my_sessions(request: Request[Any, Any, Any]) -> list[Session]:
    """Where I am signed in with a browser."""
    rows = await ask(request.user, queries.my_sessions, settings_of(request).session_idle)
    return [Session(**row) for row in rows]


@delete("/api/v1/me/sessions/{session_id:uuid}", guards=[signed_in], tags=SIGN_IN)
async def end_session(request: Request[Any, Any, Any], session_id: FromPath[UUID]) -> None:
    """Signs one of my browsers out."""
    await actions.end_session(request.user, session_id)


@post("/api/v1/me/password", guards=[signed_in], tags=SIGN_IN, status_code=204, raises=[TooManyAttempts])  # type: ignore[list-item]
async def change_password(request: Request[Any, Any, Any], data: JSONBody[NewPassword]) -> None:
    """Changes my password; every session and token of mine ends, this one too."""
    await actions.change_password(request.user, settings_of(request), data.current, data.password)


@post("/api/v1/me/pin", guards=[signed_in], tags=SIGN_IN, status_code=204)
async def set_pin(request: Request[Any, Any, Any], data: JSONBody[NewPin]) -> None:
    """Sets a family member's PIN."""
    await actions.set_pin(request.user, data.pin)


@get("/api/v1/people", guards=[requires("people.write")], tags=PEOPLE)
async def list_people(
    request: Request[Any, Any, Any], ended: FromQuery[bool] = False, search: FromQuery[str] = ""
) -> list[Member]:
    """Who has which role in my organisation."""
    rows = await ask(request.user, queries.people_of_my_organisation, search=search[:100], ended=ended)
    return [Member(**row) for row in rows]


@post("/api/v1/people", guards=[requires("people.write")], tags=PEOPLE)
async def invite_person(request: Request[Any, Any, Any], data: JSONBody[Invitation]) -> Created:
    """Gives somebody a role in my organisation and mails them how to sign in."""
    return Created(await people.invite_colleague(request.user, data.name, data.email, data.role))


@delete("/api/v1/people/{membership_id:uuid}", guards=[requires("people.write")], tags=PEOPLE)
async def end_role(request: Request[Any, Any, Any], membership_id: FromPath[UUID]) -> None:
    """Ends a role at once."""
    await people.end_role(request.user, membership_id)


@post("/api/v1/organisations", guards=[requires("operate")], tags=PEOPLE)
async def register_organisation(request: Request[Any, Any, Any], data: JSONBody[NewOrganisation]) -> Created:
    """Opens a commissioner's or provider's place with its first administrator."""
    organisation_id = await people.register_organisation(
        request.user,
        kind=data.kind,
        name=data.name,
        short_name=data.short_name,
        colour=data.colour,
        administrator_name=data.administrator_name,
        administrator_email=data.administrator_email,
    )
    return Created(organisation_id)


def _tokens(pair: actions.TokenPair) -> TokenResponse:
    return TokenResponse(
        pair.access_token,
        "Bearer",
        pair.expires_in,
        pair.refresh_token,
        pair.place.role,
        pair.place.organisation_id,
        pair.place.organisation_name,
    )


ROUTES: list[Any] = [
    get_token,
    refresh_token,
    revoke_token,
    json_web_key_set,
    ask_for_reset,
    set_password_by_link,
    who_am_i,
    my_sessions,
    end_session,
    change_password,
    set_pin,
    list_people,
    invite_person,
    end_role,
    register_organisation,
]
