"""The style sheet, scripts and icon, served from memory.

Their address carries a fingerprint of all of them (/static/<fingerprint>/app.css), so browsers may keep each for a
year and still get the new ones with the next release; scripts find each other by relative address. An address with an
older fingerprint is answered with the present file, not to be kept: two releases can serve side by side.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from marketplace.platform.errors import NotFound

HERE = Path(__file__).parent
FOLDERS = (HERE / "static" / "src", HERE / "static" / "built")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
NEEDED = ("app.css", "start.js", "govuk-frontend.min.js", "moj-frontend.min.js", "htmx.min.js")


class AssetsMissing(RuntimeError):
    """The package was not built: the pages' style sheet and scripts are not there."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"The pages' assets are missing ({', '.join(names)}). They are made when the package is built:"
            " run 'uv sync --reinstall-package care-marketplace' or 'pip install .' again."
        )


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    packed: bytes | None  # gzip, where it is smaller
    content_type: str


class StaticFiles:
    """Every file we serve, read once at start; there is no path to escape from."""

    def __init__(self, files: dict[str, StaticFile]) -> None:
        self.files = files
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(name.encode() + b"\0" + files[name].body + b"\0")
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file; an unknown name is a programming error and fails at once."""
        if name not in self.files:
            raise KeyError(f"there is no static file {name!r}")
        return f"/static/{self.version}/{name}"


def load_static_files() -> StaticFiles:
    """Read all files, our own sources and the built ones. Raises AssetsMissing when the package was not built."""
    files: dict[str, StaticFile] = {}
    for folder in FOLDERS:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in TYPES:
                body = path.read_bytes()
                packed = gzip.compress(body, mtime=0)
                files[path.name] = StaticFile(body, packed if len(packed) < len(body) else None, TYPES[path.suffix])
    if missing := [name for name in NEEDED if name not in files]:
        raise AssetsMissing(missing)
    return StaticFiles(files)


def static_route(static: StaticFiles) -> HTTPRouteHandler:
    """GET /static/{version}/{name}: public, needs no sign-in."""

    @get(
        "/static/{version:str}/{name:str}",
        name="static",
        include_in_schema=False,
        opt={"public": True},
        sync_to_thread=False,
    )
    def serve_static(request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        file = static.files.get(name)
        if file is None:
            raise NotFound("There is no such file.")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if version == static.version else "no-cache",
            "Vary": "Accept-Encoding",
        }
        body = file.body
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = file.packed
        return Response(body, media_type=file.content_type, headers=headers)

    return serve_static
