"""Trains the digits classifier that ships with gandiag: `python -m benchmarks.classifiers.train_digits`.

scikit-learn's 1,797 digits are split into a training and a held-out test part. The settings are chosen by
cross-validation within the training part; the test part is looked at once, for the numbers on the card.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.modes.digits import CARD, SIDE, WEIGHTS, DigitsClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

SEED = 0
TEST_SHARE = 0.25
FOLDS = 4
CLASSES = 10
COMMAND = "python -m benchmarks.classifiers.train_digits"


@dataclass(frozen=True)
class Settings:
    """How to train: `networks` perceptrons of `units` hidden units, whose scores are averaged.

    Each sees every image and its four copies moved by `shift_px` pixels (none for 0), with Gaussian noise of
    standard deviation `noise` on pixels in [0, 1], for `epochs` passes of Adam with weight decay `alpha`.
    """

    networks: int = 1
    units: int = 512
    shift_px: float = 0.5
    noise: float = 0.1
    epochs: int = 30
    alpha: float = 0.01


CANDIDATES = (
    Settings(shift_px=0, noise=0, epochs=100),
    Settings(shift_px=1),
    Settings(),
    Settings(units=256),
    Settings(networks=3),
)
"""Among which cross-validation chooses."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images (n, 64) float64 in [0, 1] and digits (n,) of the training and of the test part."""

    train: tuple[Floats, Labels]
    test: tuple[Floats, Labels]


def load() -> Split:
    """The digits, split by class with a fixed seed."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, digits = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, digits, test_size=TEST_SHARE, stratify=digits, random_state=SEED)
    return Split(train=(parts[0], parts[2]), test=(parts[1], parts[3]))


def shifted(images: Floats, down: float, right: float) -> Floats:
    """Images (n, 64) moved by up to one pixel each way, interpolated, empty where nothing moved in."""
    frame = np.pad(images.reshape(-1, SIDE, SIDE), ((0, 0), (1, 1), (1, 1)))
    for pixels, axis in ((down, 1), (right, 2)):
        neighbour = np.roll(frame, int(np.sign(pixels)), axis=axis)
        frame = (1 - abs(pixels)) * frame + abs(pixels) * neighbour
    return frame[:, 1:-1, 1:-1].reshape(-1, SIDE * SIDE)


def fit(images: Floats, digits: Labels, settings: Settings) -> DigitsClassifier:
    """Train on images (n, 64) in [0, 1] and their digits (n,). The prior is left uniform.

    The average of several networks' scores is itself one network: their hidden units side by side.
    """
    networks = [_fit_one(images, digits, settings, SEED + number) for number in range(settings.networks)]
    hidden, output = zip(*networks, strict=True)
    return DigitsClassifier(
        hidden=(_stored([w for w, _ in hidden], 1), _stored([b for _, b in hidden], 0)),
        output=(
            _stored([w / settings.networks for w, _ in output], 0),
            np.mean([b for _, b in output], axis=0).astype(np.float16).astype(np.float64),
        ),
        prior=np.full(CLASSES, 1 / CLASSES),
        value_range=(0.0, 1.0),
    )


def _fit_one(images: Floats, digits: Labels, settings: Settings, seed: int) -> list[tuple[Floats, Floats]]:
    """(weights, bias) of the two layers."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    step = settings.shift_px
    moves = [(0.0, 0.0), (0.0, step), (0.0, -step), (step, 0.0), (-step, 0.0)] if step else [(0.0, 0.0)]
    inputs = np.concatenate([shifted(images, *move) for move in moves])
    inputs += settings.noise * np.random.default_rng(seed).standard_normal(inputs.shape)
    network = MLPClassifier(
        (settings.units,),
        alpha=settings.alpha,
        batch_size=100,
        max_iter=settings.epochs,
        n_iter_no_change=settings.epochs + 1,
        random_state=seed,
    )
    # one thread: the sums, and so the weights, do not depend on the number of cores
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is part of the settings
        network.fit(inputs, np.tile(digits, len(moves)))
    return list(zip(network.coefs_, network.intercepts_, strict=True))


