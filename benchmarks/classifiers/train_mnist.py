"""Trains the MNIST classifier that ships with gandiag: `python -m benchmarks.classifiers.train_mnist --data FOLDER`.

A part of the training images is set aside: the epoch whose weights have the lowest cross-entropy on it is kept. The
test images are looked at once, for the numbers on the card.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gandiag.modes import mode_statistics
from gandiag.modes.mnist import CARD, CLASSES, LAYERS, SIDE, WEIGHTS, MnistClassifier
from gandiag.modes.mnist_data import FILES, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from gandiag.modes.mnist_data import Bytes, Data

COMMAND = "python -m benchmarks.classifiers.train_mnist"
EPSILON = 1e-5  # of batch normalisation


@dataclass(frozen=True)
class Settings:
    """How to train: `epochs` passes of AdamW in batches of `batch`, the rate falling to 0 as a cosine after a warm-up.

    Each image is seen turned by up to `degrees`, scaled by up to 1 ± `scale` and moved by up to `shift_px` pixels, each
    drawn uniformly. The weights kept are an exponential average over about 1 / (1 - `averaging`) updates.
    """

    seed: int = 0
    validation: int = 5000
    epochs: int = 18
    batch: int = 128
    rate: float = 4e-3
    decay: float = 0.02
    averaging: float = 0.998
    degrees: float = 12.0
    scale: float = 0.12
    shift_px: float = 2.0


class Network(nn.Module):
    """The classifier in training: batch normalisation after each convolution."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 1
        for channels, kernel, stride, padding in LAYERS:
            layers += [
                nn.Conv2d(width, channels, kernel, stride, padding, bias=False),
                nn.BatchNorm2d(channels, EPSILON),
            ]
            layers.append(nn.ReLU())
            width = channels
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (n, 10) of pixels (n, 1, 28, 28) in [0, 1]."""
        scores: Tensor = self.head(self.body(pixels).mean(dim=(2, 3)))
        return scores


def distorted(pixels: Tensor, settings: Settings, generator: torch.Generator) -> Tensor:
    """Pixels (n, 1, 28, 28), each image turned, scaled and moved at random, interpolated, empty outside."""
    draws = 2 * torch.rand(4, len(pixels), generator=generator) - 1
    angle, scale = math.radians(settings.degrees) * draws[0], 1 + settings.scale * draws[1]
    right, down = 2 * settings.shift_px / SIDE * draws[2:]
    cosine, sine = angle.cos() / scale, angle.sin() / scale
    rows = [torch.stack([cosine, -sine, right], dim=1), torch.stack([sine, cosine, down], dim=1)]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, align_corners=False)


def fit(images: Bytes, digits: Bytes, settings: Settings) -> tuple[MnistClassifier, list[dict[str, float]]]:
    """Train on images (n, 28, 28) and digits (n,); the classifier (prior uniform) and each epoch's validation."""
    if len(images) < settings.validation + settings.batch or not settings.validation:
        needed = f"{settings.validation} for validation and {settings.batch} for a batch"
        raise ValueError(f"training needs images for both parts, {needed}, found {len(images)}")
    order = torch.from_numpy(np.random.default_rng(settings.seed).permutation(len(images)))
    pixels, labels = torch.from_numpy(images.copy())[:, None], torch.from_numpy(digits.astype(np.int64))
    held, rest = order[: settings.validation], order[settings.validation :]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Network().to(memory_format=torch.channels_last)
    trainer = _Trainer(network, settings, updates=settings.epochs * (len(rest) // settings.batch))
    best, history = None, list[dict[str, float]]()
    for epoch in range(settings.epochs):
        trainer.epoch(pixels[rest], labels[rest])
        classifier = folded(trainer.averaged.module)
        scores = classifier.logits(pixels[held])
        loss = float(functional.cross_entropy(scores, labels[held]))
        accuracy = float((scores.argmax(dim=1) == labels[held]).float().mean())
        sys.stderr.write(f"epoch {epoch + 1}: validation loss {loss:.5f}, accuracy {accuracy:.4f}\n")
        if best is None or loss < min(entry["loss"] for entry in history):
            best = classifier
        history.append({"loss": round(loss, 6), "accuracy": round(accuracy, 6)})
    if best is None:
        raise ValueError(f"epochs must be at least 1, found {settings.epochs}")
    return best, history


class _Trainer:
    """One network's optimizer, average and random numbers."""

    def __init__(self, network: Network, settings: Settings, updates: int) -> None:
        self.network, self.settings = network, settings
        self.averaged = torch.optim.swa_utils.AveragedModel(network, avg_fn=self._average, use_buffers=True)
        self.adam = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.adam, settings.rate, total_steps=updates)
        self.generator = torch.Generator().manual_seed(settings.seed)

    def _average(self, kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        step = max(1 - self.settings.averaging, 9 / (10 + int(count)))  # forgets the first weights soon
        return kept + step * (new - kept)

    def epoch(self, images: Tensor, labels: Tensor) -> None:
        """One pass over images (n, 1, 28, 28) uint8; an incomplete last batch is left out."""
        order = torch.randperm(len(images), generator=self.generator)
        for chosen in order.split(self.settings.batch)[: len(order) // self.settings.batch]:
            pixels = distorted(images[chosen].float() / 255, self.settings, self.generator)
            self.adam.zero_grad()
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            functional.cross_entropy(self.network(pixels), labels[chosen]).backward()
            self.adam.step()
            self.schedule.step()
            self.averaged.update_parameters(self.network)


def folded(network: nn.Module) -> MnistClassifier:
    """A `Network` as it is shipped: normalisation folded into the convolutions, weights rounded to float16."""
    state = network.state_dict()
    weights = []
    for i in range(0, 3 * len(LAYERS), 3):
        norm = {part: state[f"body.{i + 1}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        factor = norm["weight"] / (norm["running_var"] + EPSILON).sqrt()
        kernel = state[f"body.{i}.weight"] * factor[:, None, None, None]
        weights.append((kernel, norm["bias"] - norm["running_mean"] * factor))
    weights.append((state["head.weight"], state["head.bias"]))
    stored = tuple((weight.half().float(), bias.half().float()) for weight, bias in weights)
    return MnistClassifier(stored, np.full(CLASSES, 1 / CLASSES), value_range=(0.0, 1.0))


def card(
    classifier: MnistClassifier, data: Data, settings: Settings, history: list[dict[str, float]]
) -> dict[str, Any]:
    """What the classifier was made from and what it scores on the test part, ready for JSON."""
    images, digits = data.test
    confusion = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(confusion, (digits, classifier.label(images)), 1)
    hits = int(confusion.trace())
    low, high = mode_statistics.wilson(hits, len(digits))
    return {
        "data": "MNIST, 60,000 training and 10,000 test images of 28 x 28 pixels; writers differ between the two",
        "values_sha256": {  # without the files' headers
            name: hashlib.sha256(part.tobytes()).hexdigest()
            for name, part in zip(FILES, (*data.train, *data.test), strict=True)
        },
        "training_command": f"{COMMAND} --data FOLDER",
        "versions": {"torch": torch.__version__.split("+")[0], "numpy": np.__version__},
        "recipe": asdict(settings),
        "layers": [dict(zip(("channels", "kernel", "stride", "padding"), layer, strict=True)) for layer in LAYERS],
        "validation": history,
        "kept_epoch": int(np.argmin([entry["loss"] for entry in history])) + 1,
        "train_images": len(data.train[1]) - settings.validation,
        "class_counts": np.bincount(data.train[1], minlength=CLASSES).tolist(),
        "test_images": len(digits),
        "test_class_counts": confusion.sum(axis=1).tolist(),
        "test_accuracy": hits / len(digits),
        "test_accuracy_wilson_95": [round(float(low), 5), round(float(high), 5)],
        "confusion": (confusion / confusion.sum(axis=1, keepdims=True)).round(8).tolist(),
    }


def write(folder: Path, classifier: MnistClassifier, content: dict[str, Any]) -> None:
    """Write mnist.npz (float16) and mnist.json, which holds the checksum of the first, into a folder."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: part.astype(np.float16) for name, part in classifier.arrays().items()}
    np.savez_compressed(buffer, **arrays)
    (folder / WEIGHTS).write_bytes(buffer.getvalue())
    checksum = hashlib.sha256(buffer.getvalue()).hexdigest()
    rows = {key: [json.dumps(row) for row in content[key]] for key in ("layers", "validation", "confusion")}
    text = json.dumps({"weights_sha256": checksum} | content | {key: f"ROWS {key}" for key in rows}, indent=2)
    for key, lines in rows.items():
        text = text.replace(f'"ROWS {key}"', "[\n    " + ",\n    ".join(lines) + "\n  ]")
    (folder / CARD).write_text(text + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write the two files."""
    default = Settings()
    parser = argparse.ArgumentParser(prog=COMMAND, description="Train the MNIST classifier; takes minutes.")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's four IDX files, gzipped or not")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the two files")
    parser.add_argument("--epochs", type=int, default=default.epochs, help="passes over the training images")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the split, the weights and the order")
    given = parser.parse_args(arguments)
    if not given.out.is_dir():
        parser.error(f"--out: no folder {given.out}")
    if given.epochs < 1:
        parser.error(f"--epochs must be at least 1, found {given.epochs}")
    try:
        data = load(given.data)
    except ValueError as error:
        parser.error(f"--data: {error}")
    settings = replace(default, epochs=given.epochs, seed=given.seed)
    torch.set_num_threads(1)  # the sums, and so the weights, do not depend on the number of cores
    classifier, history = fit(*data.train, settings)
    content = card(classifier, data, settings, history)
    write(given.out, classifier, content)
    sys.stderr.write(f"test accuracy {content['test_accuracy']:.4f}, written to {given.out}\n")


if __name__ == "__main__":
    main()
