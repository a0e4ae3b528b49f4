"""A limit on a rate, and the text that it is written as."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from mezan.solvers.errors import BadInput

Algorithm = Literal["token-bucket", "leaky-bucket", "fixed-window", "sliding-log", "sliding-counter"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
BUCKETS: Final = frozenset({"token-bucket", "leaky-bucket"})
SECOND: Final = 1_000_000
"""Microseconds."""
UNITS: Final = {"s": SECOND, "min": 60 * SECOND, "h": 3_600 * SECOND, "day": 86_400 * SECOND}
NAMES: Final = {
    "s": "s", "sec": "s", "second": "s", "m": "min", "min": "min", "minute": "min", "h": "h", "hour": "h", "d": "day", "day": "day",
}  # fmt: skip
MOST: Final = 1_000_000
LONGEST: Final = 31 * UNITS["day"]
LONGEST_LOG: Final = 1_000
"""A log remembers each request, so it is kept short; a sliding counter needs three numbers for any amount."""
LONGEST_TEXT: Final = 200
_RATE: Final = re.compile(r"([0-9]{1,9})/([0-9]{0,7})([a-z]{1,6})")
RULE: Final = "a limit is written AMOUNT/PERIOD [ALGORITHM] [burst=N], as in '100/min token-bucket burst=20' or '5/15min sliding-log'"


@dataclass(frozen=True, slots=True)
class Limit:
    """``amount`` requests per ``period`` microseconds, as an algorithm counts them.

    ``burst`` is the size of a bucket: how many may come at once. It is the amount for a token bucket, and 1 for a leaky one,
    unless it is given; the other algorithms have none (0).

    Raises:
        BadInput: a figure is out of range, or the algorithm has no burst.
    """

    amount: int
    period: int
    algorithm: Algorithm = "token-bucket"
    burst: int = 0

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            msg = f"the algorithm of a limit is one of {', '.join(ALGORITHMS)}; got {self.algorithm!r}"
            raise BadInput(msg)
        most = LONGEST_LOG if self.algorithm == "sliding-log" else MOST
        if not 1 <= self.amount <= most:
            msg = f"the amount of a {self.algorithm} is 1 to {most}; got {self.amount}"
            raise BadInput(msg)
        if not SECOND <= self.period <= LONGEST:
            msg = f"the period of a limit is one second to 31 days; got {self.period / SECOND:g} s"
            raise BadInput(msg)
        if self.algorithm not in BUCKETS:
            if self.burst:
                msg = f"only a token-bucket or a leaky-bucket has a burst; got burst={self.burst} for {self.algorithm}"
                raise BadInput(msg)
        elif not self.burst:
            object.__setattr__(self, "burst", self.amount if self.algorithm == "token-bucket" else 1)
        elif not 1 <= self.burst <= MOST:
            msg = f"the burst of a limit is 1 to {MOST}; got {self.burst}"
            raise BadInput(msg)

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read ``100/min``, ``100/min token-bucket burst=20``, ``5/15min sliding-log``; words after the rate in any order.

        Raises:
            BadInput: the text breaks the rule.
        """
        words = text[: LONGEST_TEXT + 1].split()
        found = _RATE.fullmatch(words[0]) if words and len(text) <= LONGEST_TEXT else None
        if found is None or found[3].removesuffix("s") not in NAMES | {"": ""} or found[2] == "0":
            msg = f"{RULE}; got {text[:80]!r}"
            raise BadInput(msg)
        unit = UNITS[NAMES[found[3].removesuffix("s") or "s"]]
        algorithm: Algorithm | None = None
        burst: int | None = None
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if name == "burst" and equals and value.isdecimal() and len(value) <= 9 and burst is None:
                burst = int(value)
            elif word in ALGORITHMS and algorithm is None:
                algorithm = word
            else:
                msg = f"{RULE}; got {word[:40]!r}, and the algorithms are {', '.join(ALGORITHMS)}"
                raise BadInput(msg)
        if burst == 0:
            msg = f"the burst of a limit is 1 to {MOST}; got 0"
            raise BadInput(msg)
        return cls(int(found[1]), int(found[2] or 1) * unit, algorithm or "token-bucket", burst or 0)

    def __str__(self) -> str:
        unit = (
            next(name for name in reversed(UNITS) if not self.period % UNITS[name]) if not self.period % SECOND else ""
        )
        many = self.period // UNITS[unit] if unit else 0
        period = f"{many if many != 1 else ''}{unit}" if unit else f"{self.period}us"
        usual = self.amount if self.algorithm == "token-bucket" else 1
        burst = f" burst={self.burst}" if self.algorithm in BUCKETS and self.burst != usual else ""
        return f"{self.amount}/{period} {self.algorithm}{burst}"
