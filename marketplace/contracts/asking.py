"""The questions of contract management's pages, declared once: shown, read, checked before anything binding, sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

from litestar import Request
from litestar.response import Response

from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import wall_time
from marketplace.web.filters import day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

Kind = Literal["text", "lines", "date", "time", "choice", "hours", "files"]
Asked = Request[Any, Any, Any]
LINES = 3_000


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `label` on the page, `noun` in "Enter ..." where it is left out; `most` characters of a text."""

    kind: Kind
    name: str
    label: str
    noun: str = ""
    hint: str = ""
    options: Sequence[Sequence[str]] = ()
    required: bool = True
    most: int = LINES
    rows: int = 5


@dataclass(frozen=True, slots=True)
class Ask:
    """A page of questions: what follows from it (`lead`), where Back leads, what the button says.

    `check` is the title of the page that shows the answers before they are sent; empty where nothing binds.
    """

    title: str
    caption: str
    lead: str
    back: str
    button: str
    questions: tuple[Question, ...]
    check: str = ""
    send: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    warns: str = ""
    starts: dict[str, Any] = field(default_factory=dict)


Answers = dict[str, Any]
Deed = Callable[[Answers], Awaitable[Any]]


def show(request: Asked, ask: Ask, form: Form | None = None, status: int = 200) -> Response[Any]:
    """The page of questions, first or with what was typed and what is wrong with it."""
    form = form or Form.starting_with(**ask.starts)
    return page(request, "contracts/ask.html", title=ask.title, ask=ask, form=form, status=status)


async def send(
    request: Asked,
    ask: Ask,
    deed: Deed,
    *,
    to: str | Callable[[Any], str],
    flash: str,
    price: Callable[[Answers], tuple[str, str] | None] | None = None,
) -> Response[Any]:
    """Read the answers, show them to be checked where the page says so, then do it; nothing typed is lost.

    The deed also gets `made`: the id for what it makes, the same however often the page of answers is sent.
    `to` is where it leads, perhaps from what the deed returned; `price` adds a row to what is checked.
    """  # fmt: skip
    form = Form(await read_form(request))
    answers = read(form, ask.questions)
    once = form.uuid("made", "what is made", required=False)
    if form.errors or (ask.check and form.value("go") == "change"):
        return show(request, ask, form)
    if ask.check and form.value("go") != "send":
        return _check(request, ask, form, answers, price)
    try:
        made = await deed({**answers, "made": once})
    except InvalidInput as error:
        form.merge(error)
        return show(request, ask, form)
    except Conflict as error:
        form.error(ask.questions[0].name if ask.questions else "", error.sentence)
        return show(request, ask, form, 409)
    return see_other(request, to if isinstance(to, str) else to(made), flash=flash)


def read(form: Form, questions: Sequence[Question]) -> Answers:
    """The answers by name, with their faults noted on the form."""
    found: Answers = {}
    for each in questions:
        noun = each.noun or each.label.lower()
        if each.kind in ("text", "lines"):
            lines = each.kind == "lines"
            found[each.name] = form.text(each.name, noun, required=each.required, most=each.most, lines=lines)
        elif each.kind == "date":
            found[each.name] = (
                form.date(each.name, noun) if each.required else form.date(each.name, noun, required=False)
            )
        elif each.kind == "time":
            found[each.name] = form.time(each.name, noun)
        elif each.kind == "hours":
            found[each.name] = form.minutes(each.name, noun, most=6_000)
        elif each.kind == "files":
            found[each.name] = form.uuids(each.name, noun)
        else:
            found[each.name] = form.choice(each.name, noun, [str(option[0]) for option in each.options])
    return found


def moment_of(answers: Answers, on: str = "starts_on", clock: str = "starts_at") -> datetime:
    """The instant of a day and a time as answered."""
    chosen: date = answers[on]
    return wall_time(chosen, answers[clock])


def _check(
    request: Asked, ask: Ask, form: Form, answers: Answers, price: Callable[[Answers], tuple[str, str] | None] | None
) -> Response[Any]:
    rows: list[tuple[str, Any]] = []
    names: list[str] = []
    for each in ask.questions:
        value = answers[each.name]
        if each.kind == "date":
            names += [f"{each.name}-{part}" for part in ("day", "month", "year")]
        else:
            names.append(each.name)
        if each.kind in ("choice", "files"):
            words = {str(option[0]): option[1] for option in each.options}
            chosen = value if each.kind == "files" else [value]
            value = ", ".join(words.get(str(one), str(one)) for one in chosen)
        elif each.kind in ("hours", "time"):
            value = form.value(each.name)
        elif each.kind == "date":
            value = day(value) if value is not None else ""
        rows.append((each.label.removesuffix(" (optional)").rstrip("?"), value))
    added = price(answers) if price is not None else None
    if added is not None:
        rows.append(added)
    hidden = [(name, value) for name in names for value in form.values(name)]
    hidden.append(("made", str(uuid4())))  # sent twice from this page, it is made once
    return page(request, "contracts/check.html", title=ask.check, ask=ask, form=form, rows=rows, hidden=hidden)


def with_files(ask: Ask, files: Sequence[tuple[Any, str]]) -> Ask:
    """The same page with the provider's own files to tick, where it has any."""
    if not files:
        return ask
    options = [(str(file), words) for file, words in files]
    question = Question(
        "files", "evidence_id", "Which files show it? (optional)", "files",
        "Files of your evidence; the contract manager may open what you tick", options, required=False,
    )  # fmt: skip
    return replace(ask, questions=(*ask.questions, question))
