"""The referrer's children: the list, adding and changing one, taking a case over, who of the family has access."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.referrals import children, granting, grants, queries
from marketplace.referrals.children import ChildDetails
from marketplace.referrals.grants import RIGHTS, Grant
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("child.write")]}
GRANTS: dict[str, Any] = {"guards": [requires("grant.write")]}
OFFERED_RIGHTS = list(RIGHTS.items())


@get("/children", **WRITES)
async def list_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My cases by name, colleagues' by reference."""
    everybody = request.query_params.get("show") == "all"
    text = request.query_params.get("q", "").strip()[:100]
    rows = await ask(request.user, children.children, mine=not everybody, text=text)
    return page(request, "referrals/children.html", title="Children", rows=rows, everybody=everybody, search_text=text)


@get("/children/new", **WRITES)
async def new_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Who the child is."""
    return await _details_page(request, Form.starting_with(sibling_of=request.query_params.get("sibling")), None)


@post("/children/new", status_code=303, **WRITES)
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    """Takes the child on."""
    form = Form(await read_form(request))
    details = _read_details(form)
    sibling = form.uuid("sibling_of", "a brother or sister", required=False)
    if not form.errors:
        try:
            child_id = await children.add_child(
                request.user, details, sibling_of=sibling, although_known=form.boolean("although_known")
            )
            return see_other(
                request, f"/children/{child_id}", flash="The child is on your case list. Now give the family access."
            )
        except InvalidInput as error:
            form.merge(error)
    return await _details_page(request, form, None)


@get("/children/{child_id:uuid}/change", **WRITES)
async def change_page(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """The identity as it is known, to be changed."""
    await ask(request.user, _own_child, child_id)
    file = await children.open_child(request.user, child_id)
    values = {name: getattr(file.identity, name) for name in ChildDetails.__struct_fields__}
    return await _details_page(request, Form.starting_with(**values), child_id)


@post("/children/{child_id:uuid}/change", status_code=303, **WRITES)
async def change(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """Writes the change."""
    form = Form(await read_form(request))
    details = _read_details(form)
    if not form.errors:
        try:
            await children.change_child(request.user, child_id, details)
            return see_other(request, f"/children/{child_id}", flash="The record is changed.")
        except InvalidInput as error:
            form.merge(error)
    return await _details_page(request, form, child_id)


def _read_details(form: Form) -> ChildDetails:
    return ChildDetails(
        name=form.text("name", "the child's name"),
        date_of_birth=form.date("date_of_birth", "the date of birth"),
        address=form.text("address", "the address", most=1000, lines=True, required=False),
        postcode=form.text("postcode", "the postcode", most=10, required=False),
        phone=form.text("phone", "the telephone number", most=50, required=False),
        at_the_door=form.text("at_the_door", "what a worker needs at the door", most=2000, lines=True, required=False),
        other_names=form.text("other_names", "the names of the family", most=2000, lines=True, required=False),
    )


async def _details_page(request: Request[Any, Any, Any], form: Form, child_id: UUID | None) -> Response[Any]:
    mine = await ask(request.user, children.children, mine=True) if child_id is None else []
    known = "is known already" in form.errors.get("name", "")
    return page(
        request, "referrals/child_details.html", title="Change the record" if child_id else "Add a child", form=form,
        child_id=child_id, known=known, siblings=[(str(each.id), f"{each.name} ({each.reference})") for each in mine],
    )  # fmt: skip


@get("/children/{child_id:uuid}/take-over", **WRITES)
async def take_over_page(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """Why a colleague's case becomes mine."""
    return await _take_over_page(request, child_id, Form())


