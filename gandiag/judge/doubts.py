"""Why a detector that found nothing does not clear a run: no signals, too few, ended early, or still in its grace."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.findings import TRAIN_LONGER, NotAssessed
from gandiag.judge.missing import END, intervals
from gandiag.judge.sparse import unresolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.detectors import Detector
    from gandiag.rundir.run import Run

ESSENTIAL = (("non-finite",), ("vanishing-gradients",), ("mode-collapse",), ("sample-collapse",))
"""Of each of these groups one failure at least must have been looked for before a run is called healthy. Both kinds of
collapse are seen without labels, and neither shows the other: lost parts of the data leave a batch diverse.

A group none of whose rules applies to the run's loss family is left out: that a rule does not apply is a fact about the
loss, not a gap in the record, so nothing that could be recorded would ever close it, and the run would stay undecided
for ever. Whatever does apply must have been looked for: a group with one rule that does not apply and another whose
signals are missing stays open. Where no group applies at all nothing essential was looked at, and nothing is decided.
"""

LATEST = 8
"""Intervals between values of a signal that tell how often it is recorded at the end."""
ESSENTIAL_END, ESSENTIAL_STEPS = 0.01, (20, 100)
"""The share of a run, within bounds in steps, before whose end what is essential may stop: END is that of all else."""
NEVER = {
    "sample-collapse": "the samples have not been diverse at any point so far",
    "mode-collapse": "most of the data has not been covered at any point so far",
    "mode-hopping": "G has not shown more than a few modes at once so far",
    "critic-constraint": "the gradient norm on interpolates has not come near 1 so far",
}
"""What has never been seen of a run of which only its grace keeps a detector from a finding."""
SAMPLES = "pass the samples as well: callback.observe(real=d_out_real, fake=d_out_fake, real_samples=x, fake_samples=y)"
WEAK = {
    "diversity/latent": (
        "no real samples were seen, and compared with its own best a generator that was always poor looks fine"
    )
}
"""Signals that show failures, and no health: what they leave open."""
_ATTACH = re.compile(r"^attach with gandiag\.attach(; |, or |, and |$)")


def is_essential(code: str) -> bool:
    """Whether a failure is one of `ESSENTIAL`."""
    return any(code in group for group in ESSENTIAL)


def looked_at_essentials(looked_for: set[str], excluded: set[str]) -> bool:
    """Whether something of each group of `ESSENTIAL` that applies was looked for, and at least one group applies."""
    groups = [set(group) for group in ESSENTIAL if not excluded.issuperset(group)]
    return bool(groups) and all(looked_for & group for group in groups)


def obstacle(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector cannot judge this run: it is too short or lacks signals; None where it can."""
    steps = run.last_step - int(run.scalars.index[0]) + 1 if len(run.scalars) else 0
    if steps < detector.min_run_steps:
        reason = f"the run has {steps:,} steps, and this check needs {detector.min_run_steps:,}"
        return NotAssessed(code=detector.code, reason=reason, how_to=TRAIN_LONGER)
    if missing := lacking(run, detector):
        reason = f"{_and(missing)} {'was' if len(missing) == 1 else 'were'} not recorded"
        how_to = SAMPLES if _samples_alone(run, detector) else _how_to(run, detector)
        return NotAssessed(code=detector.code, reason=reason, how_to=how_to, missing=missing)
    return unresolved(detector, run)


def lacking(run: Run, detector: Detector) -> tuple[str, ...]:
    """Those of a detector's `needs` of which nothing was recorded."""
    return tuple(n for n in detector.needs if not any(run.has(name) for name in n.split("|")))


def _samples_alone(run: Run, detector: Detector) -> bool:
    """Whether samples are what is missing of a run that is attached, or whose D was observed."""
    known = bool(run.meta.get("roles")) or run.has("d/auc")
    return known and any(set(WEAK) & {*names.split("|")} for names in detector.needs)


def doubt(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector that finds nothing at the end of a run does not clear it; None where it does."""
    if detector.score(run).empty:
        reason = f"{_and(detector.needs)} {'was' if len(detector.needs) == 1 else 'were'} recorded too rarely to tell"
        return NotAssessed(code=detector.code, reason=reason, how_to=_how_to(run, detector, seldom=True))
    return _weak(run, detector) or _ended(run, detector)


def _weak(run: Run, detector: Detector) -> NotAssessed | None:
    """Where all that is there of what a detector needs can show failures only."""
    for names in detector.needs:
        there = [name for name in names.split("|") if run.has(name)]
        if all(name in WEAK for name in there):
            return NotAssessed(code=detector.code, reason=WEAK[there[0]], how_to=SAMPLES)
    return None


def _ended(run: Run, detector: Detector) -> NotAssessed | None:
    """Where a signal that a detector needs ends before the run does."""
    ends = {names: max(_end(run, n, detector.code) for n in names.split("|")) for names in detector.needs}
    for name, (good_for, last) in ends.items():
        if good_for < run.last_step:
            reason = f"{_or(name)} was recorded up to step {last:,} of {run.last_step:,}"
            return NotAssessed(code=detector.code, reason=reason, how_to=_how_to(run, detector))
    return None


def _end(run: Run, name: str, code: str) -> tuple[float, int]:
    """How far a signal reaches: the step up to which its last value still counts, and the step of that value.

    It is good for twice the interval of its latest values (the second longest of the last eight: one may be a gap),
    and for a tenth of the run, or a hundredth where the failure is essential.
    """
    if not run.has(name):
        return 0.0, 0
    steps = run.series(name).index.to_numpy()
    latest = np.sort(np.diff(steps[-LATEST - 1 :]))
    interval = float(latest[max(len(latest) - 2, 0)]) if len(latest) else 0.0
    span = run.last_step - int(run.scalars.index[0])
    least = float(np.clip(ESSENTIAL_END * span, *ESSENTIAL_STEPS)) if is_essential(code) else END * span
    return steps[-1] + max(2 * interval, least), int(steps[-1])


def in_grace(run: Run, detector: Detector) -> NotAssessed | None:
    """Why a detector finds nothing where only its grace, the time that a network has to warm up, keeps it from that.

    None where it would find nothing in any case.
    """
    if not (grace := getattr(detector, "grace_steps", 0)):
        return None
    until = int(detector.score(run).index[0]) + grace
    if until < run.last_step and not is_essential(detector.code):  # asking takes time, and hardly any gains for longer
        return None
    impatient: Any = replace(detector, grace_steps=0)  # type: ignore[type-var]
    if not any(f.ongoing for f in impatient(run)):
        return None
    reason = NEVER.get(detector.code, "this has held at every point so far")
    how_to = f"train for longer: from step {until:,} on this counts as a failure, unless it is still improving then"
    return NotAssessed(code=detector.code, reason=reason, how_to=how_to)


def _how_to(run: Run, detector: Detector, *, seldom: bool = False) -> str:
    """How signals are to be had that a run lacks, or has too `seldom`: no use to tell to attach who did."""
    found = detector.how_to
    if run.meta.get("roles"):
        found = _ATTACH.sub("", found)
    if seldom and intervals(run.meta.get("plan")):
        found = "pass max_overhead=None, for a record of every round of the game"
    return found or "look at run.json for what was attributed"


def _and(needs: Sequence[str]) -> str:
    """Signals that are all needed, in one line."""
    words = [_or(names) for names in needs]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _or(names: str) -> str:
    return names.replace("|", " or ")
