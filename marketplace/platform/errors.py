"""Every error a person can meet, drawn once.

MarketplaceError
 ├─ InvalidInput        400  something typed cannot be taken; `fields` says which and why
 ├─ NotSignedIn         401  nobody is signed in, or the sign-in has ended
 ├─ NotPermitted        403  the thing is visible, but this role may not do that with it
 ├─ NotFound            404  nothing by that address within what the actor may see (always before 403)
 ├─ Conflict            409  the thing has changed meanwhile, or is not in a state that allows this
 │   └─ WrongState      409  a life cycle's transition that does not exist
 ├─ TooLarge            413  more was sent than is taken
 ├─ TooManyAttempts     429  slow down; `retry_after` seconds
 └─ Unavailable         503  a part of the system (mail, store, database) does not answer
"""

from __future__ import annotations


class MarketplaceError(Exception):
    """Base: `status` is the HTTP status, `sentence` is what a person reads."""

    status = 500
    code = "error"

    def __init__(self, sentence: str = "Something went wrong on our side. Try again in a few minutes.") -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidInput(MarketplaceError):
    """`fields` maps a field's name to the sentence about it; nothing typed is lost (the page shows it again)."""

    status = 400
    code = "invalid_input"

    def __init__(self, fields: dict[str, str], sentence: str = "There is a problem with what was entered.") -> None:
        super().__init__(sentence)
        self.fields = fields


class NotSignedIn(MarketplaceError):
    status = 401
    code = "not_signed_in"

    def __init__(self, sentence: str = "Sign in to continue.") -> None:
        super().__init__(sentence)


class NotPermitted(MarketplaceError):
    status = 403
    code = "not_permitted"

    def __init__(self, sentence: str = "Your role does not allow this.") -> None:
        super().__init__(sentence)


class NotFound(MarketplaceError):
    status = 404
    code = "not_found"

    def __init__(self, sentence: str = "There is nothing here, or it is not yours to see.") -> None:
        super().__init__(sentence)


class Conflict(MarketplaceError):
    status = 409
    code = "conflict"


class WrongState(Conflict):
    """`thing` cannot go from `state` by `verb`; the one error of every transition table."""

    code = "wrong_state"

    def __init__(self, thing: str, state: str, verb: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"This {thing} is {state.replace('_', ' ')}, so it cannot be {verb} now.")
        self.thing, self.state, self.verb = thing, state, verb


class TooLarge(MarketplaceError):
    status = 413
    code = "too_large"


class TooManyAttempts(MarketplaceError):
    status = 429
    code = "too_many_attempts"

    def __init__(
        self, sentence: str = "Too many attempts. Wait a few minutes and try again.", retry_after: int = 60
    ) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unavailable(MarketplaceError):
    status = 503
    code = "unavailable"
