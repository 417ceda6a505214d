"""clean-fid's resizing, and its numbers from the same features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as cleanfid_frechet
from cleanfid.fid import kernel_distance as cleanfid_kernel
from cleanfid.resize import build_resizer
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gandiag.quality import Moments, difference, evaluate, extractor, frechet_distance
from gandiag.quality.extractors.resizing import pillow_bicubic
from gandiag.quality.measures.kernel import kernel_distance
from gandiag.quality.protocol import ProtocolError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")  # of scipy, by the peer


def images(n: int, height: int, width: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=random)


def cleaned(shown: torch.Tensor) -> torch.Tensor:
    """clean-fid's own way, image by image."""
    resize = build_resizer("clean")
    found = [resize(image.permute(1, 2, 0).numpy()) for image in shown]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [(32, 32), (28, 50), (299, 299), (299, 64), (300, 301), (512, 640)])
def test_the_pixels_are_clean_fids(size: tuple[int, int]) -> None:
    """To a millionth of the range, growing and shrinking."""
    shown = images(2, *size)
    ours, theirs = pillow_bicubic(shown, 299), cleaned(shown)
    assert ours.dtype == torch.float32
    assert float((ours - theirs).abs().max()) / 255 < 1e-6


def test_the_features_are_clean_fids(weights: Path) -> None:
    """Of the same weights behind its pixels, to what float32 leaves; the protocol tells the two resizings apart."""
    shown = images(2, 64, 48)
    made = extractor("inception-v3-clean", weights=weights)
    published = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights)
    )
    pixels = (cleaned(shown) - 128) / 128
    with torch.no_grad():
        for name, stage in published.named_children():
            if name == "AvgPool":
                break
            pixels = stage(pixels)
        theirs = pixels.mean(dim=(2, 3))
    ours = made(shown).features
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-5
    assert made.resize == "clean-fid 299x299, Pillow's bicubic"
    assert made.hash != extractor("inception-v3-compat", weights=weights).hash


def test_values_of_the_two_resizings_are_not_compared(weights: Path) -> None:
    """Both are FIDs, of different protocols."""
    shown = images(2, 32, 32)
    found = [
        evaluate(shown, shown.flip(0), extractor=name, extractor_weights=weights, metrics="fid")
        for name in ("inception-v3-clean", "inception-v3-compat")
    ]
    assert found[0] is not None
    assert found[1] is not None
    with pytest.raises(ProtocolError, match="resize clean-fid 299x299, Pillow's bicubic against tf1-bilinear 299x299"):
        difference(found[0]["fid"], found[1]["fid"])


def test_distances_are_clean_fids_of_the_same_features() -> None:
    """Fréchet from moments, kernel from one subset of all."""
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(150, 10, generator=random, dtype=torch.float64) + shift for shift in (0, 0.3))
    sets = []
    for z in (x, y):
        moments = Moments(10)
        moments.update(z)
        sets.append(moments.statistics())
    arrays = [part.numpy() for each in sets for part in (each.mean, each.covariance)]
    assert frechet_distance(*sets).value == pytest.approx(float(cleanfid_frechet(*arrays)), rel=1e-6)
    theirs = cleanfid_kernel(x.numpy(), y.numpy(), num_subsets=1, max_subset_size=150)
    assert kernel_distance(x, y, subsets=1, subset_size=150).value == pytest.approx(theirs, rel=1e-6)
