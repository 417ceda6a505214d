"""`gandiag evaluate`: right values, from any kind of input, and one sentence for bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from sklearn.datasets import load_digits

from gandiag.cli.main import main
from gandiag.quality import evaluate
from gandiag.quality.extractors.own import IdentityExtractor
from gandiag.quality.measures.kernel import kernel_distance
from gandiag.quality.metrics import GENERATOR, HELD_OUT, METRICS, Metric
from gandiag.quality.sources.generators import GeneratorSource

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)


@pytest.fixture
def points(tmp_path: Path) -> tuple[Path, Path]:
    """Generated and real points, 600 and 800 of them in five dimensions, a unit apart in each."""
    paths = tmp_path / "fake.npy", tmp_path / "real.npy"
    np.save(paths[0], RNG.normal(size=(600, 5)).astype(np.float32) + 1)
    np.save(paths[1], RNG.normal(size=(800, 5)).astype(np.float32))
    return paths


@pytest.fixture
def digits(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of greyscale PNGs: scikit-learn's digits in two halves."""
    images = (load_digits().images * 15.9375).round().astype(np.uint8)
    folders = tmp_path / "fake", tmp_path / "real"
    for folder, half in zip(folders, (images[::6], images[1::3]), strict=True):
        folder.mkdir()
        for i, image in enumerate(half):
            Image.fromarray(image).save(folder / f"{i:04d}.png")
    return folders


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def values(result: Result) -> dict[str, float]:
    assert result.exit_code == 0, result.output
    return {m["name"]: m["value"] for m in json.loads(result.stdout)["measurements"]}


def named(beginning: str) -> IdentityExtractor:
    """Points as they are, under a name that a metric may insist on."""
    found = IdentityExtractor()
    found.name = beginning + found.name
    return found


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("n", [160, 161, 37])
def test_every_metric_serves_alone(metric: Metric, n: int) -> None:
    """At ten whole batches, from which an interval is made, and at numbers that leave a part of one."""
    shape = (1, 28, 28) if metric.images or metric.classifies else (3,)
    fake, real, unseen = torch.rand(3, 161, *shape, generator=torch.Generator().manual_seed(0))
    made = GeneratorSource(torch.nn.Linear(3, 3), lambda k: torch.randn(k, 3), n, torch.device("cpu"))
    found = evaluate(
        made if GENERATOR in metric.needs else fake[:n],
        real,
        held_out=unseen if HELD_OUT in metric.needs else None,
        extractor="mnist" if len(shape) == 3 else named(metric.embeddings),
        metrics=metric.name,
        batch_size=16,
    )
    assert found is not None
    if metric.embeddings:
        with pytest.raises(ValueError, match=f"{metric.name} is defined for features of {metric.embeddings}... alone"):
            evaluate(fake[:n], real, extractor="identity", metrics=metric.name)
    assert {m.name for m in found.measurements} == set(metric.makes or (metric.own or metric.name,))
    assert all(np.isfinite(m.value) for m in found.measurements)


def test_points_on_disk(points: tuple[Path, Path]) -> None:
    """The Fréchet distance of two unit Gaussians five units of squared distance apart is 5, plus a small bias."""
    found = values(run(points[0], "--reference", points[1], "--extractor", "identity", "--json"))
    assert found["frechet"] == pytest.approx(5, abs=0.6)
    assert set(found) == {"frechet", "kernel_distance", "precision", "recall", "density", "coverage"}


def test_a_table_for_people(points: tuple[Path, Path]) -> None:
    """Values, interval, what a perfect model would score, and the protocol."""
    result = run(points[0], "--reference", points[1], "--extractor", "identity", "--metrics", "fid,coverage")
    assert result.exit_code == 0
    for word in (
        "frechet",
        "coverage",
        "95 % interval",
        "a perfect model",
        "600 samples of",
        "800",
        "identity",
    ):
        assert word in result.output


