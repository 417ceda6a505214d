"""Pictures of many samples: found out where one sample ends and the next begins, and cut."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from gandiag.files import UnreadableError, picture

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 2**28  # of a picture once its pixels are read
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MOST_TILES = 64  # on one side
LEAST_SIDE = 8  # pixels of a sample
CLEAR = 1.6  # how much stronger the edges between samples must be than those inside, to be taken for such
SIDE = 32  # pixels that samples are reduced to before distances are taken


def pixels(source: bytes | Path) -> np.ndarray:
    """A picture as (H, W, C) uint8, grey or RGB. Raises UnreadableError."""
    with picture(io.BytesIO(source) if isinstance(source, bytes) else source, FORMATS, MOST_BYTES) as found:
        try:
            image = np.asarray(found.convert("L" if found.mode in ("L", "1") else "RGB"))
        except Exception as error:
            raise UnreadableError(f"a picture that breaks off or is damaged ({error})") from error
    return image[:, :, None] if image.ndim == 2 else image


def cut(image: np.ndarray, grid: tuple[int, int] | None = None) -> np.ndarray | None:
    """The samples (B, h, w, C) of a picture (H, W, C); None where no grid is found in it.

    `grid` is the number of rows and of columns, where it is known. A frame of one colour around each sample, as
    torchvision draws it, is left out.
    """
    padding, rows, columns = (0, *grid) if grid else _found(image)
    if grid:
        padding = _padding(image, rows, columns)
    if not rows or rows * columns < 2:
        return None
    height, width = (image.shape[0] - padding) // rows, (image.shape[1] - padding) // columns
    if min(height, width) - padding < 1:
        return None
    tiles = [
        image[padding + r * height : (r + 1) * height, padding + c * width : (c + 1) * width]
        for r in range(rows)
        for c in range(columns)
    ]
    kept = [tile for tile in tiles if tile.shape == tiles[0].shape and (tile.any() or not padding)]
    return np.stack(kept) if len(kept) > 1 else None


def _padding(image: np.ndarray, rows: int, columns: int) -> int:
    for padding in (2, 1, 4, 3, 5, 8, 10):
        fits = (image.shape[0] - padding) % rows == 0 and (image.shape[1] - padding) % columns == 0
        if fits and _frame(image, rows, columns, padding):
            return padding
    return 0


def _frame(image: np.ndarray, rows: int, columns: int, padding: int) -> bool:
    """Whether all lines between so many samples are of one colour."""
    height, width = (image.shape[0] - padding) // rows, (image.shape[1] - padding) // columns
    lines = [image[r * height : r * height + padding].reshape(-1, image.shape[2]) for r in range(rows + 1)]
    lines += [image[:, c * width : c * width + padding].reshape(-1, image.shape[2]) for c in range(columns + 1)]
    drawn = np.concatenate(lines).astype(np.int16)
    return len(drawn) > 0 and int(np.ptp(drawn, axis=0).max()) <= 12


def _found(image: np.ndarray) -> tuple[int, int, int]:
    """Width of the frame, rows and columns; zeros where there is no grid."""
    for padding in (2, 1, 4):
        for rows, columns in reversed(_candidates(image.shape[0] - padding, image.shape[1] - padding)):
            if _frame(image, rows, columns, padding) and image.std() > 0:
                return padding, rows, columns
    steps = np.abs(np.diff(image.astype(np.float32).mean(axis=2), axis=1)).mean(axis=0)
    down = np.abs(np.diff(image.astype(np.float32).mean(axis=2), axis=0)).mean(axis=1)
    best = (0.0, 0, 0)
    for rows, columns in _candidates(image.shape[0], image.shape[1]):
        score = min(_edges(down, rows), _edges(steps, columns))
        if score > max(CLEAR, 0.85 * best[0]) and (score > 1.15 * best[0] or rows * columns > best[1] * best[2]):
            best = (score, rows, columns)
    return 0, best[1], best[2]


def _candidates(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of square samples, the fewest first."""
    found = []
    for columns in range(1, MOST_TILES + 1):
        side = width // columns
        if width % columns == 0 and side >= LEAST_SIDE and height % side == 0 and height // side <= MOST_TILES:
            found.append((height // side, columns))
    return [pair for pair in found if pair[0] * pair[1] > 1]


def _edges(profile: np.ndarray, count: int) -> float:
    """How strong the steps at the borders of `count` equal pieces are beside all others; infinite for one piece."""
    if count == 1:
        return float("inf")
    side = (len(profile) + 1) // count
    places = np.arange(1, count) * side - 1
    inside = np.delete(profile, places)
    return float(profile[places].mean() / max(np.median(inside), 1e-6))


def reduced(tiles: np.ndarray) -> np.ndarray:
    """Samples (B, h, w, C) as points (B, p) float32 in [0, 1], of at most 32 x 32 pixels each."""
    steps = [max(1, -(-side // SIDE)) for side in tiles.shape[1:3]]
    height, width = (side // step * step for side, step in zip(tiles.shape[1:3], steps, strict=True))
    small = tiles[:, :height, :width].astype(np.float32) / 255
    shape = (len(tiles), height // steps[0], steps[0], width // steps[1], steps[1], tiles.shape[3])
    points: np.ndarray = small.reshape(shape).mean(axis=(2, 4)).reshape(len(tiles), -1)
    return points
