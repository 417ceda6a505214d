"""MNIST from its four IDX files (LeCun et al. 1998)."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    images, digits, test_images, test_digits = (read_idx(folder, name) for name in FILES)
    for pictures, labels, part in ((images, digits, "training"), (test_images, test_digits, "test")):
        if pictures.shape != (len(labels), SIDE, SIDE):
            found = f"images {pictures.shape} and labels {labels.shape}"
            raise ValueError(f"the {part} part must have images (n, 28, 28) and labels (n,), found {found}")
        if sorted(set(labels.tolist())) != list(range(CLASSES)):
            raise ValueError(f"the {part} part must have labels 0 to 9, found {sorted(set(labels.tolist()))}")
    return Data((images, digits), (test_images, test_digits))


def read_idx(folder: Path, name: str) -> Bytes:
    """One IDX file of bytes, `name` or `name`.gz; its shape is that of its header.

    Raises ValueError when it is missing or damaged.
    """
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        raw = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"no {name} or {name}.gz in {folder}") from None
    except (OSError, EOFError) as error:
        raise ValueError(f"{packed} cannot be unpacked: {error}") from error
    dimensions = raw[3] if len(raw) > 3 and raw[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if not dimensions or len(raw) - start != math.prod(shape):
        raise ValueError(f"{name} in {folder} is no whole IDX file of bytes: {len(raw)} bytes, first {raw[:4].hex()}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
