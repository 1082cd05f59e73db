"""All pages of providers at the marketplace; here those of workers (own training) and of referrers (providers)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.pack import Pack
from marketplace.policy.standing import competency_current_until, dbs_current_until
from marketplace.providers import (
    commissioner_pages,
    lapse_pages,
    queries,
    standing_pages,
    story_pages,
    suspension_pages,
    worker_pages,
    workforce_pages,
)
from marketplace.providers.causes import open_causes
from marketplace.providers.commissioner_pages import TONES
from marketplace.providers.declaration_queries import cover_seen
from marketplace.providers.matrix import Cell, dated
from marketplace.providers.queries import OnFramework, Training
from marketplace.providers.story import latest
from marketplace.web.render import page

STATES = ("active", "paused", "restricted", "suspended", "ended", "not admitted")


@get("/my-training", guards=[requires("training.read")])
async def training_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """A worker's own training, sign-offs and dates, and ready or not for which lots."""
    found = await ask(request.user, queries.my_training)
    shown = [(training, _skills(training)) for training in found]
    return page(request, "providers/my_training.html", title="My training", found=shown)


def _skills(training: Training) -> list[tuple[str, Cell, str]]:
    """(what, how it stands, signed off by), each competency once, by its newest record."""
    packs: list[Pack] = [lot.entry.pack for lot in training.lots]
    rows: list[tuple[str, Cell, str]] = []
    if not training.lots:
        return rows
    on, pack = training.lots[0].entry.on, packs[0].on(training.lots[0].entry.on)
    record = training.record
    if record.dbs is not None and record.dbs.outcome == "clear":
        until = dbs_current_until(pack, record.dbs.checked_on)
        rows.append(("DBS check", dated(pack, until, on), record.dbs.checked_by))
    seen: set[str] = set()
    for each in record.competencies:
        holder = next((p.on(on) for p in packs if each.code in p.on(on).competencies), None)
        if each.code in seen or holder is None:
            continue
        seen.add(each.code)
        if each.withdrawn_at is not None:
            cell = Cell("Back to training", "bad")
        elif each.assessor is None:
            cell = Cell("Attended, not signed off", "bad")
        else:
            cell = dated(holder, competency_current_until(holder, each.code, each.assessed_on), on)
        rows.append((holder.competencies[each.code].title, cell, each.assessor or ""))
    return rows


def narrow(found: list[OnFramework], text: str, state: str) -> list[OnFramework]:
    """Those whose name holds the text and who have the state on some lot."""
    wanted = text.strip().casefold()
    return [
        each
        for each in found
        if wanted in each.record.name.casefold()
        and (not state or any(standing.state == state for _, _, standing in each.lots))
    ]


@get("/providers", guards=[requires("provider.read")])
async def providers_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Providers of my commissioner's frameworks with their standing in one line; a provider sees none but itself."""
    found = await ask(request.user, commissioners_only)
    text, state = request.query_params.get("q", ""), request.query_params.get("standing", "")
    return page(
        request,
        "providers/providers.html",
        title="Providers",
        found=narrow(found, text, state if state in STATES else ""),
        total=len(found),
        text=text,
        state=state,
        states=STATES,
        tones=TONES,
    )


async def commissioners_only(work: Work) -> list[OnFramework]:
    """Every provider on the actor's commissioner's frameworks. Raises `NotFound` to anybody else."""
    if work.actor.commissioner_id is None:
        raise NotFound
    return await queries.on_frameworks(work)


async def one(work: Work, provider_id: UUID) -> dict[str, Any]:
    """Everything a commissioner sees of one provider: standing, story, profile, how many workers are ready."""
    if work.actor.commissioner_id is None:
        raise NotFound
    places = await queries.one_provider(work, provider_id)
    return {
        "places": [(place, await queries.readiness_totals(work, provider_id, place)) for place in places],
        "profile": await queries.profile(work, provider_id),
        "cover": await cover_seen(work, provider_id),
        "story": await latest(work, provider_id),
        "causes": await open_causes(work, provider_id),
    }


@get("/providers/{provider_id:uuid}", guards=[requires("provider.read")])
async def provider_page(request: Request[Any, Any, Any], provider_id: FromPath[UUID]) -> Response[Any]:
    """One provider: standing lot by lot with reasons, contacts, how many workers are ready."""
    found = await ask(request.user, one, provider_id)
    return page(
        request,
        "providers/provider.html",
        title=found["profile"]["name"],
        provider_id=provider_id,
        tones=TONES,
        decides=False,
        proposes=may(request.user, "suspension.propose"),
        links=request.user.role != "referrer",
        **found,
    )


ROUTES: list[Any] = [
    training_page, providers_page, provider_page,
    *workforce_pages.ROUTES, *worker_pages.ROUTES, *standing_pages.ROUTES, *lapse_pages.ROUTES,
    *suspension_pages.ROUTES, *commissioner_pages.ROUTES, *story_pages.ROUTES, *story_pages.COMMISSIONERS,
]  # fmt: skip
