"""Fréchet distance: closed forms, agreement with four other tools, any rank, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as clean_fid
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_fid.fid_score import calculate_frechet_distance as pytorch_fid
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric
from torchmetrics.image.fid import _compute_fid as torchmetrics_fid

from gandiag.quality.measures.frechet import (
    Frechet,
    ReferenceStatistics,
    frechet_distance,
    frechet_distance_from_features,
)
from gandiag.quality.measures.moments import Moments, Statistics

SEEDS = st.integers(0, 2**31)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def statistics(samples: torch.Tensor) -> Statistics:
    moments = Moments(samples.shape[1])
    moments.update(samples)
    return moments.statistics()


def skewed(n: int, d: int, seed: int = 0) -> torch.Tensor:
    """Correlated features of decaying variance, as those of a network are."""
    return normal(n, d, seed=seed) @ (normal(d, d, seed=99) * torch.arange(1, d + 1) ** -0.5) + normal(d, seed=98)


def rotation(d: int, seed: int) -> torch.Tensor:
    return torch.linalg.qr(normal(d, d, seed=seed))[0]


def by_singular_values(x: torch.Tensor, y: torch.Tensor) -> float:
    """tr (S1 S2)^1/2 as the nuclear norm of A B^T, with A and B the centred features / sqrt(n - 1)."""
    a, b = ((z - z.mean(dim=0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    roots = torch.linalg.svdvals(a @ b.T).sum()
    apart = (x.mean(dim=0) - y.mean(dim=0)).square().sum()
    return float(apart + a.square().sum() + b.square().sum() - 2 * roots)


@pytest.mark.parametrize("d", [1, 2, 30, 300])
def test_commuting_covariances_have_a_closed_form(d: int) -> None:
    """||m1 - m2||^2 + sum (sqrt a_i - sqrt b_i)^2 for covariances with the same eigenvectors."""
    turn, a, b = rotation(d, 1), normal(d, seed=2).exp(), normal(d, seed=3).exp()
    one = Statistics(normal(d, seed=4), turn @ a.diag() @ turn.T)
    two = Statistics(normal(d, seed=5), turn @ b.diag() @ turn.T)
    found = frechet_distance(one, two)
    assert found.mean_term == pytest.approx(float((one.mean - two.mean).square().sum()), rel=1e-12)
    assert found.covariance_term == pytest.approx(float((a.sqrt() - b.sqrt()).square().sum()), rel=1e-9)
    assert found.value == found.mean_term + found.covariance_term
    assert (found.rank, found.deficient) == (d, False)


@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("n", "d"), [(300, 8), (2000, 64), (500, 150)])
def test_four_other_tools_agree_at_full_rank(n: int, d: int) -> None:
    """pytorch-fid, clean-fid, torch-fidelity and torchmetrics to 1e-6 relative, from statistics and from features."""
    x, y = skewed(n, d, 1) * 1.1 + 0.05, skewed(n + 50, d, 2)
    ours, theirs = statistics(x), statistics(y)
    found = frechet_distance(ours, theirs).value
    m1, s1, m2, s2 = (v.numpy() for v in (ours.mean, ours.covariance, theirs.mean, theirs.covariance))
    fidelity = fid_statistics_to_metric({"mu": m1, "sigma": s1}, {"mu": m2, "sigma": s2}, verbose=False)
    assert found == pytest.approx(pytorch_fid(m1, s1, m2, s2), rel=1e-6)
    assert found == pytest.approx(clean_fid(m1, s1, m2, s2), rel=1e-6)
    assert found == pytest.approx(fidelity[KEY_METRIC_FID], rel=1e-6)
    assert found == pytest.approx(
        float(torchmetrics_fid(ours.mean, ours.covariance, theirs.mean, theirs.covariance)), rel=1e-6
    )
    assert found == pytest.approx(frechet_distance_from_features(x, ReferenceStatistics(theirs)).value, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 1000), (1000, 100), (256, 257), (257, 256), (2, 300), (2, 2)])
def test_fewer_samples_than_dimensions_are_exact(n: int, m: int) -> None:
    """D = 256 with a singular covariance on either side: statistics, Gram and singular values say the same."""
    x, y = skewed(n, 256, 1), skewed(m, 256, 2)
    expected = by_singular_values(x, y)
    reference = statistics(y)
    for found in (frechet_distance(statistics(x), reference), frechet_distance_from_features(x, reference)):
        assert found.value == pytest.approx(expected, rel=1e-8)
        assert (found.rank, found.deficient) == (min(n - 1, 256), n <= 256)


def test_known_forms_agree_in_float64_at_low_rank() -> None:
    """100 samples of each in 256 dimensions: the symmetric form, the product's eigenvalues and ours to 1e-6."""
    x, y = 0.15 * normal(100, 256, seed=1), 0.15 * normal(100, 256, seed=2)
    ours, theirs = statistics(x), statistics(y)
    values, vectors = torch.linalg.eigh(theirs.covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    symmetric = torch.linalg.eigvalsh(root @ ours.covariance @ root).clamp(min=0).sqrt().sum()
    apart = (ours.mean - theirs.mean).square().sum()
    by_product = float(torchmetrics_fid(ours.mean, ours.covariance, theirs.mean, theirs.covariance))
    found = frechet_distance_from_features(x, theirs).value
    assert found == pytest.approx(by_singular_values(x, y), rel=1e-12)
    assert found == pytest.approx(float(apart + ours.trace + theirs.trace - 2 * symmetric), rel=1e-6)
    assert found == pytest.approx(by_product, rel=1e-6)


@pytest.mark.parametrize(
    ("samples", "rank"),
    [
        (skewed(500, 20)[:, [*range(20), 3, 7]], 20),  # two features twice
        (torch.cat([skewed(500, 20), torch.ones(500, 4)], dim=1), 20),  # four constant features
        (skewed(12, 20).repeat(50, 1), 11),  # 12 different samples
        (skewed(500, 5) @ normal(5, 20, seed=3), 5),  # a subspace
        (torch.ones(500, 20, dtype=torch.float64), 0),  # one sample, always
        (skewed(500, 20) * 10.0 ** torch.arange(-10, 10), 20),  # features of all magnitudes are none of these
    ],
)
def test_lost_rank_is_reported_and_the_distance_still_right(samples: torch.Tensor, rank: int) -> None:
    """Whatever takes the rank; nothing is added to the diagonal, so FD(X, X) is 0 and FD is symmetric."""
    d = samples.shape[1]
    near, far = statistics(samples), statistics(skewed(500, d, 8))
    for n in (near.n, None):
        found = frechet_distance(Statistics(near.mean, near.covariance, n), far)
        assert (found.rank, found.deficient) == (rank, rank < d)
        assert frechet_distance(near, near).value == pytest.approx(0, abs=1e-6 * max(1, near.trace))
        assert frechet_distance(far, near).value == pytest.approx(found.value, rel=1e-7)
        assert found.value == pytest.approx(by_singular_values(samples, skewed(500, d, 8)), rel=1e-7)


@pytest.mark.parametrize(("rows", "rank"), [(40, 39), (4, 3)])
def test_copies_among_few_samples_show_in_the_rank(rows: int, rank: int) -> None:
    """80 samples in 100 dimensions, of which only `rows` differ."""
    found = frechet_distance_from_features(skewed(rows, 100).repeat(80 // rows, 1), statistics(skewed(300, 100, 2)))
    assert (found.rank, found.deficient) == (rank, True)


@pytest.mark.parametrize("copies", [1, 3])
def test_a_reference_of_few_samples_is_the_same_by_its_features(copies: int) -> None:
    """Moments alone, or the samples that they are of: of any rank, with units that differ, and with copies."""
    units = torch.logspace(-2, 2, 40, dtype=torch.float64)
    real = (torch.randn(20, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * units).repeat(
        copies, 1
    )
    fake = torch.randn(90, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * units
    real[:, 3] = 7
    known = [ReferenceStatistics(statistics(real)), ReferenceStatistics(statistics(real), real)]
    found = [frechet_distance(statistics(fake), each) for each in known]
    assert found[1].value == pytest.approx(found[0].value, rel=1e-9)
    assert known[1].factor.shape == (40, 19)
    torch.testing.assert_close(known[1].eigenvalues, known[0].eigenvalues, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 60), st.integers(1, 24))
def test_a_set_has_no_distance_from_itself(seed: int, n: int, d: int) -> None:
    """|FD(X, X)| < 1e-6 at any rank, and the distance of two sets is the same both ways and not negative."""
    x, y = normal(n, d, seed=seed), normal(n + 3, d, seed=seed + 1) + 1
    one, two = statistics(x), statistics(y)
    assert abs(frechet_distance(one, one).value) < 1e-6
    assert abs(frechet_distance_from_features(x, one).value) < 1e-6
    there, back = frechet_distance(one, two).value, frechet_distance(two, one).value
    assert there > 0
    assert there == pytest.approx(back, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 60), st.integers(2, 16))
def test_turning_both_sets_changes_nothing(seed: int, n: int, d: int) -> None:
    """A distance does not depend on the axes; moving both does not change it either."""
    x, y, turn = normal(n, d, seed=seed), normal(80, d, seed=seed + 1) * 2, rotation(d, seed + 2)
    before = frechet_distance_from_features(x, statistics(y)).value
    assert frechet_distance_from_features(x @ turn + 5, statistics(y @ turn + 5)).value == pytest.approx(
        before, rel=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.lists(st.floats(0.01, 100), min_size=2, max_size=6, unique=True))
def test_the_distance_grows_with_a_shift_of_the_mean(seed: int, shifts: list[float]) -> None:
    """By the square of the shift, exactly."""
    x, y = normal(100, 4, seed=seed), normal(100, 4, seed=seed + 1)
    y = y - y.mean(dim=0) + x.mean(dim=0)
    step = torch.nn.functional.normalize(normal(4, seed=seed + 2), dim=0)
    still = frechet_distance_from_features(x, statistics(y)).value
    moved = [frechet_distance_from_features(x + s * step, statistics(y)).value for s in sorted(shifts)]
    assert moved == sorted(moved)
    assert moved == pytest.approx([still + s**2 for s in sorted(shifts)], rel=1e-6, abs=1e-9)


def test_less_spread_is_farther_and_less_noise_is_nearer() -> None:
    """Directions: samples shrunk to their mean and samples under noise are both farther than samples as they are."""
    reference = ReferenceStatistics(statistics(skewed(2000, 16, 1)))
    fresh = skewed(2000, 16, 2)
    values = [
        frechet_distance_from_features(x, reference).value for x in (fresh, 0.5 * fresh, fresh + normal(2000, 16))
    ]
    assert values[0] < 0.2 * min(values[1:])


def test_a_reference_makes_its_factor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second distance costs no factor of the reference, and is the same."""
    reference = ReferenceStatistics(statistics(skewed(300, 16)))
    generated = statistics(skewed(300, 16, 5))
    first = frechet_distance(generated, reference)
    assert isinstance(first, Frechet)
    factor = reference.factor
    assert frechet_distance(generated, reference) == first == frechet_distance(generated, reference.statistics)
    assert reference.factor is factor
    np.testing.assert_allclose(factor @ factor.T, reference.statistics.covariance, rtol=0, atol=1e-12)
    np.testing.assert_allclose(reference.eigenvalues.sum(), reference.statistics.trace)


def test_features_are_not_modified() -> None:
    """In float64 too, where nothing has to be converted, at both routes."""
    for n in (10, 40):
        x = normal(n, 20)
        before = x.clone()
        frechet_distance_from_features(x, statistics(normal(50, 20)))
        assert torch.equal(x, before)


def test_bad_input_is_named() -> None:
    """Dimensions, numbers of samples and non-finite rows."""
    reference = statistics(normal(20, 3))
    with pytest.raises(ValueError, match="generated must have 3 dimensions like the reference, found 2"):
        frechet_distance(statistics(normal(20, 2)), reference)
    with pytest.raises(ValueError, match=r"features must have shape \(N, 3\), found \(20, 2\)"):
        frechet_distance_from_features(normal(20, 2), reference)
    with pytest.raises(ValueError, match="at least 2 samples, found 1"):
        frechet_distance_from_features(normal(1, 3), reference)
    bad = normal(20, 3)
    bad[4, 1] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 20 rows"):
        frechet_distance_from_features(bad, reference)
    with pytest.raises(ValueError, match=r"mean must be float64, found torch\.float32"):
        Statistics(torch.zeros(3), torch.eye(3))
