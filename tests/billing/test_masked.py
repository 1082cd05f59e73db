"""Who pays, and who books, learns the facts of a visit: never whose family it is, and nothing in its words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.packages import signing
from marketplace.packages.cancelling import call_off
from marketplace.platform.database import Work, ask
from tests.billing.test_api import api, token
from tests.billing.test_funding import Joint, both, shared, start
from tests.billing.test_pages import text_of
from tests.world import packages, people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import visit_done
from tests.world.door import at

__all__ = ["api", "both", "start"]
SAYS = "Grandmother is ill in Leeds"
LOOK = {"reason": "Checking the invoice"}


@pytest.fixture
async def visits(both: Joint, clock):
    """Southmere pays a part: a visit confirmed by the family, one with a coded reason, and one the family cancelled."""
    case = both.case
    first = (await case.package()).starts_on
    await shared(both, first)
    done = await visit_done(case, clock, first)
    unsigned = await visit_done(case, clock, first + timedelta(days=1), signed=False)
    fingerprint = (await case.visit(unsigned)).record_hash or ""
    await signing.family_cannot_sign(
        case.worker, unsigned, code="not_at_home", shown_how="paper", remark=SAYS, text_hash=fingerprint
    )
    gone = await packages.a_visit(case, first + timedelta(days=9))
    await call_off(case.family, gone, version=1, reason=SAYS)
    return done, unsigned, gone


async def names(work: Work) -> set[str]:
    return {row[0] for row in await work.fetch("SELECT printed_name FROM signature WHERE subject_type = 'visit'")}


async def words(work: Work) -> list[str]:
    rows = await work.fetch(
        """SELECT reason_remark FROM signature WHERE reason_remark <> '' UNION ALL SELECT says FROM visit_reason
           UNION ALL SELECT says FROM visit_request"""
    )
    return [row[0] for row in rows]


async def test_payers_and_finance_learn_no_name_of_the_family_and_none_of_its_words(
    database, both, visits, clock, api, settings
):
    case, done, unsigned, gone = both.case, *visits
    family, worker = case.family.person_name, case.worker.person_name
    southmere = await people.person_in(both.partner, "referrer", "Sue South")
    for who in (both.own, both.partner, southmere):
        mine = await token(api, settings, who)
        opened = {}
        for visit_id in visits:
            answer = await api.post(f"/visits/{visit_id}/open", json=LOOK, headers=mine)
            assert answer.status_code == 200
            opened[visit_id] = answer.json()
            for secret in (family, SAYS, str(case.family.person_id)):
                assert secret not in answer.text
            assert (opened[visit_id]["confirmers"], opened[visit_id]["outcome_reason"]) == ({}, None)
            # not an empty record above the hash of the full one
            assert opened[visit_id]["text"] is None and opened[visit_id]["record"] is None
        assert {each["name"] for each in opened[done]["signatures"]} == {worker, "A family member"}
        assert {each["name"] for each in opened[unsigned]["signatures"]} == {worker}
        # the database itself keeps them
        assert await ask(who, names) == {worker} and await ask(who, words) == []
        async with at(create_console(database, clock), settings, who) as desk:
            for visit_id in visits:
                page = await desk.get(f"/visits/{visit_id}")
                if "Why do you need" in page.text:
                    page = await desk.post(f"/visits/{visit_id}", {"why": "The invoice"})
                said = text_of(page)
                assert page.status_code == 200 and family not in said and SAYS not in said, visit_id
                assert "Nothing recorded" not in said
                assert ("What the worker wrote is not shown to you" in said) == (visit_id != gone)
    # those who meet the family read what they did
    for who in (case.referrer, case.manager):
        assert SAYS in await ask(who, words)
        mine = await token(api, settings, who)
        whole = (await api.post(f"/visits/{done}/open", json={"reason": ""}, headers=mine)).json()
        assert family in {each["name"] for each in whole["signatures"]} and "pasta" in whole["text"]
        assert family in whole["confirmers"].values()
        called = (await api.post(f"/visits/{gone}/open", json={"reason": ""}, headers=mine)).json()
        assert called["outcome_reason"] == SAYS
    async with at(create_marketplace(database, clock), settings, case.manager) as desk:
        said = text_of(await desk.get(f"/visits/{unsigned}"))
        assert "For the family, not signed" in said
