"""JSON schemas in words."""

from typing import Any

Json = dict[str, Any]
Pieces = list[tuple[str, str | None]]
"""Text in pieces, each with the name of the component that it leads to or None."""
COMPONENT = "#/components/schemas/"
NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
    "array": "list",
}
LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "like",
    "format": "as",
}


def shape(schema: Any) -> Pieces:
    """A schema in words, as pieces of text, each with the name of the component that it leads to or None."""
    if not isinstance(schema, dict) or not schema:
        return [("anything", None)]
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENT)
        return [(name, name)]
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return [(", ".join(map(str, values)), None)]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return _joined([_part(part) for part in schema[word]], " and " if word == "allOf" else " or ")
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items")]
        return [("list of ", None), *_joined([shape(item) for item in items], ", "), (_limits(schema), None)]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [("object of ", None), *shape(schema["additionalProperties"])]
    return [(_simple(kind, schema), None)]


def _part(schema: Json) -> Pieces:
    """One of several: its own words, if it has any."""
    return [(schema["description"], None)] if "description" in schema else shape(schema)


def _simple(kind: Any, schema: Json) -> str:
    kinds = kind if isinstance(kind, list) else [kind]
    text = " or ".join(NAMES.get(one, "anything") for one in kinds)
    return f"{text}{_limits(schema)}"


def _limits(schema: Json) -> str:
    said = [f"{words} {_number(schema[name])}" for name, words in LIMITS.items() if name in schema]
    return f" ({', '.join(said)})" if said else ""


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _joined(parts: list[Pieces], word: str) -> Pieces:
    made: Pieces = []
    for i, part in enumerate(parts):
        made += ([(word, None)] if i else []) + part
    return made


def fields(schema: Json) -> list[Json]:
    """The members of an object's schema."""
    required = set(schema.get("required", ()))
    return [
        {"name": name, "required": name in required, "shape": shape(part), "text": part.get("description", "")}
        for name, part in schema.get("properties", {}).items()
    ]
