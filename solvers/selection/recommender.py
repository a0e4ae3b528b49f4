"""Which solver, or which schedule of solvers, to use on an instance: learned from how solvers did on known ones.

For code outside of the engine, in the style of scikit-learn, without depending on it:

    recommender = Recommender().fit(features, performance, cutoff=5000.0, names=["minisat", "kissat"])
    recommender.predict(new_features)[0].schedule

Similar known instances are weighed by a forest (see `forest_kernel`); with runtimes the best schedule on them is computed (see
`schedules`), else the solver that does best on them. A one-sided guard stands behind it: out of bag, on the known instances
themselves, the learned choice is compared with the single best solver, which decides where learning is by evidence worse, and
where an instance's features say nothing (all are missing, or a value is infinite or beyond 1e100).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BadInput
from .models import forest_kernel
from .models.careful import careful_pick
from .models.evidence import Evidence, gathered
from .models.forest_kernel import ForestKernel
from .models.labels import Labels
from .models.preparing import Preparation
from .models.schedules import UNIT, WEIGHT, Step, best_schedule

Floats = NDArray[np.float64]

MODES = "auto", "schedule", "pick", "single_best"
NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to run: ``solver`` (the first of the ``schedule`` of names and seconds; None: until the cutoff).

    ``expected_loss`` with its standard error ``loss_error``: PAR10 in seconds, the time of the features included; without a
    cutoff the performance itself, negated where more is better. ``chance_best``: how likely no other solver does better.
    ``decided_by``: "schedule", "pick", "careful" (the single best but where another is surely better) or "single_best" (then
    features are not needed: ``uses_features``).
    """

    solver: str
    schedule: tuple[tuple[str, float | None], ...]
    expected_loss: float
    loss_error: float
    chance_best: float
    decided_by: str

    @property
    def uses_features(self) -> bool:
        """Whether the instance's features decided."""
        return self.decided_by != "single_best"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A known instance, its share of the weight, and the solver that did best on it."""

    instance: str
    weight: float
    best_solver: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why: the nearest known instances, each feature's share of the trees' splits, what each solver is expected to lose."""

    recommendation: Recommendation
    neighbours: tuple[Neighbour, ...]
    importance: dict[str, float]
    expected_losses: dict[str, float]
    single_best: str
    single_best_loss: float
    reason: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is learned: a pure function of the data and the parameters."""

    solvers: tuple[str, ...]
    features: tuple[str, ...]
    instances: tuple[str, ...]
    labels: Labels
    preparation: Preparation
    kernel: ForestKernel
    single_best: int
    cost: float
    evidence: Evidence


class Recommender:
    """See the module.

    Args:
        mode: "auto" (schedules where there are runtimes, and the guard), "schedule", "pick" or "single_best".
        trees: of the forest.
        max_features: the share of the features that a node looks at.
        min_leaf: known instances at a leaf, at least.
        longest: steps of a schedule, at most.
        seed: of all randomness; the same data, parameters and seed give the same recommendations.
    """

    def __init__(
        self,
        mode: str = "auto",
        *,
        trees: int = 200,
        max_features: float = 0.8,
        min_leaf: int = 4,
        longest: int = 4,
        seed: int = 0,
    ) -> None:
        self.mode = mode
        self.trees = trees
        self.max_features = max_features
        self.min_leaf = min_leaf
        self.longest = longest
        self.seed = seed
        self._fitted: Fitted | None = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in ("mode", "trees", "max_features", "min_leaf", "longest", "seed")}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; they count from the next `fit` on."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                msg = f"a parameter must be one of {', '.join(known)}; got {name!r}"
                raise BadInput(msg)
            setattr(self, name, value)
        return self

    def fit(
        self,
        features: ArrayLike,
        performance: ArrayLike,
        *,
        cutoff: float | None = None,
        maximize: bool = False,
        solved: ArrayLike | None = None,
        feature_cost: ArrayLike | None = None,
        instances: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from `n` instances and `m` solvers.

        Args:
            features: [n, d], NaN where missing.
            performance: [n, m]; runtimes in seconds where there is a ``cutoff``, else values. NaN is missing, or failed where
                ``solved`` is given.
            cutoff: seconds after which a solver is stopped; None for values of another kind.
            maximize: whether more is better.
            solved: [n, m] booleans; default: whatever took no longer than the cutoff.
            feature_cost: seconds that the features take, one number or [n].
            instances: names of the instances.
            names: names of the solvers.
            feature_names: names of the features.

        Raises:
            BadInput: shapes do not fit together, or a parameter is out of range.
        """
        if self.mode not in MODES:
            msg = f"the mode must be one of {', '.join(MODES)}; got {self.mode!r}"
            raise BadInput(msg)
        X, table = np.asarray(features, dtype=np.float64), np.asarray(performance, dtype=np.float64)
        if X.ndim != 2 or table.ndim != 2 or len(X) != len(table) or len(X) < 2 or not table.size or not X.size:
            msg = f"features must be [n, d] and performance [n, m], n at least 2; got {X.shape} and {table.shape}"
            raise BadInput(msg)
        done = None if solved is None else np.asarray(solved, dtype=bool)
        if done is not None and done.shape != table.shape:
            msg = f"solved must be as large as performance, {table.shape}; got {done.shape}"
            raise BadInput(msg)
        labels = Labels.of(table, cutoff=cutoff, maximize=maximize, solved=done)
        costs = np.broadcast_to(np.asarray(0.0 if feature_cost is None else feature_cost, dtype=np.float64), len(X))
        costs = np.where(np.isfinite(costs), np.maximum(costs, 0.0), 0.0)
        preparation = Preparation.of(X)
        prepared = preparation(X)
        kernel = forest_kernel.fit(
            prepared,
            labels.targets(),
            trees=self.trees,
            max_features=self.max_features,
            min_leaf=self.min_leaf,
            seed=self.seed,
        )
        self._fitted = Fitted(
            solvers=_names(names, table.shape[1], "solver"),
            features=_names(feature_names, X.shape[1], "feature"),
            instances=_names(instances, len(X), "instance"),
            labels=labels,
            preparation=preparation,
            kernel=kernel,
            single_best=int(np.add.reduce(labels.losses, axis=0).argmin()),
            cost=float(np.median(costs)),
            evidence=gathered(kernel, prepared, labels, costs, self.longest, self.seed),
        )
        return self

    def predict(self, features: ArrayLike, *, feature_cost: ArrayLike | None = None) -> list[Recommendation]:
        """One recommendation for each row of ``features`` [n, d].

        ``feature_cost``: the seconds that they took, one number or [n]; default: the median of the known instances.
        """
        fitted, X = self._checked(features)
        costs = np.broadcast_to(np.asarray(fitted.cost if feature_cost is None else feature_cost, dtype=float), len(X))
        poisoned, prepared = fitted.preparation.poisoned(X), fitted.preparation(X)
        return [
            self._guarded(fitted)
            if out or self._rule(fitted) == "single_best"
            else self._learned(fitted, x, float(cost))
            for x, cost, out in zip(prepared, costs, poisoned, strict=True)
        ]

    def explain(self, features: ArrayLike, *, feature_cost: float | None = None) -> Explanation:
        """Why `predict` recommends what it does for one instance's ``features`` [d]."""
        fitted, X = self._checked(np.asarray(features, dtype=np.float64).reshape(1, -1))
        [made] = self.predict(X, feature_cost=feature_cost)
        wild = bool(fitted.preparation.poisoned(X)[0])
        weights = np.full(fitted.kernel.known, WEIGHT) if wild else fitted.kernel.weights(fitted.preparation(X)[0])
        expected = weights @ fitted.labels.losses / weights.sum()
        nearest = [] if wild else [i for i in np.argsort(-weights, kind="stable")[:NEIGHBOURS] if weights[i] > 0]
        single = fitted.single_best
        return Explanation(
            recommendation=made,
            neighbours=tuple(
                Neighbour(
                    fitted.instances[i],
                    float(weights[i] / weights.sum()),
                    fitted.solvers[int(fitted.labels.losses[i].argmin())],
                )
                for i in nearest
            ),
            importance=dict(zip(fitted.features, map(float, fitted.kernel.forest.importance), strict=True)),
            expected_losses={
                solver: fitted.labels.scaled(float(loss)) for solver, loss in zip(fitted.solvers, expected, strict=True)
            },
            single_best=fitted.solvers[single],
            single_best_loss=fitted.labels.scaled(float(expected[single])),
            reason=self._reason(fitted, made, wild=wild),
        )

    def save(self, path: str | Path) -> None:
        """Write everything to one file (NumPy arrays and JSON; no pickle)."""
        if self._fitted is None:
            raise BadInput("a recommender must be fitted before it is saved; call fit(features, performance)")
        from .models.keeping import save

        save(path, self.get_params(), self._fitted)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What :meth:`save` wrote; raises BadInput when the file is damaged or of another kind."""
        from .models.keeping import load

        params, fitted = load(path)
        made = cls().set_params(**params)
        made._fitted = fitted  # noqa: SLF001 - a classmethod is inside
        return made

    def _rule(self, fitted: Fitted) -> str:
        """What decides: the mode asked for, or what the evidence allows."""
        if self.mode == "auto":
            return fitted.evidence.rule
        return "pick" if fitted.labels.times is None and self.mode == "schedule" else self.mode

    def _guarded(self, fitted: Fitted) -> Recommendation:
        weights = np.full(fitted.kernel.known, WEIGHT)
        return _recommended(fitted, [Step(fitted.single_best, None)], weights, fitted.labels.losses, "single_best")

    def _learned(self, fitted: Fitted, x: Floats, cost: float) -> Recommendation:
        weights = fitted.kernel.weights(x)
        near = np.flatnonzero(weights)
        weights, labels = weights[near], fitted.labels
        rule = self._rule(fitted)
        if labels.times is None or labels.cutoff is None:
            losses = labels.losses[near]
            careful = rule == "careful"
            pick = careful_pick(weights, losses, fitted.single_best) if careful else int((weights @ losses).argmin())
            return _recommended(fitted, [Step(pick, None)], weights, losses, rule)
        spent = float(np.rint(min(max(cost, 0.0), labels.cutoff) * UNIT / 10 / labels.cutoff))
        charged = labels.charged(spent)[near]
        longest = 1 if rule == "pick" else self.longest
        steps, loss = best_schedule(weights, labels.times[near], labels.cutoff, spent, longest)
        made = _recommended(fitted, steps, weights, charged, rule)
        return made if len(steps) == 1 else _with_loss(made, labels.scaled(loss))

    def _reason(self, fitted: Fitted, made: Recommendation, *, wild: bool) -> str:
        single = fitted.solvers[fitted.single_best]
        if wild:
            return (
                f"guard: the features say nothing (all missing, infinite or beyond 1e100), so {single}, the single best"
            )
        if made.decided_by == "single_best":
            said = "it was asked for" if self.mode == "single_best" else fitted.evidence.said()
            return f"{single} is best over all known instances, and {said}"
        what = "solver" if len(made.schedule) == 1 else "schedule"
        asked = fitted.evidence.said() if self.mode == "auto" else "it was asked for"
        return f"the {what} of least expected loss on similar known instances; decided by {made.decided_by}: {asked}"

    def _checked(self, features: ArrayLike) -> tuple[Fitted, Floats]:
        if self._fitted is None:
            raise BadInput("a recommender must be fitted before it recommends; call fit(features, performance)")
        X = np.asarray(features, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self._fitted.features):
            msg = f"features must be [n, {len(self._fitted.features)}], as in fit; got {X.shape}"
            raise BadInput(msg)
        return self._fitted, X


def _recommended(fitted: Fitted, steps: Sequence[Step], weights: Floats, losses: Floats, rule: str) -> Recommendation:
    total = float(weights.sum())
    first = losses[:, steps[0].solver]
    mean = float(weights @ first) / total
    variance = max(0.0, float(weights @ (first * first)) / total - mean * mean)
    best = losses[:, steps[0].solver] <= losses.min(axis=1)
    scale = fitted.labels.scaled(1.0) - fitted.labels.scaled(0.0)
    return Recommendation(
        solver=fitted.solvers[steps[0].solver],
        schedule=tuple((fitted.solvers[step.solver], step.seconds) for step in steps),
        expected_loss=fitted.labels.scaled(mean),
        loss_error=math.sqrt(variance * float(weights @ weights)) / total * scale,
        chance_best=float(weights @ best) / total,
        decided_by=rule,
    )


def _with_loss(made: Recommendation, loss: float) -> Recommendation:
    return replace(made, expected_loss=loss)


def _names(given: Sequence[str] | None, count: int, what: str) -> tuple[str, ...]:
    names = tuple(str(name) for name in given) if given is not None else tuple(f"{what}_{i}" for i in range(count))
    if len(names) != count or len(set(names)) != count:
        msg = f"there must be {count} different {what} names; got {len(set(names))}"
        raise BadInput(msg)
    return names
