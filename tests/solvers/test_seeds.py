"""Derived seeds and keys."""

import jax
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.seeds import derive, key_data

SEEDS = st.integers(0, 2**63 - 1)


def test_seeds_have_not_changed():
    """A recorded run derives the same streams in every release."""
    assert derive(0, "task", 1) == 1506262498609346002
    assert derive(7) == 4359823973405836615


@given(seed=SEEDS, names=st.lists(st.integers(0, 99) | st.text("abc", min_size=1), max_size=3))
def test_a_seed_is_63_bits_and_depends_on_every_name(seed, names):
    """Seeds fit a signed 64-bit column, and one more name gives another stream."""
    child = derive(seed, *names)
    assert 0 <= child < 2**63
    assert child == derive(seed, *names)
    assert child != derive(seed, *names, "more")


@given(seeds=st.sets(SEEDS, min_size=2, max_size=2))
def test_different_seeds_have_different_keys(seeds):
    """No two 63-bit seeds share a key."""
    a, b = map(key_data, seeds)
    assert a.dtype == np.uint32
    assert a.shape == (2,)
    assert not np.array_equal(a, b)


def test_a_key_is_what_jax_takes():
    """The raw key is JAX's threefry key of the same seed."""
    with jax.enable_x64(True):
        assert np.array_equal(key_data(2**40 + 5), jax.random.key_data(jax.random.key(2**40 + 5)))
