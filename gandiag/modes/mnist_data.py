"""MNIST from its four IDX files (LeCun et al. 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.modes.idx import read_idx
from gandiag.modes.mnist import CLASSES, SIDE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True, eq=False)
class Data:
    """Images (n, 28, 28) and digits (n,), uint8, of MNIST's training and of its test part."""

    train: tuple[Bytes, Bytes]
    test: tuple[Bytes, Bytes]


def load(folder: Path) -> Data:
    """MNIST from its four IDX files, gzipped or not.

    Raises ValueError when one is missing, damaged, or does not fit the others.
    """
    images, digits, test_images, test_digits = (_read(folder, name) for name in FILES)
    for pictures, labels, part in ((images, digits, "training"), (test_images, test_digits, "test")):
        if pictures.shape != (len(labels), SIDE, SIDE):
            found = f"images {pictures.shape} and labels {labels.shape}"
            raise ValueError(f"the {part} part must have images (n, 28, 28) and labels (n,), found {found}")
        if sorted(set(labels.tolist())) != list(range(CLASSES)):
            raise ValueError(f"the {part} part must have labels 0 to 9, found {sorted(set(labels.tolist()))}")
    return Data((images, digits), (test_images, test_digits))


def _read(folder: Path, name: str) -> Bytes:
    found = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    if not found:
        raise ValueError(f"no {name} or {name}.gz in {folder}")
    values = read_idx(found[0])
    if values.dtype != np.uint8:
        raise ValueError(f"{found[0]} must hold bytes, found {values.dtype}")
    return values.astype(np.uint8, copy=False)
