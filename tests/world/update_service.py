"""A server that speaks the DBS update service's format, on loopback: what it answers is set by certificate number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

NAMES = ("Wren", "Ashby")


def result(status: str, forename: str = NAMES[0], surname: str = NAMES[1], printed: str = "2025-11-02") -> bytes:
    """The document of one answer; where nothing matched the service names nobody."""
    named = (
        f"<forename>{escape(forename)}</forename><printDate>{printed}</printDate><surname>{escape(surname)}</surname>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><statusCheckResult><statusCheckResultType>SUCCESS'
        f"</statusCheckResultType><status>{status}</status>{'' if status == 'NO_MATCH_FOUND' else named}"
        "</statusCheckResult>"
    ).encode()


@dataclass
class UpdateService:
    """`url` is what the setting holds; `answers` maps a certificate number to a document (or a status code), anything
    else is unknown to it; `asked` keeps the questions."""

    url: str = ""
    answers: dict[str, bytes | int] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    hangs: threading.Event | None = None


@contextmanager
def update_service() -> Iterator[UpdateService]:
    """The running server."""
    service = UpdateService()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            number = parts.path.rpartition("/")[2]
            given = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            service.asked.append({"number": number, "path": parts.path, **given})
            if service.hangs is not None:
                service.hangs.wait(20)
            answer = service.answers.get(number, result("NO_MATCH_FOUND"))
            status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
            self.send_response(status)
            self.send_header("content-type", "application/xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}/crsc/api/status"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        if service.hangs is not None:
            service.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
