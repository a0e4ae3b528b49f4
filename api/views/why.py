"""Why a solver was chosen, and whether it comes out the same again, as plain values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mezan.engine.log import Recorded

if TYPE_CHECKING:
    from mezan.api.explaining import Explanation
    from mezan.engine.engine import Engine
    from mezan.engine.replay import ReplayReport

Json = dict[str, Any]


def cards_in(history: Sequence[Recorded], task: str | None = None) -> list[Recorded]:
    """A run's choices in order (of ``task``)."""
    return [r for r in history if r.type == "SolverChosen" and task in {None, r.data["task"]}]


async def explanation_at(engine: "Engine", run: str, task: str | None, upto: int | None) -> "Explanation":
    """`mezan.api.explaining.explain` with what a running engine has at hand."""
    from mezan.api.explaining import explain

    return await explain(
        engine.store,
        run,
        task=task,
        upto=upto,
        catalog=engine.catalog,
        policies=engine.policies,
        states_at=engine.follower.as_of_many,
    )


def explained(explanation: "Explanation", history: Sequence[Recorded], task: str | None) -> Json:
    """The card of a run's last choice with what spoke for it; ``choices`` counts those of the run (of ``task``)."""
    beside = asdict(explanation)
    del beside["card"], beside["run"]
    cards = cards_in(history, task)
    return {"run": explanation.run, **cards[-1].data, "choices": len(cards), **beside}


def reported(report: "ReplayReport") -> Json:
    """What a replay or a verification found; ``difference`` is the first, None where all came out the same."""
    return asdict(report)


def changes_in_words(changes: Sequence[str]) -> str:
    """What was changed (see `mezan.api.explaining.Alternative`); policies and clusters, of which there may be many, by name alone."""
    named: dict[str, list[str]] = {}
    for change in changes:
        kind, _, name = change.rpartition(" ")
        named.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in named.items())
