"""What is registered, and how a wrong name is answered."""

import subprocess
import sys
from dataclasses import replace

import pytest

from mezan.solvers.catalog import Catalog, unknown
from mezan.solvers.errors import UnknownName
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.knapsack.family import FAMILY

CATALOG = Catalog([FAMILY])


def test_names_lead_to_families_and_solvers():
    """Every registered name is found, and a problem knows its family."""
    assert CATALOG.family("knapsack") is FAMILY
    assert CATALOG.family_of(Knapsack(values=[1], weights=[1], capacity=1)) is FAMILY
    assert [CATALOG.solver(solver.name) for solver in FAMILY.solvers] == list(FAMILY.solvers)
    assert list(CATALOG) == [FAMILY]


@pytest.mark.parametrize("name", ["knapsak", "Knapsack", "napsack"])
def test_an_unknown_family_suggests_the_nearest(name):
    """A misspelt family is answered with the one that was meant, and is a ValueError."""
    with pytest.raises(UnknownName, match="did you mean 'knapsack'") as caught:
        CATALOG.family(name)
    assert isinstance(caught.value, ValueError)
    assert repr(name) in str(caught.value)


def test_an_unknown_solver_suggests_the_nearest_and_lists_all():
    """A misspelt solver is answered with the one that was meant and with all that there are."""
    with pytest.raises(UnknownName, match=r"did you mean 'knapsack\.greedy'") as caught:
        CATALOG.solver("knapsack.gredy")
    assert all(solver.name in str(caught.value) for solver in FAMILY.solvers)


def test_a_name_like_no_other_gets_no_suggestion():
    """Nothing near, nothing suggested."""
    assert "did you mean" not in str(unknown("family", "zzz", ["knapsack"]))
    assert "did you mean" not in str(unknown("family", "", []))


def test_a_problem_of_an_unregistered_family_is_refused():
    """A problem class that no family claims is an unknown name."""

    class Stray(Knapsack):
        family = "stray"

    with pytest.raises(UnknownName, match="'stray'"):
        CATALOG.family_of(Stray(values=[1], weights=[1], capacity=1))


def test_names_are_unique():
    """Two families, or two solvers of different families, cannot share a name."""
    with pytest.raises(ValueError, match="'knapsack' is registered twice"):
        Catalog([FAMILY, FAMILY])
    with pytest.raises(ValueError, match=r"'knapsack\.dp' is registered twice"):
        Catalog([FAMILY, replace(FAMILY, name="other")])


def test_every_built_in_solver_carries_its_family():
    """Solver names start with their family's name, and every entry can be explained in a table."""
    for family in Catalog.default():
        for solver in family.solvers:
            assert solver.family == family.name
            assert solver.name.startswith(family.name + ".")
            assert solver.summary
            assert solver.reference
            assert solver.version


def test_the_default_catalogue_does_not_load_jax():
    """Listing what there is costs no compiler."""
    code = (
        "import sys; from mezan.solvers.catalog import Catalog;"
        " print({'qap', 'knapsack'} <= {f.name for f in Catalog.default()}, 'jax' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "True False\n"
