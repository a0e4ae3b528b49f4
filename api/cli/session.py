"""One solve in an engine: progress, the printed result, and what Ctrl-C does meanwhile."""

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from mezan.api.open import open_engine
from mezan.api.views.outcome import kept_solutions, outcome
from mezan.engine.engine import Engine
from mezan.engine.errors import RunCancelledError, RunFailedError
from mezan.engine.handle import Run
from mezan.engine.shadow import Shadow
from mezan.engine.streams import whole_stream
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem
from mezan.solvers.selection.registry import Policies

from .display import print_card, print_list, shown
from .errors import DONE, RUN_FAILED, report
from .options import database
from .output import emit, notice, number
from .progress import bar
from .solving import Request, names_of


class Interrupt:
    """Ctrl-C (or a polite kill): the first cancels the run and lets it end in the log, the second leaves at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.runs: list[Run] = []
        self.scope = anyio.CancelScope()

    async def listen(self) -> None:
        """Wait for signals until cancelled."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for received in signals:
                if self.signal is not None:
                    os._exit(128 + received)  # the log is safe: whatever is unfinished is taken up by the next process
                self.signal = int(received)
                if not self.runs:
                    self.scope.cancel()
                    continue
                what = "the run is" if len(self.runs) == 1 else "the runs are"
                notice(f"stopping; {what} cancelled (once more to leave at once)")
                for run in self.runs:
                    await run.cancel("interrupted by the user")


async def run(request: Request, problems: Sequence[Problem], catalog: Catalog, policies: Policies) -> int:
    """Solve, print, finish what was resumed, and return the exit code."""
    interrupt, code = Interrupt(), DONE
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interrupt.listen)
        with interrupt.scope:
            shadow = Shadow(share=request.shadow) if request.shadow else None
            async with open_engine(database(request.db), catalog=catalog, policies=policies, shadow=shadow) as engine:
                for run in engine.adopted:
                    notice(f"resuming run {run} of a worker that is gone")
                solve = _one if len(problems) == 1 else many
                code = await solve(engine, problems, request, interrupt)
                if interrupt.signal is None:
                    await _finish_adopted(engine)
                    await _shadowed(engine, quiet=request.quiet)
        tasks.cancel_scope.cancel()
    return code if interrupt.signal is None else 128 + interrupt.signal


def _options(request: Request) -> dict[str, Any]:
    """What the engine is told beside the problem."""
    names = (
        "time_limit", "iterations", "target", "gap", "fresh", "seed", "solver", "priority", "idempotency_key",
    )  # fmt: skip
    told = {name: getattr(request, name) for name in names}
    return told | {"policy": request.policy, "pans": names_of(request.pans)}


async def _one(engine: Engine, problems: Sequence[Problem], request: Request, interrupt: Interrupt) -> int:
    run = await engine.submit(problems[0], **_options(request))
    interrupt.runs = [run]
    found = engine.incumbents(run.id)
    with shown(run.id, quiet=request.quiet) as view:
        async for recorded in run.events():
            view.update(recorded)
    await _print(engine, run.id, found, as_json=request.as_json)
    interrupt.runs = []
    try:
        await run.result()
    except (RunFailedError, RunCancelledError) as error:
        return RUN_FAILED if interrupt.signal is not None else report(error)
    return DONE


async def many(engine: Engine, problems: Sequence[Problem], request: Request, interrupt: Interrupt) -> int:
    """Solve several files side by side; a run that fails leaves the others alone."""
    interrupt.runs = await engine.submit_many(problems, **_options(request))
    abouts = []
    for run in interrupt.runs:
        async for _ in run.events():
            pass
        history = await whole_stream(engine.log, run.id)
        abouts.append(outcome(history, await kept_solutions(engine.store, history)))
        if not request.quiet:
            last = abouts[-1]
            notice(f"{last['instance'] or last['family']}: {last['status']} {number(last['objective'])}")
    interrupt.runs = []
    if request.as_json:
        emit(abouts)
    else:
        print_list(abouts)
    return DONE if all(about["status"] == "completed" for about in abouts) else RUN_FAILED


async def _print(engine: Engine, run: str, found: Mapping[str, Any], *, as_json: bool) -> None:
    history = await whole_stream(engine.log, run)
    about = outcome(history, {**found, **await kept_solutions(engine.store, history)})
    if as_json:
        emit(about)
    else:
        print_card(about, about["instance"] or about["family"])


async def _shadowed(engine: Engine, *, quiet: bool) -> None:
    """A process that only solves ends after its shadows."""
    if not (due := engine.shadows_due):
        return
    if not quiet:
        notice(f"{due} shadow run{'s' * (due > 1)} by other solvers, to learn from; Ctrl-C leaves the rest")
    with bar("shadow runs") as progress:
        async with anyio.create_task_group() as beside:

            async def show() -> None:
                while True:
                    progress(due - engine.shadows_due, due)
                    await anyio.sleep(0.1)

            beside.start_soon(show)
            await engine.shadowed()
            beside.cancel_scope.cancel()


async def _finish_adopted(engine: Engine) -> None:
    """Runs of dead workers that this process has taken over end before it leaves."""
    for i, run in enumerate(engine.adopted):
        if not i:
            notice(f"finishing {len(engine.adopted)} resumed run{'s' * (len(engine.adopted) > 1)}")
        try:
            result = await Run(engine, run).result()
        except (RunFailedError, RunCancelledError) as error:
            notice(str(error))
        else:
            notice(f"resumed run {run} completed: {', '.join(f'{t.objective:g}' for t in result.tasks.values())}")
