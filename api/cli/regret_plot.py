"""Cumulative regret of several policies as SVG or PNG, drawn by matplotlib (the extra ``mezan[plot]``)."""

import io
from typing import TYPE_CHECKING

from mezan.solvers.errors import BadInput

if TYPE_CHECKING:
    from mezan.engine.lab import LabReport


def draw(report: "LabReport", kind: str) -> bytes:
    """The content of a file of a ``kind``, ``svg`` or ``png``; equal reports give equal bytes.

    Raises:
        BadInput: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = 'regret curves are drawn by matplotlib: pip install "mezan[plot]", or leave --plot out'
        raise BadInput(msg) from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for judged in report.policies:
        steps = range(1, len(judged.curve) + 1)
        # a dollar sign in a name is no formula, and a leading underscore would hide it
        axes.plot(steps, judged.curve, label=f" {judged.policy}".replace("$", r"\$"), linewidth=1.6)
    axes.set_xlabel("decisions")
    axes.set_ylabel("cumulative regret to the best known (loss)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "mezan"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(content, format=kind, dpi=120, metadata=metadata)
    return content.getvalue()
