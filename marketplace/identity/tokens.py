"""Access tokens of the API: short-lived, signed with Ed25519, each naming its key. The only file that imports `jwt`.

Keys are derived from the deployment's secret, one for each four weeks, so that every replica has the same without
storing any and they change by themselves; the set at /.well-known/jwks.json holds the previous, present and next one.
Wall time: a token does not follow the demo's clock.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from marketplace.platform.errors import NotSignedIn
from marketplace.settings import Settings

ALGORITHM = "EdDSA"
AUDIENCE = "care-marketplace-api"
PERIOD = timedelta(weeks=4)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose token: the person, the place, and the family of refresh tokens it stands and falls with."""

    person_id: UUID
    membership_id: UUID | None
    family_id: UUID


def issue(settings: Settings, claims: Claims, at: datetime | None = None) -> tuple[str, int]:
    """A signed token and how many seconds it lasts."""
    at = at or datetime.now(UTC)
    period = _period(at)
    life = settings.access_token_life
    token = jwt.encode(
        {
            "iss": _issuer(settings),
            "aud": AUDIENCE,
            "sub": str(claims.person_id),
            "iat": at,
            "exp": at + life,
            "jti": uuid4().hex,
            "fam": str(claims.family_id),
            "mid": str(claims.membership_id) if claims.membership_id else None,
        },
        _key(settings, period),
        algorithm=ALGORITHM,
        headers={"kid": _key_id(period), "typ": "at+jwt"},
    )
    return token, int(life.total_seconds())


def read(settings: Settings, token: str, at: datetime | None = None) -> Claims:
    """The claims of a token of ours that still holds; raises `NotSignedIn`."""
    at = at or datetime.now(UTC)
    try:
        header = jwt.get_unverified_header(token)
        period = {_key_id(each): each for each in _periods(at)}[str(header.get("kid"))]
        if header.get("typ") != "at+jwt":
            raise NotSignedIn("This access token cannot be used.")
        payload = jwt.decode(
            token,
            _key(settings, period).public_key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=_issuer(settings),
            options={"require": ["exp", "aud", "iss", "sub", "iat"], "verify_exp": False},
        )
        if datetime.fromtimestamp(int(payload["exp"]), UTC) <= at:
            raise NotSignedIn("This access token has expired: get a new one with your refresh token.")
        member = payload.get("mid")
        return Claims(UUID(payload["sub"]), UUID(member) if member else None, UUID(payload["fam"]))
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise NotSignedIn("This access token cannot be used.") from error


def key_set(settings: Settings, at: datetime | None = None) -> dict[str, list[dict[str, Any]]]:
    """The public keys as a JSON Web Key Set (RFC 7517, RFC 8037)."""
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": ALGORITHM,
                "kid": _key_id(period),
                "x": base64.urlsafe_b64encode(
                    _key(settings, period).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
                )
                .decode()
                .rstrip("="),
            }
            for period in _periods(at or datetime.now(UTC))
        ]
    }


def _issuer(settings: Settings) -> str:
    return settings.marketplace_url or "care-marketplace"


def _period(at: datetime) -> int:
    return (at - EPOCH) // PERIOD


def _periods(at: datetime) -> tuple[int, int, int]:
    present = _period(at)
    return present - 1, present, present + 1


def _key_id(period: int) -> str:
    return f"ed25519-{period}"


@lru_cache(maxsize=16)
def _key(settings: Settings, period: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.derived_key(f"access token key {period}"))
