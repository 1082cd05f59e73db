"""What no form would send, to every address: each is answered with a 4xx (naming the field, where there is one), never
with a 5xx, and never with a sentence that says more than people are meant to read."""

from __future__ import annotations

import json
import re

from tests.structure.apps import ALL, document_of
from tests.structure.inhabited import NIL
from tests.structure.nasty import BODIES, JSON, NASTY, Api, body_fields


async def test_every_field_of_every_body(api: Api):
    for door, method, path, handler in BODIES:
        good = body_fields(door, method, path)
        for name in good if isinstance(good, dict) else ():
            for value in NASTY:
                body = json.dumps({**good, name: value}).encode()
                answer = await api.send(door, method, path, handler, content=body, headers=JSON)
                about = (method, path, name, repr(value)[:40])
                if value in ("a\x00b", "\ud800"):
                    api.check(answer, about, 400)
                    if answer.status_code == 400 and name not in " ".join(answer.json()["fields"]):
                        api.problems.append(f"{about}: does not name the field: {answer.text[:200]}")
                else:
                    api.check(answer, about)
    api.report()


async def test_every_body_as_a_whole(api: Api):
    wholes: list[tuple[bytes, str]] = [
        (b"", "application/json"), (b"{", "application/json"), (b"null", "application/json"),
        (b"[]", "application/json"),
        (b'"word"', "application/json"), (b"1" * 400, "application/json"), (b"[" * 20_000, "application/json"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "application/json"), (b"\xff\xfe", "application/json"),
        (b"a=1", "text/plain"), (b"a=1", "application/x-www-form-urlencoded"), (b"--x--", "multipart/form-data"),
        (b"--x--", "multipart/form-data; boundary=x"), (b"\x81\xa1a\x01", "application/x-msgpack"),
        (b"{}", "caf\u00e9"),
    ]  # fmt: skip
    for door, method, path, handler in BODIES:
        good = body_fields(door, method, path)
        for content, kind in wholes:
            answer = await api.send(
                door, method, path, handler, content=content, headers={"content-type": kind.encode("latin-1")}
            )
            api.check(answer, (method, path, content[:20], kind), *(range(400, 500) if good else ()))
        if good:
            answer = await api.send(door, method, path, handler, json={**good, "no_such_field": 1})
            api.check(answer, (method, path, "no_such_field"), 400)
            if "no_such_field" not in answer.text:
                api.problems.append(f"{method} {path}: does not name the unknown field: {answer.text[:200]}")
    api.report()


async def test_more_than_we_take_is_refused(api: Api):
    body = b'{"email": "' + b"x" * 13_000_000 + b'"}'
    answer = await api.clients["marketplace"].post("/api/v1/token", content=body, headers=JSON)
    assert answer.status_code == 413 and answer.json()["error"] == "too_large"


async def test_ids_of_nothing_and_broken_addresses(api: Api):
    """404 for an id that is nobody's; a broken one is no address at all."""
    for door, method, path, handler in [r for r in ALL if r[2].startswith("/api/") and re.search(r"_id\}", r[2])]:
        for value in (NIL, "x", "%00", "%ED%A0%80", "..%2f..%2fetc", "9" * 400, "%F0%9F%8E%88"):
            body = {} if method in ("GET", "DELETE") else {"json": body_fields(door, method, path)}
            answer = await api.send(door, method, path, handler, value=value, **body)
            api.check(answer, (method, path, value), 400, 404, 409)
    api.report()


async def test_every_question_in_the_query(api: Api):
    spoilt = (
        "",
        "%00",
        "%ED%A0%80",
        "-1",
        "9" * 30,
        "2026-02-30",
        "9999-12-31",
        "0001-01-01",
        NIL,
        "%25",
        "'",
        "x" * 3000,
    )
    for door, _, path, handler in [route for route in ALL if route[1] == "GET" and route[2].startswith("/api/")]:
        document = document_of(door)
        operation = document["paths"][path]["get"]
        for name in [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]:
            for value in spoilt:
                answer = await api.send(door, "GET", path, handler, query=f"?{name}={value}")
                api.check(answer, (path, name, value), *((400,) if value in ("%00", "%ED%A0%80") else ()))
    api.report()
