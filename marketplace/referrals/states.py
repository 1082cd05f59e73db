"""The life cycles of a referral and of an offer: what may be done in which state, and what it becomes.

Verbs are participles, so that the refusal reads: "This referral is awarded, so it cannot be closed now."
"""

from __future__ import annotations

from marketplace.platform.errors import WrongState

Transitions = dict[str, dict[str, str]]

REFERRAL: Transitions = {
    "saved": {"draft": "draft"},
    "discarded": {"draft": "draft"},
    "broadcast": {"draft": "broadcast"},
    "answered": {"broadcast": "broadcast"},
    # wider or unchanged, as a new round: when nobody answered, or when it was closed with "none suitable"
    "broadcast again": {"broadcast": "broadcast", "closed": "broadcast"},
    "closed": {"broadcast": "closed"},
    "awarded": {"broadcast": "awarded"},
    # an award undone before the start: the others' offers stand again, and the runner-up can be chosen
    "opened again": {"awarded": "broadcast"},
}

OFFER: Transitions = {
    "amended": {"made": "made"},
    "chosen": {"made": "made"},
    "withdrawn": {"made": "withdrawn"},
    "awarded": {"made": "awarded"},
    "passed over": {"made": "not_chosen"},
    "restored": {"not_chosen": "made"},
    "undone": {"awarded": "undone"},
}


def referral_after(verb: str, state: str) -> str:
    """The state a referral in `state` takes when it is `verb`. Raises `WrongState`."""
    return _after(REFERRAL, "referral", verb, state)


def offer_after(verb: str, state: str) -> str:
    """The state an offer in `state` takes when it is `verb`. Raises `WrongState`."""
    return _after(OFFER, "offer", verb, state)


def _after(table: Transitions, thing: str, verb: str, state: str) -> str:
    if state not in table[verb]:
        raise WrongState(thing, state, verb)
    return table[verb][state]
