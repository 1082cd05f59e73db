"""Life cycles as one explicit table each: verb -> {state before: state after}.

Verbs are participles, so that the refusal reads: "This invoice is accepted, so it cannot be returned now."
"""

from __future__ import annotations

from marketplace.platform.errors import WrongState

Transitions = dict[str, dict[str, str]]


def after(table: Transitions, thing: str, verb: str, state: str) -> str:
    """The state a `thing` in `state` takes when it is `verb`. Raises `WrongState` where the table has no such step."""
    if state not in table[verb]:
        raise WrongState(thing, state, verb)
    return table[verb][state]
