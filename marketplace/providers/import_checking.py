"""What a workforce file would do, found by doing it: every row through the functions the single actions use.

A preview is an import whose unit of work is rolled back; so the preview and the import cannot differ, and there is no
second set of rules. What is in the file already (the same check, the same assessment) is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.providers.dbs_checks import keep_dbs_check
from marketplace.providers.evidence import keep_check, keep_competency, keep_registration
from marketplace.providers.import_columns import SHEETS, Sheet, handle
from marketplace.providers.import_plan import Item, Plan, Question
from marketplace.providers.import_reading import Row, Rows
from marketplace.providers.import_run import SOMEBODY, Run, assessors, same
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import ensure_profile, keep_details, keep_new_worker
from marketplace.web.filters import day as written_day

Progress = Callable[[int], Awaitable[None]]
TELLS_EVERY = 50  # rows
NEW = "new"  # the answer "this is somebody else"
DETAILS = ("name", "role", "engagement", "languages", "drives_children", "started_on", "email", "phone")
DBS = ("certificate_number", "issued_on", "workforce", "barred_list_checked", "update_service_consent")
REGISTRATION = ("pin", "valid_until", "fit_to_practise")


async def carry_out(work: Work, rows: Rows, answers: Mapping[str, str], progress: Progress | None = None) -> Plan:
    """Do what the rows say, in the open unit; answers the plan of what was done. With faults, roll the unit back.

    `progress` is told now and then how many rows are done.
    """
    spoken = await words(work)
    doing = _Doing(work, rows, answers, spoken)
    await ensure_profile(work)
    await doing.load()
    steps = {"workers": doing.worker, "competencies": doing.competency, "checks": doing.check}
    done = 0
    for key, step in steps.items():
        for row in rows.sheets.get(key, []):
            await step(row)
            done += 1
            if progress is not None and done % TELLS_EVERY == 0:
                await progress(done)
    order = {sheet.title: number for number, sheet in enumerate(SHEETS.values())}
    faults = sorted(doing.faults, key=lambda fault: (order[fault.sheet], fault.row))
    wrong = {(fault.sheet, fault.row) for fault in faults}
    items = [item for item in doing.items if (item.sheet, item.row) not in wrong]  # a wrong row does nothing
    return Plan(items, faults, doing.questions, [*rows.notes, *doing.notes])


class _Doing(Run):
    """The rows done, one after the other."""

    # --- workers ------------------------------------------------------------------------------------------------------

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
        if newest is not None and checked_on < newest:
            if changed or not there:
                self.notes.append(
                    f"Workers, row {row.number}: the DBS check of {written_day(checked_on)} is older than the newest"
                    f" one kept of {worker['name']}, of {written_day(newest)}, which is left as it is."
                )
            return []
        if there and not changed:
            return []
        await keep_dbs_check(self.work, worker, checked_on=checked_on, checked_by_name=who, outcome=outcome, **given)
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

    # --- what leans on a worker ---------------------------------------------------------------------------------------

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
        if worker is None or self.spoilt:
            await self._judge(
                sheet, row,
                keep_competency(
                    self.work, worker or self._nobody(), self.spoken, code=values.get("code", ""),
                    assessed_on=values.get("assessed_on", self.today), method=values.get("method", ""),
                    assessor_worker_id=assessor if worker is not None else None, assessor_name=who,
                    for_package_id=package,
                ),
            )  # fmt: skip
            return
        signed = values["method"] in self.spoken.signing_methods
        what = f"{self.spoken.skill(values['code'])}, {written_day(values['assessed_on'])}"
        fact = (worker["id"], values["code"], values["assessed_on"], values["method"], package)
        keys = [(*fact, by) for by in (assessors(assessor, who) if signed else assessors(None, ""))]
        for key in keys:
            if key in self.skills:
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
            )  # fmt: skip
        except InvalidInput as error:
            self._refused(sheet, row, error)
            return
        self.skills |= dict.fromkeys(keys)
        by = f", signed off by {who}" if signed else ", attended, not signed off"
        self._done(
            sheet, row, worker, "add", what + by + (f", for package {values['package']} only" if package else "")
        )

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


def _in_words(worker: Mapping[str, Any]) -> str:
    since = f", since {written_day(worker['started_on'])}" if worker["started_on"] else ""
    reference = f", reference {worker['reference']}" if worker["reference"] else ""
    return f"{worker['name']}{since}{reference}"
