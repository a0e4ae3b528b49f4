"""`mezan tournament`: a Swiss tournament of solvers, its progress and its cross table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem

from .errors import DONE
from .options import database
from .output import clean, console, emit, notice, seconds, table

if TYPE_CHECKING:
    from mezan.engine.engine import Engine
    from mezan.engine.events import MatchPlayed
    from mezan.engine.tournaments import Tournament

Json = dict[str, Any]
HALVES = {0.0: "0", 0.5: "½", 1.0: "1"}
SIGNS = {1.0: ("+", "green"), 0.5: ("=", "yellow"), 0.0: ("-", "red")}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of one call."""

    files: Sequence[str]
    family: str | None
    solvers: str | None
    rounds: int | None
    block: int | None
    time_limit: float
    iterations: int | None
    seed: int
    jobs: int
    resume: str | None
    quiet: bool


async def run(db: str, wanted: Wanted, *, as_json: bool) -> int:
    """Play, or go on with, a tournament until it is closed; Ctrl-C stops it so that the same call goes on."""
    problems = [] if wanted.resume is not None else _problems(wanted)
    if wanted.resume is not None and wanted.files:
        raise BadInput("--resume names a tournament that has its instances; leave the files out")
    import anyio

    from mezan.api.open import open_engine
    from mezan.api.process import cache_kernels, tune_gc

    from .session import Interrupt

    cache_kernels()
    tune_gc()
    interrupt = Interrupt()
    async with anyio.create_task_group() as beside:
        beside.start_soon(interrupt.listen)
        with interrupt.scope:
            async with open_engine(database(db)) as engine:
                state = await _play(engine, wanted, problems)
                _show(state, as_json=as_json)
        beside.cancel_scope.cancel()
    if interrupt.signal is not None:
        notice("stopped; the same call, or --resume last, goes on where it was")
        return 128 + interrupt.signal
    return DONE


def _problems(wanted: Wanted) -> list[Problem]:
    from .inputs import problem_from

    catalog = Catalog.default()
    families = {family.name for family in catalog}
    if not wanted.files or set(wanted.files) <= families:
        msg = "a tournament must be given problem files: mezan brings no instances of its own; for example `mezan tournament *.dat`"
        raise BadInput(msg)
    return [problem_from(source, wanted.family, catalog) for source in wanted.files]


async def _play(engine: "Engine", wanted: Wanted, problems: Sequence[Problem]) -> "Tournament":
    from mezan.engine.tournament import Plan, open_tournament, play

    if wanted.resume is None:
        plan = Plan(
            problems=problems,
            solvers=_names(wanted.solvers),
            rounds=wanted.rounds,
            block=wanted.block,
            time_limit=wanted.time_limit,
            iterations=wanted.iterations,
            seed=wanted.seed,
        )
        state = await open_tournament(engine, plan)
        stream = state.stream
        if state.closed is not None:
            notice("this tournament has been played before; another --seed plays a new one")
    else:
        stream = await _stream(engine, wanted.resume)
    if not wanted.quiet:
        await _announce(engine, stream)

    def report(state: "Tournament", match: "MatchPlayed") -> None:
        if not wanted.quiet:
            notice(f"round {match.round} of {state.opened.rounds}  {_score(match)}")

    return await play(engine, stream, jobs=wanted.jobs, report=report)


def _names(given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


async def _stream(engine: "Engine", name: str) -> str:
    from mezan.engine.tournaments import PREFIX, latest

    if name != "last":
        return name if name.startswith(PREFIX) else PREFIX + name
    found = await latest(engine.log)
    if found is None:
        raise BadInput("`last` must name the latest tournament; this database has none: begin one with problem files")
    return found


async def _announce(engine: "Engine", stream: str) -> None:
    from mezan.engine.tournaments import tournament

    state = await tournament(engine.log, stream)
    if state is None or state.closed is not None:
        return
    opened = state.opened
    playing = len(opened.solvers) // 2 * 2
    left = opened.rounds - sum(not one.left for one in state.rounds)
    most = left * playing * opened.block * opened.budget.time_limit
    notice(
        f"{stream}: {len(opened.solvers)} solvers, {opened.rounds} rounds of {opened.block} games, "
        f"{len(opened.instances)} instances; at most {seconds(most)} of solving are left"
    )


def _score(match: "MatchPlayed") -> str:
    return f"{clean(match.a)} {_half(match.score_a)} : {_half(match.score_b)} {clean(match.b)}"


def _half(value: float) -> str:
    whole = int(value)
    return HALVES[value - whole] if whole == 0 else f"{whole}{'½' * (value != whole)}"


def _show(state: "Tournament", *, as_json: bool) -> None:
    if as_json:
        emit(_about(state))
        return
    from rich.text import Text

    opened, ranked = state.opened, state.table
    place = {own.player: i for i, own in enumerate(ranked, 1)}
    shown = table(
        "#", "solver", *(f"R{i}" for i in range(1, len(state.rounds) + 1)), "points", "Buchholz", "cut 1", "SB", "mean loss",
        right=("#", "points", "Buchholz", "cut 1", "SB", "mean loss"),
        title=f"{opened.family}: Swiss tournament of {len(opened.solvers)} solvers on {len(opened.instances)} instances",
    )  # fmt: skip
    for own in ranked:
        cells = [_cell(one, own.player, place) for one in state.rounds]
        shown.add_row(
            str(place[own.player]),
            Text(clean(own.player), "bold" if place[own.player] == 1 else ""),
            *(Text(text, style) for text, style in cells),
            _half(own.points),
            _half(own.buchholz),
            _half(own.buchholz_cut),
            f"{own.sonneborn_berger:g}",
            "-" if own.mean_loss is None else f"{own.mean_loss:.4f}",
        )
    console().print(shown)
    console().print("+3 beat the solver in place 3, = drew, - lost; bye: a point without a match", style="dim")


def _cell(one: Any, player: str, place: dict[str, int]) -> tuple[str, str]:
    if one.pairing.bye == player:
        return "bye", "dim"
    for (a, b), match in one.matches.items():
        if player in {a, b}:
            got = 0.5 if match.score_a == match.score_b else float((match.score_a > match.score_b) == (player == a))
            sign, style = SIGNS[got]
            return f"{sign}{place[b if player == a else a]}", style
    return "", "dim"


def _about(state: "Tournament") -> Json:
    opened = state.opened
    names = ("points", "buchholz", "buchholz_cut", "sonneborn_berger", "mean_loss", "wins", "draws", "losses", "byes")
    return {
        "tournament": state.stream,
        "family": opened.family,
        "closed": state.closed is not None,
        "seed": opened.seed,
        "block": opened.block,
        "budget": opened.budget.model_dump(),
        "instances": [one.model_dump() for one in opened.instances],
        "table": [
            {"rank": i, "solver": own.player} | {name: getattr(own, name) for name in names}
            for i, own in enumerate(state.table, 1)
        ],
        "rounds": [
            {
                "round": i,
                "bye": one.pairing.bye,
                "matches": [
                    match.model_dump(exclude={"round"})
                    for two in one.pairing.pairs
                    if (match := one.matches.get(two)) is not None
                ],
            }
            for i, one in enumerate(state.rounds, 1)
        ],
    }
