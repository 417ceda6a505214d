"""What torch-fidelity asks of its statistics, of precision and recall, and of MIND, asked of gandiag; written anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from gandiag.quality import Statistics, frechet_distance
from gandiag.quality.measures.frechet import frechet_distance_from_features
from gandiag.quality.measures.kernel import kernel_distance
from gandiag.quality.measures.moments import Moments
from gandiag.quality.measures.neighbours import precision_recall
from gandiag.quality.measures.sliced import mind


def rows(n: int, d: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + mean


def statistics(features: torch.Tensor, batch: int = 64) -> Statistics:
    moments = Moments(features.shape[1])
    for part in features.split(batch):
        moments.update(part)
    return moments.statistics()


def test_statistics_of_features_are_the_same_numbers() -> None:
    """Mean and covariance, from features far from 0, and the distance that is made of them."""
    x, y = rows(300, 24, 0, 100.0), rows(250, 24, 1, 100.5)
    theirs = [fid_features_to_statistics(each) for each in (x, y)]
    ours = [statistics(each) for each in (x, y)]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.mean.numpy(), other["mu"], rtol=1e-12)
        np.testing.assert_allclose(one.covariance.numpy(), other["sigma"], rtol=1e-9, atol=1e-12)
    distance = fid_statistics_to_metric(*theirs, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(*ours).value == pytest.approx(distance, rel=1e-9)
    assert frechet_distance_from_features(x, ours[1]).value == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_the_size_of_batches_does_not_matter(batch: int) -> None:
    """Of the same features."""
    x = rows(300, 12, 0)
    one, other = statistics(x, batch), statistics(x)
    assert torch.allclose(one.covariance, other.covariance, rtol=1e-12, atol=1e-14)


def test_values_repeat_bit_by_bit() -> None:
    """Fréchet, kernel and neighbours: twice the same call, twice the same number."""
    x, y = rows(200, 12, 0), rows(200, 12, 1, 0.2)
    found = [
        (frechet_distance(statistics(x), statistics(y)), kernel_distance(x, y, subset_size=50), precision_recall(x, y))
        for _ in range(2)
    ]
    assert found[0] == found[1]


def test_kid_is_the_same_number_for_the_same_seed() -> None:
    """The published draw."""
    x, y = rows(300, 24, 0), rows(260, 24, 1, 0.2)
    theirs = kid_features_to_metric(x, y, kid_subsets=7, kid_subset_size=120, rng_seed=11, verbose=False)
    ours = kernel_distance(x, y, subsets=7, subset_size=120, seed=11)
    assert ours.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.standard_deviation == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_precision_is_of_the_generated_and_recall_of_the_real() -> None:
    """A collapsed generator is precise and recalls little; an all too varied one the other way round.

    torch-fidelity had the two exchanged before 0.4.0.
    """
    real = rows(400, 4, 0)
    narrow, wide = 0.2 * rows(400, 4, 1), 4 * rows(400, 4, 2)
    collapsed, scattered = precision_recall(narrow, real), precision_recall(wide, real)
    assert collapsed.precision > 0.95
    assert collapsed.recall < 0.3
    assert scattered.precision < 0.4
    assert scattered.recall > 0.9
    for ours, fake in ((collapsed, narrow), (scattered, wide)):
        theirs = prc_features_to_metric(fake, real, verbose=False)
        assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)


def by_hand(x: torch.Tensor, y: torch.Tensor, directions: int, seed: int) -> float:
    """MIND's formula in NumPy, on the published draw."""
    generator = torch.Generator().manual_seed(seed)
    n, d = min(len(x), len(y)), x.shape[1]
    picked = [z if len(z) == n else z[torch.randperm(len(z), generator=generator)[:n]] for z in (x, y)]
    axes = torch.randn(directions, d, generator=generator)
    axes = (axes / axes.norm(dim=1, keepdim=True)).double().numpy()
    ours, theirs = (np.sort(axes @ z.double().numpy().T, axis=1) for z in picked)
    return float(3 * d * np.square(ours - theirs).mean())


def test_mind_is_zero_for_itself_and_symmetric() -> None:
    """And it follows its seed."""
    x, y = rows(256, 8, 0), rows(256, 8, 1, 0.5)
    assert mind(x, x) == 0
    assert mind(x, y) == pytest.approx(mind(y, x), rel=1e-12)
    assert mind(x, y, seed=1) != mind(x, y, seed=2)


@pytest.mark.parametrize(("n", "m"), [(200, 200), (200, 150), (120, 200)])
def test_mind_is_the_published_formula(n: int, m: int) -> None:
    """With as many samples of each set as the smaller one has, also far from 0."""
    x, y = rows(n, 8, 0, 50.0), rows(m, 8, 1, 50.4)
    assert mind(x, y, directions=64, seed=3) == pytest.approx(by_hand(x, y, 64, 3), rel=1e-5)


def test_mind_of_gaussians_that_are_shifted_is_three_times_the_squared_shift() -> None:
    """In a closed form, to 10 %, and rising with the shift."""
    found = [mind(rows(4000, 16, 0), rows(4000, 16, 1, shift), directions=256) for shift in (0.25, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[2] == pytest.approx(3 * 16 * 1.0, rel=0.1)