@post("/children/{child_id:uuid}/take-over", status_code=303, **WRITES)
async def take_over(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """Takes the case over."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why you take this case over", most=500)
    if form.errors:
        return await _take_over_page(request, child_id, form)
    await children.take_over_case(request.user, child_id, reason=reason)
    return see_other(request, f"/children/{child_id}", flash="This is your case now.")


async def _take_over_page(request: Request[Any, Any, Any], child_id: UUID, form: Form) -> Response[Any]:
    child = await ask(request.user, queries.child, child_id)
    return page(request, "referrals/take_over.html", title="Take over this case", form=form, child=child)


@get("/children/{child_id:uuid}/access/new", **GRANTS)
async def access_page(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """Who of the family may see and do what."""
    return await _access_page(request, child_id, Form(), None)


@post("/children/{child_id:uuid}/access/new", status_code=303, **GRANTS)
async def give_access(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> Response[Any]:
    """Gives the access and invites the person."""
    form = Form(await read_form(request))
    name = form.text("name", "the person's name", most=120)
    email = form.email("email", "the person's email address")
    phone = form.text("phone", "the telephone number", most=50, required=False)
    relation = form.text("relation", "how this person is related to the child", most=100)
    rights, jointly, ends_on, reason = _read_rights(form)
    if not form.errors:
        try:
            await granting.grant_access(
                request.user, child_id, name=name, email=email, phone=phone or None, relation=relation, rights=rights,
                jointly=jointly, ends_on=ends_on, reason=reason,
            )  # fmt: skip
            return see_other(
                request, f"/children/{child_id}", flash=f"{name} has access now and is told by email how to sign in."
            )
        except InvalidInput as error:
            form.merge(error)
    return await _access_page(request, child_id, form, None)


def _read_rights(form: Form) -> tuple[list[str], bool, Any, str]:
    return (
        form.choices("rights", "what this person may see and do", list(RIGHTS), least=1),
        form.value("jointly") == "yes",
        form.date("ends_on", "the last day of access", required=False),
        form.text("reason", "what the access rests on", most=500, required=False),
    )


async def _access_page(
    request: Request[Any, Any, Any], child_id: UUID, form: Form, grant: Grant | None
) -> Response[Any]:
    child = await ask(request.user, _own_child, child_id)
    return page(
        request, "referrals/access.html", title="Change access" if grant else "Give a family member access", form=form,
        child=child, grant=grant, rights=OFFERED_RIGHTS,
    )  # fmt: skip


async def _own_child(work: Work, child_id: UUID) -> Any:
    return await children.own_case(work, work.actor, child_id)


async def _grant(work: Work, child_id: UUID, grant_id: UUID) -> Grant:
    for each in await grants.grants_of(work, child_id):
        if each.id == grant_id:
            return each
    raise NotFound


@get("/children/{child_id:uuid}/access/{grant_id:uuid}", **GRANTS)
async def change_access_page(
    request: Request[Any, Any, Any], child_id: FromPath[UUID], grant_id: FromPath[UUID]
) -> Response[Any]:
    """A person's rights, to be changed or ended."""
    grant = await ask(request.user, _grant, child_id, grant_id)
    form = Form.starting_with(rights=grant.rights, jointly=grant.jointly, ends_on=grant.ends_on, reason=grant.reason)
    return await _access_page(request, child_id, form, grant)


@post("/children/{child_id:uuid}/access/{grant_id:uuid}", status_code=303, **GRANTS)
async def change_access(
    request: Request[Any, Any, Any], child_id: FromPath[UUID], grant_id: FromPath[UUID]
) -> Response[Any]:
    """Changes the rights at once, or ends them."""
    form = Form(await read_form(request))
    grant = await ask(request.user, _grant, child_id, grant_id)
    try:
        if form.value("action") == "end":
            why = form.text("end_reason", "why the access ends", most=500)
            if not form.errors:
                await granting.revoke_access(request.user, grant_id, reason=why)
                return see_other(request, f"/children/{child_id}", flash=f"{grant.person_name} has no access any more.")
        else:
            rights, jointly, ends_on, reason = _read_rights(form)
            if not form.errors:
                await granting.change_access(
                    request.user, grant_id, rights=rights, jointly=jointly, ends_on=ends_on, reason=reason
                )
                return see_other(
                    request, f"/children/{child_id}", flash=f"The access of {grant.person_name} is changed."
                )
    except InvalidInput as error:
        form.merge(error, {"reason": "end_reason"})
    return await _access_page(request, child_id, form, grant)


ROUTES: list[Any] = [
    list_page, new_page, new, change_page, change, take_over_page, take_over, access_page, give_access,
    change_access_page, change_access,
]  # fmt: skip