def test_folders_of_images(digits: tuple[Path, Path]) -> None:
    """Two parts of one data set are alike under the digits classifier: near what a perfect model would score."""
    result = run(digits[0], "--reference", digits[1], "--extractor", "digits", "--json")
    found = {m["name"]: m for m in json.loads(result.stdout)["measurements"]}
    assert found["kernel_distance"]["low"] < 0 < found["kernel_distance"]["high"]
    assert found["coverage"]["value"] == pytest.approx(found["coverage"]["perfect"], abs=0.1)
    assert found["frechet"]["perfect"] is None
    assert "too few" in found["frechet"]["notes"][0]
    assert found["classifier_score"]["value"] > 8
    assert found["frechet"]["protocol"]["n"] == 300


@pytest.mark.parametrize(("lost", "missing"), [(None, []), (3, [3])])
def test_modes_beside_the_metrics(tmp_path: Path, lost: int | None, missing: list[int]) -> None:
    """With --modes the classes are counted, and a lost one is named."""
    data = load_digits()
    np.save(tmp_path / "digits.npy", (data.images[data.target != lost] / 16).astype(np.float32))
    asked = (tmp_path / "digits.npy", "--extractor", "digits", "--metrics", "is", "--modes", "digits")
    found = json.loads(run(*asked, "--json").stdout)["modes"]
    assert found["captured"] >= 10 - len(missing)
    assert found["missing"] == missing
    assert "modes by digits" in run(*asked).output


def test_classes_of_a_conditional_generator(tmp_path: Path) -> None:
    """Where both sets have labels, a class that is not heeded is named."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)
    np.savez(tmp_path / "real.npz", images=images, labels=data.target)
    np.savez(tmp_path / "fake.npz", images=images, labels=np.where(data.target == 7, 1, data.target))
    asked = (tmp_path / "fake.npz", "--reference", tmp_path / "real.npz", "--extractor", "digits", "--metrics", "fid")
    found = json.loads(run(*asked, "--modes", "digits", "--json").stdout)["modes"]["conditional"]
    assert found["not_assessed"] == [7]
    assert found["accuracy"][1] < 0.6


def test_a_saved_generator(tmp_path: Path, points: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A factory and a file of weights stand for samples on disk."""
    (tmp_path / "saved_for_tests.py").write_text(
        "import torch\ndef build():\n    return torch.nn.Linear(3, 5), lambda n: torch.randn(n, 3)\n"
    )
    torch.save({"weight": torch.zeros(5, 3), "bias": torch.full((5,), 7.0)}, tmp_path / "g.pt")
    monkeypatch.chdir(tmp_path)
    asked = ["--generator", "saved_for_tests:build", "--weights", "g.pt", "--n", 50, "--reference", points[1]]
    result = run(*asked, "--extractor", "identity", "--metrics", "fid", "--json")
    assert values(result)["frechet"] == pytest.approx(5 * 7**2 + 5, rel=0.1)  # a point seven away in each dimension
    assert "rank 0 of 5" in result.output
    everything = values(run(*asked, "--extractor", "identity", "--metrics", "all", "--json"))
    assert everything["latent_ratio"] == 0
    assert everything["latent_jacobian"] == 0


def test_a_run_directory_serves_as_samples(tmp_path: Path) -> None:
    """The snapshots of a run are images like any other."""
    import gandiag

    images = torch.from_numpy(load_digits().images[:64] / 8 - 1).float()[:, None]
    with gandiag.Callback(tmp_path / "run") as callback:
        callback.sample(images)
        callback.step()
    found = evaluate(tmp_path / "run", (images + 1) / 2, extractor="digits", metrics="fid")
    assert found is not None
    assert found["frechet"].value < 0.5  # bytes on disk are rounded


