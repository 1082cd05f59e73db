"""Evidence files on a real S3 server: the way from the page to the opened file, and all that must not take it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta, tzinfo
from uuid import UUID, uuid4

import httpx
import pikepdf
import pytest

from marketplace.platform import signed_links
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, Unavailable
from marketplace.platform.jobs import JOBS
from marketplace.platform.object_store import ObjectStore
from marketplace.platform.storage import Storage
from marketplace.providers import file_actions, file_checking, file_opening, files, jobs
from marketplace.settings import Settings
from tests.world import files as made
from tests.world import frameworks, people, providers
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser
from tests.world.file_servers import Clamd, clamd, store, with_store

__all__ = ["clamd", "store"]


@pytest.fixture
def stored(database: Settings, store: ObjectStore) -> Settings:
    return with_store(database, store)


@pytest.fixture
async def manager(stored: Settings) -> Actor:
    return await people.provider_org(stored, "Kindly Care Ltd")


@pytest.fixture
async def rival(stored: Settings) -> Actor:
    return await people.provider_org(stored, "Rival Care Ltd")


@pytest.fixture
async def browser(stored: Settings, clock, manager: Actor) -> AsyncIterator[Browser]:
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(manager, stored))
        yield browser


async def announced(actor: Actor) -> file_actions.Place:
    """A file that is to come."""
    return await file_actions.announce(actor, kind="policy", file_name="a.pdf", size=9, content_type="application/pdf")


async def sent(
    actor: Actor, settings: Settings, content: bytes, *, kind: str = "policy", name: str = "paper.pdf",
    content_type: str = "application/pdf", worker_id: UUID | None = None, **more: object,
) -> UUID:  # fmt: skip
    """A file added through us, in quarantine."""
    place = await file_actions.announce(
        actor, kind=kind, file_name=name, size=len(content) or 1, content_type=content_type, worker_id=worker_id,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    await file_actions.receive(actor, settings, place, io.BytesIO(content))
    return place.id


async def checked(actor: Actor, settings: Settings, content: bytes, **how: object) -> dict:
    """A file added and checked; its row."""
    evidence_id = await sent(actor, settings, content, **how)  # type: ignore[arg-type]
    assert actor.provider_id is not None
    await file_checking.check(settings, actor.provider_id, evidence_id)
    return await ask(actor, files.one_file, evidence_id)


async def opened(actor: Actor, settings: Settings, evidence_id: UUID) -> bytes:
    token = await file_opening.link_to(actor, settings, evidence_id)
    return b"".join((await file_opening.open_by_link(actor, settings, token)).parts())


# --- the way it goes --------------------------------------------------------------------------------------------------


async def test_from_the_page_to_the_opened_file(browser: Browser, stored: Settings, manager: Actor, migrator) -> None:
    page = await browser.get("/evidence/new")
    assert (
        'enctype="multipart/form-data"' in page.text
        and "connect-src 'self';" in page.headers["content-security-policy"]
    )
    hidden = dict(
        part.split('" value="')
        for part in page.text.split('type="hidden" name="')[1:]
        for part in [part.split('">')[0]]
    )
    form = hidden | {"kind": "insurance", "worker": "", "title": "Employer’s liability"}
    content = made.scripted_pdf()
    file = {"file": ("../../etc/\u202epolicy\u202c.pdf", content, "application/pdf")}
    answer = await browser.post("/evidence/new", data=form, files=file)
    assert answer.status_code == 303, answer.text
    here = answer.headers["location"]
    evidence_id = UUID(here.rsplit("/", 1)[1])

    shown = await browser.get(here)
    assert "Being checked" in shown.text and "Open the file" not in shown.text
    refused = await browser.send_form(f"{here}/open", at=None) if "/open" in shown.text else None
    assert refused is None
    queued = await migrator.fetch(
        "SELECT convert_from(payload, 'UTF8')::jsonb AS p FROM jobs.pgqueuer WHERE entrypoint = 'check_evidence'"
    )
    assert [row["p"]["evidence"] for row in queued] == [str(evidence_id)]
    await JOBS["check_evidence"].run(stored, queued[0]["p"])

    shown = await browser.get(here)
    assert (
        "Ready" in shown.text
        and "Not scanned" in shown.text
        and "A script or link inside the PDF was left out" in shown.text
    )
    link = await browser.send_form(f"{here}/open", at=here)
    assert link.status_code == 303
    answer = await browser.get(link.headers["location"])
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="policy.pdf"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"] and answer.headers["cache-control"] == "no-store"
    assert b"EVIL" not in answer.content
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert len(pdf.pages) == 1
    looks = await migrator.fetch("SELECT * FROM look WHERE subject_id = $1", evidence_id)
    assert [(row["person_id"], row["subject_type"]) for row in looks] == [(manager.person_id, "evidence")]
    assert manager.person_name in (await browser.get(here)).text.split("Who opened it")[1]

    # the original is where it was put, untouched, and the copy sums to what the database says
    row = await migrator.fetchrow("SELECT * FROM evidence WHERE id = $1", evidence_id)
    assert row["file_name"] == "policy.pdf" and row["title"] == "Employer’s liability"
    storage = Storage.from_settings(stored)
    assert await storage.get(row["quarantine_key"], row["quarantine_version"]) == content
    listed = await browser.get("/evidence?kind=insurance")
    assert "Employer’s liability" in listed.text
    listed = await browser.get("/evidence?format=csv")
    assert "policy.pdf" in listed.text and row["published_sha256"] in listed.text
    assert "No file matches" in (await browser.get("/evidence?kind=toolkit")).text


async def test_the_form_says_what_is_missing_and_keeps_what_was_typed(browser: Browser, manager: Actor) -> None:
    answer = await browser.send_form("/evidence/new", kind="", title="My title")
    assert answer.status_code == 400
    assert (
        "Select what kind of file it is" in answer.text
        and "Select the file" in answer.text
        and "My title" in answer.text
    )
    page = await browser.get("/evidence/new?kind=dbs_certificate")
    token = page.text.split('name="_csrf" value="')[1].split('"')[0]
    file = {"file": ("a.pdf", made.plain_pdf(), "application/pdf")}
    answer = await browser.post("/evidence/new", data={"_csrf": token, "kind": "dbs_certificate"}, files=file)
    assert answer.status_code == 400 and "Select whom the file is about" in answer.text
    for name, said, kind, told in (
        ("a.docx", "application/msword", "policy", "This is an office document. Save it as a PDF"),
        ("a.txt", "text/plain", "policy", "must be a PDF, JPEG or PNG"),
        ("a.mp4", "video/mp4", "policy", "Only a profile video can be a video"),
        ("a.mov", "video/quicktime", "profile_video", "must be an MP4 or WebM"),
    ):
        answer = await browser.post(
            "/evidence/new", data={"_csrf": token, "kind": kind}, files={"file": (name, b"x", said)}
        )
        assert answer.status_code == 400 and told in answer.text, name


async def test_sent_twice_it_is_there_once(browser: Browser, migrator) -> None:
    page = await browser.get("/evidence/new")
    token = page.text.split('name="_csrf" value="')[1].split('"')[0]
    form = {"_csrf": token, "kind": "policy", "upload": str(uuid4())}
    answers = [
        await browser.post("/evidence/new", data=form, files={"file": ("a.pdf", made.plain_pdf(), "application/pdf")})
        for _ in range(2)
    ]
    assert answers[0].status_code == 303 and answers[0].headers["location"] == answers[1].headers["location"]
    assert await migrator.fetchval("SELECT count(*) FROM evidence") == 1
    assert await migrator.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'check_evidence'") == 1


async def test_straight_to_the_store_and_the_same_form_again(
    stored: Settings, store: ObjectStore, manager: Actor, migrator
) -> None:
    """A presigned form can be used until it runs out: only the version that was handed in is ever looked at."""
    direct = with_store(stored, store, s3_browser_url=store.endpoint)
    good = made.plain_pdf("The first")
    place = await announced(manager)
    form = file_actions.upload_form(direct, place)
    assert form is not None and form["url"].startswith(store.endpoint)
    with pytest.raises(InvalidInput, match="problem") as told:
        await file_actions.hand_in(manager, direct, place.id)
    assert "has not arrived" in told.value.fields["file"]

    async with httpx.AsyncClient() as client:

        async def post(content: bytes, **fields: str) -> int:
            return (await client.post(form["url"], data=form["fields"] | fields, files={"file": content})).status_code

        assert await post(bytes(10_000_001)) == 400, "too large for the form"
        assert await post(good, **{"Content-Type": "text/html"}) == 403
        assert await post(good, key="evidence/elsewhere") == 403
        assert await post(good) in (200, 204)
        await file_actions.hand_in(manager, direct, place.id)
        assert await post(made.plain_pdf("EVIL second")) in (200, 204)
        assert manager.provider_id is not None
        await file_actions.hand_in(manager, direct, place.id)
        await file_checking.check(direct, manager.provider_id, place.id)
        assert await post(made.plain_pdf("EVIL third")) in (200, 204)
    with pikepdf.open(io.BytesIO(await opened(manager, direct, place.id))) as pdf:
        assert b"The first" in pdf.pages[0].Contents.read_bytes()
    # once the form has run out, what was put beside the original is removed
    row = await migrator.fetchrow("SELECT * FROM evidence WHERE id = $1", place.id)
    storage = Storage.from_settings(direct)
    assert len(await storage.versions(row["quarantine_key"])) == 3
    await migrator.execute("UPDATE evidence SET form_until = now() - interval '1 minute'")
    await file_checking.tidy(direct, manager.provider_id, place.id)
    assert await storage.versions(row["quarantine_key"]) == [row["quarantine_version"]]
    assert await opened(manager, direct, place.id)
    assert file_actions.upload_form(direct, await file_actions.place_of(manager, place.id)) is None


async def test_a_page_that_went_away_after_sending(stored: Settings, manager: Actor, clock, migrator) -> None:
    """Interrupted before it could say so: the file is taken in by itself; one that never came is given up."""
    provider_id = manager.provider_id
    assert provider_id is not None
    place, other = [await announced(manager) for _ in range(2)]
    await Storage.from_settings(stored).put(place.key, made.plain_pdf(), "application/pdf")
    await file_checking.look_again(stored, provider_id, place.id, "waiting")
    await file_checking.look_again(stored, provider_id, other.id, "waiting")
    assert (await ask(manager, files.one_file, place.id))["state"] == "checking"
    assert (await ask(manager, files.one_file, other.id))["state"] == "waiting"
    clock.move(file_checking.COMES_WITHIN * 2)
    await file_checking.look_again(stored, provider_id, other.id, "waiting")
    row = await ask(manager, files.one_file, other.id)
    assert row["state"] == "refused" and "Add it again" in row["refused_reason"]


# --- what must not take it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("nothing", lambda: b"", "empty"),
        ("locked", made.locked_pdf, "without protection"),
        ("bomb", made.bursting_pdf, "Scan or print it"),
        ("500 megapixels", made.huge_picture, "Make it smaller"),
        ("html", lambda: b"<html><script>alert(1)</script>", "Save the document as a PDF"),
        ("html with a head", lambda: b"%PDF-1.7\n<script>alert(1)</script>", "print it to a new PDF"),
        ("cut off", lambda: made.plain_pdf()[:-20], "print it to a new PDF"),
        ("zip", lambda: b"PK\x03\x04" + bytes(500), "Save it as a PDF"),
        ("too large", lambda: bytes(10_000_001), "send fewer pages"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
async def test_none_of_these_is_ever_served_and_the_sentence_says_what_to_do(
    stored: Settings, manager: Actor, browser: Browser, migrator, name: str, content, told: str
) -> None:
    place = await announced(manager)
    # straight to the store: what comes through us is refused sooner where it is too large
    await Storage.from_settings(stored).put(place.key, content(), place.content_type)
    await file_actions.hand_in(manager, stored, place.id)
    assert manager.provider_id is not None
    with pytest.raises(Conflict):
        await opened(manager, stored, place.id)
    await file_checking.check(stored, manager.provider_id, place.id)
    row = await ask(manager, files.one_file, place.id)
    assert row["state"] == "refused" and told in row["refused_reason"] and row["published_key"] is None
    with pytest.raises(Conflict):
        await opened(manager, stored, place.id)
    page = await browser.get(f"/evidence/{place.id}")
    assert told in page.text and "Add it again" in page.text and "Open the file" not in page.text
    assert await migrator.fetchval("SELECT count(*) FROM notice WHERE person_id = $1", manager.person_id) == 1
    await file_checking.tidy(stored, manager.provider_id, place.id)
    storage = Storage.from_settings(stored)
    assert await storage.under(f"evidence/{manager.provider_id}/{place.id}") == []
    assert await storage.versions(place.key) == [], "what was refused is not kept"


async def test_the_scanner_finds_the_test_virus_and_while_it_is_down_nothing_is_clean(
    stored: Settings, store: ObjectStore, clamd: Clamd, manager: Actor
) -> None:
    scanned = with_store(stored, store, clamd=clamd.address)
    for content in (made.EICAR, made.plain_pdf() + b"\n%" + made.EICAR + b"\n%%EOF\n"):
        row = await checked(manager, scanned, content)
        assert row["state"] == "refused" and row["refused_reason"] == file_checking.INFECTED
        with pytest.raises(Conflict):
            await opened(manager, scanned, row["id"])
    row = await checked(manager, scanned, made.plain_pdf())
    assert (row["state"], row["scan"]) == ("clean", "clean")

    clamd.stop()
    try:
        row = await checked(manager, scanned, made.plain_pdf())
        assert (row["state"], row["scan"], row["published_key"]) == ("held", None, None)
        with pytest.raises(Conflict, match="quarantine"):
            await opened(manager, scanned, row["id"])
        assert manager.provider_id is not None
        await file_checking.check(scanned, manager.provider_id, row["id"])
        assert (await ask(manager, files.one_file, row["id"]))["state"] == "held"
    finally:
        clamd.start()
    await file_checking.look_again(scanned, manager.provider_id, row["id"], "held")
    await file_checking.check(scanned, manager.provider_id, row["id"])
    assert (await ask(manager, files.one_file, row["id"]))["scan"] == "clean"
    assert await opened(manager, scanned, row["id"])


async def test_bytes_that_are_not_what_was_checked_are_never_served(
    stored: Settings, manager: Actor, browser: Browser, migrator
) -> None:
    row = await checked(manager, stored, made.plain_pdf())
    storage = Storage.from_settings(stored)
    other = await storage.put(row["published_key"], b"%PDF-1.7 EVIL", "application/pdf")
    assert b"EVIL" not in await opened(manager, stored, row["id"]), "another version beside it is not looked at"
    # somebody who can change the store and point the row at it still cannot change the sum the row was written with
    await migrator.execute("ALTER TABLE evidence DISABLE TRIGGER evidence_is_kept")
    await migrator.execute("UPDATE evidence SET published_version = $2 WHERE id = $1", row["id"], other.version)
    await migrator.execute("ALTER TABLE evidence ENABLE TRIGGER evidence_is_kept")
    with pytest.raises(Conflict, match="no longer what was checked"):
        await opened(manager, stored, row["id"])
    link = await browser.send_form(f"/evidence/{row['id']}/open", at=f"/evidence/{row['id']}")
    answer = await browser.get(link.headers["location"])
    assert answer.status_code == 409 and b"EVIL" not in answer.content
    noted = await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'evidence.not_what_was_checked'")
    assert noted == 2
    assert await migrator.fetchval("SELECT count(*) FROM notice WHERE role = 'provider_manager'") == 1


class Later(datetime):
    """The wall's clock, just after a link has run out."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=file_opening.LINK_SECONDS + 1)


