"""The README's tour: each role's main pages of a fresh demo, as pictures, with the page that shows them.

    uv run python -m tests.journeys.tour [PICTURE ...]

Writes docs/tour/*.png (those named, or all) and docs/tour/README.md. Run it again when pages change; the demo's days
move with the calendar.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.demo_folder import Site
from tests.journeys.people import Someone, Town
from tests.web.axe import DESKTOP, HOW, PHONE, chromium, open_browser, press

TOUR = Path(__file__).parents[2] / "docs" / "tour"
TALLEST = 1600  # pixels of a page that a picture shows
COLOURS = 64
WIDE = {True: 320, False: 760}  # a picture's width on the page, on a phone or not

Step = Callable[[Someone], object]


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, what it shows, and how to get there."""

    name: str
    caption: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Role:
    """One person of the demo and what the tour shows of their work."""

    title: str
    email: str
    shots: tuple[Shot, ...]
    console: bool = False
    phone: bool = False
    place: str | None = None


def go(path: str) -> Step:
    """Open an address."""
    return lambda someone: someone.go(path)


def follow(text: str | re.Pattern[str]) -> Step:
    """Follow a link by its words."""
    return lambda someone: someone.follow(text)


def press_button(text: str) -> Step:
    """Press a button by its words."""
    return lambda someone: someone.press(text)


def first(selector: str) -> Step:
    """Follow the first link a selector finds."""

    def step(someone: Someone) -> Someone:
        link = someone.page.locator(selector).first.get_attribute("href") or ""
        assert link, f"{someone.page.url} has no {selector}"
        return someone.go(link)

    return step


def in_row(text: re.Pattern[str]) -> Step:
    """Follow the first link of the table's row that says so."""
    return lambda someone: press(someone.page.locator("tr").filter(has_text=text).locator("a").first)


ROLES = (
    Role("Referrer", "referrer@example.org", (
        Shot("referrer-today", "What needs me today, most urgent first", (go("/today"),)),
        Shot("referrer-compare", "Offers side by side: match, continuity, computed price, the family's choice", (
            go("/referrals"), in_row(re.compile(r"[2-9] offers")), follow("Compare"),
        )),
        Shot("referrer-package", "A package: its story, its next duty, its week", (
            go("/packages"), first("main th a, main td a"),
        )),
    )),
    Role("Provider manager", "manager@example.org", (
        Shot("provider-opportunity", "A referral to answer: anonymous, with the clock and my ready workers", (
            go("/opportunities"), first("main th a, main td a"),
        )),
        Shot("provider-workforce", "The readiness matrix, coloured and worded", (go("/workforce"),)),
        Shot("provider-week", "The week: workers by days", (go("/week"),)),
        Shot("provider-invoice", "Four weeks: what would cost £100 today, and how to mend it", (
            go("/invoices"), follow("Check and submit"),
        )),
        Shot("provider-standing", "Standing, as commissioners see it", (go("/standing"),)),
    )),
    Role("Support worker", "worker@example.org", (
        Shot("worker-now", "Now: the next visit and the one thing to do", (go("/now"),)),
        Shot("worker-training", "My training and its dates", (go("/my-training"),)),
    ), phone=True),
    Role("Family", "family@example.org", (
        Shot("family-coming", "Who is coming next", (go("/who-is-coming"),)),
        Shot("family-choices", "Choosing among offers", (go("/choices"), first("main a[href^='/choices/']"))),
        Shot("family-budget", "A direct payment: what is left of it, and whom it buys from", (
            go("/budget"), follow("See the budget"),
        )),
        Shot("family-answers", "A provider's answer: who would come, when, the council's price", (
            go("/requests"), first("main h2 a"),
        )),
        Shot("family-buying", "Buying visits: checked before anything is paid", (
            go("/who-is-coming"), follow("Buy visits"), press_button("Continue"),
        )),
    ), phone=True),
    Role("Contract manager", "contracts@example.org", (
        Shot("console-watch", "Watch: what is about to go wrong", (go("/watch"),)),
        Shot("console-framework", "A framework: terms, lots, providers", (
            go("/frameworks"), first("main th a, main td a"),
        )),
        Shot("console-provider", "A provider: standing in one line with its reasons", (
            go("/providers"), follow("Larkfield"),
        )),
        Shot("console-story", "A provider's whole story, month by month, and how it does beside its peers", (
            go("/providers"), follow("Larkfield"), follow("The whole story"),
        )),
        Shot("console-inspection", "An inspection: what was found, what the provider answers, what is to be done", (
            go("/contracts"), follow("Larkfield"), first("main a[href^='/contract-occasions/']"),
        )),
    ), console=True),
    Role("Finance officer", "finance@example.org", (
        Shot("console-invoices", "Invoices to accept, returned, overdue", (go("/invoices"),)),
        Shot("console-invoice", "An invoice: each visit as claimed, by the record and payable, and who signed what", (
            go("/invoices"), first("main th a"),
        )),
    ), console=True),
    Role("Operator", "operator@example.org", (
        Shot("operator-health", "The deployment's health; no case data anywhere", (go("/operator"),)),
    ), console=True),
)  # fmt: skip


def pictures(role: Role) -> Iterator[tuple[Shot, bool, str]]:
    """Shot, on a phone, file name: each where the role mostly works, its first page in the other window too."""
    for shot in role.shots:
        yield shot, role.phone, shot.name
    yield role.shots[0], not role.phone, f"{role.shots[0].name}-{'desk' if role.phone else 'phone'}"


def photograph(someone: Someone, shot: Shot, phone: bool, name: str) -> None:
    """Walk there and keep the top of the page."""
    page = someone.page
    page.set_viewport_size(PHONE if phone else DESKTOP)  # pyright: ignore[reportArgumentType]
    for step in shot.steps:
        step(someone)
    width = page.evaluate("document.documentElement.clientWidth")
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    taken = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
    few = Image.open(BytesIO(taken)).convert("RGB").quantize(COLOURS)  # half the bytes, and nobody sees it
    few.save(TOUR / f"{name}.png", optimize=True)


def written() -> str:
    """The page that shows the pictures."""
    lines = ["# A tour of the demo", "", "Made by `uv run python -m tests.journeys.tour` from a fresh demo.", ""]
    for role in ROLES:
        where = "the commissioner's console" if role.console else "the marketplace"
        lines += [f"## {role.title}", "", f"`{role.email}` on {where}{', on a phone' if role.phone else ''}.", ""]
        for shot, phone, name in pictures(role):
            caption = shot.caption if phone == role.phone else f"The same {'on a phone' if phone else 'at a desk'}"
            width = WIDE[phone]
            lines += [f"{caption}:", "", f'<img src="{name}.png" width="{width}" alt="{shot.caption}">', ""]
    return "\n".join(lines)


def main(wanted: Sequence[str] = ()) -> int:
    """Take these pictures again, or every one; returns the exit code."""
    path = chromium()
    if path is None:
        print(HOW, file=sys.stderr)
        return 1
    TOUR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open_browser(path) as browser:
        site = Site.start(Path(folder), "--demo")
        try:
            town = Town(site, browser)
            for role in ROLES:
                to_take = [each for each in pictures(role) if not wanted or each[2] in wanted]
                if not to_take:
                    continue
                someone = town.sign_in(
                    role.title, role.email, console=role.console, phone=role.phone, place=role.place, check=False
                )
                for shot, phone, name in to_take:
                    photograph(someone, shot, phone, name)
                    print(f"{name}: {someone.page.url}")
        finally:
            site.stop()
    (TOUR / "README.md").write_text(written(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
