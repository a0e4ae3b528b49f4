"""One server that all attacks are made on."""

from collections.abc import Iterator

import pytest

from .attacker import Attacker, attacking


@pytest.fixture(scope="package")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    with attacking(tmp_path_factory.mktemp("attacked") / "house.db") as running:
        yield running
