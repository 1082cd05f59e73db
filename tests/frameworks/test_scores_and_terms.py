"""Scoring alone and then together; terms that change, and are accepted anew."""

from __future__ import annotations

from datetime import date

import pytest

from marketplace.frameworks import application_actions, queries, scoring, terms_actions
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.world import frameworks, people
from tests.world.apps import create_console
from tests.world.door import at

AGREED_FIRST = "settings.evaluation.agreed_before_admission"


async def open_with_application(database):  # type: ignore[no-untyped-def]
    admin = await people.council(database, "Northgate Council")
    partner = await people.council(database, "Southmere Council")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    framework_id = await frameworks.open_framework(admin, partners=[partner])
    (application,) = await frameworks.applied(manager, framework_id, ["C"])
    return admin, partner, manager, framework_id, application


async def test_nobody_is_admitted_before_the_scores_are_agreed_where_the_pack_asks(database, clock):
    admin = await people.council(database, "Northgate Council")
    manager = await people.provider_org(database, "Kindly Care Ltd")
    framework_id = await frameworks.open_framework(admin, answers={AGREED_FIRST: True})
    (application,) = await frameworks.applied(manager, framework_id, ["C"])
    admit = f"/applications/{application}/admit"
    today = {"starts_on-day": "11", "starts_on-month": "5", "starts_on-year": "2026"}
    second = await people.person_in(admin, "contract_manager", "Una Second")
    await scoring.give_score(admin, application, await points_of(admin, application, 4))
    console = create_console(database, clock)
    async with at(console, database, admin) as door:
        shown = (await door.get(admit)).text
        assert "1 of the 2 people who score alone first has done so" in shown and "starts_on" not in shown
        for go in ("", "admit"):
            refused = await door.post(admit, today | {"go": go}, page=f"/applications/{application}/refuse")
            assert "before the scores are agreed: 1 of the 2 people" in refused.text
        with pytest.raises(Conflict, match="before the scores are agreed"):
            await application_actions.admit(admin, application, date(2026, 5, 11))
        assert (await ask(admin, queries.application, application)).state == "submitted"
        await scoring.give_score(second, application, await points_of(second, application, 2))
        await scoring.agree_scores(second, application, await points_of(second, application, 3))
        checked = (await door.post(admit, today)).text
        assert (
            "Agreed: 12 of 20 points, by Una Second, 11 May 2026" in checked and "<strong>Missing</strong>" in checked
        )
        assert (await door.post(admit, today | {"go": "admit"})).status_code == 303
    assert (await ask(admin, queries.application, application)).state == "admitted"


async def points_of(actor: Actor, application, number: int) -> dict[str, int]:  # type: ignore[no-untyped-def]
    rule = (await ask(actor, scoring.scores, application)).rule
    return dict.fromkeys(rule.criteria, number)


async def test_nobody_sees_others_scores_before_giving_their_own(database):
    admin, partner, _, _, application = await open_with_application(database)
    first = await people.person_in(admin, "contract_manager", "Una First")
    second = await people.person_in(partner, "contract_manager", "Duo Second")
    await scoring.give_score(first, application, await points_of(first, application, 4), "Strong rota")
    before = await ask(second, scoring.scores, application)
    assert before.given == [] and before.scorers == 1 and before.mine is None
    async with unit_of_work(second) as work:  # in SQL as well
        assert await work.fetchval("SELECT count(*) FROM application_score") == 0
    with pytest.raises(Conflict, match="2 people score alone first; 1 have"):
        await scoring.agree_scores(first, application, await points_of(first, application, 3))
    await scoring.give_score(second, application, await points_of(second, application, 2))
    after = await ask(second, scoring.scores, application)
    assert {(each.by, each.scored.total) for each in after.given} == {("Una First", 16), ("Duo Second", 8)}
    onlooker = await people.person_in(admin, "contract_manager", "Lou Looker")
    assert (await ask(onlooker, scoring.scores, application)).given == []
    with pytest.raises(Conflict, match="Give your own score first"):
        await scoring.agree_scores(onlooker, application, await points_of(first, application, 3))
    with pytest.raises(NotPermitted):  # a partner scores; the lead records what is agreed
        await scoring.agree_scores(second, application, await points_of(first, application, 3))
    await scoring.agree_scores(first, application, await points_of(first, application, 3), "Agreed on 11 May")
    found = await ask(onlooker, scoring.scores, application)
    assert found.agreed and (found.agreed.scored.total, found.agreed.scored.of) == (12, 20) and len(found.given) == 2
    for late in (first, onlooker):
        with pytest.raises(Conflict):
            await scoring.give_score(late, application, await points_of(first, application, 1))
    with pytest.raises(Conflict):
        await scoring.agree_scores(first, application, await points_of(first, application, 1))


