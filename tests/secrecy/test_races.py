"""Races in which somebody would end up with more than was given."""

from __future__ import annotations

import asyncio

import pytest

from marketplace.platform.errors import InvalidInput
from marketplace.referrals import granting
from tests.world import people, referrals


@pytest.fixture
async def world(database) -> referrals.World:
    return await referrals.borough(database, provider_names=())


async def test_a_form_sent_twice_gives_access_once(world, migrator):
    """Ending the access must end it: a second grant given at the same moment would stay."""
    child = await referrals.add_child(world.referrer)
    email = people.an_email("grace")
    await people.family_member(world.referrer, "Grace Okonkwo", email)  # known already, from another child
    outcomes = await asyncio.gather(
        *(
            granting.grant_access(
                world.referrer, child, name="Grace Okonkwo", email=email, relation="Mother", rights=["see_plan"]
            )
            for _ in range(4)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, InvalidInput) for each in outcomes) == 3
    assert await migrator.fetchval("SELECT count(*) FROM family_grant WHERE revoked_at IS NULL") == 1
