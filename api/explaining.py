"""Why a solver was chosen: the card, the instance beside its cluster, the outcomes that spoke, and what would have changed it.

Everything is read from the log up to the card's ``as_of``; nothing is solved. It asks the policies again, with one thing changed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio.to_thread

from mezan.engine.endings import rated
from mezan.engine.errors import RunNotFound
from mezan.engine.events import CandidateCard, ProblemProfiled, SolverChosen
from mezan.engine.log import Recorded
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.streams import whole_stream
from mezan.engine.travel import value_as_of
from mezan.projections import DEFAULT, Clusters, standings
from mezan.projections.clusters import Place, names_of, places
from mezan.projections.outcomes import ENDS, loss_of
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import MezanError
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Standings

from .open import STANDINGS_READ

SEARCHED = 5_000
"""Latest outcomes in which evidence is looked for."""
COMPARED = 3
"""Solvers whose outcomes are named as evidence: the chosen one and the best-scored others."""
SHOWN = 3
"""Latest outcomes that are named of each."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One outcome that the standings held: where it is in the log, in which cluster its instance was, and how it went."""

    position: int
    run: str
    solver: str
    cluster: str
    event: str
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """What would have been chosen had one thing been otherwise."""

    change: str
    solver: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """See the module. ``rival`` is the best-scored solver that was not chosen, ``margin`` how far its score was behind."""

    run: str
    position: int
    card: SolverChosen
    features: tuple[Place, ...]
    evidence: tuple[Evidence, ...]
    rival: str | None
    margin: float | None
    alternatives: tuple[Alternative, ...]


async def explain(
    store: SQLiteStore,
    run: str,
    *,
    task: str | None = None,
    upto: int | None = None,
    catalog: Catalog | None = None,
    policies: Policies | None = None,
    states_at: Callable[[Sequence[str], int], Awaitable[Mapping[str, Any]]] | None = None,
) -> Explanation:
    """Explain a run's last choice (of ``task``).

    Args:
        store: the database; read-only will do.
        run: the full id.
        task: of a run with several tasks.
        upto: the last choice at or before this position.
        catalog: for the solvers' priors; default: what is installed.
        policies: which are asked again; default: what is installed.
        states_at: read models by name as of a position, from whoever has them at hand; default: folded from the store.

    Raises:
        RunNotFound: nothing was chosen.
    """
    history = await whole_stream(store, run, upto)
    recorded, card = _last_choice(history, run, task)
    features = next(
        event.features
        for event in (r.event for r in history)
        if isinstance(event, ProblemProfiled) and event.task == card.task
    )
    states = await (states_at or partial(_states_at, store))(STANDINGS_READ, card.as_of)
    rivals = [c for c in card.candidates if c.solver != card.solver and c.refused is None and c.score is not None]
    rivals.sort(key=lambda c: -(c.score or 0.0))
    rival = rivals[0] if rivals else None
    evidence = await _evidence(store, card, (card.solver, *(c.solver for c in rivals[: COMPARED - 1])))
    alternatives = await anyio.to_thread.run_sync(
        _alternatives, card, states, features, catalog or Catalog.default(), policies or Policies.default()
    )
    own = next(c for c in card.candidates if c.solver == card.solver)
    margin = None if rival is None or rival.score is None or own.score is None else own.score - rival.score
    return Explanation(
        run,
        recorded.position,
        card,
        tuple(places(states[Clusters.name], card.family, features)),
        evidence,
        None if rival is None else rival.solver,
        margin,
        () if card.forced else alternatives,
    )


async def _states_at(store: SQLiteStore, names: Sequence[str], position: int) -> dict[str, Any]:
    return {
        projection.name: await value_as_of(store, projection, position, store)  # type: ignore[arg-type]
        for projection in DEFAULT
        if projection.name in names
    }


def _last_choice(history: list[Recorded], run: str, task: str | None) -> tuple[Recorded, SolverChosen]:
    for recorded in reversed(history):
        if recorded.type == "SolverChosen" and task in {None, recorded.data["task"]}:
            card = recorded.event
            if isinstance(card, SolverChosen):
                return recorded, card
    msg = f"a run must have chosen a solver to say why; {run} has not" + (f" for task {task!r}" if task else "")
    raise RunNotFound(msg)


async def _evidence(store: SQLiteStore, card: SolverChosen, solvers: tuple[str, ...]) -> tuple[Evidence, ...]:
    """The latest outcomes of each of those solvers, those in the card's cluster first."""
    here: dict[str, list[Evidence]] = {solver: [] for solver in solvers}
    elsewhere: dict[str, list[Evidence]] = {solver: [] for solver in solvers}
    for recorded in await store.read(upto=card.as_of, types=ENDS, limit=SEARCHED, backwards=True):
        data = recorded.data
        found = here if data["cluster"] == card.cluster else elsewhere
        mine = found.get(data["solver"])
        if mine is not None and len(mine) < SHOWN and rated(recorded.type, data):
            mine.append(
                Evidence(
                    recorded.position,
                    recorded.stream,
                    data["solver"],
                    data["cluster"],
                    recorded.type,
                    loss_of(recorded),
                    data["seconds"],
                )
            )
            if all(len(entries) == SHOWN for entries in here.values()):
                break
    return tuple(entry for solver in solvers for entry in [*here[solver], *elsewhere[solver]][:SHOWN])


def _alternatives(
    card: SolverChosen,
    states: Mapping[str, Any],
    features: Mapping[str, float],
    catalog: Catalog,
    policies: Policies,
) -> tuple[Alternative, ...]:
    """The same question with the solver gone, in each other cluster, and put to each other policy."""
    candidates = [_candidate(catalog, entry, entry.solver in card.excluded) for entry in card.candidates]
    seen = standings(states, card.family, features, card.as_of)
    policy = next((p for p in policies if p.name == card.policy), None)
    found = []

    def ask(change: str, by: Policy, known: Standings, offered: list[Candidate]) -> None:
        try:
            found.append(Alternative(change, by.choose(known, features, offered, card.key).solver))
        except MezanError:  # nobody is left to choose
            return

    if policy is not None:
        gone = [c._replace(refused="left out") if c.solver == card.solver else c for c in candidates]
        ask(f"without {card.solver}", policy, seen, gone)
        for cluster in names_of(states[Clusters.name], card.family):
            if cluster != card.cluster:
                known = standings(states, card.family, features, card.as_of, cluster)
                ask(f"in cluster {cluster}", policy, known, candidates)
    for other in policies:
        if other.name != card.policy:
            ask(f"by policy {other.name}", other, seen, candidates)
    return tuple(found)


def _candidate(catalog: Catalog, card: CandidateCard, tried: bool) -> Candidate:
    try:
        prior = catalog.solver(card.solver).prior
    except MezanError:  # it is not installed any more
        prior = None
    return Candidate(card.solver, card.version, card.refused, prior, tried)
