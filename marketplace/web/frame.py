"""What an app must tell the web frame once, and what the frame gives the app: one Frame per front door.

    frame = make_frame(name="marketplace", product="Care marketplace", navigation=NAVIGATION, secret=..., ...)
    Litestar(..., **frame_parts(frame, routes=[...]))          # see setup.py

Pages reach it through `frame_of(request)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment
from litestar.connection import ASGIConnection

from marketplace.platform.actor import Actor
from marketplace.web.navigation import Item
from marketplace.web.static_files import StaticFiles, load_static_files
from marketplace.web.templating import make_environment

STATE_KEY = "web_frame"
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose service a page is: the name in the header and the colour of its bar (#rrggbb)."""

    name: str
    colour: str = "#1d4f91"

    def __post_init__(self) -> None:
        # The colour is written into a style element: nothing but a colour may get there.
        if not COLOUR.fullmatch(self.colour):
            raise ValueError(f"a brand's colour is written #rrggbb, not {self.colour!r}")

    @property
    def ink(self) -> str:
        """White or black, whichever can be read on the colour (WCAG relative luminance, 2.2 AA contrast 1.4.3)."""
        channels = [int(self.colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything the pages of one front door share."""

    name: str  # "marketplace" or "console": part of the cookies' names, for cookies ignore ports
    product: str
    brand: Brand
    environment: Environment
    static: StaticFiles
    navigation: Mapping[str, Sequence[Item]]
    may: Callable[[Actor, str], bool]
    secret: bytes
    secure: bool = True
    demo: bool = False
    sign_in_path: str = "/sign-in"
    help_path: str = "/help"
    switch_path: str = "/switch"
    sign_out_path: str = "/sign-out"
    account_path: str = "/account"
    files_url: str = ""  # another site, where a form of ours may lead to a file

    def cookie(self, what: str) -> str:
        """A cookie's name. `__Host-` ties it to this host over TLS; browsers refuse the prefix without TLS."""
        return f"{'__Host-' if self.secure else ''}{self.name}-{what}"


def make_frame(
    *,
    name: str,
    product: str,
    navigation: Mapping[str, Sequence[Item]],
    secret: bytes,
    may: Callable[[Actor, str], bool],
    brand: Brand | None = None,
    secure: bool = True,
    demo: bool = False,
    template_folders: Sequence[Path] = (),
    **paths: str,
) -> Frame:
    """Read templates and assets once. `template_folders` are searched before the domain folders' own ones.

    `may(actor, permission)` is identity's permission table: the frame shows only what a role can open.
    Raises AssetsMissing when the package's assets were not built.
    """
    static = load_static_files()
    return Frame(
        name=name,
        product=product,
        brand=brand or Brand(product),
        environment=make_environment(static, template_folders),
        static=static,
        navigation=navigation,
        may=may,
        secret=secret,
        secure=secure,
        demo=demo,
        **paths,
    )


def frame_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Frame:
    """The frame of the app that serves this request."""
    return connection.app.state[STATE_KEY]
