"""Stripe Connect as Stripe documents it: recorded shapes, played by a small server on loopback.

localstripe has no accounts and no transfers. These answers have the documented form and the few rules our code leans
on: an idempotency key gives the same answer again, a transfer never goes to an account that may not be paid, no more
is taken back than was moved. Whatever else is asked goes on to localstripe where one runs behind.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass
class RecordedConnect:
    """`lose` answers are swallowed after they took effect; `balance` is what may be moved, None: enough.

    `refuses_refunds` is the code refunds are refused with, empty: they go on to localstripe. `hangs` holds every answer
    of a POST back after it took effect. `sent_back` are refunds localstripe has made and a card's bank sent back.
    """

    url: str = ""
    behind: str = ""
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    transfers: dict[str, dict[str, Any]] = field(default_factory=dict)
    reversals: list[dict[str, Any]] = field(default_factory=list)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    lose: int = 0
    balance: int | None = None
    refuses_refunds: str = ""
    hangs: threading.Event | None = None
    sent_back: set[str] = field(default_factory=set)  # refunds that had succeeded and failed later: the card is closed

    def stands(self, account_id: str, state: str) -> None:
        """Bring an account into a state, in the shape Stripe shows it (recorded shape)."""
        shapes: dict[str, dict[str, Any]] = {
            "new": {"details_submitted": False, "disabled_reason": "requirements.past_due", "due": ["business_type"]},
            "looked at": {"details_submitted": True, "disabled_reason": "requirements.pending_verification", "due": []},
            "active": {"details_submitted": True, "disabled_reason": None, "due": []},
            "restricted": {
                "details_submitted": True, "disabled_reason": "requirements.past_due", "due": ["company.tax_id"],
            },
            "rejected": {"details_submitted": True, "disabled_reason": "rejected.other", "due": []},
        }  # fmt: skip
        shape, active = shapes[state], state == "active"
        self.accounts[account_id] |= {
            "details_submitted": shape["details_submitted"], "payouts_enabled": active,
            "capabilities": {"transfers": "active" if active else "inactive"},
            "requirements": {
                "currently_due": shape["due"], "past_due": shape["due"], "eventually_due": [],
                "pending_verification": [], "disabled_reason": shape["disabled_reason"],
            },
        }  # fmt: skip

    def moved(self, account_id: str) -> int:
        """What an account has received and kept, in pence."""
        return sum(
            each["amount"] - each["amount_reversed"]
            for each in self.transfers.values()
            if each["destination"] == account_id
        )

    def answer(self, method: str, address: str, body: str, key: str) -> tuple[int, dict[str, Any]] | None:
        """The answer to one request; None where it is none of Connect's."""
        parts, given = urlsplit(address), dict(parse_qsl(body))
        path = parts.path.removeprefix("/v1/").split("/")
        if method == "POST" and path == ["refunds"] and self.refuses_refunds:
            return 400, _refused(self.refuses_refunds)
        if path[0] not in ("accounts", "account_links", "transfers"):
            return None
        if method == "POST" and key in self.answered:
            return 200, self.answered[key]
        status, made = self._made(method, path, given, parse_qs(parts.query))
        if method == "POST" and status == 200:
            self.answered[key] = made
        return status, made

    def _made(
        self, method: str, path: list[str], given: dict[str, str], asked: dict[str, list[str]]
    ) -> tuple[int, dict[str, Any]]:
        number, metadata = len(self.accounts) + len(self.transfers) + len(self.reversals) + 1, {
            "reference": given.get("metadata[reference]", "")
        }  # fmt: skip
        match (method, *path):
            case ("POST", "accounts"):
                made: dict[str, Any] = {"id": f"acct_{number}", "object": "account", "metadata": metadata}
                self.accounts[made["id"]] = made
                self.stands(made["id"], "new")
                return 200, made
            case ("GET", "accounts", account) if account in self.accounts:
                return 200, self.accounts[account]
            case ("POST", "account_links"):
                return 200, {"object": "account_link", "url": f"https://connect.stripe.test/setup/{given['account']}"}
            case ("GET", "transfers"):
                found = [e for e in self.transfers.values() if [e["transfer_group"]] == asked.get("transfer_group")]
                return 200, {"object": "list", "data": found, "has_more": False, "url": "/v1/transfers"}
            case ("POST", "transfers"):
                pence, account = int(given["amount"]), self.accounts.get(given["destination"], {})
                if (account.get("capabilities") or {}).get("transfers") != "active":
                    return 400, _refused("insufficient_capabilities_for_transfer")
                if self.balance is not None and pence > self.balance:
                    return 400, _refused("balance_insufficient")
                made = {
                    "id": f"tr_{number}", "object": "transfer", "amount": pence, "amount_reversed": 0,
                    "currency": given["currency"], "destination": given["destination"],
                    "transfer_group": given["transfer_group"], "metadata": metadata, "reversed": False,
                }  # fmt: skip
                self.transfers[made["id"]] = made
                return 200, made
            case ("GET", "transfers", known) if known in self.transfers:
                return 200, self.transfers[known]
            case ("GET", "transfers", known, "reversals") if known in self.transfers:
                found = [each for each in self.reversals if each["transfer"] == known]
                return 200, {"object": "list", "data": found, "has_more": False, "url": "/v1/transfers"}
            case ("POST", "transfers", known, "reversals") if known in self.transfers:
                moved, pence = self.transfers[known], int(given["amount"])
                if pence > moved["amount"] - moved["amount_reversed"]:
                    return 400, _refused("")
                moved["amount_reversed"] += pence
                made = {
                    "id": f"trr_{number}", "object": "transfer_reversal", "amount": pence, "transfer": known,
                    "metadata": metadata,
                }  # fmt: skip
                self.reversals.append(made)
                return 200, made
        return 404, _refused("resource_missing")


def _refused(code: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "code": code, "message": "No."}}


@contextmanager
def recorded_connect(behind: str = "") -> Iterator[RecordedConnect]:
    """The running server; gone at the end."""
    connect = RecordedConnect(behind=behind)

    class Handler(BaseHTTPRequestHandler):
        def _asked(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            connect.sent.append((self.command, self.path, headers, body))
            found = connect.answer(self.command, self.path, body, headers.get("idempotency-key", ""))
            status, text = _passed_on(connect.behind, self, body) if found is None else (
                found[0], json.dumps(found[1]).encode()
            )  # fmt: skip
            if self.command == "GET" and self.path.startswith("/v1/refunds?") and connect.sent_back:
                listed = json.loads(text)
                for each in listed["data"]:
                    if each["id"] in connect.sent_back:  # (recorded shape)
                        each |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
                text = json.dumps(listed).encode()
            if connect.hangs is not None and self.command == "POST":
                connect.hangs.wait(60)
            if connect.lose > 0 and self.command == "POST":
                connect.lose -= 1
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _asked

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    connect.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield connect
    finally:
        server.shutdown()
        server.server_close()


def _passed_on(behind: str, asked: BaseHTTPRequestHandler, body: str) -> tuple[int, bytes]:
    if not behind:
        return 404, json.dumps(_refused("resource_missing")).encode()
    headers = {k: v for k, v in asked.headers.items() if k.lower() not in ("host", "content-length")}
    request = urllib.request.Request(  # noqa: S310 - loopback
        behind + asked.path, data=body.encode() or None, headers=headers, method=asked.command
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
