"""JSON about contracts for both ends: lists, a contract, a meeting or visit, information, the Commission's changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Response, Stream

from marketplace.billing.paper_pages import pdf_of
from marketplace.contracts import finding_files, queries, schemas
from marketplace.contracts.printing import charge_letter
from marketplace.contracts.steps import READ
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers.file_sending import download

READS: dict[str, Any] = {"guards": [requires(READ)], "tags": ["Contracts"]}
Asked = Request[Any, Any, Any]


@get("/api/v1/contracts", **READS)
async def list_contracts(request: Asked) -> list[schemas.LineOut]:
    """Each contract of ours with what is due and open."""
    return [schemas.line_out(line) for line in await ask(request.user, queries.contracts)]


@get("/api/v1/contracts/{framework_id:uuid}/{provider_id:uuid}", **READS)
async def get_contract(
    request: Asked,
    framework_id: FromPath[UUID],
    provider_id: FromPath[UUID],
    commissioner_id: FromQuery[UUID | None] = None,
) -> schemas.ContractOut:
    """One contract; a provider says with which commissioner."""
    return schemas.contract_out(
        await ask(request.user, queries.contract, framework_id, provider_id, commissioner_id)
    )  # fmt: skip


@get("/api/v1/contract-occasions/{occasion_id:uuid}", **READS)
async def get_occasion(request: Asked, occasion_id: FromPath[UUID]) -> schemas.OccasionOut:
    """A meeting or visit with agenda, minutes, findings, actions and story."""
    return schemas.occasion_out(await ask(request.user, queries.occasion, occasion_id))


@get("/api/v1/information-requests", **READS)
async def list_requests(request: Asked) -> list[schemas.RequestOut]:
    """The information asked for, the newest first."""
    return [schemas.request_out(each) for each in await ask(request.user, queries.requests)]


@get("/api/v1/information-requests/{information_id:uuid}", **READS)
async def get_request(request: Asked, information_id: FromPath[UUID]) -> schemas.RequestOut:
    """One request with what was given, and its charge."""
    return schemas.request_out(await ask(request.user, queries.request, information_id))


@get("/api/v1/information-requests/{information_id:uuid}/charge/pdf", media_type="application/pdf", **READS)
async def get_charge_pdf(request: Asked, information_id: FromPath[UUID]) -> Response[bytes]:
    """The letter about a charge as a tagged PDF (PDF/UA-1)."""
    return await pdf_of(await ask(request.user, charge_letter, information_id))


@get("/api/v1/finding-files/{file_id:uuid}", **READS)
async def get_finding_file(request: Asked, file_id: FromPath[UUID]) -> Stream:
    """A file that shows a finding, as it was checked; for the provider once it is shared."""
    return download(await finding_files.open_file(request.user, settings_of(request), file_id))


@get("/api/v1/cqc-changes", **READS)
async def list_changes(request: Asked) -> list[schemas.ChangeOut]:
    """What our providers (or we) reported of the Care Quality Commission, the newest first."""
    return [schemas.change_out(each) for each in await ask(request.user, queries.changes)]


ROUTES: list[Any] = [
    list_contracts, get_contract, get_occasion, list_requests, get_request, get_charge_pdf, list_changes,
    get_finding_file,
]  # fmt: skip