def _stored(parts: Sequence[Floats], axis: int) -> Floats:
    """Parts side by side, rounded as the file keeps them."""
    return np.concatenate(parts, axis=axis).astype(np.float16).astype(np.float64)


def accuracy(classifier: DigitsClassifier, images: Floats, digits: Labels) -> float:
    """Share of images (n, 64) in [0, 1] that get their digit."""
    return float((classifier.label(images) == digits).mean())


def cross_validate(images: Floats, digits: Labels, settings: Settings) -> float:
    """Mean accuracy on the left-out folds of a training part."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(images, digits)
    scores = [accuracy(fit(images[a], digits[a], settings), images[b], digits[b]) for a, b in folds]
    return float(np.mean(scores))


def card(classifier: DigitsClassifier, split: Split, chosen: Settings, scores: Sequence[float]) -> dict[str, Any]:
    """What the classifier was made from and what it scores on the test part, ready for JSON."""
    import sklearn

    (_, train_digits), (images, digits) = split.train, split.test
    confusion = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(confusion, (digits, classifier.label(images)), 1)
    train_counts = np.bincount(train_digits, minlength=CLASSES)
    return {
        "data": "sklearn.datasets.load_digits, 1797 images of 8 x 8 pixels from the test part of the UCI"
        " Optical Recognition of Handwritten Digits data",
        "split": f"train_test_split(test_size={TEST_SHARE}, stratify=digits, random_state={SEED});"
        " writers may be in both parts",
        "seed": SEED,
        "training_command": COMMAND,
        "scikit_learn": sklearn.__version__,
        "recipe": asdict(chosen),
        "recipe_chosen_by": f"mean accuracy in {FOLDS}-fold cross-validation of the training part",
        "candidates": [
            asdict(c) | {"cross_validated_accuracy": round(s, 4)} for c, s in zip(CANDIDATES, scores, strict=True)
        ],
        "train_images": int(train_counts.sum()),
        "train_class_counts": train_counts.tolist(),
        "class_counts": (train_counts + confusion.sum(axis=1)).tolist(),
        "test_images": len(digits),
        "test_accuracy": round(accuracy(classifier, images, digits), 6),
        "confusion": (confusion / confusion.sum(axis=1, keepdims=True)).round(8).tolist(),
    }


def write(folder: Path, classifier: DigitsClassifier, content: dict[str, Any]) -> None:
    """Write digits.npz (float16) and digits.json into a folder."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        hidden_weights=classifier.hidden[0].astype(np.float16),
        hidden_bias=classifier.hidden[1].astype(np.float16),
        output_weights=classifier.output[0].astype(np.float16),
        output_bias=classifier.output[1].astype(np.float16),
    )
    (folder / WEIGHTS).write_bytes(buffer.getvalue())
    rows = [f"    {json.dumps(row)}" for row in content["confusion"]]
    text = json.dumps(content | {"confusion": "ROWS"}, indent=2)
    (folder / CARD).write_text(text.replace('"ROWS"', "[\n" + ",\n".join(rows) + "\n  ]") + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose the settings, train, and write the two files."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Train the digits classifier; takes minutes.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the two files")
    folder = parser.parse_args(arguments).out
    if not folder.is_dir():
        parser.error(f"--out: no folder {folder}")
    split = load()
    scores = []
    for settings in CANDIDATES:
        scores.append(cross_validate(*split.train, settings))
        sys.stderr.write(f"{settings}: cross-validated accuracy {scores[-1]:.4f}\n")
    chosen = CANDIDATES[int(np.argmax(scores))]
    classifier = fit(*split.train, chosen)
    content = card(classifier, split, chosen, scores)
    write(folder, classifier, content)
    sys.stderr.write(f"{chosen}: test accuracy {content['test_accuracy']:.4f}, written to {folder}\n")


if __name__ == "__main__":
    main()
