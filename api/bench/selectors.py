"""The selectors that `mezan bench aslib` offers: the recommender in its modes, and simpler ones to compare with."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mezan.solvers.catalog import unknown
from mezan.solvers.selection.models.pairwise import PairwiseForests
from mezan.solvers.selection.models.preparing import Preparation
from mezan.solvers.selection.models.schedules import Step
from mezan.solvers.selection.past.aslib import Scenario
from mezan.solvers.selection.recommender import Recommender

from .aslib import Decision, Part, Selector

Floats = NDArray[np.float64]


@dataclass
class Recommending:
    """The public recommender in one of its modes."""

    mode: str
    numbers: dict[str, int] = field(default_factory=dict)
    recommender: Recommender = field(default_factory=Recommender)

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        self.numbers = {name: number for number, name in enumerate(scenario.algorithms)}
        self.recommender = Recommender(self.mode, seed=seed).fit(
            train.X,
            train.performance if scenario.runtime else -train.par10,
            cutoff=scenario.cutoff if scenario.runtime else None,
            maximize=not scenario.runtime,
            solved=train.solved,
            feature_cost=train.feature_cost,
            names=scenario.algorithms,
        )

    def decide(self, X: Floats, feature_cost: Floats) -> list[Decision]:
        return [
            Decision(
                [Step(self.numbers[solver], seconds) for solver, seconds in made.schedule],
                made.uses_features,
                made.decided_by,
            )
            for made in self.recommender.predict(X, feature_cost=feature_cost)
        ]


@dataclass
class Scaled:
    """What selectors by distance share: standardised features, clipped at ten deviations, and losses."""

    preparation: Preparation = field(default_factory=lambda: Preparation(np.zeros(0)))
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.ones(0))

    def fit_scale(self, X: Floats) -> Floats:
        """Learn the scales from features [n, d], and give them scaled."""
        self.preparation = Preparation.of(X)
        prepared = self.preparation(X)
        self.mean, deviation = prepared.mean(axis=0), prepared.std(axis=0)
        self.scale = np.where(deviation > 1e-12, deviation, 1.0)
        return self.scaled(X)

    def scaled(self, X: Floats) -> Floats:
        """Features on the learned scales."""
        return np.clip((self.preparation(X) - self.mean) / self.scale, -10, 10)


@dataclass
class Nearest(Scaled):
    """The solver with the least mean loss over the 16 nearest training instances."""

    neighbours: int = 16
    known: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    losses: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        self.known, self.losses = self.fit_scale(train.X), train.par10

    def decide(self, X: Floats, feature_cost: Floats) -> list[Decision]:
        made = []
        for x in self.scaled(X):
            near = np.argsort(((self.known - x) ** 2).sum(axis=1), kind="stable")[: self.neighbours]
            made.append(Decision([Step(int(self.losses[near].mean(axis=0).argmin()), None)], True, "knn"))
        return made


@dataclass
class EloByCluster(Scaled):
    """The naive selector: clusters by k-means, in each the solver with the highest Elo (K = 32), half overall and half local."""

    centres: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    picks: list[int] = field(default_factory=list)

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        X = self.fit_scale(train.X)
        rng = np.random.default_rng(seed)
        k = int(np.clip(np.sqrt(len(X) / 2), 2, 20))
        self.centres = X[rng.choice(len(X), size=min(k, len(X)), replace=False)]
        for _ in range(20):
            cluster = self._cluster(X)
            self.centres = np.array(
                [
                    X[cluster == c].mean(axis=0) if (cluster == c).any() else self.centres[c]
                    for c in range(len(self.centres))
                ]
            )
        cluster = self._cluster(X)
        overall = elo(train.par10[rng.permutation(len(X))])
        self.picks = [
            int((overall + elo(train.par10[rng.permutation(np.flatnonzero(cluster == c))])).argmax())
            for c in range(len(self.centres))
        ]

    def decide(self, X: Floats, feature_cost: Floats) -> list[Decision]:
        return [Decision([Step(self.picks[c], None)], True, "elo") for c in self._cluster(self.scaled(X))]

    def _cluster(self, X: Floats) -> NDArray[np.int64]:
        squares = (X**2).sum(axis=1)[:, None] - 2 * X @ self.centres.T + (self.centres**2).sum(axis=1)[None]
        nearest: NDArray[np.int64] = squares.argmin(axis=1)
        return nearest


def elo(losses: Floats, K: float = 32.0) -> Floats:
    """Ratings [m] after all pairs of solvers have played on each instance in turn; ``losses`` [n, m], the lower one wins."""
    ratings = np.full(losses.shape[1], 1500.0)
    for row in losses:
        won = (row[:, None] < row[None]) + 0.5 * (row[:, None] == row[None])
        expected = 1 / (1 + 10 ** ((ratings[None] - ratings[:, None]) / 400))
        ratings = ratings + K * (won - expected).sum(axis=1) / max(1, len(ratings) - 1)
    return ratings


@dataclass
class Pairwise(Scaled):
    """Votes of forests between all pairs of solvers, weighted by what is at stake (SATzilla 2011)."""

    forests: PairwiseForests | None = None

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        self.fit_scale(train.X)
        low, high = train.par10.min(), train.par10.max()
        losses = (train.par10 - low) / max(float(high - low), 1e-12)
        self.forests = PairwiseForests.fit(self.preparation(train.X), losses, seed=seed)

    def decide(self, X: Floats, feature_cost: Floats) -> list[Decision]:
        assert self.forests is not None
        votes = self.forests.votes(self.preparation(X))
        return [Decision([Step(int(vote.argmax()), None)], True, "pairwise") for vote in votes]


SELECTORS: dict[str, Callable[[], Selector]] = {
    "default": lambda: Recommending("auto"),
    "schedule": lambda: Recommending("schedule"),
    "forest_kernel": lambda: Recommending("pick"),
    "pairwise": Pairwise,
    "knn": Nearest,
    "elo_cluster": EloByCluster,
    "single_best": lambda: Recommending("single_best"),
}


def selector(name: str) -> Callable[[], Selector]:
    """What makes the selector of that name; raises UnknownName."""
    try:
        return SELECTORS[name]
    except KeyError:
        raise unknown("selector", name, SELECTORS) from None
