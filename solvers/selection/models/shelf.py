"""Fitted models beside the table that they were fitted to: a cache that threads may share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from ..examples import Examples

Model = TypeVar("Model")

KEPT = 4
_shelving = Lock()


@dataclass(slots=True)
class Shelf(Generic[Model]):
    """The latest models of one kind by the number of rows that each has seen. Models are immutable."""

    models: dict[int, Model] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


def fitted(examples: Examples, fit: Callable[[Examples, dict[int, Model]], Model]) -> Model:
    """The model of the examples: from the shelf of its kind, which all policies share, or made by ``fit`` of the examples and the models on the shelf.

    ``fit`` must return the same whatever is on the shelf, which only saves work. One thread fits at a time.
    """
    with _shelving:
        shelf: Shelf[Model] = examples.table.models.setdefault(fit, Shelf())
    with shelf.lock:
        model = shelf.models.get(examples.count)
        if model is None:
            model = fit(examples, shelf.models)
            shelf.models[examples.count] = model
            while len(shelf.models) > KEPT:
                del shelf.models[next(iter(shelf.models))]
        return model
