"""The commissioner's console and the operator's pages: its own app, calling actions and queries, never tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Litestar

from admin import (
    agreements,
    applications,
    assessments,
    bank_receipts,
    clock_stops,
    contract_occasions,
    contracts,
    credit_notes,
    debts,
    disputes,
    finding_files,
    frameworks,
    frameworks_changes,
    funding,
    invoices,
    operator_pages,
    operator_routes,
    package_pages,
    payments,
    provider_pages,
    purchase_money,
    suspension_causes,
    suspension_lifting,
    suspensions,
    watch_pages,
)
from marketplace.billing import (
    allocation_pages,
    debt_pages,
    deduction_pages,
    document_pages,
    funding_pages,
    paper_pages,
    prepared_pages,
    statement_pages,
    timesheet_pages,
)
from marketplace.billing import story as billing_story  # noqa: F401 - in a provider's story
from marketplace.contracts import (
    calendar_entries,  # noqa: F401 - meetings and visits in people's calendars
    desk_routes,
)
from marketplace.contracts import routes as contract_routes
from marketplace.contracts import shared_pages as contract_shared_pages
from marketplace.contracts import story as contract_story  # noqa: F401 - in a provider's story
from marketplace.frameworks import routes as framework_routes
from marketplace.frameworks import scoring_routes
from marketplace.identity import account_pages, front_door, people_pages, trail_pages
from marketplace.identity import pages as identity_pages
from marketplace.identity import routes as identity_routes
from marketplace.obligations import (
    calendar_pages,
    calendar_routes,
    duty_pages,
    duty_routes,
    mail_pages,
    stop_pages,
    stop_routes,
)
from marketplace.obligations import routes as obligations_routes
from marketplace.packages import monitoring_pages, monitoring_routes
from marketplace.packages import story as package_story  # noqa: F401 - in a provider's story
from marketplace.platform.clock import Clock
from marketplace.providers import commissioner_pages, commissioner_routes, declaration_routes, suspension_routes
from marketplace.referrals import record_pages
from marketplace.settings import Settings
from marketplace.web.navigation import CONSOLE

TEMPLATES = Path(__file__).parent / "templates"

# One line a module; each has a list ROUTES.
MODULES: list[Any] = [
    identity_pages,
    identity_routes,
    account_pages,
    people_pages,
    trail_pages,
    watch_pages,
    frameworks,
    frameworks_changes,
    applications,
    assessments,
    framework_routes,
    scoring_routes,
    declaration_routes,
    invoices,
    credit_notes,
    payments,
    purchase_money,
    bank_receipts,
    disputes,
    prepared_pages,
    agreements,
    debt_pages,
    debts,
    funding,
    funding_pages,
    allocation_pages,
    deduction_pages,
    statement_pages,
    timesheet_pages,
    document_pages,
    paper_pages,
    operator_pages,
    operator_routes,
    obligations_routes,
    calendar_pages,
    calendar_routes,
    duty_pages,
    duty_routes,
    stop_pages,
    monitoring_pages,
    monitoring_routes,
    mail_pages,
    clock_stops,
    stop_routes,
    record_pages,
    package_pages,
    provider_pages,
    suspension_causes,
    suspension_lifting,
    suspensions,
    contracts,
    contract_occasions,
    finding_files,
    contract_shared_pages,
    contract_routes,
    desk_routes,
    commissioner_pages,
    commissioner_routes,
    suspension_routes,
]


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The application of the second front door; its cookies have names of their own, for cookies ignore ports."""
    return front_door.build(
        settings,
        name="console",
        product="Commissioner's console",
        navigation=CONSOLE,
        modules=MODULES,
        clock=clock,
        template_folders=[TEMPLATES],
    )


def make() -> Litestar:
    """For the server: `uvicorn --factory admin.app:make`, settings from the environment."""
    return create_app(Settings.from_environment())
