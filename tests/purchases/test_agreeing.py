"""A family asks, a provider answers, the family accepts: a package of its direct payment."""

from __future__ import annotations

from marketplace.packages import queries
from marketplace.platform.database import ask


async def test_a_running_package_comes_of_it(bought):
    package = await ask(bought.case.manager, queries.package, bought.case.package_id)
    assert package.direct_payment_id == bought.home.direct_payment_id
    assert len(bought.visits) == 3
