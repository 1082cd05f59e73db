"""What no form would send, and what is asked of any answer to it; the tests of it stand in the files test_nasty_*."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from marketplace.identity.permissions import FRONT_DOORS
from marketplace.settings import Settings
from tests.structure.apps import ALL, document_of, is_public
from tests.structure.inhabited import NIL, ROLES, Borough, bearer, client_of, filled, roles_for
from tests.world import door as doors

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


QUERIES = (
    "", "?page=-1", "?page=99999999999999999999", "?page=x&q=%25%27&state=zzz&format=zzz&sort=zzz",
    "?first-day=99&child=x&framework=x&week=x&day=2026-02-30&step=zzz&reason=", "?format=csv",
)  # fmt: skip


async def every_page(api: Api, door: str) -> None:
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
