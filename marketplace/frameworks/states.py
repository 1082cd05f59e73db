"""The life cycles of this folder: state -> verb -> next state. One named error for whatever is not in a table."""

from __future__ import annotations

from marketplace.platform.errors import WrongState

FRAMEWORK = {"draft": {"opened": "open"}, "open": {"closed": "closed"}, "closed": {}}
APPLICATION = {
    "submitted": {"admitted": "admitted", "refused": "refused", "withdrawn": "withdrawn"},
    "admitted": {},
    "refused": {},
    "withdrawn": {},
}
RATE_CARD = {
    "proposed": {"agreed": "agreed", "refused": "refused", "withdrawn": "withdrawn"},
    "agreed": {},
    "refused": {},
    "withdrawn": {},
}
TABLES = {"framework": FRAMEWORK, "application": APPLICATION, "rate card": RATE_CARD}


def advance(thing: str, state: str, verb: str) -> str:
    """The state `thing` is in after `verb`. Raises `WrongState` where its table has no such step."""
    following = TABLES[thing][state].get(verb)
    if following is None:
        raise WrongState(thing, state, verb)
    return following
