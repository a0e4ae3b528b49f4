"""Figures for Prometheus: they parse, they are folds of the log, and their labels stay few."""

import httpx
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mezan.api.http.metrics import SOLVERS, Collector
from mezan.engine.errors import ProjectionBroken
from mezan.engine.follower import ProjectionStatus
from mezan.projections.run_counts import Counts
from mezan.projections.solver_stats import StatsState
from mezan.projections.throughput import Flow, bucket
from mezan.projections.under_way import Work

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and its label values in the order of the labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


def test_the_figures_are_folds(http: httpx.Client) -> None:
    """Totals, outcomes and the histogram count exactly the runs that were made; two reads at one position are equal."""
    for i in range(3):
        asked = KNAPSACK | {"seed": i, "solver": "knapsack.greedy", "fresh": True}
        assert http.post("/solve", json=asked, headers={"prefer": "wait=60"}).status_code == 200
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = samples(answer.text)
    assert found["mezan_runs_requested_total", ()] == 3
    assert found["mezan_runs_ended_total", ("completed",)] == found["mezan_run_seconds_count", ()] == 3
    assert found["mezan_run_seconds_bucket", ("+Inf",)] == 3
    assert found["mezan_attempts_ended_total", ("knapsack", "succeeded", "knapsack.greedy")] == 3
    assert found["mezan_log_head", ()] == found["mezan_log_position", ()] == int(answer.headers["mezan-position"])
    assert found["mezan_projection_lag", ("elo",)] == found["mezan_save_failed", ()] == 0
    assert http.get("/metrics").text == answer.text
    at = answer.headers["mezan-position"]
    past = http.get(f"/metrics?as_of={at}")
    assert http.get(f"/metrics?as_of={at}").text == past.text
    assert samples(past.text).items() <= found.items()
    unchanged = http.get(f"/metrics?as_of={at}", headers={"if-none-match": past.headers["etag"]})
    assert unchanged.status_code == 304
    assert samples(http.get("/metrics?as_of=0").text)["mezan_events_total", ()] == 0


def blank(family: str, solver: str, attempts: int) -> dict:
    counts = dict.fromkeys(["successes", "failures", "timeouts", "proofs"], 0)
    return {"family": family, "solver": solver, "attempts": attempts, "seconds": 0.5, **counts, "successes": attempts}


def test_labels_stay_few() -> None:
    """However many solvers the log names, and whatever they are called, their series are bounded and none is lost."""
    stats = StatsState({f"s{i}@1": blank("f", f's{i}"\n' + "x" * 300, i + 1) for i in range(SOLVERS + 50)})
    work = Work(running={str(i): {"device": f"d{i}"} for i in range(100)})
    found = samples(
        generate_latest(
            Collector({"throughput": Flow(), "solver_stats": stats, "run_counts": Counts(), "under_way": work}, 9)
        ).decode()
    )
    started = {labels: value for (name, labels), value in found.items() if name == "mezan_attempts_started_total"}
    assert len(started) == SOLVERS + 1
    assert started["other", "other"] == sum(range(1, 51))
    assert sum(started.values()) == sum(range(1, SOLVERS + 51))
    devices = [value for (name, _), value in found.items() if name == "mezan_attempts_running"]
    assert (len(devices), sum(devices)) == (33, 100)
    assert max(len(label) for _, labels in found for label in labels) <= 80


def test_buckets_count_what_is_below() -> None:
    """Each bucket of the histogram holds the durations below its end, and the sum is within two percent."""
    durations = [0.0001, 0.3, 0.7, 0.9, 3.0, 100.0, 5000.0]
    latency: dict[int, int] = {}
    for one in durations:
        latency[bucket(one)] = latency.get(bucket(one), 0) + 1
    flow = Flow(latency=latency)
    found = samples(
        generate_latest(
            Collector(
                {"throughput": flow, "solver_stats": StatsState(), "run_counts": Counts(), "under_way": Work()}, 9
            )
        ).decode()
    )
    ends = {labels[0]: value for (name, labels), value in found.items() if name == "mezan_run_seconds_bucket"}
    assert all(value == sum(one < float(end) for one in durations) for end, value in ends.items())
    assert abs(found["mezan_run_seconds_sum", ()] / sum(durations) - 1) < 0.02


def test_a_broken_read_model_is_told_and_hides_nothing_else() -> None:
    """What cannot be read is left out, its flag is up, and the others are there."""

    class States(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            if name == "throughput":
                raise ProjectionBroken("throughput broke at position 3")
            return super().__getitem__(name)

    status = ProjectionStatus("throughput", 1, 0, 2, 0, "KeyError", 3, saves=True)
    states = States(solver_stats=StatsState(), run_counts=Counts(), under_way=Work())
    collector = Collector(states, 9, head=9, follower=[status], save_failed=True)
    found = samples(generate_latest(collector).decode())
    assert (found["mezan_projection_broken", ("throughput",)], found["mezan_projection_lag", ("throughput",)]) == (1, 7)
    assert (found["mezan_runs_waiting", ()], found["mezan_save_failed", ()]) == (0, 1)
    assert ("mezan_events_total", ()) not in found
