"""The list of duties and each duty's own page, at both front doors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import signed_in
from marketplace.identity.permissions import may
from marketplace.obligations import duty_queries, duty_words
from marketplace.obligations.duty_queries import MOST_IN_FILE, PAGE_SIZE, STATES, Chosen
from marketplace.obligations.stopping import ASK, SIDES
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.render import page

Asked = Request[Any, Any, Any]


@get("/duties", guards=[signed_in])
async def duties_page(request: Asked) -> Response[Any]:
    """The duties that concern me, by who owes them, which rule and how they stand; or as CSV."""
    given = request.query_params
    owing, rules = await ask(request.user, duty_queries.choices)
    state, provider, rule = given.get("state", ""), given.get("provider", ""), given.get("rule", "")
    # what is not in the lists was typed into the address: it chooses nothing
    state = state if state in STATES else ""
    provider = provider if provider in dict(owing) else ""
    rule = rule if rule in dict(rules) else ""
    chosen = Chosen(state or None, UUID(provider) if provider else None, rule or None)
    if given.get("format") == "csv":
        rows = await ask(request.user, duty_queries.duties, chosen, limit=MOST_IN_FILE)
        return csv_file("duties", duty_words.HEADS, duty_words.csv_rows(rows))
    counts = await ask(request.user, duty_queries.count_duties, chosen)
    total = counts.get(state, 0) if state else sum(counts.values())
    raw = given.get("page", "1")
    number = max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    kept = urlencode({"provider": provider, "rule": rule})
    return page(
        request,
        "obligations/duties.html",
        title="Duties",
        rows=await ask(request.user, duty_queries.duties, chosen, offset=PAGE_SIZE * (number - 1)),
        states=STATES,
        state=state,
        options=[("", "All", sum(counts.values()))]
        + [(key, said[0], counts.get(key, 0)) for key, said in STATES.items() if key in counts or key == state],
        form=Form({"provider": [provider], "rule": [rule]}),
        owing=owing,
        rules=rules,
        filtered=bool(state or provider or rule),
        kept=kept,
        number=number,
        last=max(1, -(-total // PAGE_SIZE)),
        words=duty_words,
        stops=request.user.role in SIDES,
    )


@get("/duties/{duty_id:uuid}", guards=[signed_in])
async def duty_page(request: Asked, duty_id: FromPath[UUID]) -> Response[Any]:
    """One duty: who owes what to whom, by when, how it stands, what a miss leads to and what happened."""
    view = await ask(request.user, duty_queries.duty, duty_id)
    return page(
        request,
        "obligations/duty.html",
        title=view.row["title"],
        view=view,
        state=STATES[view.row["state"]],
        asks=may(request.user, ASK) and view.row["owed_by_organisation"] == request.user.organisation_id,
        words=duty_words,
    )


ROUTES: list[Any] = [duties_page, duty_page]