async def test_points_are_the_packs_and_strangers_score_nothing(database):
    admin, _, manager, _, application = await open_with_application(database)
    first = await people.person_in(admin, "contract_manager")
    good = await points_of(first, application, 5)
    criterion = next(iter(good))
    for wrong in ({}, {**good, criterion: 6}, {**good, criterion: -1}, {**good, "Charm": 1}):
        with pytest.raises(InvalidInput):
            await scoring.give_score(first, application, wrong)
    await scoring.give_score(first, application, good)
    with pytest.raises(Conflict, match="already"):
        await scoring.give_score(first, application, good)
    apart = await people.council(database, "Eastham Council")
    for stranger in (apart, await people.person_in(apart, "contract_manager")):
        with pytest.raises(NotFound):
            await scoring.give_score(stranger, application, good)
    with pytest.raises(NotPermitted):
        await scoring.give_score(manager, application, good)
    with pytest.raises(NotFound):
        await ask(manager, scoring.scores, application)
    async with unit_of_work(manager) as work:
        assert await work.fetchval("SELECT count(*) FROM application_score") == 0


async def test_changed_terms_are_a_task_of_every_provider_until_it_accepts_them(database, clock):
    admin, partner, manager, framework_id, _ = await open_with_application(database)
    rival = await people.provider_org(database, "Rival Care Ltd")
    assert (await ask(manager, terms_actions.terms_to_provider, framework_id)).to_accept is False
    before = (await ask(admin, queries.framework, framework_id)).pack_hash
    key = "settings.evaluation.scorers"
    scan, text = "retention.dbs_certificate", "settings.evaluation.criteria"
    for asked, value, reason, wrong in (
        (key, "many", "Why", {"value": "it must be a whole number"}),
        (key, "0", "Why", {"value": "it must be 1 or more"}),
        (key, "0", " ", {"value": "it must be 1 or more", "reason": ""}),
        (key, "3", " ", {"reason": ""}),
        (scan, "60", "Why", {"value": "it must be 6 months or fewer (the DBS code of practice)"}),
        (text, "", "Why", {"value": "it must have 1 or more, one a line"}),
    ):
        with pytest.raises(InvalidInput) as refused:
            await terms_actions.change_terms(admin, framework_id, asked, value, reason)
        assert set(refused.value.fields) == set(wrong)
        assert "value" not in wrong or refused.value.fields["value"] == f"This answer does not fit: {wrong['value']}"
    async with at(create_console(database, clock), database, admin) as door:
        change = f"/frameworks/{framework_id}/decisions/{scan}/change"
        for go in ("check", "change"):  # said at the first press, not after the second
            shown = await door.post(change, {"value": "60", "reason": "Longer", "go": go})
            assert shown.status_code == 400 and "it must be 6 months or fewer" in shown.text
            assert "Check the change" in shown.text and "Change the terms" not in shown.text
        shown = await door.post(change, {"value": "3", "reason": "Shorter", "go": "check"})
        assert shown.status_code == 200 and "Change the terms" in shown.text
    with pytest.raises(Conflict, match="nothing changes"):
        await terms_actions.change_terms(admin, framework_id, key, "2", "As it is")
    with pytest.raises(NotPermitted):
        await terms_actions.change_terms(partner, framework_id, key, "3", "Why")
    with pytest.raises(NotFound):
        await terms_actions.change_terms(admin, framework_id, "settings.no.such", "3", "Why")
    now = await terms_actions.change_terms(admin, framework_id, key, "3", "More eyes")
    assert now != before and (await ask(admin, queries.pack_of, framework_id)).evaluation.scorers == 3
    terms = await ask(manager, terms_actions.terms_to_provider, framework_id)
    assert terms.to_accept and [(c.before, c.after, c.reason) for c in terms.changes] == [(2, 3, "More eyes")]
    assert await tasks(manager) == 1 and await tasks(rival) == 0
    with pytest.raises(Conflict, match="changed since you looked"):
        await terms_actions.accept_terms(manager, framework_id, before)
    coordinator = await people.person_in(manager, "coordinator")
    with pytest.raises(NotPermitted):
        await terms_actions.accept_terms(coordinator, framework_id, now)
    with pytest.raises(NotFound):
        await terms_actions.accept_terms(rival, framework_id, now)
    await terms_actions.accept_terms(manager, framework_id, now)
    assert await tasks(manager) == 0
    assert (await ask(manager, terms_actions.terms_to_provider, framework_id)).to_accept is False
    with pytest.raises(Conflict, match="already"):
        await terms_actions.accept_terms(manager, framework_id, now)
    await frameworks.applied(rival, framework_id, ["C"])  # who applies later accepts what it reads
    assert (await ask(rival, terms_actions.terms_to_provider, framework_id)).to_accept is False


async def tasks(manager: Actor) -> int:
    async with unit_of_work(manager) as work:
        return await work.fetchval(
            "SELECT count(*) FROM obligation WHERE owed_by_organisation = $1 AND rule_key = $2 AND met_at IS NULL"
            " AND cancelled_at IS NULL",
            manager.organisation_id, terms_actions.ACCEPT,
        )  # fmt: skip
