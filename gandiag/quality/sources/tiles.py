"""The samples that a run directory keeps: pictures of tiles taken apart, and points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gandiag.files import Npz, UnreadableError, picture, told
from gandiag.quality.sources.errors import SourceError
from gandiag.rundir.parts import sample_step
from gandiag.rundir.snapshots import MAX_SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_EXPANDED = 256 * 2**20  # bytes of a snapshot once it is read
GREY = 128  # between tiles and in place of missing ones


def is_run(folder: Path) -> bool:
    """Whether a folder is a run directory."""
    return (folder / "run.json").is_file()


def run_samples(folder: Path, step: int | None = None) -> NDArray[np.generic]:
    """Samples of one snapshot of a run, the latest by default: at most 64 images (N, C, H, W) or points (N, D).

    Raises
    ------
    SourceError
        When the run has no snapshot (at that step) or it cannot be read.
    """
    files = (folder / "samples").glob("*")
    found = {at: file for file in files if (at := sample_step(file.name)) is not None}
    if not found or step not in (None, *found):
        steps = f"steps {min(found)} to {max(found)}" if found else "none"
        raise SourceError(f"run {folder} has no snapshot{'' if step is None else f' at step {step}'}, found {steps}")
    file = found[max(found) if step is None else step]
    if not file.is_file():
        raise SourceError(f"snapshot {file} cannot be read: it is no regular file")
    try:
        with told("cannot be read"):
            if file.suffix == ".npz":
                with file.open("rb") as stream:
                    return np.asarray(Npz(stream, MAX_EXPANDED)["points"])
            with picture(file, ("PNG",), MAX_EXPANDED) as image:
                return untiled(np.asarray(image))
    except UnreadableError as error:
        raise SourceError(f"snapshot {file} {error}") from error


def untiled(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (N, C, H, W) of a picture (rows, columns) or (rows, columns, C) that `gandiag.rundir.snapshots.grid` made.

    Raises
    ------
    ValueError
        When the picture has no such tiles.

    >>> from gandiag.rundir.snapshots import grid
    >>> images = np.arange(5 * 3 * 4 * 6, dtype=np.uint8).reshape(5, 3, 4, 6)
    >>> bool((untiled(grid(images)) == images).all())
    True
    """
    image = picture[:, :, None] if picture.ndim == 2 else picture
    image = np.pad(image, ((0, 1), (0, 1), (0, 0)), constant_values=GREY)
    height, width, channels = image.shape
    most = math.ceil(math.sqrt(MAX_SAMPLES))
    for columns in range(most, 0, -1):
        for rows in (columns, columns - 1):
            if not rows or height % rows or width % columns:
                continue
            cells = image.reshape(rows, height // rows, columns, width // columns, channels)
            tiles = cells.transpose(0, 2, 4, 1, 3).reshape(rows * columns, channels, height // rows, width // columns)
            filled = np.flatnonzero((tiles != GREY).any(axis=(1, 2, 3)))
            count = int(filled[-1]) + 1 if len(filled) else 0
            framed = bool((tiles[:, :, -1] == GREY).all() and (tiles[..., -1] == GREY).all())
            if framed and count > columns * (rows - 1) and math.ceil(math.sqrt(count)) == columns:
                return np.ascontiguousarray(tiles[:count, :, :-1, :-1])
    raise ValueError(f"a picture of {picture.shape[0]}x{picture.shape[1]} pixels without the tiles of a snapshot")
