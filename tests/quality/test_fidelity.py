"""torch-fidelity's extractors: the same features from checked files, and clear words without a network."""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
import re
import urllib.error
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as published
from torch_fidelity.feature_extractor_clip import CLIPVisual, FeatureExtractorCLIP
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as tf1_published

from gandiag.quality.extractors import fidelity
from gandiag.quality.extractors.fidelity import INCEPTION
from gandiag.quality.extractors.registry import extractor
from gandiag.quality.extractors.resizing import tf1_bilinear

if TYPE_CHECKING:
    from pathlib import Path

BOTH = ["2048", "logits_unbiased"]


@pytest.fixture(scope="module")
def original(weights: Path) -> nn.Module:
    """torch-fidelity's own extractor with these weights."""
    return published.FeatureExtractorInceptionV3(INCEPTION, BOTH, feature_extractor_weights_path=str(weights))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch.hub, and no network."""

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    return tmp_path / "hub"


def images(count: int = 4, size: tuple[int, int] = (32, 32), seed: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.double() - other.double()).norm() / other.double().norm())


def test_inception_equals_torch_fidelity(weights: Path, original: nn.Module) -> None:
    """Features and unbiased logits in one pass, to 1e-5 of the original's, for small and for large images."""
    ours = extractor(INCEPTION, weights=weights)
    assert (ours.name, ours.dimensions, ours.resize) == ("inception-v3-compat/2048", 2048, "tf1-bilinear 299x299")
    for batch in (images(3), images(1, (310, 77))):
        found, (features, logits) = ours(batch), original(batch)
        assert apart(found.features, features) < 1e-5
        assert found.logits is not None
        assert apart(found.logits, logits) < 1e-5
        assert found.features.dtype == torch.float32
    assert features.std() > 0
    assert apart(features, original(images(1))[0]) > 1e-3, "the features must depend on the image"


def test_folding_drifts_no_more_than_rounding(weights: Path, original: nn.Module) -> None:
    """Against the same network in float64, at a size where the resize is exact."""
    batch = images(1, (299, 299))
    ours = extractor(INCEPTION, weights=weights)(batch).features
    exact = copy.deepcopy(original).double()
    exact.feature_extractor_internal_dtype = torch.float64  # torch-fidelity's option of that name leaves float32
    reference = exact(batch)[0]
    drift, theirs = apart(ours, reference), apart(original(batch)[0], reference)
    assert drift < max(2 * theirs, 1e-5)


@pytest.mark.parametrize("layer", ["64", "192", "768", "logits"])
def test_every_layer_of_inception_is_the_original_one(weights: Path, original: nn.Module, layer: str) -> None:
    """Earlier layers cost no more than they need, and give no logits."""
    ours = extractor(f"{INCEPTION}/{layer}", weights=weights)
    original.features_list = [layer]
    try:
        (features,) = original(images(2))
    finally:
        original.features_list = BOTH
    found = ours(images(2))
    assert apart(found.features, features) < 1e-5
    assert found.features.shape[1] == ours.dimensions
    assert (found.logits is None) == (layer != "logits")
    assert ours.hash == extractor(INCEPTION, weights=weights).hash


def test_features_can_be_changed_in_place(weights: Path) -> None:
    """They are ordinary tensors, not those of inference mode; and repeat bit by bit."""
    ours = extractor(f"{INCEPTION}/64", weights=weights)
    found = ours(images(2)).features
    again = ours(images(2)).features
    assert torch.equal(found, again)
    found -= 1
    assert not found.is_inference()


@pytest.mark.parametrize("size", [(1, 5), (28, 28), (32, 32), (299, 299), (400, 37)])
def test_resize_is_that_of_tensorflow_1(size: tuple[int, int]) -> None:
    """Bit by bit what torch-fidelity computes."""
    batch = images(2, size).float()
    assert torch.equal(tf1_bilinear(batch, 299), tf1_published(batch, size=(299, 299), align_corners=False))


