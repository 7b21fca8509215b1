"""Chance that is the same in every run."""

from collections.abc import Callable
from random import Random

import pytest


@pytest.fixture(name="seeded", scope="session")
def _seeded() -> Callable[[int], Random]:
    return Random
