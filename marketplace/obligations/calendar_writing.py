"""A feed as iCalendar (RFC 5545). The only file that imports `icalendar`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from icalendar import Calendar, Event

from marketplace.obligations.calendars import Entry, Feed

MEDIA_TYPE = "text/calendar"  # the framework adds the charset
ASK_AGAIN = timedelta(hours=1)
DOMAIN = "care-marketplace"


def as_icalendar(feed: Feed, sites: Mapping[str, str]) -> bytes:
    """The feed's text: UTC throughout, lines folded and texts escaped; `sites` are the front doors' addresses."""
    calendar = Calendar()
    calendar.add("prodid", "-//Care marketplace//Calendar feed//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", feed.name)
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in feed.entries:
        calendar.add_component(_event(entry, feed, sites))
    return calendar.to_ical()


def tag_of(feed: Feed, sites: Mapping[str, str]) -> str:
    """An entity tag that changes when an entry does, but not with the moment of asking."""
    said = repr((feed.name, sorted(sites.items()), feed.entries)).encode("utf-8", "replace")
    return f'"{hashlib.sha256(said).hexdigest()[:32]}"'


def _event(entry: Entry, feed: Feed, sites: Mapping[str, str]) -> Event:
    address = sites[entry.door] + entry.link
    event = Event()
    event.add("uid", f"{entry.uid}@{DOMAIN}")
    event.add("dtstamp", feed.now)  # with a method: when this copy was made
    event.add("dtstart", entry.starts_at)
    if entry.ends_at is not None:
        event.add("dtend", entry.ends_at)
    else:
        event.add("transp", "TRANSPARENT")  # a moment by which something is due keeps nobody busy
    event.add("summary", entry.title)
    event.add("description", f"{entry.text}\n{address}".lstrip())
    event.add("url", address)
    event.add("class", "PRIVATE")
    event.add("sequence", entry.sequence)
    if entry.changed_at is not None:
        event.add("last-modified", entry.changed_at)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    return event
