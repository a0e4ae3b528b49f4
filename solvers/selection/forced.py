"""Somebody named the solver: the user, or an experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import NoCandidate
from .choices import certain
from .policy import Candidate, Choice
from .standings import Standings


@dataclass(frozen=True, slots=True)
class Forced:
    """Always ``solver``, since ``asker`` names it; raises NoCandidate when it is not among the candidates or refuses the problem."""

    uses_features: ClassVar[bool] = False
    solver: str
    asker: str = "the request"
    name: str = "forced"
    version: str = "1"

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        for candidate in candidates:
            if candidate.solver == self.solver:
                if candidate.refused is not None:
                    msg = f"the solver asked for must take the problem; {self.solver} does not: {candidate.refused}"
                    raise NoCandidate(msg)
                return certain(candidate, candidates, {}, f"{self.asker} names {self.solver}")
        names = ", ".join(candidate.solver for candidate in candidates)
        msg = f"the solver asked for must be one of {names}; got {self.solver!r}"
        raise NoCandidate(msg)
