"""MNIST, for the tests that need it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gandiag.modes import mnist_classifier
from gandiag.modes.mnist_data import load

if TYPE_CHECKING:
    import numpy as np

    from gandiag.modes.mnist_data import Data


@pytest.fixture(scope="session")
def mnist() -> Data:
    """MNIST from the folder mnist/ of $GANDIAG_DATA."""
    if "GANDIAG_DATA" not in os.environ:
        pytest.skip("GANDIAG_DATA names no folder with MNIST")
    return load(Path(os.environ["GANDIAG_DATA"]) / "mnist")


@pytest.fixture(scope="session")
def mnist_read(mnist: Data) -> np.ndarray:
    """Probabilities (10000, 10) that the classifier gives the digits on MNIST's test images; not to be written to."""
    probabilities = mnist_classifier().probabilities(mnist.test[0])
    probabilities.setflags(write=False)
    return probabilities
