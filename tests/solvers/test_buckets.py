"""Padded sizes."""

from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.buckets import bucket, lanes, take, within


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
def test_batches_share_four_programs(count):
    """Up to 64 instances are padded to one of four sizes, more of them to whole batches of 64."""
    padded = lanes(count)
    assert count <= padded
    assert lanes(padded) == padded
    assert padded in {1, 4, 16, 64} if count <= 64 else padded - count < 64


@given(waiting=st.integers(1, 4096), most=st.integers(1, 256))
def test_no_call_is_mostly_padding(waiting, most):
    """A call takes some of those that wait, within its limit, and at least half of its lanes are used."""
    taken = take(waiting, most)
    assert 1 <= taken <= min(waiting, most)
    assert 2 * taken >= lanes(taken)


@given(most=st.integers(1, 4096))
def test_a_limit_on_lanes_holds_after_padding(most):
    """The largest whole size below a limit needs no more lanes than that."""
    assert 1 <= lanes(within(most)) == within(most) <= most
