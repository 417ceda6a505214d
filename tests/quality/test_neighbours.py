"""Precision, recall, density and coverage: exact against brute force and the reference packages, and what they see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from sklearn.metrics import pairwise_distances
from torch_fidelity.metric_prc import calculate_precision_recall_full

from gandiag.quality.measures.nearest import kth_neighbours, nearest
from gandiag.quality.measures.neighbours import (
    Neighbourhood,
    density_coverage,
    expected_coverage,
    prdc,
    precision_recall,
)


def _normal(n: int, d: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def _brute(generated: torch.Tensor, reference: torch.Tensor, k: int, closed: bool = False) -> tuple[float, ...]:
    """All four from float64 differences of every pair."""

    def squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x.double()[:, None] - y.double()[None]).square().sum(dim=2)

    def radii(x: torch.Tensor) -> torch.Tensor:
        return squared(x, x).fill_diagonal_(math.inf).sort(dim=1).values[:, k - 1]

    cross, real, near = squared(reference, generated), radii(reference), radii(generated)
    inside = torch.less_equal if closed else torch.less
    balls = cross < real[:, None]
    return (
        float(inside(cross, real[:, None]).any(dim=0).double().mean()),
        float(inside(cross, near[None]).any(dim=1).double().mean()),
        int(balls.sum()) / (k * len(generated)),
        float(balls.any(dim=1).double().mean()),
    )


def _four(generated: torch.Tensor, reference: torch.Tensor, k: int, **options: object) -> tuple[float, ...]:
    found = prdc(generated, reference, k, **options)
    return found.precision, found.recall, found.density, found.coverage


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 7), st.sampled_from([1, 3, 8, 64, None]), st.booleans()
)
@settings(deadline=None, max_examples=40)
def test_ties_and_duplicates_are_judged_as_in_exact_arithmetic(
    seed: int, d: int, k: int, block: int | None, closed: bool
) -> None:
    """On a small lattice most distances tie and many points repeat; whole numbers leave no rounding to hide behind."""
    rng = torch.Generator().manual_seed(seed)
    generated = torch.randint(0, 4, (19, d), generator=rng).float() + 1000
    reference = torch.randint(0, 4, (23, d), generator=rng).float() + 1000
    found = _four(generated, reference, k, closed=closed, block=block)
    assert found == pytest.approx(_brute(generated, reference, k, closed), abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("jitter", [0.0, 1e-7, 1e-3])
def test_near_duplicates_far_from_the_origin_equal_brute_force(dtype: torch.dtype, jitter: float) -> None:
    """Two tight clusters far apart: every distance within one is below the error of a float32 product."""
    centres = _normal(2, 40, 0, 5) + 3
    sets = [(centres[torch.arange(n) % 2] + jitter * _normal(n, 40, seed)).to(dtype) for n, seed in ((90, 1), (100, 2))]
    for closed in (False, True):
        expected = _brute(sets[0], sets[1], 5, closed)
        for block in (16, None):
            assert _four(sets[0], sets[1], 5, closed=closed, block=block) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("block", [7, 11, 16, 50, 149, 150, 151])
def test_the_size_of_blocks_changes_nothing(block: int) -> None:
    """Not one count differs, whatever is computed at a time."""
    generated, reference = _normal(130, 6, 3), _normal(150, 6, 4, 1.1)
    assert prdc(generated, reference, 4, block=block) == prdc(generated, reference, 4)


def test_reduced_precision_of_products_changes_nothing() -> None:
    """Where the process allows rounded float32 products, or autocast is on, float64 decides; settings stay."""
    generated, reference = _normal(300, 64, 5).float(), _normal(300, 64, 6).float()
    expected = prdc(generated, reference)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert prdc(generated, reference) == expected
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert prdc(generated, reference) == expected


def test_huge_and_tiny_features_do_not_overflow() -> None:
    """Scaling by a power of two changes no comparison, so neither does it change a metric."""
    generated, reference = _normal(80, 8, 7).float(), _normal(90, 8, 8).float()
    expected = prdc(generated, reference)
    for scale in (2.0**100, 2.0**-100):
        assert prdc(generated * scale, reference * scale) == expected


def test_copies_without_number_are_neighbours_at_no_distance() -> None:
    """A collapsed generator's samples are all one: its k-th neighbour is a copy until there are no more of them."""
    points = torch.cat([torch.ones(40, 3), torch.zeros(2, 3)])
    found = kth_neighbours(points, (1, 39, 40, 41)).T
    assert found[0].tolist() == [0, 0, 3, 3]
    assert found[-1].tolist() == [0, 3, 3, 3]


