"""The JSON API of applications, admissions and rate cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.frameworks import application_actions, queries, rate_actions
from marketplace.frameworks.schemas import (
    AdmissionOut,
    AdmitIn,
    ApplicationIn,
    ApplicationOut,
    CardOut,
    EndIn,
    MadeOut,
    RateIn,
    ReasonIn,
    VariationIn,
    admission_out,
    application_out,
    card_out,
)
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput

TAG = ["Applications and rates"]
FRAMEWORK: dict[str, Any] = {"guards": [requires("framework.read")], "tags": TAG}
READS: dict[str, Any] = {"guards": [requires("application.read")], "tags": TAG}
WRITES: dict[str, Any] = {"guards": [requires("application.write")], "tags": TAG}
DECIDES: dict[str, Any] = {"guards": [requires("application.decide")], "tags": TAG}
ONE = "/api/v1/frameworks/{framework_id:uuid}"
APPLICATION = "/api/v1/applications/{application_id:uuid}"
CARD = "/api/v1/rate-cards/{card_id:uuid}"
AnyRequest = Request[Any, Any, Any]


@get("/api/v1/applications", **READS)
async def list_applications(request: AnyRequest) -> list[ApplicationOut]:
    """Applications the caller may see, those that wait first: a provider's own, or those to our frameworks."""
    return [application_out(each) for each in await ask(request.user, queries.applications)]


@get(f"{ONE}/applications", **READS)
async def list_of_framework(request: AnyRequest, framework_id: FromPath[UUID]) -> list[ApplicationOut]:
    """The same of one framework."""
    await ask(request.user, queries.framework, framework_id)
    return [application_out(each) for each in await ask(request.user, queries.applications, framework_id)]


@post(f"{ONE}/applications", **WRITES)
async def apply(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[ApplicationIn]) -> MadeOut:
    """Apply to one or several lots, each with all of its rates."""
    bids = {bid.lot: _rates(bid.rates) for bid in data.lots}
    if len(bids) < len(data.lots):
        raise InvalidInput({"lots": "Name each lot once"})
    return MadeOut(await application_actions.apply(request.user, framework_id, bids, data.statement))


@get(APPLICATION, **READS)
async def one(request: AnyRequest, application_id: FromPath[UUID]) -> ApplicationOut:
    """One application."""
    return application_out(await ask(request.user, queries.application, application_id))


@post(f"{APPLICATION}/withdraw", status_code=200, **WRITES)
async def withdraw(request: AnyRequest, application_id: FromPath[UUID]) -> ApplicationOut:
    """Take back an application that waits."""
    await application_actions.withdraw_application(request.user, application_id)
    return application_out(await ask(request.user, queries.application, application_id))


@post(f"{APPLICATION}/admit", status_code=200, **DECIDES)
async def admit(request: AnyRequest, application_id: FromPath[UUID], data: JSONBody[AdmitIn]) -> AdmissionOut:
    """Admit the provider from a day on and agree its rates."""
    admission_id = await application_actions.admit(request.user, application_id, data.starts_on, data.reason)
    return admission_out(await ask(request.user, queries.admission, admission_id))


@post(f"{APPLICATION}/refuse", status_code=200, **DECIDES)
async def refuse(request: AnyRequest, application_id: FromPath[UUID], data: JSONBody[ReasonIn]) -> ApplicationOut:
    """Refuse with reasons, which the provider reads."""
    await application_actions.refuse(request.user, application_id, data.reason)
    return application_out(await ask(request.user, queries.application, application_id))


@get(f"{ONE}/admissions", **FRAMEWORK)
async def list_admissions(request: AnyRequest, framework_id: FromPath[UUID]) -> list[AdmissionOut]:
    """Admissions the caller may see: a provider its own, members of the framework all."""
    await ask(request.user, queries.framework, framework_id)
    return [admission_out(each) for each in await ask(request.user, queries.admissions, framework_id)]


@post("/api/v1/admissions/{admission_id:uuid}/end", status_code=200, **DECIDES)
async def end(request: AnyRequest, admission_id: FromPath[UUID], data: JSONBody[EndIn]) -> AdmissionOut:
    """Set the last day of an admission."""
    await application_actions.end_admission(request.user, admission_id, data.ends_on, data.reason)
    return admission_out(await ask(request.user, queries.admission, admission_id))


@get(f"{ONE}/rate-cards", guards=[requires("application.read", "invoice.decide", "referral.write")], tags=TAG)
async def list_cards(request: AnyRequest, framework_id: FromPath[UUID]) -> list[CardOut]:
    """Rate cards the caller may see: a provider its own, members of the framework all."""
    await ask(request.user, queries.framework, framework_id)
    return [card_out(each) for each in await ask(request.user, queries.rate_cards, framework_id)]


@post(f"{ONE}/rate-cards", **WRITES)
async def propose(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[VariationIn]) -> CardOut:
    """Propose new rates for a lot from a day on."""
    card_id = await rate_actions.propose_rates(
        request.user, framework_id, data.lot, _rates(data.rates), data.applies_from, data.reason
    )
    return card_out(await ask(request.user, queries.rate_card, card_id))


@get(CARD, guards=[requires("application.read", "invoice.decide", "referral.write")], tags=TAG)
async def one_card(request: AnyRequest, card_id: FromPath[UUID]) -> CardOut:
    """One rate card."""
    return card_out(await ask(request.user, queries.rate_card, card_id))


@post(f"{CARD}/withdraw", status_code=200, **WRITES)
async def withdraw_card(request: AnyRequest, card_id: FromPath[UUID]) -> CardOut:
    """Take back proposed rates."""
    await rate_actions.withdraw_rates(request.user, card_id)
    return card_out(await ask(request.user, queries.rate_card, card_id))


@post(f"{CARD}/agree", status_code=200, **DECIDES)
async def agree_card(request: AnyRequest, card_id: FromPath[UUID]) -> CardOut:
    """Agree proposed rates."""
    await rate_actions.agree_rates(request.user, card_id)
    return card_out(await ask(request.user, queries.rate_card, card_id))


@post(f"{CARD}/refuse", status_code=200, **DECIDES)
async def refuse_card(request: AnyRequest, card_id: FromPath[UUID], data: JSONBody[ReasonIn]) -> CardOut:
    """Refuse proposed rates with a reason."""
    await rate_actions.refuse_rates(request.user, card_id, data.reason)
    return card_out(await ask(request.user, queries.rate_card, card_id))


def _rates(rates: Iterable[RateIn]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for rate in rates:
        if (rate.activity, rate.band) in found:
            raise InvalidInput({"rates": f"The rate for {rate.activity}, {rate.band} is given twice"})
        found[rate.activity, rate.band] = rate.pence_per_hour
    return found


ROUTES: list[Any] = [
    list_applications,
    list_of_framework,
    apply,
    one,
    withdraw,
    admit,
    refuse,
    list_admissions,
    end,
    list_cards,
    propose,
    one_card,
    withdraw_card,
    agree_card,
    refuse_card,
]
