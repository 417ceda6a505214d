"""A small convolutional classifier of MNIST's handwritten digits; torch is imported when one is loaded."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gandiag.modes import mode_statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]
    Images: TypeAlias = "ArrayLike | torch.Tensor"

WEIGHTS, CARD = "mnist.npz", "mnist.json"
"""Files of this package that `python -m benchmarks.classifiers.train_mnist` writes."""

SIDE, PADDED = 28, 32  # pixels
CLASSES = 10
CHUNK = 1024  # images at a time: 25 MB of activations

LAYERS = ((24, 5, 2, 2), (32, 3, 1, 1), (64, 3, 2, 1), (128, 3, 1, 0))
"""Output channels, kernel size, stride and padding of the convolutions, each followed by a rectifier."""

SHAPES = ((SIDE, SIDE), (1, SIDE, SIDE), (SIDE * SIDE,), (PADDED, PADDED), (1, PADDED, PADDED))


class MnistClassifier:
    """Four convolutions, the mean over positions and a linear layer; `mnist_classifier` loads the shipped one.

    Images are a numpy array or a tensor of shape (n, 28, 28), (n, 1, 28, 28) or (n, 784), or (n, 32, 32) or
    (n, 1, 32, 32) for MNIST padded by 2 pixels, of which the middle 28 × 28 are read; nothing is resized. uint8
    counts from 0 for an empty to 255 for a full stroke; any other type is read in `value_range`, and values
    beyond it are clipped, as a viewer does. A tensor is classified on the device where it is, an array on `device`.
    No gradient is kept.

    Parameters
    ----------
    weights
        Weights and biases of the layers of `LAYERS`, then of the linear layer, float32.
    prior
        (10,) the label shares of a perfect generator: the data's class shares seen through the classifier's
        confusion matrix.
    value_range
        The images' values for an empty and for a full stroke, for types other than uint8.
    device
        Where arrays are classified.

    Attributes
    ----------
    name, n
        "mnist" and 2000 samples per evaluation: sees a halved class with power 0.99, see `class_histogram`.

    Raises
    ------
    ValueError
        When the range is not finite or its first value is not below the second.
    """

    name = "mnist"
    n = 2000
    convolution: Callable[..., torch.Tensor] | None = None  # other than torch's, of the same arguments

    def __init__(
        self,
        weights: tuple[tuple[torch.Tensor, torch.Tensor], ...],
        prior: Floats,
        value_range: tuple[float, float] = (-1.0, 1.0),
        device: torch.device | str = "cpu",
    ) -> None:
        import torch

        low, high = value_range
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"value_range must be two finite rising values, found {value_range}")
        self.prior, self.value_range, self.device = prior, value_range, torch.device(device)
        self._weights = {self.device: _moved(weights, self.device)}

    def reading(self, value_range: tuple[float, float]) -> MnistClassifier:
        """The same for images whose values lie in another range."""
        return MnistClassifier(self._weights[self.device], self.prior, value_range, self.device)

    def features(self, images: Images) -> torch.Tensor:
        """Activations (n, 128) float32 before the last layer, >= 0; NaN for an image with a NaN or infinity.

        Raises
        ------
        ValueError
            When the shape is another or the values are complex.
        """
        return self._chunked(images, _convolved)

    def logits(self, images: Images) -> torch.Tensor:
        """Unnormalised log-probabilities (n, 10) float32. Takes and raises what `features` does."""
        return self._chunked(images, _scored)

    def probabilities(self, images: Images) -> Floats:
        """Class probabilities (n, 10) float64 as an array. Takes and raises what `features` does."""
        found: Floats = self.logits(images).double().softmax(dim=1).cpu().numpy()
        return found

    def label(self, samples: Images, /) -> Labels:
        """The most probable digit of each image, -1 for one with a NaN or an infinity in it, (n,) int64.

        Takes and raises what `features` does.
        """
        logits = self.logits(samples)
        labels: Labels = logits.argmax(dim=1).where(~logits[:, 0].isnan(), -1).cpu().numpy()
        return labels

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by the names under which the shipped file holds them."""
        found: dict[str, NDArray[np.float32]] = {}
        for i, (weight, bias) in enumerate(self._weights[self.device]):
            found |= {f"weight{i}": weight.cpu().numpy(), f"bias{i}": bias.cpu().numpy()}
        return found

    def _chunked(self, images: Images, run: Callable[..., torch.Tensor]) -> torch.Tensor:
        import torch

        given = images.detach() if isinstance(images, torch.Tensor) else np.asarray(images)
        _check(given)
        device = given.device if isinstance(given, torch.Tensor) else self.device
        if device not in self._weights:
            self._weights[device] = _moved(self._weights[self.device], device)
        found = []
        with torch.no_grad(), torch.autocast(device.type, enabled=False):  # float32 even in a loop under autocast
            for start in range(0, max(len(given), 1), CHUNK):
                pixels, readable = _scaled(_as_tensor(given[start : start + CHUNK], device), self.value_range)
                scores = run(pixels, self._weights[device], self.convolution or torch.nn.functional.conv2d)
                found.append(scores.where(readable[:, None], torch.nan))
        return torch.cat(found)


