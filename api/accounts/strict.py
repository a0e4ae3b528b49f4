"""JSON and base64url from strangers: bounded, without duplicate members, without numbers that JSON has not."""

import base64
import binascii
import json
import re
from typing import Any, Final

BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")


def unbase64(text: str) -> bytes:
    """The bytes of base64url without padding (RFC 7515, section 2), in the one spelling that they have.

    Raises:
        ValueError: it is something else.
    """
    if not BASE64URL.fullmatch(text):
        msg = "base64url must be letters, digits, - and _"
        raise ValueError(msg)
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        msg = "base64url must be whole bytes"
        raise ValueError(msg) from error
    if base64url(content) != text:
        msg = "base64url must end in zero bits"
        raise ValueError(msg)
    return content


def base64url(content: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def strict_object(content: bytes | str) -> dict[str, Any]:
    """A JSON object whose members are all different, at every depth. The caller has bounded its length.

    Raises:
        ValueError: it is something else; also when it is nested too deep.
    """
    try:
        text = content.decode() if isinstance(content, bytes) else content  # json.loads would guess UTF-16
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError as error:
        msg = "JSON must not be nested so deep"
        raise ValueError(msg) from error
    if not isinstance(found, dict):
        msg = f"JSON must be an object; got {type(found).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one error for every way of being wrong
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        msg = "JSON members must differ"
        raise ValueError(msg)
    return made


def _refuse(name: str) -> Any:
    msg = f"JSON has no {name}"
    raise ValueError(msg)
