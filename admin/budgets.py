"""The console's budgets: the same list and page as at the first door, for finance and contract managers to read."""

from __future__ import annotations

from marketplace.billing.allocation_pages import CONSOLE_ROUTES

ROUTES = CONSOLE_ROUTES
