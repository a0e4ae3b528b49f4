"""The part of YAML that descriptions of scenarios are written in: nested mappings, lists, plain and quoted scalars, one alias."""

import re
from typing import Any

from ...errors import BadInput

KEY = re.compile(r"""(?:'((?:[^']|'')*)'|"([^"]*)"|([^\s'"#\[{&*-][^#]*?|-[^\s#][^#]*?))\s*:(?:\s+(.*))?$""")
DEEPEST = 20


class Outline:
    """Reads one document. Scalars stay text; ``null`` and nothing at all are None."""

    def __init__(self, text: str) -> None:
        self.lines = [
            (len(line) - len(line.lstrip()), line.strip())
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#") and line.strip() not in {"---", "..."}
        ]
        self.at = 0
        self.anchors: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The document, which must be a mapping; raises BadInput."""
        value = self._block(self.lines[0][0], 0) if self.lines else None
        if not isinstance(value, dict) or self.at < len(self.lines):
            line = self.lines[min(self.at, len(self.lines) - 1)][1] if self.lines else ""
            msg = f"a description must be a YAML mapping of lists, mappings and plain values; cannot read {line[:60]!r}"
            raise BadInput(msg)
        return value

    def _block(self, indent: int, depth: int) -> Any:
        if depth > DEEPEST:
            msg = f"a description must be nested at most {DEEPEST} deep"
            raise BadInput(msg)
        if self._dashed():
            return self._list(indent, depth)
        made: dict[str, Any] = {}
        while self.at < len(self.lines) and self.lines[self.at][0] == indent and not self._dashed():
            found = KEY.match(self.lines[self.at][1])
            if found is None:
                break
            single, double, plain, rest = found.groups()
            self.at += 1
            key = next(text for text in (single, double, plain) if text is not None)
            made[key] = self._value(rest or "", indent, depth, within=True)
        return made

    def _list(self, indent: int, depth: int) -> list[Any]:
        made = []
        while self.at < len(self.lines) and self.lines[self.at][0] == indent and self._dashed():
            rest = self.lines[self.at][1][1:].strip()
            self.at += 1
            made.append(self._value(rest, indent, depth, within=False))
        return made

    def _dashed(self) -> bool:
        text = self.lines[self.at][1]
        return text == "-" or text.startswith("- ")

    def _value(self, rest: str, indent: int, depth: int, *, within: bool) -> Any:
        """What follows a key or a dash: on its line, or as the block below. A list may stand at its key's own indent."""
        name = None
        if rest.startswith("&"):
            name, _, rest = rest[1:].partition(" ")
        value: Any = None
        if rest and not rest.startswith("#"):
            value = self._scalar(rest)
        elif self.at < len(self.lines):
            below = self.lines[self.at][0]
            if below > indent or (within and below == indent and self._dashed()):
                value = self._block(below, depth + 1)
        if name:
            self.anchors[name] = value
        return value

    def _scalar(self, text: str) -> Any:
        if text.startswith("*"):
            return self.anchors.get(text[1:].strip())
        if text[0] in "'\"" and text.find(text[0], 1) > 0:
            return text[1 : text.rindex(text[0])]
        text = text.split(" #", maxsplit=1)[0].strip()
        if text.startswith("[") and text.endswith("]"):
            return [self._scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
        return None if text in {"null", "~", "{}"} else text
