"""`mezan why` and `mezan replay`: the decision card, what spoke for it, and whether it comes out the same again."""

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mezan.api.views.why import cards_in, changes_in_words, reported
from mezan.api.views.why import explained as shown
from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded
from mezan.solvers.errors import BadInput

from .display import print_pairs
from .errors import CHECK_FAILED, DONE
from .options import database
from .output import clean, console, emit, notice, seconds, short, table
from .reading import find_run, history_of, opened

if TYPE_CHECKING:
    from mezan.api.explaining import Explanation

Json = dict[str, Any]
FEATURES = 6
"""Features shown, those furthest from the cluster's centre first."""


async def why(db: str, name: str, task: str | None, *, verify: bool, as_json: bool) -> int:
    """The decision card of a run's last choice, and whether it can be repeated."""
    from mezan.api.explaining import explain

    async with opened(db) as store:
        history = await history_of(store, name)
        run = history[0].stream
        explained = await explain(store, run, task=task)
    cards = [recorded.data for recorded in cards_in(history, task)]
    report = await _engine_report(db, run, execute=False) if verify else None
    if as_json:
        emit(shown(explained, history, task) | {"verification": report})
    else:
        _print_why(run, cards, history)
        _print_explanation(explained)
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
        return reported(await (engine.replay(run) if execute else engine.verify_choice(run)))


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
    losses = any(c["expected_loss"] is not None for c in card["candidates"])
    figures = (
        "score",
        *(("expected\nloss",) if losses else ()),
        "rating",
        "cluster\nrating",
        "trials",
        "cluster\ntrials",
        "mean\nloss",
        "propen-\nsity",
    )
    candidates = table("  candidate", *figures, right=figures)
    for c in card["candidates"]:
        chosen = c["solver"] == card["solver"]
        candidates.add_row(
            Text(
                f"{'▸' if chosen else ' '} {c['solver']} v{c['version']}",
                "bold green" if chosen else "dim" if c["refused"] else "",
            ),
            "-" if c["score"] is None else f"{c['score']:.5g}",
            *(
                (f"{c['expected_loss']:.3f} ±{c['loss_error']:.3f}" if c["expected_loss"] is not None else "-",)
                if losses
                else ()
            ),
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


def _print_explanation(explained: "Explanation") -> None:
    card = explained.card
    if explained.features:
        shown = table(
            "  feature", "value", "cluster", "family", "deviation", right=("value", "cluster", "family", "deviation")
        )
        for place in explained.features[:FEATURES]:
            shown.add_row(
                f"  {clean(place.name)}",
                *(f"{x:.4g}" for x in (place.value, place.centre, place.mean)),
                f"{place.deviation:+.1f}",
            )
        console().print(shown)
        console().print()
    if explained.evidence:
        shown = table(
            "  evidence", "position", "run", "cluster", "loss", "seconds", right=("position", "loss", "seconds")
        )
        for one in explained.evidence:
            shown.add_row(
                f"  {one.solver}",
                str(one.position),
                short(one.run),
                one.cluster,
                f"{one.loss:.4f}",
                seconds(one.seconds),
            )
        console().print(shown)
        console().print()
    lines = []
    if explained.rival is not None and explained.margin is not None:
        lines.append(
            ("next", f"{explained.rival}, {abs(explained.margin):.4g} {'behind' if explained.margin >= 0 else 'ahead'}")
        )
    by_solver = sorted(explained.alternatives, key=lambda a: (a.solver != card.solver, a.solver))
    for solver, changes in groupby(by_solver, key=lambda a: a.solver):
        same = solver == card.solver
        lines.append(
            (
                "the same" if same else "instead",
                f"{'' if same else solver + ' '}{changes_in_words([one.change for one in changes])}",
            )
        )
    if lines:
        print_pairs([(label, clean(text)) for label, text in lines])
        console().print()
