"""Against requests forged by other sites: a token in each form, made from a secret cookie of the same browser.

The cookie holds 32 random bytes and cannot be read by scripts or set by other hosts (`__Host-` over TLS). The token is
its HMAC under the server's secret, masked anew on every page so that compression by a proxy tells nothing about it.
It does not depend on the sign-in session: a form that was open while the sign-in ended can still be sent after signing
in again. The browser's own word about where a request comes from is checked as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar import Request

FIELD = "_csrf"
HEADER = "x-csrf-token"
COOKIE = "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LENGTH = 32


def new_seed() -> str:
    """A new cookie value."""
    return secrets.token_urlsafe(LENGTH)


def make_token(seed: str, secret: bytes) -> str:
    """The token that belongs to a cookie value, masked with fresh random bytes."""
    mask = secrets.token_bytes(LENGTH)
    masked = bytes(a ^ b for a, b in zip(mask, _proof(seed, secret), strict=True))
    return base64.urlsafe_b64encode(mask + masked).decode().rstrip("=")


def token_fits(token: str, seed: str, secret: bytes) -> bool:
    """Whether a token was made from this cookie value by this server."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return False
    if len(raw) != 2 * LENGTH:
        return False
    proof = bytes(a ^ b for a, b in zip(raw[:LENGTH], raw[LENGTH:], strict=True))
    return hmac.compare_digest(proof, _proof(seed, secret))


def comes_from_elsewhere(request: Request[Any, Any, Any]) -> bool:
    """Whether the browser says that another site made this request; silent clients are judged by their token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc != request.headers.get("host", "")


def _proof(seed: str, secret: bytes) -> bytes:
    return hmac.new(secret, b"csrf token\0" + seed.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
