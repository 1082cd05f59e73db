"""A frozen invoice as both front doors show it."""

from __future__ import annotations

from typing import Any

from litestar.response import Response

from marketplace.billing import queries, words
from marketplace.billing.exports import lines_csv
from marketplace.web.filters import moment


def invoice_context(view: queries.InvoiceView) -> dict[str, Any]:
    """What the page of a frozen invoice shows, to the provider and to the payer alike."""
    return {
        "invoice": view,
        "defects": words.frozen_defects(
            view.result.defects,
            {str(line.visit_id): f"{line.package_reference}, {moment(line.planned_start)}" for line in view.lines},
        ),
        "states": words.STATES,
        "outcomes": words.OUTCOMES,
        "methods": words.METHODS,
    }


def csv_of(view: queries.InvoiceView) -> Response[bytes]:
    """An invoice's lines as a file to keep."""
    return Response(
        lines_csv(view).encode("utf-8-sig"),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="invoice-{view.number}-{view.period.first_day}.csv"'},
    )
