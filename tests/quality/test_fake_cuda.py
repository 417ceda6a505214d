"""Without a GPU: every metric on tensors that say they are on one, and what the host would wait for."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fake_cuda import CUDA, OnCuda, Waits, fake_cuda
from torch import nn

import gandiag
from gandiag.quality import evaluate, extractor
from gandiag.quality.extractors import preprocessing
from gandiag.quality.extractors.own import IdentityExtractor
from gandiag.quality.extractors.preprocessing import Preprocessing
from gandiag.quality.measures.kernel import cmmd
from gandiag.quality.measures.moments import Moments
from gandiag.quality.metrics import METRICS
from gandiag.quality.sources.generators import GeneratorSource
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

N = 320  # images, five batches
MOST = 25  # times that a metric may wait for the device, with the reading of two or three sets
NO_GENERATOR = [m.name for m in METRICS if "generator" not in m.needs]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """A GPU that is not there."""
    with fake_cuda(monkeypatch) as found:
        yield found


def images(n: int, seed: int, side: int = 8) -> torch.Tensor:
    """(n, 1, side, side) bytes, smooth."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 1, 3, 3, generator=random)
    return (torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear") * 255).to(torch.uint8)


def measured(metric: str, device: str) -> dict[str, float]:
    name: Any
    side, name = (16, "pixels") if metric == "ms_ssim" else (8, "digits")
    sets = [images(n, seed, side) for seed, n in enumerate((N, N + 60, N // 2))]
    if embeddings := next(m.embeddings for m in METRICS if m.name == metric):
        name = IdentityExtractor(device)
        name.name = embeddings + name.name
    found = evaluate(*sets[:2], held_out=sets[2], extractor=name, metrics=metric, device=device)
    assert found is not None
    return {m.name: m.value for m in found.measurements}


@pytest.mark.parametrize("metric", NO_GENERATOR)
def test_every_metric_runs_there_and_hardly_waits(metric: str, waits: Waits) -> None:
    """The CPU's value, no tensors of both devices in one operation, and few waits, none of them for a batch."""
    there = measured(metric, "cuda:0")
    assert len(waits) <= MOST, str(waits)
    assert not waits.rounded
    assert there == pytest.approx(measured(metric, "cpu"), rel=1e-6, abs=1e-9)


def test_all_metrics_together_wait_less_than_once_in_twelve_images(waits: Waits) -> None:
    """With the modes of a labeller, which reads arrays."""
    found = evaluate(images(640, 0), images(640, 1), extractor="digits", metrics="all", modes="digits", device="cuda:0")
    assert found is not None
    assert len(found.measurements) == 11  # none of pairs of images, which are too small
    assert len(waits) < 50, str(waits)


def test_a_saved_generator_is_evaluated_there(waits: Waits) -> None:
    """Its latents, its samples and its Jacobian."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 5))
    values = []
    for device in (torch.device("cpu"), CUDA):
        waits.clear()
        placed = network.to(device)
        source = GeneratorSource(placed, lambda n, device=device: torch.randn(n, 3).to(device), 300, device)
        found = evaluate(source, extractor="identity", metrics="sensitivity", device=device)
        assert found is not None
        values.append([m.value for m in found.measurements])
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert len(waits) < 60, str(waits)


def test_reading_more_batches_waits_no_more(waits: Waits) -> None:
    """Floats in a range, their modes, moments of ten groups: 20 batches wait as often as 5."""
    seen = []
    for n in (N, 4 * N):
        waits.clear()
        floats = images(n, 0).float() / 255
        evaluate(floats, images(N, 1), extractor="digits", metrics="fid", modes="digits", device="cuda:0")
        seen.append(len(waits))
    assert seen[0] == seen[1], str(waits)


def test_what_is_wrong_with_a_batch_is_said_at_the_end(waits: Waits) -> None:
    """The sentences are those of the CPU, though no batch was waited for."""
    floats = images(N, 0).float() / 255
    floats[100, 0, 3, 3] = float("nan")
    for device in ("cpu", "cuda:0"):
        with pytest.raises(ValueError, match=r"1 of 64 images of batch 2 hold NaN or infinity, the first is image 36"):
            evaluate(floats, images(N, 1), extractor="digits", metrics="fid", device=device)
    rows = torch.randn(128, 3)
    rows[70:72] = float("inf")
    moments = Moments(3, "cuda:0")
    for part in rows.to(CUDA).split(32):
        moments.update(part)
    with pytest.raises(ValueError, match="features must be finite, found NaN or infinity in 2 of 128 rows"):
        moments.statistics()
    prepared = Preprocessing((0, 1), 1)
    before = len(waits)
    prepared(OnCuda.of(torch.full((2, 3, 4, 4), 0.5)))
    prepared(OnCuda.of(torch.rand(2, 3, 4, 4)))
    assert len(waits) == before
    with pytest.raises(ValueError, match="images have 3 channels that differ"):
        prepared.settle()


@pytest.mark.parametrize("name", ["mnist", "digits", "inception-v3-compat", "pixels"])
def test_no_product_is_rounded_whatever_the_process_is_set_to(name: str, waits: Waits, weights: Path) -> None:
    """TF32 is off for each operation and not for the process; products of features, too."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        side, channels = {"mnist": (28, 1), "digits": (8, 1)}.get(name, (32, 3))
        shown = torch.randint(0, 256, (2, channels, side, side), dtype=torch.uint8)
        given = {"weights": weights} if name.startswith("inception") else {}
        here = extractor(name, **given)(shown).features
        there = extractor(name, device=CUDA, **given)
        assert there.passive
        features = there(shown.to(CUDA, non_blocking=True)).features
        assert torch.backends.cuda.matmul.allow_tf32
        x = torch.randn(30, 4)
        cmmd(x.to(CUDA), (x + 1).to(CUDA))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    assert not waits.rounded
    assert float((features.cpu() - here).norm() / here.norm()) < 1e-5


def test_the_fake_sees_what_it_is_to_see(waits: Waits) -> None:
    """A count of nothing would be no proof."""
    x = torch.randn(4, 3, device="cuda")
    assert (x.device, x.is_cuda, (x + 1).device, x.sum().device) == (CUDA, True, CUDA, CUDA)
    assert not len(waits)
    for wait in (
        lambda: x.sum().item(), lambda: bool(x.any()), x.cpu, lambda: x.sum().tolist(), x.nonzero, lambda: x[x > 0],
        lambda: torch.zeros(3).to("cuda"), x.unique, lambda: torch.linalg.eigvalsh(x[:3]), lambda: float(x[0, 0]),
    ):  # fmt: skip
        before = len(waits)
        wait()
        assert len(waits) > before
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.randn(4, 3)
    with pytest.raises(TypeError, match="numpy"):
        np.asarray(x)
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        x @ x.T
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
    assert waits.rounded == ["mm"]


def train(attach: Any, steps: int, waits: Waits, shape: tuple[int, ...]) -> list[int]:
    """A small game on the device; how often the training thread waited in each step."""
    torch.manual_seed(0)
    width = math.prod(shape)
    layers = nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, width), nn.Tanh(), nn.Unflatten(1, shape)
    generator = nn.Sequential(*layers).cuda()
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, 1)).cuda()
    sgd_g, sgd_d = (torch.optim.SGD(m.parameters(), lr=0.05) for m in (generator, discriminator))
    real = torch.rand(64, *shape).mul(2).sub(1).to(CUDA)
    seen = []
    with attach(generator, discriminator) as callback:
        for _ in range(steps):
            before = len(waits.training)
            fake = generator(torch.randn(32, 4, device="cuda"))
            on_real, on_fake = discriminator(real[:32]), discriminator(fake.detach())
            loss = nn.functional.softplus(-on_real).mean() + nn.functional.softplus(on_fake).mean()
            sgd_d.zero_grad()
            loss.backward()
            sgd_d.step()
            loss_g = nn.functional.softplus(-discriminator(fake)).mean()
            sgd_g.zero_grad()
            loss_g.backward()
            sgd_g.step()
            callback.log(loss_generator=loss_g)
            seen.append(len(waits.training) - before)
            for thread in threading.enumerate():  # or evaluations would be left out
                if thread.name == "gandiag quality":
                    thread.join()
    return seen


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((8,), {"metrics": ("fid", "kid", "precision", "copying"), "every": 25, "n": 128, "extractor": "identity"}),
        ((1, 8, 8), {"metrics": ("fid",), "every": 25, "n": 160, "extractor": "digits"}),
    ],
)
def test_no_step_of_a_training_waits(
    shape: tuple[int, ...], options: dict[str, Any], waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With held-out samples and evaluations in the background, in full detail; of more batches than are asked about."""
    monkeypatch.setattr(preprocessing, "WAITING", 2)
    unseen = torch.rand(200, *shape) * 2 - 1
    quality = gandiag.Quality(reference=torch.rand(300, *shape) * 2 - 1, held_out=unseen, **options)

    def attach(generator: nn.Module, discriminator: nn.Module) -> Any:
        return gandiag.attach(
            generator, discriminator, run_dir=tmp_path / "run", alerts=False, max_overhead=None, quality=quality,
            held_out=unseen,
        )  # fmt: skip

    seen = train(attach, 60, waits, shape)
    assert sum(seen) == 0, waits.training
    run = Run.open(tmp_path / "run")
    assert not run.meta["faults"]
    assert len(run.series("quality/frechet")) >= 2
    assert len(run.series("d/held_out/mean")) >= 1
