"""Commands an operator runs against a database: `migrate`, `audit verify`, `audit heads`, `operator invite`.

They read the same settings as the processes that serve; `--data DIR` takes those of a running `marketplace up`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from marketplace.identity.first_operator import make_first_operator
from marketplace.platform.errors import InvalidInput, MarketplaceError
from marketplace.platform.migrate import DatabaseTooNew, migrate
from marketplace.platform.storage import Storage
from marketplace.platform.supervisor import RUNNING
from marketplace.settings import Settings, SettingsError

HEADS = "SELECT organisation_id::text AS organisation, seq, encode(hash, 'hex') AS hash FROM audit_head ORDER BY 1"


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def run_migrate(settings: Settings, _args: argparse.Namespace) -> int:
    """Apply what is missing, and make the bucket where a store is named; safe to run from several places at once."""
    ran = asyncio.run(migrate(settings, lambda description: say(f"applied: {description}")))
    say(f"{ran} migrations applied." if ran else "The database is up to date.")
    if settings.s3_endpoint:
        storage = Storage.from_settings(settings)
        storage.ensure_bucket()
        if settings.s3_browser_url:
            storage.let_pages_upload(settings.marketplace_url)
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


def run_invite(settings: Settings, args: argparse.Namespace) -> int:
    """Print the link with which an operator chooses a password: the first one lets everybody else in."""
    _, link = asyncio.run(make_first_operator(settings, args.name, args.email))
    say(f"Open this address within seven days to choose a password, and give it to nobody else:\n{link}")
    return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="marketplace")
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--data", type=Path, metavar="DIR", help="use the settings of the 'up' that runs on this folder")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    migrating = commands.add_parser("migrate", parents=[place], help="bring the database to this version")
    migrating.set_defaults(run=run_migrate)
    audit = commands.add_parser("audit", help="the chained audit trail").add_subparsers(required=True, metavar="WHAT")
    checking = audit.add_parser("verify", parents=[place], help="check that nothing was changed or taken away")
    checking.add_argument("--heads", metavar="FILE", help="also against heads printed earlier by 'audit heads'")
    checking.set_defaults(run=run_verify)
    audit.add_parser("heads", parents=[place], help="print the newest entry of each chain").set_defaults(run=run_heads)
    operator = commands.add_parser("operator", help="who runs this").add_subparsers(required=True, metavar="WHAT")
    inviting = operator.add_parser("invite", parents=[place], help="let an operator in")
    inviting.add_argument("email", metavar="EMAIL")
    inviting.add_argument("name", metavar="NAME")
    inviting.set_defaults(run=run_invite)
    return whole


def settings_for(data: Path | None) -> Settings:
    """From the environment, or from the folder a running `up` has left them in."""
    if data is None:
        return Settings.from_environment().required("database_url", "secret")
    try:
        return Settings.from_environment(json.loads((data / RUNNING).read_text()))
    except OSError:
        raise SettingsError(f"The marketplace does not run on {data}: start it with 'marketplace up' first.") from None


def main() -> int:
    """0: done; 1: the check found something; 2: asked for wrongly, or it could not be done."""
    args = parser().parse_args()
    try:
        return args.run(settings_for(args.data), args)
    except InvalidInput as error:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in error.fields.values()))
    except (SettingsError, DatabaseTooNew, MarketplaceError) as error:
        sys.stderr.write(f"{error}\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
