"""Whole run histories as the engine writes them, seeded: for tests of anything that folds the log."""

import hashlib
import random
from collections.abc import Iterator, Sequence

from mezan.engine import events as ev
from mezan.engine.events import Event
from mezan.engine.log import GENESIS, Recorded, link

START = 1_750_000_000_000_000
FAMILIES = {
    "qap": ("min", ("qap.robust_tabu", "qap.ils", "qap.greedy", "qap.annealing")),
    "knapsack": ("max", ("knapsack.dp", "knapsack.greedy", "knapsack.branch_bound")),
    "graph": ("min", ("graph.louvain", "graph.spectral")),
}


class History:
    """Draws runs one after another, or several at a time with their events interleaved.

    Each family has ``instances`` instances with a hidden difficulty, and each solver a hidden skill, so that ratings
    and clusters have something to find. About one attempt in five fails, times out, is cancelled or is abandoned.
    A share ``imports`` of the streams are results of elsewhere.
    """

    def __init__(self, seed: int = 0, *, instances: int = 60, tenant: str = "default", imports: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.imports = imports
        self.instances = instances
        self.tenant = tenant
        self.runs = 0

    def run(self) -> tuple[str, list[Event]]:
        """A stream's name and its events, from the request to the end (or cut off, as after a crash)."""
        rng = self.random
        self.runs += 1
        if self.imports and rng.random() < self.imports:
            return f"import-{rng.getrandbits(48):012x}-{self.runs}", self._imported()
        stream = f"run-{rng.getrandbits(48):012x}-{self.runs}"
        family = rng.choice(list(FAMILIES))
        names = ["main"] if rng.random() < 0.9 else ["first", "second"]
        numbers = {task: rng.randrange(self.instances) for task in names}
        budget = ev.BudgetSpec(time_limit=rng.choice([1.0, 10.0]), iterations=rng.choice([None, 1000]))
        out: list[Event] = [self._requested(family, numbers, budget), ev.RunPlanned(order=tuple(names))]
        objectives: dict[str, float] = {}
        for task in names:
            fate = self._task(out, family, task, numbers[task], budget, objectives)
            if fate == "cancelled":
                out.append(ev.RunCancelled(reason="asked to", seconds=rng.random()))
                return stream, out
            if fate == "failed":
                out.append(ev.RunFailed(task=task, error="solver-failed", message="every attempt failed", seconds=3.0))
                return stream, out
            if fate == "lost":
                return stream, out
        out.append(ev.RunCompleted(objectives=objectives, seconds=rng.lognormvariate(0, 1)))
        return stream, out

    def _imported(self) -> list[Event]:
        """Some solvers' outcomes on one instance, with its features, or without (as of a table that has none)."""
        rng = self.random
        family = rng.choice(list(FAMILIES))
        sense, solvers = FAMILIES[family]
        number = rng.randrange(self.instances)
        features = {"size": 10.0 + number, "density": (number % 7) / 7, "spread": float(number % 3) * 1000.0}
        common = {"family": family, "instance": f"there/{number}", "sense": sense, "source": "a table"}
        known = features if rng.random() < 0.8 else {}
        out: list[Event] = [ev.InstanceImported(**common, label=str(number), features=known)]
        for solver in rng.sample(solvers, rng.randrange(1, len(solvers) + 1)):
            status = rng.choice(["ok", "ok", "ok", "timeout", "failed"])
            distance = round(rng.random(), 2)
            objective = 100.0 + number + (distance if sense == "min" else -distance)
            out.append(
                ev.OutcomeImported(
                    **common, solver=solver, version="1", cluster=f"{family}/0", budget=ev.BudgetSpec(time_limit=1.0),
                    status=status, objective=objective if status == "ok" else None,
                    loss=distance if status == "ok" else 1.0, seconds=1.0,
                )
            )  # fmt: skip
        return out

    def log(self, events: int, *, at_once: int = 4) -> list[Recorded]:
        """At least ``events`` recorded events, up to ``at_once`` runs interleaved, cut at exactly ``events``."""
        return record(self.interleaved(events, at_once), tenant=self.tenant)

    def interleaved(self, events: int, at_once: int = 4) -> Iterator[tuple[str, Event]]:
        """(stream, event) pairs, exactly ``events`` of them."""
        open_runs: list[tuple[str, list[Event]]] = []
        for _ in range(events):
            while len(open_runs) < at_once:
                stream, run = self.run()
                open_runs.append((stream, run[::-1]))
            stream, rest = open_runs[self.random.randrange(at_once)]
            yield stream, rest.pop()
            open_runs = [entry for entry in open_runs if entry[1]]

    def _requested(self, family: str, numbers: dict[str, int], budget: ev.BudgetSpec) -> ev.RunRequested:
        sense = FAMILIES[family][0]
        tasks = tuple(
            ev.TaskSpec(
                task=task, family=family, sense=sense, problem=_digest(family, number), size=10 + number,
                label=f"{family}{number}", best_known=100.0 + number,
            )
            for task, number in numbers.items()
        )  # fmt: skip
        return ev.RunRequested(
            tasks=tasks, budget=budget, seed=self.random.getrandbits(32), policy="elo_ucb", worker="worker-1"
        )

    def _task(
        self, out: list[Event], family: str, task: str, number: int, budget: ev.BudgetSpec, objectives: dict[str, float]
    ) -> str:
        rng = self.random
        sense, solvers = FAMILIES[family]
        features = {"size": 10.0 + number, "density": (number % 7) / 7, "spread": float(number % 3) * 1000.0}
        out.append(
            ev.ProblemProfiled(
                task=task,
                family=family,
                instance=_digest(family, number),
                size=10 + number,
                features=features,
                seconds=0.01,
            )
        )
        for attempt in (1, 2, 3):
            solver = rng.choice(solvers)
            cluster = f"{family}/0" if self.runs < 40 else f"{family}/40.{number % 3}"
            out.extend([_chosen(task, attempt, family, solver, cluster, solvers), _started(task, attempt, solver)])
            common = {
                "task": task, "attempt": attempt, "solver": solver, "version": "1", "family": family,
                "instance": _digest(family, number), "cluster": cluster, "budget": budget,
            }  # fmt: skip
            draw = rng.random()
            if draw < 0.08:
                transient = rng.random() < 0.5
                out.append(
                    ev.AttemptFailed(
                        **common, error="solver-failed", message="it broke", transient=transient,
                        retry_in=0.1 if transient else None, seconds=0.2,
                    )
                )  # fmt: skip
                continue
            if draw < 0.12:
                out.append(ev.AttemptTimedOut(**common, seconds=budget.time_limit))
                continue
            self._search(out, task, attempt, number, sense)
            if draw < 0.14:
                out.append(
                    ev.AttemptCancelled(task=task, attempt=attempt, reason="asked to", iterations=5, seconds=0.1)
                )
                return "cancelled"
            if draw < 0.17:
                out.append(
                    ev.AttemptAbandoned(
                        task=task, attempt=attempt, lost_worker="worker-1", worker="worker-2", checkpoint=None,
                        iterations=7, seconds=0.3,
                    )
                )  # fmt: skip
                continue
            if draw < 0.19:
                return "lost"
            out.append(self._succeeded(common, family, number, solver))
            objectives[task] = out[-1].objective  # type: ignore[attr-defined]
            return "done"
        return "failed"

    def _search(self, out: list[Event], task: str, attempt: int, number: int, sense: str) -> None:
        for k in range(self.random.randrange(3)):
            worse = 50.0 / (k + 1)
            objective = 100.0 + number + (worse if sense == "min" else -worse)
            out.append(
                ev.IncumbentFound(
                    task=task, attempt=attempt, objective=objective, solution=_digest("s", k), iterations=10 * k,
                    seconds=0.1 * k,
                )
            )  # fmt: skip
        if self.random.random() < 0.3:
            out.append(
                ev.CheckpointSaved(
                    task=task, attempt=attempt, checkpoint=_digest("c", number), iterations=30, seconds=0.5
                )
            )

    def _succeeded(self, common: dict, family: str, number: int, solver: str) -> ev.AttemptSucceeded:
        sense, solvers = FAMILIES[family]
        skill = solvers.index(solver) + (number % 3 == 1) * 2
        distance = round(abs(self.random.gauss(2.0 + skill, 1.0)), 1)
        best = 100.0 + number
        objective = best + distance if sense == "min" else best - distance
        return ev.AttemptSucceeded(
            **common, sense=sense, objective=objective, solution=_digest("s", number),
            bound=ev.BoundSpec(value=best, method="known"), proved_optimal=distance == 0, loss=min(1.0, distance / 100),
            stopped="time", iterations=100, seconds=self.random.random(), compile_seconds=0.0, work={"moves": 100},
        )  # fmt: skip


def record(pairs: Iterator[tuple[str, Event]], *, tenant: str = "default", step: int = 250_000) -> list[Recorded]:
    """Events as a log would keep them: gapless positions, versions per stream, the hash chain, ``step`` µs apart."""
    versions: dict[str, int] = {}
    previous, out = GENESIS, []
    for position, (stream, event) in enumerate(pairs, 1):
        versions[stream] = versions.get(stream, 0) + 1
        payload = event.model_dump_json()
        digest = hashlib.sha256(payload.encode()).digest()
        recorded = Recorded(
            position, tenant, stream, versions[stream], type(event).__name__, event.schema_version, payload, digest, None,
            stream, "local", START + position * step, b"",
        )  # fmt: skip
        recorded.hash = previous = link(previous, recorded.header(), digest)
        out.append(recorded)
    return out


def fresh(events: Sequence[Recorded]) -> list[Recorded]:
    """The same events without their decoded payloads, as another process would read them."""
    return [
        Recorded(
            e.position, e.tenant, e.stream, e.version, e.type, e.schema, e.payload, e.digest, e.causation,
            e.correlation, e.actor, e.recorded_at, e.hash,
        )
        for e in events
    ]  # fmt: skip


def _digest(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()


def _chosen(task: str, attempt: int, family: str, solver: str, cluster: str, solvers: Sequence[str]) -> ev.SolverChosen:
    cards = tuple(
        ev.CandidateCard(
            solver=name, version="1", score=1500.0, rating=1500.0, cluster_rating=1500.0, trials=3, cluster_trials=1,
            mean_loss=0.5, propensity=float(name == solver),
        )
        for name in solvers
    )  # fmt: skip
    return ev.SolverChosen(
        task=task, attempt=attempt, family=family, policy="elo_ucb", policy_version="1", solver=solver, version="1",
        propensity=1.0, cluster=cluster, as_of=0, key=1, reason="drawn by the generator", candidates=cards,
    )  # fmt: skip


def _started(task: str, attempt: int, solver: str) -> ev.AttemptStarted:
    return ev.AttemptStarted(
        task=task, attempt=attempt, solver=solver, version="1", seed=1, worker="worker-1", device="cpu"
    )
