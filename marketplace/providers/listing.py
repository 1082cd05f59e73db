"""What a provider says of itself to families who look for support: where, when, in which languages, for which needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import ensure_profile

AVAILABILITY = {
    "weekdays": "Weekdays in the daytime",
    "evenings": "Weekday evenings",
    "weekends": "Weekends",
    "nights": "Nights",
    "holidays": "School holidays",
}
MOST_ENTRIES, LONGEST_ENTRY, LONGEST_TEXT = 60, 60, 3000


@dataclass(frozen=True, slots=True)
class Listing:
    """A provider's own words to families; empty where it has said nothing. `needs` are codes of competencies."""

    areas: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    availability: tuple[str, ...] = ()
    for_families: str = ""


NOTHING = Listing()


async def listings(work: Work, provider_ids: Sequence[UUID]) -> dict[UUID, Listing]:
    """The listings of providers that have one."""
    rows = await work.fetch("SELECT * FROM provider_listing WHERE provider_id = ANY ($1)", list(provider_ids))
    return {
        row["provider_id"]: Listing(
            tuple(row["areas"]), tuple(row["languages"]), tuple(row["needs"]), tuple(row["availability"]),
            row["for_families"],
        )
        for row in rows
    }  # fmt: skip


async def own_listing(work: Work) -> tuple[Listing, dict[str, str]]:
    """The actor's organisation's listing, and the needs it may name: titles by code. Raises `NotFound`."""
    if work.actor.provider_id is None:
        raise NotFound
    found = await listings(work, [work.actor.provider_id])
    return found.get(work.actor.provider_id, NOTHING), await needs_to_name(work)


async def needs_to_name(work: Work) -> dict[str, str]:
    """Titles of the needs a provider may say it knows, by code."""
    known = await words(work)
    return dict(sorted((known.competencies | known.child_specific).items(), key=lambda each: each[1].casefold()))


async def save_listing(actor: Actor, given: Listing) -> None:
    """Keep what families read. Raises `InvalidInput` by field."""
    permit(actor, "provider.write")
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        areas, languages = _entries(given.areas), _entries(given.languages)
        faults: dict[str, str] = {}
        for name, noun, entries in (("areas", "areas", areas), ("languages", "languages", languages)):
            if len(entries) > MOST_ENTRIES or any(len(each) > LONGEST_ENTRY for each in entries):
                faults[name] = f"Enter at most {MOST_ENTRIES} {noun}, each of {LONGEST_ENTRY} characters or fewer"
        if set(given.needs) - set(await needs_to_name(work)):
            faults["needs"] = "Choose the needs you know from the list"
        if set(given.availability) - set(AVAILABILITY):
            faults["availability"] = "Choose when you can come from the list"
        if len(given.for_families.strip()) > LONGEST_TEXT:
            faults["for_families"] = f"What you say to families must be {LONGEST_TEXT:,} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        await work.execute(
            """INSERT INTO provider_listing (provider_id, areas, languages, needs, availability, for_families,
                   changed_at, changed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (provider_id) DO UPDATE SET areas = $2, languages = $3, needs = $4, availability = $5,
                   for_families = $6, changed_at = $7, changed_by = $8""",
            provider_id, areas, languages, sorted(set(given.needs)),
            [code for code in AVAILABILITY if code in given.availability], given.for_families.strip(), work.now,
            actor.person_id,
        )  # fmt: skip
        work.audit("provider.listing_saved", "provider", provider_id)


def _entries(given: Sequence[str]) -> list[str]:
    """Each once, without spaces around it, in the order given."""
    found: dict[str, str] = {}
    for each in given:
        text = " ".join(each.split())
        if text:
            found.setdefault(text.casefold(), text)
    return list(found.values())
