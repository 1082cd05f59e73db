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
from marketplace.providers.declaration_details import (
    GIVEN_RATINGS,
    INSPECTIONS,
    INSURANCE,
    LONGEST,
    OUTCOMES,
    RATINGS,
    REGISTRATION,
    TOOLKIT,
    Kind,
    in_words,
)
from marketplace.providers.declaration_effects import effects
from marketplace.providers.declaration_queries import TONES, Declared, own_pieces, own_story
from marketplace.providers.declarations import looked_at, looked_over, make_declaration
from marketplace.web.csrf import FIELD
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

INSPECTIONS_SHOWN = 4  # rows of the form; a service is seldom inspected more often in the years asked for
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
    title, kind, story, files, today = await ask(request.user, _story, key)
    return _show(request, _start(story, today), kind, key, title, story, files)


def _start(story: list[Declared], today: date) -> Form:
    """What stays as it was is filled in; what is found anew each time, and the files that show it, are not."""
    details = story[0].details if story else {}
    form = Form.starting_with(declared_on=today)
    for name in ("provider_identifier", "location_identifier", "conditions"):
        form.set(name, details.get(name) or None)
    for number, row in enumerate(details.get("inspections", [])[:INSPECTIONS_SHOWN], start=1):
        form.set(f"inspected_on_{number}", date.fromisoformat(row["inspected_on"]))
        form.set(f"rating_{number}", row["rating"])
    return form


@post("/declarations/{key:str}", status_code=303, **WRITES)
async def declare_one(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[Any]:
    """First shows what will be declared and what it does; with `go=declare` keeps it for every framework that asks."""
    form = Form(await read_form(request))
    title, kind, story, files, today = await ask(request.user, _story, key)
    given: dict[str, Any] = {
        "declared_on": form.date("declared_on", "the date"),
        "remark": form.text("remark", "the remark", required=False, most=LONGEST, lines=True),
        "evidence_ids": form.uuids("evidence_ids", "the files"),
    }
    details = _details(form, kind)
    if form.errors:
        # the rules' faults with the form's, so that everything is said at once
        _, wrong = looked_at(
            kind, given["declared_on"], given["remark"] or "", given["evidence_ids"], details, today
        )  # fmt: skip
        for name, sentence in wrong.items():
            form.error(name, sentence)
        return _show(request, form, kind, key, title, story, files)
    try:
        if form.value("go") == "declare":
            await make_declaration(request.user, key, **given, details=details)
            return see_other(request, "/declarations", flash=f"Declared: {title}.")
        if form.value("go") == "change":
            return _show(request, form, kind, key, title, story, files)
        kept, does, ends = await ask(request.user, _weighed, key, given, details)
    except InvalidInput as error:
        form.merge(error)
        return _show(request, form, kind, key, title, story, files)
    names = dict(files)
    return page(
        request,
        "providers/check_first.html",
        title="Check what you declare",
        caption=title,
        form=form,
        rows=[
            *((("What you declare", "; ".join(in_words(key, kept))),) if kept else ()),
            ("As of", day(given["declared_on"])),
            ("Files", "; ".join(names.get(each, "") for each in given["evidence_ids"]) or "None"),
            *((("Remark", given["remark"]),) if given["remark"] else ()),
        ],
        does=does,
        kept=[name for name in form.typed if name not in ("go", FIELD)],
        goes="declare",
        button="Declare this",
        kind="warning" if ends else "",
        leave="/declarations",
    )


async def _weighed(
    work: Work, key: str, given: dict[str, Any], details: dict[str, Any]
) -> tuple[dict[str, Any], list[str], bool]:
    """(the details as they would be kept, what follows, whether cover ends); raises `InvalidInput` as the action."""
    files = list(dict.fromkeys(given["evidence_ids"]))
    kept = await looked_over(work, key, given["declared_on"], given["remark"] or "", files, details)
    return kept, *await effects(work, key, kept)


def _details(form: Form, kind: Kind) -> dict[str, Any]:
    """What was typed of the details; what is wrong in it beyond its form the action says."""
    if kind.name == REGISTRATION:
        return {
            "provider_identifier": form.text("provider_identifier", "the CQC provider identifier", most=20),
            "location_identifier": form.text("location_identifier", "the location", required=False, most=20),
            "rating": form.choice("rating", "the rating, or that there was no inspection yet", RATINGS),
            "inspected_on": form.date("inspected_on", "the day of the last inspection", required=False),
            "conditions": form.text("conditions", "the conditions", required=False, most=LONGEST, lines=True),
        }
    if kind.name == INSURANCE:
        return {"until": form.date("until", "the last day of the insurance")}
    if kind.name == TOOLKIT:
        return {
            "completed_on": form.date("completed_on", "the day the toolkit was completed"),
            "outcome": form.choice("outcome", "how far the toolkit is met", OUTCOMES),
            "shortfall": form.text("shortfall", "what is not met", required=False, most=LONGEST, lines=True),
        }
    if kind.name != INSPECTIONS:
        return {}
    rows: list[dict[str, Any]] = []
    for number in range(1, INSPECTIONS_SHOWN + 1):
        on = form.date(f"inspected_on_{number}", "the day of this inspection", required=False)
        rating = form.choice(f"rating_{number}", "the rating of this inspection", GIVEN_RATINGS, required=False)
        if on is not None or rating is not None:
            rows.append({"inspected_on": on, "rating": rating, "row": number})
    return {"inspections": rows, "none_yet": form.boolean("none_yet")}


def _show(
    request: Request[Any, Any, Any],
    form: Form,
    kind: Kind,
    key: str,
    title: str,
    story: list[Declared],
    files: list[Any],
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
        kind=kind,
        given_ratings=list(GIVEN_RATINGS.items()),
        outcomes=list(OUTCOMES.items()),
        inspections=range(1, INSPECTIONS_SHOWN + 1),
        most=LONGEST,
        tones=TONES,
    )


ROUTES: list[Any] = [declarations_page, declaration_page, declare_one]
