"""What a page is given: the moment it is about and the rest of its URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from mezan.api.http.moments import Moment
from mezan.engine.engine import Engine
from mezan.solvers.errors import BadInput

FRAGMENT = "mezan-fragment"
"""The header of a request by the page's own script, for what changes with the moment alone."""


@dataclass(frozen=True, slots=True)
class View:
    """One request for a page.

    Attributes:
        request: as it came.
        moment: which position every panel is the fold of.
        path: the parts of the URL that the page's route names.
    """

    request: Request
    moment: Moment
    path: Mapping[str, str]

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.moment.engine

    @property
    def fragment(self) -> bool:
        """Whether the page's own script asked."""
        return FRAGMENT in self.request.headers

    def text(self, name: str, default: str | None = None, *, most: int = 200) -> str | None:
        """A parameter of the query; empty ones count as absent. Raises BadInput for one that is too long."""
        value = self.request.query_params.get(name, "").strip()
        if len(value) > most:
            msg = f"{name} must have at most {most} characters; got {len(value)}"
            raise BadInput(msg)
        return value or default

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
        """A whole number of the query; raises BadInput outside of its range."""
        value = self.text(name, most=20)
        if value is None:
            return default
        if not value.isdecimal() or not least <= int(value) <= most:
            msg = f"{name} must be a whole number between {least} and {most}; got {value!r}"
            raise BadInput(msg)
        return int(value)

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words of the query; raises BadInput for another."""
        value = self.text(name, default) or default
        if value not in allowed:
            msg = f"{name} must be one of {', '.join(allowed)}; got {value[:40]!r}"
            raise BadInput(msg)
        return value

    def url(self, path: str, **query: Any) -> str:
        """A link inside the dashboard that stays at the same moment; parameters that are None or empty are left out.

        In a fragment the moment is left out: the page's script adds it to a link that is followed, and one moment's fragment
        differs from the next in nothing but what has happened.
        """
        kept: dict[str, Any] = {} if self.moment.at is None or self.fragment else {"at": self.moment.at}
        kept |= {name: value for name, value in query.items() if value not in {None, ""}}
        return f"{path}?{urlencode(kept)}" if kept else path

    def here(self, **changed: Any) -> str:
        """This page with some parameters changed."""
        query = {k: v for k, v in self.request.query_params.items() if k != "at"}
        return self.url(self.request.url.path, **(query | changed))
