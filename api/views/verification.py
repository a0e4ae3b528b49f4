"""The hash chain: what a verification found, and heads that are kept outside of the database."""

from typing import Any

from mezan.engine.log import Head, Verification

Json = dict[str, Any]


def head_document(head: Head | None) -> Json | None:
    """What `mezan log head` prints; None for an empty log."""
    return None if head is None else {"position": head.position, "hash": head.hash, "recorded_at": head.recorded_at}


def kept_head(found: Any) -> Head:
    """The head in a document that was kept; raises ValueError, KeyError or TypeError for anything else."""
    head = Head(found["position"], found["hash"], found["recorded_at"])
    if type(head.position) is not int or not 1 <= head.position < 2**53 or type(head.recorded_at) is not int:
        raise ValueError("no position and time in it")
    if not isinstance(head.hash, str) or len(head.hash) != 64 or len(bytes.fromhex(head.hash)) != 32:
        raise ValueError("no position and hash in it")
    return head


def verification(found: Verification) -> Json:
    """``ok``, how many events were checked, the last sound one, and where and how the chain is broken."""
    return {
        "ok": found.ok,
        "checked": found.checked,
        "head": head_document(found.head),
        "position": found.position,
        "problem": found.problem,
    }
