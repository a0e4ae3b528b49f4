"""Are these rows alike? Friedman's test over all of them and Wilcoxon's between every two, as JSON values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezan.api.bench.paired import pairwise
from mezan.api.bench.ranks import friedman

Json = dict[str, Any]


def tests(names: Sequence[str], values: NDArray[np.float64]) -> Json:
    """Of losses, names x instances, all finite; ``friedman`` is None below three names or two instances.

    ``effect`` of a pair is the rank-biserial correlation, negative when the first has mostly the smaller losses; ``adjusted``
    is its p-value after Holm's correction.
    """
    found = friedman(values) if len(names) > 2 else None
    pairs = pairwise(values) if len(names) > 1 and values.shape[1] else []
    return {
        "instances": int(values.shape[1]),
        "friedman": None
        if found is None
        else {
            "chi2": found.chi2,
            "p": found.p,
            "mean_ranks": dict(zip(names, found.mean_ranks.tolist(), strict=True)),
            "critical_difference": found.critical_difference,
        },
        "pairs": [
            {
                "first": names[pair.first],
                "second": names[pair.second],
                "wins": pair.wins,
                "draws": int(values.shape[1]) - pair.wins - pair.losses,
                "losses": pair.losses,
                "difference": pair.difference,
                "p": pair.p,
                "adjusted": pair.adjusted,
                "effect": pair.effect,
            }
            for pair in pairs
        ],
    }
