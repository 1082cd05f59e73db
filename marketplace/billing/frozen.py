"""A frozen invoice as both front doors show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar.response import Response

from marketplace.billing import queries, words
from marketplace.billing.credit_note_queries import STATES, CreditNote, credit_notes
from marketplace.billing.exports import lines_csv
from marketplace.platform.database import Work
from marketplace.web.filters import moment


def invoice_context(view: queries.InvoiceView, notes: Sequence[CreditNote] = ()) -> dict[str, Any]:
    """What the page of a frozen invoice shows, to the provider and to the payer alike."""
    return {
        "invoice": view,
        "defects": defects_of(view),
        "states": words.STATES,
        "outcomes": words.OUTCOMES,
        "methods": words.METHODS,
        "notes": notes,
        "note_states": STATES,
    }


def defects_of(view: queries.InvoiceView) -> list[tuple[str, str]]:
    """(kind, sentence) of each defect a submitted invoice was judged by, in their order."""
    return words.frozen_defects(
        view.result.defects,
        {str(line.visit_id): f"{line.package_reference}, {moment(line.planned_start)}" for line in view.lines}
        | {str(line.record.id): f"{line.record.package_reference}, {line.record.title}" for line in view.others},
    )


async def with_notes(work: Work, invoice_id: UUID) -> tuple[queries.InvoiceView, list[CreditNote]]:
    """An invoice and its credit notes, as a question for both front doors."""
    return await queries.invoice(work, invoice_id), await credit_notes(work, invoice_id=invoice_id)


def csv_of(view: queries.InvoiceView) -> Response[bytes]:
    """An invoice's lines as a file to keep."""
    return Response(
        lines_csv(view).encode("utf-8-sig"),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="invoice-{view.number}-{view.period.first_day}.csv"'},
    )
