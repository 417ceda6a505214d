"""What the rules of other tools are given of a run: its losses, and the gradient of each of its weights."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.rundir.folder import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from gandiag.rundir.run import Run

NETWORKS = ("generator", "discriminator")


class NotRecordedError(LookupError):
    """A rule asks for what the run did not record."""


@dataclass(frozen=True)
class Gradients:
    """The gradients of one network at the steps at which they were looked at: k records of p weight tensors.

    Attributes
    ----------
    steps : (k,) generator updates, from 1
    names : (p,) of the tensors, in the network's order
    kernels : (p,) whether it is a kernel, a weight of more than one dimension
    sizes : (p,) numbers in each
    mean_abs, norm : (k, p) mean absolute value and L2 norm; NaN where a tensor has no gradient
    zeros : (k, p) share of numbers that are exactly 0
    nonfinite : (k, p) how many numbers are NaN or infinite
    """

    steps: np.ndarray
    names: np.ndarray
    kernels: np.ndarray
    sizes: np.ndarray
    mean_abs: np.ndarray
    norm: np.ndarray
    zeros: np.ndarray
    nonfinite: np.ndarray

    FIELDS = ("steps", "names", "kernels", "sizes", "mean_abs", "norm", "zeros", "nonfinite")

    def first_and_last_kernel(self) -> tuple[np.ndarray, np.ndarray]:
        """Gradient norms (k,) of the kernel nearest to the network's input, and of the one nearest to its output."""
        norms = self.norm[:, self.kernels]
        if not norms.shape[1]:
            raise NotRecordedError("gradients of kernels")
        return norms[:, 0], norms[:, -1]

    def zero_share(self) -> np.ndarray:
        """Share of all the network's gradients that are exactly 0, (k,)."""
        share: np.ndarray = np.nansum(self.zeros * self.sizes, axis=1) / self.sizes.sum()
        return share


@dataclass(frozen=True)
class Recorded:
    """A run, and the gradients of its networks by name; empty where they were not recorded."""

    run: Run
    gradients: Mapping[str, Gradients]

    def signal(self, name: str) -> pd.Series:
        """A signal that the run recorded, by step."""
        series = self.run.series(name)
        if series.empty:
            raise NotRecordedError(name)
        return series

    def networks(self) -> list[Gradients]:
        """The gradients of G and of D."""
        if not self.gradients:
            raise NotRecordedError("gradients")
        return list(self.gradients.values())


def read_gradients(path: Path) -> dict[str, Gradients]:
    """What `benchmarks.corpus.gradient_log.GradientLog` saved, by network; nothing when there is no such file.

    Raises RunError when the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with np.load(path) as content:
            return {
                network: Gradients(**{field: content[f"{network}/{field}"] for field in Gradients.FIELDS})
                for network in NETWORKS
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: holds no gradients: {error}") from error
