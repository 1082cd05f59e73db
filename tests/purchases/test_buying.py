"""Buying a block of visits: priced, refused, agreed together, paid by bank transfer, given up, in the budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from marketplace.frameworks.queries import rate_card_rows
from marketplace.packages.cancellation import PriceChanged
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.pricing import price_interval
from marketplace.purchases import bank, buying, queries
from marketplace.purchases import buying_sweeps as sweeps
from marketplace.purchases.buying_queries import purchase, purchases
from marketplace.purchases.quoting import quote
from marketplace.purchases.references import SIGNS, new_reference, references_in, shown
from marketplace.purchases.verify import verify_purchases
from tests.structure.inhabited import bearer, client_of
from tests.world import referrals
from tests.world.buying import books_of, buys, officers, quoted, seen, statement, transfers


async def verified(bought) -> None:
    council = system_for(bought.home.world.admin.commissioner_id, "commissioner")
    assert (await ask(council, verify_purchases)).differences == []


async def test_bought_by_transfer_and_paid_to_the_penny(bought, database, migrator):
    first, second = await officers(bought)
    home = bought.home
    asked = await quoted(bought, database)
    assert asked.refusals == () and len(asked.visits) == 3 and "transfer" in asked.pay_by
    assert asked.pence == asked.budget_pence + asked.top_up_pence > 0
    # the very price of the same visit where the council pays for it
    card = await ask(home.world.referrer, rate_card_rows, home.world.framework_id, asked.offer.provider_id)
    for each in asked.visits:
        visit = await bought.case.visit(each.id)
        parts = price_interval(asked.offer.pack, card, visit.lot_code, visit.activity, each.start, each.end, 1)
        assert each.pence == sum(part.pence for part in parts)
    before = (await ask(home.mother, queries.direct_payment, home.direct_payment_id)).budget
    with pytest.raises(PriceChanged):
        await buys(bought, database, shown_pence=asked.pence - 1)
    made = await buys(bought, database, bought.visits[:2])
    assert made.status == "to_pay" and made.reference.startswith("DP") and made.missing_pence == made.pence
    after = (await ask(home.mother, queries.direct_payment, home.direct_payment_id)).budget
    assert before.left - after.left == made.pence - made.top_up_pence
    # what is bought is not offered again, nor bought by another tab
    assert [each.id for each in (await quoted(bought, database, bought.visits[2:])).visits] == bought.visits[2:]
    with pytest.raises(InvalidInput):
        await quoted(bought, database)
    day = made.made_at.date()
    said = f"OKONKWO G {made.reference[:4]}-{made.reference[4:].lower()}"
    assert await transfers(first, (day, made.pence - 100, said)) == bank.TakenIn(1, 0, 0)
    part = await seen(bought, made.id)
    assert (part.status, part.missing_pence) == ("part_paid", 100)
    both = ((day, made.pence - 100, said), (day, 100, said), (day, 250, "DP WRONG"))
    assert await transfers(second, *both) == bank.TakenIn(1, 1, 1)
    paid = await seen(bought, made.id)
    assert (paid.status, paid.missing_pence, paid.came_pence) == ("paid", 0, made.pence)
    council = system_for(home.world.admin.commissioner_id, "commissioner")
    assert await ask(council, books_of) == {"client_bank": made.pence, "held_for_families": -made.pence}
    # too much goes back by itself, once
    assert await transfers(first, *both, (day, 77, said), (day, 77, said)) == bank.TakenIn(2, 0, 3)
    assert (await seen(bought, made.id)).sent_back_pence == 154
    books = await ask(council, books_of)
    assert books["refunds_payable"] == -154 and books["held_for_families"] == -made.pence
    lines, numbers = await ask(first, bank.receipts, "unmatched")
    assert [line.pence for line in lines] == [250] and numbers == {"matched": 4, "unmatched": 1}
    with pytest.raises(InvalidInput):
        await bank.match_by_hand(first, lines[0].id, "DP00000000X")
    with pytest.raises(InvalidInput):
        await bank.set_aside(first, lines[0].id, " ")
    await bank.set_aside(first, lines[0].id, "Sent back on 12 May")
    await bank.match_by_hand(second, lines[0].id, made.reference)
    with pytest.raises(Conflict):
        await bank.set_aside(first, lines[0].id, "again")
    await verified(bought)
    told = [
        row[0] for row in await migrator.fetch("SELECT sentence FROM notice WHERE link = $1", f"/purchases/{made.id}")
    ]
    assert any("is paid: 2 visits bought" in each for each in told) and not any("Maya" in each for each in told)


async def test_whose_it_is_and_who_may(bought, database):
    finance, _ = await officers(bought)
    home, world_ = bought.home, bought.home.world
    made = await buys(bought, database)
    rival = world_.providers[1]
    for stranger in (home.uncle, rival):
        with pytest.raises(NotFound):
            await ask(stranger, purchase, made.id)
        assert await ask(stranger, purchases) == []
        with pytest.raises((NotFound, NotPermitted)):
            await buying.withdraw(stranger, made.id)
        with pytest.raises(NotFound):
            await ask(stranger, quote, database, bought.case.package_id, bought.visits)
    office = await ask(bought.case.manager, purchase, made.id)
    assert office.pence == made.pence and [line.top_up_pence for line in office.lines] == [None] * 3
    for person in (home.mother, bought.case.manager, world_.referrer):
        with pytest.raises(NotPermitted):
            await transfers(person)
    with pytest.raises(NotPermitted):
        await buying.withdraw(finance, made.id)
    await buying.withdraw(home.mother, made.id)
    with pytest.raises(WrongState):
        await buying.withdraw(home.mother, made.id)
    again = await buys(bought, database, purchase_id=made.id)
    assert again.id == made.id and again.status == "withdrawn"
    assert (await buys(bought, database)).status == "to_pay"


async def test_refused_in_sentences_before_anything_is_asked_for(bought, database, migrator, clock):
    home = bought.home
    asked = await quoted(bought, database)
    assert asked.refusals == ("There is no way to pay for these visits in time. Choose later ones.",)
    with pytest.raises(Conflict, match="no way to pay"):
        await buys(bought, database)
    await officers(bought)
    await migrator.execute(
        "UPDATE child_identity SET date_of_birth = $1", clock.at.date() - timedelta(days=18 * 365 + 3)
    )
    assert any("younger than 18" in each for each in (await quoted(bought, database)).refusals)
    await migrator.execute("UPDATE child_identity SET date_of_birth = '2015-03-02'")
    await migrator.execute("UPDATE direct_payment_terms SET units = 100, top_up_allowed = false")
    assert any("does not allow a top-up" in each for each in (await quoted(bought, database)).refusals)
    await migrator.execute("UPDATE direct_payment_terms SET top_up_allowed = true")
    asked = await quoted(bought, database)
    assert asked.refusals == () and asked.top_up_pence > 0
    wrong: dict[str, Any]
    for wrong in ({"top_up_pence": 0}, {"top_up_pence": asked.top_up_pence - 1}, {"method": "card"}):
        with pytest.raises(InvalidInput):
            await buys(bought, database, **wrong)
    with pytest.raises(InvalidInput):
        await quoted(bought, database, [home.child_id])
    # a suspended provider keeps the families it has; care that may not lawfully go on is not sold
    await migrator.execute(
        "UPDATE standing_ground SET holds = false, since = now(), flags_visits = true, lots = $1", [home.world.lot]
    )
    if await migrator.fetchval("SELECT count(*) FROM standing_ground WHERE NOT holds"):
        assert any("may not lawfully" in each for each in (await quoted(bought, database)).refusals)


async def test_given_up_when_nobody_pays_and_what_comes_late(bought, database, clock):
    finance, _ = await officers(bought)
    council = bought.home.world.admin.commissioner_id
    late = await buys(bought, database, bought.visits[1:2])
    never = await buys(bought, database, bought.visits[2:])
    assert late.due_at.timestamp() < never.due_at.timestamp()
    clock.at = late.due_at
    assert await sweeps.give_up_unpaid(council) == 1 and await sweeps.give_up_unpaid(council) == 0
    assert (await seen(bought, late.id)).status == "unpaid"
    # the money was on its way: the visits are still there, so it stands after all
    await transfers(finance, (clock.at.date(), late.pence, late.reference))
    assert (await seen(bought, late.id)).status == "paid"
    clock.at = never.due_at
    assert await sweeps.give_up_unpaid(council) == 1
    again = await buys(bought, replace(database, stripe_secret_key="sk_test_0"), bought.visits[2:], method="card")
    await transfers(finance, (clock.at.date(), never.pence, never.reference))
    view = await seen(bought, never.id)
    assert view.status == "unpaid" and view.sent_back_pence == never.pence
    clock.at += timedelta(days=1)
    assert await sweeps.tell_unpaid(council) >= 1
    assert again.status == "to_pay"
    await verified(bought)


async def test_those_who_hold_the_right_jointly_agree_together(bought, database, migrator):
    await officers(bought)
    home = bought.home
    father = await referrals.family_of(
        home.world.referrer, home.child_id, "Femi Okonkwo", rights=("spend",), relation="Father"
    )
    await migrator.execute("UPDATE family_grant SET jointly = true WHERE 'spend' = ANY (rights)")
    made = await buys(bought, database)
    assert made.status == "drafted" and made.mine_agreed
    await sweeps.purchase_news(database, {"commissioner": str(made.commissioner_id), "purchase": str(made.id)})
    assert await migrator.fetchval(
        "SELECT count(*) FROM notice WHERE person_id = $1 AND link = $2", father.person_id, f"/purchases/{made.id}"
    )
    await buying.agree(father, made.id)
    assert (await seen(bought, made.id)).status == "to_pay"
    with pytest.raises(WrongState):
        await buying.agree(father, made.id)


async def test_the_same_through_the_api(bought, database):
    finance, _ = await officers(bought)
    client = client_of(database, "marketplace")
    mine, theirs, office, strange = [
        await bearer(database, who) for who in (bought.home.mother, finance, bought.case.manager, bought.home.uncle)
    ]
    package = f"/api/v1/packages/{bought.case.package_id}"
    visits = {"visits": [str(each) for each in bought.visits]}

    async def sent(who: Any, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await client.post(path, headers=who, json=body or {})
        assert answer.status_code == status, (path, answer.text)
        return answer.json() if answer.content else None

    assert len((await client.get(f"{package}/buyable", headers=mine)).json()["visits"]) == 3
    await sent(strange, f"{package}/quote", visits, 404)
    asked = await sent(mine, f"{package}/quote", visits)
    wanted = visits | {"method": "transfer", "shown_pence": 1, "top_up_pence": asked["top_up_pence"]}
    assert "not the £0.01" in str(await sent(mine, f"{package}/purchases", wanted, 409))
    wanted["shown_pence"] = asked["pence"]
    one = f"/api/v1/purchases/{(await sent(mine, f'{package}/purchases', wanted, 201))['id']}"
    shown = (await client.get(one, headers=mine)).json()
    assert shown["status"] == "to_pay" and shown["transfer_to"]["sort_code"] == "200000"
    assert (await client.get(one, headers=strange)).status_code == 404
    seen_there = (await client.get("/api/v1/purchases", headers=office)).json()
    assert [each["id"] for each in seen_there] == [shown["id"]] and seen_there[0]["lines"][0]["top_up_pence"] is None
    await sent(mine, f"{one}/card", None, 409)
    await sent(mine, f"{one}/method", {"method": "card"}, 400)
    lines = statement((date(2026, 5, 11), asked["pence"], shown["reference"]), (date(2026, 5, 11), 7, "?")).decode()
    await sent(mine, "/api/v1/bank-receipts", {"csv": lines}, 403)
    assert await sent(theirs, "/api/v1/bank-receipts", {"csv": lines}) == {"matched": 1, "unmatched": 1, "known": 0}
    for wrong in ("", "Date,Sum\n1,2", "Date,Amount,Reference\nx,1,y", "Date,Amount,Reference\n2026-05-11,1e999,y"):
        await sent(theirs, "/api/v1/bank-receipts", {"csv": wrong}, 400)
    left = (await client.get("/api/v1/bank-receipts?show=unmatched", headers=theirs)).json()
    await sent(theirs, f"/api/v1/bank-receipts/{left[0]['id']}/match", {"reference": "none"}, 400)
    await sent(theirs, f"/api/v1/bank-receipts/{left[0]['id']}/set-aside", {"reason": "Sent back"}, 204)
    assert (await client.get(one, headers=mine)).json()["status"] == "paid"
    await sent(mine, f"{one}/withdraw", None, 409)
    await client.aclose()


def test_a_reference_survives_how_people_type_and_no_slip_makes_another():
    made = new_reference()
    assert references_in(f"mrs x/{shown(made).lower()} thanks") == [made]
    assert references_in("DP MY RENT 12345") == []
    for place in range(2, len(made)):
        for sign in SIGNS:
            slip = made[:place] + sign + made[place + 1 :]
            assert slip == made or (made not in references_in(slip) and references_in(slip) == [])
