"""One pass over a set keeps what the metrics need of it, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gandiag.quality import evaluate
from gandiag.quality.plan import planned
from gandiag.quality.sources.open import open_source

PEAK = """
import resource, sys, torch
from gandiag.quality import evaluate
from gandiag.quality.plan import planned

class Stream:
    name, labels = "stream", None
    def __len__(self): return self.n
    def content_hash(self): return ""
    def batches(self, size, start=0, stop=None):
        random = torch.Generator().manual_seed(0)
        for first in range(start, len(self) if stop is None else stop, size):
            yield torch.randn(size, 1024, generator=random)

torch.set_num_threads(1)
for n in sys.argv[1:]:
    stream = Stream()
    stream.n = int(n)
    planned(extractor="identity", metrics="fid").collect(stream)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_of_a_frechet_distance_does_not_grow_with_n() -> None:
    """Features of the larger set would take 98 MB more."""
    done = subprocess.run([sys.executable, "-c", PEAK, "1280", "25600"], capture_output=True, text=True, check=True)
    peaks = [int(kilobytes) * 1024 for kilobytes in done.stdout.split()]
    assert peaks[1] - peaks[0] < 20e6


def test_features_are_kept_only_for_metrics_that_need_them() -> None:
    """Moments are always there; their parts only for an interval without features. Few samples' features are kept."""
    points = open_source(torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)))
    assert planned(extractor="identity", metrics="fid").collect(points, n=1000).features is not None
    alone = planned(extractor="identity", metrics="fid").collect(points)
    together = planned(extractor="identity", metrics="fid,recall").collect(points)
    assert alone.features is None
    assert len(alone.groups) == 10
    assert together.features is not None
    assert together.groups == ()
    torch.testing.assert_close(alone.statistics.covariance, together.statistics.covariance)


def test_images_are_kept_evenly_over_the_set() -> None:
    """A folder that is sorted by class does not leave the last classes out."""
    pixels = torch.arange(2000).div(8, rounding_mode="floor").to(torch.uint8)
    images = pixels[:, None, None, None].expand(2000, 1, 28, 28)
    kept = planned(extractor="mnist", metrics="ms_ssim").collect(open_source(images)).images
    assert kept is not None
    assert len(kept) == 500
    assert torch.equal(kept[:, 0, 0, 0], pixels[::4])


def test_real_samples_have_a_range_of_their_own() -> None:
    """A generator in [-1, 1] beside real images in [0, 1]: the same images are the same."""
    pixels = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    generated, real = pixels.float() / 127.5 - 1, pixels.float() / 255
    for options in ({"value_range": (-1, 1)}, {"value_range": (-1, 1), "reference_range": (0, 1)}, {}):
        found = evaluate(generated, real, extractor="mnist", metrics="fid,recall", **options)
        assert found is not None
        assert abs(found["frechet"].value) < 1e-9
        assert found["recall"].value == 1