def test_loading_draws_no_random_numbers(weights: Path) -> None:
    """The caller's generator stays, though networks are built with random weights first."""
    before = torch.get_rng_state()
    extractor(f"{INCEPTION}/64", weights=weights)
    assert torch.equal(torch.get_rng_state(), before)


def test_checksum_is_checked_first(weights: Path, tmp_path: Path) -> None:
    """Before anything of the file is read; both hashes are named."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    extractor(f"{INCEPTION}/64", weights=weights, checksum=digest[:12].upper())
    bomb = tmp_path / "bomb.pth"
    bomb.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    found = hashlib.sha256(bomb.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=f"SHA-256 of .*bomb.pth is {found}, expected {digest}"):
        extractor(INCEPTION, weights=bomb, checksum=digest)
    with pytest.raises(ValueError, match="checksum must be 8 to 64 hex digits"):
        extractor(INCEPTION, weights=weights, checksum="sha256:abc")
    assert not (tmp_path / "exploded").exists()


class Bomb:
    """A pickle that runs code when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("name", [INCEPTION, "vgg16", "clip-vit-b-32"])
def test_files_that_hold_something_else_are_refused(name: str, tmp_path: Path) -> None:
    """No code in them runs, whether they are pickles, texts or other weights."""
    bomb, text, other = (tmp_path / part for part in ("bomb.pth", "text.pth", "other.pth"))
    bomb.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    text.write_text("<html>not found</html>")
    torch.save({"weight": torch.zeros(2)}, other)
    files = (bomb, text) if name == "vgg16" else (bomb, text, other)  # VGG16 would be built first, which takes long
    for file in files:
        with pytest.raises(ValueError, match=f"{file} does not hold weights of {name} that can be read safely: "):
            extractor(name, weights=file)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", [INCEPTION, "vgg16", "clip-rn50", "dinov2-vit-s-14"])
def test_offline_the_message_says_what_to_do(name: str, hub: Path) -> None:
    """The address that was tried, the place for the file, and the argument."""
    expected = (
        rf"weights of {name} could not be had from https://\S+ \(.*no network.*\): put that file at {hub}/checkpoints"
    )
    with pytest.raises(ValueError, match=expected + r"/\S+ or pass its path as weights .*--extractor pixels"):
        extractor(name)


def test_the_cache_of_torch_hub_is_used(hub: Path, weights: Path) -> None:
    """A file that torch-fidelity downloaded serves, without a network."""
    place = hub / "checkpoints" / published.URL_INCEPTION_V3.rsplit("/", 1)[1]
    place.parent.mkdir(parents=True)
    place.symlink_to(weights)
    assert extractor(f"{INCEPTION}/64").hash == extractor(f"{INCEPTION}/64", weights=weights).hash


def test_wrong_requests_are_refused(weights: Path) -> None:
    """A missing file, an unknown layer, other images."""
    with pytest.raises(ValueError, match=r"there is no file /nowhere/w\.pth"):
        extractor(INCEPTION, weights="/nowhere/w.pth")
    with pytest.raises(
        ValueError, match="has no layer '1024', expected one of 64, 192, 768, 2048, logits_unbiased, logits"
    ):
        extractor(f"{INCEPTION}/1024", weights=weights)
    ours = extractor(f"{INCEPTION}/64", weights=weights)
    for wrong in (images(1).float(), images(1)[:, :1], images(1)[0]):
        with pytest.raises(ValueError, match=r"must be \(B, 3, H, W\) uint8, found"):
            ours(wrong)


def test_compilation_is_opt_in(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its result is used."""
    compiled: list[nn.Module] = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    extractor(f"{INCEPTION}/64", weights=weights)
    assert not compiled
    ours = extractor(f"{INCEPTION}/64", weights=weights, compile=True)
    assert compiled == [ours.network]


class SmallVGG(nn.Module):
    """VGG16's outline at a size for tests."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 16, 16), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        layers = [nn.Linear(16, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 2)]
        self.classifier = nn.Sequential(*layers)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(values))


