"""The rows of a workforce file about the workers themselves: who is new, who is meant, what changes with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.errors import InvalidInput
from marketplace.providers.dbs_checks import keep_dbs_check
from marketplace.providers.evidence import keep_registration
from marketplace.providers.import_columns import SHEETS, handle
from marketplace.providers.import_plan import Item, Question
from marketplace.providers.import_reading import Row
from marketplace.providers.import_run import SOMEBODY, Run, same
from marketplace.providers.workforce import keep_details, keep_new_worker
from marketplace.web.filters import day as written_day

NEW = "new"  # the answer "this is somebody else"
DETAILS = ("name", "role", "engagement", "languages", "drives_children", "started_on", "email", "phone")
DBS = ("certificate_number", "issued_on", "workforce", "barred_list_checked", "update_service_consent")
REGISTRATION = ("pin", "valid_until", "fit_to_practise")


class WorkerRows(Run):
    """The sheet Workers, row by row."""

    async def worker(self, row: Row) -> None:
        sheet = SHEETS["workers"]
        values = self._read(sheet, row)
        reference, name = values.get("reference", ""), values.get("name", "")
        if reference and (twin := self.rows_of.setdefault(same(reference), row.number)) != row.number:
            self._wrong(sheet, row, "reference", f"Row {twin} has this reference already: each worker has their own")
            await self._judge(sheet, row, self._anew(row, values))
            self._unknown_yet("", name)
            return
        key = self.by_reference.get(same(reference)) if reference else None
        if key is None:
            key = self._asked(row, values)
            if key is None:
                await self._judge(sheet, row, self._anew(row, values))
                self._unknown_yet(reference, name)
                return
        try:
            await (self._add(row, values) if key == NEW else self._change(row, values, self.workers[UUID(str(key))]))
        except InvalidInput as error:
            self._refused(sheet, row, error)
            self._unknown_yet(reference, name)

    def _unknown_yet(self, reference: str, name: str) -> None:
        """What leans on this worker cannot be judged before the worker's own row is right: it is passed over."""
        if reference:
            self.by_reference.setdefault(same(reference), None)
        if name and not self.by_name[same(name)]:
            self.by_name[same(name)].append(None)

    def _asked(self, row: Row, values: Mapping[str, Any]) -> UUID | str | None:
        """Whom a row without a known reference means: somebody new, who was named in answer, or None: to be asked."""
        name, role, reference = values.get("name", ""), values.get("role"), values.get("reference")
        alike = [
            self.workers[key]
            for key in self.by_name.get(same(name), [])
            if key is not None
            and self.workers[key]["role"] == role
            # whoever has a reference of their own is not meant by another one
            and not (reference and self.workers[key]["reference"])
        ]
        in_file = [worker for worker in alike if "row" in worker]
        if in_file and not reference:
            first = in_file[0]["row"]
            self._wrong(
                SHEETS["workers"], row, "reference",
                f"Row {first} has this name and role too: give each a reference, or take one out",
            )  # fmt: skip
            return None
        known = [worker for worker in alike if "row" not in worker]
        if not known:
            return NEW
        answer = self.answers.get(str(row.number))
        if answer == NEW or answer in {str(worker["id"]) for worker in known}:
            return answer
        people = [(str(worker["id"]), _in_words(worker)) for worker in known]
        self.questions.append(Question(row.number, name, self.spoken.roles.get(role or "", ""), people))
        return None

    async def _add(self, row: Row, values: dict[str, Any]) -> None:
        worker, details = await self._anew(row, values)
        worker["row"] = row.number
        self._know(worker)
        role = self.spoken.roles.get(worker["role"], worker["role"])
        self.items.append(Item("Workers", row.number, worker["name"], "add", f"New worker: {role}", details))

    async def _anew(self, row: Row, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The worker added, and what else was recorded. What is wrong with one is said, and another stands in for it:
        so the rest of the row, and what leans on the worker, is judged in the same run."""
        stand_ins: dict[str, Any] = {"name": SOMEBODY, "role": next(iter(self.spoken.roles), "")}
        given: dict[str, Any] = {"name": "", "role": ""}
        given |= {key: values[key] for key in (*DETAILS, "reference") if key in values and key not in self.spoilt}
        for last in (False, False, True):
            try:
                key = await keep_new_worker(self.work, self.spoken, **given)
                break
            except InvalidInput as error:
                self._refused(SHEETS["workers"], row, error)
                if last:
                    raise
                given = stand_ins | {name: value for name, value in given.items() if name not in error.fields}
        kept = await self.work.fetchrow("SELECT * FROM worker WHERE id = $1", key)
        assert kept is not None
        private = dict.fromkeys((*DBS, "pin"), None) | {"update_service_consent": False}
        worker = {**dict(kept), **private, "phone": given.get("phone", ""), "email": given.get("email", "")}
        worker["reference"] = values.get("reference")
        return worker, await self._evidence(row, values, worker)

    async def _evidence(self, row: Row, values: dict[str, Any], worker: dict[str, Any]) -> list[str]:
        details: list[str] = []
        for part in (self._dbs, self._registration):
            try:
                details += await part(row, values, worker)
            except InvalidInput as error:
                self._refused(SHEETS["workers"], row, error)
        return details

    async def _change(self, row: Row, values: dict[str, Any], worker: dict[str, Any]) -> None:
        given = {key: values[key] for key in DETAILS if key in values}
        if "email" in given:
            given["email"] = given["email"].lower()
        changed = {key: value for key, value in given.items() if value != worker[key]}
        reference = values.get("reference", "")
        fresh = bool(reference) and not worker["reference"] and same(reference) != handle(worker["id"]).casefold()
        if self._left(worker):
            left = f"{worker['name']} left on {written_day(worker['left_on'])}"
            if changed or fresh:
                raise InvalidInput({"reference": f"{left}, so nothing more can be recorded"})
            self.items.append(Item("Workers", row.number, worker["name"], "same", left))
            return
        details = [self._said(key, worker[key], value) for key, value in changed.items()]
        if fresh:
            details.append(f"Worker's reference: {reference}")
        if changed or fresh:
            merged = {key: worker[key] for key in DETAILS} | changed
            try:
                await keep_details(self.work, worker, self.spoken, **merged, reference=reference if fresh else None)
            except InvalidInput as error:
                self._refused(SHEETS["workers"], row, error)
            worker.update(changed)
            if fresh:
                worker["reference"] = reference
                self.by_reference[same(reference)] = worker["id"]
            if "name" in changed:
                self.by_name[same(worker["name"])].append(worker["id"])
        details += await self._evidence(row, values, worker)
        effect, what = ("change", "Changed") if details else ("same", "Left as it is")
        self.items.append(Item("Workers", row.number, worker["name"], effect, what, details))

    def _said(self, key: str, before: Any, after: Any) -> str:
        column = SHEETS["workers"].column(key)
        if column.private:
            return f"{column.heading} changed"
        return f"{column.heading}: {self._shown(key, before)} becomes {self._shown(key, after)}"

    def _shown(self, key: str, value: Any) -> str:
        if value in (None, ""):
            return "nothing"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, date):
            return written_day(value)
        return self.options.get(("workers", key), {}).get(value, str(value))

    async def _dbs(self, row: Row, values: dict[str, Any], worker: dict[str, Any]) -> list[str]:
        given = {key: values[key] for key in DBS if key in values}
        if "certificate_number" in given:
            given["certificate_number"] = re.sub(r"[\s-]", "", given["certificate_number"])
        changed = {key: value for key, value in given.items() if value != worker[key]}
        checked_on, outcome = values.get("checked_on"), values.get("outcome", "clear")
        who = values.get("checked_by_name", "")
        if checked_on is None:
            if not (changed or who or "outcome" in values):
                return []
            said = "Enter the date of the DBS check, to keep what the row says of it"
            self._wrong(SHEETS["workers"], row, "checked_on", said)
            checked_on = self.today  # so that the rest of what the row says is judged too
        kept = self.dbs[worker["id"]]
        if (worker["id"], checked_on, same(who), outcome) in self.withdrawn:
            self.notes.append(
                f"Workers, row {row.number}: the DBS check of {written_day(checked_on)} was withdrawn since, and stays"
                " so."
            )
            return []
        there = (checked_on, same(who), outcome) in kept
        newest = max((each[0] for each in kept), default=None)
        # news counts whatever was seen later, and so does the certificate that settles it
        settling = worker["id"] in self.doubted and "certificate_number" in changed
        if newest is not None and checked_on < newest and outcome == "clear" and not settling:
            if changed or not there:
                self.notes.append(
                    f"Workers, row {row.number}: the DBS check of {written_day(checked_on)} is older than the newest"
                    f" one kept of {worker['name']}, of {written_day(newest)}, which is left as it is."
                )
            return []
        if there and not changed:
            return []
        await keep_dbs_check(
            self.work, worker, self.spoken, checked_on=checked_on, checked_by_name=who, outcome=outcome, **given
        )
        kept.append((checked_on, same(who), outcome))
        said = ["another certificate"] if worker["certificate_number"] and "certificate_number" in changed else []
        worker.update(changed)
        found = "clear" if outcome == "clear" else "new information: stands the worker down"
        return [f"DBS check of {written_day(checked_on)}, {found}", *said]

    async def _registration(self, row: Row, values: dict[str, Any], worker: dict[str, Any]) -> list[str]:
        kept: dict[str, Any] = {
            "pin": worker["pin"], "valid_until": worker["registration_until"],
            "fit_to_practise": worker["registration_fit_to_practise"],
        }  # fmt: skip
        given = {key: values[key] for key in REGISTRATION if key in values}
        if "pin" in given:
            given["pin"] = re.sub(r"\s", "", given["pin"]).upper()
        if all(kept[key] == value for key, value in given.items()):
            return []
        merged = kept | given
        if merged["valid_until"] is None:
            self._wrong(SHEETS["workers"], row, "valid_until", "Enter the last day of the registration")
            merged["valid_until"] = self.today  # so that the rest is judged too
        await keep_registration(
            self.work, worker, pin=merged["pin"] or "", valid_until=merged["valid_until"],
            fit_to_practise=merged["fit_to_practise"],
        )  # fmt: skip
        worker["pin"], worker["registration_until"] = merged["pin"], merged["valid_until"]
        worker["registration_fit_to_practise"] = merged["fit_to_practise"]
        fit = "" if merged["fit_to_practise"] else ", not fit to practise"
        return [f"Registered until {written_day(merged['valid_until'])}{fit}"]


def _in_words(worker: Mapping[str, Any]) -> str:
    since = f", since {written_day(worker['started_on'])}" if worker["started_on"] else ""
    reference = f", reference {worker['reference']}" if worker["reference"] else ""
    return f"{worker['name']}{since}{reference}"
