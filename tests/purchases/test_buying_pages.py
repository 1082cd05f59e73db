"""The pages of buying as each side meets them: the ways to pay that are open, and what is the family's alone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from marketplace.web.filters import day as day_words
from marketplace.web.filters import pounds
from tests.billing.test_pages import text_of
from tests.structure.inhabited import bearer
from tests.world import packages, people, purchases
from tests.world.apps import create_marketplace
from tests.world.buying import buys, officers, quoted, transfers
from tests.world.door import at

WEEK = timedelta(days=7)
ALONE = ("method", "due_at", "missing_pence", "sent_back_pence")


async def test_the_page_with_each_way_to_pay_closed(bought, database, clock, migrator):
    await officers(bought)
    cards = replace(database, stripe_secret_key="sk_test_0")
    transfer = await buys(bought, database, bought.visits[:1])
    card = await buys(bought, cards, bought.visits[1:2], method="card")
    pages = {way: f"/purchases/{made.id}" for way, made in (("transfer", transfer), ("card", card))}
    async with at(create_marketplace(database, clock), database, bought.home.mother) as door:
        shown = {way: text_of(await door.get(path)) for way, path in pages.items()}
        assert "Sort code" in shown["transfer"] and "instead" not in shown["transfer"]
        assert "Pay by bank transfer instead" in shown["card"] and "Pay by card" not in shown["card"]
    both = replace(cards, stripe_publishable_key="pk_test_0", stripe_webhook_secret="whsec_0")
    async with at(create_marketplace(both, clock), both, bought.home.mother) as door:
        assert "Pay by card instead" in text_of(await door.get(pages["transfer"]))
        clock.at = transfer.due_at  # too late for a bank, not for a card
        shown = {way: text_of(await door.get(path)) for way, path in pages.items()}
        assert "Pay by card" in shown["card"]
        clock.at = card.lines[0].start  # the visit begins: too late for either
        for path in pages.values():
            answer = await door.get(path)
            assert answer.status_code == 200 and "instead" not in text_of(answer)


async def test_how_a_family_pays_is_its_own(bought, database, clock, migrator):
    finance, _ = await officers(bought)
    await migrator.execute("ALTER TABLE direct_payment_terms DISABLE TRIGGER USER")
    await migrator.execute("UPDATE direct_payment_terms SET units = 100")
    made = await buys(bought, database, bought.visits[:2])
    assert made.top_up_pence > 0
    home = bought.home
    colleague = await people.person_in(home.world.admin, "referrer", "Cora League")
    staff = {"family": home.mother, "provider": bought.case.manager, "own": home.world.referrer, "other": colleague}
    where, page = f"/api/v1/purchases/{made.id}", f"/purchases/{made.id}"
    app = create_marketplace(database, clock)
    tokens = {name: await bearer(database, actor) for name, actor in staff.items()}

    async with at(app, database) as door:

        async def asked(name: str, path: str):
            return await door.client.get(path, headers=tokens[name])

        mine = (await asked("family", where)).json()
        assert (mine["method"], mine["missing_pence"]) == ("transfer", made.pence) and mine["due_at"]
        assert sum(line["top_up_pence"] for line in mine["lines"]) == made.top_up_pence
        for name in ("provider", "own"):
            (listed,) = (await asked(name, "/api/v1/purchases")).json()
            for found in (listed, (await asked(name, where)).json()):
                assert [found[each] for each in ALONE] == [None] * 4 and found["pence"] == made.pence, name
                assert {line["top_up_pence"] for line in found["lines"]} == {None}
                assert found["pay_by"] == {} and found["transfer_to"] is None
        # part of it has come in, and then too much: nothing of that is told either
        await transfers(finance, (clock.at.date(), 100, made.reference))
        assert (await asked("own", where)).json()["status"] == "to_pay"
        await transfers(finance, (clock.at.date(), made.pence, made.reference))
        assert (await asked("own", where)).json()["status"] == "paid"
        refunds = f"/api/v1/direct-payments/{home.direct_payment_id}/refunds"
        assert [each["way"] for each in (await asked("family", refunds)).json()] == ["transfer"]
        assert (await asked("own", refunds)).json() == []
        assert (await asked("own", f"{where}/receipt")).status_code == 200
        assert (await asked("other", "/api/v1/purchases")).json() == []
        for path in (where, f"{where}/receipt", refunds):
            answer = await asked("other", path)
            assert answer.status_code == 403 and "colleague" in answer.json()["sentence"], path
        await migrator.execute("UPDATE direct_payment_terms SET account = 'none'")
        for path in (f"{where}/receipt", refunds):
            assert (await asked("own", path)).status_code == 403
        assert (await asked("family", f"{where}/receipt")).status_code == 200
    looks = await migrator.fetch(
        "SELECT person_id FROM look WHERE subject_id = $1 AND why LIKE 'own case, %'", home.child_id
    )
    assert len(looks) >= 5 and {row["person_id"] for row in looks} == {home.world.referrer.person_id}
    async with at(app, database, home.world.referrer) as door:
        shown = text_of(await door.get(page))
        assert "transfer" not in shown and "Came in" not in shown and "own money" not in shown
        assert (await door.get(f"{page}/receipt.pdf")).status_code == 403
    async with at(app, database, colleague) as door:
        assert (await door.get(page)).status_code == 403
        assert (await door.get(f"{page}/receipt.pdf")).status_code == 403
        assert made.reference not in (await door.get("/purchases")).text


async def test_a_week_is_ticked_and_the_budget_is_told_apart_by_time(bought, database, clock):
    await officers(bought)
    later = await packages.a_visit(bought.case, (await bought.case.visit(bought.visits[0])).planned_start.date() + WEEK)
    where = f"/packages/{bought.case.package_id}/buy"
    async with at(create_marketplace(database, clock), database, bought.home.mother) as door:
        shown = await door.get(where)
        assert shown.text.count(" checked") == 3
        assert "Visits after that day are paid from what your budget gives then" in text_of(shown)
        day = (await bought.case.visit(later)).planned_start.date()
        from_then = f"first_day-day={day.day}&first_day-month={day.month}&first_day-year={day.year}"
        assert (await door.get(f"{where}?{from_then}")).text.count(" checked") == 1
        asked = await quoted(bought, database, [*bought.visits, later])
        assert 0 < asked.later_pence < asked.budget_pence
        check = text_of(await door.post(where, {"visits": [str(each) for each in (*bought.visits, later)]}))
        ends = day_words(asked.offer.view.budget.period.last_day)
        assert f"From your budget until {ends} {pounds(asked.budget_pence - asked.later_pence)}" in check
        assert f"From what your budget gives after that {pounds(asked.later_pence)}" in check
        assert f"Left of your budget until {ends}, before you buy {pounds(asked.left)}" in check


async def test_where_no_referrer_stands_none_is_named(buyers, database, clock):
    plain = await purchases.agreed(buyers)
    package = f"/packages/{plain.case.package_id}"
    async with at(create_marketplace(database, clock), database, plain.case.manager) as door:
        said = []
        for path in (package, f"{package}/risk-assessment", f"{package}/plan-visits", f"{package}/plan"):
            answer = await door.get(path)
            said.append(text_of(answer))
            assert not re.search("family and referrer|referrer and family", said[-1], re.IGNORECASE), (path, said[-1])
        assert "The family is told the day." in said[0]
        assert any("not signed by the family yet" in each for each in said), said
