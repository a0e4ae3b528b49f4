"""`mezan predict`: what would be chosen for a problem, and what to expect, before anything is spent."""

from mezan.api.views.prediction import prediction
from mezan.engine.predicting import Prediction
from mezan.solvers.catalog import Catalog

from .display import print_pairs
from .errors import DONE
from .inputs import problem_from
from .options import database
from .output import clean, console, emit, number, seconds, table


async def predict(db: str, source: str, family: str | None, policy: str | None, seed: int, *, as_json: bool) -> int:
    """A choice that is not recorded, and a forecast for every solver."""
    from mezan.api.open import open_engine

    catalog = Catalog.default()
    problem = problem_from(source, family, catalog)
    async with open_engine(database(db), read_only=True, catalog=catalog) as engine:
        found = await engine.predict(problem, policy=policy, seed=seed)
    if as_json:
        emit(prediction(found))
    else:
        _print(found)
    return DONE


def _print(found: Prediction) -> None:
    from rich.text import Text

    card = found.card
    console().print(Text.assemble((card.solver, "bold green"), f"  would be chosen for {clean(found.label or 'this problem')} by {card.policy}"))  # fmt: skip
    bound = [] if found.bound is None else [("bound", f"{number(found.bound.value)} ({found.bound.method})")]
    print_pairs(
        [
            ("because", clean(card.reason)),
            ("problem", f"{found.family}, size {found.size}, in cluster {found.cluster}"),
            *bound,
            ("as of", f"log position {found.as_of}"),
        ]
    )
    figures = ("best", "objective", "loss", "80 % of losses", "seconds", "outcomes")
    shown = table("  candidate", *figures, right=figures)
    for one in found.forecasts:
        if one.refused is not None:
            continue
        chosen = one.solver == card.solver
        shown.add_row(
            Text(f"{'▸' if chosen else ' '} {one.solver}", "bold green" if chosen else ""),
            f"{100 * one.best:.0f} %",
            "-" if one.objective is None else f"{one.objective:.6g}",
            f"{one.loss:.4f} ±{one.error:.4f}",
            "-" if one.low is None or one.high is None else f"{one.low:.4f} to {one.high:.4f}",
            "-" if one.seconds is None else f"{seconds(one.seconds[0])}",
            str(one.outcomes),
        )
    console().print()
    console().print(shown)
    for one in found.forecasts:
        if one.refused is not None:
            console().print(Text(f"  {one.solver} cannot be taken: {clean(one.refused)}", "dim"))
