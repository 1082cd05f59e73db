"""The marketplace: referrers, providers, workers and families. The only place where its modules are put together."""

from __future__ import annotations

from typing import Any

from litestar import Litestar

from marketplace.billing import (
    agreement_pages,
    agreement_routes,
    allocation_pages,
    allocation_routes,
    bank_account_pages,
    correction_pages,
    correction_routes,
    credit_note_pages,
    credit_note_routes,
    debt_pages,
    debt_routes,
    deduction_pages,
    dispute_pages,
    dispute_routes,
    document_pages,
    document_routes,
    funding_pages,
    funding_routes,
    paper_pages,
    paper_routes,
    payment_routes,
    prepared_pages,
    prepared_routes,
    roster_pages,
    roster_routes,
    statement_pages,
    statement_routes,
    support_budget_pages,
    timesheet_pages,
    timesheet_routes,
    visit_outcome_pages,
    visit_record_pages,
)
from marketplace.billing import pages as billing_pages
from marketplace.billing import routes as billing_routes
from marketplace.billing import story as billing_story  # noqa: F401 - in a provider's story
from marketplace.contracts import (
    calendar_entries as contract_calendar_entries,  # noqa: F401 - meetings and visits in people's calendars
)
from marketplace.contracts import own_routes as contract_own_routes
from marketplace.contracts import pages as contract_pages
from marketplace.contracts import routes as contract_routes
from marketplace.contracts import shared_pages as contract_shared_pages
from marketplace.contracts import story as contract_story  # noqa: F401 - in a provider's story
from marketplace.frameworks import pages as framework_pages
from marketplace.frameworks import routes as framework_routes
from marketplace.frameworks import scoring_routes, terms_pages
from marketplace.identity import account_pages, front_door, machine_pages, people_pages, trail_pages
from marketplace.identity import pages as identity_pages
from marketplace.identity import routes as identity_routes
from marketplace.obligations import (
    calendar_pages,
    calendar_routes,
    duty_pages,
    duty_routes,
    mail_pages,
    stop_ask_pages,
    stop_pages,
    stop_routes,
)
from marketplace.obligations import pages as obligations_pages
from marketplace.obligations import routes as obligations_routes
from marketplace.packages import (
    award_pages,
    award_routes,
    calendar_entries,  # noqa: F401 - visits in people's calendars
    cancel_pages,
    family_pages,
    monitoring_pages,
    monitoring_routes,
    monitoring_send_pages,
    move_pages,
    move_routes,
    overrun_pages,
    package_pages,
    plan_pages,
    planning_pages,
    request_pages,
    request_routes,
    review_pages,
    review_routes,
    visit_pages,
    visit_routes,
    worker_pages,
)
from marketplace.packages import routes as package_routes
from marketplace.packages import story as package_story  # noqa: F401 - in a provider's story
from marketplace.platform.clock import Clock
from marketplace.providers import (
    declaration_pages,
    declaration_routes,
    file_pages,
    file_routes,
    import_pages,
    import_routes,
    listing_pages,
    video_pages,
    video_routes,
)
from marketplace.providers import pages as provider_pages
from marketplace.providers import routes as provider_routes
from marketplace.purchases import (
    asking_pages,
    bank_routes,
    budget_account_pages,
    budget_pages,
    buying_pages,
    buying_routes,
    calling_off,  # noqa: F401 - what calling a bought visit off gives back
    card_pages,
    direct_payment_pages,
    directory_pages,
    enquiry_pages,
    enquiry_routes,
    finding_pages,
    meeting_pages,
    money_routes,
    payout_pages,
    rest_pages,
    webhook_routes,
)
from marketplace.purchases import (
    calendar_entries as meeting_entries,  # noqa: F401 - meetings before an agreement in people's calendars
)
from marketplace.purchases import routes as purchase_routes
from marketplace.referrals import (
    children_pages,
    choice_pages,
    draft_pages,
    offer_pages,
    offer_routes,
    opportunity_pages,
    record_pages,
    referrer_pages,
)
from marketplace.referrals import routes as referrals_routes
from marketplace.settings import Settings
from marketplace.web.navigation import MARKETPLACE

# One line a module; each has a list ROUTES.
MODULES: list[Any] = [
    identity_pages,
    identity_routes,
    account_pages,
    people_pages,
    trail_pages,
    obligations_pages,
    duty_pages,
    duty_routes,
    stop_pages,
    monitoring_pages,
    monitoring_send_pages,
    monitoring_routes,
    mail_pages,
    stop_ask_pages,
    stop_routes,
    obligations_routes,
    calendar_pages,
    calendar_routes,
    framework_pages,
    terms_pages,
    scoring_routes,
    framework_routes,
    children_pages,
    record_pages,
    draft_pages,
    referrer_pages,
    referrals_routes,
    award_pages,
    award_routes,
    offer_pages,
    offer_routes,
    opportunity_pages,
    choice_pages,
    package_pages,
    move_pages,
    move_routes,
    plan_pages,
    review_pages,
    review_routes,
    planning_pages,
    visit_pages,
    cancel_pages,
    overrun_pages,
    request_pages,
    request_routes,
    worker_pages,
    family_pages,
    package_routes,
    visit_routes,
    billing_pages,
    billing_routes,
    bank_account_pages,
    machine_pages,
    allocation_pages,
    allocation_routes,
    declaration_pages,
    declaration_routes,
    correction_pages,
    correction_routes,
    credit_note_pages,
    credit_note_routes,
    payment_routes,
    dispute_pages,
    dispute_routes,
    prepared_pages,
    prepared_routes,
    agreement_pages,
    agreement_routes,
    debt_pages,
    debt_routes,
    deduction_pages,
    statement_pages,
    statement_routes,
    support_budget_pages,
    timesheet_pages,
    timesheet_routes,
    visit_outcome_pages,
    visit_record_pages,
    roster_pages,
    roster_routes,
    document_pages,
    document_routes,
    funding_pages,
    funding_routes,
    direct_payment_pages,
    budget_pages,
    budget_account_pages,
    payout_pages,
    rest_pages,
    money_routes,
    finding_pages,
    asking_pages,
    meeting_pages,
    enquiry_pages,
    enquiry_routes,
    directory_pages,
    buying_pages,
    card_pages,
    buying_routes,
    bank_routes,
    purchase_routes,
    webhook_routes,
    paper_pages,
    paper_routes,
    import_pages,
    import_routes,
    contract_pages,
    contract_shared_pages,
    contract_routes,
    contract_own_routes,
    provider_pages,
    listing_pages,
    file_pages,
    file_routes,
    video_pages,
    video_routes,
    provider_routes,
]


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The application of the first front door; `clock` is the domain's, by default the deployment's own."""
    return front_door.build(
        settings,
        name="marketplace",
        product="Care marketplace",
        navigation=MARKETPLACE,
        modules=MODULES,
        clock=clock,
    )


def make() -> Litestar:
    """For the server: `uvicorn --factory marketplace.app:make`, settings from the environment."""
    return create_app(Settings.from_environment())
