"""Which limit applies to whom, and to what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

from mezan.solvers.errors import BadInput

from .limit import LONGEST_TEXT, Limit

T = TypeVar("T", bound=str)
Who = Literal["user", "key", "token", "anonymous"]
RouteClass = Literal["read", "write", "solve", "login", "public"]
Per = Literal["credential", "principal", "project", "address"]
EVERYBODY: Final[frozenset[Who]] = frozenset(get_args(Who))
ROUTE_CLASSES: Final[frozenset[RouteClass]] = frozenset(get_args(RouteClass))
PERS: Final[frozenset[Per]] = frozenset(get_args(Per))
MOST_POLICIES: Final = 32
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
RULE: Final = "a policy is written LIMIT [for=WHO,...] [on=CLASS,...] [per=WHAT], as in '100/min sliding-counter for=key on=solve per=project'"


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit for some principals on some routes.

    Attributes:
        name: shown in headers and problems: lower case, digits and hyphens.
        limit: how many, and how they are counted.
        who: kinds of principals; ``anonymous`` has no credential.
        on: classes of routes: ``solve`` begins runs, ``write`` is every other change, ``login`` checks a password or a secret.
        per: what is counted together. Who is anonymous is counted by address.

    Raises:
        BadInput: a name breaks the rule.
    """

    name: str
    limit: Limit
    who: frozenset[Who] = EVERYBODY
    on: frozenset[RouteClass] = ROUTE_CLASSES
    per: Per = "credential"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            msg = f"a policy's name is up to 32 lower-case letters, digits and hyphens, a letter first; got {self.name[:40]!r}"
            raise BadInput(msg)

    @classmethod
    def parse(cls, name: str, text: str) -> "Policy":
        """Read a policy; what is left out is everybody, every class, and per credential.

        Raises:
            BadInput: the text breaks the rule.
        """
        words = text.split() if len(text) <= LONGEST_TEXT else []
        ours = [word for word in words if word.startswith(("for=", "on=", "per="))]
        given = dict(word.split("=", 1) for word in ours)
        if len(given) != len(ours) or not words:
            msg = f"{RULE}; got {text[:80]!r}"
            raise BadInput(msg)
        limit = Limit.parse(" ".join(word for word in words if word not in ours))
        who = _some("for", given.get("for"), EVERYBODY)
        on = _some("on", given.get("on"), ROUTE_CLASSES)
        per = _some("per", given.get("per", "credential"), PERS)
        if len(per) > 1:
            msg = f"{RULE}; got per={given['per'][:40]!r}, which is one of {', '.join(sorted(PERS))}"
            raise BadInput(msg)
        return cls(name, limit, who, on, next(iter(per)))

    def __str__(self) -> str:
        who = "" if self.who == EVERYBODY else f" for={','.join(sorted(self.who))}"
        on = "" if self.on == ROUTE_CLASSES else f" on={','.join(sorted(self.on))}"
        return f"{self.limit}{who}{on}{'' if self.per == 'credential' else f' per={self.per}'}"


def _some(name: str, text: str | None, known: frozenset[T]) -> frozenset[T]:
    if text is None:
        return known
    by_name = {str(one): one for one in known}
    words = text.split(",")
    if missing := [word for word in words if word not in by_name]:
        msg = f"{name}= names {', '.join(sorted(known))}, with commas between them; got {missing[0][:40]!r}"
        raise BadInput(msg)
    return frozenset(by_name[word] for word in words)


def policies(texts: Mapping[str, str]) -> tuple[Policy, ...]:
    """Read policies by name; those that are not given are as in :data:`USUAL`, and ``off`` takes one away.

    Raises:
        BadInput: a text breaks its rule, or there are too many.
    """
    merged = {**USUAL, **texts}
    found = tuple(Policy.parse(name, text) for name, text in merged.items() if text != "off")
    if len(found) > MOST_POLICIES:
        msg = f"a server has at most {MOST_POLICIES} policies; got {len(found)}: remove some"
        raise BadInput(msg)
    return found


USUAL: Final[Mapping[str, str]] = {
    "requests": "3000/min token-bucket burst=600 for=user,key,token",
    "solving": "1200/min token-bucket burst=300 for=user,key,token on=solve",
    "project": "12000/min token-bucket burst=2400 for=user,key,token per=project",
    "address": "300/min sliding-counter for=anonymous per=address",
    "login": "30/min sliding-log on=login per=address",
}
"""The limits of a server that nobody has set others for."""
