"""The short texts beside the values: all that clients without structured content see."""

from collections.abc import Mapping, Sequence
from typing import Any

from mezan.api.views.plain import encoded

Json = dict[str, Any]
SHOWN = 100
"""Numbers of a solution that a text shows."""
LISTED = 30
"""Lines of a list that a text shows."""


def number(value: float | None) -> str:
    """A figure as people write it."""
    return "?" if value is None else f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}".replace(",", "")


def of_run(run: Json) -> str:
    """What came of a run, in a few lines."""
    what = run["instance"] or run["family"] or "several tasks"
    lines = [f"Run {run['run']} ({what}): {run['status']}."]
    if run["status"] in {"requested", "running"}:
        best = "" if run["objective"] is None else f" Best so far: {number(run['objective'])}."
        lines.append(f"It goes on.{best} Ask `status` with its id (and `wait`) for the result; `cancel` stops it.")
    if run["status"] in {"failed", "cancelled"} and (why := run["message"] or run["error"]):
        lines.append(f"Reason: {why}")
    if run.get("tasks"):
        lines += [f"{name}: {_result(task)}" for name, task in list(run["tasks"].items())[:LISTED]]
    elif run["objective"] is not None:
        lines.append(_result(run))
    if (solution := run["solution"]) is not None and not run.get("tasks"):
        flat = solution if isinstance(solution, list) else [solution]
        more = "" if len(flat) <= SHOWN else f", ... ({len(flat)} in all)"
        lines.append(f"Solution: [{', '.join(map(str, flat[:SHOWN]))}{more}]")
    return "\n".join(lines)


def _result(task: Json) -> str:
    if task["objective"] is None:
        return "no result yet"
    said = [f"objective {number(task['objective'])} ({task['sense']}) by {task['solver']}"]
    if task["proved_optimal"]:
        said.append("proved optimal")
    elif (bound := task["lower_bound"] if task["sense"] == "min" else task["upper_bound"]) is not None:
        said.append(f"proved bound {number(bound)}")
    if task["gap"] is not None:
        said.append(f"{task['gap']:.3g} % from the best known, {number(task['best_known'])}")
    if task["stopped"]:
        said.append(f"stopped by {task['stopped']}")
    return ", ".join(said) + "."


def of_runs(page: Json) -> str:
    """A list of runs."""
    rows = [
        f"{row['run']}  {row['status']}  {row['label'] or row['family']}  {number(row['objective'])}  {row['solver'] or ''}"
        for row in page["runs"]
    ]
    return _listed("run, status, instance, objective, solver:", rows, "There is no such run.")


def of_why(card: Json) -> str:
    """A choice in a few lines."""
    lines = [f"{card['policy']} chose {card['solver']} for {card['run']}: {card['reason']}"]
    lines += [
        f"{one['solver']}: "
        + (
            f"refused, {one['refused']}"
            if one["refused"]
            else f"score {number(one['score'])}, rating {one['rating']:.0f}, {one['trials']} trials, chance {one['propensity']:.3g}"
        )
        for one in card["candidates"][:LISTED]
    ]
    others = [one for one in card["alternatives"] if one["solver"] != card["solver"]]
    lines += [f"Otherwise, {one['change']}: {one['solver']}" for one in others[:5]]
    if card["verification"] is not None:
        lines.append(_same("The choice was made again from the log", card["verification"]))
    return "\n".join(lines)


def of_replay(report: Json) -> str:
    """Whether a run comes out the same."""
    return "\n".join([_same(f"Run {report['run']} was executed again", report), *report["notes"]])


def _same(what: str, report: Json) -> str:
    if report["identical"]:
        return f"{what}: identical, {report['compared']} events compared."
    d = report["difference"]
    if d is None:
        return f"{what}: not identical."
    return f"{what}: event {d['position']} ({d['type']}) differs in {d['field']}: {str(d['recorded'])[:80]} recorded, {str(d['replayed'])[:80]} now."


def of_ladder(solvers: Sequence[Json]) -> str:
    """A leaderboard."""
    rows = [
        f"{one['rank'] or '-'}  {one['family']}  {one['solver']}  {_rating(one):.0f}  {one['wins']}/{one['draws']}/{one['losses']}"
        for one in solvers
    ]
    return _listed("rank, family, solver, rating, won/drawn/lost:", rows, "Nothing has been rated yet.")


def _rating(row: Json) -> float:
    rating: float = row["rating"] if row["by"] == "elo" else row["bradley_terry"]["rating"]
    return rating


def of_log(page: Json) -> str:
    """Events, one a line."""
    rows = [
        f"{one['position']}  {one['recorded_at']}  {one['type']}  {one['stream']}  {_gist(one['data'])}"
        for one in page["events"]
    ]
    more = f"There may be more: search again with after={page['reached']}." if page["more"] else ""
    return "\n".join(filter(None, [_listed("position, time, type, stream:", rows, "There is no such event."), more]))


TOLD = ("task", "solver", "objective", "status", "error", "message", "reason", "stopped", "actor")


def _gist(data: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={str(data[name])[:80]}" for name in TOLD if data.get(name) is not None)


def of_families(notes: Sequence[Json]) -> str:
    """Families, or one with its schema."""
    lines = []
    for one in notes:
        examples = ", ".join(example["name"] for example in one["examples"]) or "none"
        files = " ".join(one["files"]) or "none"
        lines.append(
            f"{one['family']} ({one['sense']}): files {files}; examples {examples}; {len(one['solvers'])} solvers"
        )
    lines.append("Call list_families with one family for the schema of its problems and an example in full.")
    return "\n".join(lines)


def of_catalogue(found: Json) -> str:
    """Solvers and policies."""
    lines = [
        f"{one['solver']}: {one['summary']}{' Exact.' if one['exact'] else ''}"
        for family in found["families"]
        for one in family["solvers"]
    ]
    lines += [
        f"policy {one['policy']}{' (default)' if one['default'] else ''}: {one['summary']}" for one in found["policies"]
    ]
    return "\n".join(lines)


def _listed(head: str, rows: Sequence[str], nothing: str) -> str:
    if not rows:
        return nothing
    left = [f"... and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return "\n".join([head, *rows[:LISTED], *left])


def of_family(note: Json) -> str:
    """One family with all that is needed to ask: its schema, and its shortest example."""
    lines = [
        f"{note['family']} ({note['sense']}): files {' '.join(note['files']) or 'none'}; solvers {', '.join(note['solvers'])}",
        f"Schema of `problem`: {encoded(note['schema']).decode()}",
    ]
    if shown := [one for one in note["examples"] if one["problem"] is not None]:
        least = min(shown, key=lambda one: len(str(one["problem"])))
        lines.append(f"For example {least['name']}: {encoded(least['problem']).decode()}")
    names = ", ".join(one["name"] for one in note["examples"])
    return "\n".join([*lines, f"`solve` takes the examples by name: {names}" if names else "It ships no examples."])
