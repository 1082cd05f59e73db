"""A browser without a screen: keeps cookies over httpx, sends a page's own form with its hidden fields."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx
from litestar import Litestar

from tests.world.people import PASSWORD


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "form":
            self.forms.append((of.get("action") or "", {}))
        elif tag == "input" and self.forms and of.get("type") == "hidden" and of.get("name"):
            self.forms[-1][1][of["name"] or ""] = of.get("value") or ""


class Browser(httpx.AsyncClient):
    """`await browser.sign_in(email)`, `await browser.send("/people/invite", name=...)`; redirects are not followed."""

    def __init__(self, app: Litestar, **options: Any) -> None:
        super().__init__(
            transport=httpx.ASGITransport(app=app, client=options.pop("client", ("203.0.113.7", 5000))),
            base_url="https://site.test",
            headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
            **options,
        )

    async def send_form(self, path: str, *, at: str | None = None, **fields: Any) -> httpx.Response:
        """Open the page `at` (by default the form's own path) and send its form whose action is `path`."""
        shown = await self.get(at or path)
        reader = _Forms()
        reader.feed(shown.text)
        hidden = next((found for action, found in reader.forms if action == path), None)
        assert hidden is not None, f"no form for {path} on {at or path} ({shown.status_code}): {shown.text[:300]}"
        return await self.post(path, data=hidden | fields)

    async def sign_in(self, email: str, password: str = PASSWORD, place: str | None = None) -> httpx.Response:
        """Sign in, and choose the place where there are several."""
        answer = await self.send_form("/sign-in", email=email, password=password)
        if place is not None:
            answer = await self.send_form("/switch", place=place)
        return answer

    @property
    def session(self) -> str | None:
        """The session's cookie."""
        return next((cookie.value for cookie in self.cookies.jar if cookie.name.endswith("-session")), None)
