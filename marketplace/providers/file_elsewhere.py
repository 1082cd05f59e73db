"""Files from an origin of their own: short-lived links that say, sealed and unreadable, which file is served there.

That origin knows no cookie, no session and nobody: whoever may open a file is asked here, the look is logged here, and
the link is good for a minute (a video's, which is asked for part by part, as long as its page's).
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from marketplace.platform.signed_links import conceal, reveal
from marketplace.settings import Settings

PURPOSE = "files from an origin of their own"
SECONDS, PLAYED_SECONDS = 60, 600
KEPT = ("id", "provider_id", "kind", "file_name", "content_type", "published_key", "published_version",
        "published_sha256")  # fmt: skip


def link_elsewhere(settings: Settings, row: dict[str, Any], *, played: bool) -> str:
    """The address at which the file is served to whoever holds it; `played`: part by part, inside a page of ours.

    A row with a `commissioner_id` is a file of that commissioner's own.
    """
    said = {name: str(row[name]) for name in KEPT} | {"played": played}
    if row.get("commissioner_id") is not None:
        said["commissioner_id"] = str(row["commissioner_id"])
    seconds = PLAYED_SECONDS if played else SECONDS
    return f"{settings.files_url}/{conceal(settings.derived_key(PURPOSE), json.dumps(said).encode(), seconds)}"


def named_elsewhere(settings: Settings, token: str) -> dict[str, Any] | None:
    """The file a link names, as `fetched_here` wants its row, with `played`; None for a link that is not ours or has
    run out."""
    plain = reveal(settings.derived_key(PURPOSE), token)
    if plain is None:
        return None
    said = json.loads(plain)
    whose = [name for name in ("id", "provider_id", "commissioner_id") if name in said]
    return said | {name: UUID(said[name]) for name in whose}
