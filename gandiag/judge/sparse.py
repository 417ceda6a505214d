"""Runs whose records are far apart, as logs of other programs are: detectors' windows widened, onsets as intervals.

Detectors count windows in steps, for records of every step or every eighth. A log with a line for every 100 steps holds
one value where a window wants ten, so windows, and how long something must last, are widened to hold as many values as
they would: what is found takes longer to be found, and what passes sooner is missed.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import NotAssessed
from gandiag.signals.names import NETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

ROWS = 2.6
"""Intervals between records in a window: `gandiag.detectors.windows` reaches back over four windows for ten values."""
OF_EPOCHS = 1 / 40
"""What windows are multiplied by, at most, where a step is an epoch: none has fewer updates than 40."""
RESOLVED = 16
"""Steps between records beyond which cycles cannot be told from the beat of the log."""
CYCLES = ("oscillation",)
WINDOWS = ("window_steps", "reference_steps")
ATTACH = "gandiag.attach(generator, discriminator, run_dir=...)"
LACKING = {
    "gradients": tuple(f"grad/{net}/norm" for net in NETS),
    "D's outputs": ("d/real/mean", "d/fake/mean"),
    "generated samples": ("diversity/fake", "diversity/ratio"),
    "real samples": ("diversity/real", "diversity/ratio"),
    "what D tells G": ("feedback/norm",),
    "sizes of updates": ("update/generator/ratio",),
    "measured quality": ("quality/fid", "quality/kid", "quality/is", "quality/frechet"),
}
"""What a reader would want of a training, and signals that show it."""

UNITS = {
    "epochs": "an epoch (--steps-per-epoch tells how many steps that is)",
    "images": "an image (--batch-size tells how many make a step)",
    "rows": "a row: the log has no step",
}
"""What a step of an imported run is, where it is none."""


def fitted(detectors: Sequence[Detector], run: Run) -> tuple[Detector, ...]:
    """The detectors with windows as wide as the records of an imported run ask for; of other runs as they are."""
    if not is_sparse(run):
        return tuple(detectors)
    return tuple(_widened(detector, run) for detector in detectors)


def is_imported(run: Run) -> bool:
    """Whether a run was made of logs."""
    return isinstance(run.meta.get("imported"), dict)


def is_sparse(run: Run) -> bool:
    """Whether a run was made of logs that gandiag did not write: their cadence is not that of its plan."""
    return is_imported(run) and not run.meta["imported"].get("exported")


def _widened(detector: Detector, run: Run) -> Detector:
    """With all of its thresholds in steps multiplied by one factor."""
    epochs = run.meta["imported"].get("unit") in ("epochs", "rows")
    window = next((float(getattr(detector, n)) for n in WINDOWS if hasattr(detector, n)), 0.0)
    apart = _apart(detector, run)
    factor = OF_EPOCHS if epochs else 1.0
    if window and apart:
        factor = max(ROWS * apart / window, factor)
    if 0.99 < factor < 1.01 or detector.code in CYCLES:
        return detector
    steps = {f.name: getattr(detector, f.name) for f in fields(detector) if f.name.endswith("_steps")}  # type: ignore[arg-type]
    changed: Any = detector
    try:
        return replace(changed, **{n: max(1, round(v * factor)) for n, v in steps.items() if v})  # type: ignore[no-any-return]
    except ValueError:  # of a detector that cannot be asked with other windows
        return detector


def _apart(detector: Detector, run: Run) -> float:
    """Steps between two records of what a detector needs, 0 where it lacks that."""
    found = []
    for names in detector.needs:
        steps = [_interval(run, name) for name in names.split("|")]
        found.append(min((s for s in steps if s), default=0.0))
    return max(found, default=0.0)


def _interval(run: Run, name: str) -> float:
    steps = run.series(name).index.to_numpy()
    return float(np.median(np.diff(steps))) if len(steps) > 2 else 0.0


def unresolved(detector: Detector, run: Run) -> NotAssessed | None:
    """Why a log is too sparse for a detector, however wide its windows; None where it is not."""
    apart = _apart(detector, run) if detector.code in CYCLES and is_sparse(run) else 0.0
    if apart <= RESOLVED:
        return None
    reason = f"the log has a value for every {apart:,.0f} steps: faster cycles do not show in it, or look slower"
    return NotAssessed(code=detector.code, reason=reason, how_to=f"record the training with one line: {ATTACH}")


def dated(finding: Finding, run: Run) -> Finding:
    """With the records between which it began, where an imported run has none in between."""
    if not is_sparse(run):
        return finding
    names = [name for name in (*(e.signal for e in finding.evidence), *finding.columns) if name in run.scalars]
    steps = run.series(names[0]).index.to_numpy() if names else np.zeros(0)
    before, after = steps[steps < finding.onset_step], steps[steps >= finding.onset_step]
    if not len(before) or not len(after) or after[0] - before[-1] <= 1:
        return finding
    between = int(before[-1]), int(after[0])
    told = replace(finding, onset_step=min(between[1], finding.last_step), onset_between=between)
    summary = finding.summary.replace(f"from step {finding.onset_step:,}", told.since)
    return replace(told, summary=summary)


def what_logs_lack(run: Run) -> list[str]:
    """What the logs of an imported run cannot show, what of it is estimated, and what was left open."""
    if not is_imported(run):
        return []
    told = run.meta["imported"]
    gone = [what for what, names in LACKING.items() if all(run.series(name).empty for name in names)]
    said = []
    if gone:
        lacks = f"the run was imported from logs, which hold nothing of {', '.join(gone)}"
        said.append(f"{lacks}; one line in the training loop records it all: {ATTACH}")
    derived = told.get("derived")
    for name, how in derived.items() if isinstance(derived, dict) else ():
        if name != "nonfinite":
            said.append(f"{name} {'was' if how.startswith('estimated') else 'is'} {how}")
    if told.get("open"):
        names = ", ".join(map(str, told["open"][:8]))
        said.append(f"names with more than one meaning were left out: {names}; import again with --map NAME=SIGNAL")
    if (unit := told.get("unit")) in UNITS:
        said.append(f"a step of this run is {UNITS[unit]}")
    notes = told.get("notes")
    return said + [str(note) for note in notes] if isinstance(notes, list) else said
