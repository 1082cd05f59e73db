"""`marketplace ledger verify`: every invoice from its visits, every balance from its entries, computed again.

Each commissioner's books are read in its own context, as the worker process's role: nothing is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import asyncpg

from marketplace.billing.verify import Found, verify_books
from marketplace.operations import say, settings_for
from marketplace.platform.actor import system_for
from marketplace.platform.database import ask, close_database, open_database, outside_context
from marketplace.platform.errors import MarketplaceError
from marketplace.purchases.verify import verify_purchases
from marketplace.settings import Settings, SettingsError


async def verify_all(settings: Settings) -> tuple[Found, int]:
    """Everything found over all commissioners, and how many there are."""
    await open_database(settings.dsn("worker"), max_size=2)
    try:
        whole = Found()
        async with outside_context() as connection:
            payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
        for payer in payers:
            for question in (verify_books, verify_purchases):
                found = await ask(system_for(payer["id"], "commissioner", payer["name"]), question)
                whole.invoices += found.invoices
                whole.entries += found.entries
                whole.differences += [f"{payer['name']}: {each}" for each in found.differences]
        return whole, len(payers)
    finally:
        await close_database()


def run_verify(settings: Settings) -> int:
    """Print the differences, or that there are none. 1 when there are any."""
    found, commissioners = asyncio.run(verify_all(settings))
    for difference in found.differences:
        say(difference)
    looked = f"{found.invoices} invoices and {found.entries} entries of {commissioners} commissioners"
    if found.differences:
        say(f"{len(found.differences)} differences in {looked}.")
        return 1
    say(f"No differences: {looked} were computed again.")
    return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="marketplace ledger")
    commands = whole.add_subparsers(required=True, metavar="WHAT")
    checking = commands.add_parser("verify", help="compute every invoice and balance again, print the differences")
    checking.add_argument("--data", type=Path, metavar="DIR", help="use the settings of the 'up' on this folder")
    return whole


def main() -> int:
    """0: no differences; 1: there are some; 2: asked for wrongly, or it could not be done."""
    args = parser().parse_args()
    try:
        return run_verify(settings_for(args.data))
    except (SettingsError, MarketplaceError) as error:
        sys.stderr.write(f"{error}\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
