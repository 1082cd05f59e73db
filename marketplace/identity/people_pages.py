"""People and roles of my organisation, at both front doors: a commissioner's administrator, a provider's manager."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity import people, queries
from marketplace.identity.guards import requires
from marketplace.identity.permissions import ROLE_NAMES
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

GUARDED: dict[str, Any] = {"guards": [requires("people.write")]}

ROLE_HINTS = {
    "referrer": "Writes referrals, awards together with the family, signs plans",
    "contract_manager": "Follows providers' standing, suspends and reinstates, reads who looked",
    "finance": "Accepts and returns invoices; meets no child's name",
    "commissioner_admin": "Opens frameworks, evaluates applications, gives and ends roles",
    "provider_manager": "Everything of the provider, with people, rates and standing",
    "coordinator": "Answers referrals, plans visits, keeps the workforce; no people, rates or standing",
    "operator": "Runs the deployment; sees no case",
}


@get("/people", **GUARDED)
async def people_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Who has which role; a search; those whose role has ended."""
    search = request.query_params.get("q", "").strip()[:100]
    ended = request.query_params.get("show") == "ended"
    rows = await ask(request.user, queries.people_of_my_organisation, search=search, ended=ended)
    return page(
        request,
        "identity/people.html",
        title="People and roles",
        rows=rows,
        search_text=search,
        ended=ended,
        role_names=ROLE_NAMES,
    )


@get("/people/invite", **GUARDED)
async def invite_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Name, address and role of a colleague."""
    return _invite_page(request, Form())


@post("/people/invite", status_code=303, **GUARDED)
async def invite(request: Request[Any, Any, Any]) -> Response[Any]:
    """Gives the role and mails the invitation."""
    form = Form(await read_form(request))
    name = form.text("name", "the person's full name", most=people.LONGEST_NAME)
    email = form.email("email", "the person's e-mail address")
    role = form.choice("role", "what this person will do", people.roles_to_give(request.user))
    if not form.errors:
        try:
            await people.invite_colleague(request.user, name, email, role)
            return see_other(request, "/people", flash=f"{name} has the role now and is told by e-mail how to sign in.")
        except InvalidInput as error:
            form.merge(error)
    return _invite_page(request, form)


@get("/people/{membership_id:uuid}/end", **GUARDED)
async def end_page(request: Request[Any, Any, Any], membership_id: FromPath[UUID]) -> Response[Any]:
    """Says what ending a role will do, before it is done."""
    return await _end_page(request, membership_id, Form())


@post("/people/{membership_id:uuid}/end", status_code=303, **GUARDED)
async def end(request: Request[Any, Any, Any], membership_id: FromPath[UUID]) -> Response[Any]:
    """Ends the role at once."""
    try:
        await people.end_role(request.user, membership_id)
    except NotFound:
        raise
    except Conflict as error:
        form = Form(await read_form(request))
        form.error("role", error.sentence)
        return await _end_page(request, membership_id, form)
    return see_other(request, "/people", flash="The role has ended. Whoever had it is signed out of it.")


def _invite_page(request: Request[Any, Any, Any], form: Form) -> Response[Any]:
    options = [(role, ROLE_NAMES[role], ROLE_HINTS.get(role, "")) for role in people.roles_to_give(request.user)]
    return page(request, "identity/invite.html", title="Give somebody a role", form=form, options=options)


async def _end_page(request: Request[Any, Any, Any], membership_id: UUID, form: Form) -> Response[Any]:
    row = await ask(request.user, queries.one_membership, membership_id)
    if row is None:
        raise NotFound
    return page(
        request,
        "identity/end_role.html",
        title="End a role",
        form=form,
        row=row,
        role_name=ROLE_NAMES[row["role"]],
        status=409 if form.errors else 200,
    )


ROUTES: list[Any] = [people_page, invite_page, invite, end_page, end]
