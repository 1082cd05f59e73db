"""A provider manager's tokens of machines: issue one, see when it was last used, revoke it; as pages and as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.machines import LIVES, LONGEST_NAME, issue_machine_token, machine_tokens, revoke_machine_token
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITE: dict[str, Any] = {"guards": [requires("machine_token.write")]}
TAGS = ["Rostering"]
STATES = {
    "working": ("Works", "green"),
    "expired": ("Expired", "grey"),
    "ended": ("Ended", "grey"),
    "revoked": ("Revoked", "red"),
}


class MachineIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the system is called, and for how many days (30, 90 or 365) its token works."""

    name: str
    days: int


class MachineOut(msgspec.Struct, kw_only=True):
    """A token as its provider sees it."""

    id: UUID
    name: str
    state: str
    made_by_name: str
    made_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class IssuedOut(msgspec.Struct, kw_only=True):
    """The token, told this once. It is sent as `Authorization: Bearer ...` and opens `/api/v1/roster/` alone."""

    token: str


@get("/machine-tokens", **WRITE)
async def tokens_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The tokens that stand, and a form for another."""
    return await _page(request, Form())


@post("/machine-tokens", status_code=200, **WRITE)
async def issue(request: Request[Any, Any, Any]) -> Response[Any]:
    """Issue one; the token is on this page and never again."""
    form = Form(await read_form(request))
    name = form.text("name", "what the system is called", most=LONGEST_NAME)
    days = form.choice("days", "how long the token works", {str(each): text for each, text in LIVES.items()})
    if not form.errors:
        try:
            token = await issue_machine_token(request.user, name=name, days=int(days))
            return await _page(request, Form(), token=token)
        except InvalidInput as error:
            form.merge(error)
    return await _page(request, form)


@post("/machine-tokens/{token_id:uuid}/revoke", status_code=303, **WRITE)
async def revoke(request: Request[Any, Any, Any], token_id: FromPath[UUID]) -> Response[Any]:
    """End one at once."""
    await read_form(request)
    await revoke_machine_token(request.user, token_id)
    return see_other(request, "/machine-tokens", flash="Revoked. The system can't send visits with it any more.")


@get("/api/v1/machine-tokens", tags=TAGS, **WRITE)
async def list_tokens(request: Request[Any, Any, Any]) -> list[MachineOut]:
    """My organisation's tokens, those that stand first."""
    return [msgspec.convert(each, MachineOut, from_attributes=True) for each in await ask(request.user, machine_tokens)]


@post("/api/v1/machine-tokens", tags=TAGS, **WRITE)
async def issue_token(request: Request[Any, Any, Any], data: JSONBody[MachineIn]) -> IssuedOut:
    """Issue a token for a rostering system."""
    return IssuedOut(token=await issue_machine_token(request.user, name=data.name, days=data.days))


@delete("/api/v1/machine-tokens/{token_id:uuid}", tags=TAGS, **WRITE)
async def revoke_token(request: Request[Any, Any, Any], token_id: FromPath[UUID]) -> None:
    """Revoke one."""
    await revoke_machine_token(request.user, token_id)


async def _page(request: Request[Any, Any, Any], form: Form, *, token: str = "") -> Response[Any]:
    rows = await ask(request.user, machine_tokens)
    return page(
        request, "identity/machine_tokens.html", title="Tokens of machines", form=form, rows=rows, token=token,
        states=STATES, lives=[(str(days), text) for days, text in LIVES.items()],
    )  # fmt: skip


ROUTES: list[Any] = [tokens_page, issue, revoke, list_tokens, issue_token, revoke_token]
