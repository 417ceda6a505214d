"""From a log and what its names mean to a run directory that all commands read."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.families import FAMILIES, LOGISTIC
from gandiag.logs import estimates, pictures
from gandiag.logs.recognise import Mapping_, recognise
from gandiag.logs.series import LogError
from gandiag.logs.sources import read
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.schema import MAX_STEP
from gandiag.rundir.snapshots import encode, following
from gandiag.signals import describe
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.logs.names import Transform
    from gandiag.logs.recognise import Row
    from gandiag.logs.series import Log

ROWS = 2000  # handed to the recorder at a time
KEPT = ("imported", "loss_family", "discriminator_outputs", "hyperparameters", "modes", "roles")
"""Fields of run.json that an export to TensorBoard carries along."""
RESERVED = ("step", "time")


@dataclass
class Options:
    """What an import can be told.

    Attributes
    ----------
    mapping : signals by the log's names, "none" for no signal
    accept : take the likeliest meaning where a name has several
    low_is_real : whether D's outputs are low for real; None to go by the log
    loss_family : as `gandiag.attach` takes it
    batch_size, steps_per_epoch : turn images, kimg and epochs into steps
    grid : rows and columns of pictures
    images, real : folders or files of generated pictures by step, and of real ones
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    accept: bool = False
    low_is_real: bool | None = None
    loss_family: str | None = None
    batch_size: int | None = None
    steps_per_epoch: int | None = None
    grid: tuple[int, int] | None = None
    images: str | None = None
    real: str | None = None


@dataclass
class Columns:
    """Series on their way to rows: steps and values by signal, and how derived ones were made."""

    series: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)


@dataclass
class Imported:
    """What was made of a log."""

    run_dir: str
    steps: int
    signals: tuple[str, ...]
    mapping: Mapping_
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


def write(log: Log, mapping: Mapping_, source: str | Path, run_dir: str | Path, options: Options) -> Imported:
    """Write a log under a mapping as a run."""
    if options.loss_family is not None and options.loss_family not in FAMILIES:
        raise LogError(f"--loss-family must be one of {', '.join(FAMILIES)}, got {options.loss_family!r}")
    to_steps, unit = _scale(log, options)
    columns = _columns(log, mapping, options, to_steps)
    _derive(log, mapping, columns, options)
    shown = _pictures(log, columns, options, to_steps)
    if not mapping.mapped and not shown:
        seen = listed((row.name for row in mapping.rows), 12) or "none"
        raise LogError(f"{source}: none of its series tells gandiag anything (found: {seen}); say what they stand for, "
                       "such as --map THEIRS=loss/discriminator")  # fmt: skip
    meta = _meta(log, mapping, columns, source, unit, options)
    _record(run_dir, columns, shown, meta)
    steps = max(int(s[-1]) for s, _ in columns.series.values() if len(s))
    return Imported(str(run_dir), steps, tuple(columns.series), mapping, meta)


def _scale(log: Log, options: Options) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """From the log's x to steps, and what one step is."""
    batch = options.batch_size or log.facts.get("batch_size")
    epoch = options.steps_per_epoch or log.facts.get("steps_per_epoch")
    images = 1000.0 if log.axis == "kimg" else 1.0
    if log.axis in ("kimg", "images"):
        factor, unit = (images / float(batch), "steps") if batch else (images, "images")
    elif log.axis == "epochs":
        factor, unit = (float(epoch), "steps") if epoch else (1.0, "epochs")
    else:
        factor, unit = 1.0, "rows" if log.axis == "rows" else "steps"

    def convert(x: np.ndarray) -> np.ndarray:
        steps: np.ndarray = np.round(x * factor).astype(np.int64)
        return steps

    return convert, unit


def _columns(log: Log, mapping: Mapping_, options: Options, to_steps: Callable[[np.ndarray], np.ndarray]) -> Columns:
    columns = Columns()
    inverted = mapping.inverted if options.low_is_real is None else options.low_is_real
    invented = []
    for row in mapping.rows:
        x, values, times, ordered = log.series[row.name].settled()
        if ordered:
            invented.append(row.name)
        keep = np.isfinite(x) & (x >= 0) if not ordered else np.ones(len(x), dtype=bool)
        steps, values = to_steps(x[keep]), values[keep]
        if len(steps) and int(steps[-1]) > MAX_STEP:
            raise LogError(f"{row.name}: step {int(steps[-1]):,} is beyond the {MAX_STEP:,} that a run may have")
        if row.signal:
            values = _transformed(values, row.reading.transform if row.reading else "", row)
            if inverted and row.signal.startswith("d/") and not row.given:
                values = _flipped(row.signal, values, mapping.outputs == "probabilities")
        name = _flipped_name(row.signal, inverted) if row.signal else _own(row.name)
        last = np.append(np.diff(steps) > 0, True) if len(steps) else np.zeros(0, dtype=bool)
        columns.series[name] = steps[last], values[last]
        if len(columns.times) < 10**6:
            columns.times.update((int(s), float(t)) for s, t in zip(steps, times[keep], strict=True) if np.isfinite(t))
    if invented:
        mapping.notes.append(f"many values of {listed(invented, 4)} stand on each x; they are counted in their order")
    if inverted and any(n.startswith("d/") for n in columns.series):
        why = mapping.inverted_why or "as you said"
        mapping.notes.append(f"D's outputs were turned so that high is real: {why}")
    return columns


