"""The books computed again: nothing differs after a whole history; what somebody plants is found, and named."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta

import asyncpg
import pytest

from marketplace.billing.deciding import return_invoice
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute
from marketplace.billing.verify import verify_books
from marketplace.billing.waivers import pay_back
from marketplace.packages import signing
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, unit_of_work
from marketplace.policy.calendar import local_day
from tests.world import people
from tests.world.billing import after, deducted, period_of, submitted, the_draft, visit_done

pytestmark = pytest.mark.usefixtures("database")


async def differences(case) -> list[str]:
    found = await ask(system_for(case.referrer.organisation_id, "commissioner"), verify_books)
    assert found.invoices and found.entries
    return found.differences


def command(settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketplace.cli", "ledger", "verify"], capture_output=True, text=True, timeout=120,
        env={**os.environ, "DATABASE_URL": settings.database_url, "MARKETPLACE_SECRET": settings.secret},
    )  # fmt: skip


async def run(settings) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command, settings)


async def test_a_whole_history_and_each_planted_fault(case, world, clock, first_day, finance, settings, migrator):
    """A held visit signed later, a late first invoice returned and corrected, disputed, waived and paid back."""
    await visit_done(case, clock, first_day)
    held = await visit_done(case, clock, first_day + timedelta(days=1), signed=False)
    period = await period_of(case, first_day)
    after(clock, period, days=12)
    found = await the_draft(case, period)
    first = await submitted(case, period)
    await return_invoice(finance, first, "Look at the second visit.")
    invoice_id = await submitted(case, period)
    dispute_id = await raise_dispute(case.manager, invoice_id, "The site was down that week.")
    await propose_waiver(finance, dispute_id, "system_fault", "It was.")
    second = await people.person_in(world.admin, "finance", "Fern Second")
    await confirm_waiver(second, dispute_id)
    await signing.family_confirms(case.family, held, text_hash=(await case.visit(held)).record_hash)
    await pay_back(finance, dispute_id, local_day(clock.at))
    assert found.result.lines[1].held and await differences(case) == []

    clean = await run(settings)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "No differences: 2 invoices and 5 entries" in clean.stdout

    # a rate nobody agreed: each billed visit's price and all that follows from it
    await migrator.execute("ALTER TABLE rate DISABLE TRIGGER USER")
    await migrator.execute("UPDATE rate SET pence_per_hour = pence_per_hour + 1")
    said = await differences(case)
    assert any("was judged" in each for each in said) and any("gross_pence" in each for each in said)
    planted = await run(settings)
    assert planted.returncode == 1 and "differences in 2 invoices" in planted.stdout
    await migrator.execute("UPDATE rate SET pence_per_hour = pence_per_hour - 1")
    assert await differences(case) == []

    # the rows that pages, files and credit notes read, each by itself: what was judged and claimed stands beside them
    await migrator.execute("ALTER TABLE invoice_line DISABLE TRIGGER USER")
    meddled = {"payable_pence": 5000, "price_pence": 1, "minutes": 7, "percent": -1, "claimed_pence": 9}
    for column, by in meddled.items():
        change = f"UPDATE invoice_line SET {column} = {column} + ($1) WHERE invoice_id = $2 AND position = 1"
        await migrator.execute(change, by, invoice_id)
        (said,) = await differences(case)
        assert said.startswith(f"invoice {invoice_id}: visit ") and f"its row has {column} " in said
        await migrator.execute(change, -by, invoice_id)
    await migrator.execute("UPDATE invoice_line SET counts = NOT counts WHERE invoice_id = $1 AND position = 2", first)
    assert any("its row has counts True" in each for each in await differences(case))
    await migrator.execute("UPDATE invoice_line SET counts = NOT counts WHERE invoice_id = $1 AND position = 2", first)
    assert await differences(case) == []

    # one penny moved between two accounts: balanced, and still wrong
    await migrator.execute("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
    await migrator.execute(
        "UPDATE ledger_posting SET pence = pence + CASE account WHEN 'bank' THEN 1 ELSE -1 END WHERE entry_id ="
        " (SELECT id FROM ledger_entry WHERE kind = 'waiver_paid')"
    )
    said = await differences(case)
    assert any("(waiver_paid)" in each for each in said) and any(each.startswith("bank of provider") for each in said)


async def test_the_database_itself_refuses_what_does_not_balance_or_is_changed(case, clock, first_day, finance):
    """As the application's role, in SQL."""
    await deducted(case, clock, first_day)
    for actor in (finance, case.manager):
        for statement in ("UPDATE ledger_posting SET pence = 1", "DELETE FROM ledger_entry", "TRUNCATE ledger_posting"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with unit_of_work(actor) as work:
                    await work.execute(statement)
    for pence in (1, -1):
        with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
            async with unit_of_work(finance) as work:
                await work.execute(
                    """INSERT INTO ledger_posting (commissioner_id, entry_id, provider_id, account, pence)
                       SELECT commissioner_id, id, provider_id, 'bank', $1 FROM ledger_entry LIMIT 1""",
                    pence,
                )
    assert await differences(case) == []
