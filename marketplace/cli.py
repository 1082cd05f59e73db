"""`marketplace COMMAND`: the program's door.

Trying policy out runs right here and needs nothing else to be loaded; every other command is a module of its own, which
this process becomes, so that each loads only what it needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from marketplace import policy_commands

# Command -> (module, what it does). The console's module lies in `admin`, which nothing here may import.
MODULES = {
    "up": ("marketplace.up", "start everything on this machine: database, files, both sites, jobs"),
    "serve": ("marketplace.serve", "serve one site: serve marketplace | serve admin | serve files"),
    "worker": ("marketplace.worker", "run jobs and watch what falls due"),
    "migrate": ("marketplace.operations", "bring the database to this version"),
    "audit": ("marketplace.operations", "audit verify | audit heads: check the chained audit trail"),
    "ledger": ("marketplace.ledger_commands", "ledger verify: compute every invoice and balance again"),
    "invoices": ("marketplace.invoice_commands", "invoices run: make every draft of the billing period that is over"),
    "operator": ("marketplace.operations", "operator invite EMAIL NAME: let the first person in"),
    "demo": ("marketplace.demo", "demo load: fill an empty database with the demo's world"),
    "dev": ("marketplace.dev", "dev national: lay a made-up nation into an empty database, to measure with"),
    "openapi": ("marketplace.openapi", "print the API's OpenAPI document"),
}
# These share a module, which wants to know which of its commands is meant.
NAMED = {"migrate", "audit", "operator"}
ELSEWHERE = {"admin": "admin.serve"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (2: it was asked for wrongly)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in MODULES:
        become(given)
    parser = argparse.ArgumentParser(prog="marketplace", description="Care marketplace for children's care.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, what) in MODULES.items():
        commands.add_parser(name, help=what, add_help=False)
    policy_commands.register(commands)
    commands.add_parser("version", help="print the version").set_defaults(run=print_version)
    args = parser.parse_args(given)
    return args.run(args)


def become(given: list[str]) -> None:
    """Turn this process into the command's module; does not return."""
    name, *rest = given
    module = MODULES[name][0]
    if name == "serve" and rest[:1] and rest[0] in ELSEWHERE:
        module, rest = ELSEWHERE[rest[0]], rest[1:]
    if name in NAMED:
        rest = given
    # -P: the folder we happen to be in does not take part in imports.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *rest])  # noqa: S606 - ourselves, by module


def print_version(_args: argparse.Namespace) -> int:
    sys.stdout.write(f"{version('care-marketplace')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
