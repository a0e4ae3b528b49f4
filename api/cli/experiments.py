"""`mezan ab`: begin, watch and end A/B tests."""

from dataclasses import dataclass
from typing import Any

from mezan.api.views.experiments import ENDINGS
from mezan.api.views.experiments import document as described
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections.experiments import ABTests, Experiment, State, running
from mezan.solvers.errors import BadInput

from .errors import DONE
from .options import database
from .output import clean, console, emit, notice, table
from .reading import opened, value

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `ab start` was given."""

    name: str
    arms: str
    family: str | None
    shares: str | None
    alpha: float
    maximum: int
    least_difference: float
    seed: int | None


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text[:200].split(",")]
    except ValueError:
        raise BadInput(f"--shares must be two numbers that sum to 1, like .8,.2; got {text!r:.80}") from None


async def start(db: str, plan: Plan, *, as_json: bool) -> int:
    """Record that a test begins."""
    from mezan.engine.experiments import planned
    from mezan.engine.experiments import start as record
    from mezan.solvers.catalog import Catalog
    from mezan.solvers.selection.registry import Policies

    started = planned(
        Catalog.default(),
        Policies.default(),
        plan.name,
        [arm.strip() for arm in plan.arms[:400].split(",")],
        family=plan.family,
        shares=_numbers(plan.shares),
        alpha=plan.alpha,
        least_difference=plan.least_difference,
        maximum=plan.maximum,
        seed=plan.seed,
    )
    async with SQLiteStore.open(database(db)) as store:
        states = {ABTests.name: await value(store, ABTests(), None)}
        await record(store, started, running(states))
    if as_json:
        emit(started.model_dump())
    else:
        shares = " and ".join(f"{share:.0%} to {arm}" for arm, share in started.shares.items())
        of = "any family" if started.family is None else started.family
        console().print(f"{started.experiment} has begun: runs of {of} that name no policy go {shares}")
    return DONE


async def status(db: str, name: str | None, *, as_json: bool) -> int:
    """How one test stands, or all."""
    async with opened(db) as store:
        state: State = await value(store, ABTests(), None)
    tests = list(state.tests.values()) if name is None else [_test(state, name)]
    documents = [described(test) for test in tests]
    if as_json:
        emit(documents if name is None else documents[0])
        return DONE
    if not documents:
        notice("no experiments; begin one with `mezan ab start`")
    for document in documents:
        _print(document)
    return DONE


async def stop(db: str, name: str, *, as_json: bool) -> int:
    """End a test by hand."""
    from mezan.engine.experiments import stop as record

    async with opened(db):
        pass  # nothing is made where there is no database
    async with SQLiteStore.open(database(db)) as store:
        test = _test(await value(store, ABTests(), None), name)
        if test.stopped is not None or not await record(store, test.end(test.reached or "stopped")):
            raise BadInput(f"an experiment must be going to be stopped; {name} is over")
        state: State = await value(store, ABTests(), None)
    document = described(_test(state, name))
    if as_json:
        emit(document)
    else:
        _print(document)
    return DONE


def _test(state: State, name: str) -> Experiment:
    if name not in state.tests:
        from mezan.solvers.catalog import unknown

        raise unknown("experiment", name[:80], state.tests)
    return state.tests[name]


def _print(document: Json) -> None:
    from rich.text import Text

    state = ENDINGS.get(document["status"], "running")
    if document["winner"] is not None:
        state = f"decided: {document['winner']} loses less"
    family = "all families" if document["family"] is None else document["family"]
    console().print(
        Text.assemble(
            (document["experiment"], "bold"), f"  {family}  ", (clean(state), "green" if document["winner"] else "cyan")
        )
    )
    figures = ("share", "runs", "outcomes", "dropped", "mean loss")
    shown = table("  arm", *figures, right=figures)
    for arm in document["arms"]:
        loss = "-" if arm["mean_loss"] is None else f"{arm['mean_loss']:.4f}"
        counts = (str(arm[name]) for name in ("assigned", "outcomes", "dropped"))
        shown.add_row(Text(f"  {arm['arm']}", "cyan"), f"{arm['share']:.0%}", *counts, loss)
    console().print(shown)
    if document["difference"] is not None:
        first, second = (arm["arm"] for arm in document["arms"])
        console().print(
            f"  {first} less {second}: {document['difference']:+.4f}, at all times within "
            f"[{document['lower']:+.4f}, {document['upper']:+.4f}] with confidence {1 - document['alpha']:.4g}; "
            f"p {document['p_value']:.3g} ({document['blocks']} matched, of at most {document['maximum']} outcomes)"
        )
