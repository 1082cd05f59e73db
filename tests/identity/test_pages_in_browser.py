"""Identity's pages in a real browser: accessible, quiet and within a small phone's width in each of their states."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import asyncpg
import pytest
from playwright.sync_api import Browser, Page

from marketplace.identity.first_operator import make_first_operator
from marketplace.platform.database import close_database, open_database
from marketplace.settings import Settings
from tests.secrecy.rows import lay
from tests.web.axe import Watch, assert_page_is_good, browser, press  # noqa: F401 - the fixture
from tests.world.people import PASSWORD, council, person_in, with_password


@dataclass
class Site:
    marketplace: str
    console: str
    administrator: str
    family: str
    link: str


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def people_in(settings: Settings) -> tuple[str, str, str]:
    await open_database(settings.dsn("app"))
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        admin = await council(settings, "Northgate Council", "#5b2d8e")
        email = await with_password(admin, settings)
        await person_in(admin, "finance", "Fin Ance", email=email)
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=lambda _: "{}", decoder=str)
        rows = await lay(connection)
        family = await with_password(rows.actors["mother"], settings)
        _, link = await make_first_operator(settings, "Opal Tor", "new.operator@example.org")
        return email, family, link.partition("link=")[2]
    finally:
        await connection.close()
        await close_database()


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    ports = free_port(), free_port()
    settings = replace(settings, secure_cookies=False, port=ports[0], admin_port=ports[1])
    # in a thread of its own: Playwright keeps a loop running in this one
    with ThreadPoolExecutor(1) as thread:
        administrator, family, link = thread.submit(asyncio.run, people_in(settings)).result()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *module, "--port", str(port)],
            env={**os.environ, **settings.environment()},
            stdout=subprocess.DEVNULL,  # its faults stay on stderr, where pytest shows them
        )
        for module, port in ((("marketplace.serve", "marketplace"), ports[0]), (("admin.serve",), ports[1]))
    ]
    try:
        for port in ports:
            wait_for(f"http://127.0.0.1:{port}/health", processes)
        yield Site(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}", administrator, family, link)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def wait_for(address: str, processes: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            ended = [process.args for process in processes if process.poll() is not None]
            if ended or time.monotonic() > until:
                raise AssertionError(f"{address} does not answer; ended: {ended}") from None
            time.sleep(0.1)


def shown(page: Page, watch: Watch, heading: str, origin: str) -> None:
    """The page with this heading is what we see, and nothing is wrong with it."""
    assert page.locator("h1").inner_text().strip().startswith(heading)
    pictures = os.environ.get("MARKETPLACE_PICTURES")
    if pictures:
        page.screenshot(path=f"{pictures}/{heading.split('?')[0].replace(' ', '_')[:40]}.png", full_page=True)
    assert_page_is_good(page)
    watch.assert_quiet(origin)


def test_a_council_administrators_way_through_sign_in_people_and_audit(site: Site, browser: Browser):  # noqa: F811
    page = browser.new_page()
    watch = Watch(page)
    here = site.console

    def look(heading: str) -> None:
        shown(page, watch, heading, here)

    page.goto(f"{here}/people")
    look("Sign in")
    press(page.get_by_role("button", name="Sign in"))
    look("Sign in")
    assert page.get_by_text("Enter your password").count() == 2  # the summary and the field
    page.get_by_label("E-mail address").fill(site.administrator)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page.get_by_role("button", name="Sign in"))
    look("Who do you want to act for")
    press(page.get_by_role("button", name="Continue"))
    assert page.get_by_text("Select the organisation and role").count() == 2
    look("Who do you want to act for")
    page.get_by_label("Administrator").check()
    press(page.get_by_role("button", name="Continue"))
    look("People and roles")
    link = page.get_by_role("link", name="Give somebody a role")
    press(page.get_by_role("button", name="Give somebody a role").or_(link))
    press(page.get_by_role("button", name="Give the role"))
    look("Give somebody a role")
    page.get_by_label("Full name").fill("Con Tract")
    page.get_by_label("E-mail address").fill("con@example.org")
    page.get_by_label("Contract manager").check()
    press(page.get_by_role("button", name="Give the role"))
    assert page.get_by_text("Con Tract has the role now").count() == 1
    look("People and roles")
    press(page.get_by_role("link", name="End Con Tract"))
    look("End Con Tract")
    page.goto(f"{here}/people?q=nobody")
    look("People and roles")
    page.goto(f"{here}/audit")
    assert page.get_by_text("Role given").count() >= 1
    look("Audit")
    page.goto(f"{here}/audit?person=nobody&first-day=1&first-month=13&first-year=2026")
    look("Audit")
    page.goto(f"{here}/account")
    look("My account")
    page.goto(f"{here}/account/password")
    press(page.get_by_role("button", name="Change it"))
    look("Change your password")
    page.goto(f"{here}/help")
    look("Help")
    press(page.get_by_role("button", name="Sign out"))
    assert page.get_by_text("You are signed out").count() == 1
    press(page.get_by_role("link", name="I have forgotten"))
    look("Get a new password")
    page.goto(f"{here}/set-password?link={site.link}")
    page.get_by_label("New password").fill("short")
    press(page.get_by_role("button", name="Set this password"))
    look("Choose your password")
    page.goto(f"{here}/set-password?link=used-up")
    look("Page not found")


def test_a_family_member_on_a_small_phone(site: Site, browser: Browser):  # noqa: F811
    page = browser.new_page(viewport={"width": 320, "height": 640}, java_script_enabled=True)
    watch = Watch(page)
    page.goto(f"{site.marketplace}/account")
    page.get_by_label("E-mail address").fill(site.family)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page.get_by_role("button", name="Sign in"))
    shown(page, watch, "My account", site.marketplace)
    press(page.get_by_role("link", name="Set your PIN"))
    page.get_by_label("New PIN").fill("1234")
    page.get_by_label("The same PIN again").fill("1234")
    press(page.get_by_role("button", name="Set this PIN"))
    assert page.get_by_text("too easy to guess").count() == 2
    shown(page, watch, "Set your PIN", site.marketplace)
    page.get_by_label("New PIN").fill("482913")
    page.get_by_label("The same PIN again").fill("482913")
    press(page.get_by_role("button", name="Set this PIN"))
    assert page.get_by_text("Your PIN is set").count() == 1


def test_everything_works_without_scripts(site: Site, browser: Browser):  # noqa: F811
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{site.marketplace}/account")
    page.get_by_label("E-mail address").fill(site.family)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page.get_by_role("button", name="Sign in"))
    assert page.locator("h1").inner_text() == "My account"
    press(page.get_by_role("button", name="Sign out"))
    assert page.locator("h1").inner_text() == "Sign in"
