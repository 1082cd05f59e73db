"""The console's agreements about lines beside visits: the same pages, without what only a provider does."""

from __future__ import annotations

from typing import Any

from marketplace.billing import agreement_pages

ROUTES: list[Any] = [*agreement_pages.CONSOLE_ROUTES]
