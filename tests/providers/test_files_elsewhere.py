"""Evidence from an origin of its own: the sites serve none, that origin nothing else, and parts are still summed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from unittest.mock import AsyncMock
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from marketplace import files_site
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.storage import Storage
from marketplace.providers import file_elsewhere, file_parts, videos
from marketplace.settings import Settings, SettingsError
from tests.providers.test_videos import CONTENT, a_case, filmed
from tests.structure.inhabited import bearer
from tests.world import packages
from tests.world.apps import create_marketplace
from tests.world.door import Door, at
from tests.world.file_servers import store, with_store

__all__ = ["store"]
FILES = "https://files.example.org"


@pytest.fixture
def apart(database: Settings, store: ObjectStore) -> Settings:
    return replace(with_store(database, store), files_url=FILES)


@asynccontextmanager
async def the_origin(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=files_site.create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url=FILES) as client:
        yield client


async def followed(door: Door, path: str, headers: dict[str, str] | None = None) -> str:
    """Where the site sends its reader, who holds no file of it afterwards."""
    answer = await door.client.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (303, b"")
    there = answer.headers["location"]
    assert there.startswith(f"{FILES}/")
    return there.removeprefix(FILES)


async def test_a_file_is_checked_here_and_served_there(apart: Settings, clock, migrator, monkeypatch) -> None:
    monkeypatch.setattr(file_parts, "BLOCK", 1000)
    case = await a_case(apart)
    await packages.a_visit(case, date(2026, 5, 13))
    evidence = await filmed(case.worker, case.worker_id, apart)
    await videos.agree_to_video(case.worker, case.worker_id, evidence, agreed=True)
    app = create_marketplace(apart, clock)
    async with at(app, apart, case.worker) as worker, at(app, apart, case.family) as family, the_origin(apart) as files:
        # a file's own page: its form may lead on to the origin of files, and does
        page = await worker.get(f"/evidence/{evidence}")
        assert f"form-action 'self' {FILES};" in page.headers["content-security-policy"]
        opening = await worker.post(f"/evidence/{evidence}/open", page=f"/evidence/{evidence}")
        there = await followed(worker, opening.headers["location"])
        got = await files.get(there)
        assert (got.status_code, got.content) == (200, CONTENT)
        assert got.headers["content-disposition"].startswith("attachment; ")
        assert "sandbox" in got.headers["content-security-policy"] and "set-cookie" not in got.headers
        assert (got.headers["x-content-type-options"], got.headers["cache-control"]) == ("nosniff", "no-store")
        assert got.headers["cross-origin-resource-policy"] == "same-origin"
        # a video in a page, in parts
        page = await family.get(f"/worker-videos/{evidence}")
        assert f"media-src 'self' {FILES};" in page.headers["content-security-policy"]
        source = "/worker-videos/open/" + page.text.split('src="/worker-videos/open/')[1].split('"')[0]
        there = await followed(family, source, {"range": "bytes=0-"})
        whole = await files.get(there, headers={"range": "bytes=0-"})
        assert (whole.status_code, whole.content) == (206, CONTENT)
        assert whole.headers["cross-origin-resource-policy"] == "cross-origin"

        async def never(*_: object, **__: object) -> None:
            raise AssertionError("the whole file was fetched again")

        monkeypatch.setattr(Storage, "fetch", never)
        for first, last in ((10, 19), (990, 3010), (1000, 1999), (len(CONTENT) - 5, len(CONTENT) - 1)):
            part = await files.get(there, headers={"range": f"bytes={first}-{last}"})
            assert (part.status_code, part.content) == (206, CONTENT[first : last + 1])
            assert part.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
        assert (await files.get(there, headers={"range": "bytes=2000-"})).content == CONTENT[2000:]
        # the origin knows nothing else
        for path in (
            "/",
            "/today",
            f"/evidence/{evidence}",
            "/sign-in",
            "/schema",
            "/api/v1/today",
            there[:-6] + "AAAAAA",
        ):
            nothing = await files.get(path)
            assert nothing.status_code == 404 and nothing.headers["content-type"].startswith("text/plain"), path
            assert "set-cookie" not in nothing.headers
        assert (await files.get("/health")).status_code == 200
        assert (await files.post(there)).status_code == 405
        # what was taken back or deleted since its link was made is not there, and nobody is alarmed
        await videos.agree_to_video(case.worker, case.worker_id, evidence, agreed=False)
        gone = await files.get(there)
        assert gone.status_code == 404 and "taken back" in gone.text
        assert not await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action LIKE '%not_what%'")
        await videos.agree_to_video(case.worker, case.worker_id, evidence, agreed=True)
        # what breaks is said in a sentence, and logged
        broken = AsyncMock(side_effect=RuntimeError("words"))
        with monkeypatch.context() as breaking, capture_logs() as logs:
            breaking.setattr(files_site, "fetched_here", broken)
            assert (await files.get(there)).status_code == 500
        assert [entry["kind"] for entry in logs if entry["log_level"] == "error"] == ["RuntimeError"]
        # a link that has run out, or was made with another key
        monkeypatch.setattr(file_elsewhere, "PLAYED_SECONDS", -1)
        late = await followed(family, source)
        assert "run out" in (await files.get(late)).text
        other = replace(apart, secret="y" * 40)
        assert file_elsewhere.named_elsewhere(other, there.removeprefix("/")) is None
    async with at(app, apart) as door:
        token = await bearer(apart, case.worker)
        link = (await door.client.post(f"/api/v1/evidence/{evidence}/link", headers=token)).json()
        await followed(door, link["url"], token)
    await migrator.execute("UPDATE evidence SET deleted_at = now(), deleted_reason = 'x' WHERE id = $1", evidence)
    async with the_origin(apart) as files:
        gone = await files.get(there)
        assert gone.status_code == 404 and "deleted" in gone.text
    assert not await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action LIKE '%not_what%'")
    looks = await migrator.fetch("SELECT why FROM look WHERE subject_id = $1", evidence)
    assert sorted({row["why"] for row in looks}) == ["opened the file", "watched the profile video"]


async def test_a_part_that_is_not_what_was_checked_is_not_sent(apart: Settings, clock, migrator) -> None:
    case = await a_case(apart)
    evidence = await filmed(case.worker, case.worker_id, apart)
    await videos.agree_to_video(case.worker, case.worker_id, evidence, agreed=True)
    row = dict(await migrator.fetchrow("SELECT * FROM evidence WHERE id = $1", evidence))
    there = urlsplit(file_elsewhere.link_elsewhere(apart, row, played=True)).path
    async with the_origin(apart) as files:
        assert (await files.get(there)).content == CONTENT
        blocks = file_parts.known(row)
        assert blocks is not None and blocks.size == len(CONTENT)
        file_parts._KNOWN[file_parts.key_of(row)] = replace(blocks, sums=(b"x" * 32,) * len(blocks.sums))
        with pytest.raises(Exception, match="after response started"):  # the connection breaks
            await files.get(there, headers={"range": "bytes=0-9"})
        assert file_parts.known(row) is None
    told = await migrator.fetchval("SELECT count(*) FROM notice WHERE sentence LIKE '%no longer what was checked%'")
    assert told == 1


@pytest.mark.parametrize(
    "given",
    [
        {"MARKETPLACE_FILES_URL": "https://files.example.org/x"},
        {"MARKETPLACE_FILES_URL": "http://localhost:8000"},
        {"MARKETPLACE_FILES_URL": "https://a.org", "MARKETPLACE_URL": "https://a.org:443"},
        {"MARKETPLACE_FILES_URL": "https://a.org", "MARKETPLACE_FILES_PORT": "8001"},
    ],
    ids=["path", "here", "same", "port"],
)
def test_the_origin_is_one_of_its_own(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="MARKETPLACE_FILES"):
        Settings.from_environment(given)
