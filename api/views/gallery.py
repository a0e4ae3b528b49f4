"""The instances that ship with the families, each as a request that can be sent."""

from collections.abc import Iterable
from typing import Any

from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem

Json = dict[str, Any]


def body_of(problem: Problem) -> Json:
    """The JSON of a problem: what `POST /solve` takes, fields that have their default left out."""
    fields = problem.model_dump(exclude_defaults=True)
    plain = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in fields.items()}
    return {"type": problem.family, **plain}


def gallery(catalog: Catalog, families: Iterable[str] | None = None) -> list[Json]:
    """Every example of some families (of all for None), in their families' order."""
    chosen = [f for f in catalog if families is None or f.name in families]
    return [
        {
            "name": example.problem.name,
            "family": family.name,
            "about": example.about,
            "size": example.problem.size,
            "best_known": example.problem.best_known,
            "body": body_of(example.problem),
        }
        for family in chosen
        for example in family.examples()
    ]
