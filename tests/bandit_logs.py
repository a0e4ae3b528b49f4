"""Logs of decisions with full information behind them: what a policy would really have lost is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mezan.api.open import STANDINGS_READ
from mezan.engine.log import Recorded
from mezan.projections import DEFAULT, standings
from mezan.solvers.seeds import derive
from mezan.solvers.selection.evaluation.off_policy import Decisions
from mezan.solvers.selection.past.aslib import read_scenario
from mezan.solvers.selection.policy import Candidate, Policy

FAMILY = "table"
BUDGET = {"time_limit": 1.0, "iterations": None, "target": None, "gap": None}


@dataclass(frozen=True)
class Table:
    """Losses ``[instances, solvers]`` in [0, 1], and features ``[instances, d]``."""

    losses: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Simulated:
    """A log, the chances of each target policy in it, and what each would have lost on average."""

    decisions: Decisions
    chances: dict[str, np.ndarray]
    truth: dict[str, float]


def synthetic(seed: int, instances: int = 400, solvers: int = 4) -> Table:
    """Solvers that are good in different regions of two features, with noise and some failures (loss 1)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(instances, 3))
    centres = rng.normal(size=(solvers, 2))
    distance = np.linalg.norm(X[:, None, :2] - centres, axis=2)
    losses = np.clip(0.15 * distance + rng.normal(0.1, 0.08, size=distance.shape), 0, 1)
    losses[rng.random(losses.shape) < 0.05] = 1.0
    return Table(losses, X)


def aslib(folder: Path) -> Table:
    """A scenario of runtimes: PAR10 in units of ten cutoffs, so that a timeout or failure has loss 1; means for missing features."""
    scenario = read_scenario(folder)
    losses = np.clip(scenario.par10 / (10 * scenario.cutoff), 0, 1)
    known = np.isfinite(scenario.X)
    means = np.where(known, scenario.X, 0.0).sum(0) / np.maximum(1, known.sum(0))
    return Table(losses, np.where(known, scenario.X, means))


def simulate(
    table: Table, logging: Policy, targets: Sequence[Policy], n: int, seed: int, *, shadow: float = 0.0
) -> Simulated:
    """``n`` decisions of a policy that learns as it goes; a share ``shadow`` of them is run on every solver as well."""
    rng = np.random.default_rng(seed)
    size, k = table.losses.shape
    order = np.concatenate([rng.permutation(size) for _ in range(-(-n // size))])[:n]
    solvers = tuple(f"{FAMILY}.s{i}" for i in range(k))
    candidates = [Candidate(solver, "1") for solver in solvers]
    folds = [fold for fold in DEFAULT if fold.name in STANDINGS_READ]
    states = {fold.name: fold.initial() for fold in folds}

    position = 0

    def record(kind: str, data: dict) -> None:
        nonlocal position
        position += 1
        digest = derive(seed, position).to_bytes(32, "big")
        event = Recorded(
            position, "default", "r", position, kind, 1, "", digest, None, "r", "local", position, b"", data
        )
        for fold in folds:
            if kind in fold.handles:
                states[fold.name] = fold.apply(states[fold.name], event)

    chosen, mu, known = np.zeros(n, int), np.zeros((n, k)), np.full((n, k), np.nan)
    chances = {target.name: np.zeros((n, k)) for target in targets}
    for i, instance in enumerate(order):
        name = f"i{instance}"
        features = {f"f{j}": float(value) for j, value in enumerate(table.features[instance])}
        record("ProblemProfiled", {"family": FAMILY, "instance": name, "features": features})
        now = standings(states, FAMILY, features, i)
        for target in targets:
            choice = target.choose(now, features, candidates, derive(seed, i, target.name))
            chances[target.name][i] = [scored.propensity for scored in choice.scored]
        choice = logging.choose(now, features, candidates, derive(seed, i, "log"))
        mu[i] = [scored.propensity for scored in choice.scored]
        chosen[i] = solvers.index(choice.solver)
        ran = range(k) if rng.random() < shadow else [chosen[i]]
        for solver in ran:
            loss = float(table.losses[instance, solver])
            if solver != chosen[i]:
                known[i, solver] = loss
            outcome = {
                "family": FAMILY, "instance": name, "cluster": now.cluster, "solver": solvers[solver], "version": "1",
                "budget": BUDGET, "sense": "min", "objective": loss, "loss": loss, "seconds": 1.0,
            }  # fmt: skip
            record("AttemptSucceeded", outcome)
    losses = table.losses[order]
    decisions = Decisions(
        solvers, chosen, losses[np.arange(n), chosen], mu, known, table.features[order], order
    )  # fmt: skip
    truth = {name: float((pi * losses).sum(1).mean()) for name, pi in chances.items()}
    return Simulated(decisions, chances, truth)
