"""Reading a pack's folder of TOML files into typed rules, naming file, key and reason for every fault.

A file holds arrays of tables, one per noun (`[[duties]]`), in any split over files. `[defaults.duties]` gives values
that every row of that noun in the same file has unless it says otherwise, so that a clause or a day is written once.
"""

import tomllib
from pathlib import Path
from typing import Any, cast

import msgspec

from marketplace.policy.checking import Fault, plain
from marketplace.policy.rules import NOUNS, Content, PackHead, Rule

PACKS = Path(__file__).parent / "packs"
PACK_FOLDERS: dict[str, Path] = {
    folder.name.replace("_", "-"): folder for folder in sorted(PACKS.iterdir()) if (folder / "pack.toml").is_file()
}
HEAD = "pack"

Table = dict[str, Any]


def read_folder(folder: Path) -> tuple[Content | None, list[Fault]]:
    """The rules of a folder and what is wrong with its files; no content where a row could not be read."""
    faults: list[Fault] = []
    found: dict[str, list[Rule]] = {noun: [] for noun in (HEAD, *NOUNS)}
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not files:
        return None, [Fault(str(folder), "", "there is no folder with .toml files of that name")]
    for file in files:
        table = _read_file(file, faults)
        _read_nouns(file.name, table, found, faults)
    heads = found.pop(HEAD)
    if len(heads) != 1:
        faults.append(Fault("pack.toml", HEAD, f"exactly one [pack] table is needed, found {len(heads)}"))
    if faults:
        return None, faults
    nouns: dict[str, Any] = {noun: tuple(rules) for noun, rules in found.items()}
    return Content(pack=cast(PackHead, heads[0]), **nouns), []


def _read_file(file: Path, faults: list[Fault]) -> Table:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
        faults.append(Fault(file.name, "", f"cannot be read as TOML: {error}"))
        return {}


def _read_nouns(file: str, table: Table, found: dict[str, list[Rule]], faults: list[Fault]) -> None:
    defaults = table.pop("defaults", {})
    if not isinstance(defaults, dict):
        faults.append(Fault(file, "defaults", "must be tables, one per noun"))
        defaults = {}
    defaults = cast(Table, defaults)
    faults += [Fault(file, f"defaults.{noun}", "has no rows in this file") for noun in defaults if noun not in table]
    for noun, rows in table.items():
        if noun not in found:
            faults.append(Fault(file, noun, f"is not a noun of a pack; known are {', '.join(found)}"))
            continue
        if noun == HEAD:
            rows = [rows]
        if not isinstance(rows, list):
            faults.append(Fault(file, noun, f"must be an array of tables: [[{noun}]]"))
            continue
        common = defaults.get(noun, {})
        if not isinstance(common, dict):
            faults.append(Fault(file, f"defaults.{noun}", "must be a table"))
            continue
        for index, row in enumerate(cast(list[object], rows)):
            if not isinstance(row, dict):
                faults.append(Fault(file, f"{noun}[{index}]", "must be a table"))
                continue
            rule = _read_row(file, noun, index, {**cast(Table, common), **cast(Table, row)}, faults)
            if rule is not None:
                found[noun].append(rule)


def _read_row(file: str, noun: str, index: int, row: Table, faults: list[Fault]) -> Rule | None:
    kind: type[Rule] = PackHead if noun == HEAD else NOUNS[noun]
    name = row.get("key")
    where = f"{noun}.{name}" if isinstance(name, str) and name else f"{noun}[{index}]"
    before = len(faults)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults += [Fault(file, f"{where}.{key}", "is not a key of this noun") for key in row if key not in fields]
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in row:
            try:
                values[field.name] = msgspec.convert(row[key], field.type)
            except msgspec.ValidationError as error:
                faults.append(Fault(file, f"{where}.{key}", plain(error)))
        elif field.required:
            faults.append(Fault(file, f"{where}.{key}", "is missing"))
    return kind(**values) if len(faults) == before else None
