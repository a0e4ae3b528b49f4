"""What is to be expected before a run, as plain values."""

from typing import Any

from mezan.engine.predicting import Prediction

Json = dict[str, Any]


def prediction(found: Prediction) -> Json:
    """The choice that would be made and a forecast per solver, the most promising first."""
    card = found.card
    return {
        "family": found.family,
        "instance": found.label,
        "size": found.size,
        "cluster": found.cluster,
        "as_of": found.as_of,
        "bound": None if found.bound is None else found.bound.model_dump(),
        "features": dict(found.features),
        "policy": card.policy,
        "solver": card.solver,
        "propensity": card.propensity,
        "reason": card.reason,
        "forecasts": [{name: getattr(one, name) for name in type(one).__dataclass_fields__} for one in found.forecasts],
    }
