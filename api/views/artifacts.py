"""Artifacts: which a run refers to, and their arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

from mezan.engine.log import Recorded

Json = dict[str, Any]
REFERENCES = {
    "AttemptSucceeded": ("solution", "solution"),
    "IncumbentFound": ("solution", "solution"),
    "CheckpointSaved": ("checkpoint", "checkpoint"),
}
"""By event type: the kind of artifact, and the field that names it."""


def referred(history: Sequence[Recorded]) -> list[Json]:
    """The artifacts that a run's events name, each once, in the order in which they are named."""
    found: dict[str, Json] = {}
    for recorded in history:
        if recorded.type == "RunRequested":
            named = [("problem", spec["problem"], spec["task"]) for spec in recorded.data["tasks"]]
        elif recorded.type in REFERENCES:
            kind, field = REFERENCES[recorded.type]
            named = [(kind, recorded.data[field], recorded.data["task"])]
        else:
            continue
        for kind, digest, task in named:
            about = {"digest": digest, "kind": kind, "task": task, "position": recorded.position}
            found.setdefault(digest, about)
    return list(found.values())


def kept(artifacts: Sequence[Json], sizes: Mapping[str, int]) -> list[Json]:
    """The same with their size in bytes and where to get them; both None of those that are not kept."""
    return [
        one
        | {"size": sizes.get(one["digest"]), "url": f"/artifacts/{one['digest']}" if one["digest"] in sizes else None}
        for one in artifacts
    ]


def arrays_of(digest: str, content: bytes) -> Json:
    """An artifact's arrays by name; raises BadInput for content that is none of named arrays."""
    from mezan.solvers.pack import unpack

    arrays = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape), "values": array.tolist()}
        for name, array in unpack(content).items()
    }
    return {"digest": digest, "size": len(content), "arrays": arrays}
