"""`runs`, `show`, `watch`, `why`, `replay`: what happened, what happens, and why."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mezan.engine.errors import RunNotFound
from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded
from mezan.engine.streams import whole_stream
from mezan.projections.runs import STATUS, Runs
from mezan.solvers.errors import BadInput

from .display import print_card, print_pairs, shown
from .errors import CHECK_FAILED, DONE, RUN_FAILED
from .options import database
from .outcome import kept_solutions, outcome
from .output import STYLES, ago, clean, console, emit, notice, number, percent, seconds, short, table, when
from .race import print_race, shares
from .reading import find_run, history_of, newest_rows, opened

Json = dict[str, Any]
WIDE = 90
"""Columns from which the list of runs says when."""
STATUSES = ("requested", "running", *STATUS.values())
LISTED = ("run", "status", "label", "family", "size", "policy", "solver", "objective", "gap", "best_known", "seconds", "seed", "attempts", "error", "message")  # fmt: skip


async def list_runs(db: str, status: str | None, limit: int, *, as_json: bool) -> int:
    """The newest runs."""
    if status is not None and status not in STATUSES:
        raise BadInput(f"--status must be one of {', '.join(STATUSES)}; got {status[:40]!r}")
    if not 1 <= limit <= 100_000:
        raise BadInput(f"--limit must be between 1 and 100000; got {limit}")
    async with opened(db) as store:
        found = [row.data for row in await newest_rows(store, Runs(), tag=status, limit=limit)]
    if as_json:
        emit([{name: row[name] for name in LISTED} | {"requested_at": when(row["requested_at"]), "finished_at": when(row["finished_at"])} for row in found])  # fmt: skip
        return DONE
    if not found:
        notice("no runs" if status is None else f"no runs that are {status}")
        return DONE
    from rich.text import Text

    wide = console().width >= WIDE
    figures = ("objective", "gap", "time")
    shown = table("run", "status", "instance", "solver", *figures, *(["when"] if wide else []), right=figures)
    for row in found:
        shown.add_row(
            Text(short(row["run"]), "cyan"),
            Text(row["status"], STYLES.get(row["status"], "")),
            Text(clean(row["label"] or row["family"])),
            Text(row["solver"] or ("-" if len(row["tasks"]) == 1 else f"{len(row['tasks'])} tasks")),
            number(row["objective"]),
            percent(row["gap"]),
            seconds(row["seconds"]),
            *([ago(row["requested_at"])] if wide else []),
        )
    console().print(shown)
    return DONE


async def show(db: str, name: str, *, as_json: bool) -> int:
    """Everything about one run."""
    async with opened(db) as store:
        history = await history_of(store, name)
        about = outcome(history, await kept_solutions(store, history))
    incumbents = [r.data for r in history if r.type == "IncumbentFound"]
    if as_json:
        kept = ("task", "objective", "iterations", "seconds")
        about["incumbents"] = [{field: data[field] for field in kept} for data in incumbents]
        emit(about | ({"shared": shares(history)} if "pans" in about else {}))
        return DONE
    print_card(about, about.get("instance") or about["family"])
    if "pans" in about:
        print_race(about, history)
    elif incumbents and "tasks" not in about:
        shown = table("seconds", "iterations", "incumbent", right=("seconds", "iterations", "incumbent"))
        for data in incumbents[-12:]:
            shown.add_row(f"{data['seconds']:.2f}", str(data["iterations"]), number(data["objective"]))
        console().print(shown)
    return DONE


async def watch(db: str, name: str, *, as_json: bool) -> int:
    """Follow a run, of any process, until it ends."""
    async with opened(db) as store:
        run = await find_run(store, name)
        with shown(run, quiet=as_json) as view:
            async for recorded in store.subscribe(stream=run):
                view.update(recorded)
                if recorded.type in TERMINAL:
                    break
        history = await whole_stream(store, run)
        about = outcome(history, await kept_solutions(store, history))
    if as_json:
        emit(about)
    else:
        print_card(about, about.get("instance") or about["family"])
    return DONE if about["status"] == "completed" else RUN_FAILED


async def why(db: str, name: str, task: str | None, *, verify: bool, as_json: bool) -> int:
    """The decision card of a run's last choice, and whether it can be repeated."""
    async with opened(db) as store:
        history = await history_of(store, name)
    cards = [r.data for r in history if r.type == "SolverChosen" and task in {None, r.data["task"]}]
    run = history[0].stream
    if not cards:
        raise RunNotFound(f"a run must have chosen a solver to say why; {run} has not" + (f" for task {task!r}" if task else ""))  # fmt: skip
    report = await _engine_report(db, run, execute=False) if verify else None
    if as_json:
        emit({"run": run, **cards[-1], "choices": len(cards), "verification": report})
    else:
        _print_why(run, cards, history)
        if report is not None:
            _print_report(report, "every choice of this run, chosen again from the refolded log")
    return DONE if report is None or report["identical"] else CHECK_FAILED


