"""What no linter checks for us: where things may be imported, what templates may not do, whose clock is read."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "marketplace").rglob("*.py"), *(ROOT / "admin").rglob("*.py")])
SOURCES = [path for path in SOURCES if "node_modules" not in path.parts]
TEMPLATES = sorted(
    [*(ROOT / "marketplace").rglob("templates/**/*.html"), *(ROOT / "admin").rglob("templates/**/*.html")]
)
TREES = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in SOURCES}
# Domain time comes with the unit of work; these keep wall time, each for the reason its docstring gives.
DOMAIN = ("frameworks", "providers", "referrals", "packages", "billing", "contracts", "obligations")


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("library", ["jwt", "boto3", "stripe", "argon2"])
def test_each_of_these_is_imported_in_one_file(library):
    users = [path for path, tree in TREES.items() if any(n.split(".")[0] == library for n in imported(tree))]
    assert len(users) <= 1, users


def test_no_import_inside_a_function():
    found = [
        f"{path}:{inner.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_pages_and_routes_are_imported_by_the_apps_and_by_one_another_alone():
    """Nothing that decides or stores may know how it is shown."""
    doors = re.compile(r"(marketplace\.\w+|admin)\.(\w+_)?(pages|routes)$")
    found = [
        f"{path} imports {name}"
        for path, tree in TREES.items()
        if path.name != "app.py" and path.parts[0] != "admin" and not path.stem.endswith(("pages", "routes"))
        for name in imported(tree)
        if doors.fullmatch(name)
    ]
    assert found == []


def test_no_moment_without_its_zone_and_no_wall_clock_in_a_domain():
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            call = ast.unparse(node.func)
            if call.endswith(("datetime.utcnow", "datetime.utcfromtimestamp", "date.today")):
                found.append(f"{path}:{node.lineno} {call}")
            if call.endswith(("datetime.now", "time.time")) and (not node.args or path.parts[1] in DOMAIN):
                found.append(f"{path}:{node.lineno} {call}")
    assert found == []


def test_the_console_never_touches_tables():
    found = [
        str(path) for path, tree in TREES.items() if path.parts[0] == "admin" for n in imported(tree) if ".tables" in n
    ]
    assert found == []


def test_templates_never_switch_escaping_off():
    assert len(TEMPLATES) > 20
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in TEMPLATES
        for line in path.read_text().splitlines()
        if re.search(r"\|\s*safe\b|autoescape\s+false|\son\w+\s*=\s*[\"']|javascript:", line)
    ]
    assert found == []


def test_every_form_that_changes_something_carries_its_token():
    found = []
    for path in TEMPLATES:
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.S):
            if re.search(r"method=[\"']post", form, re.I) and "csrf" not in form:
                found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_imports_go_leftwards_only():
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
