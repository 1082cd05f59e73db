"""Commands an operator runs against a database: `migrate`, `audit verify`, `audit heads`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from marketplace.platform.errors import MarketplaceError
from marketplace.platform.migrate import DatabaseTooNew, migrate
from marketplace.platform.storage import Storage
from marketplace.settings import Settings, SettingsError

HEADS = "SELECT organisation_id::text AS organisation, seq, encode(hash, 'hex') AS hash FROM audit_head ORDER BY 1"


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def run_migrate(settings: Settings, _args: argparse.Namespace) -> int:
    """Apply what is missing, and make the bucket where a store is named; safe to run from several places at once."""
    ran = asyncio.run(migrate(settings, lambda description: say(f"applied: {description}")))
    say(f"{ran} migrations applied." if ran else "The database is up to date.")
    if settings.s3_endpoint:
        Storage.from_settings(settings).ensure_bucket()
        say(f"The bucket {settings.s3_bucket} is there and keeps versions.")
    return 0


def run_verify(settings: Settings, args: argparse.Namespace) -> int:
    """Check every organisation's chain, and that it still holds the heads noted earlier. 1 when anything is amiss."""
    noted = json.loads(Path(args.heads).read_text()) if args.heads else []
    faults, entries, chains = asyncio.run(verify(settings, noted))
    for fault in faults:
        say(fault)
    if faults:
        return 1
    beside = f", and {len(noted)} heads noted earlier are all still in their chains" if args.heads else ""
    say(f"The audit trail is whole: {entries} entries in {chains} chains{beside}.")
    return 0


async def verify(settings: Settings, noted: list[dict[str, object]]) -> tuple[list[str], int, int]:
    """Faults as sentences, the number of entries, the number of chains."""
    connection = await asyncpg.connect(settings.dsn("migrator"))
    try:
        async with connection.transaction(readonly=True, isolation="repeatable_read"):
            faults = [
                f"organisation {row['organisation_id']}, entry {row['seq']}: {row['fault']}"
                for row in await connection.fetch("SELECT * FROM audit_faults()")
            ]
            for head in noted:
                found = await connection.fetchval(
                    "SELECT encode(hash, 'hex') FROM audit_entry WHERE organisation_id = $1::text::uuid AND seq = $2",
                    head["organisation"], head["seq"],
                )  # fmt: skip
                if found != head["hash"]:
                    faults.append(
                        f"organisation {head['organisation']}, entry {head['seq']}: it is not the one that was noted"
                    )
            entries = await connection.fetchval("SELECT count(*) FROM audit_entry")
            chains = await connection.fetchval("SELECT count(*) FROM audit_head")
            return faults, entries, chains
    finally:
        await connection.close()


def run_heads(settings: Settings, _args: argparse.Namespace) -> int:
    """Print every chain's newest entry, to be kept where nobody who can change the database can change it."""

    async def heads() -> list[dict[str, object]]:
        connection = await asyncpg.connect(settings.dsn("migrator"))
        try:
            return [dict(row) for row in await connection.fetch(HEADS)]
        finally:
            await connection.close()

    say(json.dumps(asyncio.run(heads()), indent=1))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="marketplace")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("migrate", help="bring the database to this version").set_defaults(run=run_migrate)
    audit = commands.add_parser("audit", help="the chained audit trail").add_subparsers(required=True, metavar="WHAT")
    checking = audit.add_parser("verify", help="check that nothing in it was changed or taken away")
    checking.add_argument("--heads", metavar="FILE", help="also against heads printed earlier by 'audit heads'")
    checking.set_defaults(run=run_verify)
    audit.add_parser("heads", help="print the newest entry of each chain").set_defaults(run=run_heads)
    args = parser.parse_args()
    try:
        return args.run(Settings.from_environment().required("database_url", "secret"), args)
    except (SettingsError, DatabaseTooNew, MarketplaceError) as error:
        sys.stderr.write(f"{error}\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
