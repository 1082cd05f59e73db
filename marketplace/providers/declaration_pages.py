"""What our frameworks ask of us, what we declared with which files, and what was found of it; declaring one thing."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.providers.declaration_queries import TONES, Declared, own_pieces, own_story
from marketplace.providers.declarations import INSURANCE, LONGEST, RATINGS, REGISTRATION, make_declaration
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("provider.write")]}


@get("/declarations", **WRITES)
async def declarations_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Framework by framework what is asked, declared and found; what is missed first; `?format=csv`."""
    found = await ask(request.user, own_pieces)
    if request.query_params.get("format") == "csv":
        return csv_file(
            "declarations",
            ["Framework", "Asked for", "Clause", "Declared", "State", "Files", "To mend"],
            [
                (
                    each.framework_name, piece.title, piece.clause,
                    piece.declared_on.isoformat() if piece.declared_on else "", piece.words,
                    len(piece.declared.files) if piece.declared else 0, piece.finding.to_mend if piece.finding else "",
                )
                for each in found
                for piece in each.pieces
            ],
        )  # fmt: skip
    return page(request, "providers/declarations.html", title="Declarations", found=found, tones=TONES)


async def _story(work: Work, key: str) -> tuple[Any, ...]:
    return (*await own_story(work, key), local_day(work.now))


@get("/declarations/{key:str}", **WRITES)
async def declaration_page(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[Any]:
    """One thing asked: declare it, and everything declared and found before."""
    title, story, files, today = await ask(request.user, _story, key)
    return _show(request, _start(key, story, today), key, title, story, files)


def _start(key: str, story: list[Declared], today: date) -> Form:
    last = story[0] if story else None
    details = last.details if last else {}
    form = Form.starting_with(declared_on=today, remark=last.remark if last else None)
    if last is not None:
        form.set("evidence_ids", [file.id for file in last.files])
    for name in ("provider_identifier", "location_identifier", "rating", "conditions"):
        form.set(name, details.get(name) or None)
    for name in ("inspected_on", "until"):
        form.set(name, date.fromisoformat(details[name]) if details.get(name) else None)
    return form


@post("/declarations/{key:str}", status_code=303, **WRITES)
async def declare_one(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[Any]:
    """Keeps the declaration; every framework that asks for it sees it."""
    form = Form(await read_form(request))
    title, story, files, _ = await ask(request.user, _story, key)
    given: dict[str, Any] = {
        "declared_on": form.date("declared_on", "the date"),
        "remark": form.text("remark", "the remark", required=False, most=LONGEST, lines=True),
        "evidence_ids": form.uuids("evidence_ids", "the files"),
    }
    details: dict[str, Any] = {}
    if key == REGISTRATION:
        details = {
            "provider_identifier": form.text("provider_identifier", "the CQC provider identifier", most=20),
            "location_identifier": form.text("location_identifier", "the location", required=False, most=20),
            "rating": form.choice("rating", "the rating, or that there was no inspection yet", RATINGS),
            "inspected_on": form.date("inspected_on", "the day of the last inspection", required=False),
            "conditions": form.text("conditions", "the conditions", required=False, most=LONGEST, lines=True),
        }
    elif key == INSURANCE:
        details = {"until": form.date("until", "the last day of the insurance")}
    if not form.errors:
        try:
            await make_declaration(request.user, key, **given, details=details)
            return see_other(request, "/declarations", flash=f"Declared: {title}.")
        except InvalidInput as error:
            form.merge(error)
    return _show(request, form, key, title, story, files)


def _show(
    request: Request[Any, Any, Any], form: Form, key: str, title: str, story: list[Declared], files: list[Any]
) -> Response[Any]:
    return page(
        request,
        "providers/declaration.html",
        title=title,
        form=form,
        key=key,
        heading=title,
        story=story,
        files=[(str(each), name) for each, name in files],
        ratings=list(RATINGS.items()),
        registration=REGISTRATION,
        insurance=INSURANCE,
        most=LONGEST,
        tones=TONES,
    )


ROUTES: list[Any] = [declarations_page, declaration_page, declare_one]
