"""Labelled Gaussian mixtures: target distributions whose modes are known, as the literature defines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

PRESETS = (
    "ring8_pacgan", "grid25_pacgan", "ring8_wgangp", "grid25_wgangp", "ring8_veegan", "grid25_veegan", "ring8_unrolled",
)  # fmt: skip
"""Names that `preset` knows."""

RADIUS = 3.0  # standard deviations: a sample is of high quality within it (Lin et al. 2018)
CHUNK_FLOATS = 2**21  # 16 MiB of differences at a time


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of K axis-aligned Gaussians in d dimensions, and the labels that its modes give to samples.

    Parameters
    ----------
    name
        What reports call it.
    centres
        (K, d), finite.
    sigmas
        Standard deviations: (K,) one per mode, or (K, d) one per mode and dimension. Finite, above 0.
    weights
        (K,) shares of the modes, positive, summing to 1.

    The arrays are kept as read-only float64 copies.

    Raises
    ------
    ValueError
        When a shape or a value is not as described.

    >>> ring = preset("ring8_pacgan")
    >>> samples, labels = ring.sample(1000, np.random.default_rng(0))
    >>> samples.shape, labels.shape
    ((1000, 2), (1000,))
    """

    name: str
    centres: Floats
    sigmas: Floats
    weights: Floats

    def __post_init__(self) -> None:
        for field in ("centres", "sigmas", "weights"):
            array = np.array(getattr(self, field), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        if self.centres.ndim != 2 or not self.centres.size:
            raise ValueError(f"centres must have shape (K, d), found {self.centres.shape}")
        modes = self.centres.shape[0]
        if self.sigmas.shape not in ((modes,), self.centres.shape):
            expected = f"{(modes,)} or {self.centres.shape}"
            raise ValueError(f"sigmas must have shape {expected} for {modes} centres, found {self.sigmas.shape}")
        if self.weights.shape != (modes,):
            raise ValueError(f"weights must have shape {(modes,)} for {modes} centres, found {self.weights.shape}")
        if not np.isfinite(self.centres).all():
            raise ValueError("centres must be finite")
        if not (np.isfinite(self.sigmas) & (self.sigmas > 0)).all():
            raise ValueError(f"sigmas must be finite and above 0, found a minimum of {self.sigmas.min()}")
        if not (self.weights > 0).all():
            raise ValueError(f"weights must be above 0, found a minimum of {self.weights.min()}")
        if not np.isclose(self.weights.sum(), 1, atol=1e-6):
            raise ValueError(f"weights must sum to 1, found a sum of {self.weights.sum()}")

    @property
    def prior(self) -> Floats:
        """Expected label distribution of a perfect generator, (K,): the weights."""
        return self.weights

    @property
    def n(self) -> int:
        """Samples per evaluation: the 2500 of Lin et al. 2018 (PacGAN)."""
        return 2500

    @property
    def scales(self) -> Floats:
        """Standard deviations of every mode and dimension, (K, d)."""
        sigmas = self.sigmas if self.sigmas.ndim == 2 else self.sigmas[:, None]
        return np.broadcast_to(sigmas, self.centres.shape)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """Draw from the mixture.

        Returns
        -------
        Samples (n, d) float64 and the mode that each came from, (n,) int64.
        """
        labels = rng.choice(len(self.weights), size=n, p=self.weights).astype(np.int64)
        noise = rng.standard_normal((n, self.centres.shape[1]))
        return self.centres[labels] + self.scales[labels] * noise, labels

    def distance(self, samples: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
        """Distance to the nearest mode in that mode's standard deviations, and which mode that is.

        It is sqrt(sum_i (x_i - centre_i)^2 / sigma_i^2), as in the reference code of Lin et al. 2018.

        Parameters
        ----------
        samples
            (n, d) real numbers.

        Returns
        -------
        Distances (n,) float64, NaN for a sample with a NaN in it, and mode indices (n,) int64.

        Raises
        ------
        ValueError
            When the shape is not (n, d).
        """
        points = np.asarray(samples, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.centres.shape[1]:
            expected = f"(n, {self.centres.shape[1]})"
            raise ValueError(f"samples for the mixture {self.name} must have shape {expected}, found {points.shape}")
        distances = np.empty(len(points))
        nearest = np.empty(len(points), dtype=np.int64)
        for part in _chunks(len(points), self.centres.size):
            with np.errstate(over="ignore", invalid="ignore"):  # far and non-finite samples are far, no error
                offsets = (points[part, None, :] - self.centres) / self.scales
                squares = np.einsum("nkd,nkd->nk", offsets, offsets)
            nearest[part] = squares.argmin(axis=1)
            distances[part] = np.sqrt(squares.min(axis=1))
        return distances, nearest

    def label(self, samples: ArrayLike) -> NDArray[np.int64]:
        """The mode of each high-quality sample, -1 for the others, (n,) int64.

        High quality means closer than 3 standard deviations to the nearest mode. A sample with a NaN is not.
        Raises ValueError when the shape is not (n, d).
        """
        distances, nearest = self.distance(samples)
        return np.where(distances < RADIUS, nearest, -1)


def preset(name: str) -> Mixture:
    """A published target distribution.

    ==============  =====  ===========================  ============  ================================
    name            modes  centres                      sigma         source
    ==============  =====  ===========================  ============  ================================
    ring8_pacgan    8      radius 1                     0.01          code of Lin et al. 2018
    grid25_pacgan   25     {-4, -2, 0, 2, 4}^2          0.05          code of Lin et al. 2018
    ring8_wgangp    8      radius 2 / 1.414             0.02 / 1.414  code of Gulrajani et al. 2017
    grid25_wgangp   25     {-4, -2, 0, 2, 4}^2 / 2.828  0.05 / 2.828  code of Gulrajani et al. 2017
    ring8_veegan    8      radius 1                     0.01          Srivastava et al. 2017 (VEEGAN)
    grid25_veegan   25     {-4, -2, 0, 2, 4}^2          0.05          Srivastava et al. 2017 (VEEGAN)
    ring8_unrolled  8      radius 2                     0.02          Metz et al. 2016 (unrolled GANs)
    ==============  =====  ===========================  ============  ================================

    VEEGAN's mixtures are those that Lin et al. 2018 repeat, under the name of the table that they are compared with.

    All modes have equal weights. The eight angles of a ring are 2 pi i / 8: an inclusive range of angles, as
    in a demo of unrolled GANs that was copied often, gives seven distinct modes.

    Raises
    ------
    ValueError
        For another name; the message lists the known ones.
    """
    if name in ("ring8_pacgan", "ring8_veegan"):
        return _equal(name, _ring(1.0), 0.01)
    if name in ("grid25_pacgan", "grid25_veegan"):
        return _equal(name, _grid(2.0), 0.05)
    if name == "ring8_wgangp":
        return _equal(name, _ring(2.0) / 1.414, 0.02 / 1.414)
    if name == "grid25_wgangp":
        return _equal(name, _grid(2.0) / 2.828, 0.05 / 2.828)
    if name == "ring8_unrolled":
        return _equal(name, _ring(2.0), 0.02)
    raise ValueError(f"no mixture is named {name!r}, known are {', '.join(PRESETS)}")


def _equal(name: str, centres: Floats, sigma: float) -> Mixture:
    modes = len(centres)
    return Mixture(name, centres, np.full(modes, sigma), np.full(modes, 1 / modes))


def _ring(radius: float) -> Floats:
    angles = 2 * np.pi * np.arange(8) / 8
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid(spacing: float) -> Floats:
    axis = spacing * np.arange(-2.0, 3.0)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _chunks(n: int, floats_per_sample: int) -> Iterator[slice]:
    size = max(1, CHUNK_FLOATS // floats_per_sample)
    return (slice(start, start + size) for start in range(0, n, size))
