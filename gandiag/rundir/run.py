"""The read side: a `Run` is what one training recorded, from a directory or from memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gandiag.findings import shown_in_notebook
from gandiag.rundir.ending import ending
from gandiag.rundir.events import with_evaluations
from gandiag.rundir.folder import SCHEMA, Folder, RunError
from gandiag.rundir.lost import lost_steps
from gandiag.rundir.parts import REAL_NAMES, sample_step
from gandiag.rundir.ranks import exact_after, merge_metas, merge_rows
from gandiag.rundir.reading import Segments, read_arrays, read_events, read_metas, read_scalars, steadily
from gandiag.signals import SIGNALS, is_listed
from gandiag.signals.names import matching
from gandiag.wording import meant

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from os import PathLike

    import numpy as np
    import pandas as pd

    from gandiag.findings import Diagnosis
    from gandiag.reports.figure import Chart


__all__ = ["SCHEMA", "Folder", "Run", "RunError", "Sample"]


@dataclass(frozen=True)
class Sample:
    """One snapshot of generated samples: `kind` is "image" (a PNG grid) or "points" (an .npz)."""

    step: int
    kind: str
    path: str


@dataclass(frozen=True, repr=False)
class Run:
    """Everything recorded of one training.

    `scalars` has one row per step (a generator update, from 1) and one float column per signal, NaN where a
    signal was not recorded. `time` holds the wall clock in seconds since the epoch by the same index.
    `arrays` maps a name to (steps, values) with values of shape (len(steps), ...). `meta` is run.json. `damage` has a
    sentence, which begins with the file, for each thing that could not be read. `real_samples` is a batch of the data,
    kept for comparison; its step is 0.
    """

    scalars: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    time: pd.Series | None = None
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    samples: tuple[Sample, ...] = ()
    path: str = ""
    damage: tuple[str, ...] = ()
    real_samples: Sample | None = None
    memo: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What was worked out from this run once and is asked for again; see `gandiag.detectors.windows.remembered`."""

    @classmethod
    def open(cls, path: str | PathLike[str], *, signals: Container[str] | None = None) -> Run:
        """Read a run directory, of a running, closed or killed training, on any fsspec file system.

        With `signals` only these are read, which is faster where they are few.
        The rows of a distributed training's ranks are merged as `gandiag.rundir.ranks` says.
        Raises RunError naming the file when the directory holds no run, or nothing of its rows can be read. What else
        is damaged stands in `damage`. Files under a temporary name and a torn last line, which a killed process may
        leave, are ignored.
        """
        folder = Folder(path)
        metas = read_metas(folder)
        segments = Segments(metas)
        frames, damaged_rows = read_scalars(folder, segments, signals)
        events, damaged_events = read_events(folder, metas, segments)
        arrays, damaged_arrays = read_arrays(folder, segments)
        events += tuple(steadily(folder, lambda: lost_steps(folder, metas, segments, frames, events)))
        meta = merge_metas(metas, frames, exact_after(events))
        scalars = with_evaluations(merge_rows(frames, meta["roles"]), events)
        return cls(
            scalars=scalars.drop(columns="time"),
            time=scalars["time"],
            meta=meta,
            arrays=arrays,
            events=events,
            samples=tuple(_samples(folder)),
            path=str(path),
            damage=(*damaged_rows, *damaged_events, *damaged_arrays),
            real_samples=_real(folder),
        )

    def __repr__(self) -> str:
        where = f" {self.path}" if self.path else ""
        told = f"{self.last_step:,} steps, {self.scalars.shape[1]:,} signals, {ending(self.meta).status}"
        return f"<Run{where}: {told}>"

    def _repr_html_(self) -> str:
        return shown_in_notebook("run", self)

    def plot(self, *names: str, diagnosis: Diagnosis | None = None) -> Chart:
        """The charts of signals as a report has them, with the onsets of a diagnosis' findings.

        A notebook shows what is returned; it has the matplotlib `figure`, and `save(path)`. Names may have the
        placeholders of the table: `grad/<net>/norm`. Raises LookupError for signals that the run does not have.
        """
        import gandiag

        chart: Chart = gandiag.reports.chart(self, names, diagnosis)
        return chart

    @property
    def last_step(self) -> int:
        """Last recorded step, 0 for an empty run."""
        return int(self.scalars.index[-1]) if len(self.scalars) else 0

    @property
    def loss_family(self) -> str:
        """Loss family as given or inferred, "unknown" when neither."""
        return str(self.meta.get("loss_family", {}).get("name", "unknown"))

    def series(self, name: str) -> pd.Series:
        """The recorded values of one signal, without the steps at which it was not recorded.

        A name of the table with placeholders, `grad/<net>/layer/<layer>`, stands for all signals that it describes:
        the largest of their values at each step. Raises LookupError for a name that neither the table nor the run has.
        """
        key = "series", name
        if key not in self.memo:
            self.memo[key] = self._series(name)
        series: pd.Series = self.memo[key]
        return series

    def _series(self, name: str) -> pd.Series:
        import numpy as np
        import pandas as pd

        if "<" in name and (found := self.names(name)):
            values: pd.Series = self.scalars[found].max(axis=1).rename(name).dropna()
            return values
        if name not in self.scalars:
            if not is_listed(name):
                known = [*map(str, self.scalars), *(signal.name for signal in SIGNALS)]
                raise LookupError(f"no such signal: {name!r}{meant(name, known)}")
            return pd.Series(dtype="float64", name=name, index=self.scalars.index[:0])
        column = self.scalars[name]
        numbers = column.to_numpy()
        present = ~np.isnan(numbers)
        return column if present.all() else pd.Series(numbers[present], column.index[present], name=name)

    def has(self, name: str) -> bool:
        """Whether a signal, or one that a name with placeholders stands for, has any value."""
        return (name in self.scalars or "<" in name or is_listed(name)) and not self.series(name).empty

    def names(self, pattern: str) -> list[str]:
        """The recorded signals that a name of the table with placeholders stands for, in the order of recording."""
        return matching(pattern, map(str, self.scalars))

    def until(self, step: int) -> Run:
        """The run as it was recorded up to and including `step`."""
        arrays = {k: (s[s <= step], v[s <= step]) for k, (s, v) in self.arrays.items()}
        samples = tuple(s for s in self.samples if s.step <= step)
        time = None if self.time is None else self.time.loc[:step]
        scalars = self.scalars.loc[:step]
        events = tuple(e for e in self.events if e.get("from_step", e.get("step", 0)) <= step)
        return replace(self, scalars=scalars, time=time, arrays=arrays, samples=samples, events=events)


def _samples(folder: Folder) -> Iterator[Sample]:
    for name in folder.names("samples"):
        if (step := sample_step(name)) is not None:
            kind = "image" if name.endswith(".png") else "points"
            yield Sample(step, kind, folder.join("samples", name))


def _real(folder: Folder) -> Sample | None:
    for name in folder.names("samples"):
        if name in REAL_NAMES:
            return Sample(0, "image" if name.endswith(".png") else "points", folder.join("samples", name))
    return None
