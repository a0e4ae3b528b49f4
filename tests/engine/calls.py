"""Procedures that tests call in processes of their own: each is loaded there, so each has a function that loads it."""

import os
import signal
import sys
import time

import numpy as np

from mezan.solvers.errors import SolverFailed
from mezan.solvers.solver import Answer


class Odd(Exception):
    """An error that can be pickled, and not unpickled."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def told(problem, budget, seed):
    """Does what its name says, and answers with the process that did it."""
    match problem.name:
        case "print":
            sys.stdout.write("chatter\n")
        case "fail":
            raise SolverFailed("as told")
        case "odd":
            raise Odd(1, 2)
        case "exit":
            os._exit(3)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "nap":
            time.sleep(1)
        case "sleep":
            time.sleep(60)
    return Answer(np.array([int(np.argmin(problem.numbers))], np.int32), work={"process": os.getpid()})


def load():
    """The procedure."""
    return told


def not_there():
    """A module that the process does not find."""
    import nowhere_to_be_found

    return nowhere_to_be_found
