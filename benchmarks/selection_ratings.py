"""Ratings: the time to fold them, that order and batches leave no trace, and how far they drift over orders of the same games.

usage: python benchmarks/selection_ratings.py [OUTCOMES] [SCENARIO ...]

``selection_ratings``: 100,000 outcomes of nine solvers folded into what policies read, in CPU seconds with the decoding of the
events; then the hash of each state from another process, from batches saved and loaded in between, and, of Bradley-Terry, in
another order. ``selection_drift``: per ASlib scenario 1,000 games between random pairs of solvers on random instances, folded in
30 orders; the standard deviation of a rating over orders, the mean of the solvers; Kendall's tau to Bradley-Terry ratings of
100,000 games. ``K = 32`` is plain Elo without decay, on the same games.
"""

import hashlib
import itertools
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from common import SHARED, Clock, report
from scipy.stats import kendalltau

from mezan.api import tune_gc
from mezan.engine import events as ev
from mezan.engine.log import Recorded
from mezan.projections import BradleyTerry, Clusters, Elo, LabelledOutcomes, SolverStats
from mezan.projections.bradley_terry import strengths
from mezan.projections.clusters import assign
from mezan.solvers.selection.models.comparisons import GAME, Counts, ratings
from mezan.solvers.selection.past.aslib import read_scenario

READ = (Elo(), Clusters(), LabelledOutcomes(), BradleyTerry(), SolverStats())
FAMILIES = {"qap": ("min", 4), "knapsack": ("max", 3), "graph": ("min", 2)}
SCENARIOS = ("SAT11-RAND", "CPMP-2015", "MIP-2016", "QBF-2011", "SAT11-INDU", "GRAPHS-2015", "MAXSAT12-PMS")
BUDGET = ev.BudgetSpec(time_limit=1.0)


def recorded(events: Iterator[tuple[str, ev.Event]]) -> list[Recorded]:
    """Events as a log gives them, but for the hash chain."""
    out = []
    for position, (stream, event) in enumerate(events, 1):
        payload = event.model_dump_json()
        digest = hashlib.sha256(payload.encode()).digest()
        kind = type(event)
        out.append(
            Recorded(
                position, "default", stream, 1, kind.__name__, kind.schema_version, payload, digest, None, stream,
                "local", position, b"",
            )
        )  # fmt: skip
    return out


def life(outcomes: int, seed: int = 0, instances: int = 2_000) -> Iterator[tuple[str, ev.Event]]:
    """Instances of three families profiled, each given to some of its solvers; one outcome in twelve is a failure."""
    rng = random.Random(seed)
    clusters = Clusters().initial()
    made = 0
    while made < outcomes:
        family = rng.choice(list(FAMILIES))
        sense, solvers = FAMILIES[family]
        number = rng.randrange(instances)
        instance = hashlib.sha256(f"{family}{number}".encode()).hexdigest()
        features = {f"f{k}": ((number * 2654435761 + k * 40503) % 1000) / 1000 for k in range(20)}
        cluster = assign(clusters, family, features)
        profiled = ev.ProblemProfiled(
            task="main", family=family, instance=instance, size=10, features=features, seconds=0.01
        )
        yield f"run-{made}", profiled
        clusters = Clusters().apply(clusters, recorded(iter([("", profiled)]))[0])
        for k in rng.sample(range(solvers), rng.randrange(1, solvers + 1)):
            made += 1
            common = {
                "task": "main", "attempt": 1, "solver": f"{family}.s{k}", "version": "1", "family": family,
                "instance": instance, "cluster": cluster, "budget": BUDGET, "seconds": rng.random(),
            }  # fmt: skip
            if rng.random() < 1 / 12:
                yield f"run-{made}", ev.AttemptTimedOut(**common)
                continue
            distance = abs(rng.gauss(2.0 + k, 2.0))
            yield (
                f"run-{made}",
                ev.AttemptSucceeded(
                    **common, sense=sense, objective=100 + distance if sense == "min" else 100 - distance, solution="s",
                    bound=None, proved_optimal=False, loss=min(1.0, distance / 100), stopped="time", iterations=100,
                    compile_seconds=0.0,
                ),
            )  # fmt: skip


def fold(projection: Any, events: Sequence[Recorded], batch: int | None = None) -> Any:
    """The state; with ``batch``, saved and loaded after every so many events."""
    state = projection.initial()
    for i, event in enumerate(events):
        if event.type in projection.handles:
            state = projection.apply(state, event)
        if batch is not None and i % batch == batch - 1:
            state = projection.load(projection.dump(state))
    return state


def dumped(projection: Any, events: Sequence[Recorded], batch: int | None = None) -> bytes:
    """The state's bytes."""
    content: bytes = projection.dump(fold(projection, events, batch))
    return content


def hashes(events: Sequence[Recorded], batch: int | None = None) -> list[str]:
    """One SHA-256 per state."""
    return [hashlib.sha256(dumped(projection, events, batch)).hexdigest() for projection in READ]


