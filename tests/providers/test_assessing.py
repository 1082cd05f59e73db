"""What follows a finding: said and checked first, gone with its cause, and never one evaluator over another unsaid."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.providers.causes import decide_cause, open_causes, propose
from marketplace.providers.declaration_queries import declared_by
from marketplace.providers.declarations import assess, make_declaration
from tests.providers.test_declaration_pages import bearer
from tests.providers.test_declarations import TODAY, a_file, tasks
from tests.world import people
from tests.world.apps import create_console
from tests.world.door import at

TOLD = {"declared_on": TODAY, "details": {"until": date(2027, 1, 31)}}
DECIDE = "Decide on a suspension of Kindly Care Ltd: What was declared of the insurance is rejected"


async def insured(manager: Actor) -> UUID:
    return await make_declaration(manager, "insurance", **TOLD, evidence_ids=[await a_file(manager, "insurance")])  # type: ignore[arg-type]


async def test_a_proposal_goes_with_what_gave_cause_for_it(place, migrator, database, clock):
    lead, framework_id = place.lead, place.framework_id
    made = await insured(place.manager)
    await assess(lead, made, framework_id, verdict="rejected", to_mend="The page is blank")
    ours = await propose(
        place.lead, framework_id, place.provider_id, rule_key="insurance_not_shown", facts="Its broker told us"
    )
    assert (await tasks(lead)).count(DECIDE) == 2
    await assess(lead, made, framework_id, verdict="accepted")
    # what a person put forward is theirs to decide; what the rejection put forward is gone, with its duty
    assert [each["id"] for each in await ask(lead, open_causes, place.provider_id)] == [ours]
    assert (await tasks(lead)).count(DECIDE) == 1
    gone = await migrator.fetchrow("SELECT * FROM suspension_cause WHERE decision = 'dropped'")
    assert gone["decided_by_name"] == lead.person_name and "has been accepted since" in gone["decision_reason"]
    with pytest.raises(Conflict, match="decided this already"):
        await decide_cause(lead, gone["id"], suspend=True, reason="Late")
    # rejected after all it is put anew; rejected of a newer one, it is put once and not twice
    await assess(lead, made, framework_id, verdict="rejected", to_mend="It is another firm's")
    await decide_cause(lead, ours, suspend=False, reason="The broker erred")
    (anew,) = await ask(lead, open_causes, place.provider_id)
    again = await insured(place.manager)
    console = create_console(database, clock)
    async with at(console, database, lead) as door:
        shown = (await door.get(f"/providers/{place.provider_id}/causes/{anew['id']}")).text
        assert "has been declared again. Assess that first" in shown and "not assessed yet" in shown
        await assess(lead, again, framework_id, verdict="rejected", to_mend="It ends tomorrow")
        (newest,) = await ask(lead, open_causes, place.provider_id)
        assert newest["id"] != anew["id"] and "It ends tomorrow" in newest["facts"]
        assert (await tasks(lead)).count(DECIDE) == 1
        shown = (await door.get(f"/providers/{place.provider_id}/causes/{anew['id']}")).text
        assert "Nothing is left to decide since 11 May 2026" in shown and "rejected again" in shown
    # a suspension stays until a contract manager lifts it, who is told
    await decide_cause(lead, newest["id"], suspend=True, reason="No cover shown")
    await assess(lead, again, framework_id, verdict="accepted")
    assert await migrator.fetchval("SELECT count(*) FROM suspension WHERE lifted_at IS NULL") == 1
    said = await migrator.fetchval("SELECT count(*) FROM notice WHERE sentence LIKE '%Decide whether to lift it%'")
    assert said == 1


async def test_a_rejection_is_checked_first_and_nobody_overrides_anybody_unsaid(place, database, clock):
    made = await insured(place.manager)
    other = await people.person_in(place.lead, "contract_manager", "Una Second")
    link = f"/declarations/{made}/assess/{place.framework_id}"
    rejects = {"verdict": "rejected", "to_mend": "The page <is> blank", "seen": ""}
    console = create_console(database, clock)
    async with at(console, database, place.lead) as door:
        shown = (await door.get(link)).text
        assert "A suspension is put to the contract managers, who decide" in shown and 'name="seen" value=""' in shown
        check = await door.post(link, rejects)
        assert "Check before you reject" in check.text and "The page &lt;is&gt; blank" in check.text
        assert "A suspension is put to the contract managers" in check.text
        assert (await ask(place.lead, declared_by, place.provider_id, "insurance"))[0].findings == []
        back = await door.post(link, {**rejects, "go": "change"})
        assert back.status_code == 200 and "The page &lt;is&gt; blank</textarea>" in back.text
        for _ in range(2):  # pressed twice it is kept once
            assert (await door.post(link, {**rejects, "go": "keep"})).status_code == 303
    (found,) = (await ask(place.lead, declared_by, place.provider_id, "insurance"))[0].findings
    async with at(console, database, other) as door:
        late = await door.post(link, {"verdict": "accepted", "seen": ""})  # a tab opened before
        assert late.status_code == 409 and f"{place.lead.person_name} rejected this since" in late.text
        assert "Accepting it closes that proposal" in late.text and f'name="seen" value="{found.id}"' in late.text
        headers = await bearer(door, other, database)
        sent = {"declaration_id": str(made), "framework_id": str(place.framework_id), "verdict": "accepted"}
        where = "/api/v1/declaration-assessments"
        for seen in ({}, {"seen": str(uuid4())}):
            assert (await door.client.post(where, json=sent | seen, headers=headers)).status_code == 409
        assert (await door.client.post(where, json=sent | {"seen": str(found.id)}, headers=headers)).status_code == 201


async def test_what_is_declared_again_meanwhile_is_shown_beside_what_was_typed(place, database, clock):
    made = await insured(place.manager)
    link = f"/declarations/{made}/assess/{place.framework_id}"
    console = create_console(database, clock)
    async with at(console, database, place.lead) as door:
        assert "declared this again since" not in (await door.get(link)).text
        again = await insured(place.manager)
        typed = {"verdict": "rejected", "to_mend": "Page two is missing"}
        for go in ("", "keep"):
            late = await door.post(link, {**typed, "go": go})
            assert late.status_code == 409 and "look at the newest one" in late.text
            assert "Page two is missing</textarea>" in late.text
            newest = f"/declarations/{again}/assess/{place.framework_id}"
            assert f'action="{newest}"' in late.text
        assert (await door.post(newest, {**typed, "go": "keep"})).status_code == 303
        assert (await door.get(f"/declarations/{uuid4()}/assess/{place.framework_id}")).status_code == 404
    async with at(console, database, place.apart) as door:
        assert (await door.get(link)).status_code == 404
        assert (await door.post(link, typed)).status_code == 404
