"""My account: sessions and devices, password, PIN."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity import actions, queries
from marketplace.identity.context import settings_of
from marketplace.identity.guards import signed_in
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, TooManyAttempts
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

GUARDED: dict[str, Any] = {"guards": [signed_in]}


@get("/account", **GUARDED)
async def account(request: Request[Any, Any, Any]) -> Response[Any]:
    """Where I am signed in, and the ways to change how I sign in."""
    actor = request.user
    sessions = await ask(actor, queries.my_sessions, settings_of(request).session_idle)
    has_pin = await ask(actor, queries.have_pin)
    return page(request, "identity/account.html", title="My account", sessions=sessions, has_pin=has_pin)


@post("/account/sessions/{session_id:uuid}/end", status_code=303, **GUARDED)
async def end_session(request: Request[Any, Any, Any], session_id: FromPath[UUID]) -> Response[Any]:
    """Signs another device out."""
    await actions.end_session(request.user, session_id)
    return see_other(request, "/account", flash="That device is signed out.")


@get("/account/password", **GUARDED)
async def password_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Asks for the present and the new password."""
    return page(request, "identity/change_password.html", title="Change your password", form=Form())


@post("/account/password", status_code=303, **GUARDED)
async def change_password(request: Request[Any, Any, Any]) -> Response[Any]:
    """Changes it and signs every other device out."""
    form = Form(await read_form(request))
    status = 200
    try:
        await actions.change_password(request.user, settings_of(request), form.value("current"), form.value("password"))
        return see_other(request, "/account", flash="Your password is changed. Every other device is signed out.")
    except InvalidInput as error:
        form.merge(error)
    except TooManyAttempts as error:
        form.error("current", error.sentence)
        status = 429
    return page(request, "identity/change_password.html", title="Change your password", status=status, form=form)


@get("/account/pin", **GUARDED)
async def pin_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Asks a family member for a new PIN."""
    return page(request, "identity/pin.html", title="Set your PIN", form=Form())


@post("/account/pin", status_code=303, **GUARDED)
async def set_pin(request: Request[Any, Any, Any]) -> Response[Any]:
    """Sets it; nothing shows it again."""
    form = Form(await read_form(request))
    pin = form.value("pin").strip()
    if pin != form.value("again").strip():
        form.error("again", "Type the same PIN twice")
    if not form.errors:
        try:
            await actions.set_pin(request.user, pin)
            return see_other(request, "/account", flash="Your PIN is set. Nobody but you should know it.")
        except InvalidInput as error:
            form.merge(error)
    return page(request, "identity/pin.html", title="Set your PIN", form=form)


ROUTES: list[Any] = [account, end_session, password_page, change_password, pin_page, set_pin]
