"""The program that trains the MNIST classifier, on a handful of other digits."""

from __future__ import annotations

import gzip
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from benchmarks.classifiers import train_mnist
from gandiag.modes import mnist_card, mnist_classifier
from gandiag.modes.mnist_data import FILES, load

if TYPE_CHECKING:
    from pathlib import Path

SMALL = train_mnist.Settings(validation=100, epochs=3, batch=32, averaging=0.9)


def digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) uint8 of scikit-learn's digits, each pixel doubled, and what they show."""
    found = load_digits()
    doubled = np.kron(found.images[:n] * 15.9, np.ones((1, 2, 2))).astype(np.uint8)
    return np.pad(doubled, ((0, 0), (6, 6), (6, 6))), found.target[:n].astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    """The array as an IDX file of bytes."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files like MNIST's, two of them gzipped."""
    images, labels = digits(900)
    parts = images[:700], labels[:700], images[700:], labels[700:]
    for i, (name, part) in enumerate(zip(FILES, parts, strict=True)):
        data = idx(part)
        (tmp_path / (f"{name}.gz" if i % 2 else name)).write_bytes(gzip.compress(data) if i % 2 else data)
    return tmp_path


def test_files_are_read_as_they_were_written(folder: Path) -> None:
    """Gzipped or not."""
    images, labels = digits(900)
    data = load(folder)
    assert np.array_equal(data.train[0], images[:700])
    assert np.array_equal(data.test[1], labels[700:])


gzipped = partial(gzip.compress, mtime=0)  # the same bytes in every process


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz in"),
        (b"", "is no IDX file: it begins with 706c6169"),
        (gzipped(idx(np.zeros(700, np.uint8)))[:-9], "cannot be read as an IDX file"),
        (gzipped(idx(np.zeros(700, np.uint8))[:-1]), "holds 699 bytes of data, its header says 700"),
        (gzipped(b"\x89PNG" + bytes(50)), "is no IDX file: it begins with 89504e47"),
        (gzipped(b"\0\0\x08\xff"), "its header says"),
        (gzipped(b"\0\0"), "is no IDX file: it begins with 0000"),
        (gzipped(b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0"), "must hold bytes, found float32"),
        (gzipped(idx(np.zeros(9, np.uint8))), r"images \(700, 28, 28\) and labels \(9,\)"),
        (gzipped(idx(np.zeros(700, np.uint8))), r"must have labels 0 to 9, found \[0\]"),
    ],
)
def test_missing_and_damaged_files_are_named(
    folder: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any training, as an error of usage."""
    path = folder / "train-labels-idx1-ubyte.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(content or b"plain text")
    with pytest.raises(ValueError, match=message):
        load(folder)
    with pytest.raises(SystemExit):
        train_mnist.main(["--data", str(folder), "--out", str(folder)])
    assert "--data: " in capsys.readouterr().err


def test_training_learns_and_repeats_itself() -> None:
    """The same seed gives the same weights, another seed others; the caller's random numbers are left alone."""
    images, labels = digits(900)
    state = torch.get_rng_state()
    first, history = train_mnist.fit(images[:700], labels[:700], SMALL)
    again, _ = train_mnist.fit(images[:700], labels[:700], SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(history) == 3
    assert history[-1]["accuracy"] > 0.5
    assert (first.label(images[700:]) == labels[700:]).mean() > 0.5
    pairs = zip(first.arrays().values(), again.arrays().values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_shipped_form_is_the_network_in_evaluation() -> None:
    """Folding the normalisation into the weights changes the logits by the rounding to float16 alone."""
    torch.manual_seed(0)
    network = train_mnist.Network()
    pixels = torch.rand(64, 1, 28, 28)
    network(pixels)  # moves the running means and variances
    network.eval()
    wanted, found = network(pixels).detach(), train_mnist.folded(network).logits(pixels)
    assert torch.allclose(found, wanted, atol=5e-3)


def test_distortions_keep_within_the_recipe() -> None:
    """A dot in the middle moves by at most the shift; nothing moves when all ranges are 0."""
    dots = torch.zeros(200, 1, 28, 28)
    dots[:, :, 13:15, 13:15] = 1
    rng = torch.Generator().manual_seed(0)
    still = train_mnist.Settings(degrees=0, scale=0, shift_px=0)
    assert torch.allclose(train_mnist.distorted(dots, still, rng), dots, atol=1e-5)
    moved = train_mnist.distorted(dots, train_mnist.Settings(), rng)[:, 0]
    mass = moved.sum(dim=(1, 2))
    for axis in (1, 2):
        centre = (moved.sum(dim=axis) * torch.arange(28.0)).sum(dim=1) / mass - 13.5
        assert centre.abs().max() < 2.7  # (2 cos 12° + 2 sin 12°) * 1.12, turned after it was moved
        assert centre.std() > 0.8


def test_too_few_images_are_refused() -> None:
    """Those for validation and a batch beside them."""
    with pytest.raises(ValueError, match="5000 for validation and 128 for a batch, found 300"):
        train_mnist.fit(*digits(300), train_mnist.Settings())


def test_program_writes_what_the_loader_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both files, a card that fits the weights, and progress on stderr."""
    monkeypatch.setattr(train_mnist, "Settings", lambda: SMALL)
    train_mnist.main(["--data", str(folder), "--out", str(folder), "--epochs", "8", "--seed", "3"])
    monkeypatch.setattr("gandiag.modes.mnist.resources", SimpleNamespace(files=lambda _: folder))
    card, (images, labels) = mnist_card(), load(folder).test
    assert card["recipe"] | {"epochs": 8, "seed": 3} == card["recipe"]
    assert len(card["validation"]) == 8
    assert (mnist_classifier().label(images) == labels).mean() == pytest.approx(card["test_accuracy"])
    assert np.sum(card["confusion"], axis=1) == pytest.approx(np.ones(10))
    assert "epoch 8: validation loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"), [(["--out", "nowhere"], "no folder"), (["--epochs", "0"], "at least")]
)
def test_wrong_usage_is_refused_before_any_work(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong --out or --epochs."""
    with pytest.raises(SystemExit) as stopped:
        train_mnist.main(["--data", str(folder), *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
