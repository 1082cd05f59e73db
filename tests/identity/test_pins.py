"""A family member's PIN at the door: only for the allocated worker, and a wrong one costs time on that device alone."""

import pytest

from marketplace.identity import actions
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted, TooManyAttempts
from tests.secrecy.rows import Rows, lay


@pytest.fixture
async def rows(database, migrator) -> Rows:
    return await lay(migrator)


async def test_the_allocated_worker_checks_the_right_familys_pin_and_nobody_else_does(rows, database):
    await actions.set_pin(rows.actors["mother"], "482913")
    mother = rows.actors["mother"].person_id
    name = await actions.check_family_pin(rows.actors["allocated_worker"], database, mother, "482913")
    assert name == "Mother"
    for other in ("colleague_worker", "rival_worker", "winner_manager", "northgate_referrer", "other_family", "mother"):
        with pytest.raises(NotFound):
            await actions.check_family_pin(rows.actors[other], database, mother, "482913")


async def test_only_somebody_who_may_confirm_visits_confirms(rows, database):
    for relative in ("plan_only_uncle", "former_carer", "future_carer", "other_family"):
        await actions.set_pin(rows.actors[relative], "482913")
        with pytest.raises(NotFound):
            await actions.check_family_pin(
                rows.actors["allocated_worker"], database, rows.actors[relative].person_id, "482913"
            )


async def test_a_wrong_pin_five_times_waits_on_this_device(rows, database, migrator):
    worker, mother = rows.actors["allocated_worker"], rows.actors["mother"]
    with pytest.raises(InvalidInput, match="problem") as unset:
        await actions.check_family_pin(worker, database, mother.person_id, "1357")
    assert "has not set a PIN" in unset.value.fields["pin"]
    await actions.set_pin(mother, "482913")
    for _ in range(5):
        with pytest.raises(InvalidInput):
            await actions.check_family_pin(worker, database, mother.person_id, "111111")
    with pytest.raises(TooManyAttempts) as refused:
        await actions.check_family_pin(worker, database, mother.person_id, "482913")
    assert refused.value.retry_after > 240
    await migrator.execute("UPDATE sign_in_attempt SET at = at - interval '301 seconds'")
    await actions.check_family_pin(worker, database, mother.person_id, "482913")


@pytest.mark.parametrize(
    "pin", ["", "123", "1234567", "1234", "4321", "0000", "999999", "2580", "1984", "12a4", "١٢٣٤"]
)
async def test_weak_pins_are_refused(rows, pin):
    with pytest.raises(InvalidInput) as refused:
        await actions.set_pin(rows.actors["mother"], pin)
    assert set(refused.value.fields) == {"pin"}


async def test_only_families_have_one(rows):
    with pytest.raises(NotPermitted):
        await actions.set_pin(rows.actors["allocated_worker"], "482913")
