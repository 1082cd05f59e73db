"""The areas of a council on a framework, as its families call them: what they can look for a provider in."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from marketplace.frameworks import queries
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotPermitted

MOST, LONGEST = 60, 60  # areas, and characters of each


async def areas_of(work: Work, framework_id: UUID, commissioner_id: UUID | None) -> tuple[str, ...]:
    """A council's areas on a framework, as it wrote them; none where it has written none."""
    found: list[str] | None = await work.fetchval(
        "SELECT areas FROM framework_member WHERE framework_id = $1 AND commissioner_id = $2",
        framework_id, commissioner_id,
    )  # fmt: skip
    return tuple(found or ())


async def areas_of_all(work: Work, framework_id: UUID) -> tuple[str, ...]:
    """The areas of all councils of a framework; none where one of them has written none, and so leaves them open."""
    rows = await work.fetch("SELECT areas FROM framework_member WHERE framework_id = $1", framework_id)
    if not all(row["areas"] for row in rows):
        return ()
    return tuple(sorted({area for row in rows for area in row["areas"]}))


async def set_areas(actor: Actor, framework_id: UUID, areas: Sequence[str]) -> tuple[str, ...]:
    """Keep the areas of the actor's own council, each once; none: its families are offered every area named.

    Raises `InvalidInput` on `areas`, `NotFound`, `NotPermitted` for a council that takes no part.
    """
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        found = await queries.framework(work, framework_id)
        if actor.commissioner_id is None or found.member(actor.commissioner_id) is None:
            raise NotPermitted("Your council takes no part in this framework.")
        kept: dict[str, str] = {}
        for each in areas:
            text = " ".join(each.split())
            if text:
                kept.setdefault(text.casefold(), text)
        named = tuple(kept.values())
        if len(named) > MOST or any(len(each) > LONGEST for each in named):
            raise InvalidInput({"areas": f"Enter at most {MOST} areas, each of {LONGEST} characters or fewer"})
        await work.execute(
            "UPDATE framework_member SET areas = $3 WHERE framework_id = $1 AND commissioner_id = $2",
            framework_id, actor.commissioner_id, list(named),
        )  # fmt: skip
        work.audit("framework.areas_changed", "framework", framework_id, areas=len(named))
        return named
