"""The knapsack family: the only door into this folder. Importing it loads neither JAX nor SciPy."""

from typing import Any

from ..problem import Family
from ..solver import Solver
from .evaluate import evaluate
from .examples import examples
from .features import features
from .formats import best_known, from_json, read
from .problem import Knapsack
from .reduce import bound, reduce
from .showing import show

MAX_CELLS = 2**29
"""Of the dynamic program: one decision bit each (64 MiB), and about a second on one core."""

MAX_OPEN_ITEMS = 20_000
"""Of HiGHS: with more it no longer keeps a time limit (27,000 open items: 9 seconds over; 93,000: minutes)."""


def _dp() -> Any:
    from .dp import DynamicProgram

    return DynamicProgram()


def _greedy() -> Any:
    from .greedy import solve

    return solve


def _highs() -> Any:
    from .highs import solve

    return solve


def _too_many_cells(problem: Knapsack) -> str | None:
    reduced = reduce(problem)
    cells = len(reduced.items) * (reduced.capacity + 1)
    if cells <= MAX_CELLS:
        return None
    return f"the table must have at most {MAX_CELLS} cells; {len(reduced.items)} open items x capacity {reduced.capacity} need {cells}"


def _beyond_highs(problem: Knapsack) -> str | None:
    largest = max(int(problem.weights.max()), int(problem.values.max()))
    if largest > 10**15:
        return f"HiGHS takes numbers up to 1e15; the largest here is {largest}"
    if problem.size > MAX_OPEN_ITEMS and (count := len(reduce(problem).items)) > MAX_OPEN_ITEMS:
        return f"HiGHS keeps its time limit up to {MAX_OPEN_ITEMS} open items; the bounds leave {count} open here"
    return None


FAMILY: Family[Knapsack] = Family(
    name="knapsack",
    sense="max",
    problem=Knapsack,
    features=features,
    bound=bound,
    evaluate=evaluate,
    solvers=(
        Solver(
            name="knapsack.dp",
            family="knapsack",
            version="1",
            summary="Dynamic programming over capacities, on what the bounds leave open; exact",
            reference="Bellman 1957; Ingargiola & Korsh 1973",
            load=_dp,
            refuses=_too_many_cells,
            exact=True,
            prior=100,
        ),
        Solver(
            name="knapsack.highs",
            family="knapsack",
            version="1",
            summary="Branch and cut by HiGHS, on what the bounds leave open; exact for numbers below a million",
            reference="Huangfu & Hall 2018",
            load=_highs,
            runs_in="process",
            refuses=_beyond_highs,
            repeatable=False,
            exact=True,
            prior=50,
        ),
        Solver(
            name="knapsack.greedy",
            family="knapsack",
            version="1",
            summary="Greedy by efficiency, best single item, one-for-one exchanges; within half of the optimum",
            reference="Dantzig 1957",
            load=_greedy,
            runs_in="inline",
        ),
    ),
    suffixes=(".kp", ".knapsack"),
    read=read,
    best_known=best_known,
    solution_suffix=".sol",
    from_json=from_json,
    show=show,
    examples=examples,
)
