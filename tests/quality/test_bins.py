"""Statistically different bins: the null law, what lost modes do, and the published example on MNIST."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from threadpoolctl import threadpool_limits

from gandiag.quality.measures.ndb import Bins, ndb


def _mixture(n: int, modes: int, seed: int) -> torch.Tensor:
    """The first of ten modes on a line, five standard deviations apart, in the plane."""
    rng = torch.Generator().manual_seed(seed)
    samples = torch.randn(n, 2, generator=rng)
    samples[:, 0] += 5 * torch.randint(0, modes, (n,), generator=rng)
    return samples


def test_a_perfect_generator_has_a_share_of_alpha_different_bins() -> None:
    """Not 0: NDB / K is 0.05 on average, its z-scores and p values are those of the null, and JS is at its floor."""
    cells = Bins(_mixture(20_000, 10, 0), 100)
    found = [cells.compare(_mixture(5000, 10, seed)) for seed in range(1, 41)]
    # the bins share one reference sample, so they vary less than a binomial and together
    assert np.mean([f.share for f in found]) == pytest.approx(0.05, abs=0.02)
    assert max(f.share for f in found) < 0.15
    assert abs(np.mean([f.z for f in found])) < 1
    assert np.mean([f.js for f in found]) == pytest.approx(found[0].js_floor, rel=0.15)
    assert found[0].js_floor == pytest.approx(99 / 8 * (1 / 20_000 + 1 / 5000))


def test_lost_modes_make_bins_differ() -> None:
    """Directional: the more modes are lost, the more bins differ, and those of lost modes hold too few."""
    cells = Bins(_mixture(5000, 10, 0), 50)
    none, some, most = (cells.compare(_mixture(5000, modes, 1)) for modes in (10, 7, 1))
    assert none.p_value > 1e-3
    assert none.different < some.different <= most.different
    assert none.js < some.js < most.js
    assert some.p_value < 1e-6
    assert (most.scores[most.generated == 0] < 0).all()
    assert most.js_floor < 0.1 < most.js


def test_scores_are_those_of_the_two_proportion_test() -> None:
    """Pooled, as the chi-square test of a 2 x 2 table without correction; counts add up."""
    found = ndb(_mixture(300, 10, 1), _mixture(900, 10, 0), 8)
    assert (found.generated.sum(), found.reference.sum()) == (300, 900)
    for score, ours, theirs in zip(found.scores, found.generated, found.reference, strict=True):
        table = [[ours, 300 - ours], [theirs, 900 - theirs]]
        assert score**2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)
    assert found.different == int((np.abs(found.scores) > 1.959964).sum())
    assert found.p_value == pytest.approx(stats.binomtest(found.different, 8, 0.05, alternative="greater").pvalue)


def test_a_threshold_on_z_sets_the_level() -> None:
    """|z| > 4 expects 0.006 of 100 bins."""
    cells = Bins(_mixture(2000, 10, 0), 100)
    found = cells.compare(_mixture(2000, 10, 1), z_threshold=4)
    assert found.alpha * 100 == pytest.approx(0.0063, abs=1e-4)
    assert found.different == 0


def test_the_seed_alone_decides() -> None:
    """The same seed gives the same bins; whitening makes units of no importance."""
    reference, generated = _mixture(800, 10, 0), _mixture(800, 6, 1)
    once, again = (ndb(generated, reference, 20, seed=3) for _ in range(2))
    assert (once.scores == again.scores).all()
    unit = torch.tensor([1.0, 1000.0])
    plain, stretched = (ndb(generated * u, reference * u, 20, whiten=True) for u in (1.0, unit))
    assert plain.different == pytest.approx(stretched.different, abs=1)


def test_many_dimensions_are_clustered_on_a_sixth_of_them() -> None:
    """And a constant dimension does not break whitening."""
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(300, 1200, generator=rng)
    rows[:150] += 3
    rows[:, 5] = 7
    found = Bins(rows, 2, whiten=True)
    assert found.counts.tolist() == [150, 150]
    assert found.compare(rows[:150]).different == 2
    assert len(found._kept) == 200


@pytest.mark.parametrize(
    ("generated", "reference", "bins", "message"),
    [
        (torch.ones(5, 2), torch.rand(5, 2), 6, "bins must be at least 2 and at most .* 5, found 6"),
        (torch.ones(5, 2), torch.ones(5, 2), 2, "at least as many different rows as bins, 2"),
        (torch.ones(5, 3), torch.rand(5, 2), 2, "same number of dimensions, found 3 and 2"),
        (
            torch.full((5, 2), torch.nan),
            torch.rand(5, 2),
            2,
            "generated must be finite, found NaN or infinity in 5 of 5 rows",
        ),
    ],
)
def test_bad_input_is_named(generated: torch.Tensor, reference: torch.Tensor, bins: int, message: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=message):
        ndb(generated, reference, bins)


def test_a_level_outside_its_range_is_refused() -> None:
    """Neither alpha nor a threshold."""
    cells = Bins(torch.rand(9, 2), 2)
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\)"):
        cells.compare(torch.rand(9, 2), alpha=0)
    with pytest.raises(ValueError, match="z_threshold be positive"):
        cells.compare(torch.rand(9, 2), z_threshold=-1)


def _idx(name: str) -> torch.Tensor:
    folder = os.environ.get("GANDIAG_DATA")
    if not folder or not (Path(folder) / "mnist" / name).exists():
        pytest.skip("GANDIAG_DATA names no folder with mnist/*.gz")
    raw = gzip.decompress((Path(folder) / "mnist" / name).read_bytes())
    head = 16 if "images" in name else 8
    flat = torch.from_numpy(np.frombuffer(raw, dtype=np.uint8, offset=head).copy())
    return flat.reshape(-1, 784).float() / 255 if head == 16 else flat


@pytest.mark.slow
def test_mnist_gives_the_published_numbers() -> None:
    """Raw pixels, K = 100, 45,000 as reference, of which k-means sees 25,600, 10,000 to compare, |z| > 4.

    Held-out images 0 and JS 0.0014, test images 4 and 0.0041, held-out ones without the nines 11 and 0.016.
    """
    images, labels = _idx("train-images-idx3-ubyte.gz"), _idx("train-labels-idx1-ubyte.gz")
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(1))
    with threadpool_limits(1):  # k-means waits for its own threads where cores are shared
        cells = Bins(images[order[:45_000]], 100, seed=1)
    held_out, digits = images[order[45_000:]], labels[order[45_000:]]
    found = [
        cells.compare(queries[:10_000], z_threshold=4)
        for queries in (held_out, _idx("t10k-images-idx3-ubyte.gz"), held_out[digits != 9])
    ]
    for each, different, js in zip(found, (0, 4, 11), (0.0014, 0.0041, 0.016), strict=True):
        assert each.different == pytest.approx(different, abs=3)
        assert each.js == pytest.approx(js, rel=0.25)