async def once_it_serves(check: Callable[[], Awaitable[None]]) -> None:
    """As the queue does: tried again while a store that has just started does not serve its older files yet."""
    for _ in range(60):
        try:
            return await check()
        except Unavailable:
            await asyncio.sleep(0.25)
    return await check()


async def test_what_the_store_lost_is_said_and_never_made_up(database: Settings, tmp_path, migrator) -> None:
    """The store is killed after acknowledging: kept where it was synced; where it is gone, the sentence says so."""
    manager = await people.provider_org(database, "Kindly Care Ltd")
    provider_id = manager.provider_id
    assert provider_id is not None
    with ObjectStore(tmp_path / "objects") as store:
        settings = with_store(database, store)
        kept = await sent(manager, settings, made.plain_pdf("Kept"))
        assert store.process is not None
        store.process.kill()
        store.process.wait()
        with pytest.raises(Unavailable):
            await file_checking.check(settings, provider_id, kept)
        assert (await ask(manager, files.one_file, kept))["state"] == "checking"
        place = await announced(manager)
        with pytest.raises(Unavailable, match="Try again"):
            await file_actions.receive(manager, settings, place, io.BytesIO(made.plain_pdf()))
    with ObjectStore(tmp_path / "objects") as store:
        settings = with_store(database, store)
        await once_it_serves(lambda: file_checking.check(settings, provider_id, kept))
        with pikepdf.open(io.BytesIO(await opened(manager, settings, kept))) as pdf:
            assert b"Kept" in pdf.pages[0].Contents.read_bytes()
        lost = await sent(manager, settings, made.plain_pdf())
        row = await migrator.fetchrow("SELECT * FROM evidence WHERE id = $1", lost)
        await Storage.from_settings(settings).delete(row["quarantine_key"], row["quarantine_version"])
        await file_checking.check(settings, provider_id, lost)
        row = await ask(manager, files.one_file, lost)
        assert row["state"] == "refused" and row["refused_reason"] == file_checking.LOST


