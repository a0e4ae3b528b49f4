"""Which instances ``qap.fft`` takes; without JAX, as it is asked whenever candidates are listed."""

from ..problem import QAP
from ..structure import Structure, structures_of
from .exact import provable


def exploited(problem: QAP) -> Structure | None:
    """The structure that the kernel uses: a collapse before an invariance, and nothing that is not exact."""
    return next((found for found in structures_of(problem) if found.kind == "subset" or provable(problem, found)), None)


def refuses(problem: QAP) -> str | None:
    """Why the kernel cannot take the instance, or None."""
    if exploited(problem) is not None:
        return None
    if found := structures_of(problem):
        return f"qap.fft needs transforms that are proved exact; {found[0]}, but the integers are too large for that"
    return (
        "qap.fft needs a structure to exploit, in the order of indices as given; neither matrix has two classes of alike "
        "indices, is invariant on a torus or under xor, or is a sum over the rows and columns of a grid"
    )