def test_the_reference_is_read_once(digits: tuple[Path, Path], own_cache: Path) -> None:
    """A second evaluation takes the reference's features from the cache; changed content does not."""
    asked = (digits[0], "--reference", digits[1], "--extractor", "digits", "--json")
    first = values(run(*asked))
    assert len(list(own_cache.glob("*.pt"))) == 1
    assert values(run(*asked)) == first
    assert len(list(own_cache.glob("*.pt"))) == 1
    next(digits[1].iterdir()).unlink()
    assert values(run(*asked)) != first
    assert len(list(own_cache.glob("*.pt"))) == 2


def test_a_damaged_cache_is_told_of_and_read_anew(
    digits: tuple[Path, Path], own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The value is right all the same."""
    asked = (digits[0], "--reference", digits[1], "--extractor", "digits", "--json")
    first = values(run(*asked))
    next(own_cache.glob("*.pt")).write_bytes(b"damaged")
    assert values(run(*asked)) == first
    assert "read anew" in caplog.text


def test_statistics_serve_as_a_reference(points: tuple[Path, Path], tmp_path: Path) -> None:
    """A file of mean and covariance gives the same distance; metrics of features are refused."""
    real = np.load(points[1]).astype(np.float64)
    np.savez(tmp_path / "stats.npz", mu=real.mean(0), sigma=np.cov(real, rowvar=False))
    asked = (points[0], "--extractor", "identity", "--json", "--reference")
    plain = values(run(*asked, points[1], "--metrics", "fid"))
    assert values(run(*asked, tmp_path / "stats.npz", "--metrics", "fid")) == pytest.approx(plain, rel=1e-9)
    refused = run(*asked, tmp_path / "stats.npz", "--metrics", "fid,recall")
    assert refused.exit_code == 2
    assert "recall" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["digits", "floats"])
def test_several_processes_give_the_result_of_one(kind: str, digits: tuple[Path, Path]) -> None:
    """Under torchrun samples are shared out, of a folder and of an array, and the values agree to 1e-9."""
    fake, real = digits
    if kind == "floats":  # in [-1, 1], of which the second half of the samples alone does not tell
        fake = fake.with_suffix(".npy")
        images = load_digits().images[:320] / 8 - 1
        images[160:] = images[160:].clip(0, 1)
        np.save(fake, images.astype(np.float32))
    asked = ["evaluate", str(fake), "--reference", str(real), "--extractor", "digits", "--batch-size", "32", "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GANDIAG_CACHE": os.environ["GANDIAG_CACHE"] + "-many"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gandiag"]
    many = subprocess.run([*launch, *asked], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert many.returncode == 0, many.stderr
    one = CliRunner().invoke(main, asked)
    expected = values(one)
    found = {m["name"]: m["value"] for m in json.loads(many.stdout)["measurements"]}
    assert found == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_measured_is_noted(points: tuple[Path, Path], tmp_path: Path) -> None:
    """Where no metric was named, those that can be computed are; a note says which are not, and why."""
    np.save(tmp_path / "few.npy", np.load(points[0])[:3])
    result = run(tmp_path / "few.npy", "--reference", points[1], "--extractor", "identity", "--json")
    assert set(values(result)) == {"frechet", "kernel_distance"}
    assert any(note.startswith("precision and recall and density") for note in json.loads(result.stdout)["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--reference", "{real}"], "nowhere"),
        (["{fake}"], "fid needs real samples"),
        ([], "either GENERATED"),
        (["{fake}", "--reference", "{real}", "--metrics", "fid,foo"], "'foo' is unknown"),
        (["{fake}", "--reference", "{real}", "--metrics", "copying"], "held"),
        (["{fake}", "--metrics", "sensitivity"], "a saved generator, not samples"),
        (["{fake}", "--reference", "{real}", "--n", "5000"], "holds 600 samples, fewer than the 5,000"),
        (["{fake}", "--reference", "{real}", "--device", "abacus"], "abacus"),
        (["{fake}", "--reference", "{real}", "--metrics", "is"], "logits"),
        (["--generator", "a:b", "--reference", "{real}"], "--n"),
        (["{nan}", "--reference", "{real}"], "finite"),
        (["{few}", "--reference", "{real}", "--metrics", "recall"], "recall cannot be measured: "),
        (["{wide}", "--reference", "{real}"], "5 features per sample, 9 in"),
    ],
)
def test_bad_input_gets_one_sentence(
    points: tuple[Path, Path], tmp_path: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2, one line, no traceback."""
    places = {"fake": points[0], "real": points[1]}
    for name, array in {"nan": np.full((50, 5), np.nan), "few": np.zeros((3, 5)), "wide": np.zeros((50, 9))}.items():
        places[name] = tmp_path / f"{name}.npy"
        np.save(places[name], array)
    result = run(*(a.format(**places) for a in arguments), "--extractor", "identity")
    assert result.exit_code == 2
    assert result.stderr.startswith("gandiag: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert said in result.stderr


def test_a_file_of_samples_and_statistics_serves_every_metric(tmp_path: Path) -> None:
    """As guided-diffusion keeps them: the samples where a metric needs them, else the moments, with whose they are."""
    real = RNG.normal(size=(400, 3)).astype(np.float32)
    np.savez(tmp_path / "both.npz", arr_0=real, mu=np.zeros(3), sigma=np.eye(3))
    np.savez(tmp_path / "moments.npz", mu=np.zeros(3), sigma=np.eye(3))
    np.save(tmp_path / "real.npy", real)
    np.save(tmp_path / "fake.npy", real + 1)
    asked = [tmp_path / "fake.npy", "--extractor", "identity", "--json"]
    same = [values(run(*asked, "--reference", tmp_path / name, "--metrics", "fid,recall,kid"))
            for name in ("both.npz", "real.npy")]  # fmt: skip
    assert same[0] == same[1]
    alone = run(*asked, "--reference", tmp_path / "both.npz", "--metrics", "fid")
    stored = run(*asked, "--reference", tmp_path / "moments.npz", "--metrics", "fid")
    assert values(alone) == values(stored)
    assert "mean and covariance as they were stored" in json.loads(stored.stdout)["notes"][0]
    refused = run(*asked, "--reference", tmp_path / "moments.npz", "--metrics", "fid,recall")
    assert refused.exit_code == 2
    assert "a file of statistics serves a Fréchet distance alone; recall need samples" in refused.stderr


def test_the_array_of_a_file_is_chosen_by_its_key(tmp_path: Path) -> None:
    """And messages name the command's options, not Python's arguments."""
    real = RNG.normal(size=(100, 3)).astype(np.float32)
    np.savez(tmp_path / "two.npz", real=real, fake=real + 1)
    asked = [tmp_path / "two.npz", "--reference", tmp_path / "two.npz", "--extractor", "identity", "--metrics", "fid"]
    found = values(run(*asked, "--key", "fake", "--reference-key", "real", "--json"))
    assert found["frechet"] == pytest.approx(3, abs=1e-4)
    refused = run(*asked)
    assert refused.exit_code == 2
    assert refused.stderr.strip().endswith("which one holds the samples is unclear, pass --key")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.png").write_text("no image")
    refused = run(tmp_path / "images", "--extractor", "pixels", "--metrics", "vendi")
    assert "pass --skip-corrupt to leave them out" in refused.stderr


FACTORY = """
import torch
from torch import nn

class Conditional(nn.Module):
    def forward(self, z, labels):
        assert z.shape[1:] == (4, 1, 1), z.shape
        return z.flatten(1) + 10 * labels[:, None]

def build():
    return Conditional()
"""


def test_latents_have_a_shape_and_conditional_generators_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DCGAN's (N, nz, 1, 1), and as many of each class; whatever is neither is refused with an example."""
    (tmp_path / "conditional_for_tests.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    rows = (np.arange(400) % 5)[:, None] * 10 + RNG.normal(size=(400, 4))
    np.save(tmp_path / "real.npy", rows.astype(np.float32))
    asked = ["--generator", "conditional_for_tests:build", "--reference", tmp_path / "real.npy", "--n", 500]
    asked += ["--extractor", "identity", "--metrics", "fid", "--json"]
    found = values(run(*asked, "--latent-size", "4,1,1", "--labels", "uniform:5"))
    assert found["frechet"] < 1  # without labels the means alone are 20 apart
    for options, said in (
        (["--latent-size", "4,x"], "'4,x' is no whole number from 1, nor several as 64,1,1"),
        (["--latent-size", "4,1,1", "--labels", "ten"], "--labels: found 'ten', expected uniform:CLASSES"),
        (["--latent-size", "4"], "Conditional cannot make samples: TypeError"),
    ):
        refused = run(*asked, *options)
        assert refused.exit_code == 2
        assert said in refused.stderr


def notes_of(found: Any, name: str) -> str:
    return " ".join(found[name].notes)


def test_values_that_mislead_come_with_a_note() -> None:
    """Rows that repeat, a softmax at the classifier's end, rounding below 0, a handful of samples."""
    real = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    repeated = torch.cat([real[:1].expand(50, 3), real[50:]])
    found = evaluate(real, repeated, extractor="identity", metrics="density,coverage")
    assert "50 of 300 real samples occur more than 5 times" in notes_of(found, "coverage")
    assert not notes_of(evaluate(real, real[:200], extractor="identity", metrics="density"), "density")
    few = evaluate(real[:6], real, extractor="identity", metrics="fid")
    assert few is not None
    assert few.notes[0].startswith("6 generated samples are too few")
    values = [
        evaluate(real * 1.7 + shift, real * 1.7 + shift, extractor="identity", metrics="fid") for shift in range(9)
    ]
    for same in values:
        assert same is not None
        assert ("below 0 by rounding" in notes_of(same, "frechet")) == (same["frechet"].value < 0)
    enough = evaluate(torch.cat([real, real, real[:40]]), real, extractor="identity", metrics="fid")
    assert enough is not None
    assert "the bias of a finite sample is not in it" in enough["frechet"].interval


@pytest.mark.parametrize("softmax", [False, True])
def test_a_classifier_that_ends_in_a_softmax_is_noted(softmax: bool) -> None:
    """Its score is near 1 whatever the samples, where the logits of two sure classes give 2."""

    class Classifier(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = 30 * torch.eye(2)[(x.flatten(1)[:, 0] > x.mean()).long()]
            return x.flatten(1), logits.softmax(dim=1) if softmax else logits

    samples = torch.tensor([0, 255], dtype=torch.uint8).repeat(250).reshape(500, 1, 1, 1).expand(-1, 1, 4, 4)
    found = evaluate(samples, extractor=Classifier(), metrics="is")
    assert found is not None
    assert (found["classifier_score"].value > 1.9) != softmax
    assert bool(notes_of(found, "classifier_score")) == softmax


def test_subsets_of_all_samples_have_no_spread() -> None:
    """They are one and the same; subsets of more samples vary."""
    x, y = torch.randn(2, 1200, 4, generator=torch.Generator().manual_seed(0)) + torch.tensor([[[0.0]], [[1.0]]])
    for n, spreads in ((300, False), (1200, True)):
        (found,) = evaluate(x[:n], y[:n], extractor="identity", metrics="kid").measurements
        assert bool(found.details) == spreads


def test_kernel_distances_of_large_features_are_finite_and_exact() -> None:
    """Far from the origin the kernel's cube leaves float32 without digits, or overflows it."""
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(400, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    for offset, scale in ((0.0, 1.0), (1e3, 1.0), (1e6, 1.0), (0.0, 1e6), (0.0, 1e-6)):
        ours, theirs = (rows * scale + offset for rows in (x, y + 0.5))
        exact = kernel_distance(ours, theirs, subset_size=300).value
        kept = kernel_distance(ours.float().double(), theirs.float().double(), subset_size=300).value
        found = kernel_distance(ours.float(), theirs.float(), subset_size=300).value
        assert np.isfinite([exact, found]).all()
        assert found == pytest.approx(kept, rel=1e-6)
