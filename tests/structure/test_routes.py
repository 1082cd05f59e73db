"""Every route is guarded or says it is public, stands in the OpenAPI document, and tells its errors there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from litestar.handlers import HTTPRouteHandler

from marketplace.identity.permissions import FRONT_DOORS, PERMISSIONS, ROLE_PERMISSIONS
from marketplace.web.navigation import CONSOLE, MARKETPLACE
from tests.structure.apps import ALL, APPS, IDS, is_ours, is_public, permissions_of

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
    "/schema": "the API's document",
    "/schema/openapi.json": "the API's document",
    "/schema/openapi.yaml": "the API's document",
    "/schema/openapi.yml": "the API's document",
    "/schema/{path}": "answers 404 for any other form of the document",
}


@pytest.mark.parametrize(("door", "method", "path", "handler"), ALL, ids=IDS)
def test_every_route_has_a_guard_of_ours_or_is_listed_as_public(
    door: str, method: str, path: str, handler: HTTPRouteHandler
) -> None:
    guards = handler.resolve_guards()
    if is_public(handler):
        assert path in PUBLIC and not guards
    else:
        assert guards and any(is_ours(guard) for guard in guards)


@pytest.mark.parametrize(("door", "method", "path", "handler"), ALL, ids=IDS)
def test_every_route_is_in_the_document_with_its_errors(
    door: str, method: str, path: str, handler: HTTPRouteHandler
) -> None:
    if path.startswith("/schema"):
        return
    document = APPS[door].openapi_schema.to_schema()
    operation = document["paths"][path][method.lower()]
    answers = set(operation["responses"])
    wanted = {"400", "503"}
    if not is_public(handler):
        wanted |= {"401", "403"}
    if "{" in path:
        wanted |= {"404"}
    if method not in ("GET", "HEAD"):
        wanted |= {"409", "413"}
    assert wanted <= answers
    if path.startswith("/api/"):
        for status in answers - {"200", "201", "202", "204", "303"}:
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, status
        assert operation.get("description") or operation.get("summary")


def test_every_operation_has_a_name_of_its_own() -> None:
    for app in APPS.values():
        names = [
            operation["operationId"]
            for item in app.openapi_schema.to_schema()["paths"].values()
            for operation in item.values()
        ]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(("door", "method", "path", "handler"), ALL, ids=IDS)
def test_some_role_of_the_door_can_use_each_route(door: str, method: str, path: str, handler: HTTPRouteHandler) -> None:
    """A page nobody who is let in may open is a mistake; the API is for every role."""
    roles = FRONT_DOORS[door] if not path.startswith("/api/") else FRONT_DOORS["marketplace"] | FRONT_DOORS["console"]
    for asked in permissions_of(handler):
        assert any(ROLE_PERMISSIONS[role] & set(asked) for role in roles), asked


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
