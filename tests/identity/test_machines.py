"""A rostering system's own token: the roster and nothing else, until it expires, is revoked, or its maker leaves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from marketplace.identity.machines import issue_machine_token, machine_tokens, revoke_machine_token
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted
from tests.billing.conftest import case, finance, first_day, start, world  # noqa: F401 - a provider with visits
from tests.billing.test_api import api
from tests.billing.test_pages import text_of
from tests.billing.test_rostering import row_of
from tests.world import packages, people
from tests.world.apps import create_marketplace
from tests.world.door import at

__all__ = ["api"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_machine_sends_the_roster_and_reaches_nothing_else(api, settings, case, clock, first_day, migrator):  # noqa: F811
    manager = case.manager
    for name, days, field in ((" ", 30, "name"), ("x" * 61, 30, "name"), ("Rota", 31, "days")):
        with pytest.raises(InvalidInput) as fault:
            await issue_machine_token(manager, name=name, days=days)
        assert set(fault.value.fields) == {field}
    rival = await people.provider_org(settings)
    coordinator = await people.person_in(manager, "coordinator")
    for nobody in (coordinator, case.worker, case.referrer):
        with pytest.raises(NotPermitted):
            await issue_machine_token(nobody, name="Rota", days=30)
    async with at(create_marketplace(settings), settings, manager) as door:
        assert "No token has been issued yet" in text_of(await door.get("/machine-tokens"))
        assert "Error" in text_of(await door.post("/machine-tokens", {"name": "", "days": "30"}))
        made = await door.post("/machine-tokens", {"name": "Rota", "days": "30"})
        (token,) = re.findall(r"machine_[\w-]{40,}", made.text)
        again = await door.post("/machine-tokens", {"name": "rota", "days": "30"})
        assert "stands already" in text_of(again) and token not in (await door.get("/machine-tokens")).text
    kept = await migrator.fetchval("SELECT encode(token_hash, 'escape') FROM machine_token")
    assert token not in kept
    visit_id = await packages.a_visit(case, first_day)
    clock.move_to((await case.visit(visit_id)).planned_end + timedelta(hours=1))
    row = await row_of(case, visit_id, "A-1")
    sent = await api.post("/roster/visits", json={"visits": [row]}, headers=bearer(token))
    assert [each["status"] for each in sent.json()["results"]] == ["recorded"]
    assert (await api.get(f"/roster/planned/{first_day}/{first_day}", headers=bearer(token))).json() == []
    for path in ("/visits", "/invoices", "/machine-tokens", "/me", "/packages", "/timesheets"):
        assert (await api.get(path, headers=bearer(token))).status_code == 403, path
    plan = await api.post("/machine-tokens", json={"name": "Mine", "days": 30}, headers=bearer(token))
    assert plan.status_code == 403
    said = await migrator.fetchval("SELECT min(person_name) FROM audit_entry WHERE action = 'visit.written_down'")
    assert said == f"Rota, issued by {manager.person_name}"
    (machine,) = await ask(manager, machine_tokens)
    assert machine.state == "working" and machine.last_used_at is not None
    assert await ask(rival, machine_tokens) == []
    with pytest.raises(NotFound):
        await revoke_machine_token(rival, machine.id)
    # another's token, one that is changed by a letter, one that expired, one that was revoked
    assert (await api.get(f"/roster/planned/{first_day}/{first_day}", headers=bearer(token + "x"))).status_code == 401
    await migrator.execute("UPDATE machine_token SET expires_at = now() - interval '1 second'")
    assert (await api.post("/roster/visits", json={"visits": [row]}, headers=bearer(token))).status_code == 401
    await migrator.execute("UPDATE machine_token SET expires_at = now() + interval '1 day'")
    async with at(create_marketplace(settings), settings, manager) as door:
        assert (await door.post(f"/machine-tokens/{machine.id}/revoke", {}, page="/machine-tokens")).status_code == 303
        assert "Revoked" in text_of(await door.get("/machine-tokens"))
    assert (await api.post("/roster/visits", json={"visits": [row]}, headers=bearer(token))).status_code == 401
    await revoke_machine_token(manager, machine.id)  # twice is once
    # one ends with its maker
    token = await issue_machine_token(manager, name="Rota", days=365)
    assert (await api.get(f"/roster/planned/{first_day}/{first_day}", headers=bearer(token))).status_code == 200
    successor = await people.person_in(manager, "provider_manager", "Suki Cessor")
    await migrator.execute("UPDATE membership SET ended_at = now() WHERE person_id = $1", manager.person_id)
    assert (await api.get(f"/roster/planned/{first_day}/{first_day}", headers=bearer(token))).status_code == 401
    assert [each.state for each in await ask(successor, machine_tokens)] == ["ended", "revoked"]
    async with at(create_marketplace(settings), settings, successor) as door:
        assert f"{manager.person_name} manages here no more" in text_of(await door.get("/machine-tokens"))
