"""Two answers of two servers that differ in nothing but random ids and in what a clock has measured."""

import re
from collections.abc import Iterator
from functools import lru_cache

from in_process import Answer

TOKEN = re.compile(
    r"""(
    (?:run|user|key|worker|session|login|token|attempt|task|event|correlation)_[0-9a-z]{26}\b
    | \bmz[a-z]_[A-Za-z0-9_]{12,40}\.[A-Za-z0-9_-]{43}
    | (?<="prefix":")[a-z2-7]{12}(?=") | (?<=<code>)[a-z2-7]{12}(?=</code>)
    | \beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+
    | (?<="kid":")[A-Za-z0-9_-]{16}(?=") | (?<="x":")[A-Za-z0-9_-]{43}(?=")
    | (?<=[(])[a-z2-7]{12}(?=[)]) | (?<=key[ ])[a-z2-7]{12}\b | (?<=good;[ ])[a-z2-7]{12}(?=[ ]was)
    | [0-9a-f]{64}\b
    )""",
    re.VERBOSE,
)
"""Random texts, whole."""
CUT = re.compile(r"(run|user|key|worker)_01[0-9a-z]{2,23}\b|\b[0-9a-f]{8,32}\b")
"""The same as pages shorten them."""
MEASURED = [
    (re.compile(r"<svg.*?</svg>", re.DOTALL), "PLOT"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r'"(\w*seconds|elapsed|took|at|recorded_at|wait)":-?\d[\d.e+-]*'), r'"\1":SECONDS'),
    (re.compile(r'<td class="n">\d+\.\d{3}</td>'), "SECONDS"),
    (re.compile(r"\[(\s*(\d+|null)\s*,?)+\]"), "HISTOGRAM OF SECONDS"),
    (re.compile(r'"saved":\d+'), '"saved":SOMETIMES'),
    (re.compile(r"\b\d[\d.,]*\s(µs|ms|s)\b"), "SECONDS"),
    (re.compile(r"^(mezan_\w*seconds\w*(?:\{[^}]*\})?) .*$", re.MULTILINE), r"\1 SECONDS"),
]
DIGEST = 64
"""Characters of one. Those of events hold measured times, and two may be equal by chance on one server only: they are not paired."""
VOLATILE = {"content-length", "date"}


def whole(answer: Answer) -> str:
    """All of an answer that must be alike, without what a clock has measured."""
    kept = "".join(f"{name}: {value}\n" for name, value in answer.headers if name not in VOLATILE)
    text = f"{answer.status}\n{kept}\n{answer.body.decode(errors='replace')}"
    for form, instead in MEASURED:
        text = form.sub(instead, text)
    return text


@lru_cache(maxsize=8)
def _split(text: str) -> list[str]:
    """What is between random texts, and each of them in its place: these have odd places."""
    return TOKEN.split(text)


def tokens(text: str) -> list[str]:
    """Every random text in it, in order."""
    return _split(text)[1::2]


class Twins:
    """Which random text of one server stands for which of the other: one to one, for ever."""

    def __init__(self) -> None:
        self._there: dict[str, str] = {}
        self._back: dict[str, str] = {}

    def pair(self, one: str, other: str) -> bool:
        """Remember a pair; False where either has another partner already."""
        return self._there.setdefault(one, other) == other and self._back.setdefault(other, one) == one

    def there(self, one: str) -> str | None:
        """What stands for it on the other server."""
        return self._there.get(one)

    def difference(self, one: Answer, other: Answer) -> str:
        """What is not alike in two answers; nothing, if they are."""
        first, second = whole(one), whole(other)
        for mine, theirs in zip(tokens(first), tokens(second), strict=False):
            if len(mine) != DIGEST and not self.pair(mine, theirs):
                return f"{mine} is not {theirs}, in\n{first}"
        plain = [CUT.sub("CUT", "TOKEN".join(_split(text)[::2])) for text in (first, second)]
        return "" if plain[0] == plain[1] else "\n".join(_changed(*plain))


def _changed(first: str, second: str) -> Iterator[str]:
    import difflib

    split = [re.sub(r"([,>}])", r"\1\n", text).splitlines() for text in (first, second)]
    yield from difflib.unified_diff(*split, "with the others", "alone", lineterm="", n=1)