async def test_a_check_that_runs_twice_writes_one_verdict(stored: Settings, manager: Actor, migrator) -> None:
    row = await checked(manager, stored, made.plain_pdf())
    assert manager.provider_id is not None
    await file_checking.check(stored, manager.provider_id, row["id"])
    entries = await migrator.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'evidence.clean'")
    assert entries == 1


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_a_link_opens_to_its_person_alone_and_for_two_minutes(
    stored: Settings, manager: Actor, rival: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await checked(manager, stored, made.plain_pdf())
    colleague = await people.person_in(manager, "coordinator")
    token = await file_opening.link_to(manager, stored, row["id"])
    for other in (rival, colleague):
        with pytest.raises(NotFound, match="run out"):
            await file_opening.open_by_link(other, stored, token)
    with pytest.raises(NotFound):
        await file_opening.link_to(rival, stored, row["id"])
    for broken in ("", "AAAA", token[:-4], "A" + token[1:], token[::-1], "ü"):
        with pytest.raises(NotFound):
            await file_opening.open_by_link(manager, stored, broken)
    b"".join((await file_opening.open_by_link(manager, stored, token)).parts())
    monkeypatch.setattr(signed_links, "datetime", Later)
    with pytest.raises(NotFound, match="run out"):
        await file_opening.open_by_link(manager, stored, token)


async def test_a_rival_a_commissioner_and_a_family_reach_nothing(
    stored: Settings, clock, manager: Actor, rival: Actor, migrator
) -> None:
    row = await checked(manager, stored, made.plain_pdf())
    council = await people.council(stored)
    referrer = await people.person_in(council, "referrer")
    family = await people.family_member(council)
    place = await announced(manager)
    for other in (rival, council, referrer, family):
        with pytest.raises((NotFound, NotPermitted)):
            await file_opening.link_to(other, stored, row["id"])
        with pytest.raises((NotFound, NotPermitted)):
            await file_actions.hand_in(other, stored, place.id)
        with pytest.raises((NotFound, NotPermitted)):
            await file_actions.delete_file(other, row["id"], "mine now")
        with pytest.raises((NotFound, NotPermitted)):
            await file_actions.announce(
                other, kind="policy", file_name="a.pdf", size=9, content_type="application/pdf", replaces_id=row["id"]
            )

        async def everything(work) -> int:
            return await work.fetchval("SELECT count(*) FROM evidence")

        assert await ask(other, everything) == 0
    # another's number is another's: announcing by it neither takes the file over nor tells that it is there
    with pytest.raises(NotFound):
        await file_actions.place_of(rival, row["id"])
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(rival, stored))
        for path in (f"/evidence/{row['id']}", f"/evidence/{row['id']}/delete", f"/evidence/new?replaces={row['id']}"):
            assert (await browser.get(path)).status_code == 404, path
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(referrer, stored))
        for path in ("/evidence", "/evidence/new", f"/evidence/{row['id']}", "/evidence/retention"):
            assert (await browser.get(path)).status_code in (403, 404), path


