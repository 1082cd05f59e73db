"""Pages of frameworks for providers: what is open, its terms, where one stands with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import application_pages, queries, rate_pages, rates, terms
from marketplace.frameworks.views import AdmissionView, ApplicationView, CardView, DecisionView, FrameworkView, LotView
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("framework.read")]}


@dataclass(frozen=True, slots=True)
class LotStanding:
    """One lot as a provider sees it: its own admission and its latest application, nobody else's."""

    lot: LotView
    admission: AdmissionView | None
    application: ApplicationView | None

    @property
    def can_apply(self) -> bool:
        return self.admission is None and (self.application is None or self.application.state != "submitted")


@get("/frameworks", **READS)
async def frameworks_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My frameworks, and those that take applications."""
    mine, others = await ask(request.user, _mine_and_open)
    return page(request, "frameworks/list.html", title="Frameworks", mine=mine, others=others)


@get("/frameworks/{framework_id:uuid}", **READS)
async def framework_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """One framework: who runs it, its lots, and where I stand on each."""
    found, lots, cards, today = await ask(request.user, _standing, framework_id)
    takes = found.state == "open" and (found.ends_on is None or found.ends_on >= today)
    return page(
        request,
        "frameworks/framework.html",
        title=found.name,
        framework=found,
        lots=lots,
        cards=cards,
        today=today,
        can_apply=takes and may(request.user, "application.write") and any(lot.can_apply for lot in lots),
        reads_cards=may(request.user, "application.read"),
    )


@get("/frameworks/{framework_id:uuid}/terms", **READS)
async def terms_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """The framework's rules, clause by clause, with what the commissioner decided where the sources are silent."""
    found, sections, decisions = await ask(request.user, read_terms, framework_id)
    return page(
        request,
        "frameworks/terms.html",
        title=f"Terms of {found.name}",
        framework=found,
        sections=sections,
        decisions=decisions,
        answer=terms.answer,
    )


async def read_terms(
    work: Work, framework_id: UUID
) -> tuple[FrameworkView, list[terms.Section], dict[str, DecisionView]]:
    """A framework with its terms as they stand today; the console's page asks the same."""
    found = await queries.framework(work, framework_id)
    pack = await queries.pack_of(work, framework_id)
    decisions = terms.decided(await queries.decisions(work, framework_id))
    return found, terms.sections(pack, queries.today(work)), decisions


async def _mine_and_open(work: Work) -> tuple[list[FrameworkView], list[FrameworkView]]:
    mine = await queries.my_frameworks(work)
    known = {each.id for each in mine}
    return mine, [each for each in await queries.open_frameworks(work) if each.id not in known]


async def _standing(
    work: Work, framework_id: UUID
) -> tuple[FrameworkView, list[LotStanding], list[tuple[CardView, rates.Grid]], date]:
    found = await queries.framework(work, framework_id)
    today = queries.today(work)
    provider_id = work.actor.provider_id
    held: dict[str, AdmissionView] = {}
    applied: dict[str, ApplicationView] = {}
    cards: list[CardView] = []
    if provider_id is not None:
        for admission in await queries.admissions(work, framework_id, provider_id=provider_id):
            if admission.ends_on is None or admission.ends_on >= today:
                held.setdefault(admission.lot_code, admission)
        for application in await queries.applications(work, framework_id):
            applied.setdefault(application.lot_code, application)
        cards = [
            card
            for card in await queries.rate_cards(work, framework_id, provider_id=provider_id)
            if card.state == "agreed" or (card.state == "proposed" and card.variation)
        ]
    pack = await queries.pack_of(work, framework_id)
    lots = [
        LotStanding(lot, held.get(lot.code), applied.get(lot.code)) for lot in await queries.lots(work, framework_id)
    ]
    return found, lots, [(card, rates.grid(pack, card.lot_code, card.applies_from)) for card in cards], today


ROUTES: list[Any] = [frameworks_page, framework_page, terms_page, *application_pages.ROUTES, *rate_pages.ROUTES]
