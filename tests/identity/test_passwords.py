"""Which passwords are taken."""

import pytest

from marketplace.identity.passwords import check_password, hash_secret, needs_new_hash, secret_fits
from marketplace.platform.errors import InvalidInput


@pytest.mark.parametrize(
    "password",
    ["", "short", "aaaaaaaaaaaaaaaa", "password1234", "Passwordpassword", "qwertyuiop12", "x" * 201,
     "Ada Brook rules ok",
     "ada.brook is in here"],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(password):
    with pytest.raises(InvalidInput) as refused:
        check_password(password, "Ada Brook", "ada.brook@example.org")
    assert set(refused.value.fields) == {"password"}


@pytest.mark.parametrize("password", ["lantern otter pavement", "ünïcödé ☂ umbrella", "Tr0ub4dor&3-and-more"])
def test_what_is_hard_to_guess_is_taken_as_it_is(password):
    check_password(password, "Ada Brook", "ada.brook@example.org")


async def test_hashes_are_salted_argon2id_and_fit_only_their_own(real_hasher):
    assert (real_hasher.memory_cost, real_hasher.time_cost, real_hasher.parallelism) == (64 * 1024, 3, 4)
    one, two = await hash_secret("lantern otter pavement"), await hash_secret("lantern otter pavement")
    assert one != two and one.startswith("$argon2id$") and not needs_new_hash(one)
    assert await secret_fits("lantern otter pavement", one)
    assert not await secret_fits("lantern otter pavement ", one)
    assert not await secret_fits("nobody's password, never right", None)
    assert not await secret_fits("anything", "not a hash")