def _own(name: str) -> str:
    """The name under which an unmapped series is kept."""
    plain = name.strip() or "unnamed"
    taken = plain in RESERVED or describe(plain).meaning != "logged by the loop"
    return f"log/{plain}" if taken else plain


def _transformed(values: np.ndarray, transform: Transform, row: Row) -> np.ndarray:
    if row.signal == "penalty/norm" or transform == "root":
        return np.sqrt(np.maximum(values, 0))
    if transform == "sign":
        return (1 + values) / 2
    if transform in ("share", "wrong"):
        finite = values[np.isfinite(values)]
        share = values / 100 if len(finite) and finite.max() > 1.5 else values
        return 1 - share if transform == "wrong" else share
    return values


def _flipped(signal: str, values: np.ndarray, probabilities: bool) -> np.ndarray:
    """D's outputs of a D that is low for real, the other way up."""
    if signal.endswith("/positive"):
        return 1 - values
    if signal.endswith("/std"):
        return values
    return 1 - values if probabilities else -values


def _flipped_name(signal: str, inverted: bool) -> str:
    if inverted and signal.startswith("d/") and signal.endswith(("/min", "/max")):
        return signal[:-3] + ("max" if signal.endswith("min") else "min")
    return signal


def _derive(log: Log, mapping: Mapping_, columns: Columns, options: Options) -> None:
    """Signals that follow from what is there: the sum of D's sides, its area, counts of what is not finite."""
    family = options.loss_family or mapping.family
    _sum_of_sides(mapping, columns)
    _area(mapping, columns, family)
    counted = [n for n in columns.series if n.startswith(("loss/", "d/", "grad/")) and n not in columns.derived]
    kinds = ("part of G's loss", "part of D's loss", "one side of D's loss")
    counted += [
        _own(r.name) for r in mapping.rows if r.reading is not None and r.reading.kind in kinds and not r.signal
    ]
    if counted and "nonfinite" not in columns.series:
        steps = np.unique(np.concatenate([columns.series[n][0] for n in counted]))
        bad = np.zeros(len(steps))
        for name in counted:
            own, values = columns.series[name]
            bad[np.searchsorted(steps, own)] += ~np.isfinite(values)
        columns.series["nonfinite"] = steps, bad
        columns.derived["nonfinite"] = "counted among losses, outputs of D and gradient norms"


def _common(columns: Columns, *names: str) -> tuple[np.ndarray, list[np.ndarray]]:
    steps = columns.series[names[0]][0]
    for name in names[1:]:
        steps = np.intersect1d(steps, columns.series[name][0])
    return steps, [v[np.searchsorted(s, steps)] for s, v in (columns.series[n] for n in names)]


def _sum_of_sides(mapping: Mapping_, columns: Columns) -> None:
    if any(n.startswith("loss/discriminator") for n in columns.series):
        return
    sides: dict[str, list[str]] = {"real": [], "fake": []}
    for row in mapping.rows:
        if row.reading is not None and row.reading.kind == "one side of D's loss" and row.reading.sure:
            sides[row.reading.side].append(row.name)
    if [len(s) for s in sides.values()] != [1, 1]:
        return
    real, fake = (_own(names[0]) for names in sides.values())
    steps, (on_real, on_fake) = _common(columns, real, fake)
    if len(steps):
        columns.series["loss/discriminator"] = steps, on_real + on_fake
        columns.derived["loss/discriminator"] = f"the sum of {real} and {fake}"


def _area(mapping: Mapping_, columns: Columns, family: str) -> None:
    """d/auc where the log has none, see `gandiag.logs.estimates`."""
    real, fake, loss = "d/real/mean", "d/fake/mean", "loss/discriminator"
    have = set(columns.series)
    if "d/auc" in have or family in ("wgan", "wgan-gp"):
        return
    if {real, fake, "d/real/std", "d/fake/std"} <= have:
        steps, values = _common(columns, real, fake, "d/real/std", "d/fake/std")
        made, how = estimates.auc_of_normal(*values), "means and spreads of D's outputs, taken as normal"
    elif {real, fake} <= have and mapping.outputs == "probabilities":
        steps, values = _common(columns, real, fake)
        made, how = estimates.auc_of_probabilities(*values), "mean probabilities, for a D as sure as it is right"
    elif {real, fake} <= have:
        return
    elif loss in have and (told := _bce(columns.series[loss][1], family)):
        steps, made = columns.series[loss][0], estimates.auc_of_loss(columns.series[loss][1], halved=told == "halved")
        how = "D's loss, taken as a BCE loss of a D as sure as it is right"
        how += ", the mean of both sides" if told == "halved" else ""
    else:
        return
    columns.series["d/auc"] = steps, made
    columns.derived["d/auc"] = f"estimated from {how}"


def _bce(values: np.ndarray, family: str) -> str:
    """Whether D's loss may be read as BCE: "sum" or "halved"; "" where it may not.

    A low loss of D means that it tells both kinds apart under LSGAN and hinge, too, so an unknown family is read as the
    mean of both sides, which says least.
    """
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() < 0:
        return ""
    if family in LOGISTIC and (np.abs(finite[:3] - estimates.LOG_4) < 0.2).any():
        return "sum"
    return "halved"


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
    shown, due = [], following(0)
    for step, each in zip(steps, kept, strict=True):
        if int(step) >= due or not shown:
            shown.append((int(step), *encode(each.tiles)))
            due = following(max(int(step), 0))
    return shown


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
    log: Log, mapping: Mapping_, columns: Columns, source: str | Path, unit: str, options: Options
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
