"""The QAP family: the only door into this folder. Importing it loads no JAX; a kernel's module loads with the kernel."""

from collections.abc import Mapping
from typing import Any

from ..errors import BadProblem
from ..problem import Family
from ..solver import Kernel, Solver
from .bounds import gilmore_lawler
from .evaluate import evaluate
from .features import features
from .problem import QAP
from .qaplib import parse_sln


def _tabu() -> Kernel[QAP]:
    from .tabu import RobustTabu

    return RobustTabu()


def _from_json(request: Mapping[str, Any]) -> QAP:
    unknown = sorted(set(request) - {"A", "B", "name", "best_known"})
    missing = sorted({"A", "B"} - set(request))
    if unknown or missing:
        wrong = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(map(repr, unknown))}"
        raise BadProblem(f"a QAP must have A and B, and may have name and best_known, and nothing else; {wrong}")
    return QAP(**request)


def _best_known(problem: QAP, text: str) -> float:
    return parse_sln(text, problem.A, problem.B).objective


FAMILY = Family(
    name="qap",
    sense="min",
    problem=QAP,
    features=features,
    bound=gilmore_lawler,
    evaluate=evaluate,
    solvers=(
        Solver(
            name="qap.tabu",
            family="qap",
            version="1",
            summary="robust tabu search, eight searches in step, the whole swap neighbourhood kept up to date",
            reference="Taillard, Parallel Computing 17 (1991)",
            load=_tabu,
        ),
    ),
    suffixes=(".dat",),
    read=QAP.from_text,
    best_known=_best_known,
    solution_suffix=".sln",
    from_json=_from_json,
)
