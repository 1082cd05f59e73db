"""What a workforce file would do, found by doing it: every row through the functions the single actions use.

A preview is an import whose unit of work is rolled back; so the preview and the import cannot differ, and there is no
second set of rules. What is in the file already (the same check, the same assessment) is left as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from marketplace.platform.database import Work
from marketplace.providers.import_columns import SHEETS
from marketplace.providers.import_plan import Plan
from marketplace.providers.import_proofs import ProofRows
from marketplace.providers.import_reading import Rows
from marketplace.providers.import_workers import WorkerRows
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import ensure_profile

Progress = Callable[[int], Awaitable[None]]
TELLS_EVERY = 50  # rows


class _Doing(WorkerRows, ProofRows):
    """The rows done, one after the other: workers first, since the others lean on them."""


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
