"""How far a Fréchet distance would vary from one draw of the generated samples to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.quality.measures.features import checked_features
from gandiag.quality.measures.frechet import frechet_values
from gandiag.quality.measures.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from gandiag.quality.measures.frechet import ReferenceStatistics

GROUPS = 10  # each costs a distance; Student's t makes up for their small number


@dataclass(frozen=True)
class Interval:
    """Where the expected value at this number of samples lies.

    Attributes
    ----------
    low, high
        Its ends. `low` is not cut at 0.
    confidence
        How often such an interval holds the expected value.
    standard_error
        Standard deviation of the value over draws, as estimated.
    method
        How it was made.
    """

    low: float
    high: float
    confidence: float
    standard_error: float
    method: str


def grouped_moments(features: Tensor, groups: int = GROUPS) -> list[Moments]:
    """Moments of `groups` parts of the samples, in their order, whose sizes differ by one at most.

    The samples must be independent of each other and in no particular order.

    Raises ValueError with fewer than 2 groups or fewer samples than groups, and as `checked_features` does.
    """
    found = checked_features(features)
    if not 2 <= groups <= len(found):
        raise ValueError(f"groups must lie in [2, {len(found)}], the number of samples, found {groups}")
    parts = []
    for part in found.tensor_split(groups):
        moments = Moments(found.shape[1], found.device)
        moments.update(part)
        parts.append(moments)
    return parts


def frechet_interval(groups: Sequence[Moments], reference: ReferenceStatistics, confidence: float = 0.95) -> Interval:
    """Interval for the expected Fréchet distance at this number of generated samples, by deleting a group at a time.

    The distance is computed again without each group, and the spread of these values scaled to that of the whole
    (Tukey 1958; Shao & Tu 1995), with Student's t for `groups` - 1 degrees of freedom. The interval is about the plain
    value, so it belongs to values of as many samples: the bias of the sample's size stays in both
    (`expected_distance` tells it), and the reference counts as fixed. Simulated 95 % intervals held the expected value
    in 91 to 97 % of draws; near a perfect generator, where the spread is estimated 1.4 times too large, in 98 to 100 %.

    A bootstrap would mislead here. Samples drawn with replacement have the bias of a sample a second time, so that
    percentiles of the resampled distances lie above the value, often wholly.

    Parameters
    ----------
    groups
        Moments of disjoint parts of the generated samples, of sizes as equal as may be; `grouped_moments` makes them.
    reference
        Of the real samples.
    confidence
        In (0, 1).

    Raises
    ------
    ValueError
        When there are fewer than 2 groups, one is empty, the sizes differ by more than a tenth, the samples without
        one do not exceed the dimensions, or `confidence` is not in (0, 1).
    """
    from scipy import stats

    whole = _checked_total(groups, confidence)
    sets = [whole.statistics(), *(whole.statistics_without(part) for part in groups)]
    value, *others = frechet_values(sets, reference)
    without = np.array(others)
    k = len(groups)
    error = float(np.sqrt((k - 1) / k * np.square(without - without.mean()).sum()))
    reach = float(stats.t.ppf((1 + confidence) / 2, k - 1)) * error
    return Interval(value - reach, value + reach, confidence, error, f"jackknife deleting each of {k} groups")


def _checked_total(groups: Sequence[Moments], confidence: float) -> Moments:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), found {confidence}")
    sizes = [part.n for part in groups]
    if len(sizes) < 2 or min(sizes) < 1 or max(sizes) - min(sizes) > max(1, 0.1 * max(sizes)):
        raise ValueError(f"groups must be at least 2 of about equal numbers of samples, found {sizes}")
    d = groups[0].dimensions
    if sum(sizes) - max(sizes) <= d:
        raise ValueError(f"groups must leave more than {d} samples, the dimensions, without one; found {sizes}")
    whole = Moments(d, groups[0].device)
    for part in groups:
        whole.merge(part)
    return whole