def rebuild(outcomes: int) -> list[dict[str, object]]:
    """CPU seconds by projection, and whether the states are the same however they came about."""
    events = recorded(life(outcomes))
    tune_gc()  # here a million objects are held, of which a follower holds a page
    with Clock() as decoding:
        for event in events:
            _ = event.data
    rows: list[dict[str, object]] = [{"what": "decode", "cpu_s": decoding.cpu}]
    for projection in READ:
        with Clock() as clock:
            fold(projection, events)
        rows.append({"what": projection.name, "cpu_s": clock.cpu})
    rows.append({"what": "all folds", "cpu_s": sum(float(str(row["cpu_s"])) for row in rows[1:]), "bar": 5.0})
    rows.append({"what": "all folds and decoding", "cpu_s": sum(float(str(row["cpu_s"])) for row in rows[:-1])})
    own = hashes(events)
    child = subprocess.run(
        [sys.executable, __file__, "--hashes", str(outcomes)], capture_output=True, text=True, check=True
    )
    shuffled = list(events)
    random.Random(1).shuffle(shuffled)
    rows += [
        {"what": "same hashes in another process", "holds": child.stdout.split() == own},
        {"what": "same hashes in batches of 4,999", "holds": hashes(events, 4_999) == own},
        {"what": "same hashes in batches of 20,000", "holds": hashes(events, 20_000) == own},
        {"what": "Bradley-Terry in another order", "holds": dumped(READ[3], shuffled) == dumped(READ[3], events)},
    ]
    return rows


def games(values: Any, count: int, seed: int) -> list[tuple[int, int, float, float]]:
    """Random pairs of solvers on random instances, with what each reached."""
    rng = np.random.default_rng(seed)
    n, m = values.shape
    instance, a = rng.integers(n, size=count), rng.integers(m, size=count)
    b = (a + 1 + rng.integers(m - 1, size=count)) % m
    return list(zip(a.tolist(), b.tolist(), values[instance, a].tolist(), values[instance, b].tolist(), strict=True))


def as_events(duels: Sequence[tuple[int, int, float, float]]) -> list[Recorded]:
    """Two imported outcomes a game, each game on an instance of its own."""
    return recorded(
        (
            f"import-{i}",
            ev.OutcomeImported(
                family="f", instance=str(i), solver=f"{solver:03d}", version="1", cluster="f/0", sense="min",
                budget=BUDGET, status="ok", objective=value, loss=0.5, seconds=1.0, source="aslib",
            ),
        )
        for i, (a, b, x, y) in enumerate(duels)
        for solver, value in ((a, x), (b, y))
    )  # fmt: skip


def reference(duels: Sequence[tuple[int, int, float, float]], m: int) -> list[float]:
    """Bradley-Terry ratings of many games."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for a, b, x, y in duels:
        score = GAME // 2 * (1 + (x < y) - (x > y))
        pair, score = ((a, b), score) if a < b else ((b, a), GAME - score)
        names = f"{pair[0]:03d}", f"{pair[1]:03d}"
        weight, points = sums.get(names, (0, 0))
        sums[names] = weight + GAME, points + score
    found = ratings(Counts(sums))
    return [found[f"{i:03d}"].rating for i in range(m)]


def plain(duels: Sequence[tuple[int, int, float, float]], m: int, k: float = 32.0) -> list[float]:
    """Elo with a constant K."""
    R = [1500.0] * m
    for a, b, x, y in duels:
        score = 0.5 * (1 + (x < y) - (x > y))
        surprise = score - 1 / (1 + 10 ** ((R[b] - R[a]) / 400))
        R[a] += k * surprise
        R[b] -= k * surprise
    return R


def drift(name: str, orders: int = 30) -> dict[str, object]:
    """One scenario."""
    values = read_scenario(SHARED / "aslib" / name).par10
    m = values.shape[1]
    duels = games(values, 1_000, 0)
    events, truth = as_events(duels), reference(games(values, 100_000, 9), m)
    found: dict[str, list[list[float]]] = {"Elo": [], "BT": [], "K = 32": []}
    for order in range(orders):
        permutation = np.random.default_rng(order + 1).permutation(len(duels)).tolist()
        ordered = list(itertools.chain.from_iterable(events[2 * i : 2 * i + 2] for i in permutation))
        elo, ladders = Elo().initial(), BradleyTerry().initial()
        for event in ordered:
            elo, ladders = Elo().apply(elo, event), BradleyTerry().apply(ladders, event)
        found["Elo"].append([elo.overall["f"][f"{i:03d}"][0] for i in range(m)])
        found["BT"].append([one.rating for one in strengths(ladders, "f", "f/0").overall.values()])
        found["K = 32"].append(plain([duels[i] for i in permutation], m))
    row: dict[str, object] = {"scenario": name, "solvers": m}
    best = int(np.argmax(found["BT"][0]))
    for kind, every in found.items():
        R = np.array(every)
        row[f"{kind} sd"] = float(R.std(axis=0).mean())
        row[f"{kind} tau"] = float(np.mean([kendalltau(one, truth)[0] for one in R]))
        row[f"{kind} top-1 is BT's"] = float((R.argmax(axis=1) == best).mean())
    row["bar sd"] = 10
    return row


def main() -> None:
    """Measure, print, keep."""
    if sys.argv[1:2] == ["--hashes"]:
        print(*hashes(recorded(life(int(sys.argv[2])))))
        return
    outcomes = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    report("selection_ratings", rebuild(outcomes))
    if not (SHARED / "aslib").is_dir():
        print(f"no drift without the ASlib scenarios in {SHARED / 'aslib'}")
        return
    rows = [drift(name) for name in sys.argv[2:] or SCENARIOS]
    mean = {
        key: float(np.mean([float(str(row[key])) for row in rows]))
        for key in rows[0]
        if key not in {"scenario", "solvers"}
    }
    report("selection_drift", [*rows, {"scenario": "mean", **mean}])


if __name__ == "__main__":
    main()
