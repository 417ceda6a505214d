"""torch-fidelity's feature extractors from checked files, and its Inception-v3 with the same features in less time."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gandiag.quality.extractors import weight_files as files
from gandiag.quality.extractors.base import Features, exact, is_precise, weights_hash
from gandiag.quality.extractors.resizing import pillow_bicubic, tf1_bilinear
from gandiag.quality.measures.products import product, unrounded_conv2d

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

INCEPTION, CLEAN = "inception-v3-compat", "inception-v3-clean"
TAPS = {"MaxPool_1": "64", "MaxPool_2": "192", "Mixed_6e": "768", "AvgPool": "2048"}
"""Stages of Inception-v3 behind which torch-fidelity takes features."""

CACHED = 8  # images at a time on a CPU, whose caches hold the maps of so many: 1.2 times as fast as 64

WIDTHS = {"logits_unbiased": 1008, "logits": 1008, "fc2": 4096, "fc2_relu": 4096}
"""Features per image of layers whose name does not say it."""


class FidelityExtractor:
    """One of torch-fidelity's extractors; `load` makes it.

    Inception-v3's 2048 features come with the logits without bias that the Inception Score is made of, in one pass.
    """

    takes: Literal["images", "vectors"] = "images"
    channels: int | None = 3

    def __init__(self, name: str, layer: str, network: nn.Module, device: torch.device) -> None:
        several = len(network.get_provided_features_list()) > 1  # type: ignore[operator]
        self.name = f"{name}/{layer}" if several else name
        self.hash = weights_hash(name, network.state_dict())
        side = getattr(network, "resolution", getattr(network, "INPUT_IMAGE_SIZE", None))
        self.resize = f"tf1-bilinear {side}x{side}" if side else "by the extractor"
        if name == CLEAN:
            self.resize = f"clean-fid {side}x{side}, Pillow's bicubic"
        inner = getattr(network, "model", None)
        width = getattr(inner, "embed_dim", getattr(getattr(inner, "visual", None), "output_dim", 0))
        self.dimensions = int(layer) if layer.isdigit() else WIDTHS.get(layer, int(width))
        self.device = device
        self.classifies: bool | None = self.name == f"{INCEPTION}/2048"
        ours = name in (INCEPTION, CLEAN)
        self._unrounded = ours
        self.passive = is_precise(device, unrounded=ours)
        self.network = (FastInception(network, layer, clean=name == CLEAN) if ours else network).to(device)

    def compile(self) -> None:
        """Pass the network through `torch.compile`: the first batch of each shape takes a minute or more."""
        self.network = torch.compile(self.network)  # type: ignore[assignment]

    def __call__(self, samples: Tensor) -> Features:
        """Features (B, D) float32 of images (B, 3, H, W) uint8, and logits where there are any.

        Raises
        ------
        ValueError
            When the images are others.
        """
        if samples.dtype != torch.uint8 or samples.ndim != 4 or samples.shape[1] != 3:
            found = f"{tuple(samples.shape)} {samples.dtype}"
            raise ValueError(f"images for {self.name} must be (B, 3, H, W) uint8, found {found}")
        with exact(self.device, unrounded=self._unrounded), torch.inference_mode():
            features, *logits = self.network(samples.to(self.device))
        # clones made here are ordinary tensors, which can be changed in place
        self.dimensions = features.shape[1]
        return Features(features.clone(), logits[0].clone() if logits else None)


class FastInception(nn.Module):
    """torch-fidelity's Inception-v3 with batch normalisation folded into the convolutions and channels last.

    On a GPU each convolution and product is one that does not round to TF32, whatever is set for the process.

    The features differ from the original's as float32 sums in another order do, by some 1e-6. The resize is
    TensorFlow 1's, bit by bit, with each row of pixels interpolated once.

    Parameters
    ----------
    network
        torch-fidelity's, which is changed and must not be used afterwards.
    layer
        A layer of torch-fidelity's names: "64", "192", "768", "2048", "logits_unbiased" or "logits". Nothing behind it
        is computed.
    clean
        Resize as clean-fid does, which blurs before it shrinks.
    """

    def __init__(self, network: nn.Module, layer: str, *, clean: bool = False) -> None:
        super().__init__()
        self.layer, self.clean = layer, clean
        stages = [name for name, _ in network.named_children()]
        taps = {tap: stage for stage, tap in TAPS.items()}
        last = stages.index(taps.get(layer, "AvgPool"))
        self.trunk = nn.Sequential(*(_folded(getattr(network, name)) for name in stages[: last + 1]))
        self.fc: Any = network.fc if layer not in ("64", "192", "768") else None
        self.side: int = network.INPUT_IMAGE_SIZE  # type: ignore[assignment]
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Features (B, D) and, from layer 2048 on, unbiased logits (B, 1008) of images (B, 3, H, W) uint8."""
        parts = images.split(CACHED if images.device.type == "cpu" else len(images))
        return tuple(torch.cat(values) for values in zip(*(self._of(part) for part in parts), strict=True))

    def _of(self, images: Tensor) -> tuple[Tensor, ...]:
        resized = pillow_bicubic(images, self.side) if self.clean else tf1_bilinear(images.float(), self.side)
        pixels = (resized - 128) / 128
        maps = self.trunk(pixels.contiguous(memory_format=torch.channels_last))
        features = nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        if self.fc is None:
            return (features,)
        unbiased = product(features, self.fc.weight)
        if self.layer == "2048":
            return features, unbiased
        return (unbiased if self.layer == "logits_unbiased" else unbiased + self.fc.bias), unbiased


