"""Quality metrics while a GAN trains: right, recorded with their protocol, and without a trace in the training."""

from __future__ import annotations

import copy
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag import Quality, Run
from gandiag.quality.extractors.own import IdentityExtractor, ModuleExtractor
from gandiag.testing import assert_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import TinyGAN

    from gandiag.quality.extractors.base import Features

REFERENCE = torch.randn(256, 2, generator=torch.Generator().manual_seed(1)) + 2


class Noise(nn.Module):
    """Draws random numbers whatever the mode."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch + 0.01 * torch.randn_like(batch)


def points(**changes: Any) -> Quality:
    """An evaluation of 2-D points that takes milliseconds."""
    settings: dict[str, Any] = {
        "reference": REFERENCE, "every": 5, "n": 48, "extractor": "identity", "metrics": ["frechet"], "batch_size": 16,
    }  # fmt: skip
    return Quality(**settings | changes)


def watched(gan: TinyGAN, run_dir: Path, steps: int = 12, **changes: Any) -> Run:
    with gandiag.attach(gan.generator, gan.discriminator, run_dir, quality=points(**changes)) as callback:
        gan.train(steps, callback)
    return Run.open(run_dir)


def evaluated() -> None:
    """Wait for the evaluation in progress: on a busy machine one may last longer than five steps of a tiny GAN."""
    for thread in threading.enumerate():
        if thread.name == "gandiag quality":
            thread.join()


def moments_distance(one: np.ndarray, other: np.ndarray) -> float:
    """A naive Fréchet distance of two point sets."""
    from scipy.linalg import sqrtm

    s1, s2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    gap = one.mean(0) - other.mean(0)
    return float(gap @ gap + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real))


def test_the_value_is_that_of_the_generator_at_that_step(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """An evaluation uses the weights after the step and the last n inputs, in evaluation mode."""
    gan = tiny()
    given: list[torch.Tensor] = []
    gan.generator.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach().clone()))
    twin = None
    with gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", quality=points()) as callback:
        for step in range(1, 8):
            gan.train(1, callback)
            if step == 5:
                twin, inputs = copy.deepcopy(gan.generator).eval().double(), torch.cat(given[-3:]).double()
    assert twin is not None
    with torch.no_grad():
        expected = moments_distance(twin(inputs).numpy(), REFERENCE.double().numpy())
    values = Run.open(tmp_path / "run").series("quality/frechet")
    assert values.index.tolist() == [5]
    assert values[5] == pytest.approx(expected, rel=1e-5)


def test_values_carry_their_protocol(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """What a value depends on stands beside it in the record."""
    gan = tiny()
    with gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", quality=points()) as callback:
        for steps in (9, 3):
            gan.train(steps, callback)
            evaluated()
    run = Run.open(tmp_path / "run")
    evaluations = [e for e in run.events if e["kind"] == "quality"]
    assert [e["step"] for e in evaluations] == [5, 10]
    protocol = evaluations[0]["measurements"][0]["protocol"]
    assert protocol["n"] == 48
    assert protocol["reference_n"] == 256
    assert protocol["extractor"] == "identity"
    assert len(protocol["reference_hash"]) >= 16
    assert protocol == evaluations[1]["measurements"][0]["protocol"]


@pytest.mark.parametrize("mode", [False, True])
def test_watching_quality_changes_nothing(tmp_path: Path, mode: bool) -> None:
    """Weights, buffers, optimizers and random states are bit-identical, even where the copy draws random numbers."""

    def train(attach: Callable[..., Any], steps: int) -> None:
        generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
        discriminator = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 1))
        attach(generator, discriminator)
        adam_g, adam_d = (torch.optim.Adam(m.parameters(), lr=1e-2) for m in (generator, discriminator))
        for _ in range(steps):
            fake = generator(torch.randn(16, 4))
            adam_d.zero_grad()
            (discriminator(fake.detach()).mean() - discriminator(torch.randn(16, 2) + 2).mean()).backward()
            adam_d.step()
            adam_g.zero_grad()
            (-discriminator(generator(torch.randn(16, 4))).mean()).backward()
            adam_g.step()

    noisy = ModuleExtractor(nn.Sequential(nn.Linear(2, 2), Noise()), takes="vectors")
    for change in ({"inputs": lambda n: torch.randn(n, 4)}, {"extractor": noisy}):
        options: Any = {"quality": points(training_mode=mode, **change)}
        run = assert_unchanged(train, steps=16, options=options)
        assert len(run.series("quality/frechet")) >= 1


def test_the_average_is_evaluated_in_place_of_the_generator(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """With average= it is that module whose samples are judged."""
    gan = tiny()
    average = copy.deepcopy(gan.generator)
    with torch.no_grad():
        average[-1].weight.zero_()
        average[-1].bias.fill_(100.0)
    run = watched(gan, tmp_path / "run", average=average)
    assert run.series("quality/frechet").min() > 10_000


def test_copies_of_training_samples_are_seen_against_held_out_ones(tmp_path: Path) -> None:
    """A G that is a table of training samples; all four signals that the detector of memorisation needs are there."""
    train, held_out = REFERENCE[:128], REFERENCE[128:]
    table = nn.Embedding.from_pretrained(train, freeze=False)
    discriminator = nn.Linear(2, 1)
    options: Any = {"held_out": held_out, "metrics": ["copying"], "reference": train, "inputs": torch.arange}
    with gandiag.attach(table, discriminator, tmp_path / "run", quality=points(**options)) as callback:
        optimizers = [torch.optim.SGD(m.parameters(), lr=1e-6) for m in (discriminator, table)]
        for _ in range(6):
            for optimizer in optimizers:
                optimizer.zero_grad()
                discriminator(table(torch.arange(48))).mean().backward()
                optimizer.step()
        assert callback.completed_steps == 6
    row = Run.open(tmp_path / "run").scalars.loc[5]
    assert row["quality/c_t"] < -5
    assert row["quality/authpct"] < row["quality/authpct/perfect"] - 20
    assert row["quality/copies"] > 0.9
    assert row["quality/copies/perfect"] == pytest.approx(2 / 129)


def test_copying_needs_held_out_samples(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """Said when attaching, not in the training."""
    with pytest.raises(ValueError, match="held_out"):
        watched(tiny(), tmp_path / "run", metrics=["copying"])


def test_inputs_with_labels_are_used_as_they_came(tmp_path: Path) -> None:
    """A conditional generator is given its own latents and labels, positional and named."""

    class Conditional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 2)

        def forward(self, z: torch.Tensor, *, y: torch.Tensor) -> torch.Tensor:
            return self.linear(z) + y[:, None]

    torch.manual_seed(0)
    generator, discriminator = Conditional(), nn.Linear(2, 1)
    sgd = torch.optim.SGD(generator.parameters(), lr=0.0)
    with gandiag.attach(generator, discriminator, tmp_path / "run", quality=points(every=3)):
        for _ in range(4):
            sgd.zero_grad()
            discriminator(generator(torch.randn(16, 4), y=torch.full((16,), 50))).mean().backward()
            sgd.step()
    values = Run.open(tmp_path / "run").series("quality/frechet")
    assert values.index.tolist() == [3]
    assert 2 * 40**2 < values[3] < 2 * 60**2


def test_a_generator_that_makes_nan_is_a_fault_on_record(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """The training goes on, nothing is recorded as quality, and the diagnosis says what is missing."""
    gan = tiny()
    average = copy.deepcopy(gan.generator)
    with torch.no_grad():
        average[-1].bias.fill_(float("nan"))
    run = watched(gan, tmp_path / "run", average=average)
    assert run.last_step == 12
    assert run.series("quality/frechet").empty
    assert any("quality" in sentence and "finite" in sentence for sentence in gandiag.diagnose(run).missing)


def test_an_evaluation_after_one_that_failed_is_tried(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """However often it failed before."""
    gan = tiny()
    average = copy.deepcopy(gan.generator)
    with torch.no_grad():
        average[-1].bias.fill_(float("nan"))
    quality = points(average=average)
    with gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", quality=quality) as callback:
        for _ in range(26):
            gan.train(1, callback)
            evaluated()
        with torch.no_grad():
            average[-1].bias.fill_(0)
        gan.train(6, callback)
    run = Run.open(tmp_path / "run")
    assert run.series("quality/frechet").index.tolist() == [30]
    assert next(fault["count"] for fault in run.meta["faults"] if fault["where"] == "quality") == 5


def test_inputs_that_give_too_little_are_a_fault(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """A function of n that ignores n is told of."""
    run = watched(tiny(), tmp_path / "run", inputs=lambda _: torch.randn(3, 4))
    assert run.series("quality/frechet").empty
    assert any("asked for 48" in fault["message"] for fault in run.meta["faults"])


def test_an_evaluation_that_takes_too_long_is_not_waited_for(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """The next one is left out, and that is on record."""

    class Slow(IdentityExtractor):
        def __call__(self, samples: torch.Tensor) -> Features:
            time.sleep(0.3)
            return super().__call__(samples)

    run = watched(tiny(), tmp_path / "run", extractor=Slow())
    assert run.series("quality/frechet").index.tolist() == [5]
    assert any("left out" in fault["message"] for fault in run.meta["faults"])


def test_closing_does_not_wait_for_ever(
    tiny: Callable[..., TinyGAN], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that crashed must end; what is lost is on record."""

    class Endless(IdentityExtractor):
        def __call__(self, samples: torch.Tensor) -> Features:
            time.sleep(2)
            return super().__call__(samples)

    monkeypatch.setattr("gandiag.probes.quality.CLOSING_SECONDS", 0.1)
    run = watched(tiny(), tmp_path / "run", extractor=Endless())
    assert run.series("quality/frechet").empty
    assert run.meta["status"] == "closed"
    assert any("not waited for" in fault["message"] or fault["count"] > 1 for fault in run.meta["faults"])


