"""Which families there are to ask about."""

from collections.abc import Container


def check_family(family: str, known: Container[str]) -> None:
    """Raise BadInput for a family that is neither in ``known`` nor installed: one without events is empty, an unknown one is an error."""
    if family not in known:
        from mezan.solvers.catalog import Catalog

        Catalog.default().family(family)
