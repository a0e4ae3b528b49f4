"""What may be spent on shadow runs; see `shadows`."""

from dataclasses import dataclass

from mezan.solvers.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What may be spent on shadow runs.

    Args:
        share: of the requests whose task succeeded, between 0 and 1; the lot is drawn from the run's seed and its instance.
        seconds: of solving in any 24 hours of the log; a shadow whose time limit does not fit in what is left is not run.

    Raises:
        BadInput: a value is out of range.
    """

    share: float = 0.1
    seconds: float = 600.0

    def __post_init__(self) -> None:
        if not (isinstance(self.share, int | float) and 0 <= self.share <= 1):
            msg = f"the share of requests that are shadowed must be between 0 and 1; got {self.share!r}"
            raise BadInput(msg)
        if not (isinstance(self.seconds, int | float) and 0 <= self.seconds < float("inf")):
            msg = f"the seconds that shadows may use must be a number from 0 on; got {self.seconds!r}"
            raise BadInput(msg)
