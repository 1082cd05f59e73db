"""Quarterly reports: the list and one of them at both front doors, sending one at the marketplace."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import monitoring
from marketplace.platform.database import ask
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.render import page

READS: dict[str, Any] = {"guards": [requires("monitoring.read")]}
Asked = Request[Any, Any, Any]
FACTS = {
    "planned": "Visits planned",
    "delivered": "Delivered",
    "cancelled_by_family": "Cancelled by families",
    "cancelled_on_arrival": "Cancelled on arrival",
    "cancelled_by_provider": "Cancelled by the provider",
    "missed": "Missed",
    "packages": "Packages",
    "minutes": "Minutes of care",
    "duties": "Duties that fell due",
    "duties_late": "Of them late",
}


@get("/monitoring", **READS)
async def reports_page(request: Asked) -> Response[Any]:
    """The reports sent by us or to us; or as CSV."""
    rows = await ask(request.user, monitoring.reports)
    if request.query_params.get("format") == "csv":
        heads = ("Provider", "Framework", "Commissioner", "From", "To", "Sent", *FACTS.values())
        return csv_file(
            "monitoring",
            heads,
            (
                (row["provider"], row["framework"], row["commissioner"], row["first_day"], row["last_day"],
                 moment(row["sent_at"]), *(row["facts"].get(name, "") for name in FACTS))
                for row in rows
            ),
        )  # fmt: skip
    return page(request, "packages/monitoring_list.html", title="Quarterly reports", rows=rows)


@get("/monitoring/{report_id:uuid}", **READS)
async def report_page(request: Asked, report_id: FromPath[UUID]) -> Response[Any]:
    """One report as it was sent."""
    row = await ask(request.user, monitoring.report, report_id)
    return page(request, "packages/monitoring_report.html", title="Quarterly report", row=row, facts=FACTS)


ROUTES: list[Any] = [reports_page, report_page]
