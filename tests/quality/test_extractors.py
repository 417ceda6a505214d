"""Extractors of our own: frozen, deterministic, and leaving everything around them as it was."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.quality.extractors.base import FeatureExtractor, usable_device, weights_hash
from gandiag.quality.extractors.own import ModuleExtractor
from gandiag.quality.extractors.registry import extractor, names


def test_identity_flattens_to_float64() -> None:
    """Points and rows are their own features; a changed width is refused."""
    identity = extractor("identity")
    rows = torch.randn(5, 2, 3)
    found = identity(rows)
    assert torch.equal(found.features, rows.double().reshape(5, 6))
    assert found.logits is None
    assert (identity.takes, identity.dimensions) == ("vectors", 6)
    with pytest.raises(ValueError, match="identity gave 2 features per sample, 6 in earlier batches"):
        identity(torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"shape \(B, ...\), found \(3,\)"):
        identity(torch.zeros(3))


def test_digits_agree_with_the_classifier() -> None:
    """The same labels and probabilities as numpy's classifier."""
    from gandiag.modes import digits_classifier

    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    digits = extractor("digits")
    found = digits(images)
    expected = digits_classifier(value_range=(0, 255)).probabilities(images.numpy())
    assert found.logits is not None
    assert found.logits.softmax(dim=1).numpy() == pytest.approx(expected, abs=1e-12)
    assert found.features.shape == (20, digits.dimensions)
    with pytest.raises(ValueError, match=r"must be \(B, 1, 8, 8\) uint8, found \(2, 3, 8, 8\)"):
        digits(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))


@pytest.fixture
def mnist_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's MNIST classifier, or something with its interface."""
    if importlib.util.find_spec("gandiag.modes.mnist") is not None:
        return
    stand_in = types.ModuleType("gandiag.modes.mnist")
    made = types.SimpleNamespace(
        features=lambda images: images.float().flatten(1)[:, :7],
        logits=lambda images: images.float().flatten(1)[:, :10],
    )
    stand_in.WEIGHTS, stand_in.mnist_classifier = "digits.npz", lambda **_: made
    monkeypatch.setitem(sys.modules, "gandiag.modes.mnist", stand_in)


@pytest.mark.usefixtures("mnist_module")
def test_mnist_gives_features_and_logits() -> None:
    """Of uint8 images of its size only."""
    mnist = extractor("mnist")
    found = mnist(torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8))
    assert found.features.shape == (4, mnist.dimensions)
    assert found.logits is not None
    assert found.logits.shape == (4, 10)
    assert mnist.channels == 1
    with pytest.raises(ValueError, match=r"must be \(B, 1, 28, 28\) uint8, found \(2, 1, 32, 32\)"):
        mnist(torch.zeros(2, 1, 32, 32, dtype=torch.uint8))


class Noisy(nn.Module):
    """Draws, counts its calls and normalises by batch: everything a frozen extractor must keep to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls += 1
        features = self.layers(samples.flatten(1))
        return features + torch.randn_like(features), features[:, :2]


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_left_as_it_was(training: bool) -> None:
    """Mode, buffers, weights, gradients and the caller's random numbers; and its features are repeatable."""
    module = Noisy().train(training)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.get_rng_state()
    found = ModuleExtractor(module, takes="vectors")
    samples = torch.ones(8, 2, 3, requires_grad=True)
    one, two = found(samples), found(samples)
    assert torch.equal(torch.get_rng_state(), state)
    assert module.training is training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert torch.equal(one.features, two.features)
    assert not one.features.requires_grad
    assert one.logits is not None
    assert one.logits.shape == (8, 2)


def test_training_on_does_not_change_the_extractor() -> None:
    """It is a frozen copy, so its hash stays true."""
    module = nn.Linear(2, 3)
    found = ModuleExtractor(module, takes="vectors")
    points = torch.ones(1, 2)
    before, digest = found(points).features, found.hash
    with torch.no_grad():
        module.weight += 1
    assert torch.equal(found(points).features, before)
    assert ModuleExtractor(module, takes="vectors").hash != digest


def test_images_come_to_a_module_in_its_range() -> None:
    """Black and white are what was declared; the range is part of the hash."""
    images = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)
    found = ModuleExtractor(nn.Flatten(), value_range=(-1, 1))
    assert found(images).features.tolist() == [[-1, 1]]
    default = extractor(nn.Flatten())
    assert default(images).features.tolist() == [[0, 1]]
    assert default.hash != found.hash
    with pytest.raises(ValueError, match=r"must be \(B, C, H, W\) uint8, found \(1, 1, 1, 2\) torch.float32"):
        found(images.float())


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (lambda x: x[:2], ValueError, r"must return \(4, D\) features .* found \(2, 3\)"),
        (lambda x: x.sum(), ValueError, r"found \(\)"),
        (lambda x: x > 0, ValueError, r"features of floats, found torch.bool"),
        (lambda x: (x, x[:1]), ValueError, r"found \(4, 3\) and \(1, 3\)"),
        (lambda x: [x], TypeError, r"must return features or \(features, logits\), found list"),
    ],
)
def test_modules_that_return_something_else_are_refused(answer, kind, match) -> None:
    """With the shapes that were found."""

    class Other(nn.Module):
        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            return answer(samples)

    with pytest.raises(kind, match=match):
        ModuleExtractor(Other(), takes="vectors")(torch.zeros(4, 3))


def test_autocast_around_the_caller_changes_nothing() -> None:
    """Features are float32 ones even in the middle of a mixed-precision loop."""
    found = ModuleExtractor(nn.Linear(64, 64), takes="vectors")
    points = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    plain = found(points).features
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(found(points).features, plain)