@pytest.mark.parametrize("layer", ["fc2", "fc2_relu"])
def test_vgg16_equals_torch_fidelity(layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small network in its place: the real one has 138 million weights."""
    monkeypatch.setattr("torchvision.models.vgg16", SmallVGG)
    file = tmp_path / "vgg16.pth"
    torch.save(SmallVGG().state_dict(), file)
    theirs = FeatureExtractorVGG16("vgg16", [layer], feature_extractor_weights_path=str(file))
    ours = extractor(f"vgg16/{layer}", weights=file)
    assert apart(ours(images()).features, theirs(images())[0]) < 1e-5
    assert (ours.name, ours.resize) == (f"vgg16/{layer}", "tf1-bilinear 224x224")
    assert ours(images()).logits is None


def _holder(state: dict[str, torch.Tensor]) -> nn.Module:
    """A module with these parameters and nothing else, as TorchScript can save it."""
    root = nn.Module()
    for key, value in state.items():
        *path, leaf = key.split(".")
        module = root
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_parameter(leaf, nn.Parameter(value, requires_grad=False))
    return root


def test_clip_equals_torch_fidelity(tmp_path: Path) -> None:
    """A small vision transformer in CLIP's TorchScript format."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        state = dict(CLIPVisual(16, 32, 2, 64, 8).state_dict())
    state["text_projection"] = torch.zeros(3, 16)
    file = tmp_path / "clip.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and what CLIP comes as
        torch.jit.script(_holder(state)).save(str(file))
        theirs = FeatureExtractorCLIP("clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(file))
    ours = extractor("clip-vit-b-32", weights=file)
    assert apart(ours(images()).features, theirs(images())[0]) < 1e-5
    assert (ours.name, ours.dimensions, ours.resize) == ("clip-vit-b-32", 16, "tf1-bilinear 32x32")


HUBCONF = """
import torch

class Small(torch.nn.Module):
    embed_dim = 6

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, 6, 14, 14)

    def forward(self, values):
        return self.patches(values).mean(dim=(2, 3))

def dinov2_vits14(pretrained=True):
    assert not pretrained, "weights come from the file"
    return Small()
"""


def test_dinov2_reads_weights_from_a_file(hub: Path, tmp_path: Path) -> None:
    """With a local copy of its repository, of which the words say where it belongs when it is missing."""
    file = tmp_path / "dino.pth"
    patches = nn.Conv2d(3, 6, 14, 14)
    torch.save({"patches.weight": patches.weight.data, "patches.bias": patches.bias.data}, file)
    place = hub / "facebookresearch_dinov2_main"
    missing = "needs its code beside its weights: put a copy of github.com/facebookresearch/dinov2 at"
    with pytest.raises(ValueError, match=f"{missing} {re.escape(str(place))}"):
        extractor("dinov2-vit-s-14", weights=file)
    place.mkdir(parents=True)
    (place / "hubconf.py").write_text(HUBCONF)
    before = dict(os.environ)
    ours = extractor("dinov2-vit-s-14", weights=file)
    assert dict(os.environ) == before
    mean, std = (torch.tensor(v).reshape(3, 1, 1) * 255 for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        expected = patches((tf1_bilinear(images().float(), 224) - mean) / std).mean(dim=(2, 3))
    assert apart(ours(images()).features, expected) < 1e-5
    assert (ours.name, ours.dimensions) == ("dinov2-vit-s-14", 6)


def test_extractors_that_others_registered_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through torch-fidelity's registry, without weights of ours to look for."""
    from torch_fidelity import registry
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Mean(FeatureExtractorBase):
        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("mean",)

        @staticmethod
        def get_default_feature_layer_for_metric(_: str) -> str:
            return "mean"

        def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (batch.float().mean(dim=(2, 3)),)

    monkeypatch.setitem(registry.FEATURE_EXTRACTORS_REGISTRY, "mean", Mean)
    ours = extractor("mean")
    assert apart(ours(images()).features, images().float().mean(dim=(2, 3))) < 1e-5
    assert (ours.name, ours.dimensions, ours.resize) == ("mean", 3, "by the extractor")
    assert isinstance(ours, fidelity.FidelityExtractor)
