"""The rules' properties on fewer, fixed examples while mutants are judged by them (docs/mutation.md)."""

import pytest
from hypothesis import Phase, settings

from marketplace.policy.bounds import readiness_bounds

settings.register_profile(
    "mutation", max_examples=20, derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)


@pytest.fixture(autouse=True, scope="session")
def _nothing_remembered() -> None:
    """A mutant is judged in a copy of a process that has run the tests already: what it kept would answer for it."""
    readiness_bounds.cache_clear()
