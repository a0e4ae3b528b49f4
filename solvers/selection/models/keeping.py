"""A fitted recommender as one file: NumPy arrays and one JSON text, nothing that runs when it is read."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .evidence import Evidence
from .forest_kernel import ForestKernel
from .forests import Forest
from .labels import Labels
from .preparing import Preparation

if TYPE_CHECKING:
    from ..recommender import Fitted

FORMAT = 1
MOST_BYTES = 2**31
KERNEL = "seen", "members", "start", "size", "background"
FOREST = "feature", "threshold", "left", "value", "roots", "importance"


def save(path: str | Path, params: dict[str, Any], fitted: "Fitted") -> None:
    """Write both, beside the old file and then in its place."""
    labels, kernel, forest = fitted.labels, fitted.kernel, fitted.kernel.forest
    about = {
        "format": FORMAT,
        "params": params,
        "solvers": fitted.solvers,
        "features": fitted.features,
        "instances": fitted.instances,
        "single_best": fitted.single_best,
        "cost": fitted.cost,
        "evidence": asdict(fitted.evidence),
        "cutoff": labels.cutoff,
        "low": labels.low,
        "high": labels.high,
        "known": kernel.known,
        "depth": forest.depth,
    }
    arrays: dict[str, NDArray[Any]] = {
        "about": np.array(json.dumps(about)),
        "losses": labels.losses,
        "times": np.zeros((0, 0)) if labels.times is None else labels.times,
        "medians": fitted.preparation.medians,
    }
    arrays |= {f"kernel_{name}": getattr(kernel, name) for name in KERNEL}
    arrays |= {f"forest_{name}": getattr(forest, name) for name in FOREST}
    target = Path(path)
    beside = target.with_name(target.name + ".part")
    with beside.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    beside.replace(target)


def load(path: str | Path) -> "tuple[dict[str, Any], Fitted]":
    """The parameters and what was fitted.

    Raises:
        BadInput: the file is missing, too large, damaged, or of another format.
    """
    from ..recommender import Fitted

    source = Path(path)
    try:
        if source.stat().st_size > MOST_BYTES:
            msg = f"a saved recommender must have at most {MOST_BYTES} bytes; {source.name} is larger"
            raise BadInput(msg)
        with zipfile.ZipFile(source) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                msg = f"a saved recommender must unpack to at most {MOST_BYTES} bytes; {source.name} is larger"
                raise BadInput(msg)
        with np.load(source, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        about = json.loads(str(arrays["about"]))
        if about["format"] != FORMAT:
            msg = (
                f"a saved recommender must be of format {FORMAT}; {source.name} is of {about['format']!r}: fit it again"
            )
            raise BadInput(msg)
        forest = Forest(depth=int(about["depth"]), **{name: arrays[f"forest_{name}"] for name in FOREST})
        kernel = ForestKernel(forest=forest, known=int(about["known"]), **{n: arrays[f"kernel_{n}"] for n in KERNEL})
        times = arrays["times"] if about["cutoff"] is not None else None
        fitted = Fitted(
            solvers=tuple(about["solvers"]),
            features=tuple(about["features"]),
            instances=tuple(about["instances"]),
            labels=Labels(arrays["losses"], times, about["cutoff"], about["low"], about["high"]),
            preparation=Preparation(arrays["medians"]),
            kernel=kernel,
            single_best=int(about["single_best"]),
            cost=float(about["cost"]),
            evidence=Evidence(**about["evidence"]),
        )
    except BadInput:
        raise
    except OSError as error:
        msg = f"a saved recommender must be a readable file; {source}: {error.strerror or error}"
        raise BadInput(msg) from None
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{source.name} must be a file that a recommender has saved; it is not: {error}"
        raise BadInput(msg) from None
    _check(source, fitted)
    return dict(about["params"]), fitted


def _check(source: Path, fitted: "Fitted") -> None:
    """Shapes and indices must fit together, so that a damaged file is an error here and not a wrong choice later."""
    forest, kernel, losses = fitted.kernel.forest, fitted.kernel, fitted.labels.losses
    nodes = len(forest.feature)
    n, m, d = len(fitted.instances), len(fitted.solvers), len(fitted.features)
    sound = (
        losses.shape == (n, m)
        and (fitted.labels.times is None or fitted.labels.times.shape == (n, m))
        and fitted.preparation.medians.shape == forest.importance.shape == (d,)
        and forest.threshold.shape == forest.left.shape == kernel.start.shape == kernel.size.shape == (nodes,)
        and forest.value.ndim == 2
        and len(forest.value) == nodes
        and kernel.known == n
        and 0 <= forest.depth <= nodes
        and 0 <= fitted.single_best < m
        and _within(forest.feature, d)
        and _within(forest.left + (forest.left != np.arange(nodes)), nodes)
        and _within(forest.roots, nodes)
        and _within(kernel.members, n)
        and _within(kernel.seen, n)
        and _within(kernel.background, n)
        and _within(kernel.start + kernel.size, len(kernel.members) + 1)
    )
    if not sound:
        msg = f"{source.name} is damaged: its tables do not fit together; fit and save the recommender again"
        raise BadInput(msg)


def _within(numbers: NDArray[Any], end: int) -> bool:
    return bool(numbers.dtype.kind == "i" and numbers.size and numbers.min() >= 0 and numbers.max() < end)
