"""localstripe on loopback as a process of its own (it is never imported here), behind a proxy that keeps every request.

The proxy is what the code under test is pointed at, so that a test reads whatever leaves for Stripe; it can also lose
answers, so that a test sees what a broken connection does. What localstripe does not do (idempotency keys, Connect,
events of refunds, refusing a refund beyond the payment) is tested elsewhere, against recorded shapes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

from marketplace.platform.processes import free_port

SECRET_KEY = "sk_test_" + "0" * 24
WEBHOOK_SECRET = "whsec_tests_only"
# localstripe's own command binds every interface and keeps its rows in one file of the whole machine: this runs its
# application on loopback and in memory.
RUN = """
import sys
from aiohttp import web
from localstripe import resources
resources.Store.dump_to_disk = resources.Store.try_load_from_disk = lambda store: None
from localstripe.server import app
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@dataclass
class Sent:
    """One request that left for Stripe."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class LocalStripe:
    """`url` is the recording proxy. `lose` answers are swallowed after the request has reached localstripe."""

    url: str
    behind: str
    sent: list[Sent] = field(default_factory=list)
    lose: int = 0
    hangs: threading.Event | None = None
    events: list[tuple[bytes, str]] = field(default_factory=list)  # webhooks as they came: body, signature

    def paid(self, intent_id: str, card: str = "4242424242424242") -> None:
        """What the family's browser does: a card is typed into Stripe's own field, and the payment confirmed."""
        details = {"card[number]": card, "card[exp_month]": 12, "card[exp_year]": 2030, "card[cvc]": "123"}
        method = self.call("/v1/payment_methods", type="card", **details)["id"]
        self.call(
            f"/v1/payment_methods/{method}/attach", customer=self.call("/v1/customers", email="p@example.org")["id"]
        )
        self.call(f"/v1/payment_intents/{intent_id}", payment_method=method)
        self._fetch(f"/v1/payment_intents/{intent_id}/confirm", b"", "application/x-www-form-urlencoded")

    def wait_for_events(self, number: int, seconds: float = 20) -> None:
        """Until so many webhooks have come; localstripe sends each a second after it happened."""
        deadline = time.monotonic() + seconds
        while len(self.events) < number:
            assert time.monotonic() < deadline, f"{len(self.events)} of {number} webhooks came"
            time.sleep(0.05)

    def call(self, path: str, **fields: Any) -> dict[str, Any]:
        """Straight to localstripe, as Stripe's own page does it in the browser: what a test does beside the product."""
        data = urlencode(fields).encode() if fields else None
        return self._fetch(path, data, "application/x-www-form-urlencoded")

    def webhook(self, url: str) -> None:
        """From now on events are posted to `url`, signed."""
        body = json.dumps({"url": url, "secret": WEBHOOK_SECRET}).encode()
        self._fetch("/_config/webhooks/tests", body, "application/json")

    def _fetch(self, path: str, data: bytes | None, kind: str) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.behind + path, data=data, headers={"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": kind}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else {}


@contextmanager
def localstripe() -> Iterator[LocalStripe]:
    """The running process and its proxy; both gone at the end."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.executable, "-c", RUN, str(port)], cwd=folder, stderr=subprocess.DEVNULL)
        try:
            _wait(port, process)
            with _proxy(f"http://127.0.0.1:{port}") as running, _catching(running):
                yield running
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/customers", headers={"Authorization": f"Bearer {SECRET_KEY}"}
    )
    while time.monotonic() < deadline:
        assert process.poll() is None, "localstripe ended while starting"
        try:
            urllib.request.urlopen(request, timeout=2).close()  # noqa: S310
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("localstripe did not answer")


@contextmanager
def _proxy(behind: str) -> Iterator[LocalStripe]:
    stripe = LocalStripe("", behind)

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            stripe.sent.append(Sent(self.command, self.path, dict(self.headers.items()), body.decode()))
            if stripe.hangs is not None:
                stripe.hangs.wait(30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
            request = urllib.request.Request(  # noqa: S310
                behind + self.path, data=body or None, headers=headers, method=self.command
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                    status, text = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read()
            if stripe.lose > 0:
                stripe.lose -= 1
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _pass_on

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stripe.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stripe
    finally:
        if stripe.hangs is not None:
            stripe.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _catching(stripe: LocalStripe) -> Iterator[None]:
    """Keeps what localstripe sends as webhooks."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            stripe.events.append((body, self.headers["stripe-signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stripe.webhook(f"http://127.0.0.1:{server.server_port}/")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
