"""What is shown of a QAP's solution: who goes where, what the cost is made of, and a heat map of it."""

from ..pack import Array
from ..showing import Figures, Picture, Section, Table
from .facilities import Facilities
from .problem import QAP

PLACES = 100
PAIRS = 12


def show(problem: QAP, solution: Array) -> tuple[Section, ...]:
    """The sections of an assignment; see `mezan.solvers.showing`."""
    from .heatmap import heatmap
    from .heatmap_svg import svg

    answer = Facilities.of(problem).read(solution)
    placed, pairs = answer.placed, answer.pairs(PAIRS)
    share = sum(pair.share for pair in pairs)
    left_out = len(placed) - PLACES
    return (
        Figures(
            [
                ("cost", answer.cost, "flow × distance, summed"),
                (f"{len(pairs)} costliest pairs", f"{share:.1%}", "of the cost"),
            ]
        ),
        Picture("Heat map", svg(heatmap(answer)), "Flow times distance between every two locations; the tables have the figures."),
        Table(
            "Costliest pairs",
            ("facility", "and", "flow", "distance", "cost", "share"),
            [(p.facility, p.other, p.flow, p.distance, p.cost, f"{p.share:.1%}") for p in pairs],
        ),
        Table(
            "Assignment",
            ("facility", "location", "cost", "share"),
            [(p.facility, p.location, p.cost, f"{p.share:.1%}") for p in placed[:PLACES]],
            f"the {left_out} facilities that cost least are left out" if left_out > 0 else "the costliest first",
        ),
    )  # fmt: skip
