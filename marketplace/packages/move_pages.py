"""Pages of a package that is moved: the referrer begins, calls off and finishes; the providers hand over and read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import moving, queries
from marketplace.packages.moving import Move
from marketplace.packages.tables import Package
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

MOVES: dict[str, Any] = {"guards": [requires("referral.write")]}
HANDS_OVER: dict[str, Any] = {"guards": [requires("package.write")]}
Asked = Request[Any, Any, Any]


async def _move(work: Work, package_id: UUID) -> tuple[Package, Move | None]:
    package = await queries.package(work, package_id)
    if package.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    return package, await moving.move_of(work, package)


@get("/packages/{package_id:uuid}/move", **MOVES)
async def move_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """Begin to move a package, or how far the move is."""
    return await _page(request, package_id, Form())


@post("/packages/{package_id:uuid}/move", status_code=303, **MOVES)
async def move(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """`step` begin, call_off or finish."""
    form = Form(await read_form(request))
    step = form.value("step")
    reason = form.text("reason", "why; the provider reads it", most=1000, lines=True) if step != "finish" else ""
    if not form.errors:
        try:
            if step == "finish":
                await moving.finish_move(request.user, package_id)
                return see_other(request, f"/packages/{package_id}", flash="The package has ended: it has been moved.")
            if step == "call_off":
                await moving.call_off_move(request.user, package_id, reason)
                return see_other(request, f"/packages/{package_id}", flash="The package stays with its provider.")
            referral_id = await moving.begin_move(request.user, package_id, reason=reason)
            said = "A draft has been made from what is known. Check it, and choose the dates."
            return see_other(request, f"/referrals/{referral_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("reason" if step != "finish" else "", error.sentence)
    return await _page(request, package_id, form)


async def _page(request: Asked, package_id: UUID, form: Form) -> Response[Any]:
    package, found = await ask(request.user, _move, package_id)
    return page(
        request, "packages/move.html", title=f"Move package {package.reference}", package=package, move=found, form=form
    )


async def _handover(work: Work, package_id: UUID) -> tuple[Package, Move | None, list[Any]]:
    package = await queries.package(work, package_id)
    mine = package.provider_id == work.actor.provider_id
    if not mine and package.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    return package, await moving.move_of(work, package), await moving.handovers_to(work, package)


@get("/packages/{package_id:uuid}/handover", **HANDS_OVER)
async def handover_page(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """Write the handover of a package that is moved away, or read the one of a package taken over."""
    return await _hand(request, package_id, Form())


@post("/packages/{package_id:uuid}/handover", status_code=303, **HANDS_OVER)
async def hand_over(request: Asked, package_id: FromPath[UUID]) -> Response[Any]:
    """Keeps it; it opens to the next provider with the award."""
    form = Form(await read_form(request))
    says = form.text("says", "what the next provider has to know", most=moving.LONGEST, lines=True)
    if not form.errors:
        try:
            await moving.write_handover(request.user, package_id, says)
            said = "The handover has been written. The next provider reads it once the award is made."
            return see_other(request, f"/packages/{package_id}/handover", flash=said)
        except InvalidInput as error:
            form.merge(error)
    return await _hand(request, package_id, form)


async def _hand(request: Asked, package_id: UUID, form: Form) -> Response[Any]:
    package, found, taken = await ask(request.user, _handover, package_id)
    return page(
        request,
        "packages/handover.html",
        title=f"Handover of package {package.reference}",
        package=package,
        move=found,
        taken=taken,
        form=form,
        writes=found is not None and package.provider_id == request.user.provider_id,
    )


ROUTES: list[Any] = [move_page, move, handover_page, hand_over]
