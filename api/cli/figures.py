"""The figures of a run for people."""

from typing import Any

Json = dict[str, Any]


def lines(about: Json) -> list[tuple[str, str]]:
    """The figures of a run for people, as label and value."""
    from .output import clean, number, percent, seconds, short
    from .race import verdict

    if "tasks" in about and "pans" not in about:
        return [
            (clean(name), f"{task['solver'] or '-'}  {number(task['objective'])}  gap {percent(task['gap'])}")
            for name, task in about["tasks"].items()
        ]
    least = about["sense"] == "min"
    shown = [("objective", number(about["objective"]) + (" (proved optimal)" if about["proved_optimal"] else ""))]
    if about["best_known"] is not None:
        shown.append(("gap", f"{percent(about['gap'])} to the best known {number(about['best_known'])}"))
    if about["seeded_from"] is not None:
        how = "improved" if about["improved"] else "not improved"
        value = number(about["seed_objective"])
        shown.append(("started from", f"the result of {short(about['seeded_from'])} ({value}); {how}"))
    bound = about["lower_bound"] if least else about["upper_bound"]
    if bound is not None and about["bound_method"]:
        shown.append(("lower bound" if least else "upper bound", f"{number(bound)} ({clean(about['bound_method'])})"))
    shown.append(("solver", f"{about['solver'] or '-'} (policy {clean(about['policy'])}, seed {about['seed']})"))
    took = "" if about["seconds"] is None else f", {seconds(about['seconds'])}"
    stopped = f", stopped by {about['stopped']}" if about["stopped"] else ""
    shown.append(("work", f"{about['iterations'] or 0} iterations{took}{stopped}"))
    if "pans" in about:
        shown.append(("race", verdict(about)))
    if about["solution"] is not None:
        shown.append(("solution", preview(about["solution"])))
    return shown


def preview(solution: Any, most: int = 16) -> str:
    """The beginning of a solution; the whole of it is in the JSON."""
    values = solution.tolist() if hasattr(solution, "tolist") else solution
    shown = " ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} … ({len(values)} entries; all of them with --json)"