WAYS = (
    "torch.set_float32_matmul_precision('high')",
    "torch.set_float32_matmul_precision('medium')",
    "backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = True",
    "torch.set_float32_matmul_precision('medium'); backends.cuda.matmul.allow_tf32 = False",
    "backends.fp32_precision = 'tf32' if hasattr(backends, 'fp32_precision') else None",
    "backends.cudnn.allow_tf32 = False",
    "pass",
)

PRECISION_PROGRAM = """
import os, sys, torch
from gandiag.quality.extractors.own import ModuleExtractor
from gandiag.quality.extractors.base import full_precision
backends = torch.backends

def read(what):
    try:
        return what()
    except (RuntimeError, AttributeError) as error:
        return type(error).__name__

def settings():
    return [read(f) for f in (
        torch.get_float32_matmul_precision,
        lambda: backends.cuda.matmul.allow_tf32,
        lambda: backends.cudnn.allow_tf32,
        lambda: backends.cuda.matmul.fp32_precision,
        lambda: backends.cudnn.conv.fp32_precision,
    )]

class Looking(torch.nn.Module):
    def forward(self, samples):
        new = [read(lambda: backends.cuda.matmul.fp32_precision), read(lambda: backends.cudnn.conv.fp32_precision)]
        old = [read(lambda: backends.cuda.matmul.allow_tf32), read(lambda: backends.cudnn.allow_tf32)]
        assert not {"tf32", "bf16"} & set(new), new
        assert True not in old, old
        return samples

def exactly(found, points):
    with full_precision(), torch.no_grad():
        return found._module(points)

for way in sys.argv[1:]:
    child = os.fork()  # torch mixes the ways up, so each has its process
    if not child:
        exec(way)
        before = settings()
        with full_precision():
            Looking()(torch.zeros(2, 2))
        assert settings() == before, (way, before, settings())
        points = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
        found = ModuleExtractor(torch.nn.Linear(64, 64), takes="vectors")
        assert torch.equal(found(points).features, exactly(found, points)), way
        assert settings() == before, (way, before, settings())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, way
"""


def test_settings_that_threads_share_are_left_alone_where_they_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU nothing is written: an extractor may run beside a training."""

    def forbidden(*_: object) -> None:
        raise AssertionError("a setting was written")

    monkeypatch.setattr(torch, "set_float32_matmul_precision", forbidden)
    monkeypatch.setattr("gandiag.quality.extractors.base.full_precision", forbidden)
    found = extractor("digits")
    assert found.passive
    found(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_precision_is_full_and_the_caller_s_setting_restored() -> None:
    """Whichever of torch's ways the caller used."""
    command = [sys.executable, "-c", PRECISION_PROGRAM, *WAYS]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_hash_is_the_same_in_another_process() -> None:
    """And on other strides, but not for other weights, types or names."""
    state = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones((), dtype=torch.bfloat16)}
    digest = weights_hash("net", state)
    assert len(digest) == 16
    assert digest == weights_hash("net", {"a": state["a"], "b": state["b"].T.contiguous().T})
    assert digest != weights_hash("other", state)
    assert digest != weights_hash("net", {**state, "b": state["b"].double()})
    assert digest != weights_hash("net", {**state, "b": state["b"].reshape(3, 2)})
    code = "from gandiag.quality.extractors.registry import extractor; print(extractor('digits').hash)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == extractor("digits").hash


def test_unknown_names_and_things_are_refused() -> None:
    """A name with the list of those known."""
    with pytest.raises(
        ValueError, match=r"'inception' is unknown, expected one of mnist, digits, identity, pixels, inception-v3"
    ):
        extractor("inception")
    with pytest.raises(TypeError, match="found int"):
        extractor(3)
    with pytest.raises(ValueError, match="for torch-fidelity's extractors, found them with 'digits'"):
        extractor("digits", checksum="00")
    with pytest.raises(ValueError, match="found them with Linear"):
        extractor(nn.Linear(1, 1), compile=True)
    with pytest.raises(ValueError, match="takes must be"):
        ModuleExtractor(nn.Linear(1, 1), takes="pictures")
    with pytest.raises(ValueError, match="value_range must be two rising values"):
        ModuleExtractor(nn.Linear(1, 1), value_range=(1, 0))


@pytest.mark.parametrize("device", ["cuda:99", "quantum", "mps"])
def test_devices_that_are_not_there_are_refused(device: str) -> None:
    """In one sentence, before anything is loaded."""
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ValueError, match=rf"device '{device}' cannot be used here \(\d+ CUDA devices? found\)"):
        usable_device(device)


def test_extractors_are_what_they_say() -> None:
    """An extractor passes through; all of ours have the protocol's attributes."""
    identity = extractor("identity")
    assert extractor(identity) is identity
    for found in (identity, extractor("digits"), extractor(nn.Flatten())):
        assert isinstance(found, FeatureExtractor)
        assert found.resize == "none"
    assert {"clip-vit-b-32", "dinov2-vit-b-14", "vgg16"} <= set(names())


def test_a_module_that_cannot_be_copied_is_refused() -> None:
    """For example one that holds a result with a gradient."""
    module = nn.Linear(2, 2)
    module.last = module(torch.ones(1, 2))
    with pytest.raises(TypeError, match="must be one that can be copied"):
        ModuleExtractor(module)


def test_numpy_is_not_drawn_from() -> None:
    """Nor is its global generator touched."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must stay
    extractor("digits")(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