class UnroundedConv2d(nn.Module):
    """A convolution without dilation or groups, in full float32."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.padding = convolution.stride, convolution.padding

    def forward(self, images: Tensor) -> Tensor:
        """(B, C', H', W') of images (B, C, H, W)."""
        return unrounded_conv2d(images, self.weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


def _folded(stage: nn.Module) -> nn.Module:
    """The stage with each pair of a convolution and a batch normalisation made one, in float64."""
    for module in stage.modules():
        convolution, norm = getattr(module, "conv", None), getattr(module, "bn", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv = UnroundedConv2d(fuse_conv_bn_eval(convolution.double(), norm.double()).float())
            module.bn = nn.Identity()
    return stage


def load(
    spec: str,
    *,
    weights: str | PathLike[str] | None,
    checksum: str | None,
    device: torch.device,
    compile_: bool = False,
) -> FidelityExtractor:
    """An extractor of torch-fidelity's registry; `registry.extractor` says what the arguments are.

    Raises
    ------
    ValueError
        When the layer is unknown, or the weights are missing, differ from the checksum or do not fit.
    """
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    name, _, layer = spec.partition("/")
    published = INCEPTION if name == CLEAN else name
    kind = FEATURE_EXTRACTORS_REGISTRY[published]
    layers = kind.get_provided_features_list()
    layer = layer or kind.get_default_feature_layer_for_metric("fid")
    if layer not in layers:
        raise ValueError(f"{name} has no layer {layer!r}, expected one of {', '.join(layers)}")
    path = files.located(published, weights)
    with torch.random.fork_rng([]):  # building a network draws its first weights
        if path is None:
            network = kind(published, [layer])
        else:
            with files.opened(path, published, checksum) as file:
                network = _built(kind, published, layer, file)
    found = FidelityExtractor(name, layer, network.eval().requires_grad_(requires_grad=False), device)
    if compile_:
        found.compile()
    return found


def _built(kind: Any, name: str, layer: str, file: IO[bytes]) -> nn.Module:
    if name.startswith("dinov2-"):
        return _dinov2(kind, name, layer, files.state_dict(file))
    if not name.startswith("clip-"):  # CLIP comes as TorchScript, which torch.jit.load reads
        files.state_dict(file)  # torch-fidelity reads it without this safety: a file that passes here is safe there
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.load")  # deprecated, and what CLIP comes as
        network: nn.Module = kind(name, [layer], feature_extractor_weights_path=file)
    return network


def _dinov2(kind: Any, name: str, layer: str, state: dict[str, Any]) -> nn.Module:
    """torch-fidelity's DINOv2, which knows no local weights, around a network of a local copy of its repository."""
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase
    from torch_fidelity.feature_extractor_dinov2 import MODEL_METADATA

    hub = Path(torch.hub.get_dir())
    copies = sorted(path.parent for path in hub.glob("facebookresearch_dinov2_*/hubconf.py"))
    if not copies:
        place = f"{hub}/facebookresearch_dinov2_main"
        raise files.WeightsError(
            f"{name} needs its code beside its weights: put a copy of github.com/facebookresearch/dinov2 at {place}"
        )
    network = kind.__new__(kind)
    FeatureExtractorBase.__init__(network, name, [layer])
    network.feature_extractor_internal_dtype = torch.float32
    with _without_xformers():
        network.model = torch.hub.load(
            str(copies[0]), MODEL_METADATA[name], source="local", pretrained=False, verbose=False
        )
    network.model.load_state_dict(state)
    extractor: nn.Module = network
    return extractor


@contextmanager
def _without_xformers() -> Iterator[None]:
    """As torch-fidelity does it: DINOv2 without xFormers, without its warnings about that."""
    before = os.environ.get("XFORMERS_DISABLED")
    os.environ["XFORMERS_DISABLED"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="xFormers")
            yield
    finally:
        if before is None:
            del os.environ["XFORMERS_DISABLED"]
        else:
            os.environ["XFORMERS_DISABLED"] = before
