"""What pytorch-fid asks of itself, asked of gandiag; written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid.fid_score import IMAGE_EXTENSIONS, calculate_frechet_distance

from gandiag.quality import Moments, Statistics, evaluate, frechet_distance, open_source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")  # of scipy, by the peer


class Means(torch.nn.Module):
    """The mean of each channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


def test_with_equal_covariances_the_distance_is_that_of_the_means(tmp_path: Path) -> None:
    """From files of statistics."""
    d = 512
    sets = [Statistics(torch.full((d,), float(i)).double(), torch.eye(d).double(), 5000) for i in range(2)]
    for name, each in zip("12", sets, strict=True):
        each.save(tmp_path / f"{name}.npz")
    one, other = (Statistics.load(tmp_path / f"{name}.npz") for name in "12")
    assert frechet_distance(one, other).value == pytest.approx(d, rel=1e-12)


def test_statistics_of_a_folder(tmp_path: Path) -> None:
    """Black, grey and white: their mean and covariance."""
    for name, level in (("0", 0), ("1", 127), ("2", 255)):
        Image.fromarray(np.full((4, 4, 3), level, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    found = evaluate(tmp_path, torch.zeros(3, 3, 4, 4, dtype=torch.uint8), extractor=Means(), metrics="fid")
    assert found is not None
    levels = torch.tensor([0, 127, 255]).double() / 255
    expected = 3 * (levels.mean() ** 2 + levels.var())  # from a point at 0
    assert found.measurements[0].value == pytest.approx(float(expected), rel=1e-5)


def test_statistics_from_a_file_are_taken_as_they_are(tmp_path: Path) -> None:
    """Mean and covariance of its `mu` and `sigma`; a covariance that is none is refused, which pytorch-fid takes."""
    random = np.random.default_rng(0)
    root = random.standard_normal((5, 5))
    np.savez(tmp_path / "stats.npz", mu=random.standard_normal(5), sigma=root @ root.T)
    found = Statistics.load(tmp_path / "stats.npz")
    np.testing.assert_allclose(found.covariance.numpy(), root @ root.T, rtol=1e-12)
    np.savez(tmp_path / "unsound.npz", mu=np.zeros(5), sigma=root)
    with pytest.raises(ValueError, match="covariance must be symmetric"):
        Statistics.load(tmp_path / "unsound.npz")


@pytest.mark.parametrize("suffix", sorted(IMAGE_EXTENSIONS))
def test_every_type_of_image_is_read(suffix: str, tmp_path: Path) -> None:
    """A white one, as white."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(np.full((24, 24, 3), 255, dtype=np.uint8)).save(folder / f"img.{suffix}")
    (batch,) = open_source(folder).batches(4)
    assert batch.shape[2:] == (24, 24)
    assert bool((batch == 255).all())


def test_random_statistics_are_at_the_same_distance() -> None:
    """Its own function, of well-conditioned covariances."""
    moments = [Moments(12), Moments(12)]
    for seed, each in enumerate(moments):
        each.update(torch.randn(200, 12, generator=torch.Generator().manual_seed(seed)) * (1 + seed) + seed)
    one, other = (each.statistics() for each in moments)
    arrays = [part.numpy() for each in (one, other) for part in (each.mean, each.covariance)]
    assert frechet_distance(one, other).value == pytest.approx(float(calculate_frechet_distance(*arrays)), rel=1e-6)
