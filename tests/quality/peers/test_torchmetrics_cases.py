"""What torchmetrics asks of its FID, KID, Inception Score and MiFID, asked of gandiag; written anew."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd
from torchmetrics.image.mifid import _mifid_compute

from gandiag.quality import Statistics, evaluate, extractor, frechet_distance
from gandiag.quality.measures.classifier_scores import inception_score
from gandiag.quality.measures.kernel import kernel_distance
from gandiag.quality.measures.mifid import memorisation_informed
from gandiag.quality.measures.moments import Moments

if TYPE_CHECKING:
    from pathlib import Path

INCEPTION = "inception-v3-compat"


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def statistics(features: torch.Tensor) -> Statistics:
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments.statistics()


def images(n: int, low: int, high: int, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (n, 3, 32, 32), dtype=torch.uint8, generator=random)


@pytest.mark.parametrize("size", [2, 10, 100, 300])
def test_the_trace_of_the_root_is_scipys(size: int) -> None:
    """Of two covariances from twice as many samples as dimensions."""
    one, other = (statistics(rows(2 * size, size, seed)) for seed in (0, 1))
    root = sqrtm((one.covariance @ other.covariance).numpy()).real.trace()
    found = frechet_distance(one, other)
    traces = float(one.covariance.trace() + other.covariance.trace())
    assert (traces - found.covariance_term) / 2 == pytest.approx(root, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 90)])
def test_the_distance_is_torchmetrics_own(n: int, m: int) -> None:
    """For equal and for unequal numbers of samples."""
    one, other = statistics(rows(n, 16, 0)), statistics(rows(m, 16, 1) * 1.3 + 0.2)
    theirs = _compute_fid(one.mean, one.covariance, other.mean, other.covariance)
    assert frechet_distance(one, other).value == pytest.approx(float(theirs), rel=1e-9)


@pytest.mark.parametrize("layer", ["64", "192"])
def test_the_same_images_are_at_no_distance(layer: str, weights: Path) -> None:
    """FID 0; a kernel distance that is unbiased is below 0 and never cut."""
    shown = images(6, 0, 255, 0)
    found = evaluate(shown, shown, extractor=f"{INCEPTION}/{layer}", extractor_weights=weights, metrics="fid,kid")
    assert found is not None
    scale = float(extractor(f"{INCEPTION}/{layer}", weights=weights)(shown[:2]).features.double().square().sum())
    assert abs(found.measurements[0].value) < 1e-12 * scale
    assert found.measurements[1].value < 0


def test_a_network_stays_in_evaluation_mode_and_the_callers_as_it_was() -> None:
    """No train() reaches a copy, and no eval() the module it was made of."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Dropout(0.9), nn.BatchNorm1d(4)).train()
    made = extractor(module)
    shown = images(5, 0, 255, 0)[:, :, :2, :2]
    assert torch.equal(made(shown).features, made(shown).features)
    assert module.training
    assert int(module[3].num_batches_tracked) == 0


def test_moments_can_be_pickled_and_go_on() -> None:
    """As a metric that is sent to another process."""
    moments = Moments(3)
    moments.update(rows(20, 3, 0))
    again = pickle.loads(pickle.dumps(moments))  # noqa: S301 - our own
    for each in (moments, again):
        each.update(rows(10, 3, 1))
    assert torch.equal(moments.statistics().covariance, again.statistics().covariance)


def test_an_unknown_layer_and_a_wrong_kind_of_extractor_are_refused(weights: Path) -> None:
    """With what there is."""
    with pytest.raises(ValueError, match="no layer '2', expected one of 64, 192, 768, 2048"):
        extractor(f"{INCEPTION}/2", weights=weights)
    with pytest.raises(TypeError, match="extractor must be a name, a torch module or a FeatureExtractor, found list"):
        extractor([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"subsets": -1}, "subsets must be at least 1"),
        ({"subset_size": -1}, "subset_size must lie in"),
        ({"subset_size": 50}, "the smaller number of samples, found 50"),
    ],
)
def test_subsets_that_do_not_fit_are_refused(options: dict[str, int], match: str) -> None:
    """More samples of a subset than there are, none, and no subsets."""
    with pytest.raises(ValueError, match=match):
        kernel_distance(rows(20, 3, 0), rows(20, 3, 1), **{"subset_size": 5, **options})


def test_one_subset_of_all_is_torchmetrics_kernel_distance() -> None:
    """Whatever the draw, which differs."""
    x, y = rows(100, 16, 0), rows(100, 16, 1) + 0.3
    found = kernel_distance(x, y, subsets=1, subset_size=100)
    assert found.value == pytest.approx(float(poly_mmd(x, y)), rel=1e-9)
    assert found.standard_deviation == 0


@pytest.mark.parametrize("splits", [1, 10])
def test_the_score_of_splits_is_that_by_hand(splits: int) -> None:
    """Mean and spread, neither below 0; of one split there is no spread."""
    logits = rows(40, 7, 0) * 2
    found = inception_score(logits, splits=splits)
    order = np.random.RandomState(2020).permutation(40)
    parts = logits[torch.from_numpy(order)].softmax(dim=1).numpy().reshape(splits, -1, 7)
    by_hand = [np.exp((p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1).mean()) for p in parts]
    assert found.value == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert found.standard_deviation == pytest.approx(np.std(by_hand), abs=1e-12)


def test_floats_are_taken_in_their_range_and_refused_out_of_it() -> None:
    """What torchmetrics' `normalize` is told, the first batch tells."""
    floats = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = evaluate(floats, (floats * 255).round().to(torch.uint8), extractor="digits", metrics="fid")
    assert found is not None
    assert abs(found.measurements[0].value) < 1e-9
    with pytest.raises(ValueError, match="neither"):
        evaluate(floats * 7 - 3, floats, extractor="digits", metrics="fid")


def test_a_reference_that_is_kept_is_not_touched_by_an_evaluation() -> None:
    """What `reset_real_features=False` keeps: the reference's statistics serve again."""
    real, fake = rows(60, 5, 0), rows(60, 5, 1)
    kept = statistics(real)
    before = kept.covariance.clone()
    assert frechet_distance(statistics(fake), kept) == frechet_distance(statistics(fake), kept)
    assert torch.equal(before, kept.covariance)


@pytest.mark.parametrize("shift", [0.001, 3.0])
def test_mifid_is_torchmetrics_own(shift: float) -> None:
    """Near copies, whose penalty is their cosine distance, and samples that are far from any."""
    real = rows(50, 6, 0).abs() + (0 if shift < 1 else 2)
    fake = real[:40] + shift * rows(40, 6, 1) if shift < 1 else rows(40, 6, 1)
    one, other = statistics(fake), statistics(real)
    theirs = _mifid_compute(one.mean, one.covariance, fake, other.mean, other.covariance, real)
    found = memorisation_informed(frechet_distance(one, other).value, fake, real)
    assert found.value == pytest.approx(float(theirs), rel=1e-6)
    assert (found.penalty < 1) == (shift < 1)
