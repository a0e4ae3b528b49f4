"""What a run was asked, from its first event."""

import pytest

from mezan.api.views.request import options_of
from mezan.engine.submitting import Options, prepared
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.qap import QAP

CATALOG = Catalog.default()
SMALL = QAP(A=[[0, 1], [1, 0]], B=[[0, 2], [2, 0]], mode="enhanced")


def asked(problem: object, **options: object) -> dict:
    return options_of(prepared(CATALOG, problem, Options(seed=3, **options), "worker").requested)


def test_a_mode_is_the_solver_that_it_means() -> None:
    """The recorded request names the solver; asking with it asks for the same."""
    assert asked(SMALL) == {"time_limit": 10.0, "seed": 3, "solver": "qap.enhanced"}
    assert asked(SMALL, solver="qap.tabu")["solver"] == "qap.tabu"


def test_a_race_names_its_pans() -> None:
    """And neither a solver nor that it starts from nothing, which every race does."""
    found = asked(SMALL, pans=("qap.tabu", "qap.enhanced"), iterations=9)
    assert found == {"time_limit": 10.0, "iterations": 9, "seed": 3, "pans": ["qap.tabu", "qap.enhanced"]}


def test_several_tasks_are_refused() -> None:
    """One request over HTTP cannot say them."""
    with pytest.raises(BadInput, match="must have one task to be asked for again over HTTP; this one has 2"):
        asked({"a": SMALL, "b": SMALL})
