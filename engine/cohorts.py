"""Jobs that are known to come, so that a call need not start with the first of them alone."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scheduler import Job


class Cohort:
    """Runs submitted together whose problems are alike: their jobs are held until a call is full or nobody is to come.

    Nothing waits for the clock: a member that has no job after all leaves, and the last one to arrive or leave lets go of
    what is held.

    Args:
        coming: members that have neither a job nor left.
        queue: called with jobs that may start now.
    """

    def __init__(self, coming: int, queue: "Callable[[list[Job]], None]") -> None:
        self.coming = coming
        self._queue = queue
        self._held: dict[Hashable, list[Job]] = {}

    def arrive(self, job: "Job", call: Hashable, most: int) -> None:
        """Hold a job until its call has ``most``."""
        held = self._held.setdefault(call, [])
        held.append(job)
        if len(held) >= most:
            self._queue(self._held.pop(call))

    def left(self) -> None:
        """One member less is to come."""
        self.coming -= 1
        if self.coming == 0:
            held, self._held = list(self._held.values()), {}
            for jobs in held:
                self._queue(jobs)


class Place:
    """One member's place in a cohort."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self._left = False

    @property
    def kept(self) -> bool:
        """Its job is still to come."""
        return not self._left

    def leave(self) -> None:
        """It has a job, or will have none; only the first time counts."""
        if not self._left:
            self._left = True
            self.cohort.left()
