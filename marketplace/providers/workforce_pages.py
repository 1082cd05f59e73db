"""The workforce's page: the readiness matrix, narrowed as people look for somebody; as a file too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from litestar import Request, get
from litestar.response import Response

from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.providers import queries
from marketplace.providers.facts import WorkerRecord
from marketplace.providers.matrix import Matrix, matrix
from marketplace.providers.vocabulary import Words, lots_of, words
from marketplace.web.csv_file import csv_file
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("workforce.read")]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}
LAPSES = ("28", "56", "84")  # how far ahead people look; the warnings' own days are the packs'


@dataclass(frozen=True, slots=True)
class Choice:
    """A lot of a framework to judge the workforce by."""

    key: str
    framework_name: str
    title: str
    pack: Pack
    lot: str

    @property
    def needs(self) -> list[tuple[str, str]]:
        """The starred competencies a child on this lot may need."""
        rows = [row for row in self.pack.requirements(self.lot) if row.kind == "where_needed"]
        return [(row.competency, self.pack.competencies[row.competency].title) for row in rows]


# --- the matrix -------------------------------------------------------------------------------------------------------


@get("/workforce", **READS)
async def workforce_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Workers by what a lot and a child's needs ask; `?lot=`, `?needs=`, `?lapsing=`, `?show=`, `?format=csv`."""
    choices, records, spoken, today = await ask(request.user, _workforce)
    query = request.query_params
    chosen = next((c for c in choices if c.key == query.get("lot")), choices[0] if choices else None)
    needs = [code for code, _ in (chosen.needs if chosen else []) if code in query.getall("needs", [])]
    lapsing = query.get("lapsing", "") if query.get("lapsing") in LAPSES else ""
    show = query.get("show", "") if query.get("show") in ("ready", "not-ready") else ""
    table: Matrix | None = None
    if chosen is not None:
        table = _narrow(matrix(chosen.pack, records, chosen.lot, needs, today), show, lapsing, today)
    if query.get("format") == "csv" and table is not None:
        heads = ["Worker", "Role", "Ready", *table.columns, "Why not"]
        return csv_file(
            "workforce",
            heads,
            (
                [row.entry.worker.name, spoken.roles.get(row.entry.worker.role, row.entry.worker.role),
                 "Ready" if row.entry.ready else "Not ready", *(cell.words for cell in row.cells),
                 "; ".join(row.entry.reasons)]
                for row in table.rows
            ),
        )  # fmt: skip
    others = [r for r in records if table is None or r.id not in {row.entry.worker.id for row in table.rows}]
    return page(
        request,
        "providers/workforce.html",
        title="Workforce",
        choices=choices,
        chosen=chosen,
        needs=needs,
        lapsing=lapsing,
        show=show,
        table=table,
        others=[] if show or lapsing else others,
        records=records,
        words=spoken,
        writes=may(request.user, "workforce.write"),
        query_string=str(request.url.query),
    )


def _narrow(table: Matrix, show: str, lapsing: str, today: date) -> Matrix:
    rows = table.rows
    if show:
        rows = tuple(row for row in rows if row.entry.ready == (show == "ready"))
    if lapsing:
        until = today + timedelta(days=int(lapsing))
        rows = tuple(row for row in rows if row.first_lapse is not None and row.first_lapse <= until)
    return Matrix(table.columns, rows)


async def _workforce(work: Work) -> tuple[list[Choice], list[WorkerRecord], Words, date]:
    today = local_day(work.now)
    provider_id = work.actor.provider_id
    choices: list[Choice] = []
    for each in await my_frameworks(work):
        pack = (await pack_of(work, each.id)).on(today)
        titles = await lots_of(work, each.id)
        lots = await queries.admitted_lots(work, each.id, provider_id) if provider_id else []
        for code in lots or list(titles):
            choices.append(Choice(f"{each.id}.{code}", each.name, titles.get(code, code), pack, code))
    return choices, await queries.workforce(work), await words(work), today


ROUTES: list[Any] = [workforce_page]
