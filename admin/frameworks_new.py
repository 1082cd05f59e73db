"""A new framework, step by step: pack, details, partners, check. The draft of the answers lives in the form."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.response import Response

from marketplace.frameworks import actions, packs, queries
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.pack import Pack, available_packs
from marketplace.web import csrf
from marketplace.web.forms import Form
from marketplace.web.reading import read_files, read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("framework.write")]}
STEPS = ("pack", "details", "partners", "check", "create")
ON_PAGE = {"pack": ("pack",), "details": ("name", "regime", "anchor_day", "ends_on"), "partners": ("partners",)}
STORED = "stored:"  # before the hash of a pack the commissioner brought itself


@get("/frameworks/new", **WRITES)
async def new_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The first step: which rules. `?pack=` names a pack just brought along."""
    form = Form()
    brought = request.query_params.get("pack", "")
    if brought:
        form.set("pack", STORED + brought)
    return await _show(request, "pack", form)


@post("/frameworks/new", status_code=200, **WRITES)
async def new(request: Request[Any, Any, Any]) -> Response[Any]:
    """On to the step asked for once everything before it is answered; the last one makes the draft."""
    form = Form(await read_form(request))
    step = form.value("go") if form.value("go") in STEPS else "pack"
    at = STEPS.index(step)
    pack: Pack | None = None
    if at > STEPS.index("pack"):
        try:
            pack = await _pack(request, form.value("pack"))
        except (InvalidInput, NotFound):
            form.error("pack", "Select the rules of the framework")
            return await _show(request, "pack", form)
    if at > STEPS.index("details"):
        name = form.text("name", "the framework's name", most=actions.LONGEST_NAME)
        regime = form.text("regime", "the procurement regime", most=actions.LONGEST_NAME)
        anchor_day = form.date("anchor_day", "the first day of a billing period")
        ends_on = form.date("ends_on", "the last day", required=False)
        if not form.errors and ends_on is not None and ends_on <= anchor_day:
            form.error("ends_on", "The last day must be after the first day of billing", "ends_on-day")
        if form.errors:
            return await _show(request, "details", form)
        partners = form.uuids("partners", "partner commissioners")
        if form.errors:
            return await _show(request, "partners", form)
        if step == "create":
            try:
                framework_id = await actions.create_framework(
                    request.user,
                    pack=pack,
                    name=name,
                    anchor_day=anchor_day,
                    regime=regime,
                    ends_on=ends_on,
                    partner_ids=partners,
                )
                return see_other(
                    request, f"/frameworks/{framework_id}", flash="The draft is made. Confirm its decisions next."
                )
            except InvalidInput as error:
                form.merge(error)
                wrong = next((each for each, names in ON_PAGE.items() if set(names) & set(error.fields)), "details")
                return await _show(request, wrong, form)
        return await _show(request, step, form, pack, anchor_day, ends_on)
    return await _show(request, step, form, pack)


@get("/frameworks/new/own-pack", **WRITES)
async def own_pack_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Where a commissioner brings its own rules."""
    return page(request, "admin/framework_own_pack.html", title="Bring your own rules", form=Form())


@post("/frameworks/new/own-pack", status_code=303, **WRITES)
async def own_pack(request: Request[Any, Any, Any]) -> Response[Any]:
    """Checks the pack and keeps it; every fault is named by file and key."""
    form = Form(await read_form(request))
    files = (await read_files(request)).get("file", [])
    if not files:
        form.error("file", "Select the zip file with your rules")
    else:
        try:
            pack = packs.from_zip(await files[0].read(packs.LARGEST_ZIP + 1))
            pack_hash = await actions.store_pack(request.user, pack)
            return see_other(
                request, f"/frameworks/new?pack={pack_hash}", flash=f"{pack.title} has been checked: no faults."
            )
        except InvalidInput as error:
            form.merge(error, {"pack": "file"})
    return page(request, "admin/framework_own_pack.html", title="Bring your own rules", form=form)


async def _pack(request: Request[Any, Any, Any], chosen: str) -> Pack:
    if chosen.startswith(STORED):
        return await ask(request.user, _stored, chosen.removeprefix(STORED))
    return packs.built_in(chosen)


async def _stored(work: Work, pack_hash: str) -> Pack:
    return await packs.stored(work, pack_hash)


async def _show(
    request: Request[Any, Any, Any],
    step: str,
    form: Form,
    pack: Pack | None = None,
    anchor_day: date | None = None,
    ends_on: date | None = None,
) -> Response[Any]:
    options = [(pack_id, packs.built_in(pack_id).title) for pack_id in available_packs()]
    chosen = form.value("pack")
    if chosen.startswith(STORED):
        try:
            options.append((chosen, f"{(await _pack(request, chosen)).title}, as you brought it"))
        except NotFound:
            form.typed.pop("pack")
    others: list[tuple[UUID, str]] = await ask(request.user, queries.possible_partners)
    names = {str(key): name for key, name in others}
    here = ON_PAGE.get(step, ())
    carried = [
        (name, value)
        for name, values in form.typed.items()
        if name not in ("go", csrf.FIELD) and not (here and name.startswith(here))
        for value in values
    ]
    titles = {"pack": "rules", "details": "details", "partners": "partners", "check": "check your answers"}
    return page(
        request,
        f"admin/framework_new_{step}.html",
        title=f"New framework: {titles[step]}",
        form=form,
        packs=options,
        pack=pack,
        partner_options=list(names.items()),
        partner_names=[names[key] for key in form.values("partners") if key in names],
        anchor_day=anchor_day,
        ends_on=ends_on,
        carried=carried,
    )


ROUTES: list[Any] = [new_page, new, own_pack_page, own_pack]
