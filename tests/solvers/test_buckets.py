"""Padded sizes."""

from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.buckets import bucket, lanes


@given(n=st.integers(1, 100_000))
def test_a_bucket_holds_its_sizes_at_little_cost(n):
    """A bucket is at least n, is its own bucket, and wastes less than one step of 8, 16 or 64."""
    padded = bucket(n)
    assert padded >= n
    assert bucket(padded) == padded
    assert padded - n < (8 if n <= 64 else 16 if n <= 256 else 64)


@given(n=st.integers(1, 100_000))
def test_buckets_grow_with_size(n):
    """A larger instance never has a smaller bucket."""
    assert bucket(n + 1) >= bucket(n)


def test_few_programs_serve_many_sizes():
    """Sizes up to 256 share 20 programs."""
    assert len({bucket(n) for n in range(1, 257)}) == 20


@given(count=st.integers(1, 4096))
def test_lanes_are_the_next_power_of_two(count):
    """A batch is padded to a power of two and to less than twice its size."""
    padded = lanes(count)
    assert padded & (padded - 1) == 0
    assert count <= padded < 2 * count