async def replay(db: str, name: str, *, as_json: bool) -> int:
    """Execute a run again and compare."""
    async with opened(db) as store:
        run = await find_run(store, name)
        state = (await store.read(stream=run, limit=1, backwards=True))[0].type
    if state not in TERMINAL:
        raise BadInput(
            f"a run must have ended to be replayed; {run} has not: wait for it with `mezan watch {short(run)}`"
        )
    if not as_json and sys.stderr.isatty():
        notice("repeating the recorded work")
    report = await _engine_report(db, run, execute=True)
    if as_json:
        emit(report)
    else:
        _print_report(report, "executed again, the recorded work repeated")
    return DONE if report["identical"] else CHECK_FAILED


async def _engine_report(db: str, run: str, *, execute: bool) -> Json:
    from .process import keep_programs

    keep_programs()
    from mezan.api.open import open_engine

    async with open_engine(database(db), read_only=True) as engine:
        return asdict(await (engine.replay(run) if execute else engine.verify_choice(run)))


def _print_why(run: str, cards: Sequence[Json], history: Sequence[Recorded]) -> None:
    from rich.text import Text

    card = cards[-1]
    earlier = [c for c in cards[:-1] if c["task"] == card["task"]]
    others = dict.fromkeys(c["task"] for c in cards if c["task"] != card["task"])
    console().print(Text.assemble((card["solver"], "bold green"), f"  version {card['version']}, for ", short(run), f", task {clean(card['task'])}, attempt {card['attempt']}"))  # fmt: skip
    spec = next(spec for spec in history[0].data["tasks"] if spec["task"] == card["task"])
    about = [
        ("because", card["reason"]),
        ("problem", f"{spec['family']} {spec['label'] or 'unnamed'} (size {spec['size']}), in cluster {card['cluster']}"),
        ("policy", f"{card['policy']} version {card['policy_version']}" + (", the user named the solver" if card["forced"] else "")),
        *([("experiment", f"{card['experiment']}, which gave this run to arm {card['arm']}")] if card["experiment"] else []),
        ("propensity", f"{card['propensity']:.4g}: the chance this policy gave it, by key {card['key']}"),
        ("as of", f"log position {card['as_of']}: the standings are the fold of everything up to there"),
        *([("excluded", ", ".join(card["excluded"]))] if card["excluded"] else []),
        *([("earlier", ", ".join(c["solver"] for c in earlier))] if earlier else []),
        *([("other tasks", f"{', '.join(others)}: add --task")] if others else []),
    ]  # fmt: skip
    print_pairs([(label, clean(text)) for label, text in about])
    figures = ("score", "rating", "cluster\nrating", "trials", "cluster\ntrials", "mean\nloss", "propen-\nsity")
    candidates = table("  candidate", *figures, right=figures)
    for c in card["candidates"]:
        chosen = c["solver"] == card["solver"]
        candidates.add_row(
            Text(
                f"{'▸' if chosen else ' '} {c['solver']} v{c['version']}",
                "bold green" if chosen else "dim" if c["refused"] else "",
            ),
            number(c["score"]),
            f"{c['rating']:.0f}",
            f"{c['cluster_rating']:.0f}",
            str(c["trials"]),
            str(c["cluster_trials"]),
            "-" if c["mean_loss"] is None else f"{c['mean_loss']:.4f}",
            f"{c['propensity']:.3f}",
        )
    console().print()
    console().print(candidates)
    for c in card["candidates"]:
        if c["refused"]:
            console().print(Text(f"  {c['solver']} could not be taken: {clean(c['refused'])}", "dim"))
    console().print()


def _print_report(report: Json, what: str) -> None:
    from rich.text import Text

    mark = Text("identical", "bold green") if report["identical"] else Text("different", "bold red")
    console().print(Text.assemble(mark, f"  {what}; {report['compared']} comparison{'s' * (report['compared'] != 1)}"))
    if (found := report["difference"]) is not None:
        place = f"position {found['position']}, {found['type']} (version {found['version']}), field {found['field']}"
        console().print(Text.assemble(("first difference  ", "dim"), clean(place)))
        console().print(Text.assemble(("recorded          ", "dim"), clean(found["recorded"])))
        console().print(Text.assemble(("now               ", "dim"), clean(found["replayed"])))
    for note in report["notes"]:
        console().print(Text.assemble(("note  ", "dim"), clean(note)))
