"""MNIST, for the tests that need it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gandiag.modes.mnist_data import load

if TYPE_CHECKING:
    from gandiag.modes.mnist_data import Data


@pytest.fixture(scope="session")
def mnist() -> Data:
    """MNIST from the folder mnist/ of $GANDIAG_DATA."""
    if "GANDIAG_DATA" not in os.environ:
        pytest.skip("GANDIAG_DATA names no folder with MNIST")
    return load(Path(os.environ["GANDIAG_DATA"]) / "mnist")