async def test_a_worker_adds_and_sees_their_own_files_and_nobody_elses(stored: Settings, manager: Actor) -> None:
    await frameworks.open_framework(await people.council(stored))
    mine = await providers.worker(manager, "Wren Ash")
    colleagues = await providers.worker(manager, "Cleo Oak")
    worker = await providers.with_sign_in(manager, mine, "Wren Ash", people.an_email("wren"))
    office = await checked(manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=mine)
    other = await checked(manager, stored, made.plain_pdf(), kind="dbs_certificate", worker_id=colleagues)
    own = await checked(
        worker, stored, made.picture(place=True), kind="training_certificate", name="a.jpg", content_type="image/jpeg"
    )
    assert own["state"] == "clean" and own["worker_id"] == mine
    assert await opened(worker, stored, own["id"]) and await opened(worker, stored, office["id"])
    assert await opened(manager, stored, own["id"])
    with pytest.raises(NotFound):
        await opened(worker, stored, other["id"])
    rows, total = await ask(worker, files.files, files.Filter())
    assert total == 2 and {row["id"] for row in rows} == {own["id"], office["id"]}
    with pytest.raises(NotFound):
        await sent(worker, stored, made.plain_pdf(), kind="training_certificate", worker_id=colleagues)
    with pytest.raises(InvalidInput):
        await sent(worker, stored, made.plain_pdf(), kind="policy")
    with pytest.raises(NotPermitted):
        await file_actions.delete_file(worker, own["id"], "no")


