"""Fields of a form from a JSON schema: what a browser needs to ask for one member of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["matrix", "list", "number", "integer", "text", "choice", "flag", "json"]
WORDS: Mapping[str, Kind] = {"number": "number", "integer": "integer", "string": "text", "boolean": "flag"}
LARGEST = 10**9
"""A bound that no one reaches needs no saying."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member.

    Attributes:
        name: as in the request.
        kind: which control; ``json`` for whatever the other kinds cannot hold.
        help: one sentence.
        required: whether the request must have it.
        default: used where it is left out; None for none.
        least, most: bounds of a number, both allowed.
        above: a bound of a number that is not allowed itself.
        choices: the words of a ``choice``.
    """

    name: str
    kind: Kind
    help: str
    required: bool
    default: Any = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()


def fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The members of an object's schema, those that it must have first."""
    required = set(schema.get("required", ()))
    made = [field(name, member, required=name in required) for name, member in schema["properties"].items()]
    return tuple(sorted(made, key=lambda one: not one.required))


def field(name: str, schema: Mapping[str, Any], *, required: bool = False) -> Field:
    """One member; that it may be null means that it may be left out."""
    kind, inner = _kind(schema)
    return Field(
        name,
        kind,
        schema.get("description", ""),
        required,
        schema.get("default"),
        inner.get("minimum"),
        inner["maximum"] if abs(inner.get("maximum", LARGEST)) < LARGEST else None,
        inner.get("exclusiveMinimum"),
        tuple(map(str, inner.get("enum", ()))),
    )


def _kind(schema: Mapping[str, Any]) -> tuple[Kind, Mapping[str, Any]]:
    options = [one for one in schema.get("anyOf", (schema,)) if one.get("type") != "null"]
    inner = options[0] if len(options) == 1 else schema
    word = inner.get("type")
    if isinstance(word, list):
        word = next((one for one in word if one != "null"), None)
    if "enum" in inner:
        return "choice", inner
    if word == "array" and (items := inner.get("items", {})).get("type") in {"number", "integer"}:
        return "list", items | inner
    if word == "array" and inner.get("items", {}).get("items", {}).get("type") in {"number", "integer"}:
        return "matrix", inner
    return WORDS.get(str(word), "json"), inner
