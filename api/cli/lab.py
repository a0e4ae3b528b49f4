"""`mezan lab compare`: the log under other policies, as a table and as regret curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mezan.api.views.lab import document, thinned_curve
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.solvers.errors import BadInput

from .errors import DONE
from .output import clean, console, emit, notice, sparkline, table
from .reading import moment, opened

if TYPE_CHECKING:
    from mezan.engine.lab import LabReport


async def compare(
    db: str,
    names: Sequence[str],
    family: str | None,
    since: str | None,
    as_of: str | None,
    plot: str | None,
    *,
    as_json: bool,
) -> int:
    """Compare policies on the log and print what was found."""
    from mezan.api.open import STANDINGS_READ
    from mezan.engine.lab import compare as judge
    from mezan.projections import DEFAULT, standings
    from mezan.solvers.catalog import Catalog
    from mezan.solvers.selection.registry import Policies

    if plot is not None and Path(plot).suffix.lower() not in {".svg", ".png"}:
        raise BadInput(f"--plot must name a file that ends in .svg or .png; got {plot!r:.200}")
    known, catalog = Policies.default(), Catalog.default()
    policies = [known.policy(name) for name in names]
    if family is not None:
        catalog.family(family)
    async with opened(db) as store:
        report = await judge(
            store,
            policies,
            projections=[p for p in DEFAULT if p.name in STANDINGS_READ],  # type: ignore[misc]
            standings=standings,
            catalog=catalog,
            family=family,
            since=await _position(store, since, "--since", 0),
            upto=await _position(store, as_of, "--as-of", None),
        )
    if plot is not None:
        _draw(report, plot)
    if as_json:
        emit(document(report))
    else:
        _print(report)
    return DONE


async def _position(store: SQLiteStore, text: str | None, option: str, default: int | None) -> int:
    from mezan.engine.travel import position_of

    if text is not None:
        return await position_of(store, moment(text, option))
    if default is not None:
        return default
    head = await store.head()
    return head.position if head else 0


def _print(report: "LabReport") -> None:
    from rich.text import Text

    line = f"{report.decisions} decisions of users' runs up to position {report.upto}; they lost {report.logged:.4f} on average"
    console().print(Text(line, "bold"))
    figures = (
        "agrees",
        "known",
        "mean loss (DR)",
        "95 % interval",
        "SNIPS",
        "eff. n",
        "regret to\nbest known",
        "to single\nbest",
    )
    shown = table("policy", *figures, "cumulative regret", right=figures)
    for judged in report.policies:
        found = judged.evaluation
        shown.add_row(
            Text(clean(judged.policy), "cyan"),
            f"{found.agreement:.0%}",
            f"{found.known:.0%}",
            f"{found.dr.value:.4f}",
            f"{found.dr.lower:.4f} to {found.dr.upper:.4f}",
            "-" if found.snips is None else f"{found.snips.value:.4f}",
            f"{found.effective:.0f}",
            f"{judged.best_regret:+.4f}",
            "-" if judged.single_regret is None else f"{judged.single_regret:+.4f}",
            f"{sparkline(thinned_curve(judged), 24)} {judged.curve[-1]:.2f}",
        )
    console().print(shown)
    single = ", ".join(f"{clean(solver)} ({clean(family)})" for family, solver in report.single_best.items())
    if single:
        console().print(Text(f"single best in hindsight: {single}", "dim"))
    for judged in report.policies:
        for warning in judged.evaluation.warnings:
            console().print(Text(f"{clean(judged.policy)}: {warning}", "yellow"))
    if report.unrated:
        notice(f"{report.unrated} decisions without an outcome of their own are not counted")
    if report.left_out:
        notice(f"the oldest {report.left_out} decisions are left out; narrow the range with --since and --as-of")


def _draw(report: "LabReport", file: str) -> None:
    from .regret_plot import draw

    try:
        Path(file).write_bytes(draw(report, Path(file).suffix.lower().removeprefix(".")))
    except OSError as error:
        raise BadInput(f"--plot must name a file that can be written; {file}: {error.strerror or error}") from error
    notice(f"drawn: {file}")
