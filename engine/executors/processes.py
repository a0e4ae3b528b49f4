"""Procedures that hold the GIL or cannot be interrupted: each call gets a process, which is killed when the call is cancelled."""

import os
import pickle
import subprocess
import sys
from typing import Any

import anyio

from mezan.solvers.budget import Budget
from mezan.solvers.errors import SolverFailed
from mezan.solvers.problem import Problem
from mezan.solvers.solver import Answer, Solver


async def call(solver: Solver[Any], problem: Problem, budget: Budget, seed: int) -> Answer:
    """Call a procedure in a new process.

    Raises:
        SolverFailed: the procedure cannot be sent there, or its process died.
        Exception: what the procedure raised.
    """
    try:
        request = pickle.dumps((solver.load, problem, budget, seed))
    except Exception as error:
        msg = f"{solver.name} runs in a process, so its `load` must be a function of a module that can be imported: {error}"
        raise SolverFailed(msg) from error
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-m", "mezan.solvers.process"]
    async with await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None, env=environment) as process:
        if process.stdin is None or process.stdout is None:  # pragma: no cover - both were asked for
            raise SolverFailed("the process has no pipes")
        try:
            await process.stdin.send(request)
            await process.stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it died before it had read everything; its exit code says so below
        content = b"".join([chunk async for chunk in process.stdout])
        code = await process.wait()
    if code != 0 or not content:
        msg = f"the process of {solver.name} died (exit code {code})"
        raise SolverFailed(msg)
    worked, result = pickle.loads(content)  # noqa: S301 - our own child wrote it
    if not worked:
        raise result
    answer: Answer = result
    return answer
