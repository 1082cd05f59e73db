"""From a handler's result to a response: a page in the frame, or a redirect with a message to show once.

    return page(request, "referrals/list.html", title="Referrals", referrals=referrals)
    return see_other(request, f"/referrals/{number}", flash="The referral has been broadcast.")

A page that shows how much time is left is given `now=work.now`, the domain's moment: there is no default, because the
wall's clock would be wrong in the demo.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie
from litestar.response import Redirect, Response
from markupsafe import Markup

from marketplace.platform.actor import Actor
from marketplace.web import csrf
from marketplace.web.forms import Form
from marketplace.web.frame import Frame, frame_of
from marketplace.web.navigation import links

FLASH = "message"
LONGEST_FLASH = 600
REFUSED = "\x00"  # before a message that says why nothing was done


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    title: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    connect: str = "",
    media: str = "",
    scripts: str = "",
    frames: str = "",
    **context: Any,
) -> Response[bytes]:
    """Render `template` ("folder/name.html") inside the frame.

    `connect` is another site's address this page's own script sends to; `media` is where its video comes from;
    `scripts` and `frames` are the card company's, on the page that asks for a card alone.

    `title` says where the reader is. A `form` in the context with errors gives the page its error summary, "Error:"
    before the title and status 400. `brand` may be given; otherwise `request.state.brand`, set where the actor is
    known, or the front door's own.
    """
    frame = frame_of(request)
    form = context.get("form")
    failed = isinstance(form, Form) and bool(form.errors)
    if failed and status == 200:
        status = 400
    cookies: list[Cookie] = []
    seed = request.cookies.get(frame.cookie(csrf.COOKIE))
    if not seed:
        seed = csrf.new_seed()
        cookies.append(_cookie(frame, csrf.COOKIE, seed))
    flash = _read_flash(request, frame)
    if request.cookies.get(frame.cookie(FLASH)):
        cookies.append(_cookie(frame, FLASH, "", max_age=0))
    nonce = secrets.token_urlsafe(16)
    token = csrf.make_token(seed, frame.secret)
    actor = actor_of(request)
    brand = context.pop("brand", None) or request.state.get("brand") or frame.brand
    body = frame.environment.get_template(template).render(
        page_title=title,
        failed=failed,
        error_list=form.error_list() if failed and isinstance(form, Form) else [],
        frame=frame,
        brand=brand,
        actor=actor,
        navigation=links(frame.navigation, actor, request.url.path, frame.may),
        csrf_token=token,
        csrf=Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token),
        csp_nonce=nonce,
        flash=flash.removeprefix(REFUSED) if flash else None,
        flash_refused=flash is not None and flash.startswith(REFUSED),
        here=request.url.path,
        **context,
    )
    return Response(
        body.encode("utf-8", "replace"),
        status_code=status,
        media_type="text/html",
        headers={
            "Content-Security-Policy": content_policy(
                nonce, connect, media, frame.files_url, scripts=scripts, frames=frames
            ),
            "Cache-Control": "no-store",
            **(headers or {}),
        },
        cookies=cookies,
    )


def fragment(request: Request[Any, Any, Any], template: str, **context: Any) -> Response[bytes]:
    """A part of a page for htmx: no frame, no styles or scripts of its own."""
    frame = frame_of(request)
    body = frame.environment.get_template(template).render(frame=frame, actor=actor_of(request), **context)
    return Response(
        body.encode("utf-8", "replace"),
        media_type="text/html",
        headers={"Cache-Control": "no-store"},
    )


def see_other(
    request: Request[Any, Any, Any], path: str, *, flash: str | None = None, refused: str | None = None
) -> Redirect:
    """Go on to a page of this site after something was done (303), with a message shown there once.

    `flash` says what was done, `refused` why nothing was: that is no success, and is not shown as one.
    Only paths of our own are taken: "//elsewhere" or "https://..." go to the first page instead.
    """
    response = Redirect(own_path(path), status_code=303)
    said = flash if refused is None else REFUSED + refused
    if said is not None:
        frame = frame_of(request)
        text = said[:LONGEST_FLASH].encode("utf-8", "replace")
        value = base64.urlsafe_b64encode(_flash_proof(text, frame.secret) + text).decode()
        response.set_cookie(_cookie(frame, FLASH, value, max_age=300))
    return response


def own_path(path: str) -> str:
    """The path if it leads to a page of this site, else "/": what came in a link must not send people elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and not any(ord(sign) < 33 for sign in path) else "/"


def actor_of(request: Request[Any, Any, Any]) -> Actor | None:
    """Who is signed in; None on public pages and where signing in was not looked at."""
    user = request.scope.get("user")
    return user if isinstance(user, Actor) else None


def content_policy(
    nonce: str | None = None,
    connect: str = "",
    media: str = "",
    files: str = "",
    *,
    scripts: str = "",
    frames: str = "",
) -> str:
    """The content security policy: our own files, what carries this page's nonce, one more place to send to, one to
    play a video from, one that a form may lead on to (browsers follow the rule through redirects), and where a page
    that asks for a card has its script and frames from."""
    there = f" {connect}" if connect else ""
    theirs = f" {scripts}" if scripts else ""
    framed = f" frame-src {frames};" if frames else ""
    extra = f" 'nonce-{nonce}'" if nonce else ""
    onwards = f" {files}" if files else ""
    played = f" media-src {media};" if media else ""
    return (
        f"default-src 'none'; script-src 'self'{extra}{theirs}; style-src 'self'{extra}; img-src 'self' data:;"
        f" connect-src 'self'{there};{played}{framed} manifest-src 'self'; worker-src 'self';"
        f" form-action 'self'{onwards}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )


def _cookie(frame: Frame, what: str, value: str, max_age: int | None = None) -> Cookie:
    return Cookie(
        key=frame.cookie(what),
        value=value,
        path="/",
        max_age=max_age,
        secure=frame.secure,
        httponly=True,
        samesite="lax",
    )


def _flash_proof(text: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"message shown once\0" + text, hashlib.sha256).digest()


def _read_flash(request: Request[Any, Any, Any], frame: Frame) -> str | None:
    """The message, if it is ours: otherwise another host could put words in our mouth."""
    value = request.cookies.get(frame.cookie(FLASH))
    if not value:
        return None
    try:
        raw = base64.urlsafe_b64decode(value)
    except ValueError:
        return None
    proof, text = raw[:32], raw[32:]
    return text.decode() if hmac.compare_digest(proof, _flash_proof(text, frame.secret)) else None
