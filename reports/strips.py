"""Samples over time: which snapshots to show, and their content in a form any renderer can place."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gandiag.files import Npz, UnreadableError, picture, told
from gandiag.rundir.folder import read_file
from gandiag.rundir.run import Folder
from gandiag.wording import listed

from .text import count, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fsspec import AbstractFileSystem

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run, Sample

Axes: TypeAlias = "tuple[np.ndarray, np.ndarray]"  # lower and upper limits of x and y

MAX_FRAMES = 8
MAX_POINTS = 800
SIDE = 100  # of a scatter plot's square, in its own units
MAX_FILE = 256 * 2**20  # bytes of a snapshot, on disk and once it is expanded
PIXELS = (384, 1024)  # an image is enlarged to the first, and made smaller to the second


@dataclass(frozen=True)
class Frame:
    """One snapshot: a PNG in `image`, or points as an SVG path in a 100 x 100 square, or neither.

    `note` says what is special about its step, or why nothing is shown.
    """

    step: int
    note: str = ""
    image: bytes = b""
    points: str = ""


@dataclass(frozen=True)
class Strip:
    """Snapshots in the order of time, with sentences on how to read them."""

    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()


def sample_strip(run: Run, findings: Sequence[Finding]) -> Strip:
    """At most 8 snapshots: the first, the last, those beside the onsets, and evenly between."""
    if not run.samples:
        return Strip(notes=("No samples were saved.",))
    samples = sorted(run.samples, key=lambda sample: sample.step)
    beside = _beside(samples, [finding.onset_step for finding in findings])
    files = Folder(run.path or ".").fs
    chosen = _chosen(len(samples), list(beside))
    contents = {position: _content(files, samples[position]) for position in chosen}
    clouds = [c for c in contents.values() if isinstance(c, np.ndarray)]
    axes = _limits([points for points in clouds if points.shape[1] == 2])
    frames = []
    for position, content in contents.items():
        frame = Frame(samples[position].step, _side_note(beside.get(position, [])))
        if isinstance(content, str):
            frames.append(replace(frame, note=f"cannot be read: {content}"))
        elif isinstance(content, bytes):
            frames.append(replace(frame, image=content))
        elif content.shape[1] == 2:
            frames.append(replace(frame, points=_path(content, *axes)))
    return Strip(tuple(frames), tuple(_notes(len(samples), len(frames), clouds, axes)))


def last_frame(run: Run, pixels: int) -> Frame | None:
    """The last snapshot, an image with a longer side of so many pixels at most; None where none was saved."""
    if not run.samples:
        return None
    sample = max(run.samples, key=lambda sample: sample.step)
    content = _content(Folder(run.path or ".").fs, sample, (1, pixels))
    if isinstance(content, str):
        return Frame(sample.step, f"cannot be read: {content}")
    if isinstance(content, bytes):
        return Frame(sample.step, image=content)
    if content.shape[1] != 2:
        return Frame(sample.step, f"vectors of length {content.shape[1]:,}")
    return Frame(sample.step, points=_path(content, *_limits([content])))


def _notes(total: int, shown: int, clouds: Sequence[np.ndarray], axes: Axes) -> Iterator[str]:
    if shown:
        yield f"{shown:,} of {count(total, 'snapshot')}, of batches that G gave in training."
    if any(points.shape[1] == 2 for points in clouds):
        x, y = (f"{name} from {number(a)} to {number(b)}" for name, a, b in zip("xy", *axes, strict=True))
        yield f"All on the same axes: {x}, {y}. The extreme 1 % of points may lie outside."
    sizes = sorted({points.shape[1] for points in clouds} - {2})
    if sizes:
        length = ", ".join(f"{size:,}" for size in sizes)
        yield f"Samples are vectors of length {length}; image_shape= would have shown them as images."


def _beside(samples: Sequence[Sample], onsets: Iterable[int]) -> dict[int, list[tuple[str, int]]]:
    """Positions of the last snapshot before each onset and the first one from it on, with that said."""
    steps = np.array([sample.step for sample in samples])
    found: dict[int, list[tuple[str, int]]] = {}
    for number_, onset in enumerate(onsets, start=1):
        after = int(np.searchsorted(steps, onset))
        if after > 0:
            found.setdefault(after - 1, []).append(("before", number_))
        if after < len(steps):
            found.setdefault(after, []).append(("after", number_))
    return found


def _side_note(sides: Sequence[tuple[str, int]]) -> str:
    said = {side: listed(str(n) for s, n in sides if s == side) for side in ("after", "before")}
    return ", ".join(f"{side} onset {numbers}" for side, numbers in said.items() if numbers)


def _chosen(total: int, wanted: Sequence[int]) -> list[int]:
    """First and last, then the wanted positions in their order, then whatever is farthest from the rest."""
    chosen = list(dict.fromkeys([0, total - 1, *wanted]))[:MAX_FRAMES]
    while len(chosen) < min(MAX_FRAMES, total):
        distance = np.abs(np.subtract.outer(np.arange(total), chosen)).min(axis=1)
        chosen.append(int(distance.argmax()))
    return sorted(chosen)


def _content(files: AbstractFileSystem, sample: Sample, pixels: tuple[int, int] = PIXELS) -> bytes | np.ndarray | str:
    """A PNG of a sensible size, points of shape (n, d), or why there is neither."""
    try:
        raw = read_file(files, sample.path, MAX_FILE)
        if sample.kind == "image":
            with told("not a valid PNG"):
                return _fitted(raw, pixels)
        with told("not an .npz with numbers under points"):
            points: np.ndarray = np.asarray(Npz(io.BytesIO(raw), MAX_FILE)["points"], dtype="float64")
    except FileNotFoundError:
        return "no such file"
    except UnreadableError as error:
        return str(error)
    return points if points.ndim == 2 else f"points must have shape (n, d), found {points.shape}"


def _fitted(raw: bytes, pixels: tuple[int, int]) -> bytes:
    """The PNG with its pixels repeated when it is tiny, resampled when it is huge."""
    from PIL import Image

    with picture(io.BytesIO(raw), ("PNG",), MAX_FILE) as image:
        image.load()
        longest = max(image.size)
        if pixels[0] <= longest <= pixels[1]:
            return raw
        factor = -(-pixels[0] // longest) if longest < pixels[0] else pixels[1] / longest
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        resample = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS
        colours = image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")
        out = io.BytesIO()
        colours.resize(size, resample).save(out, format="PNG")
    return out.getvalue()


def _limits(clouds: Sequence[np.ndarray]) -> Axes:
    """Axis limits of shape (2,) each, with equal scales on both axes and some room around."""
    points = np.concatenate([np.zeros((0, 2)), *clouds])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return -np.ones(2), np.ones(2)
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    half = max(float((high - low).max()), 1e-12) * 0.55
    centre = (low + high) / 2
    return centre - half, centre + half


def _path(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Dots as an SVG path of strokes without length, y upwards."""
    if not len(points):
        return ""
    thinned = points[np.linspace(0, len(points) - 1, min(len(points), MAX_POINTS)).round().astype(int)]
    inside = thinned[((thinned >= low) & (thinned <= high)).all(axis=1)]
    scaled = (inside - low) / (high - low) * SIDE
    return "".join(f"M{x:.1f} {SIDE - y:.1f}h0" for x, y in scaled)
