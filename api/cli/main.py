"""The `mezan` command: parse, run, and turn whatever happens into an exit code."""

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a check failed, 2 bad input, 3 the run failed."""
    from .app import app

    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="mezan", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        if os.environ.get("MEZAN_DEBUG"):
            raise
        from .errors import report

        return report(error)
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
