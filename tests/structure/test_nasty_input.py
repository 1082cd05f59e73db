"""What no form would send, to every address: each is answered with a 4xx (naming the field, where there is one), never
with a 5xx, and never with a sentence that says more than people are meant to read."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from marketplace.identity.permissions import FRONT_DOORS
from marketplace.settings import Settings
from tests.structure.apps import ALL, document_of, is_public
from tests.structure.inhabited import NIL, ROLES, Borough, bearer, client_of, filled, roles_for, settle
from tests.world import door as doors

# Values of the wrong kind or size for any field; the first two cannot be stored at all.
NASTY: list[Any] = [
    "a\x00b", "\ud800", "", " ", -1, 0, 10**30, 1.5, True, None, [], {}, [None], "x" * 70_000, "2026-02-30",
    "2026-05-11T09:00", "9999-12-31", "0001-01-01", NIL, "'; DROP TABLE person; --",
]  # fmt: skip
LEAKS = ("Traceback", "asyncpg", "psycopg", "SELECT ", "INSERT ", "marketplace/", "duplicate key", "violates")


class Api:
    """A client of each door, everybody's tokens, and what was answered impolitely, to be shown all at once."""

    def __init__(self, settings: Settings, borough: Borough) -> None:
        self.settings, self.borough = settings, borough
        self.clients = {door: client_of(settings, door) for door in FRONT_DOORS}
        self.tokens: dict[str, dict[str, str]] = {}
        self.problems: list[str] = []

    async def send(self, door: str, method: str, path: str, handler: Any, **request: Any) -> httpx.Response:
        """One request by a role the route lets in, so that what is behind its guards is met."""
        value = request.pop("value", None)
        query = request.pop("query", "")
        headers = request.pop("headers", {})
        if not is_public(handler):
            role = roles_for(handler)[0]
            if role not in self.tokens:
                self.tokens[role] = await bearer(self.settings, self.borough.actors[role])
            headers = headers | self.tokens[role]
        address = filled(path, self.borough.ids, value) + query
        return await self.clients[door].request(method, address, headers=headers, **request)

    def check(self, answer: httpx.Response, about: object, *expected: int) -> None:
        wrong = impolite(answer)
        if wrong is None and expected and answer.status_code not in expected:
            wrong = f"{answer.status_code} {answer.text[:200]}"
        if wrong:
            self.problems.append(f"{about}: {wrong}")

    def report(self) -> None:
        assert not self.problems, f"{len(self.problems)}:\n" + "\n".join(self.problems[:60])


def impolite(answer: httpx.Response) -> str | None:
    """What is wrong with an answer, if anything."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:100]}".split("<")[0]
    if answer.status_code >= 400 and answer.headers.get("content-type", "").startswith("application/json"):
        problem = answer.json()
        if set(problem) != {"error", "sentence", "fields", "request_id"}:
            return f"not a problem's shape: {problem}"
        said = problem["sentence"] + " ".join(problem["fields"].values())
        if any(leak in said for leak in LEAKS):
            return f"leaks: {said}"
    return None


@pytest.fixture
async def api(database: Settings, clock, migrator) -> AsyncIterator[Api]:
    found = Api(database, await settle(database, clock, migrator, "Northgate"))
    yield found
    for client in found.clients.values():
        await client.aclose()


def api_routes(*, with_body: bool) -> Iterator[tuple[str, str, str, Any]]:
    seen: set[tuple[str, str]] = set()
    for door, method, path, handler in ALL:
        if (
            path.startswith("/api/")
            and (method, path) not in seen
            and (method in ("POST", "PUT", "PATCH")) == with_body
        ):
            seen.add((method, path))
            yield door, method, path, handler


def body_fields(door: str, method: str, path: str) -> dict[str, Any]:
    """The operation's body as its document describes it: field -> something of its type."""
    document = document_of(door)
    operation = document["paths"][path][method.lower()]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return _example(document, content["schema"]) if content else {}


def _example(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    if depth > 16:
        return None
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], depth + 1)
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return _example(document, schema[several][0], depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        return {name: _example(document, each, depth + 1) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(document, schema["items"], depth + 1)] if schema.get("items") else []
    formats = {"uuid": NIL, "date": "2026-05-11", "date-time": "2026-05-11T09:00:00Z", "time": "09:00:00"}
    return {"integer": 1, "number": 1, "boolean": True, "null": None}.get(
        kind, formats.get(schema.get("format"), "word")
    )


BODIES = list(api_routes(with_body=True))
JSON = {"content-type": "application/json"}


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


QUERIES = (
    "", "?page=-1", "?page=99999999999999999999", "?page=x&q=%25%27&state=zzz&format=zzz&sort=zzz",
    "?first-day=99&child=x&framework=x&week=x&day=2026-02-30&step=zzz&reason=", "?format=csv",
)  # fmt: skip


@pytest.mark.parametrize("door", ["marketplace", "console"])
async def test_every_page_opens_or_says_politely_why_not(api: Api, door: str):
    """Each page of each role, as it is and with a spoilt query; forms posted empty, spoilt and to nobody's ids."""
    pages = [route for route in ALL if route[0] == door and not route[2].startswith(("/api/", "/schema", "/.well"))]
    pages.sort(key=lambda route: route[1])  # looking before changing
    app = api.clients[door]._transport.app  # type: ignore[attr-defined]
    for role in ROLES:
        if role not in FRONT_DOORS[door]:
            continue
        async with doors.at(app, api.settings, api.borough.actors[role]) as browser:
            token = doors.TOKEN.search((await browser.get("/account/password")).text)
            assert token
            for _, method, path, handler in pages:
                if path in ("/sign-out", "/switch") or role not in roles_for(handler, door):
                    continue
                addresses = {filled(path, api.borough.ids), filled(path, api.borough.ids, NIL)}
                for address in addresses:
                    if method == "GET":
                        for query in QUERIES:
                            answer = await browser.get(address + query)
                            api.check(answer, (role, method, path, query))
                            if answer.status_code >= 500:
                                break
                        api.check(await browser.get(address + "?q=%00"), (role, address, "NUL"), 400)
                    elif NIL in address or "{" not in path:
                        for fields in ({}, {"x": "1"}, {"name": "a\x00b", "reason": "\x00", "text": "x" * 50_000}):
                            answer = await browser.client.post(address, data={"_csrf": token.group(1)} | fields)
                            api.check(answer, (role, method, path, list(fields)))
    api.report()
