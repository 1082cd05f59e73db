"""Packages, plans and visits in the console: the marketplace's own pages, for those who look in with a reason."""

from __future__ import annotations

from typing import Any

from marketplace.packages import (
    cover_pages,
    package_pages,
    plan_pages,
    review_pages,
    review_routes,
    routes,
    visit_pages,
    visit_routes,
)

ROUTES: list[Any] = [
    *package_pages.CONSOLE_ROUTES,
    *cover_pages.ROUTES,
    *plan_pages.CONSOLE_ROUTES,
    *review_pages.CONSOLE_ROUTES,
    *review_routes.CONSOLE_ROUTES,
    *visit_pages.CONSOLE_ROUTES,
    *routes.CONSOLE_ROUTES,
    *visit_routes.CONSOLE_ROUTES,
]
