"""What a family or a finance officer does, in a process of its own on a clock that stands: for tests that kill it.

`python -m tests.purchases.buying_process MOMENT WHAT`, where WHAT is JSON; the database from DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database, open_database
from marketplace.purchases import bank, buying, cards
from marketplace.purchases.bank_lines import read_lines
from marketplace.settings import Settings
from tests.conftest import SECRET
from tests.world.bought import with_cards


async def do(settings: Settings, clock: FrozenClock, what: dict[str, Any]) -> None:
    """Buy, pay by card, or take a statement in."""
    await open_database(settings.dsn("app"), clock=clock, max_size=4)
    who = what["who"]
    organisation = UUID(who["organisation"]) if who["organisation"] else None
    actor = Actor(UUID(who["person"]), "N", who["role"], organisation, "O", who["kind"])
    if "package" in what:
        await buying.buy(
            actor, settings, UUID(what["package"]), [UUID(each) for each in what["visits"]], method=what["method"],
            shown_pence=what["pence"], top_up_pence=what["top_up"], purchase_id=UUID(what["purchase"]),
        )  # fmt: skip
    elif "token" in what:
        await cards.pay(actor, settings, UUID(what["purchase"]), UUID(what["payment"]), what["token"])
    else:
        await bank.take_in(actor, read_lines(what["csv"].encode()))
    await close_database()


if __name__ == "__main__":
    own = with_cards(
        Settings(database_url=os.environ["DATABASE_URL"], secret=SECRET, secure_cookies=False), os.environ["STRIPE_URL"]
    )
    asyncio.run(do(own, FrozenClock(datetime.fromisoformat(sys.argv[1])), json.loads(sys.argv[2])))
