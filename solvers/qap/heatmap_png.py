"""A heat map as PNG, drawn by matplotlib (the extra ``mezan[plot]``)."""

import io

from ..errors import BadInput
from .heatmap import LEVELS, HeatMap, colour

SIDE = 8.0
"""Inches along an axis of the matrix."""


def png(drawing: HeatMap, *, dots_per_inch: int = 120) -> bytes:
    """The content of a PNG file.

    Raises:
        BadInput: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import BoundaryNorm, ListedColormap
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = (
            'a heat map as PNG needs matplotlib: pip install "mezan[plot]", or write an .svg file, which needs nothing'
        )
        raise BadInput(msg) from error
    used = [k for k in range(-LEVELS, LEVELS + 1) if k >= 0 or -1 in drawing.signs]
    colours = ListedColormap([colour(k) if k else "#ffffff" for k in used])
    figure = Figure(figsize=(SIDE + 2, SIDE + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    edges = [k - 0.5 for k in (*used, used[-1] + 1)]
    image = axes.imshow(drawing.levels, cmap=colours, norm=BoundaryNorm(edges, len(used)), interpolation="nearest")
    # a dollar sign in a name is no formula
    axes.set_title(f"{drawing.title}\n".replace("$", r"\$"), loc="left", fontsize=14, fontweight="bold")
    axes.text(0, 1.01, drawing.subtitle, transform=axes.transAxes, fontsize=9, color="#66727f")
    axes.tick_params(length=0, labelsize=7)
    for axis, names in ((axes.yaxis, drawing.rows), (axes.xaxis, drawing.columns)):
        axis.set_ticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    axes.tick_params(axis="x", labelrotation=90)
    axes.spines[:].set_color("#d5dce3")
    ticks = [
        (s * (1 + at * (LEVELS - 1)), ("−" if s < 0 else "") + text)
        for s in drawing.signs
        for at, text in drawing.ticks()
    ]
    bar = figure.colorbar(image, ax=axes, shrink=0.5, spacing="proportional", ticks=[at for at, _ in ticks])
    bar.ax.set_yticklabels([text for _, text in ticks])
    bar.outline.set_visible(False)
    bar.minorticks_off()
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dots_per_inch)
    return out.getvalue()
