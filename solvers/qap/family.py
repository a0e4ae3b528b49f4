"""The QAP family: the only door into this folder. Importing it loads no JAX; a kernel's module loads with the kernel."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BadProblem
from ..problem import Family
from ..solver import Kernel, Solver
from .arrays import read_npz
from .bounds import bound, tighten
from .evaluate import evaluate
from .examples import examples
from .features import features
from .problem import QAP
from .qaplib import parse_sln
from .rules import plan
from .showing import show
from .structured.refusal import refuses as structure_needed


def _enhanced() -> Kernel[QAP]:
    from .enhanced import Enhanced

    return Enhanced()


def _hybrid() -> Kernel[QAP]:
    from .hybrid import Hybrid

    return Hybrid()


def _adaptive() -> Kernel[QAP]:
    from .adaptive import InstanceAdaptive

    return InstanceAdaptive()


def _tabu() -> Kernel[QAP]:
    from .tabu import RobustTabu

    return RobustTabu()


def _annealing() -> Kernel[QAP]:
    from .annealing import Annealing

    return Annealing()


def _nesterov() -> Kernel[QAP]:
    from .nesterov import Nesterov

    return Nesterov()


def _faq() -> Kernel[QAP]:
    from .faq import FAQ

    return FAQ()


def _descent() -> Kernel[QAP]:
    from .descent import IteratedDescent

    return IteratedDescent()


def _structured() -> Kernel[QAP]:
    from .structured.kernel import StructuredSearch

    return StructuredSearch()


FAQ_LARGEST = 512


def _too_large_for(solver: str) -> Callable[[QAP], str | None]:
    def refuses(problem: QAP) -> str | None:
        if problem.size <= FAQ_LARGEST:
            return None
        return f"{solver} takes at most {FAQ_LARGEST} facilities (its steps cost n^3); this problem has {problem.size}"

    return refuses


def _from_json(request: Mapping[str, Any]) -> QAP:
    unknown = sorted(set(request) - {"A", "B", "name", "best_known", "mode"})
    missing = sorted({"A", "B"} - set(request))
    if unknown or missing:
        wrong = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(map(repr, unknown))}"
        raise BadProblem(f"a QAP must have A and B, and may have name, best_known and mode, and nothing else; {wrong}")
    return QAP(**request)


def _from_npz(opened: BinaryIO, filename: str) -> QAP:
    A, B = read_npz(opened, filename)
    return QAP(A=A, B=B, name=Path(filename).stem)


def _best_known(problem: QAP, text: str) -> float:
    return parse_sln(text, problem.A, problem.B).objective


FAMILY = Family(
    name="qap",
    sense="min",
    problem=QAP,
    features=features,
    bound=bound,
    tighten=tighten,
    evaluate=evaluate,
    solvers=(
        Solver(
            name="qap.enhanced",
            family="qap",
            version="1",
            summary="memetic: a population bred by uniform crossover, its children searched by robust tabu, eight in step",
            reference="Benlic and Hao, Expert Systems with Applications 42 (2015)",
            load=_enhanced,
            seedable=True,
            prior=100,
        ),
        Solver(
            name="qap.hybrid",
            family="qap",
            version="1",
            summary="Frank-Wolfe on the doubly stochastic relaxation makes the population that the memetic goes on with",
            reference="Vogelstein et al., PLoS ONE 10 (2015); Benlic and Hao (2015)",
            load=_hybrid,
            refuses=_too_large_for("qap.hybrid"),
            seedable=True,
            prior=40,
        ),
        Solver(
            name="qap.instance_adaptive",
            family="qap",
            version="1",
            summary="the memetic with parameters that follow from dominance, sparsity and structure; its card says which and why",
            reference="Benlic and Hao (2015); Vollmann and Buffa, Management Science 12 (1966)",
            load=_adaptive,
            seedable=True,
            prior=90,
            plan=plan,
        ),
        Solver(
            name="qap.aggressive",
            family="qap",
            version="1",
            summary="an island of qap.instance_adaptive on every core or device, telling each other what they find",
            reference="Benlic and Hao (2015); Whitley, Rana and Heckendorn, J. Computing and Information Technology 7 (1999)",
            load=_adaptive,
            seedable=True,
            prior=80,
            islands=True,
            plan=plan,
        ),
        Solver(
            name="qap.tabu",
            family="qap",
            version="2",
            summary="robust tabu search, eight searches in step, the whole swap neighbourhood kept up to date",
            reference="Taillard, Parallel Computing 17 (1991)",
            load=_tabu,
            seedable=True,
            prior=60,
        ),
        Solver(
            name="qap.descent",
            family="qap",
            version="1",
            summary="best-improvement 2-swap descent, iterated with kicks of growing strength",
            reference="Lourenço, Martin and Stützle, Handbook of Metaheuristics (2003); Benlic and Hao (2013)",
            load=_descent,
        ),
        Solver(
            name="qap.annealing",
            family="qap",
            version="1",
            summary="simulated annealing, 32 chains in step, sweeps over all pairs, cycles of doubling length",
            reference="Connolly, European Journal of Operational Research 46 (1990)",
            load=_annealing,
        ),
        Solver(
            name="qap.nesterov",
            family="qap",
            version="1",
            summary="accelerated mirror descent on the doubly stochastic relaxation, annealed, rounded and polished by 2-swaps",
            reference="Krichene, Bayen and Bartlett, NeurIPS 28 (2015); Gold and Rangarajan, IEEE PAMI 18 (1996)",
            load=_nesterov,
            refuses=_too_large_for("qap.nesterov"),
            seedable=True,
        ),
        Solver(
            name="qap.faq",
            family="qap",
            version="1",
            summary="Frank-Wolfe on the doubly stochastic relaxation, projected and polished by 2-swaps, many starts",
            reference="Vogelstein et al., PLoS ONE 10 (2015)",
            load=_faq,
            refuses=_too_large_for("qap.faq"),
        ),
        Solver(
            name="qap.fft",
            family="qap",
            version="1",
            summary="what is proved of a matrix: subset search for alike facilities; exact transforms under tabu search",
            reference="Wu and Hao, European Journal of Operational Research 231 (2013); Taillard (1991)",
            load=_structured,
            refuses=structure_needed,
            seedable=True,
            prior=20,
        ),
    ),
    suffixes=(".dat",),
    read=QAP.from_text,
    loaders={".npz": _from_npz},
    door="qapflow",
    best_known=_best_known,
    solution_suffix=".sln",
    from_json=_from_json,
    show=show,
    examples=examples,
)
