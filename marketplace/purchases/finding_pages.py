"""The family's page to find a provider: what it looks for, its own week, and what that costs at each who could come."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.facts import WeeklySlot
from marketplace.providers.listing import AVAILABILITY
from marketplace.purchases import queries
from marketplace.purchases.directory import LONGEST_QUESTION, Criteria
from marketplace.purchases.directory_pages import EntryOut, entry_out
from marketplace.purchases.finding import Search, search
from marketplace.purchases.schemas import FindIn
from marketplace.purchases.words import amount
from marketplace.referrals.patterns import drawn, stored
from marketplace.web.forms import Form
from marketplace.web.render import page
from marketplace.web.svg import DAYS

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
WEEKDAYS = [(str(n), name) for n, name in enumerate(DAYS)]
ROWS = 4
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


def _from_query(request: Asked) -> Form:
    sent: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        sent.setdefault(name, []).append(str(value)[:LONGEST_QUESTION])
    return Form(sent)


def _rows(form: Form) -> list[int]:
    """The visits' rows to show: those typed in and an empty one."""
    typed = [
        n for n in range(1, ROWS + 1) if form.values(f"days-{n}") or form.value(f"begin-{n}") or form.value(f"end-{n}")
    ]
    return sorted({*typed, *[n for n in range(1, ROWS + 1) if n not in typed][:1]})


def _pattern(form: Form, activities: dict[str, str]) -> tuple[WeeklySlot, ...]:
    found: list[WeeklySlot] = []
    for n in range(1, ROWS + 1):
        if not (form.values(f"days-{n}") or form.value(f"begin-{n}") or form.value(f"end-{n}")):
            continue
        days = form.choices(f"days-{n}", "at least one day", [value for value, _ in WEEKDAYS], least=1)
        begin = form.time(f"begin-{n}", "the time the visit starts")
        end = form.time(f"end-{n}", "the time the visit ends")
        if len(activities) == 1:
            form.set(f"activity-{n}", next(iter(activities)))
        activity = form.choice(f"activity-{n}", "what is done at the visit", activities)
        found += [WeeklySlot(int(day), f"{begin:%H:%M}", f"{end:%H:%M}", activity) for day in days]
    return tuple(found)


@get("/budget/{direct_payment_id:uuid}/find", **SPENDS)
async def find_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Who could come, and what my week costs at each."""
    form = _from_query(request)
    plain = await ask(
        request.user, search, direct_payment_id, Criteria(lot=await _lot(request, direct_payment_id, form))
    )
    activities = {code: plain.pack.activities.get(code, code) for code in plain.pack.lot(plain.lot).activities}
    pattern = _pattern(form, activities)
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
            form.merge(error, {"pattern": f"begin-{_rows(form)[0]}"})
    form.set("lot", plain.lot)
    return page(
        request,
        "purchases/find.html",
        title="Find support",
        form=form,
        view=plain.view,
        search=result,
        rows=_rows(form),
        days=WEEKDAYS,
        activities=list(activities.items()),
        lots=list(plain.view.now.lots.items()),
        availability=AVAILABILITY,
        week=drawn(stored(pattern), activities) if pattern and not form.errors else [],
        amount=amount,
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
