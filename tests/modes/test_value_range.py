"""Classifiers named by `modes=` read images in the range of the real ones, in a training and in an evaluation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.datasets import load_digits
from torch import nn

import gandiag
from gandiag.cli.main import main
from gandiag.modes import MnistClassifier, StackedMnist, digits_classifier, mnist_classifier, stacked_mnist
from gandiag.quality import evaluate
from gandiag.rundir.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHARES = load_digits().images[:, None] / 16  # of a full stroke
BATCH = 64
STEPS = 100

KINDS = {
    "[0, 1]": SHARES.astype(np.float32),
    "[-1, 1]": (2 * SHARES - 1).astype(np.float32),
    "[0, 255]": (255 * SHARES).astype(np.float32),
    "bytes": (255 * SHARES).round().astype(np.uint8),
}
STANDARDISED = ((SHARES - SHARES.mean()) / SHARES.std()).astype(np.float32)


class Perfect(nn.Module):
    """Real images, chosen by the latents, with a weight that changes nothing."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self.images = torch.from_numpy(images)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.images[(z[:, 0] * len(self.images)).long()] + 0 * self.weight


def trained(images: np.ndarray, run_dir: Path, modes: object = "digits") -> Run:
    """A run of the perfect generator against a small discriminator."""
    torch.manual_seed(0)
    generator, discriminator = Perfect(images), nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), lr=1e-6) for m in (generator, discriminator))
    with gandiag.attach(generator, discriminator, run_dir, modes=modes, max_overhead=None):
        for _ in range(STEPS):
            real = torch.from_numpy(images)[torch.randint(len(images), (BATCH,))]
            fake = generator(torch.rand(BATCH, 1))
            loss = discriminator(fake.detach()).mean() - discriminator(real).mean()
            adam_d.zero_grad()
            loss.backward()
            adam_d.step()
            adam_g.zero_grad()
            (-discriminator(fake).mean()).backward()
            adam_g.step()
    return Run.open(run_dir)


@pytest.mark.parametrize("kind", ["[0, 1]", "[-1, 1]", "[0, 255]"])
def test_a_perfect_generator_shows_all_digits_in_a_training(kind: str, tmp_path: Path) -> None:
    """Whatever range the data are in, they are told by the first real batch that D sees."""
    run = trained(KINDS[kind], tmp_path / "run")
    assert not run.meta["faults"]
    assert run.series("modes/captured").iloc[-1] == 10
    assert run.series("modes/tv").iloc[-1] < 0.1
    assert gandiag.diagnose(run).verdict != "failing"


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_generator_shows_all_digits_without_torch(kind: str, tmp_path: Path) -> None:
    """Of a loop that passes arrays, bytes among them."""
    rng = np.random.default_rng(0)
    with gandiag.Callback(tmp_path / "run", modes="digits") as callback:
        for _ in range(STEPS):
            real, generated = rng.choice(KINDS[kind], size=(2, BATCH))
            callback.step(real=real, generated=generated)
    run = Run.open(tmp_path / "run")
    assert not run.meta["faults"]
    assert run.series("modes/captured").iloc[-1] == 10
    assert run.series("modes/tv").iloc[-1] < 0.1


def test_a_range_that_fits_nothing_is_said_and_the_modes_stay_unmeasured(tmp_path: Path) -> None:
    """One fault, with what to pass; a classifier that was given its range keeps it."""
    run = trained(STANDARDISED, tmp_path / "run")
    (fault,) = run.meta["faults"]
    assert "neither [-1, 1] nor [0, 1] nor [0, 255]" in fault["message"]
    assert "pass modes=gandiag.modes.digits_classifier(value_range=(low, high))" in fault["message"]
    assert "modes/captured" not in run.scalars
    ends = float(STANDARDISED.min()), float(STANDARDISED.max())
    given = trained(STANDARDISED, tmp_path / "given", digits_classifier(ends))
    assert not given.meta["faults"]
    assert given.series("modes/captured").iloc[-1] == 10


def test_without_a_real_batch_the_range_is_said_to_be_unknown(tmp_path: Path) -> None:
    """A loop that passes generated samples alone."""
    rng = np.random.default_rng(0)
    with gandiag.Callback(tmp_path / "run", modes="digits") as callback:
        for _ in range(STEPS):
            callback.step(generated=rng.choice(KINDS["[0, 1]"], size=BATCH))
    run = Run.open(tmp_path / "run")
    (fault,) = run.meta["faults"]
    assert "no real batch that tells which range" in fault["message"]
    assert "modes/captured" not in run.scalars


@pytest.mark.parametrize("extractor", ["digits", "identity"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_generator_shows_all_digits_in_an_evaluation(kind: str, extractor: str) -> None:
    """Whether the extractor takes bytes or samples as they are; generated and real images in different ranges."""
    found = evaluate(KINDS[kind], KINDS["[-1, 1]"], extractor=extractor, modes="digits", metrics="fid")
    assert found is not None
    assert found.modes is not None
    assert found.modes.coverage.captured == 10
    assert found.modes.coverage.tv < 0.02


@pytest.mark.parametrize("given", [False, True])
def test_an_evaluation_takes_the_range_that_it_was_given(given: bool) -> None:
    """As `value_range`, or in the classifier; an unclear one is refused."""
    raw = load_digits().images[:, None]
    modes = digits_classifier((0, 16)) if given else "digits"
    told: dict[str, Any] = {} if given else {"value_range": (0, 16), "reference_range": (0, 16)}
    found = evaluate(raw, raw, extractor="identity", modes=modes, metrics="fid", **told)
    assert found is not None
    assert found.modes is not None
    assert found.modes.coverage.tv < 0.02
    with pytest.raises(ValueError, match=r"which lies in \[0, 16\]: neither .* pass value_range=\(low, high\)"):
        evaluate(raw, raw, extractor="identity", modes="digits", metrics="fid")


def test_a_classifier_of_any_range_serves_where_images_come_as_bytes() -> None:
    """The extractor's bytes are what it gets."""
    images = KINDS["[0, 1]"]
    found = evaluate(images, images, extractor="digits", modes=digits_classifier((0, 1)), metrics="fid")
    assert found is not None
    assert found.modes is not None
    assert found.modes.coverage.tv < 0.02


def test_the_command_counts_modes_of_rows_of_pixels(tmp_path: Path) -> None:
    """28 x 28 images as rows in [0, 1]: upright strokes are ones."""
    images = np.zeros((80, 28, 28), dtype=np.float32)
    images[:, 4:24, 13:15] = 1
    np.save(tmp_path / "rows.npy", images.reshape(80, 784))
    options = ["--extractor", "identity", "--metrics", "vendi", "--modes", "mnist", "--json"]
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "rows.npy"), *options])
    assert json.loads(done.stdout)["modes"]["histogram"][1] == 80


@pytest.mark.parametrize("make", [mnist_classifier, stacked_mnist])
def test_another_reading_gives_the_same_labels(make: Callable[..., MnistClassifier | StackedMnist]) -> None:
    """Of the same images in another range."""
    rng = np.random.default_rng(0)
    images = rng.random((20, 3 if make is stacked_mnist else 1, 28, 28)).astype(np.float32)
    wanted = make((-1, 1)).label(2 * images - 1)
    assert np.array_equal(make((-1, 1)).reading((0, 1)).label(images), wanted)
