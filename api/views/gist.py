"""An event in one line: the figures that people look for."""

from mezan.api.cli.output import number, seconds
from mezan.engine.log import Recorded


def gist(r: Recorded) -> str:
    """The figures of an event that people look for."""
    data = r.data
    match r.type:
        case "RunRequested":
            return f"{', '.join(t['label'] or t['family'] for t in data['tasks'][:3])}, {data['budget']['time_limit']:g} s, seed {data['seed']}"
        case "RunPlanned":
            return ", ".join(data["order"][:5])
        case "ProblemProfiled":
            bound = f", bound {number(data['bound']['value'])}" if data["bound"] else ""
            return f"{data['family']}, size {data['size']}{bound}"
        case "SolverChosen":
            return f"{data['solver']} of {len(data['candidates'])} by {data['policy']}, propensity {data['propensity']:.3g}"
        case "AttemptStarted":
            return f"{data['solver']} v{data['version']} on {data['device']}"
        case "IncumbentFound" | "AttemptSucceeded":
            return f"{number(data['objective'])} after {data['iterations']} iterations, {seconds(data['seconds'])}"
        case "RoundPaired":
            return f"round {data['round']}: {', '.join(' - '.join(two) for two in data['pairs'])}"
        case "MatchPlayed":
            return f"round {data['round']}: {data['a']} {data['score_a']:g} : {data['score_b']:g} {data['b']}"
        case "TournamentOpened":
            return f"{data['family']}: {len(data['solvers'])} solvers, {data['rounds']} rounds"
        case "TournamentClosed":
            return f"won by {data['table'][0]['solver']}"
        case "ExperimentStarted":
            return f"{data['experiment']}: {' against '.join(data['arms'])}"
        case "ExperimentStopped":
            return f"{data['experiment']}: {data['reason']}" + (
                f", {data['winner']} loses less" if data["winner"] else ""
            )
        case "InstanceImported":
            return f"{data['label'] or data['instance']} of {data['family']}, {len(data['features'])} features"
        case "OutcomeImported":
            return f"{data['solver']} on {data['instance']}: {data['status']}, loss {data['loss']:.3g}"
        case "RunCompleted":
            return (
                f"{', '.join(number(x) for x in list(data['objectives'].values())[:3])} in {seconds(data['seconds'])}"
            )
        case "BenchmarkOpened":
            return f"{data['name']}: {len(data['solvers'])} solvers, {len(data['instances'])} instances, {len(data['seeds'])} seeds"
        case "BenchmarkClosed":
            return f"{data['cells']} cells, {data['failures']} failures, {seconds(data['seconds'])}"
        case _:
            return ", ".join(
                f"{k} {v}"
                for k, v in data.items()
                if k
                in {"reason", "error", "message", "worker", "iterations", "name", "role", "prefix", "address", "times"}
            )
