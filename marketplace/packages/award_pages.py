"""Awarding an offer and undoing an award: what will happen and to whom is read before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages.award import award_offer, undo_award
from marketplace.packages.tables import Package
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.referrals import queries
from marketplace.referrals.award import Acceptance, acceptance
from marketplace.referrals.offer_standing import bars, unready
from marketplace.referrals.queries import OfferView
from marketplace.referrals.tables import Referral
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

AWARDS: dict[str, Any] = {"guards": [requires("offer.award")]}


@dataclass(frozen=True, slots=True)
class Check:
    """What is read before an award."""

    referral: Referral
    offer: OfferView
    acceptance: Acceptance
    still_to_answer: int  # providers with time left
    others: int
    choices_elsewhere: tuple[str, ...]  # family members who chose another offer
    unready: dict[UUID, str]  # workers who are not ready now, and why
    barred: str  # why it cannot be awarded at the moment; '' where nothing stands against it


async def before_award(work: Work, referral_id: UUID, offer_id: UUID) -> Check:
    """The offer with both sides' choices and what an award would end. Raises `NotFound`."""
    row = await queries.referral(work, referral_id)
    offers = await queries.offers(work, referral_id)
    chosen = next((each for each in offers if each.id == offer_id), None)
    if chosen is None or row.commissioner_id != work.actor.commissioner_id:
        raise NotFound("This offer does not stand any more.")
    silent = [each for each in await queries.answers(work, referral_id) if each.answer == "silent"]
    open_still = row.respond_by is not None and work.now < row.respond_by
    elsewhere = {c["person_name"] for o in offers if o.id != offer_id for c in o.chosen_by("family")}
    away = await unready(work, row, chosen)
    barred = (await bars(work, row, [(chosen.id, chosen.provider_id)])).get(chosen.id, "")
    if not barred and any(each["part"] == "main" and each["worker_id"] in away for each in chosen.workers):
        barred = "This offer cannot be awarded as it stands: not every worker who comes is ready."
    return Check(
        row, chosen, await acceptance(work, row, offer_id, chosen.version), len(silent) if open_still else 0,
        len(offers) - 1, tuple(sorted(elsewhere)),
        away, barred,
    )  # fmt: skip


@get("/referrals/{referral_id:uuid}/award/{offer_id:uuid}", **AWARDS)
async def award_page(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], offer_id: FromPath[UUID]
) -> Response[Any]:
    """Check before the award."""
    return await _award_page(request, referral_id, offer_id, Form())


@post("/referrals/{referral_id:uuid}/award/{offer_id:uuid}", status_code=303, **AWARDS)
async def award(
    request: Request[Any, Any, Any], referral_id: FromPath[UUID], offer_id: FromPath[UUID]
) -> Response[Any]:
    """Awards the offer as it was read."""
    form = Form(await read_form(request))
    version = form.integer("version", "the version of the offer")
    reason = form.text("no_family_reason", "why nobody of the family chooses", most=500, required=False)
    if not form.errors:
        try:
            package_id = await award_offer(request.user, offer_id, version=version, no_family_reason=reason)
            return see_other(
                request, f"/packages/{package_id}", flash="Awarded. The provider can see who the child is now."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
            try:
                return await _award_page(request, referral_id, offer_id, form, status=409)
            except NotFound:
                raise error from None  # somebody else's award came first: its sentence says so
    return await _award_page(request, referral_id, offer_id, form)


async def _award_page(
    request: Request[Any, Any, Any], referral_id: UUID, offer_id: UUID, form: Form, status: int = 200
) -> Response[Any]:
    check = await ask(request.user, before_award, referral_id, offer_id)
    return page(
        request, "packages/award.html", title="Check before you award", form=form, check=check, row=check.referral,
        offer=check.offer, status=status,
    )  # fmt: skip


@get("/packages/{package_id:uuid}/undo-award", **AWARDS)
async def undo_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """What undoing does, and why it is done."""
    return await _undo_page(request, package_id, Form())


@post("/packages/{package_id:uuid}/undo-award", status_code=303, **AWARDS)
async def undo(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Undoes the award."""
    form = Form(await read_form(request))
    reason = form.text("reason", "why the award is undone", most=500, lines=True)
    if not form.errors:
        try:
            referral_id = await undo_award(request.user, package_id, reason=reason)
            return see_other(
                request, f"/referrals/{referral_id}", flash="The award is undone. The other offers stand again."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _undo_page(request, package_id, form)


async def _own_package(work: Work, package_id: UUID) -> Package:
    found = await Package.objects().where(Package.id == package_id).first()
    if found is None or found.referral_id is None or found.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    return found


async def _undo_page(request: Request[Any, Any, Any], package_id: UUID, form: Form) -> Response[Any]:
    package = await ask(request.user, _own_package, package_id)
    return page(
        request, "packages/undo_award.html", title="Undo the award", form=form, package=package,
        status=409 if "" in form.errors else 200,
    )  # fmt: skip


ROUTES: list[Any] = [award_page, award, undo_page, undo]
