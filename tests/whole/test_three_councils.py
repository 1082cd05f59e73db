"""Three councils' packs through the whole pathway; afterwards the books, the trail, the duties and the silence hold."""

from __future__ import annotations

import pytest

from tests.whole.councils import COUNCILS
from tests.whole.pathway import walk

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize("council", COUNCILS, ids=lambda each: each.name)
async def test_a_referral_becomes_a_paid_package_on_this_councils_rules(council, settings, clock):
    await walk(council, settings, clock)
