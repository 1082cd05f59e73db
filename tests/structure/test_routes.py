"""Every route is guarded or says it is public, stands in the OpenAPI document, and tells its errors there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from marketplace.identity.permissions import FRONT_DOORS, PERMISSIONS, ROLE_PERMISSIONS
from marketplace.web.navigation import CONSOLE, MARKETPLACE
from tests.structure.apps import ALL, APPS, document_of, is_ours, is_public, permissions_of

ROOT = Path(__file__).parents[2]

# Whoever adds an address that needs no sign-in says so here, with what it is for.
PUBLIC = {
    "/health": "the load balancer",
    "/help": "who cannot sign in",
    "/sign-in": "signing in",
    "/sign-out": "signing out, also with a session that has ended",
    "/forgot-password": "a new password",
    "/set-password": "the one-time link",
    "/api/v1/token": "signing in",
    "/api/v1/token/refresh": "shows a refresh token",
    "/api/v1/token/revoke": "shows a refresh token",
    "/api/v1/password-reset": "a new password",
    "/api/v1/set-password": "the one-time link",
    "/.well-known/jwks.json": "public keys",
    "/directory": "families who look for a provider",
    "/directory/{framework_id}": "families who look for a provider",
    "/directory/{framework_id}/{provider_id}": "families who look for a provider",
    "/api/v1/directory": "families who look for a provider",
    "/api/v1/directory/{framework_id}": "families who look for a provider",
    "/api/v1/stripe/events": "Stripe, proven by its signature",
    "/calendars/{token}/care.ics": "calendar programs: the link is the key, and can be stopped",
    "/schema": "the API's document",
    "/schema/openapi.json": "the API's document",
    "/schema/openapi.yaml": "the API's document",
    "/schema/openapi.yml": "the API's document",
    "/schema/{path}": "answers 404 for any other form of the document",
}


def test_every_route_has_a_guard_of_ours_or_is_listed_as_public() -> None:
    wrong: list[str] = []
    for door, method, path, handler in ALL:
        guards = handler.resolve_guards()
        good = path in PUBLIC and not guards if is_public(handler) else any(is_ours(guard) for guard in guards)
        if not good:
            wrong.append(f"{door} {method} {path}")
    assert wrong == []


def test_every_route_is_in_the_document_with_its_errors() -> None:
    wrong = [
        f"{door} {method} {path}: {what}"
        for door, method, path, handler in ALL
        if not path.startswith("/schema")
        for what in _left_out(document_of(door)["paths"][path][method.lower()], method, path, handler)
    ]
    assert wrong == []


def _left_out(operation: dict[str, Any], method: str, path: str, handler: HTTPRouteHandler) -> Iterator[str]:
    """What an operation of the document does not say of itself."""
    answers = set(operation["responses"])
    wanted = {"400", "503"}
    if not is_public(handler):
        wanted |= {"401", "403"}
    if "{" in path:
        wanted |= {"404"}
    if method not in ("GET", "HEAD"):
        wanted |= {"409", "413"}
    if not wanted <= answers:
        yield f"lacks {sorted(wanted - answers)}"
    if path.startswith("/api/"):
        for status in sorted(answers - {"200", "201", "202", "204", "303"}):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            if schema != {"$ref": "#/components/schemas/Problem"}:
                yield f"{status} has no problem's shape"
        if not (operation.get("description") or operation.get("summary")):
            yield "has no summary"


def test_every_operation_has_a_name_of_its_own() -> None:
    for door in APPS:
        names = [
            operation["operationId"] for item in document_of(door)["paths"].values() for operation in item.values()
        ]
        assert len(names) == len(set(names))


def test_some_role_of_the_door_can_use_each_route() -> None:
    """A page nobody who is let in may open is a mistake; the API is for every role."""
    wrong: list[str] = []
    for door, method, path, handler in ALL:
        roles = FRONT_DOORS["marketplace"] | FRONT_DOORS["console"] if path.startswith("/api/") else FRONT_DOORS[door]
        for asked in permissions_of(handler):
            if not any(ROLE_PERMISSIONS[role] & set(asked) for role in roles):
                wrong.append(f"{door} {method} {path}: {asked}")
    assert wrong == []


@pytest.mark.parametrize(("door", "table"), [("marketplace", MARKETPLACE), ("console", CONSOLE)])
def test_the_navigation_leads_only_where_its_role_may_go(door: str, table: dict) -> None:
    pages = {path: handler for at, method, path, handler in ALL if at == door and method == "GET"}
    wrong = []
    for role, items in table.items():
        if role not in FRONT_DOORS[door]:
            continue
        for item in items:
            handler = pages.get(item.href)
            asked = permissions_of(handler) if handler is not None else []
            if handler is None or not all(ROLE_PERMISSIONS[role] & set(any_of) for any_of in asked):
                wrong.append(f"{role}: {item.label} ({item.href})")
    assert wrong == []


def test_permissions_named_in_the_code_exist_and_each_is_asked_for() -> None:
    """A misspelt permission is found here, not by whoever is refused; one that nothing asks for is a dead promise."""
    named: set[str] = set()
    for path in [*(ROOT / "marketplace").rglob("*.py"), *(ROOT / "admin").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("requires", "permit", "may", "permit_any"):
                    named |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and "." in str(arg.value)}
    assert named <= PERMISSIONS
