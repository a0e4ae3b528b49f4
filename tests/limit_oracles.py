"""The definitions of the five algorithms, computed by brute force from everything that was ever granted."""

from fractions import Fraction

from hypothesis import strategies as st

from mezan.api.limits.limit import BUCKETS, SECOND, Limit


class Oracle:
    """Remembers every grant as (time, cost)."""

    def __init__(self, limit):
        self.limit, self.grants = limit, []
        self.quota = limit.burst if limit.algorithm in BUCKETS else limit.amount

    def may(self, now, cost):
        return getattr(self, self.limit.algorithm.replace("-", "_"))(now, cost)

    def take(self, now, cost):
        granted = self.may(now, cost)
        if granted:
            self.grants.append((now, cost))
        return granted

    def remaining(self, now):
        return max((cost for cost in range(1, self.quota + 1) if self.may(now, cost)), default=0)

    def total(self, start, end):
        """What was granted from ``start`` on and before ``end``."""
        return sum(cost for at, cost in self.grants if start <= at < end)

    def token_bucket(self, now, cost):
        """Tokens at rest are the burst; they come back continuously, never above it."""
        tokens, before = Fraction(self.limit.burst), 0
        for at, taken in [*self.grants, (now, 0)]:
            refilled = tokens + Fraction((at - before) * self.limit.amount, self.limit.period)
            tokens, before = min(Fraction(self.limit.burst), refilled) - taken, at
        return cost <= tokens

    def leaky_bucket(self, now, cost):
        """The level at rest is zero; it falls continuously, and must not rise above the size."""
        level, before = Fraction(0), 0
        for at, poured in [*self.grants, (now, 0)]:
            leaked = Fraction((at - before) * self.limit.amount, self.limit.period)
            level, before = max(Fraction(0), level - leaked) + poured, at
        return level + cost <= self.limit.burst

    def fixed_window(self, now, cost):
        start = now // self.limit.period * self.limit.period
        return self.total(start, start + self.limit.period) + cost <= self.limit.amount

    def sliding_log(self, now, cost):
        return self.total(now - self.limit.period + 1, now + 1) + cost <= self.limit.amount

    def sliding_counter(self, now, cost):
        window = self.limit.period
        start = now // window * window
        share = Fraction(start + window - now, window)
        return self.total(start - window, start) * share + self.total(start, start + window) + cost <= self.limit.amount


def limits(algorithms):
    """Small ones, whose rates are rarely whole numbers of microseconds per request."""

    def one(algorithm, amount, period, burst):
        return Limit(amount, period, algorithm, burst if algorithm in BUCKETS else 0)

    periods = st.sampled_from([SECOND, 7 * SECOND, 60 * SECOND, 3_600 * SECOND, SECOND + 1, 999_983 * 3])
    return st.builds(one, st.sampled_from(algorithms), st.integers(1, 9), periods, st.integers(1, 12))


@st.composite
def arrivals(draw, limit, *, longest=40, back=False):
    """(time, cost) pairs, often at once, and often at or right beside the moments that an algorithm cares about."""
    now = 1_750_000_000 * SECOND + draw(st.integers(0, limit.period))
    each = limit.period // limit.amount
    gaps = st.one_of(
        st.just(0),
        st.integers(1, 2 * each),
        st.integers(0, 2 * limit.period),
        st.builds(
            lambda many, of, off: max(0, many * of + off),
            st.integers(0, 3),
            st.sampled_from([each, limit.period]),
            st.integers(-1, 1),
        ),
        st.just(-1),  # to the next boundary of a window
    )
    out = []
    for gap, cost, step in draw(
        st.lists(st.tuples(gaps, st.integers(1, 3), st.integers(-3 * limit.period, -1)), max_size=longest)
    ):
        if back and step % 7 == 0:
            now += step
        elif gap < 0:
            now += limit.period - now % limit.period
        else:
            now += gap
        out.append((now, cost))
    return out
