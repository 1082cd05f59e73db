"""A file that was refused or deleted shows no insurance: it is missed again, and those who must know hear of it."""

from __future__ import annotations

from datetime import date

from marketplace.platform.database import ask
from marketplace.platform.object_store import ObjectStore
from marketplace.providers import declaration_queries, file_checking, files, queries
from marketplace.providers.declarations import make_declaration
from marketplace.settings import Settings
from tests.providers.conftest import Place
from tests.providers.test_files import checked, sent
from tests.world import files as made
from tests.world import people
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser
from tests.world.file_servers import store, with_store

__all__ = ["store"]

INSURED = {"declared_on": date(2026, 5, 11), "details": {"until": date(2027, 1, 31)}}


async def test_insurance_is_missed_where_the_file_that_showed_it_is_refused_or_deleted(
    place: Place, database: Settings, store: ObjectStore, clock, migrator
) -> None:
    stored = with_store(database, store)

    async def state() -> set[str]:
        found = set()
        for actor in (place.manager, place.lead):
            (asked,) = await ask(actor, declaration_queries.asked_by_frameworks, place.provider_id)
            piece = next(each for each in asked.pieces if each.key == "insurance")
            (on,) = await ask(actor, queries.on_frameworks, place.provider_id)
            assert piece.missed == ("insurance" in {item.key for item in on.missing})
            found.add(piece.state)
        return found

    async def told(role: str) -> list[str]:
        rows = await migrator.fetch(
            "SELECT sentence FROM notice WHERE role = $1 AND sentence LIKE '%declared it with was%' ORDER BY at, id",
            role,
        )
        return [row["sentence"] for row in rows]

    html = await sent(place.manager, stored, b"<html>no certificate at all", kind="insurance", name="insurance.pdf")
    other = await checked(place.manager, stored, made.plain_pdf("A letter"), kind="insurance")
    await make_declaration(place.manager, "insurance", **INSURED, evidence_ids=[html])
    assert await state() == {"waiting"}, "while it is checked nobody is suspended for it"
    await file_checking.check(stored, place.provider_id, html)
    assert await state() == {"unshown"}
    (office,), (lead,) = await told("provider_manager"), await told("contract_manager")
    assert "was refused, so that nothing shows it" in office and "Kindly Care Ltd declared it with was refused" in lead

    good = await checked(place.manager, stored, made.plain_pdf(), kind="insurance")
    await make_declaration(place.manager, "insurance", **INSURED, evidence_ids=[good["id"], other["id"]])
    assert await state() == {"waiting"}
    async with Browser(create_marketplace(stored, clock)) as browser:
        await browser.sign_in(await people.with_password(place.manager, stored))
        page = await browser.get(f"/evidence/{other['id']}/delete")
        assert "declared as of 11 May 2026" in page.text and "These lean on this file" in page.text
        assert "declared as of 11 May 2026" in (await browser.get(f"/api/v1/evidence/{other['id']}")).text
        await browser.send_form(f"/evidence/{other['id']}/delete", reason="The wrong letter")
        assert await state() == {"waiting"}, "another file still shows it"
        await browser.send_form(f"/evidence/{good['id']}/delete", reason="A colleague’s paper")
        assert await state() == {"unshown"}
        assert "Its file was refused or deleted" in (await browser.get("/declarations")).text
        assert "These lean on" not in (await browser.get(f"/evidence/{html}/delete")).text
    assert [len(await told(role)) for role in ("provider_manager", "contract_manager")] == [2, 2]
    assert (await ask(place.manager, files.one_file, good["id"]))["shown_state"] == "deleted"
