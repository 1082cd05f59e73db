"""A commissioner's pages of a provider at both doors: a past day's standing, what a suspension meets, proposing one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import causes, queries
from marketplace.providers.as_of import LineAt, Met, met_by_suspension, moment_of, standings_at
from marketplace.providers.imposing import grounds_by_hand
from marketplace.providers.queries import OnFramework
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import cited
from marketplace.web.forms import Form
from marketplace.web.frame import frame_of
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("provider.read")]}
PROPOSES: dict[str, Any] = {"guards": [requires("suspension.propose")]}
TONES = {
    "active": "green", "paused": "yellow", "restricted": "blue", "suspended": "red", "ended": "grey",
    "not admitted": "grey",
}  # fmt: skip
Asked = Request[Any, Any, Any]


async def _place(work: Work, provider_id: UUID, framework_id: UUID) -> OnFramework:
    if work.actor.commissioner_id is not None:
        for each in await queries.one_provider(work, provider_id):
            if each.framework_id == framework_id:
                return each
    raise NotFound


async def _as_of(work: Work, provider_id: UUID, form: Form, asked: bool) -> dict[str, Any]:
    if work.actor.commissioner_id is None:
        raise NotFound
    today = local_day(work.now)
    day = form.date("day", "the day", latest=today) if asked else today
    at = form.time("time", "the time", required=False) if asked else None
    moment = work.now if form.errors else moment_of(day, at, work.now)
    lines: list[LineAt] = await standings_at(work, provider_id, moment)
    name = (await queries.profile(work, provider_id))["name"]
    return {"lines": lines, "moment": moment, "name": name}


@get("/providers/{provider_id:uuid}/standing", **READS)
async def as_of_page(request: Asked, provider_id: FromPath[UUID]) -> Response[Any]:
    """The standing on each lot as it was on a day, at a time of it or at its end; `?day-day=1&day-month=5...`."""
    given = {name: request.query_params.getall(name) for name in request.query_params}
    form = Form(given)
    found = await ask(request.user, _as_of, provider_id, form, any(name.startswith("day-") for name in given))
    return page(
        request,
        "providers/as_of.html",
        title=f"Standing of {found['name']} on a day",
        form=form,
        provider_id=provider_id,
        tones=TONES,
        **found,
    )


async def _met(work: Work, provider_id: UUID, framework_id: UUID, lot: str) -> tuple[OnFramework, list[Met]]:
    place = await _place(work, provider_id, framework_id)
    known = lot if lot in {code for code, _, _ in place.lots} else None
    return place, await met_by_suspension(work, framework_id, provider_id, known)


@get("/providers/{provider_id:uuid}/met/{framework_id:uuid}", **READS)
async def met_page(request: Asked, provider_id: FromPath[UUID], framework_id: FromPath[UUID]) -> Response[Any]:
    """Our own offers and packages with the provider, one by one; `?lot=C`, `?format=csv`."""
    lot = request.query_params.get("lot", "")
    place, rows = await ask(request.user, _met, provider_id, framework_id, lot)
    heads = ("What", "Reference", "Lot", "Coming visits", "While suspended")
    if request.query_params.get("format") == "csv":
        table = ((row.kind, row.reference, row.lot, row.coming_visits, row.then) for row in rows)
        return csv_file("what-a-suspension-meets", heads, table)
    return page(
        request,
        "providers/met.html",
        title=f"Our offers and packages with {place.record.name}",
        place=place,
        rows=rows,
        heads=heads,
        lot=lot,
        provider_id=provider_id,
        moves=may(request.user, "referral.write") and frame_of(request).name == "marketplace",
    )


@get("/providers/{provider_id:uuid}/propose/{framework_id:uuid}", **PROPOSES)
async def propose_page(request: Asked, provider_id: FromPath[UUID], framework_id: FromPath[UUID]) -> Response[Any]:
    """Put a ground of the framework with its facts to the contract managers."""
    place = await ask(request.user, _place, provider_id, framework_id)
    return await _propose(request, Form.starting_with(lot_code="all"), place, "providers/propose.html")


@post("/providers/{provider_id:uuid}/propose/{framework_id:uuid}", status_code=303, **PROPOSES)
async def propose(request: Asked, provider_id: FromPath[UUID], framework_id: FromPath[UUID]) -> Response[Any]:
    """First shows what is sent; with `go=send` sends it."""
    place = await ask(request.user, _place, provider_id, framework_id)
    form = Form(await read_form(request))
    lot = form.choice("lot_code", "which lots", ["all", *(code for code, _, _ in place.lots)])
    rule_key = form.choice("rule_key", "the ground", [rule.key for rule in place.pack.content.suspensions])
    facts = form.text("facts", "what happened and how you know", most=3000, lines=True)
    if not form.errors and form.value("go") == "send":
        try:
            await causes.propose(
                request.user, framework_id, provider_id, rule_key=rule_key, facts=facts,
                lot_code=None if lot == "all" else lot,
            )  # fmt: skip
            said = "Sent. The contract managers decide, and the provider is told if it is suspended."
            return see_other(request, f"/providers/{provider_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("facts", error.sentence)
    checked = not form.errors and form.value("go") == "check"
    return await _propose(request, form, place, "providers/propose_check.html" if checked else "providers/propose.html")


async def _propose(request: Asked, form: Form, place: OnFramework, template: str) -> Response[Any]:
    grounds = await ask(
        request.user, grounds_by_hand, place.framework_id, place.record.id, place.pack.content.suspensions
    )
    return page(
        request,
        template,
        title=f"Propose to suspend {place.record.name}",
        form=form,
        place=place,
        provider_id=place.record.id,
        lots=[("all", "All its lots"), *((code, title) for code, title, _ in place.lots)],
        grounds=[(rule.key, rule.title, cited(rule.clause)) for rule in grounds],
        ground=next((r for r in place.pack.content.suspensions if r.key == form.value("rule_key")), None),
    )


ROUTES: list[Any] = [as_of_page, met_page, propose_page, propose]
