"""Every error as a person or a program meets it: a page in the frame, or JSON under /api/. Nothing internal leaks.

JSON: {"error": code, "sentence": for people, "fields": {field: sentence}, "request_id": reference}
"""

from __future__ import annotations

import traceback
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect, Response

from marketplace.platform.errors import (
    InvalidInput,
    MarketplaceError,
    NotFound,
    NotPermitted,
    NotSignedIn,
    TooLarge,
    TooManyAttempts,
)
from marketplace.web import csrf
from marketplace.web.frame import frame_of
from marketplace.web.middleware import API, StaleForm, request_id
from marketplace.web.reading import STATE_KEY as FORM_KEY
from marketplace.web.reading import Submitted
from marketplace.web.render import own_path, page

log = structlog.get_logger()

TITLES = {
    400: "There is a problem",
    401: "You are signed out",
    403: "You cannot do that",
    404: "Page not found",
    405: "That cannot be done here",
    409: "Something has changed",
    413: "Too much was sent",
    429: "Too many attempts",
    503: "Part of the service is not answering",
}
MOST_RESENT = 200_000
# Never written back into a page.
SECRET_PARTS = ("password", "pin", "code", "token", csrf.FIELD)


def show_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The exception handler of both apps."""
    known = understand(error)
    if known.status >= 500 and not isinstance(error, MarketplaceError | HTTPException):
        log_unexpected(error)
    headers: dict[str, str] = {}
    if isinstance(known, TooManyAttempts):
        headers["Retry-After"] = str(known.retry_after)
    if isinstance(error, HTTPException) and error.headers and "Allow" in error.headers:
        headers["Allow"] = error.headers["Allow"]
    if request.scope["path"].startswith(API):
        if isinstance(known, NotSignedIn):
            headers["WWW-Authenticate"] = "Bearer"
        return problem(request, known, headers)
    if isinstance(known, NotSignedIn) and request.method in csrf.SAFE:
        return to_sign_in(request)
    return problem_page(request, known, headers)


def understand(error: Exception) -> MarketplaceError:
    """Our own error for any exception: the framework's by its status, an unexpected one without its words."""
    if isinstance(error, MarketplaceError):
        return error
    if isinstance(error, ValidationException):
        return InvalidInput(_fields_of(error))
    if isinstance(error, RecursionError) and traceback.extract_tb(error.__traceback__)[-1].name == "decode_json":
        return InvalidInput({"body": "The JSON is nested too deeply."})
    if isinstance(error, HTTPException):
        by_status: dict[int, MarketplaceError] = {
            401: NotSignedIn(),
            403: NotPermitted(),
            404: NotFound("There is no page at this address, or it is not yours to see."),
            413: TooLarge("More was sent than can be taken."),
            429: TooManyAttempts(),
        }
        if error.status_code in by_status:
            return by_status[error.status_code]
        if error.status_code < 500:
            general = MarketplaceError(
                "This address does not take that kind of request."
                if error.status_code == 405
                else "The request could not be understood."
            )
            general.status = error.status_code
            general.code = "not_allowed" if error.status_code == 405 else "invalid_request"
            return general
    return MarketplaceError()


def problem(request: Request[Any, Any, Any], error: MarketplaceError, headers: dict[str, str]) -> Response[Any]:
    """The JSON form of an error."""
    return Response(
        {
            "error": error.code,
            "sentence": error.sentence,
            "fields": error.fields if isinstance(error, InvalidInput) else {},
            "request_id": request_id(request.scope),
        },
        status_code=error.status,
        media_type="application/json",
        headers=headers,
    )


def problem_page(request: Request[Any, Any, Any], error: MarketplaceError, headers: dict[str, str]) -> Response[bytes]:
    """The page form of an error; what was typed is kept where the sign-in has ended or the form was stale."""
    resend: list[tuple[str, str]] = []
    sentence = error.sentence
    if isinstance(error, NotSignedIn) or (isinstance(error, StaleForm) and error.ours):
        resend = _typed(request)
    return page(
        request,
        "web/problem.html",
        title=TITLES.get(error.status, "Something went wrong"),
        status=error.status,
        headers=headers,
        sentence=sentence,
        reasons=list(error.fields.values()) if isinstance(error, InvalidInput) else [],
        resend=resend,
        resend_to=own_path(_address(request)),
        signed_out=isinstance(error, NotSignedIn),
        reference=request_id(request.scope) if error.status >= 500 else "",
    )


def to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Off to the sign-in page, and back here afterwards; htmx is told to move the whole page there."""
    target = f"{frame_of(request).sign_in_path}?next={quote(own_path(_address(request)), safe='')}"
    if request.headers.get("hx-request"):
        return Response(b"", status_code=401, media_type="text/plain", headers={"HX-Redirect": target})
    return Redirect(target, status_code=303)


def log_unexpected(error: Exception) -> None:
    """Log what broke and where, without the error's own words: a database's message may quote a row."""
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "unexpected error",
        kind=type(error).__name__,
        where=[f"{frame.filename.rsplit('site-packages/')[-1]}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )


def _typed(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """What the form sent, to be sent again; no secrets, no files, and nothing too long for a page."""
    fields: Submitted = request.scope["state"].get(FORM_KEY, {})  # the entrance has read it
    pairs = [
        (name, value)
        for name, values in fields.items()
        for value in values
        if not any(part in name.lower() for part in SECRET_PARTS)
    ]
    return pairs if sum(len(value) for _, value in pairs) <= MOST_RESENT else []


def _address(request: Request[Any, Any, Any]) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return request.scope["path"] + (f"?{query}" if query else "")


def _fields_of(error: ValidationException) -> dict[str, str]:
    """Litestar's list of {key, message} as our fields; the message speaks of types, never of other people's data."""
    extra = error.extra if isinstance(error.extra, list) else []
    fields: dict[str, str] = {}
    for item in extra:
        if isinstance(item, dict) and item.get("message"):
            key = str(item.get("key") or "body")
            fields[key] = f"{key}: {item['message']}"
    return fields or {"body": "The request could not be understood."}
