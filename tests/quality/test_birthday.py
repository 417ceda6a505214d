"""The birthday paradox: support sizes that are known, thresholds, and bounds where nothing repeats."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from gandiag.quality.measures.birthday import birthday, duplicate_threshold, expected_batch, resampled

if TYPE_CHECKING:
    from collections.abc import Callable


def _normal(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def _uniform(items: int, seed: int, jitter: float = 0.0) -> Callable[[int], torch.Tensor]:
    """A generator that repeats so many stored vectors, each time almost the same."""
    stored, rng = _normal(items, 8, seed), torch.Generator().manual_seed(seed)

    def sample(size: int) -> torch.Tensor:
        chosen = stored[torch.randint(0, items, (size,), generator=rng)]
        return chosen + jitter * torch.randn(size, 8, generator=rng)

    return sample


@pytest.mark.parametrize(("support", "batch"), [(1e4, 118), (1e5, 372), (1e6, 1177)])
def test_half_of_the_batches_repeat_at_the_known_size(support: float, batch: int) -> None:
    """sqrt(2 ln 2 M)."""
    assert round(expected_batch(support)) == batch


@pytest.mark.parametrize("items", [30, 500, 10_000])
@pytest.mark.parametrize("jitter", [0.0, 1e-4])
def test_support_of_a_uniform_law_is_found_within_a_factor_of_two(items: int, jitter: float) -> None:
    """Whether repeats are exact or only near, by the threshold of real samples."""
    threshold = 0.0 if jitter == 0 else duplicate_threshold(_normal(10_000, 8, 99))
    found = birthday(_uniform(items, 1, jitter), threshold)
    assert found.bounded
    assert items / 2 < found.estimate < items * 2
    assert found.published == pytest.approx(found.estimate * 2 * math.log(2))
    assert str(found).startswith("support about ")


def test_without_duplicates_only_a_bound_is_given() -> None:
    """Of a continuous law no batch repeats: the support is larger than 200² / (2 ln 2), and the text says so."""
    rng = torch.Generator().manual_seed(0)
    found = birthday(lambda s: torch.randn(s, 8, generator=rng), 1e-6, largest=200, rounds=10)
    assert not found.bounded
    assert found.estimate == pytest.approx(200**2 / (2 * math.log(2)))
    assert str(found) == "support > 2.89e+04"


def test_a_constant_generator_repeats_at_once() -> None:
    """Two samples are enough; the estimate is of the order of one."""
    found = birthday(lambda s: torch.ones(s, 3), 0.0)
    assert found.batch_size == 2
    assert found.estimate < 3


def test_one_heavy_atom_hides_a_large_support() -> None:
    """The caveat of the method: an output of probability 0.05 gives a small estimate though the rest never repeats."""
    rng = torch.Generator().manual_seed(0)

    def sample(size: int) -> torch.Tensor:
        rows = torch.randn(size, 8, generator=rng)
        rows[torch.rand(size, generator=rng) < 0.05] = 0
        return rows

    assert birthday(sample, 0.0).estimate < 2000


def test_the_threshold_is_a_quantile_of_nearest_neighbour_distances() -> None:
    """Of each real sample to its nearest other one; a duplicate in the reference leaves exact repetition alone."""
    reference = _normal(400, 3, 0).double()
    squared = torch.cdist(reference, reference, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)
    ordered = squared.amin(dim=1).sort().values
    assert duplicate_threshold(reference) == pytest.approx(float(ordered[0]))
    assert duplicate_threshold(reference, 0.5) == pytest.approx(float(ordered[199]))
    assert duplicate_threshold(torch.cat([reference, reference[:1]])) == 0


def test_stored_samples_are_drawn_without_replacement() -> None:
    """Else every stored set would seem to repeat; the same seed draws the same."""
    features = _normal(300, 4, 0)
    batch = resampled(features, 7)(300)
    assert torch.equal(batch.sort(dim=0).values, features.sort(dim=0).values)
    assert torch.equal(resampled(features, 7)(50), resampled(features, 7)(50))
    assert not birthday(resampled(features, 7), 0.0, largest=256, rounds=5).bounded
    with pytest.raises(ValueError, match="as many rows as the largest batch, 301, found 300"):
        resampled(features, 7)(301)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -1.0}, "threshold must be a finite distance of at least 0, found -1.0"),
        ({"threshold": 0.0, "smallest": 1}, "2 <= smallest <= largest"),
        ({"threshold": 0.0, "rounds": 0}, "rounds = 0"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, float], message: str) -> None:
    """One sentence each, as for a function that gives too few samples."""
    with pytest.raises(ValueError, match=message):
        birthday(lambda s: torch.ones(s, 3), **options)
    with pytest.raises(ValueError, match="as many samples as it is asked for, 2, found 1"):
        birthday(lambda _: torch.ones(1, 3), 0.0)
    with pytest.raises(ValueError, match=r"quantile must lie in \(0, 1\), found 1"):
        duplicate_threshold(torch.ones(3, 2), 1)
