"""On a GPU: the same values as on the CPU, and a training that goes on as if nothing had been evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import gandiag
from gandiag.quality import evaluate
from gandiag.testing import assert_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_values_are_those_of_the_cpu() -> None:
    """Every metric of points, to what the order of sums leaves."""
    random = torch.Generator().manual_seed(0)
    fake, real = torch.randn(3000, 16, generator=random) * 1.2, torch.randn(4000, 16, generator=random)
    metrics = "fid,kid,precision,recall,density,coverage,vendi,support"
    found = [evaluate(fake, real, extractor="identity", metrics=metrics, device=d) for d in ("cpu", "cuda")]
    assert found[0] is not None
    assert found[1] is not None
    for one, other in zip(found[0].measurements, found[1].measurements, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-9), one.name


@pytest.mark.slow
def test_inception_is_that_of_the_cpu(weights: Path) -> None:
    """TF32 does not reach the features."""
    images = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8)
    found = [
        evaluate(images, images.flip(0), extractor_weights=weights, metrics="fid,is", device=device)
        for device in ("cpu", "cuda")
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[1]["is"].value == pytest.approx(found[0]["is"].value, rel=1e-4)


def test_evaluating_on_the_gpu_changes_nothing() -> None:
    """Weights, optimizers and the GPU's random state are bit-identical."""

    def train(attach: Callable[..., Any], steps: int) -> None:
        generator = nn.Sequential(nn.Linear(4, 64), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 2)).cuda()
        discriminator = nn.Linear(2, 1).cuda()
        attach(generator, discriminator)
        adam_g, adam_d = (torch.optim.Adam(m.parameters()) for m in (generator, discriminator))
        for _ in range(steps):
            fake = generator(torch.randn(16, 4, device="cuda"))
            adam_d.zero_grad()
            (discriminator(fake.detach()).mean() - discriminator(torch.randn(16, 2, device="cuda")).mean()).backward()
            adam_d.step()
            adam_g.zero_grad()
            (-discriminator(generator(torch.randn(16, 4, device="cuda"))).mean()).backward()
            adam_g.step()

    quality = gandiag.Quality(
        reference=torch.randn(200, 2), every=8, n=64, extractor="identity", training_mode=True, batch_size=16
    )
    run = assert_unchanged(train, steps=24, options={"quality": quality})
    assert len(run.series("quality/frechet")) >= 1
