"""The scale: a pan has its own best apart from what it is told, and both continue from one checkpoint."""

import numpy as np
import pytest
from toys import FAMILY, Climber, SeedableKernel, Toy, solver

from mezan.solvers.errors import BadInput
from mezan.solvers.scale import Pan, checkpoint, restore

VALLEYS = Toy(numbers=(5, 3, 9, 9, 9, 9, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7))
"""Whoever climbs down from the left is stuck at 3; beyond the ridge it goes down to -7."""
CLIMBER = solver("climber", Climber(strides=4), "kernel", seedable=True)
SCANNER = solver("scanner", SeedableKernel(), "kernel", seedable=True)


def pans():
    return Pan(FAMILY, CLIMBER, VALLEYS, 1), Pan(FAMILY, SCANNER, VALLEYS, 2)


def test_a_pan_that_is_stuck_goes_on_from_what_it_is_told():
    """Alone it ends at 3; told of the other side of the ridge it goes down to where its rival has not been."""
    climber, scanner = pans()
    assert climber.advance(1)
    assert not climber.advance(1000)
    assert climber.best.objective == 3
    scanner.advance(7)
    assert scanner.best.objective == 2
    assert climber.wants(scanner)
    assert not scanner.wants(climber)
    climber.tell(scanner.best)
    assert climber.advance(3)
    assert climber.best.objective == -7


def test_what_a_pan_was_told_is_not_its_own():
    """Its best stays what it found, and equally good is not better."""
    climber, scanner = pans()
    scanner.advance(1)
    assert scanner.best.objective == 5
    climber.advance(1)
    scanner.tell(climber.best)
    assert not scanner.advance(1)
    assert (scanner.best.objective, scanner.told) == (5, 3)
    assert not scanner.wants(climber)


def test_a_pan_that_has_not_begun_is_told_nothing():
    """Or it would have no result of its own."""
    climber, scanner = pans()
    scanner.advance(16)
    assert not climber.wants(scanner)
    climber.advance(1)
    assert climber.wants(scanner)


@pytest.mark.parametrize("together", [True, False])
def test_pans_continue_from_a_checkpoint_as_if_nothing_had_happened(together):
    """Own best, what was told and the searches are in it; a pan whose rival broke since continues alone."""
    first = dict(zip(("climber", "scanner"), pans(), strict=True))
    for pan in first.values():
        pan.advance(7)
    first["climber"].tell(first["scanner"].best)
    content = checkpoint(first)
    again = dict(zip(("climber", "scanner"), pans(), strict=True))
    if not together:
        del again["scanner"]
    restore(content, again)
    assert again["climber"].best.objective == 3
    assert again["climber"].told == 2
    if together:
        assert checkpoint(again) == content
    for name, pan in again.items():
        pan.advance(1)
        first[name].advance(1)
        assert pan.iterations == first[name].iterations == 8
        assert pan.best.objective == first[name].best.objective
        np.testing.assert_array_equal(pan.best.solution, first[name].best.solution)


def test_a_checkpoint_without_the_pan_is_refused():
    """The message names the pan that is missing."""
    climber, scanner = pans()
    climber.advance(1)
    with pytest.raises(BadInput, match="scanner"):
        restore(checkpoint({"climber": climber}), {"scanner": scanner})
