"""Pictures of a log as samples by step: which show generated samples, which real ones, and how diverse they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gandiag.files import UnreadableError
from gandiag.logs import grids, words
from gandiag.logs.series import LogError, Picture
from gandiag.measure.pairwise import sample_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from gandiag.logs.series import Log

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
SHOWS_FAKE = words.FAKE | {"sample", "samples", "gen", "generator", "synthesized", "reconstructions", "fakes"}
NOT_GENERATED = words.REAL | {
    "input",
    "inputs",
    "rec",
    "recon",
    "idt",
    "target",
    "mask",
    "label",
    "init",
    "interp",
    "mr",
}
MOST_SINGLE = 256  # pictures of one sample each that are read of one step


@dataclass
class Samples:
    """Generated samples of one step, (B, h, w, C) uint8."""

    x: float
    tiles: np.ndarray


def find_pictures(folder: Path, *, deep: bool = True) -> list[Picture]:
    """The pictures in a folder, or also below it, with the number in their name, or in that of their folder, as x."""
    found = []
    for path in sorted(
        p for p in (folder.rglob("*") if deep else folder.glob("*")) if p.suffix.lower() in SUFFIXES and p.is_file()
    ):
        inside = path.parent != folder and re.search(r"\d+", path.parent.name)
        number = inside or (re.findall(r"\d+", path.stem) or [None])[-1]
        tag = re.sub(r"\d+", "", path.parent.name if inside else path.stem).strip("_- ")
        x = float(number.group() if isinstance(number, re.Match) else number) if number else float("nan")
        found.append(Picture(tag or "samples", x, path=path))
    return found


def samples_of(
    log: Log, grid: tuple[int, int] | None, tell: Callable[[str], None]
) -> tuple[list[Samples], np.ndarray | None]:
    """Generated samples by x, and real ones where the log has some; what cannot be read or cut is told."""
    fake = [p for p in log.pictures if _is_fake(p, log.pictures)]
    real = [p for p in log.pictures if set(words.words(p.tag)) & words.REAL]
    tags = {p.tag for p in fake}
    if len(tags) > 1:
        best = max(sorted(tags), key=lambda tag: (_says_fake(tag), sum(p.tag == tag for p in fake)))
        tell(f"of the pictures {', '.join(sorted(tags))} those called {best!r} are taken for generated samples")
        fake = [p for p in fake if p.tag == best]
    found = _by_x([p for p in fake if np.isfinite(p.x)], grid, tell)
    known = next((s.tiles for s in _by_x(real, grid, tell)), None)
    return found, known


def _says_fake(tag: str) -> bool:
    return bool(set(words.words(tag)) & SHOWS_FAKE)


def _is_fake(picture: Picture, every: Iterable[Picture]) -> bool:
    have = set(words.words(picture.tag))
    if have & NOT_GENERATED:
        return False
    return bool(have & SHOWS_FAKE) or not any(_says_fake(p.tag) for p in every)


def _by_x(pictures: list[Picture], grid: tuple[int, int] | None, tell: Callable[[str], None]) -> list[Samples]:
    """Grids cut into samples; where several pictures have one x and no grid, each is one sample."""
    groups: dict[float, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(picture.x if np.isfinite(picture.x) else -1.0, []).append(picture)
    found: list[Samples] = []
    uncut = 0
    for x, group in sorted(groups.items()):
        images = [image for p in group[:MOST_SINGLE] if (image := _read(p, tell)) is not None]
        if not images:
            continue
        if len(images) > 3:
            same = [i for i in images if i.shape == images[0].shape]
            found.append(Samples(x, np.stack(same)))
        elif (tiles := grids.cut(images[-1], grid)) is not None:
            found.append(Samples(x, tiles))
        else:
            uncut += 1
    if uncut:
        tell(f"in {uncut:,} pictures no grid of samples was found; say how many rows and columns: --grid 8x8")
    return found


def _read(picture: Picture, tell: Callable[[str], None]) -> np.ndarray | None:
    try:
        return grids.pixels(picture.content or picture.path or b"")
    except (UnreadableError, OSError) as error:
        tell(f"a picture of {picture.tag!r} at {picture.x:g} was left out: {error}")
        return None


def diversity(samples: list[Samples], real: np.ndarray | None) -> dict[str, np.ndarray]:
    """Signals (n,) of n steps: the spread of the samples, beside that of real ones where they are known."""
    rows: list[dict[str, float]] = []
    for each in samples:
        raw = {"points/fake": grids.reduced(each.tiles)[None]}
        if real is not None:
            points = grids.reduced(real)
            if points.shape[1] == raw["points/fake"].shape[2]:
                size = min(len(points), raw["points/fake"].shape[1])
                raw = {"points/fake": raw["points/fake"][:, :size], "points/real": points[None, :size]}
        rows.append({name: float(values[0]) for name, values in sample_signals(raw).items()})
        if "diversity/real" not in rows[-1] and "diversity/fake" in rows[-1]:
            rows[-1]["diversity/latent"] = rows[-1]["diversity/fake"]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def parse_grid(text: str | None) -> tuple[int, int] | None:
    """Rows and columns of `8x8`. Raises LogError."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,3})\s*[xX*,]\s*(\d{1,3})\s*", text)
    if not found or not int(found[1]) or not int(found[2]):
        raise LogError(f"--grid must be rows and columns such as 8x8, got {text!r}")
    return int(found[1]), int(found[2])
