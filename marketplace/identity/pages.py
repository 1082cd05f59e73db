"""Signing in and out, choosing the place, a forgotten password: the same pages at both front doors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response

from marketplace.identity import actions
from marketplace.identity.context import device, network, session_token, settings_of, visitor_of
from marketplace.identity.guards import known
from marketplace.identity.permissions import ROLE_NAMES
from marketplace.identity.sessions import COOKIE, Place, close_session
from marketplace.platform.errors import InvalidInput, NotPermitted, TooManyAttempts
from marketplace.web.forms import Form
from marketplace.web.frame import frame_of
from marketplace.web.reading import read_form
from marketplace.web.render import own_path, page, see_other

PUBLIC = {"public": True}


@get("/sign-in", opt=PUBLIC)
async def sign_in_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """E-mail address and password; whoever is signed in already goes on."""
    going_to = own_path(request.query_params.get("next", "/"))
    visitor = visitor_of(request)
    if visitor is not None:
        return Redirect(going_to if visitor.actor else f"/switch?next={quote(going_to, safe='')}", status_code=303)
    return _sign_in_page(request, Form(), going_to)


@post("/sign-in", opt=PUBLIC, status_code=303)
async def sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Opens a session; with several roles the next page asks which one."""
    form = Form(await read_form(request))
    going_to = own_path(form.value("next") or "/")
    email = form.text("email", "your e-mail address", most=254)
    password = form.value("password")
    if not password:
        form.error("password", "Enter your password")
    status = 200
    if not form.errors:
        try:
            signed = await actions.sign_in(
                settings_of(request),
                frame_of(request).name,
                email,
                password,
                network=network(request),
                device=device(request),
                replaces=session_token(request),
            )
            target = going_to if signed.place else f"/switch?next={quote(going_to, safe='')}"
            return with_session(request, see_other(request, target), signed.token)
        except InvalidInput as error:
            form.merge(error)
        except NotPermitted as error:
            form.error("email", error.sentence)
            status = 403
        except TooManyAttempts as error:
            form.error("password", error.sentence)
            status = 429
    return _sign_in_page(request, form, going_to, status)


def _sign_in_page(request: Request[Any, Any, Any], form: Form, going_to: str, status: int = 200) -> Response[Any]:
    settings = settings_of(request)
    doors = {"marketplace": settings.marketplace_url, "console": settings.admin_url}  # the demo's walks lead to both
    return page(request, "identity/sign_in.html", title="Sign in", status=status, form=form, next=going_to, doors=doors)


@get("/switch", guards=[known])
async def switch_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """For whom and as what do you want to act?"""
    return await _switch_page(request, Form(), own_path(request.query_params.get("next", "/")))


@post("/switch", guards=[known], status_code=303)
async def switch(request: Request[Any, Any, Any]) -> Response[Any]:
    """Act in another place; the session gets a new id."""
    form = Form(await read_form(request))
    visitor, token = visitor_of(request), session_token(request)
    assert visitor is not None and token is not None
    going_to = own_path(form.value("next") or "/")
    try:
        signed = await actions.choose_place(
            settings_of(request),
            frame_of(request).name,
            visitor.person_id,
            form.value("place"),
            token=token,
            device=device(request),
        )
    except InvalidInput as error:
        form.merge(error)
        return await _switch_page(request, form, going_to)
    return with_session(request, see_other(request, going_to), signed.token)


@post("/sign-out", opt=PUBLIC, status_code=303)
async def sign_out(request: Request[Any, Any, Any]) -> Response[Any]:
    """Ends this session."""
    token = session_token(request)
    if token:
        await close_session(token)
    response = see_other(request, "/sign-in", flash="You are signed out.")
    response.set_cookie(_cookie(request, "", max_age=0))
    return response


@get("/forgot-password", opt=PUBLIC)
async def forgot_password_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Asks for the address a link is to be sent to."""
    return page(request, "identity/forgot_password.html", title="Get a new password", form=Form())


@post("/forgot-password", opt=PUBLIC, status_code=303)
async def forgot_password(request: Request[Any, Any, Any]) -> Response[Any]:
    """Mails a link if there is such an account; the page says the same either way."""
    form = Form(await read_form(request))
    email = form.email("email", "your e-mail address")
    if not form.errors:
        try:
            await actions.ask_for_reset(settings_of(request), email, network(request))
            sentence = "If there is a sign-in with this address, an e-mail with a link is on its way to it."
            return see_other(request, "/sign-in", flash=sentence)
        except TooManyAttempts as error:
            form.error("email", error.sentence)
            return page(request, "identity/forgot_password.html", title="Get a new password", status=429, form=form)
    return page(request, "identity/forgot_password.html", title="Get a new password", form=form)


@get("/set-password", opt=PUBLIC)
async def set_password_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Where the link of an invitation or a reset leads; looking at it does not use it."""
    return await _set_password_page(request, Form(), request.query_params.get("link", ""))


@post("/set-password", opt=PUBLIC, status_code=303)
async def set_password(request: Request[Any, Any, Any]) -> Response[Any]:
    """Sets the password and uses the link up."""
    form = Form(await read_form(request))
    try:
        await actions.use_link(form.value("link"), form.value("password"))
    except InvalidInput as error:
        form.merge(error)
        return await _set_password_page(request, form, form.value("link"))
    return see_other(request, "/sign-in", flash="Your password is set. Sign in with it now.")


@get("/help", opt=PUBLIC)
async def help_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Two sentences and whom to ask."""
    return page(request, "identity/help.html", title="Help")


def with_session(request: Request[Any, Any, Any], response: Redirect, token: str) -> Redirect:
    """The response, with the session's cookie: it ends with the browser, and on the server sooner."""
    response.set_cookie(_cookie(request, token))
    return response


def describe(place: Place) -> tuple[str, str]:
    """(role, for whom) in words."""
    if place.role == "family":
        return "Family member", "The children you have been given access to"
    return ROLE_NAMES[place.role], place.organisation_name


async def _switch_page(request: Request[Any, Any, Any], form: Form, going_to: str) -> Response[Any]:
    visitor = visitor_of(request)
    assert visitor is not None
    places = await actions.places_at(frame_of(request).name, visitor.person_id)
    options = [(place.key, *describe(place)) for place in places]
    return page(
        request,
        "identity/switch.html",
        title="Who do you want to act for?",
        form=form,
        options=options,
        next=going_to,
        person_name=visitor.person_name,
    )


async def _set_password_page(request: Request[Any, Any, Any], form: Form, link: str) -> Response[Any]:
    owner = await actions.look_at_link(link)
    return page(
        request,
        "identity/set_password.html",
        title="Choose your password",
        form=form,
        link=link,
        owner=owner,
        # the address carries the token: it is sent nowhere else
        headers={"Referrer-Policy": "no-referrer"},
    )


def _cookie(request: Request[Any, Any, Any], value: str, max_age: int | None = None) -> Cookie:
    frame = frame_of(request)
    return Cookie(
        key=frame.cookie(COOKIE),
        value=value,
        path="/",
        max_age=max_age,
        secure=frame.secure,
        httponly=True,
        samesite="lax",
    )


ROUTES: list[Any] = [
    sign_in_page,
    sign_in,
    switch_page,
    switch,
    sign_out,
    forgot_password_page,
    forgot_password,
    set_password_page,
    set_password,
    help_page,
]
