import re
import struct
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mezan.solvers.qap import Facilities
from mezan.solvers.qap.heatmap import DECADES, FINEST, LEVELS, NAMED, heatmap
from mezan.solvers.qap.heatmap_png import png
from mezan.solvers.qap.heatmap_svg import svg

TEXT = "{http://www.w3.org/2000/svg}text"


def drawn(n: int, seed: int = 0, low: int = 0):
    rng = np.random.default_rng(seed)
    view = Facilities(rng.integers(low, 9, (n, n)), rng.integers(0, 9, (n, n)), name="made")
    return heatmap(view.read(rng.permutation(n)))


def test_a_cell_is_flow_times_distance_between_two_locations():
    """By the definition, entry by entry, and coloured in the order of the costs."""
    A, B, p = np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]]), np.array([[0, 7, 1], [2, 0, 9], [3, 1, 0]]), [2, 0, 1]
    made = heatmap(Facilities(A, B, ["a", "b", "c"], ["x", "y", "z"]).read(p))
    for i in range(3):
        for j in range(3):
            assert made.cells[p[i], p[j]] == A[i, j] * B[p[i], p[j]]
    assert made.rows == ("b · x", "c · y", "a · z")
    assert made.columns == ("x", "y", "z")
    order = np.argsort(made.cells, axis=None)
    assert (np.diff(made.levels.ravel()[order]) >= 0).all()
    assert made.levels.max() == LEVELS
    assert ((made.levels == 0) == (made.cells == 0)).all()


def test_equal_ratios_are_equal_steps_of_colour():
    """The scale is logarithmic, and spans four powers of ten at most."""
    flows = np.zeros((3, 3), int)
    flows[0, 1], flows[1, 2], flows[2, 0], flows[0, 2] = 1, 100, 10_000, 100_000_000
    made = heatmap(Facilities(flows, np.ones((3, 3), int)).read([0, 1, 2]))
    assert made.high / made.low == 10**DECADES
    assert made.levels[0, 1] == made.levels[1, 2] == made.levels[2, 0] == 1
    flows[0, 2] = 1
    made = heatmap(Facilities(flows, np.ones((3, 3), int)).read([0, 1, 2]))
    assert [made.levels[0, 1], made.levels[2, 0]] == [1, LEVELS]
    assert abs(made.levels[1, 2] - (1 + LEVELS) / 2) <= 0.5


def test_large_problems_keep_their_cost_in_fewer_cells():
    """Neighbouring locations share a cell that holds their sum, and the drawing says so."""
    made = drawn(2 * FINEST + 1)
    assert len(made.cells) <= FINEST
    assert f"{made.cells.sum():,.0f}" in made.title
    assert "3 x 3 locations" in made.subtitle
    assert made.rows == made.columns == ()
    assert len(svg(made)) < 2_000_000


@pytest.mark.parametrize(("n", "named"), [(2, True), (NAMED, True), (NAMED + 1, False), (100, False)])
def test_svg_is_well_formed_and_covers_every_cell(n, named):
    """The coloured area is exactly that of the cells that cost something; names stand on the axes up to sixty."""
    made = drawn(n)
    text = svg(made)
    root = ET.fromstring(text)
    area = sum(float(w) * float(h) for w, h in re.findall(r"h([\d.]+)v([\d.]+)h-[\d.]+z", text))
    matrix = max(float(r.get("width")) ** 2 for r in root.iter() if r.get("stroke") == "#d5dce3")
    assert area / matrix == pytest.approx(np.count_nonzero(made.levels) / n**2)
    shown = [element.text for element in root.iter(TEXT)]
    assert ("0" in made.columns and made.rows[0] in shown) == named
    assert "made: cost" in shown[0]
    assert "log scale" in shown


def test_names_cannot_break_the_picture():
    """Markup, quotes and control characters are shown as text or replaced, and a long name is kept in a tooltip."""
    evil = ["</text><script>alert(1)</script>", "'\"&\x1b\0", "long " * 20]
    made = heatmap(Facilities(np.ones((3, 3)), np.ones((3, 3)), evil, name="<a & b>").read([0, 1, 2]))
    root = ET.fromstring(svg(made))
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    texts = ["".join(element.itertext()) for element in root.iter()]
    assert any("<a & b>" in text for text in texts)
    assert any(made.rows[2] in text for text in texts)


def test_negative_costs_have_colours_and_a_legend_of_their_own():
    """Orange is only there where something is negative."""
    signed, plain = drawn(12, low=-9), drawn(12)
    assert (signed.levels < 0).any()
    assert (signed.signs, plain.signs) == ((1, -1), (1,))
    assert svg(signed).count("log scale") == 2
    assert svg(plain).count("log scale") == 1


@pytest.mark.parametrize("value", [0, 7, 0.25])
def test_one_single_cost_or_none_is_drawn(value):
    """A scale without extent has one tick, or says that nothing costs anything."""
    made = heatmap(Facilities(np.full((2, 2), value), np.ones((2, 2))).read([1, 0]))
    assert len(made.ticks()) == (1 if value else 0)
    assert ("no cost" in svg(made)) == (value == 0)
    ET.fromstring(svg(made))


def test_png_is_a_picture():
    """Where matplotlib is installed: a PNG with the size that its header says, dollar signs in names included."""
    pytest.importorskip("matplotlib")
    names = ["$a$", "b_{", "^$"]
    content = png(heatmap(Facilities(np.ones((3, 3)), np.ones((3, 3)), names).read([0, 1, 2])))
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert min(width, height) > 800


def test_png_without_matplotlib_names_the_extra():
    """One typed error says what to install and what works without it."""
    code = """
import sys
sys.modules["matplotlib"] = None
from mezan.solvers.errors import BadInput
from mezan.solvers.qap import Facilities
from mezan.solvers.qap.heatmap import heatmap
from mezan.solvers.qap.heatmap_png import png
try:
    png(heatmap(Facilities([[0, 1], [1, 0]], [[0, 1], [1, 0]]).read([0, 1])))
except BadInput as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert 'pip install "mezan[plot]"' in done.stdout
    assert ".svg" in done.stdout
