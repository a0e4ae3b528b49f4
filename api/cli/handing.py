"""Secrets on their way in and out of the command: asked for, read from standard input, written for their owner alone."""

import os
import sys
from pathlib import Path

from mezan.solvers.errors import BadInput

LONGEST_LINE = 4_096


def check_new(to: str | None) -> None:
    """Raise BadInput unless a secret can be written into a new file."""
    if to is not None and (os.path.lexists(to) or not Path(to).absolute().parent.is_dir()):
        raise BadInput(f"--to must be a new file in a folder that is there; got {to[:200]!r}")


def write_private(to: str, text: str, *, advice: str = "") -> None:
    """A line in a new file that only its owner can read; raises BadInput, which ends with ``advice``, where it cannot be made."""
    try:
        descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        msg = f"--to must be a new file that can be written; {to[:200]}: {error.strerror}{advice}"
        raise BadInput(msg) from error


def new_password(login: str, *, from_stdin: bool) -> str:
    """A password: typed twice, or the first line of standard input; raises BadInput."""
    if from_stdin:
        line = sys.stdin.readline(LONGEST_LINE)
        if len(line) >= LONGEST_LINE:
            raise BadInput(f"a password must have fewer than {LONGEST_LINE} characters")
        return line.removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise BadInput(
            "--password-stdin must be given where nobody can type: printf %s SECRET | mezan users password ..."
        )
    import getpass

    first = getpass.getpass(f"new password of {login}: ")
    if getpass.getpass("once more: ") != first:
        raise BadInput("a password must be typed twice alike; nothing was changed")
    return first
