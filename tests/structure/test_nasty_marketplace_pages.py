"""Every page of the marketplace with what no form would send: it opens, or says politely why not."""

from __future__ import annotations

from tests.structure.nasty import Api, every_page


async def test_every_page_opens_or_says_politely_why_not(api: Api):
    await every_page(api, "marketplace")
