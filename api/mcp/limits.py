"""How much one session may ask for."""

from dataclasses import dataclass
from pathlib import Path

from mezan.solvers.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what a tool call may ask for.

    Attributes:
        seconds: the longest time limit of a run.
        wait: seconds for which a call waits for a run's end; hosts give up on calls that take much longer.
        message: bytes of one message; longer ones are refused unread.
        files: the folder whose problem files may be named; None: none.
    """

    seconds: float = 300.0
    wait: float = 50.0
    message: int = 16 * 2**20
    files: Path | None = None

    def read(self, name: str) -> tuple[bytes, str]:
        """The content of a file in the folder and its name without folders.

        Raises:
            BadInput: no folder was opened, or the file is outside of it, missing, or longer than a message may be.
        """
        if self.files is None:
            raise BadInput("`file` needs a folder that may be read; none is: start `mezan mcp` with --files FOLDER")
        root = self.files.resolve()
        try:
            path = (root / name).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise BadInput(f"`file` must name a file inside of {root}; {name[:80]!r} is none: check the name")
            with path.open("rb") as opened:
                content = opened.read(self.message + 1)
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"`file` must be readable; {name[:80]!r} is not ({type(error).__name__})") from None
        if len(content) > self.message:
            raise BadInput(f"a file must be at most {self.message} bytes long; {name[:80]!r} is longer")
        return content, path.name
