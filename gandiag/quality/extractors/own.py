"""Extractors of our own: the shipped classifiers, points and rows as they are, and any module."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gandiag.quality.extractors.base import Features, exact, is_precise, plain, usable_device, weights_hash
from gandiag.quality.measures.products import unrounded_conv2d

if TYPE_CHECKING:
    from collections.abc import Iterator


class IdentityExtractor:
    """Samples are their own features: 2-D points, rows of a table, pixels; flattened to (B, D) float64."""

    name = "identity"
    resize = "none"
    takes: Literal["images", "vectors"] = "vectors"
    channels: int | None = None
    classifies: bool | None = False
    passive = True

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = usable_device(device)
        self.hash = weights_hash(self.name, {})
        self.dimensions = 0

    def __call__(self, samples: Tensor) -> Features:
        """Features (B, D) of samples (B, ...).

        Raises
        ------
        ValueError
            When the samples have no batch axis, or another D than before.
        """
        if samples.ndim < 2:
            raise ValueError(f"samples must have shape (B, ...), found {tuple(samples.shape)}")
        features = samples.detach().to(self.device, torch.float64).flatten(1)
        self.dimensions = _same_width(features, self.dimensions, self.name)
        return Features(features)


class DigitsExtractor:
    """The digits classifier that ships with gandiag: its hidden layer as features, its scores as logits, float64."""

    name = "digits"
    resize = "none"
    takes: Literal["images", "vectors"] = "images"
    channels: int | None = 1
    classifies: bool | None = True
    passive = True

    def __init__(self, device: torch.device | str = "cpu") -> None:
        from gandiag.modes.digits import WEIGHTS

        self.device = usable_device(device)
        state = _shipped(WEIGHTS)
        self.hash = weights_hash(self.name, state)
        self._layers = {key: value.to(self.device, torch.float64, non_blocking=True) for key, value in state.items()}
        self.dimensions = len(self._layers["hidden_bias"])

    def __call__(self, samples: Tensor) -> Features:
        """Features and logits of images (B, 1, 8, 8) uint8.

        Raises
        ------
        ValueError
            When the images are others.
        """
        if samples.dtype != torch.uint8 or tuple(samples.shape[1:]) != (1, 8, 8):
            found = f"{tuple(samples.shape)} {samples.dtype}"
            raise ValueError(f"images for the digits classifier must be (B, 1, 8, 8) uint8, found {found}")
        with plain(self.device):
            pixels = samples.to(self.device, torch.float64).flatten(1) / 255
            units = (pixels @ self._layers["hidden_weights"] + self._layers["hidden_bias"]).relu()
            return Features(units, units @ self._layers["output_weights"] + self._layers["output_bias"])


class MnistExtractor:
    """The MNIST classifier that ships with gandiag: its last hidden layer as features, its scores as logits."""

    name = "mnist"
    resize = "none"
    takes: Literal["images", "vectors"] = "images"
    channels: int | None = 1
    classifies: bool | None = True

    def __init__(self, device: torch.device | str = "cpu") -> None:
        from gandiag.modes.mnist import WEIGHTS, mnist_classifier

        self.device = usable_device(device)
        self.passive = is_precise(self.device, unrounded=True)
        self.hash = weights_hash(self.name, _shipped(WEIGHTS))
        self.dimensions = 0
        self._classifier = mnist_classifier(device=self.device)
        self._classifier.convolution = unrounded_conv2d

    def __call__(self, samples: Tensor) -> Features:
        """Features and logits of images (B, 1, 28, 28) uint8.

        Raises
        ------
        ValueError
            When the images are others.
        """
        if samples.dtype != torch.uint8 or tuple(samples.shape[1:]) != (1, 28, 28):
            found = f"{tuple(samples.shape)} {samples.dtype}"
            raise ValueError(f"images for the MNIST classifier must be (B, 1, 28, 28) uint8, found {found}")
        with exact(self.device, unrounded=True):
            images = samples.to(self.device)
            features, logits = self._classifier.features(images), self._classifier.logits(images)
        self.dimensions = features.shape[1]
        return Features(features, logits)


class ModuleExtractor:
    """Any module as an extractor: a frozen copy of it, in evaluation mode, under random numbers of its own.

    Parameters
    ----------
    module
        Returns features (B, ...), which are flattened to (B, D), or a tuple of features and logits (B, K).
    takes
        "images": the module gets float32 images (B, C, H, W) in `value_range`; "vectors": float32 (B, ...) as they
        come.
    value_range
        What black and white are to the module.
    channels
        Channels that the module wants, 1 or 3; None for those of the samples.
    name
        What reports call it.
    device
        Where features are computed. The given module stays where it is.

    Raises
    ------
    ValueError
        When the range is not rising or the device is unknown.
    TypeError
        When the module cannot be copied.

    >>> linear = nn.Linear(2, 3)
    >>> ModuleExtractor(linear, takes="vectors")(torch.zeros(5, 2)).features.shape
    torch.Size([5, 3])
    """

    resize = "none"
    classifies: bool | None = None
    passive = False

    def __init__(
        self,
        module: nn.Module,
        *,
        takes: Literal["images", "vectors"] = "images",
        value_range: tuple[float, float] = (0.0, 1.0),
        channels: int | None = None,
        name: str = "custom",
        device: torch.device | str = "cpu",
    ) -> None:
        if takes not in ("images", "vectors"):
            raise ValueError(f"takes must be 'images' or 'vectors', found {takes!r}")
        if not value_range[0] < value_range[1]:
            raise ValueError(f"value_range must be two rising values, found {value_range}")
        self.device = usable_device(device)
        try:
            copied = copy.deepcopy(module)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise TypeError(f"the extractor's module must be one that can be copied: {error}") from error
        self._module = copied.to(self.device).eval().requires_grad_(requires_grad=False)
        self.takes: Literal["images", "vectors"] = takes
        self.value_range, self.channels, self.name = value_range, channels, name
        reads = f"{takes} in [{value_range[0]:g}, {value_range[1]:g}]" if takes == "images" else takes
        self.hash = weights_hash(f"{type(module).__qualname__} {reads}", module.state_dict())
        self.dimensions = 0

    def __call__(self, samples: Tensor) -> Features:
        """Features and, where the module gives them, logits of images (B, C, H, W) uint8 or vectors (B, ...).

        Raises
        ------
        ValueError
            When the module returns other shapes or the samples are others.
        TypeError
            When the module returns neither a tensor nor two.
        """
        if self.takes == "images" and (samples.dtype != torch.uint8 or samples.ndim != 4):
            found = f"{tuple(samples.shape)} {samples.dtype}"
            raise ValueError(f"images for {self.name} must be (B, C, H, W) uint8, found {found}")
        values = samples.detach().to(self.device, torch.float32)
        if self.takes == "images":
            low, high = self.value_range
            values = values * ((high - low) / 255) + low
        with exact(self.device), _own_numbers(self.device):
            features, logits = _pair(self._module(values), len(samples), self.name)
        self.dimensions = _same_width(features, self.dimensions, self.name)
        return Features(features, logits)


def _pair(answer: Any, batch: int, name: str) -> tuple[Tensor, Tensor | None]:
    """Features (B, D) and logits (B, K) or None from what a module returned."""
    features, logits = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    if not isinstance(features, Tensor) or not isinstance(logits, Tensor | None):
        raise TypeError(f"{name} must return features or (features, logits), found {type(answer).__name__}")
    shapes = [tuple(part.shape) for part in (features, logits) if part is not None]
    if any(len(shape) < 2 or shape[0] != batch for shape in shapes) or (logits is not None and logits.ndim != 2):
        found = " and ".join(map(str, shapes))
        raise ValueError(f"{name} must return ({batch}, D) features and may return ({batch}, K) logits, found {found}")
    if not features.is_floating_point():
        raise ValueError(f"{name} must return features of floats, found {features.dtype}")
    wide = features.dtype if features.dtype == torch.float64 else torch.float32
    return features.flatten(1).to(wide), None if logits is None else logits.float()


def _same_width(features: Tensor, before: int, name: str) -> int:
    width = features.shape[1]
    if before not in (0, width):
        raise ValueError(f"{name} gave {width} features per sample, {before} in earlier batches")
    return width


def _shipped(file: str) -> dict[str, Tensor]:
    """The arrays of a file of weights in `gandiag.modes`."""
    with (resources.files("gandiag.modes") / file).open("rb") as stream, np.load(stream) as data:
        return {name: torch.from_numpy(data[name]) for name in data.files}


@contextmanager
def _own_numbers(device: torch.device) -> Iterator[None]:
    """A module that draws random numbers draws the same for every batch, and the caller's stay as they were."""
    gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if gpu else []):
        torch.default_generator.manual_seed(0)
        if gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
        yield
