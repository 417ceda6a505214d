"""The series of a log as columns of signals by step: x turned into steps, values into what the signal means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gandiag.logs.series import LogError
from gandiag.rundir.schema import MAX_STEP
from gandiag.signals import describe
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.logs.mapping import Recognised
    from gandiag.logs.reading import Transform
    from gandiag.logs.series import Log

    ToSteps = Callable[[np.ndarray], np.ndarray]

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


def scale(log: Log, options: Options) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
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
        steps: np.ndarray = np.round(np.clip(x * factor, -1, MAX_STEP + 1)).astype(np.int64)
        return steps

    return convert, unit


def columns_of(
    log: Log, mapping: Recognised, options: Options, to_steps: Callable[[np.ndarray], np.ndarray]
) -> Columns:
    """All series of a log, those that were recognised under the names of signals."""
    columns = Columns()
    inverted = mapping.inverted if options.low_is_real is None else options.low_is_real
    invented = []
    for row in mapping.rows:
        x, values, times, ordered = log.series[row.name].settled()
        if ordered:
            invented.append(row.name)
        keep = np.isfinite(x) & (x >= 0) if not ordered else np.ones(len(x), dtype=bool)
        steps, values = x[keep].astype(np.int64) if ordered else to_steps(x[keep]), values[keep]
        if len(steps) and int(steps[-1]) > MAX_STEP:
            raise LogError(f"{row.name}: step {int(steps[-1]):,} is beyond the {MAX_STEP:,} that a run may have")
        if row.signal:
            values = _transformed(values, row.reading.transform if row.reading else "")
            if inverted and row.signal.startswith("d/") and not row.given:
                values = _flipped(row.signal, values, mapping.outputs == "probabilities")
        name = _flipped_name(row.signal, inverted) if row.signal else own_name(row.name)
        last = np.append(np.diff(steps) > 0, True) if len(steps) else np.zeros(0, dtype=bool)
        columns.series[name] = steps[last], values[last]
        if len(columns.times) < 10**6:
            columns.times.update((int(s), float(t)) for s, t in zip(steps, times[keep], strict=True) if np.isfinite(t))
    if any(series.redone for series in log.series.values()):
        mapping.notes.append("where steps go back, as after a resume, the later values count")
    if invented:
        mapping.notes.append(f"many values of {listed(invented, 4)} stand on each x; they are counted in their order")
    if inverted and any(n.startswith("d/") for n in columns.series):
        why = mapping.inverted_why or "as you said"
        mapping.notes.append(f"D's outputs were turned so that high is real: {why}")
    return columns


def own_name(name: str) -> str:
    """The name under which an unmapped series is kept."""
    plain = name.strip() or "unnamed"
    taken = plain in RESERVED or describe(plain).meaning != "logged by the loop"
    return f"log/{plain}" if taken else plain


def _transformed(values: np.ndarray, transform: Transform) -> np.ndarray:
    if transform == "root":
        root: np.ndarray = np.sqrt(np.maximum(values, 0))
        return root
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
