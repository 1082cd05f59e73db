"""A small app around the frame, served for real, with one page that uses every macro and every kind of question."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from litestar import Litestar, Request, delete, get, post
from litestar.middleware import ASGIMiddleware
from litestar.params import FromQuery, JSONBody
from litestar.response import Response

from marketplace.platform.actor import Actor
from marketplace.platform.errors import Conflict, InvalidInput, NotSignedIn
from marketplace.web.forms import Form
from marketplace.web.frame import Brand, make_frame
from marketplace.web.navigation import Item
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other
from marketplace.web.setup import frame_parts
from tests.web.axe import browser

__all__ = ["browser"]

NOW = datetime(2026, 5, 11, 8, 0, tzinfo=UTC)
SOMEBODY = Actor(
    UUID(int=7), "Brenda Broker", "referrer", UUID(int=8), "London Borough of Example", "commissioner", UUID(int=9)
)
NAVIGATION = {
    "referrer": (
        Item("Today", "/today"),
        Item("Referrals", "/sink"),
        Item("Secret plans", "/plans", "plans.read"),
        Item("Packages", "/packages", "package.read"),
    )
}
LOTS = [("a", "Lot A: personal care", "Help with washing, dressing and eating"), ("b", "Lot B: nursing care")]


class SignIn(ASGIMiddleware):
    """Stands where identity's middleware will: everybody is Brenda unless the cookie says nobody."""

    async def handle(self, scope: Any, receive: Any, send: Any, next_app: Any) -> None:
        scope["user"] = None if "nobody" in Request(scope).cookies else SOMEBODY
        await next_app(scope, receive, send)


def read_everything(form: Form) -> dict[str, Any]:
    """Ask every kind of question."""
    return {
        "title": form.text("title", "a title", most=40),
        "email": form.email("email"),
        "hours": form.integer("hours", "the hours a week", least=1, most=60),
        "rate": form.pence("rate", "the rate"),
        "visit": form.minutes("visit", "the length of a visit"),
        "starts_on": form.date("starts_on", "the start date"),
        "first_visit": form.time("first_visit", "the time of the first visit"),
        "portrait": form.text("portrait", "a pen portrait", most=500, lines=True),
        "lot": form.choice("lot", "a lot", [lot[0] for lot in LOTS]),
        "needs": form.choices("needs", "what the child needs", ["hoist", "peg"], least=1),
        "band": form.choice("band", "a band", ["1", "2"]),
        "agree": form.agreed("agree", "Confirm that the family has agreed"),
        "password": form.password("password"),
    }


def sink(request: Request[Any, Any, Any], form: Form) -> Response[bytes]:
    events = [
        {
            "title": "Referral broadcast",
            "at": NOW - timedelta(hours=3),
            "by": "Brenda Broker",
            "text": "To 31 providers",
        },
        {"title": "Draft written", "at": NOW - timedelta(days=2), "by": "", "text": ""},
    ]
    return page(
        request,
        "sink/page.html",
        title="Kitchen sink",
        form=form,
        now=NOW,
        lots=LOTS,
        events=events,
        rows=[
            (f"R-{number:04d}", "Nightingale Homecare and Nursing Partnership Limited", number * 1234)
            for number in range(1, 21)
        ],
    )


@get("/sink", sync_to_thread=False)
def show_sink(request: Request[Any, Any, Any]) -> Response[bytes]:
    return sink(request, Form.starting_with(title="Mornings before school", starts_on=NOW.date()))


@post("/sink")
async def send_sink(request: Request[Any, Any, Any]) -> Response[Any]:
    form = Form(await read_form(request))
    read_everything(form)
    if form.errors:
        return sink(request, form)
    return see_other(request, "/sink", flash=f"Saved “{form.value('title')}”.")


@get("/plain", sync_to_thread=False)
def plain(request: Request[Any, Any, Any]) -> Response[bytes]:
    return page(request, "sink/plain.html", title="Plain", brand=Brand("County of Somewhere", "#ffdd00"))


@get("/private", sync_to_thread=False)
def private() -> None:
    raise NotSignedIn


@post("/private", sync_to_thread=False)
def private_change() -> None:
    raise NotSignedIn


@get("/broken", sync_to_thread=False)
def broken() -> None:
    raise RuntimeError("duplicate key: (child_name)=(Poppy Example)")


@get("/changed", sync_to_thread=False)
def changed() -> None:
    raise Conflict("Another offer was awarded while you were reading.")


@post("/api/v1/things", sync_to_thread=False)
def make_thing(data: JSONBody[dict[str, Any]]) -> dict[str, str]:
    if data.get("name") == "taken":
        raise InvalidInput({"name": "There is one of that name already"})
    return {"name": str(data.get("name"))}


@get("/api/v1/number", sync_to_thread=False)
def number(of: FromQuery[int]) -> int:
    return of


@delete("/api/v1/things", sync_to_thread=False)
def drop_things() -> None:
    raise RuntimeError("secret words")


def make_app(**settings: Any) -> Litestar:
    frame = make_frame(
        name="marketplace",
        product="Care marketplace",
        brand=Brand("London Borough of Example", "#5b2c83"),
        navigation=NAVIGATION,
        secret=b"tests only: not a secret of any deployment",
        may=lambda actor, permission: permission != "plans.read",
        template_folders=[Path(__file__).parent / "templates"],
        **{"secure": False, "demo": True, **settings},
    )
    handlers = [
        show_sink, send_sink, plain, private, private_change, broken, changed, make_thing, number, drop_things,
    ]  # fmt: skip
    return Litestar(**frame_parts(frame, route_handlers=handlers, middleware=[SignIn()]))


@pytest.fixture(scope="session")
def app() -> Litestar:
    return make_app()


@pytest.fixture(scope="session")
def address(app: Litestar) -> Iterator[str]:
    """The small app, served on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the small app did not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
