"""`marketplace policy ...`: try a framework's rules on a file, without a database, a server or a login."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from marketplace.policy import calculators
from marketplace.policy.casefile import CaseFaults, one_line
from marketplace.policy.pack import Pack, PackError, available_packs, check_folder, load_pack
from marketplace.policy.standing import SENTENCES

UNUSABLE = 2

Calculator = Callable[[bytes, calculators.Packs | None], dict[str, Any]]
CALCULATORS: dict[str, tuple[Calculator, str]] = {
    "invoice": (calculators.invoice, "judge an invoice: due moment, price of each visit, defects, deduction, carry"),
    "eligibility": (
        calculators.eligibility,
        "judge whom a broadcast reaches and which workers are ready, with reasons",
    ),
    "deadlines": (calculators.deadlines, "say when duties fall due"),
}


def register(subparsers: Any) -> None:
    """Add `policy` and its commands to the program's subparsers; each sets `run`, a callable from args to exit code."""
    policy = subparsers.add_parser("policy", help="try out policy packs and the rules on a file")
    commands = policy.add_subparsers(dest="policy_command", required=True, metavar="COMMAND")
    for name, (_, text) in CALCULATORS.items():
        command = commands.add_parser(name, help=text, description=f"Reads a case and will {text}.")
        command.add_argument("case", metavar="CASE.json", help="the case file, or - for standard input")
        command.add_argument("--table", action="store_true", help="print for people instead of JSON")
        command.add_argument("--pack-folder", metavar="FOLDER", help="also know the pack in this folder, by its own id")
        command.set_defaults(run=run_calculator, calculator=name)
    check = commands.add_parser("check", help="check a pack's folder: every fault with file, key and reason")
    check.add_argument("folder", metavar="FOLDER")
    check.set_defaults(run=run_check)
    packs = commands.add_parser("packs", help="list the packs that come with the software")
    packs.set_defaults(run=run_packs)
    show = commands.add_parser("show", help="show every rule of a pack with clause, unit and first day")
    show.add_argument("pack", metavar="PACK", help="a pack's id or folder")
    show.add_argument("--json", action="store_true", help="print the pack as it is stored")
    show.add_argument("--decisions", action="store_true", help="only what the commissioner confirms")
    show.set_defaults(run=run_show)


def run_calculator(args: argparse.Namespace) -> int:
    """Run one calculator on a case file. 0 with the result on standard output, 2 with the faults on standard error."""
    calculator, _ = CALCULATORS[args.calculator]
    try:
        packs = calculators.known_packs()
        if args.pack_folder:
            pack = load_pack(Path(args.pack_folder))
            packs[pack.id] = pack
        data = sys.stdin.buffer.read() if args.case == "-" else Path(args.case).read_bytes()
        result = calculator(data, packs)
    except CaseFaults as faults:
        return _refuse(faults.lines)
    except PackError as error:
        return _refuse([str(fault) for fault in error.faults] or [str(error)])
    except (OSError, ValueError) as error:
        return _refuse([f"{args.case}: cannot be read: {one_line(str(error))}"])
    _write(_table(result) if args.table else json.dumps(result, indent=2))
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Check a pack's folder. 0 where it can be used, else 2 with one line per fault: file, key, reason."""
    faults = check_folder(args.folder)
    if faults:
        return _refuse([one_line(str(fault)) for fault in faults])
    pack = load_pack(Path(args.folder))
    _write(f"{pack.id}: {sum(1 for _ in pack.rules())} rules, {len(pack.decisions())} decisions to confirm, no faults")
    _write(f"hash {pack.content_hash}")
    return 0


def run_packs(args: argparse.Namespace) -> int:
    """List the packs that come with the software."""
    rows = [["pack", "title", "rules", "decisions", "hash"]]
    for name in available_packs():
        pack = load_pack(name)
        rules = sum(1 for _ in pack.rules())
        rows.append([pack.id, pack.title, str(rules), str(len(pack.decisions())), pack.content_hash[:12]])
    _write(_columns(rows))
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Show a pack's rules, or only its decisions."""
    try:
        pack = load_pack(args.pack)
    except PackError as error:
        return _refuse([one_line(str(fault)) for fault in error.faults] or [one_line(str(error))])
    if args.json:
        _write(msgspec.json.format(msgspec.json.encode(pack.content), indent=2).decode())
    elif args.decisions:
        for decision in pack.decisions():
            value = json.dumps(decision.value, ensure_ascii=False)
            _write(
                f"{decision.key} [{decision.clause}]\n  {decision.question}\n  proposed: {value} ({decision.unit})\n"
            )
    else:
        _write(_rules_of(pack))
    return 0


def _rules_of(pack: Pack) -> str:
    rows = [["rule", "clause", "from", "unit", "", "what it says"]]
    for noun, rule in pack.rules():
        mark = "decision" if rule.decision else ""
        value = getattr(rule, "value", None)
        title = rule.title if value is None else f"{rule.title}: {json.dumps(value, ensure_ascii=False)}"
        rows.append([f"{noun}.{rule.key}", rule.clause, rule.from_.isoformat(), rule.unit, mark, title])
    return f"{pack.title}\n{pack.content.pack.source}\nhash {pack.content_hash}\n\n{_columns(rows)}"


def _table(result: dict[str, Any]) -> str:
    """A calculator's result for people: single values, then each list as a table; money in pounds."""
    if "providers" in result:
        return _providers(result["providers"])
    blocks: list[str] = []
    singles = [[_name(key), _shown(key, value)] for key, value in result.items() if not isinstance(value, list)]
    for key, items in result.items():
        if isinstance(items, list):
            header = [[_name(name) for name in items[0]]] if items else []
            rows = [[_shown(name, value) for name, value in item.items()] for item in items]
            blocks.append(f"{_name(key)}\n{_columns([*header, *rows]) if items else '  none'}")
    if singles:
        blocks.append(_columns(singles))
    return "\n\n".join(blocks)


def _providers(providers: list[dict[str, Any]]) -> str:
    lines: list[str] = []
    for provider in providers:
        lines.append(f"{_safe(provider['id'])}: {'reached' if provider['reached'] else 'not reached'}")
        lines += [f"  - {SENTENCES[code]}" for code in provider["reasons"]]
        for worker in provider["workers"]:
            lines.append(f"  {_safe(worker['id'])}: {'ready' if worker['ready'] else 'not ready'}")
            lines += [f"    - {SENTENCES[reason['code']].format(item=reason['item'])}" for reason in worker["reasons"]]
    return "\n".join(lines) or "no providers"


def _name(key: str) -> str:
    return key.removesuffix("_pence").replace("_", " ")


def _shown(key: str, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and key.endswith("_pence"):
        return f"£{value // 100}.{value % 100:02}"
    return _safe(value)


def _safe(value: object) -> str:
    # What a case file says must not steer the terminal it is shown on.
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(value))


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _refuse(lines: Sequence[str]) -> int:
    for line in lines:
        sys.stderr.write(line + "\n")
    return UNUSABLE


def main(argv: Sequence[str] | None = None) -> int:
    """The policy commands alone: `python -m marketplace.policy_commands policy invoice CASE.json`."""
    parser = argparse.ArgumentParser(prog="marketplace")
    register(parser.add_subparsers(required=True, metavar="COMMAND"))
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    return run(args)


if __name__ == "__main__":
    raise SystemExit(main())
