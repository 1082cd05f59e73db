"""The workforce's page: the readiness matrix, narrowed as people look for somebody; as a file too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.response import Response

from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.scope import sort_needs
from marketplace.providers import queries
from marketplace.providers.facts import WorkerRecord, worker_records
from marketplace.providers.matrix import Matrix, look_ahead, matrix
from marketplace.providers.vocabulary import Words, lots_of, words
from marketplace.web.csv_file import csv_file
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("workforce.read")]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the workforce is judged by: a lot of a framework, or the child of a running package on its lot."""

    key: str
    group: str
    title: str
    pack: Pack
    lot: str
    package_id: UUID | None = None
    asked: tuple[str, ...] = ()  # of the package's child

    @property
    def needs(self) -> list[tuple[str, str]]:
        """The starred competencies a child on this lot may need; of a package they are known."""
        rows = [row for row in self.pack.requirements(self.lot) if row.kind == "where_needed"]
        return [] if self.package_id else [(r.competency, self.pack.competencies[r.competency].title) for r in rows]

    @property
    def spans(self) -> list[str]:
        """How many days ahead one may look for what lapses: the pack's."""
        return [str(days) for days in look_ahead(self.pack)]


# --- the matrix -------------------------------------------------------------------------------------------------------


@get("/workforce", **READS)
async def workforce_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Workers by what a lot and a child's needs ask; `?lot=`, `?needs=`, `?lapsing=`, `?show=`, `?format=csv`."""
    query = request.query_params
    choices, chosen, records, spoken, today = await ask(request.user, _workforce, query.get("lot", ""))
    needs = [code for code, _ in (chosen.needs if chosen else []) if code in query.getall("needs", [])]
    lapsing = query.get("lapsing", "") if chosen and query.get("lapsing") in chosen.spans else ""
    show = query.get("show", "") if query.get("show") in ("ready", "not-ready") else ""
    table: Matrix | None = None
    if chosen is not None:
        table = _narrow(_matrix(chosen, records, needs, today), show, lapsing, today)
    if query.get("format") == "csv" and table is not None:
        heads = ["Worker", "Role", "Ready", "First to lapse", *table.columns, "Why not"]
        return csv_file(
            "workforce",
            heads,
            (
                [row.entry.worker.name, spoken.roles.get(row.entry.worker.role, row.entry.worker.role),
                 "Ready" if row.entry.ready else "Not ready", row.first_lapse or "",
                 *(cell.words for cell in row.cells), "; ".join(row.entry.reasons)]
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
        today=today,
        query_string=str(request.url.query),
    )


def _matrix(chosen: Choice, records: list[WorkerRecord], needs: list[str], today: date) -> Matrix:
    if chosen.package_id is None:
        return matrix(chosen.pack, records, chosen.lot, needs, today)
    asked = sort_needs(chosen.pack, chosen.lot, chosen.asked)
    return matrix(chosen.pack, records, chosen.lot, asked.competencies, today, asked.child_specific, chosen.package_id)


def _narrow(table: Matrix, show: str, lapsing: str, today: date) -> Matrix:
    rows = table.rows
    if show:
        rows = tuple(row for row in rows if row.entry.ready == (show == "ready"))
    if lapsing:
        until = today + timedelta(days=int(lapsing))
        rows = tuple(row for row in rows if row.first_lapse is not None and row.first_lapse <= until)
    return Matrix(table.columns, rows)


async def _workforce(work: Work, key: str) -> tuple[list[Choice], Choice | None, list[WorkerRecord], Words, date]:
    today = local_day(work.now)
    provider_id = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    choices: list[Choice] = []
    packs: dict[UUID, Pack] = {}
    for each in await my_frameworks(work):
        packs[each.id] = pack = (await pack_of(work, each.id)).on(today)
        titles = await lots_of(work, each.id)
        lots = await queries.admitted_lots(work, each.id, provider_id)
        for code in lots or list(titles):
            choices.append(Choice(f"{each.id}.{code}", each.name, titles.get(code, code), pack, code))
    # A read of a table to the right, by name only: packages build on workers, so this cannot be asked of them.
    for row in await work.fetch(
        "SELECT id, reference, framework_id, lot_code, needs FROM package WHERE provider_id = $1"
        " AND state IN ('set_up', 'active') ORDER BY reference",
        provider_id,
    ):
        if row["framework_id"] in packs and row["lot_code"] in packs[row["framework_id"]].lots:
            choices.append(
                Choice(
                    str(row["id"]), "The child of a package", f"Package {row['reference']}", packs[row["framework_id"]],
                    row["lot_code"], row["id"], tuple(row["needs"] or ()),
                )
            )  # fmt: skip
    chosen = next((choice for choice in choices if choice.key == key), choices[0] if choices else None)
    package_id = chosen.package_id if chosen else None
    records = (await worker_records(work, [provider_id], package_id=package_id))[provider_id]
    return choices, chosen, records, await words(work), today


ROUTES: list[Any] = [workforce_page]
