"""A worker's profile video: agreed to by the worker, watched by the families it is for, and by nobody else."""

from __future__ import annotations

import io
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, NotFound, NotPermitted
from marketplace.platform.object_store import ObjectStore
from marketplace.providers import file_actions, file_checking, file_opening, videos
from marketplace.settings import Settings
from tests.structure.inhabited import bearer
from tests.world import files as made
from tests.world import packages, referrals
from tests.world.apps import create_marketplace
from tests.world.door import at
from tests.world.file_servers import store, with_store
from tests.world.packages import Case
from tests.world.referrals import borough

__all__ = ["store"]
CONTENT = made.mp4(frames=5000)


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


async def filmed(worker: Actor, worker_id: UUID, settings: Settings, *, check: bool = True) -> UUID:
    """A video the worker has added of themself."""
    place = await file_actions.announce(
        worker, kind="profile_video", file_name="me.mp4", size=len(CONTENT), content_type="video/mp4",
        worker_id=worker_id,
    )  # fmt: skip
    await file_actions.receive(worker, settings, place, io.BytesIO(CONTENT))
    if check:
        assert worker.provider_id is not None
        await file_checking.check(settings, worker.provider_id, place.id)
    return place.id


async def a_case(settings: Settings, **options: object) -> Case:
    return await packages.set_up(await borough(settings, provider_names=("Alder Care", "Birch Support"), **options))  # type: ignore[arg-type]