async def test_what_may_be_attached(stored: Settings, manager: Actor, rival: Actor) -> None:
    await frameworks.open_framework(await people.council(stored))
    worker_id, other_id = await providers.worker(manager, "Wren Ash"), await providers.worker(manager, "Cleo Oak")
    good = await checked(manager, stored, made.plain_pdf(), kind="assessment", worker_id=worker_id)
    bad = await checked(manager, stored, b"<html>", kind="assessment", worker_id=worker_id)
    assert (await ask(manager, files.attachable, good["id"], worker_id=worker_id))["id"] == good["id"]
    with pytest.raises(InvalidInput):
        await ask(manager, files.attachable, bad["id"])
    with pytest.raises(InvalidInput):
        await ask(manager, files.attachable, good["id"], worker_id=other_id)
    with pytest.raises(NotFound):
        await ask(rival, files.attachable, good["id"])
    with pytest.raises(NotFound):
        await ask(manager, files.attachable, uuid4())


async def test_sent_again_the_history_stays(stored: Settings, manager: Actor, browser: Browser) -> None:
    refused = await checked(manager, stored, made.locked_pdf(), name="first.pdf")
    page = await browser.get(f"/evidence/new?replaces={refused['id']}")
    assert "first.pdf" in page.text
    second = await checked(manager, stored, made.plain_pdf(), name="second.pdf", replaces_id=refused["id"])
    third = await checked(manager, stored, made.plain_pdf(), name="third.pdf", replaces_id=second["id"])
    with pytest.raises(Conflict):
        await sent(manager, stored, made.plain_pdf(), replaces_id=second["id"])
    with pytest.raises(InvalidInput):
        await sent(manager, stored, made.plain_pdf(), kind="toolkit", replaces_id=third["id"])
    assert [row["id"] for row in await ask(manager, files.history, third["id"])] == [second["id"], refused["id"]]
    page = await browser.get(f"/evidence/{third['id']}")
    assert "second.pdf" in page.text and "first.pdf" in page.text and "without protection" in page.text
    assert await opened(manager, stored, second["id"]), "the earlier one can still be opened"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Temp\\scan.pdf", "scan.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\r\nc.pdf", "abc.pdf"),
        ("\u200f\u2066.pdf", "pdf"),
        ("", "file"),
        ("...", "file"),
        ("é" * 300 + ".pdf", "é" * 110 + ".pdf"),
    ],
)
def test_names_are_plain(given: str, kept: str) -> None:
    assert files.plain_name(given) == kept


async def test_what_a_device_does_not_know_goes_by_its_name_and_a_phones_picture_is_told_what_to_do(
    manager: Actor,
) -> None:
    async def said(name: str, content_type: str, kind: str = "policy") -> str:
        return (
            await file_actions.announce(manager, kind=kind, file_name=name, size=9, content_type=content_type)
        ).content_type

    assert await said("paper.pdf", "application/octet-stream") == "application/pdf"
    assert await said("PHOTO.JPG", "") == "image/jpeg"
    for name, content_type, told in (
        ("IMG_1.HEIC", "application/octet-stream", "Most compatible"),
        ("IMG_1.heic", "image/heic", "Most compatible"),
        ("IMG_1", "image/heif", "Most compatible"),
        ("policy.docx", "application/octet-stream", "office document"),
        ("scan.tiff", "image/tiff", "Save it as one of them"),
        ("tool.exe", "application/octet-stream", "must be a PDF, JPEG or PNG"),
        ("page.pdf", "text/html", "must be a PDF, JPEG or PNG"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await said(name, content_type)
        assert told in refused.value.fields["file"], name


def test_the_worker_knows_the_jobs() -> None:
    assert {file_actions.CHECK, file_actions.TIDY} <= set(JOBS) and jobs.check_evidence
