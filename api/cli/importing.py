"""`mezan import`: results of elsewhere become events."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezan.solvers.errors import BadInput
from mezan.solvers.selection.past.results import PastResults, summary

from .errors import DONE
from .options import database
from .output import clean, console, emit, notice, table
from .progress import bar

if TYPE_CHECKING:
    from mezan.engine.importing import Imported

Json = dict[str, Any]
SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Import:
    """The options of one call."""

    path: str
    family: str | None
    source: str | None
    sense: str | None
    budget: float | None
    dry_run: bool


async def import_results(db: str, wanted: Import, *, as_json: bool) -> int:
    """Read everything, so that what is wrong is found first; then record it."""
    import anyio.to_thread

    results = await anyio.to_thread.run_sync(_read, wanted)
    done = None if wanted.dry_run else await _record(db, results)
    about = _about(results, done)
    if as_json:
        emit(about)
    else:
        _print(about)
    return DONE


def _read(wanted: Import) -> PastResults:
    sense = _sense(wanted)
    path = Path(wanted.path)
    if path.is_dir():
        from mezan.solvers.selection.past.from_aslib import read as read_scenario

        if wanted.budget is not None:
            raise BadInput("a scenario says itself what solvers were allowed; leave --budget out")
        return read_scenario(path, family=wanted.family, source=wanted.source)
    from mezan.solvers.selection.past.from_csv import read

    return read(path, family=wanted.family, sense=sense, source=wanted.source, budget=wanted.budget)


def _sense(wanted: Import) -> Any:
    if wanted.sense not in {None, "min", "max"}:
        raise BadInput(f"--sense must be min or max; got {str(wanted.sense)[:40]!r}")
    if wanted.family is None:
        return wanted.sense or "min"
    from mezan.solvers.catalog import Catalog

    own = next((family.sense for family in Catalog.default() if family.name == wanted.family), None)
    if own is not None and wanted.sense not in {None, own}:
        raise BadInput(f"objectives of {wanted.family} have the sense {own}; got --sense {wanted.sense}")
    return wanted.sense or own or "min"


async def _record(db: str, results: PastResults) -> "Imported":
    from mezan.api.open import open_engine

    async with open_engine(database(db), recover=False) as engine:
        with bar("importing") as progress:
            return await engine.import_results(results, progress)


def _about(results: PastResults, done: "Imported | None") -> Json:
    return {
        "family": results.family,
        "source": results.source,
        "sense": results.sense,
        "instances": len(results.instances),
        "features": sorted(next(iter(results.features.values()), {})),
        "outcomes": len(results.outcomes),
        "solvers": summary(results),
        "imported": None if done is None else asdict(done),
    }


def _print(about: Json) -> None:
    figures = ("outcomes", "solved", "mean loss")
    shown = table("solver", *figures, right=figures)
    ranked = sorted(about["solvers"].items(), key=lambda entry: entry[1]["mean_loss"])
    for solver, own in ranked[:SHOWN]:
        shown.add_row(clean(solver), str(own["outcomes"]), str(own["solved"]), f"{own['mean_loss']:.4f}")
    console().print(shown)
    if len(ranked) > SHOWN:
        console().print(f"and {len(ranked) - SHOWN} more solvers", style="dim")
    what = f"{about['outcomes']} outcomes on {about['instances']} instances of {clean(about['family'])}"
    what += f" with {len(about['features'])} features" if about["features"] else " without features"
    done = about["imported"]
    if done is None:
        notice(f"nothing was recorded: {what}")
    elif done["outcomes"] or done["instances"]:
        known = f"; {done['known']} outcomes were there already" if done["known"] else ""
        console().print(f"imported {done['outcomes']} of {what}{known}")
    else:
        console().print(f"nothing new: all {what} were there already")