def test_a_resumed_run_refuses_another_protocol(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """Values of one run are measured alike; the sentence names what differs."""
    gan = tiny()
    watched(gan, tmp_path / "run")
    with pytest.raises(ValueError, match="n 48 against 64"):
        gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", resume=True, quality=points(n=64))


def test_a_rolled_back_step_loses_its_value(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """Evaluations of steps that were done again are superseded like any record."""
    gan = tiny()
    watched(gan, tmp_path / "run")
    quality = points()
    with gandiag.attach(
        gan.generator, gan.discriminator, tmp_path / "run", resume=True, start_step=8, quality=quality
    ) as callback:
        gan.train(1, callback)
    assert Run.open(tmp_path / "run").series("quality/frechet").index.tolist() == [5]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reference": "nowhere"}, "nowhere"),
        ({"extractor": "inseption"}, "inseption"),
        ({"metrics": ["fids"]}, "fids"),
        ({"generator": "a2b"}, "a2b"),
    ],
)
def test_what_makes_no_sense_is_refused_when_attaching(
    tiny: Callable[..., TinyGAN], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """One sentence before the training starts, not a fault in the middle of it."""
    gan = tiny()
    with pytest.raises(ValueError, match=said):
        gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", quality=points(**changes))


def test_quality_must_be_a_quality(tiny: Callable[..., TinyGAN], tmp_path: Path) -> None:
    """A dictionary of settings is told what is expected."""
    gan = tiny()
    with pytest.raises(TypeError, match=r"gandiag\.Quality"):
        gandiag.attach(gan.generator, gan.discriminator, tmp_path / "run", quality={"every": 5})  # type: ignore[arg-type]
