"""Number of statistically different bins: do generated samples fill the cells of the reference in its proportions?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from gandiag.modes.mode_statistics import jensen_shannon
from gandiag.quality.measures.features import checked_pair, checked_rows
from gandiag.quality.measures.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

BINS = 100  # Richardson & Weiss 2018
ALPHA = 0.05  # as there
WIDE = 1000  # dimensions above which a sixth of them, drawn at random, serve to cluster; as there
ITERATIONS = 100  # of k-means, as there
ROWS_PER_BIN = 256  # beyond, cells hardly change while the time grows; as in faiss


@dataclass(frozen=True, eq=False)
class NDB:
    """How many of K bins hold another share of the generated samples than of the reference.

    Attributes
    ----------
    bins
        K.
    different
        Bins whose two shares differ by the two-proportion z-test.
    alpha
        Two-sided level of that test: identical laws have about alpha * K different bins, not 0.
    z
        Standard deviations of `different` above what identical laws give, by Binomial(K, alpha).
    p_value
        Probability of as many different bins or more under that law.
    js
        Jensen-Shannon divergence of the two proportions in nats.
    js_floor
        Its mean for identical laws at these sample sizes, (K - 1) / 8 * (1 / N + 1 / M).
    scores
        (K,) float64 z-scores of the bins, negative where the generated samples are fewer.
    generated, reference
        (K,) int64 samples by bin.
    """

    bins: int
    different: int
    alpha: float
    z: float
    p_value: float
    js: float
    js_floor: float
    scores: NDArray[np.float64]
    generated: NDArray[np.int64]
    reference: NDArray[np.int64]

    @property
    def share(self) -> float:
        """NDB / K, `alpha` for a perfect generator."""
        return self.different / self.bins


class Bins:
    """Cells of a reference by k-means, to compare sets of samples with it (Richardson & Weiss 2018).

    Distances between pixels see colour and pose more than content: prefer features of a classifier. About 500
    reference samples per bin are advised. NDB grows with the number of generated samples for any fixed defect, so
    compare equal numbers.

    Parameters
    ----------
    reference
        (N, D) features. Above 1000 dimensions, D // 6 of them drawn at random serve, for fitting and assigning.
    bins
        K, at most N.
    whiten
        Whether each dimension is centred and divided by its standard deviation in the reference.
    seed
        Of k-means, of the choice of dimensions and of the 256 K rows that k-means sees of a larger reference.

    Raises
    ------
    TypeError, ValueError
        When the features are no finite (N, D), or there are fewer different rows than bins.

    >>> import torch
    >>> line = torch.arange(40.0)[:, None]
    >>> Bins(line, bins=2).compare(line[:20]).different
    2
    """

    def __init__(self, reference: Tensor, bins: int = BINS, *, whiten: bool = False, seed: int = 0) -> None:
        from sklearn.cluster import KMeans

        rows = checked_rows(reference, "reference")
        width = rows.shape[1]
        if not 2 <= bins <= len(rows):
            raise ValueError(
                f"bins must be at least 2 and at most the number of reference rows, {len(rows)}, found {bins}"
            )
        self._reference = rows[:1]
        rng = np.random.default_rng(seed)
        kept = rng.choice(width, width // 6, replace=False) if width > WIDE else np.arange(width)
        self._kept = torch.from_numpy(np.sort(kept)).to(rows.device, non_blocking=True)
        rows = rows[:, self._kept]
        self._centre, self._scale = torch.zeros_like(rows[0]), torch.ones_like(rows[0])
        if whiten:
            self._centre, self._scale = rows.mean(dim=0), rows.std(dim=0)
            self._scale[self._scale == 0] = 1  # a constant dimension tells nothing either way
        rows = (rows - self._centre) / self._scale
        seen = rows[
            torch.from_numpy(rng.permutation(len(rows))[: ROWS_PER_BIN * bins]).to(rows.device, non_blocking=True)
        ]
        seen = seen.cpu()
        if len(seen.unique(dim=0)) < bins:
            raise ValueError(f"reference must have at least as many different rows as bins, {bins}, found fewer")
        found = KMeans(bins, n_init=1, max_iter=ITERATIONS, random_state=seed).fit(seen.float().numpy())
        self._centres = torch.from_numpy(found.cluster_centers_).to(rows.device, rows.dtype, non_blocking=True)
        self.counts = self._histogram(rows)

    def compare(self, generated: Tensor, *, alpha: float = ALPHA, z_threshold: float | None = None) -> NDB:
        """Compare the shares of generated samples (M, D) with those of the reference, bin by bin.

        Parameters
        ----------
        generated
            Features as those of the reference.
        alpha
            Two-sided level at which a bin counts as different.
        z_threshold
            Count bins with a larger |z| instead.

        Raises
        ------
        TypeError, ValueError
            When the features are no finite (M, D), or the level is not in (0, 1).
        """
        from scipy.special import ndtri

        rows = checked_rows(generated, "generated")
        checked_pair(rows, self._reference)
        if not 0 < alpha < 1 or (z_threshold is not None and not 0 < z_threshold < math.inf):
            raise ValueError(f"alpha must lie in (0, 1) and z_threshold be positive, found {alpha} and {z_threshold}")
        limit = -float(ndtri(alpha / 2)) if z_threshold is None else z_threshold
        return _judged(self._histogram((rows[:, self._kept] - self._centre) / self._scale), self.counts, limit)

    def _histogram(self, rows: Tensor) -> NDArray[np.int64]:
        index = nearest(rows, self._centres)[1]
        counts = index.new_zeros(len(self._centres)).index_add_(0, index, torch.ones_like(index))
        return np.asarray(counts.cpu().numpy(), dtype=np.int64)


def ndb(generated: Tensor, reference: Tensor, bins: int = BINS, *, whiten: bool = False, seed: int = 0) -> NDB:
    """Number of statistically different bins at a level of 0.05; `Bins` keeps the cells for several sets.

    Parameters and errors as for `Bins` and its `compare`.
    """
    return Bins(reference, bins, whiten=whiten, seed=seed).compare(generated)


def _judged(generated: NDArray[np.int64], reference: NDArray[np.int64], limit: float) -> NDB:
    from scipy import stats

    bins, m, n = len(generated), int(generated.sum()), int(reference.sum())
    pooled = (generated + reference) / (m + n)
    error = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    difference = generated / m - reference / n
    scores = np.divide(difference, error, out=np.zeros(bins), where=error > 0)
    different, alpha = int((np.abs(scores) > limit).sum()), 2 * float(stats.norm.sf(limit))
    return NDB(
        bins=bins,
        different=different,
        alpha=alpha,
        z=(different - bins * alpha) / math.sqrt(bins * alpha * (1 - alpha)),
        p_value=float(stats.binom.sf(different - 1, bins, alpha)),
        js=float(jensen_shannon(generated / m, reference / n)),
        js_floor=(bins - 1) / 8 * (1 / m + 1 / n),
        scores=scores,
        generated=generated,
        reference=reference,
    )
