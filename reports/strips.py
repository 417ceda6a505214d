"""Samples over time: which snapshots to show, and their content in a form any renderer can place."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gandiag.files import Npz, UnreadableError, picture, told
from gandiag.rundir.folder import read_file
from gandiag.rundir.run import Folder
from gandiag.rundir.snapshots import FIXED
from gandiag.wording import listed

from .text import count, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fsspec import AbstractFileSystem
    from PIL.Image import Image, Resampling

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run, Sample

Axes: TypeAlias = "tuple[np.ndarray, np.ndarray]"  # lower and upper limits of x and y

MAX_FRAMES = 5  # on paper, beside the real samples; the timeline has more
MAX_SLIDES = 40  # on the slider
MAX_IMAGES = 800_000  # bytes of all pictures together
JPEG_QUALITY = 82  # of pictures that would take too much room
SMALLEST = 192  # pixels of the longer side, below which no picture is made smaller
MAX_POINTS = 800
SIDE = 100  # of a scatter plot's square, in its own units
MAX_FILE = 256 * 2**20  # bytes of a snapshot, on disk and once it is expanded
FEWEST_PIXELS = 36  # of samples that might be images
PIXELS = (384, 1024)  # of the longer side: on paper at least the first, and nowhere more than the second


@dataclass(frozen=True)
class Frame:
    """One snapshot: a PNG or JPEG in `image`, or points as an SVG path in a 100 x 100 square, or neither.

    `note` says what is special about its step, or why nothing is shown.
    """

    step: int
    note: str = ""
    image: bytes = b""
    points: str = ""


@dataclass(frozen=True)
class Thumbnail:
    """A snapshot on the first screen, and what it shows: real samples, the best step, the last one."""

    label: str
    frame: Frame


@dataclass(frozen=True)
class Strip:
    """Snapshots in the order of time, real samples beside them, and sentences on how to read them.

    `few` are places in `frames`: where there is no slider these are shown, the first, the last, those beside onsets.
    `best` is the place of the snapshot closest to the best step.
    """

    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    real: Frame | None = None
    few: tuple[int, ...] = ()
    best: int | None = None

    @property
    def selection(self) -> tuple[Frame, ...]:
        """The frames that are shown on paper."""
        return tuple(self.frames[place] for place in self.few)


def sample_strip(run: Run, findings: Sequence[Finding], best: int | None = None) -> Strip:
    """At most 40 snapshots: the first, the last, those beside the onsets and the best step, and evenly between."""
    if not run.samples:
        return Strip(notes=("No samples were saved.",))
    samples = sorted(run.samples, key=lambda sample: sample.step)
    beside = _beside(samples, [finding.onset_step for finding in findings])
    nearest = None if best is None else _nearest(samples, best)
    wanted = [*([] if nearest is None else [nearest]), *beside]
    files = Folder(run.path or ".").fs
    chosen = _chosen(len(samples), wanted, MAX_SLIDES)
    contents = [_content(files, samples[position]) for position in chosen]
    real = None if run.real_samples is None else _content(files, run.real_samples)
    clouds = [c for c in (*contents, real) if isinstance(c, np.ndarray)]
    axes = _limits([points for points in clouds if points.shape[1] == 2])
    room = MAX_IMAGES // max(sum(isinstance(c, bytes) for c in contents), 1)
    frames = {
        position: _frame(samples[position].step, _side_note(beside.get(position, [])), content, axes, room)
        for position, content in zip(chosen, contents, strict=True)
        if not _long(content)
    }
    places = list(frames)
    return Strip(
        frames=tuple(frames.values()),
        notes=tuple(_notes(run, len(samples), len(frames), clouds, axes)),
        real=None if real is None or _long(real) else _frame(0, "", real, axes, room),
        few=tuple(places.index(p) for p in _chosen(len(samples), wanted, MAX_FRAMES) if p in frames),
        best=places.index(nearest) if nearest in frames else None,
    )


def _long(content: bytes | np.ndarray | str) -> bool:
    """Whether samples are vectors of which nothing can be drawn."""
    return isinstance(content, np.ndarray) and content.shape[1] != 2


def thumbnails(strip: Strip) -> tuple[Thumbnail, ...]:
    """Real samples, those of the best step and the last ones, as far as there are any."""
    shown: list[Thumbnail] = []
    if strip.real is not None:
        shown.append(Thumbnail("real", strip.real))
    if strip.best is not None and strip.best != len(strip.frames) - 1:
        frame = strip.frames[strip.best]
        shown.append(Thumbnail(f"near the best: step {frame.step:,}", frame))
    if strip.frames:
        frame = strip.frames[-1]
        name = "last, near the best" if strip.best == len(strip.frames) - 1 else "last"
        shown.append(Thumbnail(f"{name}: step {frame.step:,}", frame))
    return tuple(t for t in shown if t.frame.image or t.frame.points)


def _frame(step: int, note: str, content: bytes | np.ndarray | str, axes: Axes, room: int) -> Frame:
    frame = Frame(step, note)
    if isinstance(content, str):
        return replace(frame, note=f"cannot be read: {content}")
    if isinstance(content, bytes):
        return replace(frame, image=_lighter(content, room))
    return replace(frame, points=_path(content, *axes)) if content.shape[1] == 2 else frame


def last_frame(run: Run, room: int) -> Frame | None:
    """The last snapshot, an image of about so many bytes at most; None where none was saved."""
    if not run.samples:
        return None
    sample = max(run.samples, key=lambda sample: sample.step)
    content = _content(Folder(run.path or ".").fs, sample)
    axes = _limits([content] if isinstance(content, np.ndarray) and content.shape[1] == 2 else [])
    frame = _frame(sample.step, "", content, axes, room)
    return frame if frame.image or frame.points or frame.note else replace(frame, note="vectors, which are not shown")


def _notes(run: Run, total: int, shown: int, clouds: Sequence[np.ndarray], axes: Axes) -> Iterator[str]:
    if shown:
        yield f"{shown:,} of {count(total, 'snapshot')}, {_inputs(run)}."
    if any(points.shape[1] == 2 for points in clouds):
        x, y = (f"{name} from {number(a)} to {number(b)}" for name, a, b in zip("xy", *axes, strict=True))
        yield f"All on the same axes: {x}, {y}. The extreme 1 % of points may lie outside."
    sizes = sorted({points.shape[1] for points in clouds} - {2})
    if sizes:
        length = ", ".join(f"{size:,}" for size in sizes)
        images = "; where these are images, pass image_shape= to attach" if sizes[-1] >= FEWEST_PIXELS else ""
        yield f"Samples are vectors of length {length}, not drawn{images}."


def _inputs(run: Run) -> str:
    """What the snapshots were made of."""
    if run.meta.get("snapshots") != FIXED:
        return "each of a batch that G made in training, so the latents differ from one to the next"
    again = ", others after each resume" if len(run.meta.get("segments", ())) > 1 else ""
    return f"all made from the same latents{again}"


def _nearest(samples: Sequence[Sample], step: int) -> int:
    """The position of the snapshot that is nearest to a step."""
    return int(np.abs(np.array([s.step for s in samples]) - step).argmin())


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


def _chosen(total: int, wanted: Sequence[int], most: int) -> list[int]:
    """First and last, then the wanted positions in their order, then whatever is farthest from the rest."""
    chosen = list(dict.fromkeys([0, total - 1, *wanted]))[:most]
    while len(chosen) < min(most, total):
        distance = np.abs(np.subtract.outer(np.arange(total), chosen)).min(axis=1)
        chosen.append(int(distance.argmax()))
    return sorted(chosen)


def _content(files: AbstractFileSystem, sample: Sample) -> bytes | np.ndarray | str:
    """A PNG of a sensible size, points of shape (n, d), or why there is neither."""
    try:
        raw = read_file(files, sample.path, MAX_FILE)
        if sample.kind == "image":
            with told("not a valid PNG"):
                return _fitted(raw)
        with told("not an .npz with numbers under points"):
            points: np.ndarray = np.asarray(Npz(io.BytesIO(raw), MAX_FILE)["points"], dtype="float64")
    except FileNotFoundError:
        return "no such file"
    except UnreadableError as error:
        return str(error)
    return points if points.ndim == 2 else f"points must have shape (n, d), found {points.shape}"


def _fitted(raw: bytes) -> bytes:
    """The PNG, resampled when it is huge."""
    from PIL.Image import Resampling

    with picture(io.BytesIO(raw), ("PNG",), MAX_FILE) as image:
        image.load()
        longest = max(image.size)
        return raw if longest <= PIXELS[1] else _png(_resized(image, PIXELS[1] / longest, Resampling.LANCZOS))


def enlarged(png: bytes) -> bytes:
    """The picture, as a PNG with its pixels repeated when it is tiny: paper would blur it."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        longest = max(image.size)
        if longest >= PIXELS[0]:
            return png
        return _png(_resized(image, -(-PIXELS[0] // longest), Image.Resampling.NEAREST))


def _lighter(png: bytes, room: int) -> bytes:
    """The picture as it is where it takes no more than so many bytes; else as a JPEG, made smaller as far as needed."""
    from PIL import Image

    if len(png) <= room:
        return png
    with Image.open(io.BytesIO(png)) as image:
        kept = image.convert("RGB")
    found = _jpeg(kept)
    if len(found) > room and max(kept.size) > SMALLEST:
        factor = max((room / len(found)) ** 0.5, SMALLEST / max(kept.size))
        found = _jpeg(_resized(kept, factor, Image.Resampling.LANCZOS))
    return found


def _jpeg(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _resized(image: Image, factor: float, resample: Resampling) -> Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    colours = image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")
    return colours.resize(size, resample)


def _png(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG")
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
