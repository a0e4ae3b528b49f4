from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mezan.solvers.qap import QAP

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data" / "qaplib"


@pytest.fixture(scope="session")
def instance() -> Callable[[str], QAP]:
    """Reads a committed QAPLIB instance by name."""
    return lambda name: QAP.from_qaplib(ROOT / "tests" / "data" / "qap" / f"{name}.dat")


@pytest.fixture(scope="session")
def shared() -> list[Path]:
    """Every QAPLIB instance beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("wants QAPLIB in ../shared/data/qaplib beside the checkout")
    return sorted(SHARED.glob("*.dat"))


@pytest.fixture(scope="session")
def draw() -> Callable[..., QAP]:
    """Random instances: symmetric or not, with diagonals and negative entries, integers or reals."""

    def make(n: int, seed: int, *, symmetric: tuple[bool, bool] = (True, True), real: bool = False) -> QAP:
        rng = np.random.default_rng(seed)
        pair = [rng.integers(-9, 30, (n, n)) if not real else rng.normal(size=(n, n)) for _ in range(2)]
        A, B = (M + M.T if s else M for M, s in zip(pair, symmetric, strict=True))
        return QAP(A=A, B=B)

    return make
