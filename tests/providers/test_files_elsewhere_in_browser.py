"""Files from an origin of their own in a real browser: a form leads there, a video plays from there, no cookie goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
import uvicorn
from playwright.sync_api import Browser

from marketplace import files_site
from marketplace.platform.clock import FrozenClock
from marketplace.platform.object_store import ObjectStore
from marketplace.providers import videos
from marketplace.settings import Settings
from tests.conftest import NOON
from tests.providers.test_videos import a_case, filmed
from tests.web.axe import Watch, browser, press
from tests.world import packages
from tests.world.file_servers import store, with_store
from tests.world.served import Site, serving

__all__ = ["browser", "store"]
pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(shared_settings: Settings, store: ObjectStore) -> Iterator[Site]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # another host than the sites', since cookies ignore ports
    there = f"http://localhost:{listener.getsockname()[1]}"
    settings = replace(with_store(shared_settings, store), files_url=there)
    with serving(settings, FrozenClock(NOON)) as site:
        server = uvicorn.Server(uvicorn.Config(files_site.create_app(site.settings), log_level="warning"))
        ending = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), site.loop)
        yield site
        server.should_exit = True
        ending.result(60)


def test_opening_a_file_and_watching_a_video(site: Site, browser: Browser) -> None:
    there = site.settings.files_url
    case = site.run(a_case(site.settings))
    site.run(packages.a_visit(case, date(2026, 5, 13)))
    video = site.run(filmed(case.worker, case.worker_id, site.settings))
    site.run(videos.agree_to_video(case.worker, case.worker_id, video, agreed=True))
    worker = site.tab(browser, case.worker)
    worker.goto(f"{site.marketplace}/evidence/{video}")
    with worker.expect_download() as saved:
        worker.click("form[action$='/open'] button")
    assert saved.value.suggested_filename == "me.mp4" and saved.value.url.startswith(there)

    tab = site.tab(browser, case.family)
    watch = Watch(tab)
    tab.goto(f"{site.marketplace}/who-is-coming")
    press(tab.locator("a:has-text('Watch the video')").first)
    with tab.expect_response(lambda answer: answer.url.startswith(there)) as played:
        tab.evaluate("document.querySelector('video').load(); document.querySelector('video').play().catch(() => {})")
    assert played.value.status in (200, 206)
    assert "cookie" not in played.value.request.all_headers()
    with tab.expect_download() as kept:
        tab.click("a:has-text('Save the video')")
    assert kept.value.url.startswith(there)
    elsewhere = [url for url in watch.requests if not url.startswith((site.marketplace, there))]
    assert elsewhere == []
