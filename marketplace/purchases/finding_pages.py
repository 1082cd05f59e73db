"""The family's page to find a provider: what it looks for, its own week, and what that costs at each who could come."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.providers.listing import AVAILABILITY
from marketplace.purchases import queries, week_form
from marketplace.purchases.directory import LONGEST_QUESTION, Criteria
from marketplace.purchases.directory_pages import EntryOut, entry_out
from marketplace.purchases.finding import Search, search
from marketplace.purchases.schemas import FindIn
from marketplace.purchases.words import amount
from marketplace.referrals.patterns import drawn, stored
from marketplace.web.forms import Form
from marketplace.web.render import page

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
Asked = Request[Any, Any, Any]


class FoundOut(EntryOut, kw_only=True):
    """A provider that fits, with the price of the week asked for in pence; None where there is no price."""

    pence_first_week: int | None
    pence_first_period: int | None
    price_lines: list[str]
    unpriced: str


class SearchOut(msgspec.Struct, kw_only=True):
    """`refusals` say why this could not be bought at the framework's price; empty: it could."""

    lot: str
    total: int
    refusals: list[str]
    found: list[FoundOut]


def from_query(request: Asked) -> Form:
    """The form as the address carries it."""
    sent: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        sent.setdefault(name, []).append(str(value)[:LONGEST_QUESTION])
    return Form(sent)


@get("/budget/{direct_payment_id:uuid}/find", **SPENDS)
async def find_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Who could come, and what my week costs at each."""
    form = from_query(request)
    plain = await ask(
        request.user, search, direct_payment_id, Criteria(lot=await _lot(request, direct_payment_id, form))
    )
    activities = {code: plain.pack.activities.get(code, code) for code in plain.pack.lot(plain.lot).activities}
    pattern = week_form.read(form, activities)
    starts_on = form.date("starts_on", "the first day", required=False)
    workers = 2 if form.value("workers") == "2" else 1
    result: Search = plain
    if not form.errors:
        criteria = Criteria(
            plain.lot, form.value("area"), form.value("language"), form.value("when"), form.value("need"),
            form.value("q"),
        )  # fmt: skip
        try:
            result = await ask(
                request.user, search, direct_payment_id, criteria, pattern=pattern, starts_on=starts_on, workers=workers
            )
        except InvalidInput as error:
            form.merge(error, {"pattern": f"begin-{week_form.rows(form)[0]}"})
    form.set("lot", plain.lot)
    return page(
        request,
        "purchases/find.html",
        title="Find support",
        form=form,
        view=plain.view,
        search=result,
        rows=week_form.rows(form),
        days=week_form.WEEKDAYS,
        activities=list(activities.items()),
        lots=list(plain.view.now.lots.items()),
        availability=AVAILABILITY,
        week=drawn(stored(pattern), activities) if pattern and not form.errors else [],
        amount=amount,
        carried=urlencode([(name, value) for name in form.typed for value in form.values(name) if value]),
    )


async def _lot(request: Asked, direct_payment_id: UUID, form: Form) -> str:
    """The lot asked for where the direct payment may buy it, else the first it may."""
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    return form.value("lot") if form.value("lot") in view.now.lots else next(iter(view.now.lots))


@post("/api/v1/direct-payments/{direct_payment_id:uuid}/find", status_code=200, tags=["Direct payments"], **SPENDS)
async def post_find(request: Asked, direct_payment_id: FromPath[UUID], data: JSONBody[FindIn]) -> SearchOut:
    """Providers open to new families that fit, each with the price of the week asked for."""
    criteria = Criteria(data.lot, data.area, data.language, data.availability, data.need, data.text)
    result = await ask(
        request.user, search, direct_payment_id, criteria, pattern=tuple(data.pattern), starts_on=data.starts_on,
        workers=data.workers,
    )  # fmt: skip
    return SearchOut(
        lot=result.lot,
        total=result.total,
        refusals=list(result.refusals),
        found=[
            FoundOut(
                **msgspec.structs.asdict(entry_out(each.entry)),
                pence_first_week=each.pence_per_week,
                pence_first_period=each.pence_per_period,
                price_lines=list(each.price.lines) if each.price else [],
                unpriced=each.unpriced,
            )
            for each in result.found
        ],
    )


ROUTES: list[Any] = [find_page, post_find]
