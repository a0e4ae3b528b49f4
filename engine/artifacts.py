"""Content-addressed payloads. Events carry only the digest, so events stay small and equal content is kept once."""

import hashlib
import zlib
from typing import Final

from .errors import StoreCorrupt
from .log import Artifact

SMALL: Final = 512
LEVEL: Final = 1


def digest_of(content: bytes) -> str:
    """SHA-256 in hex: the name of some content."""
    return hashlib.sha256(content).hexdigest()


def prepare(kind: str, content: bytes, digest: str | None = None) -> Artifact:
    """Compress where it pays. Costs time in proportion to the content; call it in a thread for large ones."""
    digest = digest or digest_of(content)
    if len(content) > SMALL:
        packed = zlib.compress(content, LEVEL)
        if len(packed) < len(content):
            return Artifact(digest, kind, len(content), "zlib", packed)
    return Artifact(digest, kind, len(content), "raw", content)


def restore(digest: str, encoding: str, size: int, stored: bytes) -> bytes:
    """The content as it was; raises StoreCorrupt when it is not what its digest says."""
    try:
        # `size` bounds the inflation, so a damaged row cannot exhaust memory
        content = zlib.decompressobj().decompress(stored, size + 1) if encoding == "zlib" else stored
    except zlib.error as error:
        msg = f"artifact {digest[:12]} must inflate to what was stored; it is damaged: {error}"
        raise StoreCorrupt(msg) from error
    if len(content) != size or digest_of(content) != digest:
        msg = f"artifact {digest[:12]} must match its digest; the stored content does not: restore the database from a copy"
        raise StoreCorrupt(msg)
    return content
