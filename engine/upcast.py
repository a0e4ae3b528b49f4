"""Old forms of events become new ones here. The chains are checked when this module is imported."""

from typing import Any, get_args

import orjson

from . import events
from .errors import UnreadableEvent

TYPES: dict[str, type[events.Event]] = {cls.__name__: cls for cls in get_args(events.AnyEvent)}
CURRENT = {name: cls.schema_version for name, cls in TYPES.items()}


def _without_gap(data: events.Json) -> events.Json:
    return {**data, "budget": {**data["budget"], "gap": None}}


def _unseeded(data: events.Json) -> events.Json:
    return {**data, "seeded_from": None}


def _requested(data: events.Json) -> events.Json:
    """Requests of that time started from nothing that was known, whatever the log held."""
    tasks = [{**task, "solver": None} for task in data["tasks"]]
    return {**_without_gap(data), "tasks": tasks, "fresh": True, "pans": []}


def _chosen(data: events.Json) -> events.Json:
    """Policies of that time did not say what they expected, and had no arms."""
    unsaid = {"expected_loss": None, "loss_error": None}
    return {**data, "candidates": [{**card, **unsaid} for card in data["candidates"]], "arm": None, "experiment": None}


UPCASTERS: dict[tuple[str, int], events.Upcaster] = {
    ("RunRequested", 1): _requested,
    ("RunRequested", 2): lambda data: {**data, "purpose": "request", "within": None},
    ("SolverChosen", 1): _chosen,
    ("SolverChosen", 2): lambda data: {**data, "time_share": None},
    ("AttemptStarted", 1): _unseeded,
    ("AttemptSucceeded", 1): lambda data: {**_unseeded(_without_gap(data)), "rival": None},
    ("AttemptFailed", 1): lambda data: _unseeded(_without_gap(data)),
    ("AttemptTimedOut", 1): _without_gap,
    ("AttemptTimedOut", 2): lambda data: {**data, "final": True},
    ("RunAdopted", 1): lambda data: {**data, "handed_over": False},
}
"""(type, schema) -> function from that schema's data to the next schema's."""


def check_chains(types: dict[str, type[events.Event]], upcasters: dict[tuple[str, int], events.Upcaster]) -> None:
    """Every type has an upcaster from each earlier schema, and none beyond; raises ValueError."""
    for name, cls in types.items():
        have = {schema for typed, schema in upcasters if typed == name}
        need = set(range(1, cls.schema_version))
        if have != need:
            msg = f"{name} is at schema {cls.schema_version}, so upcasters from {sorted(need)} are needed; got {sorted(have)}"
            raise ValueError(msg)
    if stray := {name for name, _ in upcasters} - set(types):
        msg = f"upcasters must belong to a known event type; got {sorted(stray)}"
        raise ValueError(msg)


def upcast(name: str, schema: int, data: dict[str, Any]) -> dict[str, Any]:
    """Bring a payload to its type's current schema; raises UnreadableEvent for an unknown type or a future schema."""
    if CURRENT.get(name) == schema:
        return data
    cls = TYPES.get(name)
    if cls is None or schema > cls.schema_version:
        raise _unknown(name, schema)
    while schema < cls.schema_version:
        data = UPCASTERS[name, schema](data)
        schema += 1
    return data


def decode(name: str, schema: int, payload: str) -> events.AnyEvent:
    """A typed event from its stored form; raises UnreadableEvent when this version cannot read it."""
    cls = TYPES.get(name)
    if cls is None:
        raise _unknown(name, schema)
    try:
        if schema == cls.schema_version:
            return cls.model_validate_json(payload)  # type: ignore[return-value]
        return cls.model_validate(upcast(name, schema, orjson.loads(payload)), strict=False)  # type: ignore[return-value]
    except (KeyError, ValueError) as error:  # pydantic's and orjson's errors are ValueErrors
        msg = f"the payload of {name} at schema {schema} does not fit its type: {error}"
        raise UnreadableEvent(msg) from error


def _unknown(name: str, schema: int) -> UnreadableEvent:
    msg = f"this version of mezan does not know {name} at schema {schema}; read the log with a newer one"
    return UnreadableEvent(msg)


check_chains(TYPES, UPCASTERS)