def test_all_generated_in_all_balls_are_counted() -> None:
    """Samples at the centre of a thin shell are within every ball; density is then N / k."""
    shell = torch.nn.functional.normalize(_normal(600, 300, 9), dim=1)
    found = prdc(_normal(500, 300, 10, 1e-3), shell, 5)
    assert (found.precision, found.coverage, found.density) == (1, 1, 600 / 5)


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_package_prdc(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts are equal, so shares are the same number; density only rounds elsewhere."""
    generated, reference = _normal(300, 64, seed, 1.05).float(), _normal(400, 64, seed + 10).float()
    expected = compute_prdc(reference.numpy(), generated.numpy(), 5)
    found = prdc(generated, reference, 5)
    assert (found.precision, found.recall, found.coverage) == tuple(
        expected[name] for name in ("precision", "recall", "coverage")
    )
    assert round(found.density * 5 * 300) == round(expected["density"] * 5 * 300)
    assert found.density == pytest.approx(expected["density"], rel=1e-14)


@pytest.mark.parametrize("k", [3, 5])
def test_precision_and_recall_equal_torch_fidelity(k: int) -> None:
    """To 1e-6, generated first as there."""
    generated, reference = _normal(350, 128, 1, 1.05), _normal(300, 128, 2)
    found = precision_recall(generated, reference, k)
    assert (found.precision, found.recall) == pytest.approx(
        calculate_precision_recall_full(generated, reference, k), abs=1e-6
    )


def test_one_pass_gives_both_published_conventions() -> None:
    """Closed balls with k = 3 for precision and recall, open ones with k = 5 for the others."""
    generated, reference = _normal(200, 6, 1), _normal(220, 6, 2)
    generated[:20] = reference[:20]
    both = prdc(generated, reference, 5, manifold_k=3, closed=True)
    apart = precision_recall(generated, reference), density_coverage(generated, reference)
    assert (both.precision, both.recall) == (apart[0].precision, apart[0].recall)
    assert (both.density, both.coverage) == (apart[1].density, apart[1].coverage)


def test_a_neighbourhood_can_be_kept() -> None:
    """Radii computed once give the same values, and are distances to the k-th other row."""
    generated, reference = _normal(120, 5, 1), _normal(150, 5, 2)
    kept = Neighbourhood(reference, (3, 5))
    assert len(kept) == 150
    assert prdc(generated, kept, 5) == prdc(generated, reference, 5)
    assert precision_recall(Neighbourhood(generated, 3), kept) == precision_recall(generated, reference)
    assert density_coverage(Neighbourhood(generated, 3), kept) == density_coverage(generated, reference)
    expected = np.sort(pairwise_distances(reference.numpy()), axis=1)[:, 3]
    assert kept.radii(3).numpy() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"k must be one .* made with, \(3, 5\), found 4"):
        kept.radii(4)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_distances_are_those_of_float64_differences(scale: float, offset: float) -> None:
    """Far from the origin a product alone loses all digits; dimensions of unlike size hide the small ones."""
    points = offset + scale * _normal(90, 20, 0) * 10.0 ** torch.linspace(-3, 3, 20, dtype=torch.float64)
    squared = (points[:, None] - points[None]).square().sum(dim=2)
    among_others = squared.clone().fill_diagonal_(math.inf).sort(dim=1).values
    for block in (16, None):
        found = kth_neighbours(points, (1, 4), block)
        assert found.numpy() == pytest.approx(among_others[:, [0, 3]].T.numpy(), rel=1e-14)
        least, index = nearest(points[:30], points[30:], block)
        assert least.numpy() == pytest.approx(squared[:30, 30:].amin(dim=1).numpy(), rel=1e-14)
        assert torch.equal(index, squared[:30, 30:].argmin(dim=1))


def test_nearest_finds_the_first_of_the_nearest() -> None:
    """Distance and index as by brute force, the lowest index among ties."""
    rng = torch.Generator().manual_seed(0)
    queries = torch.randint(0, 5, (60, 2), generator=rng).float()
    points = torch.randint(0, 5, (40, 2), generator=rng).float()
    squared = (queries[:, None] - points[None]).square().sum(dim=2).double()
    for block in (7, None):
        found, index = nearest(queries, points, block)
        assert torch.equal(found, squared.amin(dim=1))
        assert torch.equal(index, (squared == squared.amin(dim=1, keepdim=True)).double().argmax(dim=1))


def test_many_candidates_are_thinned_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping the hopeless early changes no neighbour."""
    points = _normal(200, 3, 0)
    expected = kth_neighbours(points, (1, 4))
    monkeypatch.setattr("gandiag.quality.measures.nearest.PENDING", 100)
    assert torch.equal(kth_neighbours(points, (1, 4), 20), expected)


@pytest.mark.parametrize(("k", "expected"), [(5, 0.96877), (3, 0.875)])
def test_expected_coverage_has_its_closed_form(k: int, expected: float) -> None:
    """0.96877 for 10,000 and 10,000 with k = 5; the limit for large sets is 1 - 2^-k."""
    assert expected_coverage(10_000, 10_000, k) == pytest.approx(expected, abs=6e-5)
    assert expected_coverage(10**9, 10**9, k) == pytest.approx(1 - 2.0**-k, abs=1e-8)


def test_identical_laws_have_the_expected_coverage_and_density_one() -> None:
    """Over 12 pairs of sets of unlike size, in few and in many dimensions."""
    for d in (2, 30):
        found = [density_coverage(_normal(300, d, 2 * s), _normal(500, d, 2 * s + 1)) for s in range(12)]
        assert np.mean([f.coverage for f in found]) == pytest.approx(expected_coverage(300, 500), abs=0.012)
        assert np.mean([f.density for f in found]) == pytest.approx(1, abs=0.05)


def test_a_collapsed_generator_has_precision_without_recall() -> None:
    """And one that is too wide the reverse: roles are not swapped."""
    reference = _normal(500, 8, 0)
    tight = prdc(_normal(500, 8, 1, 0.1), reference, 3)
    wide = prdc(_normal(500, 8, 2, 3.0), reference, 3)
    assert tight.precision > 0.95
    assert tight.recall < 0.05
    assert wide.precision < 0.3
    assert wide.recall > 0.8
    assert tight.density > 2 > wide.density


MODE_LOSS = {  # modes, sigma: precision, recall, density, coverage at k = 3 and at k = 5
    (8, 1.0): ((0.80, 0.78, 1.01, 0.878), (0.88, 0.88, 1.01, 0.967)),
    (7, 1.0): ((0.77, 0.73, 0.98, 0.800), (0.86, 0.82, 0.98, 0.878)),
    (4, 1.0): ((0.76, 0.43, 0.97, 0.488), (0.87, 0.49, 0.98, 0.530)),
    (1, 1.0): ((0.82, 0.12, 1.05, 0.170), (0.90, 0.15, 1.08, 0.188)),
    (1, 0.1): ((1.0, 0.00, 14.3, 0.062), (1.0, 0.00, 15.8, 0.092)),
}


def _mixture(modes: int, sigma: float, n: int, seed: int) -> torch.Tensor:
    """The first modes of eight on a ring of radius 6 in the plane of the first two of 16 axes."""
    rng = torch.Generator().manual_seed(seed)
    angle = torch.randint(0, modes, (n,), generator=rng) * math.pi / 4
    samples = sigma * torch.randn(n, 16, generator=rng)
    samples[:, 0] += 6 * angle.cos()
    samples[:, 1] += 6 * angle.sin()
    return samples


@pytest.mark.parametrize(("modes", "sigma"), MODE_LOSS)
def test_lost_modes_show_in_recall_and_coverage(modes: int, sigma: float) -> None:
    """Published for single runs of 2000 samples: precision is blind, coverage falls in proportion, a blob is dense.

    Over seeds, precision and density of one run have standard deviations of 0.014 and 0.05 (0.8 for the blob).
    """
    reference, generated = _mixture(8, 1.0, 2000, 0), _mixture(modes, sigma, 2000, 1)
    for k, expected in zip((3, 5), MODE_LOSS[modes, sigma], strict=True):
        precision, recall, density, coverage = _four(generated, reference, k)
        assert precision == pytest.approx(expected[0], abs=0.05)
        assert recall == pytest.approx(expected[1], abs=0.03)
        assert density == pytest.approx(expected[2], abs=0.15 if sigma == 1 else 2.5)
        assert coverage == pytest.approx(expected[3], abs=0.03)


@pytest.mark.parametrize(
    ("generated", "reference", "k", "message"),
    [
        (torch.zeros(3, 2), torch.zeros(9, 2), 3, "k must be at least 1 and below the number of generated, 3, found 3"),
        (torch.zeros(9, 2), torch.zeros(3, 2), 5, "k must be at least 1 and below the number of reference, 3, found 5"),
        (torch.zeros(9, 2), torch.zeros(9, 2), 0, "k must be at least 1 .* found 0"),
        (torch.zeros(9, 2), torch.zeros(9, 3), 1, "same number of dimensions, found 2 and 3"),
        (torch.zeros(9), torch.zeros(9, 3), 1, r"generated must have shape \(N, D\), found \(9,\)"),
        (
            torch.zeros(9, 2),
            torch.zeros(9, 2).int(),
            1,
            "reference must be a tensor of floating numbers, found torch.int32",
        ),
        (torch.zeros(0, 2), torch.zeros(9, 2), 1, r"generated must have at least 1 rows, found shape \(0, 2\)"),
        (
            torch.tensor([[1.0, math.nan], [2, 3], [math.inf, 0]]),
            torch.zeros(9, 2),
            1,
            "found NaN or infinity in 2 of 3 rows",
        ),
    ],
)
def test_bad_input_is_named(generated: torch.Tensor, reference: torch.Tensor, k: int, message: str) -> None:
    """One sentence with the argument, what was found and what was expected."""
    with pytest.raises((TypeError, ValueError), match=message):
        prdc(generated, reference, k)


@pytest.mark.slow
def test_thousand_dimensions_give_the_published_values() -> None:
    """Two sets from N(0, I) in 1000-D with k = 5, the example of the package prdc: P .4772 R .4705 D 1.0555 C .9735."""
    found = prdc(_normal(10_000, 1000, 0).float(), _normal(10_000, 1000, 1).float(), 5)
    assert (found.precision, found.recall) == pytest.approx((0.4772, 0.4705), abs=0.03)
    assert found.density == pytest.approx(1.0555, abs=0.1)
    assert found.coverage == pytest.approx(0.9735, abs=0.01)
