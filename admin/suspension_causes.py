"""The console's pages of a proposed suspension: what was found, the decision for chosen lots, checked, then taken."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import causes, queries
from marketplace.providers.declaration_queries import declared_since
from marketplace.providers.queries import Effects, OnFramework
from marketplace.web.filters import bracketed
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")]}
Asked = Request[Any, Any, Any]
MOST = 3000


async def _cause(work: Work, provider_id: UUID, cause_id: UUID) -> tuple[dict[str, Any], OnFramework, Effects]:
    row = await work.fetchrow(
        "SELECT c.*, o.name AS provider, f.name AS framework, f.lead_commissioner_id FROM suspension_cause c"
        " JOIN organisation o ON o.id = c.provider_id JOIN framework f ON f.id = c.framework_id"
        " WHERE c.id = $1 AND c.provider_id = $2",
        cause_id, provider_id,
    )  # fmt: skip
    if row is None or work.actor.commissioner_id != (row["commissioner_id"] or row["lead_commissioner_id"]):
        raise NotFound
    places = await queries.one_provider(work, provider_id)
    place = next(each for each in places if each.framework_id == row["framework_id"])
    effects = await queries.suspension_effects(work, row["framework_id"], provider_id, row["lot_code"])
    cause = dict(row)
    return {**cause, "newer": await declared_since(work, cause)}, place, effects


@get("/providers/{provider_id:uuid}/causes/{cause_id:uuid}", **DECIDES)
async def cause_page(request: Asked, provider_id: FromPath[UUID], cause_id: FromPath[UUID]) -> Response[Any]:
    """What was found and proposed, with its clause and what a suspension would meet."""
    found = await ask(request.user, _cause, provider_id, cause_id)
    return _decide(request, found, Form.starting_with(lot_code=found[0]["lot_code"] or "all"))


@post("/providers/{provider_id:uuid}/causes/{cause_id:uuid}", status_code=303, **DECIDES)
async def decide(request: Asked, provider_id: FromPath[UUID], cause_id: FromPath[UUID]) -> Response[Any]:
    """First shows what the decision does for the lots chosen; with `go=decide` takes it, with name and reason."""
    found = await ask(request.user, _cause, provider_id, cause_id)
    form = Form(await read_form(request))
    outcome = form.choice("outcome", "what you decide", ["suspend", "not"])
    lot = form.choice("lot_code", "which lots", ["all", *(code for code, _, _ in found[1].lots)])
    reason = form.text("reason", "why you decide so; the provider reads it when it is suspended", most=MOST, lines=True)
    suspends, go = outcome == "suspend", form.value("go")
    if not form.errors and go == "decide":
        try:
            made = await causes.decide_cause(
                request.user, cause_id, suspend=suspends, reason=reason,
                lot_code=None if lot == "all" else lot, all_lots=lot == "all",
            )  # fmt: skip
            if made is not None:
                said = f"{found[0]['provider']} is suspended from new referrals and has been told."
                return see_other(request, f"/suspensions/{made}", flash=said)
            return see_other(request, f"/providers/{provider_id}", flash="Decided: it is not suspended on this ground.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("outcome", error.sentence)
    if form.errors or go == "change" or found[0]["decision"] is not None:
        return _decide(request, found, form)
    chosen = None if lot == "all" else lot
    row, place, _ = found
    rule = _ground(row, place)
    whose = "Every commissioner of the framework" if row["commissioner_id"] is None else "Our own referrals"
    of_lots = f"?lot={chosen}" if chosen else ""
    return page(
        request,
        "admin/cause_check.html",
        title="Check before you suspend" if suspends else "Check before you decide",
        caption=row["provider"],
        form=form,
        place=place,
        suspends=suspends,
        effects=await ask(request.user, queries.suspension_effects, place.framework_id, provider_id, chosen),
        met=f"/providers/{provider_id}/met/{place.framework_id}{of_lots}",
        rows=[
            ("Framework", row["framework"]),
            ("Ground", (rule.title if rule else row["rule_key"]) + bracketed(row["clause"])),
            ("What was found", row["facts"]),
            ("Decision", "Suspend from new referrals" if suspends else "Do not suspend on this ground"),
            *([("Lots", f"Lot {chosen}" if chosen else "All its lots"), ("For", whose)] if suspends else []),
            *([("Action plan", "With an action plan")] if suspends and rule and rule.needs_action_plan else []),
            ("Why", reason),
        ],
        does=["The proposal is closed, with your name and reason. The provider’s standing stays as it is."],
        kept=["outcome", "lot_code", "reason"],
        goes="decide",
        button="Suspend from new referrals" if suspends else "Do not suspend on this ground",
        kind="warning" if suspends else "",
        leave=f"/providers/{provider_id}",
    )


def _ground(row: dict[str, Any], place: OnFramework) -> Any:
    return next((rule for rule in place.pack.content.suspensions if rule.key == row["rule_key"]), None)


def _decide(request: Asked, found: tuple[dict[str, Any], OnFramework, Effects], form: Form) -> Response[Any]:
    row, place, effects = found
    return page(
        request,
        "admin/cause.html",
        title=f"Decide on a suspension of {row['provider']}",
        cause=row,
        place=place,
        effects=effects,
        form=form,
        ground=_ground(row, place),
        lots=[("all", "All its lots"), *((code, title) for code, title, _ in place.lots)],
    )


ROUTES: list[Any] = [cause_page, decide]
