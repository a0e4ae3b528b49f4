"""Whether a request may pass, and what its answer's headers say."""

from dataclasses import dataclass
from typing import Final

from .limit import SECOND
from .meter import Count

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a request stands with every policy that applies to it. All times are microseconds.

    Attributes:
        allowed: it may pass, and was counted with every policy; otherwise with none.
        counts: one per policy, none where nothing is limited.
    """

    allowed: bool
    counts: tuple[Count, ...]

    @property
    def tightest(self) -> Count | None:
        """The policy that refused for the longest; else the one with the least left."""
        if not self.counts:
            return None
        if self.allowed:
            return min(self.counts, key=lambda one: (one.remaining, -one.reset))
        return max(self.counts, key=lambda one: FOREVER if one.wait is None else one.wait)

    @property
    def retry_after(self) -> int | None:
        """Microseconds until the same would pass; 0 if it has, None if it never will."""
        tightest = self.tightest
        return tightest.wait if tightest else 0

    def headers(self) -> Headers:
        """``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10), and the older three for the tightest.

        Seconds are rounded up: what is promised is there by then.
        """
        if (tightest := self.tightest) is None:
            return []
        found = [
            (
                "RateLimit-Policy",
                ", ".join(f'"{one.policy}";q={one.quota};w={seconds(one.window)}' for one in self.counts),
            ),
            ("RateLimit", ", ".join(f'"{one.policy}";r={one.remaining};t={seconds(one.reset)}' for one in self.counts)),
            ("RateLimit-Limit", str(tightest.quota)),
            ("RateLimit-Remaining", str(tightest.remaining)),
            ("RateLimit-Reset", str(seconds(tightest.reset))),
        ]
        if tightest.wait:
            found.append(("Retry-After", str(seconds(tightest.wait))))
        return found


FOREVER: Final = 1 << 62
FREE: Final = Verdict(True, ())
"""Nothing limits it."""


def seconds(microseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-microseconds // SECOND)
