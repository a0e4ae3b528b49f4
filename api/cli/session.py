"""One solve in an engine: progress, the printed result, and what Ctrl-C does meanwhile."""

import os
import signal
from collections.abc import Mapping
from typing import Any

import anyio

from mezan.api.open import open_engine
from mezan.engine.engine import Engine
from mezan.engine.errors import RunCancelledError, RunFailedError
from mezan.engine.handle import Run
from mezan.engine.streams import whole_stream
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

from .display import print_card, shown
from .errors import DONE, RUN_FAILED, report
from .options import database
from .outcome import kept_solutions, outcome
from .output import emit, notice
from .solving import Request


class Interrupt:
    """Ctrl-C (or a polite kill): the first cancels the run and lets it end in the log, the second leaves at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.run: Run | None = None
        self.scope = anyio.CancelScope()

    async def listen(self) -> None:
        """Wait for signals until cancelled."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for received in signals:
                if self.signal is not None:
                    os._exit(128 + received)  # the log is safe: whatever is unfinished is taken up by the next process
                self.signal = int(received)
                if self.run is None:
                    self.scope.cancel()
                    continue
                notice("stopping; the run is cancelled (once more to leave at once)")
                await self.run.cancel("interrupted by the user")


async def run(request: Request, problem: Problem, catalog: Catalog, policies: Policies) -> int:
    """Solve, print, finish what was resumed, and return the exit code."""
    interrupt, code = Interrupt(), DONE
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interrupt.listen)
        with interrupt.scope:
            async with open_engine(database(request.db), catalog=catalog, policies=policies) as engine:
                for run in engine.adopted:
                    notice(f"resuming run {run} of a worker that is gone")
                code = await _one(engine, problem, request, interrupt)
                if interrupt.signal is None:
                    await _finish_adopted(engine)
        tasks.cancel_scope.cancel()
    return code if interrupt.signal is None else 128 + interrupt.signal


async def _one(engine: Engine, problem: Problem, request: Request, interrupt: Interrupt) -> int:
    run = await engine.submit(
        problem,
        time_limit=request.time_limit,
        iterations=request.iterations,
        target=request.target,
        gap=request.gap,
        fresh=request.fresh,
        seed=request.seed,
        policy=request.policy or DEFAULT_POLICY,
        solver=request.solver,
        priority=request.priority,
        idempotency_key=request.idempotency_key,
    )
    interrupt.run = run
    found = engine.incumbents(run.id)
    with shown(run.id, quiet=request.quiet) as view:
        async for recorded in run.events():
            view.update(recorded)
    await _print(engine, run.id, found, as_json=request.as_json)
    interrupt.run = None
    try:
        await run.result()
    except (RunFailedError, RunCancelledError) as error:
        return RUN_FAILED if interrupt.signal is not None else report(error)
    return DONE


async def _print(engine: Engine, run: str, found: Mapping[str, Any], *, as_json: bool) -> None:
    history = await whole_stream(engine.log, run)
    about = outcome(history, {**found, **await kept_solutions(engine.store, history)})
    if as_json:
        emit(about)
    else:
        print_card(about, about["instance"] or about["family"])


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
