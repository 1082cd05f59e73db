"""The rows of a workforce file that lean on a worker: competencies with their sign-off, and other checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.providers.evidence import keep_check, keep_competency
from marketplace.providers.import_columns import SHEETS, Sheet
from marketplace.providers.import_files import file_handle
from marketplace.providers.import_plan import Item
from marketplace.providers.import_reading import Row
from marketplace.providers.import_run import SOMEBODY, Run, assessors, same
from marketplace.web.filters import day as written_day
from marketplace.web.filters import listing


class ProofRows(Run):
    """The sheets Competencies and Checks, row by row."""

    def _whose(self, sheet: Sheet, row: Row, reference: str, name: str) -> dict[str, Any] | None:
        """The worker a row is about, found by reference or by a name only one has; None, with a fault, if nobody."""
        if reference:
            if same(reference) not in self.by_reference:
                self._wrong(sheet, row, "reference", f'There is no worker with the reference "{reference[:60]}"')
                return None
            key = self.by_reference[same(reference)]
        else:
            found = list(dict.fromkeys(self.by_name.get(same(name), [])))
            if not name:
                if "name" in self.spoilt:
                    return None
                self._wrong(sheet, row, "reference", "Enter the worker's reference")
                return None
            if not found:
                self._wrong(
                    sheet, row, "name", f'There is no worker called "{name[:60]}": add them on the sheet Workers'
                )
                return None
            if len(found) > 1:
                self._wrong(sheet, row, "reference", f"Several workers are called {name[:60]}: enter the reference")
                return None
            key = found[0]
        if key is None:
            return None  # the worker's own row is wrong, and says so
        worker = self.workers[key]
        if reference and name and worker["name"] != SOMEBODY and same(name) != same(worker["name"]):
            self._wrong(
                sheet, row, "name",
                f'The reference {reference[:60]} is that of {worker["name"]}, not "{name[:60]}": correct one of them',
            )  # fmt: skip
            return None
        return worker

    async def competency(self, row: Row) -> None:
        sheet = SHEETS["competencies"]
        values = self._read(sheet, row)
        self._missing(sheet, row, values)
        worker = self._whose(sheet, row, values.get("reference", ""), values.get("name", ""))
        package: UUID | None = None
        if typed := values.get("package"):
            package = self.packages.get(typed.casefold())
            if package is None:
                self._wrong(sheet, row, "package", f'None of your packages has the reference "{typed[:60]}"')
        assessor, who = None, values.get("assessor_name", "")
        if typed := values.get("assessor_reference"):
            assessor = self.by_reference.get(same(typed))
            if same(typed) not in self.by_reference:
                self._wrong(sheet, row, "assessor_reference", f'There is no worker with the reference "{typed[:60]}"')
            who = self.workers[assessor]["name"] if assessor is not None else SOMEBODY
        file = self._file(sheet, row, worker, values.get("file", ""))
        if worker is None or self.spoilt:
            await self._judge(
                sheet, row,
                keep_competency(
                    self.work, worker or self._nobody(), self.spoken, code=values.get("code", ""),
                    assessed_on=values.get("assessed_on", self.today), method=values.get("method", ""),
                    assessor_worker_id=assessor if worker is not None else None, assessor_name=who,
                    for_package_id=package, evidence_id=file,
                ),
            )  # fmt: skip
            return
        signed = values["method"] in self.spoken.signing_methods
        what = f"{self.spoken.skill(values['code'])}, {written_day(values['assessed_on'])}"
        fact = (worker["id"], values["code"], values["assessed_on"], values["method"], package)
        keys = [(*fact, by) for by in (assessors(assessor, who) if signed else assessors(None, ""))]
        for key in keys:
            if key in self.skills and (file is None or (*key, file) in self.shown):
                since = self.skills[key]
                note = f", sent back to training on {written_day(local_day(since))} since" if since is not None else ""
                self._done(sheet, row, worker, "same", f"{what}: kept already{note}")
                return
        if self._gone(sheet, row, worker):
            return
        try:
            await keep_competency(
                self.work, worker, self.spoken, code=values["code"], assessed_on=values["assessed_on"],
                method=values["method"], assessor_worker_id=assessor, assessor_name=who, for_package_id=package,
                evidence_id=file,
            )  # fmt: skip
        except InvalidInput as error:
            self._refused(sheet, row, error)
            return
        self.skills |= dict.fromkeys(keys)
        self.shown |= {(*key, file) for key in keys}
        by = f", signed off by {who}" if signed else ", attended, not signed off"
        self._done(
            sheet, row, worker, "add", what + by + (f", for package {values['package']} only" if package else "")
            + (", with its file" if file else "")
        )  # fmt: skip

    def _file(self, sheet: Sheet, row: Row, worker: Mapping[str, Any] | None, typed: str) -> UUID | None:
        """The file about this worker that a row names by title, file name or handle; None, with a fault, if not one."""
        if not typed or worker is None:
            return None
        found = self.files.get(worker["id"], {}).get(same(typed), [])
        if not found:
            said = f'No file about {worker["name"]} is called "{typed[:60]}": add it under Evidence, or correct this'
            self._wrong(sheet, row, "file", said)
        elif len(found) > 1:
            ways = listing([file_handle(each) for each in found], "or")
            self._wrong(sheet, row, "file", f"Several files about {worker['name']} are called so: enter {ways}")
        return found[0] if len(found) == 1 else None

    async def check(self, row: Row) -> None:
        sheet = SHEETS["checks"]
        values = self._read(sheet, row)
        self._missing(sheet, row, values)
        worker = self._whose(sheet, row, values.get("reference", ""), values.get("name", ""))
        kind, until = values.get("kind", ""), values.get("valid_until")
        done_on = values.get("done_on", min(self.today, until or self.today))
        keeping = {"kind": kind, "done_on": done_on, "valid_until": until}
        if worker is None or self.spoilt:
            await self._judge(
                sheet, row, keep_check(self.work, worker or self._nobody(), self.spoken, **keeping)
            )  # fmt: skip
            return
        what = f"{self.spoken.checks[kind].title}, {written_day(done_on)}"
        what += f", valid until {written_day(until)}" if until else ""
        key = (worker["id"], kind, done_on, until)
        if key in self.withdrawn - self.checks:
            self._done(sheet, row, worker, "same", f"{what}: kept already, withdrawn since")
            return
        if key in self.checks:
            self._done(sheet, row, worker, "same", f"{what}: kept already")
            return
        if self._gone(sheet, row, worker):
            return
        try:
            await keep_check(self.work, worker, self.spoken, **keeping)
        except InvalidInput as error:
            self._refused(sheet, row, error)
            return
        self.checks.add(key)
        self._done(sheet, row, worker, "add", what)

    def _nobody(self) -> dict[str, Any]:
        """Stands for the worker of a row that names none we know: the rest of the row is judged all the same."""
        return {"provider_id": self.work.actor.provider_id, "id": uuid4(), "name": SOMEBODY, "person_id": None}

    def _gone(self, sheet: Sheet, row: Row, worker: Mapping[str, Any]) -> bool:
        if self._left(worker):
            left = f"{worker['name']} left on {written_day(worker['left_on'])}, so nothing more can be recorded"
            self._wrong(sheet, row, "reference", left)
            return True
        return False

    def _done(self, sheet: Sheet, row: Row, worker: Mapping[str, Any], effect: str, what: str) -> None:
        self.items.append(Item(sheet.title, row.number, worker["name"], effect, what))