async def test_from_the_workers_agreement_to_the_familys_look_and_back(stored: Settings, clock, migrator) -> None:
    case = await a_case(stored)
    await packages.a_visit(case, date(2026, 5, 13))
    video = await filmed(case.worker, case.worker_id, stored)
    app = create_marketplace(stored, clock)
    page, link = f"/worker-videos/{video}", f"/api/v1/worker-videos/{video}/link"
    mine = f"/my-profile/{case.worker_id}/video"
    async with at(app, stored, case.family) as family, at(app, stored, case.worker) as worker:
        assert "Watch the video" not in (await family.get("/who-is-coming")).text
        assert (await family.get(page)).status_code == 404
        assert "me.mp4" in (await worker.get("/my-profile")).text
        for _ in range(2):
            answer = await worker.post(mine, {"agreed": "yes", "evidence_id": str(video)}, page="/my-profile")
            assert answer.status_code == 303
        assert (await worker.post(mine, {"agreed": "yes", "evidence_id": "x"}, page="/my-profile")).status_code == 404
        assert page in (await family.get("/who-is-coming")).text

        shown = await family.get(page)
        assert shown.status_code == 200 and "<video" in shown.text
        assert "media-src 'self';" in shown.headers["content-security-policy"]
        assert "media-src" not in (await family.get("/who-is-coming")).headers["content-security-policy"]
        assert not await migrator.fetch("SELECT 1 FROM look WHERE subject_id = $1", video)
        source = shown.text.split('src="/worker-videos/open/')[1].split('"')[0]
        answer = await family.get(f"/worker-videos/open/{source}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "video/mp4"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        whole = answer.content
        assert len(whole) == int(answer.headers["content-length"])
        for asked, first, last in (
            ("bytes=0-1", 0, 1),
            ("bytes=10-", 10, len(whole) - 1),
            ("bytes=5-99999999", 5, None),
        ):
            part = await family.client.get(f"/worker-videos/open/{source}", headers={"range": asked})
            end = len(whole) - 1 if last is None else last
            assert part.status_code == 206 and part.content == whole[first : end + 1]
            assert part.headers["content-range"] == f"bytes {first}-{end}/{len(whole)}"
        for asked in ("bytes=9-3", "bytes=a-b", "bytes=0-1,4-5", f"bytes={len(whole)}-"):
            part = await family.client.get(f"/worker-videos/open/{source}", headers={"range": asked})
            assert part.status_code == 200 and part.content == whole
        looks = await migrator.fetch("SELECT person_id, why FROM look WHERE subject_id = $1", video)
        assert [(row["person_id"], row["why"]) for row in looks] == [
            (case.family.person_id, "watched the profile video")
        ]
        # a link is one person's, as it was made, for ten minutes
        assert (await family.get(f"/worker-videos/open/{source[:-6]}AAAAA=")).status_code == 404
        assert (await worker.get(f"/worker-videos/open/{source}")).status_code == 403

        (listed,) = (await family.get("/api/v1/worker-videos")).json()
        assert listed["evidence_id"] == str(video) and listed["worker_id"] == str(case.worker_id)
        (own,) = (await worker.get("/api/v1/my-videos")).json()
        assert own["families_agreed_at"]
        made_link = (await family.client.post(link, headers=await bearer(stored, case.family))).json()
        assert (await family.get(made_link["url"])).content == whole

        # taken back: the page, the list and the link made before are closed at once
        answer = await worker.post(mine, {"agreed": "no", "evidence_id": str(video)}, page="/my-profile")
        assert answer.status_code == 303 and "Not shown" in (await worker.get("/my-profile")).text
        for path in (page, f"/worker-videos/open/{source}", made_link["url"]):
            assert (await family.get(path)).status_code == 404
        assert "Watch the video" not in (await family.get("/who-is-coming")).text
    actions = await migrator.fetch("SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY seq", case.worker_id)
    assert [row["action"] for row in actions if "video" in row["action"]] == [
        "worker.video_agreed", "worker.video_withdrawn",
    ]  # fmt: skip


async def test_only_the_worker_agrees_and_only_its_families_watch(stored: Settings, monkeypatch) -> None:
    case = await a_case(stored)
    video = await filmed(case.worker, case.worker_id, stored)
    unchecked = await filmed(case.worker, case.worker_id, stored, check=False)
    for other in (case.manager, case.family, case.referrer):
        with pytest.raises(NotPermitted):
            await videos.agree_to_video(other, case.worker_id, video, agreed=True)
    with pytest.raises(NotFound):
        await videos.agree_to_video(case.backup, case.worker_id, video, agreed=True)
    with pytest.raises(NotFound):
        await videos.agree_to_video(case.worker, case.backup_id, video, agreed=True)
    with pytest.raises(Conflict, match="not been checked"):
        await videos.agree_to_video(case.worker, case.worker_id, unchecked, agreed=True)
    # nor past the actions
    for other, file in ((case.manager, video), (case.backup, video), (case.worker, unchecked)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(other) as work:
                await work.execute(
                    "INSERT INTO profile_video (provider_id, worker_id, evidence_id, agreed_at)"
                    " VALUES ($1, $2, $3, now())",
                    case.manager.provider_id, case.worker_id, file,
                )  # fmt: skip
    await videos.agree_to_video(case.worker, case.worker_id, video, agreed=True)
    assert list(await ask(case.family, videos.familys_videos)) == [case.worker_id]

    # another family, the referrer, a rival and the worker's own office have no such video
    child = await referrals.add_child(case.referrer, "Leo Brandt")
    stranger = await referrals.family_of(case.referrer, child, "Ida Brandt")
    assert await ask(stranger, videos.familys_videos) == {}
    with pytest.raises(NotFound):
        await videos.link_to_video(stranger, stored, video)
    for other in (case.referrer, case.manager, case.world.providers[1], case.worker):
        assert await ask(other, videos.familys_videos) == {}
        with pytest.raises(NotPermitted):
            await videos.link_to_video(other, stored, video)
    token = await videos.link_to_video(case.family, stored, video)
    with pytest.raises(NotFound, match="run out"):
        await videos.open_video(stranger, stored, token)
    monkeypatch.setattr(videos, "LINK_SECONDS", -5)
    late = await videos.link_to_video(case.family, stored, video)
    with pytest.raises(NotFound, match="run out"):
        await videos.open_video(case.family, stored, late)
    with pytest.raises(NotPermitted):  # nor is there another way to the file
        await file_opening.link_to(case.family, stored, video)

    # a second video asks anew, and the first is not shown beside it
    second = await filmed(case.worker, case.worker_id, stored)
    await videos.agree_to_video(case.worker, case.worker_id, second, agreed=True)
    assert (await ask(case.family, videos.familys_videos))[case.worker_id].evidence_id == second
    with pytest.raises(NotFound):
        await videos.open_video(case.family, stored, token)
    # deleted, it is nowhere
    await file_actions.delete_file(case.manager, second, "The worker asked for it")
    assert await ask(case.family, videos.familys_videos) == {}


async def test_where_the_councils_pack_shows_no_videos_a_family_sees_none(stored: Settings) -> None:
    case = await a_case(stored, answers={"settings.profile.holds": "own_words, languages"})
    video = await filmed(case.worker, case.worker_id, stored)
    await videos.agree_to_video(case.worker, case.worker_id, video, agreed=True)
    assert await ask(case.family, videos.familys_videos) == {}
    with pytest.raises(NotFound):
        await videos.link_to_video(case.family, stored, video)
