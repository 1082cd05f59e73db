"""Short-lived links that carry what they are for: sealed by a key of ours, or made unreadable too, good until a moment
of the wall's clock."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes, as AES-GCM wants them


def seal(key: bytes, said: bytes, seconds: int) -> str:
    """What is said, as a token for an address, good for so many seconds."""
    whole = struct.pack(">Q", int(datetime.now(UTC).timestamp()) + seconds) + said
    return base64.urlsafe_b64encode(hmac.digest(key, whole, "sha256") + whole).decode()


def unseal(key: bytes, token: str) -> bytes | None:
    """What a token says; None where it was not made with the key, was changed, or has run out."""
    try:
        raw = base64.urlsafe_b64decode(token)
    except ValueError:
        return None
    proof, whole = raw[:32], raw[32:]
    if len(whole) < 8 or not hmac.compare_digest(proof, hmac.digest(key, whole, "sha256")):
        return None
    return whole[8:] if struct.unpack(">Q", whole[:8])[0] >= datetime.now(UTC).timestamp() else None


def conceal(key: bytes, said: bytes, seconds: int) -> str:
    """As `seal`, and nobody without the key reads what is said. `key` has 32 bytes."""
    whole = struct.pack(">Q", int(datetime.now(UTC).timestamp()) + seconds) + said
    nonce = secrets.token_bytes(NONCE)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, whole, None)).decode()


def reveal(key: bytes, token: str) -> bytes | None:
    """What a concealed token says; None where it was not made with the key, was changed, or has run out."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        whole = AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], None)
    except (ValueError, InvalidTag):
        return None
    return whole[8:] if struct.unpack(">Q", whole[:8])[0] >= datetime.now(UTC).timestamp() else None
