"""Who pays for a package, at the first door: its referrer proposes shares, its provider reads who pays what."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.funding import MOST, first_free_day, propose_funding, shares_may_change, withdraw_funding
from marketplace.billing.funding_queries import STATES, FundingRow, Proposal, funding_of, payers_possible, proposals
from marketplace.identity.guards import requires
from marketplace.packages.queries import package as package_by_id
from marketplace.packages.queries import referrer_of
from marketplace.packages.tables import Package
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.funding import WHOLE
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READ: dict[str, Any] = {"guards": [requires("funding.read")]}
PROPOSE: dict[str, Any] = {"guards": [requires("funding.propose")]}
Asked = Request[Any, Any, Any]
PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?", re.ASCII)


async def who_pays(work: Work, package_id: UUID) -> dict[str, Any]:
    """A package's payers by day, its proposals, and whether the reader may propose."""
    package = await package_by_id(work, package_id)
    found = await referrer_of(work, package) if work.actor.role == "referrer" else None
    today = local_day(work.now)
    rows = await funding_of(work, package_id)
    made = await proposals(work, package_id) if work.actor.commissioner_id else []
    return {
        "package": package,
        "now": [row for row in rows if row.starts_on <= max(today, package.starts_on) and _until(row) >= today],
        "rows": rows,
        "proposals": made,
        "open": next((each for each in made if each.state == "open"), None),
        "may_propose": shares_may_change(package) and found is not None and found["person_id"] == work.actor.person_id,
    }


def _until(row: FundingRow) -> date:
    return row.ends_on or date.max


@get("/packages/{package_id:uuid}/funding", **READ)
async def funding_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """Who pays now, who paid before, and what is proposed."""
    found = await ask(request.user, who_pays, package_id)
    return page(request, "billing/funding.html", title="Who pays", states=STATES, **found)


async def _choices(work: Work, package_id: UUID) -> tuple[Package, list[tuple[UUID, str]], date, Proposal | None]:
    package = await package_by_id(work, package_id)
    if package.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    waiting = [each for each in await proposals(work, package_id) if each.state == "open"]
    return package, await payers_possible(work, package), await first_free_day(work, package), next(iter(waiting), None)


@get("/packages/{package_id:uuid}/funding/change", **PROPOSE)
async def change_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """What others are to pay, from when, and why."""
    return await _change(request, package_id, Form())


@post("/packages/{package_id:uuid}/funding/change", status_code=200, **PROPOSE)
async def change(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """Check it, then send it to the other payers."""
    form = Form(await read_form(request))
    _, possible, _, _ = await ask(request.user, _choices, package_id)
    others: dict[UUID, int] = {}
    for payer_id, name in possible:
        points = read_share(form, f"share-{payer_id}", f"what {name} pays")
        if points:
            others[payer_id] = points
    if sum(others.values()) > WHOLE:
        form.error(f"share-{possible[0][0]}", "The shares of the other payers must come to 100% or less")
    starts_on = form.date("starts_on", "the first day")
    ends_on = form.date("ends_on", "the last day", required=False)
    reason = form.text("reason", "why the cost is shared like this", most=MOST, lines=True)
    step = form.value("step")
    if form.errors or step == "edit":
        return await _change(request, package_id, form)
    if step != "send":
        return await _change(request, package_id, form, checking=(others, starts_on, ends_on))
    try:
        await propose_funding(request.user, package_id, others, starts_on, ends_on, reason)
        return see_other(request, f"/packages/{package_id}/funding", flash="Proposed. Nothing changes until all agree.")
    except InvalidInput as error:
        for name, said in error.fields.items():
            anchor = f"share-{possible[0][0]}" if name == "shares" and possible else name
            form.error(anchor, said, f"{name}-day" if name.endswith("_on") else None)
    except WrongState:
        raise
    except Conflict as conflict:
        form.error("", conflict.sentence)
    return await _change(request, package_id, form)


def read_share(form: Form, name: str, noun: str) -> int | None:
    """A share typed in percent ("40", "33.33%"), in basis points; nothing typed is None."""
    raw = form.value(name).strip().removesuffix("%").strip()
    if not raw:
        return None
    match = PERCENT.fullmatch(raw)
    points = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else -1
    if not 0 <= points <= WHOLE:
        form.error(name, f"{noun[:1].upper()}{noun[1:]} must be between 0 and 100 percent, like 40 or 33.33")
        return None
    return points


async def _change(
    request: Asked, package_id: UUID, form: Form, *, checking: tuple[dict[UUID, int], date, date | None] | None = None
) -> Response[Any]:
    package, possible, earliest, waiting = await ask(request.user, _choices, package_id)
    context: dict[str, Any] = {
        "package": package, "possible": possible, "earliest": earliest, "form": form, "waiting": waiting,
        "own": request.user.organisation_name,
    }  # fmt: skip
    if checking is None:
        status = 409 if "" in form.errors else 200
        return page(request, "billing/funding_change.html", title="Share the cost", status=status, **context)
    others, starts_on, ends_on = checking
    return page(
        request, "billing/funding_check.html", title="Check before you send it", **context, starts_on=starts_on,
        ends_on=ends_on, others=[(name, others[payer_id]) for payer_id, name in possible if payer_id in others],
        left=WHOLE - sum(others.values()),
    )  # fmt: skip


@post("/packages/{package_id:uuid}/funding/{proposal_id:uuid}/withdraw", status_code=303, **PROPOSE)
async def withdraw(request: Asked, package_id: FromPath[UUID], proposal_id: FromPath[UUID]) -> Response[Any]:
    """Take the proposal back."""
    flash = "Taken back. Nothing has changed."
    try:
        await withdraw_funding(request.user, proposal_id)
    except Conflict as conflict:
        flash = conflict.sentence
    return see_other(request, f"/packages/{package_id}/funding", flash=flash)


ROUTES: list[Any] = [funding_page, change_page, change, withdraw]
