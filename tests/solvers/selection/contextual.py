"""Small worlds for learned policies: instances with features, solvers whose losses depend on them, and a loop that plays."""

import random
from collections.abc import Callable, Sequence

from mezan.solvers.selection.examples import Examples, Row, Table
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.standings import Record, Standings

Loss = Callable[[Sequence[float], int, random.Random], float]


class World:
    """``loss(features, solver's number, random)``; instances have ``size`` features drawn from [-1, 1]."""

    def __init__(self, loss: Loss, *, solvers: int = 3, size: int = 4, seed: int = 0) -> None:
        self.loss, self.size, self.seed = loss, size, seed
        self.names = tuple(f"f{j}" for j in range(size))
        self.candidates = [Candidate(f"s{i}", "1") for i in range(solvers)]
        self.table = Table(self.names)
        self.random = random.Random(seed)

    def features(self) -> tuple[float, ...]:
        return tuple(self.random.uniform(-1, 1) for _ in range(self.size))

    def add(self, features: Sequence[float], solver: str, loss: float, version: str = "1") -> None:
        instance = repr(tuple(features))
        self.table = self.table.grown(Row(instance, tuple(features), solver, version, loss, 1.0))

    def standings(self, count: int | None = None) -> Standings:
        count = len(self.table.rows) if count is None else count
        return standings(self.table, count)

    def play(self, policy: Policy, rounds: int) -> list[tuple[str, float]]:
        """The chosen solvers and their losses."""
        seen = []
        for _ in range(rounds):
            features = self.features()
            named = dict(zip(self.names, features, strict=True))
            pick = policy.choose(self.standings(), named, self.candidates, self.random.getrandbits(62)).solver
            loss = self.loss(features, int(pick[1:]), self.random)
            self.add(features, pick, loss)
            seen.append((pick, loss))
        return seen


def standings(table: Table, count: int) -> Standings:
    """Records and examples of the first rows of a table."""
    losses: dict[str, list[float]] = {}
    for row in table.rows[:count]:
        losses.setdefault(row.solver, []).append(row.loss)
    overall = {
        solver: Record(outcomes=len(own), loss_sum=sum(own), loss_squares=sum(x * x for x in own))
        for solver, own in losses.items()
    }
    return Standings("qap", count, "qap/0", overall, {}, Examples(table, count))


def opposed(features: Sequence[float], solver: int, chance: random.Random) -> float:
    """Solver 0 solves where the first feature is positive, solver 1 where it is negative, solver 2 three in five at random."""
    solved = (features[0] > 0, features[0] <= 0, chance.random() < 0.6)[solver]
    return 0.05 if solved else 1.0


def unrelated(features: Sequence[float], solver: int, chance: random.Random) -> float:
    """Features say nothing: the solvers fail in 30, 50 and 60 % at random."""
    return 1.0 if chance.random() < (0.3, 0.5, 0.6)[solver] else 0.05
