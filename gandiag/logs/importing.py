"""From a log and what its names mean to a run directory that all commands read."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.families import FAMILIES
from gandiag.logs import pictures, words
from gandiag.logs.columns import Options, columns_of, scale
from gandiag.logs.deriving import derive
from gandiag.logs.recognise import recognise
from gandiag.logs.series import LogError
from gandiag.logs.sources import read
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.snapshots import encode, following
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.logs.columns import Columns
    from gandiag.logs.mapping import Recognised
    from gandiag.logs.series import Log

ROWS = 2000  # handed to the recorder at a time
KEPT = ("imported", "loss_family", "discriminator_outputs", "hyperparameters", "modes", "roles")
"""Fields of run.json that an export to TensorBoard carries along."""


@dataclass
class Imported:
    """What was made of a log."""

    run_dir: str
    steps: int
    signals: tuple[str, ...]
    mapping: Recognised
    meta: dict[str, Any]


def import_run(source: str | Path, run_dir: str | Path, options: Options | None = None, **reading: Any) -> Imported:
    """Import the log at a path into a new run directory.

    Parameters
    ----------
    source : a file, or a folder with the logs of one training; see docs/import.md
    run_dir : where to: a folder, or any fsspec path
    options : how to read it
    reading : as `gandiag.logs.sources.read` takes it: `run`, `progress`

    Raises LogError where nothing can be read, RunError where `run_dir` holds a run already.
    """
    options = options or Options()
    log = read(source, **reading)
    return write(log, recognise(log, options.mapping, accept=options.accept), source, run_dir, options)


def write(log: Log, mapping: Recognised, source: str | Path, run_dir: str | Path, options: Options) -> Imported:
    """Write a log under a mapping as a run."""
    if options.loss_family is not None and options.loss_family not in FAMILIES:
        raise LogError(f"--loss-family must be one of {', '.join(FAMILIES)}, got {options.loss_family!r}")
    to_steps, unit = scale(log, options)
    columns = columns_of(log, mapping, options, to_steps)
    derive(mapping, columns, options.loss_family or mapping.family)
    shown = _pictures(log, columns, options, to_steps)
    if not mapping.mapped and not shown:
        seen = listed((row.name for row in mapping.rows), 12) or "none"
        raise LogError(f"{source}: none of its series tells gandiag anything (found: {seen}); say what they stand for, "
                       "such as --map THEIRS=loss/discriminator")  # fmt: skip
    columns.series = {name: found for name, found in columns.series.items() if len(found[0])}
    if not columns.series:
        raise LogError(f"{source}: holds no values at steps from 0 on")
    meta = _meta(log, mapping, columns, source, unit, options)
    _record(run_dir, columns, shown, meta)
    steps = max(int(s[-1]) for s, _ in columns.series.values() if len(s))
    return Imported(str(run_dir), steps, tuple(columns.series), mapping, meta)


def _pictures(
    log: Log, columns: Columns, options: Options, to_steps: Callable[[np.ndarray], np.ndarray]
) -> list[tuple[int, bytes, str]]:
    """Signals of pictures, and some of them as snapshots: step, content, suffix."""
    if options.images is not None:
        place = Path(options.images)
        if not place.is_dir():
            raise LogError(f"--images {options.images}: no such folder")
        log.pictures += pictures.find_pictures(place)
    if not log.pictures:
        return []
    _epochs_as_x(log, options)
    found, real = pictures.samples_of(log, options.grid, log.note)
    if options.real is not None:
        real = _real(options)
    if not found:
        log.note("of its pictures none could be taken for generated samples")
        return []
    steps = to_steps(np.array([s.x for s in found]))
    last = np.append(np.diff(steps) > 0, True)
    kept = [s for s, keep in zip(found, last, strict=True) if keep]
    steps = steps[last]
    for name, values in pictures.diversity(kept, real).items():
        columns.series.setdefault(name, (steps, values))
    how = f"of {len(kept[0].tiles)} samples cut from each picture"
    columns.derived["diversity/fake"] = how
    if "diversity/latent" in columns.series:
        columns.derived["diversity/latent"] = f"{how}, beside their own best: real samples are not known"
    shown: list[tuple[int, bytes, str]] = []
    due = following(0)
    for step, each in zip(steps, kept, strict=True):
        if int(step) >= due or not shown:
            shown.append((int(step), *encode(each.tiles)))
            due = following(max(int(step), 0))
    return shown


def _epochs_as_x(log: Log, options: Options) -> None:
    """Pictures that are named by their epoch get the x of its end, where the log counts something else."""
    if log.axis == "epochs" or not any("epoch" in words.words(p.tag) for p in log.pictures):
        return
    steps = options.steps_per_epoch or log.facts.get("steps_per_epoch")
    if not (each := {"steps": steps, "images": log.facts.get("epoch_images")}.get(log.axis)):
        log.note("its pictures are named by epochs, whose length is not known; say --steps-per-epoch")
        return
    first = 1 if log.axis == "steps" else 0  # steps count epochs from 0, CycleGAN's images from 1
    for place, picture in enumerate(log.pictures):
        if "epoch" in words.words(picture.tag):
            log.pictures[place] = replace(picture, x=(picture.x + first) * float(each))


def _real(options: Options) -> np.ndarray:
    """Real samples: a folder of pictures, or one grid of them."""
    from gandiag.logs import grids

    place = Path(str(options.real))
    if place.is_file():
        tiles = grids.cut(grids.pixels(place), options.grid)
        if tiles is None:
            raise LogError(f"--real {place}: no grid of samples found in it; say --grid 8x8")
        return tiles
    files = [p for p in sorted(place.rglob("*")) if p.suffix.lower() in pictures.SUFFIXES][: pictures.MOST_SINGLE]
    if not files:
        raise LogError(f"--real {place}: no pictures there")
    every = [grids.pixels(p) for p in files]
    return np.stack([image for image in every if image.shape == every[0].shape])


def _meta(
    log: Log, mapping: Recognised, columns: Columns, source: str | Path, unit: str, options: Options
) -> dict[str, Any]:
    family, why = options.loss_family, "given"
    if family is None and mapping.family:
        family, why = mapping.family, f"from {mapping.family_why}"
    meta: dict[str, Any] = {
        "imported": {
            "source": str(source),
            "format": log.format,
            "unit": unit,
            "names": {row.name: row.signal for row in mapping.mapped},
            "open": [row.name for row in mapping.open],
            "left": [row.name for row in mapping.known],
            "unknown": [row.name for row in mapping.unknown],
            "derived": dict(columns.derived),
            "notes": [*log.notes, *mapping.notes],
        },
    }
    if log.facts.get("exported"):
        kept = {name: log.kept[name] for name in KEPT if isinstance(log.kept.get(name), (dict, str))}
        before = kept.get("imported", {"exported": True})  # of a run that was itself imported, what was said then
        return kept | {"imported": {**meta["imported"], **before, "source": str(source)}}
    if family:
        meta["loss_family"] = {"name": family, "source": why}
    if mapping.outputs:
        meta["discriminator_outputs"] = mapping.outputs
    if epoch := options.steps_per_epoch or log.facts.get("steps_per_epoch"):
        meta["hyperparameters"] = {"steps_per_epoch": int(epoch)}
    return meta


def _record(run_dir: str | Path, columns: Columns, shown: list[tuple[int, bytes, str]], meta: dict[str, Any]) -> None:
    names = list(columns.series)
    steps = np.unique(np.concatenate([s for s, _ in columns.series.values()])).astype(np.int64)
    recorder = Recorder(run_dir, flush_seconds=np.inf, max_bytes=None)
    recorder.write_meta(**meta)
    times = _times(steps, columns.times)
    for start in range(0, len(steps), ROWS):
        block = steps[start : start + ROWS]
        rows: dict[str, np.ndarray] = {}
        for name in names:
            own, values = columns.series[name]
            first, last = np.searchsorted(own, block[0]), np.searchsorted(own, block[-1], "right")
            if last > first:
                rows[name] = np.full(len(block), np.nan)
                rows[name][np.searchsorted(block, own[first:last])] = values[first:last]
        recorder.append(block, times[start : start + ROWS], rows)
    for step, content, suffix in shown:
        recorder.sample(step, content, suffix)
    recorder.close("closed", "imported")


def _times(steps: np.ndarray, known: Mapping[int, float]) -> np.ndarray:
    """Seconds since the epoch (n,): those logged, between them what lies between; now where none was logged."""
    if not known:
        return np.full(len(steps), time.time())
    at = np.array(sorted(known))
    filled: np.ndarray = np.interp(steps, at, np.array([known[int(s)] for s in at]))
    return filled
