"""A stand-in for Stripe beside the demo, so that a family can pay by card where no keys are set.

localstripe (GPL) is a program of its own: it is started as one, spoken to on loopback, and never imported. It is there
where the development dependencies are installed; without it the demo's families pay by bank transfer. Its own command
listens on every interface and keeps its rows in one file of the whole machine: this one listens on loopback and keeps
them with the demo's data. What it lacks of Connect, so that providers are paid too, is added (`connect_stand_in`).
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from marketplace.platform.processes import free_port
from marketplace.platform.supervisor import Child
from marketplace.settings import Settings

ANY_KEY = "sk_test_demo_of_the_marketplace"  # it takes any
PUBLISHABLE_KEY = "pk_test_demo_of_the_marketplace"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
RUN = """
import asyncio, os, pickle
from aiohttp import web
from localstripe import resources
from localstripe.server import app
from localstripe.webhooks import register_webhook
from marketplace.platform.connect_stand_in import PAGE, PATHS, answer, answered_all, set_up_page
kept = os.environ["STAND_IN_FILE"]
def keep(store):
    with open(kept + ".new", "wb") as file:
        pickle.dump(dict(store), file)
    os.replace(kept + ".new", kept)
resources.Store.__setitem__ = dict.__setitem__
resources.Store.__delitem__ = dict.__delitem__
if os.path.exists(kept):
    with open(kept, "rb") as file:
        resources.store.update(pickle.load(file))
resources.Store.dump_to_disk = keep
async def connect(request):
    key, here = request.headers.get("idempotency-key", ""), f"{request.scheme}://{request.host}"
    memory = resources.store.setdefault("connect", {})
    status, found = answer(memory, request.method, request.path_qs, await request.text(), key, here)
    return web.json_response(found, status=status)
async def set_up(request):
    account = request.match_info["account"]
    if request.method == "GET":
        return web.Response(text=set_up_page(account, request.query.get("back", "/")), content_type="text/html")
    answered_all(resources.store.setdefault("connect", {}), account)
    raise web.HTTPSeeOther((await request.post()).get("back", "/"))
for path in PATHS:
    app.router.add_route("*", path, connect)
app.router.add_route("*", PAGE + "{account}", set_up)
register_webhook("demo", os.environ["STAND_IN_TELLS"], os.environ["STRIPE_WEBHOOK_SECRET"], None)
web.run_app(app, host="127.0.0.1", port=int(os.environ["STAND_IN_PORT"]), print=None)
"""


def wanted(settings: Settings) -> bool:
    """Whether the demo gets one: no keys are set, the browser is on this machine, and localstripe is installed."""
    here = settings.demo and settings.host in LOOPBACK and not settings.stripe_secret_key
    return here and importlib.util.find_spec("localstripe") is not None


def with_stand_in(settings: Settings) -> Settings:
    """The settings of a deployment whose cards the stand-in takes, on a port that is free."""
    return replace(
        settings,
        stripe_secret_key=ANY_KEY,
        stripe_publishable_key=PUBLISHABLE_KEY,
        stripe_webhook_secret=f"whsec_{secrets.token_hex(16)}",
        stripe_api_url=f"http://127.0.0.1:{free_port()}",
    )


class CardStandIn(Child):
    """The stand-in as a process: it dies with us, its log is a file."""

    def __init__(self, settings: Settings, log: Path, environment: Mapping[str, str]) -> None:
        host = "127.0.0.1"
        told = {
            "STAND_IN_FILE": str(settings.data / "cards"),
            "STAND_IN_PORT": settings.stripe_api_url.rsplit(":", 1)[1],
            "STAND_IN_TELLS": f"http://{host}:{settings.port}/api/v1/stripe/events",
            "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret,
        }
        known = {name: environment[name] for name in ("PATH", "HOME", "TMPDIR") if name in environment}
        super().__init__("stand-in for the card company", "localstripe", [], log, known | told)

    def command(self) -> list[str]:
        """It is no module of ours: what starts it is given as it stands."""
        return ["-c", RUN]