def mnist_classifier(
    value_range: tuple[float, float] = (-1.0, 1.0),
    device: torch.device | str = "cpu",
    class_counts: ArrayLike | None = None,
) -> MnistClassifier:
    """The MNIST classifier that ships with gandiag; `mnist_card` says how well it does.

    Parameters
    ----------
    value_range
        The images' values for an empty and for a full stroke: (-1, 1) for a generator that ends in tanh, (0, 1)
        for one that ends in a sigmoid. Images of type uint8 are 0 to 255 whatever it says.
    device
        Where arrays are classified; tensors are classified where they are.
    class_counts
        (10,) images per digit of the data that the generator learns, the source of the prior; by default those of
        MNIST's training set.

    Raises
    ------
    ValueError
        When the range is not finite, its first value is not below the second, or a class count is not positive.

    >>> stroke = np.full((1, 28, 28), -1.0)
    >>> stroke[:, 4:24, 13:15] = 1
    >>> mnist_classifier().label(stroke).tolist()
    [1]
    """
    import torch

    card = mnist_card()
    with (resources.files("gandiag.modes") / WEIGHTS).open("rb") as file, np.load(file) as data:
        tensors = {name: torch.from_numpy(data[name].astype(np.float32)) for name in data.files}
    weights = tuple((tensors[f"weight{i}"], tensors[f"bias{i}"]) for i in range(len(LAYERS) + 1))
    counts = card["class_counts"] if class_counts is None else class_counts
    prior = mode_statistics.predicted_prior(counts, card["confusion"])
    return MnistClassifier(weights, prior, value_range, device)


def mnist_card() -> dict[str, Any]:
    """How the shipped classifier was trained and what it scores: the content of mnist.json.

    >>> mnist_card()["test_images"]
    10000
    """
    text = (resources.files("gandiag.modes") / CARD).read_text(encoding="utf-8")
    card: dict[str, Any] = json.loads(text)
    return card


def _moved(weights: tuple[tuple[torch.Tensor, torch.Tensor], ...], device: torch.device) -> Any:
    import torch

    last = torch.channels_last  # a quarter faster on a CPU
    placed = [[part.to(device, non_blocking=True) for part in layer] for layer in weights]
    return tuple((w.contiguous(memory_format=last) if w.ndim == 4 else w, b) for w, b in placed)


def _check(images: Any) -> None:
    expected = "images for the MNIST classifier must"
    if images.ndim < 2 or tuple(images.shape[1:]) not in SHAPES:
        shapes = "(n, 28, 28), (n, 1, 28, 28), (n, 784), (n, 32, 32) or (n, 1, 32, 32)"
        raise ValueError(f"{expected} have shape {shapes}, found {tuple(images.shape)}")
    if "complex" in str(images.dtype) or getattr(images.dtype, "kind", "f") not in "biufc":
        raise ValueError(f"{expected} be real numbers, found {images.dtype}")


def _as_tensor(images: Any, device: torch.device) -> torch.Tensor:
    """Checked images as a tensor (n, 1, 28, 28)."""
    import torch

    if isinstance(images, torch.Tensor):
        given = images
    else:
        kind = np.uint8 if images.dtype == np.uint8 else np.float32
        given = torch.from_numpy(np.array(images, dtype=kind)).to(device)
    side = PADDED if given.shape[-1] == PADDED else SIDE
    margin = (side - SIDE) // 2
    return given.reshape(-1, 1, side, side)[..., margin : margin + SIDE, margin : margin + SIDE]


def _scaled(images: torch.Tensor, value_range: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels float32 in [0, 1] in channels_last order, and which images are finite (n,)."""
    import torch

    low, high = (0.0, 255.0) if images.dtype == torch.uint8 else value_range
    values = images.float()
    readable = values.isfinite().flatten(1).all(dim=1)
    pixels = (values.clamp(low, high) - low) / (high - low)
    pixels = pixels.where(readable[:, None, None, None], 0.0)
    return pixels.contiguous(memory_format=torch.channels_last), readable


def _convolved(pixels: torch.Tensor, weights: Any, convolution: Callable[..., torch.Tensor]) -> torch.Tensor:
    maps: torch.Tensor = pixels
    for (weight, bias), (_, _, stride, padding) in zip(weights, LAYERS, strict=False):
        maps = convolution(maps, weight, bias, (stride, stride), (padding, padding)).relu()
    features: torch.Tensor = maps.mean(dim=(2, 3))
    return features


def _scored(pixels: torch.Tensor, weights: Any, convolution: Callable[..., torch.Tensor]) -> torch.Tensor:
    weight, bias = weights[-1]
    features = _convolved(pixels, weights, convolution)[..., None, None]
    return convolution(features, weight[:, :, None, None], bias)[:, :, 0, 0]
