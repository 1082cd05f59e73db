"""The rules' properties on fewer, fixed examples while mutants are judged by them (docs/mutation.md)."""

from hypothesis import Phase, settings

settings.register_profile(
    "mutation", max_examples=20, derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)
