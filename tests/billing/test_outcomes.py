"""What became of a visit is put right with a reason and its history, never to the family's cost without its word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.billing.rostering import take_rows
from marketplace.billing.verify import verify_books
from marketplace.billing.visit_outcomes import correct_outcome
from marketplace.billing.visit_records import record_visit
from marketplace.packages import queries, record_actions, signing, visit_actions
from marketplace.packages.late_records import Entry, corrections_of
from marketplace.packages.outcomes import Given
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import local
from tests.billing.test_api import api, token
from tests.billing.test_pages import text_of
from tests.laid import the_richest
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.billing import after, period_of, submitted, the_draft, visit_done
from tests.world.door import at
from tests.world.referrals import borough

__all__ = ["api"]
HOUR = timedelta(hours=1)
CHARGED = {"settings.charging.cancelled_on_arrival_percent": 100, "settings.charging.cancelled_late_percent": 50}


async def charging(settings):
    return await packages.set_up(await borough(settings, provider_names=("Alder Care",), answers=CHARGED))


@pytest.fixture
def start(request):
    return the_richest(request, case=charging)


async def cancelled(case, clock, day, outcome="cancelled_by_family", before=10 * HOUR):
    """A visit whose cancellation is recorded, half an hour after its start."""
    visit_id = await packages.a_visit(case, day)
    visit = await case.visit(visit_id)
    clock.move_to(visit.planned_start + HOUR / 2)
    notice = visit.planned_start - before if outcome == "cancelled_by_family" else None
    await visit_actions.cancel_visit(
        case.manager, visit_id, version=1, outcome=outcome, notice_at=notice, reason="Grandma is here"
    )
    return visit_id, visit.planned_start


async def history(case, visit_id):
    return (await ask(case.manager, corrections_of, [visit_id])).get(visit_id, [])


async def test_a_wrong_notice_and_a_false_arrival_are_put_right(case, clock, first_day, migrator):
    visit_id, planned = await cancelled(case, clock, first_day)
    period = await period_of(case, first_day)
    assert (await the_draft(case, period)).result.gross_pence == 2400
    early = Given("cancelled_by_family", planned - 48 * HOUR)
    for given, reason, field in (
        (Given("nonsense"), "x", "outcome"), (early, " ", "reason"), (early, "x" * 501, "reason"),
        (Given("cancelled_by_family", planned + HOUR / 4), "x", "notice_at"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as fault:
            await correct_outcome(case.manager, visit_id, given, version=2, reason=reason)
        assert field in fault.value.fields
    with pytest.raises(NotFound):
        rival = await people.provider_org(case.world.settings)
        await correct_outcome(rival, visit_id, early, version=2, reason="Mine")
    with pytest.raises(Conflict, match="never costs the family more"):
        await correct_outcome(case.manager, visit_id, Given("cancelled_on_arrival"), version=2, reason="They did")
    later = Given("cancelled_by_family", planned - 9 * HOUR)
    with pytest.raises(InvalidInput) as fault:
        await correct_outcome(case.manager, visit_id, later, version=2, reason="Typing slip")
    assert "£24.00" in fault.value.fields["charge_pence"]
    assert await correct_outcome(case.manager, visit_id, early, version=2, reason="Typing slip")
    with pytest.raises(Conflict, match="changed while you were looking"):
        await correct_outcome(case.manager, visit_id, early, version=2, reason="Typing slip")
    assert not await correct_outcome(case.manager, visit_id, early, version=3, reason="Typing slip")
    assert (await the_draft(case, period)).result.gross_pence == 0
    (kept,) = await history(case, visit_id)
    assert (kept["by_name"], kept["reason"], kept["source"]) == (case.manager.person_name, "Typing slip", "office")
    assert kept["before"]["notice"] == local(planned - 10 * HOUR).isoformat()
    assert kept["after"]["notice"] == local(planned - 48 * HOUR).isoformat()
    told = await migrator.fetch("SELECT sentence FROM notice WHERE person_id = $1", case.family.person_id)
    assert any("was corrected: cancelled by the family" in row["sentence"] for row in told)
    # a false arrival is owed again, once; taken back, nothing is
    other, _ = await cancelled(case, clock, first_day + timedelta(days=1), "cancelled_on_arrival")
    await correct_outcome(case.manager, other, Given("missed"), version=2, reason="Nobody went")
    await correct_outcome(case.manager, other, Given("cancelled_by_provider"), version=3, reason="We had called it off")
    asked = "SELECT count(*) FROM visit_request WHERE visit_id = $1 AND kind = 'make_up' AND state = 'asked'"
    assert await migrator.fetchval(asked, other) == 1
    assert (await the_draft(case, period)).result.gross_pence == 0


async def test_cancelled_by_mistake_is_paid_once_worker_and_family_signed(case, clock, first_day, finance, migrator):
    visit_id, planned = await cancelled(case, clock, first_day, "cancelled_by_provider")
    entry = Entry(planned, planned + HOUR / 2, "Swam.")
    clock.move_to(planned + 4 * HOUR)
    with pytest.raises(InvalidInput):
        await record_visit(case.manager, visit_id, entry, version=2, reason="")
    assert await record_visit(case.manager, visit_id, entry, version=2, reason="It took place")
    period = await period_of(case, first_day)
    assert (await the_draft(case, period)).result.gross_pence == 0  # nobody has signed
    asked = "SELECT state FROM visit_request WHERE visit_id = $1"
    assert await migrator.fetchval(asked, visit_id) == "withdrawn"
    fingerprint = (await case.visit(visit_id)).record_hash
    await record_actions.sign_as_worker(case.worker, visit_id, text_hash=fingerprint)
    await signing.family_confirms(case.family, visit_id, text_hash=fingerprint)
    assert (await the_draft(case, period)).result.gross_pence > 0
    (kept,) = await history(case, visit_id)
    assert (kept["before"]["outcome"], kept["after"]["outcome"]) == ("cancelled_by_provider", "delivered")
    # and a delivered one did not take place; billed, nothing changes until the invoice is returned
    visit = await case.visit(visit_id)
    after(clock, period, hours=9)
    invoice_id = await submitted(case, period)
    missed = Given("missed")
    with pytest.raises(Conflict, match="billed on invoice 1"):
        await correct_outcome(case.manager, visit_id, missed, version=visit.version, reason="The other house")
    clock.move(HOUR)
    await return_invoice(finance, invoice_id, "Nobody came that day.")
    await correct_outcome(case.manager, visit_id, missed, version=visit.version, reason="The other house")
    assert (await the_draft(case, period)).result.gross_pence == 0
    assert (await ask(finance, verify_books)).differences == []
    with pytest.raises(Conflict, match="never costs the family more"):
        await correct_outcome(
            case.manager, visit_id, Given("cancelled_on_arrival"), version=visit.version + 1, reason="No, they did"
        )


async def test_a_corrected_notice_from_the_roster_is_taken_or_refused_in_words(case, clock, first_day):
    visit_id = await packages.a_visit(case, first_day)
    visit, package = await case.visit(visit_id), await case.package()
    clock.move_to(visit.planned_end + HOUR)
    row = {
        "reference": "R-1", "package": package.reference, "planned_start": local(visit.planned_start).isoformat(),
        "outcome": "cancelled_by_family", "notice_at": local(visit.planned_start - 10 * HOUR).isoformat(),
        "reason": "Flu",
    }  # fmt: skip
    early = row | {"notice_at": local(visit.planned_start - 48 * HOUR).isoformat()}
    statuses = [(await take_rows(case.manager, [each]))[0].status for each in (row, row, early, early)]
    assert statuses == ["cancelled", "unchanged", "corrected", "unchanged"]
    assert (await case.visit(visit_id)).notice_at == visit.planned_start - 48 * HOUR
    for _ in range(2):  # refused, it is not taken for known
        (told,) = await take_rows(case.manager, [row])
        assert told.status == "refused" and "never costs the family more" in told.sentence
    (told,) = await take_rows(case.manager, [early | {"reason": "Flu in the family"}])
    assert told.status == "corrected" and (
        await ask(case.manager, queries.visit_reason, await case.visit(visit_id)) == "Flu in the family"
    )
    assert [each["source"] for each in await history(case, visit_id)] == ["roster", "roster"]


async def test_by_page_and_api_and_a_cancellation_is_never_charged_unseen(api, settings, case, clock, first_day):
    visit_id, _ = await cancelled(case, clock, first_day)
    async with at(create_marketplace(settings, clock), settings, case.manager) as door:
        assert "Correct why it did not take place" in text_of(await door.get(f"/visits/{visit_id}"))
        assert "Grandma" not in text_of(await door.get(f"/visits/{visit_id}/outcome"))
        typed = {"version": "2", "outcome": "missed", "reason": ""}
        assert "Enter why the record is corrected" in text_of(await door.post(f"/visits/{visit_id}/outcome", typed))
        typed["reason"] = "Nobody went"
        dear = await door.post(f"/visits/{visit_id}/outcome", typed | {"outcome": "cancelled_on_arrival"})
        assert "Ask the family?" in text_of(dear) and "never costs the family more" in text_of(dear)
        check = await door.post(f"/visits/{visit_id}/outcome", typed)
        assert "Recorded until now" in text_of(check) and (await case.visit(visit_id)).outcome != "missed"
        done = await door.post(f"/visits/{visit_id}/outcome", typed | {"step": "check", "charge": "0"})
        assert done.status_code == 303 and (await case.visit(visit_id)).outcome == "missed"
        assert "took place after all" in text_of(await door.get(f"/visits/{visit_id}/write-down"))
    mine = await token(api, settings, case.manager)
    body = {"version": 3, "outcome": "cancelled_by_provider", "reason": "Called off"}
    assert (await api.post(f"/visits/{visit_id}/outcome", json=body, headers=mine)).json() == {"changed": True}
    family = await token(api, settings, case.family)
    assert (await api.post(f"/visits/{visit_id}/outcome", json=body, headers=family)).status_code == 403
    # half is charged from here on: the answer says the sum, and nothing is done
    second = await packages.a_visit(case, first_day + timedelta(days=1))
    clock.move_to((await case.visit(second)).planned_start - 5 * HOUR)
    off = {"version": 1, "outcome": "cancelled_by_family", "reason": "Flu"}
    answer = await api.post(f"/visits/{second}/cancel", json=off, headers=family)
    assert answer.status_code == 400 and "£24.00" in answer.text and "charge_pence 2400" in answer.text
    assert (await case.visit(second)).outcome is None
    office = off | {"notice_at": local(clock.at - HOUR).isoformat()}
    assert (await api.post(f"/visits/{second}/cancel", json=office, headers=mine)).status_code == 400
    seen = await api.post(f"/visits/{second}/cancel", json=off | {"charge_pence": 2400}, headers=family)
    assert seen.status_code == 204
    with pytest.raises(WrongState):
        third = await visit_done(case, clock, first_day + timedelta(days=2), signed=False)
        await visit_actions.cancel_visit(case.manager, third, version=9, outcome="cancelled_by_provider", reason="x")
