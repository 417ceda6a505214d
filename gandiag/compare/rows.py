"""One run as a row: what is said of it, its settings, and enough of its curves and samples to be set beside others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gandiag.compare.kept import kept
from gandiag.findings import json_ready
from gandiag.judge.diagnose import diagnose
from gandiag.judge.policy import read_policy
from gandiag.reports.best import best_step
from gandiag.reports.lines import line_of
from gandiag.reports.strips import Frame, last_frame
from gandiag.rundir.ending import ending
from gandiag.rundir.run import Run, RunError
from gandiag.signals import QUALITY
from gandiag.wording import one_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.policy import PolicyLike
    from gandiag.reports.best import Best
    from gandiag.reports.lines import Line

UNREADABLE = "unreadable"
CURVES = {
    "quality/fid": "FID",
    "quality/frechet": "Fréchet distance",
    "quality/kid": "KID",
    "quality/kernel_distance": "Kernel distance",
    "quality/recall": "Recall",
    "distance/energy": "Distance to the real batch",
    "diversity/ratio": "Diversity, generated over real",
    "modes/effective": "Modes that are covered",
    "bins/effective": "Parts of the data that are covered",
    "d/auc": "D's separation of real and generated (AUC)",
    "loss/generator": "Loss of G",
    "loss/discriminator": "Loss of D",
    "feedback/norm": "Feedback from D to G",
    "grad/generator/norm": "Gradient norm of G",
    "grad/discriminator/norm": "Gradient norm of D",
}
"""Signals of which curves are kept, and what their charts are called."""
RATES = ("rate/generator", "rate/discriminator")
SIGNALS = frozenset((*CURVES, *QUALITY, *RATES, "samples/real", "samples/fake"))
"""All that a row is made of, beside a diagnosis; how many samples stand behind a value weighs the values of ranks."""
THUMBNAIL = 30_000  # bytes of a snapshot
LONGEST = 200  # letters of a setting's value


@dataclass(frozen=True)
class Row:
    """What is known of one run; of one that cannot be read `why`, and the verdict "unreadable".

    `first_failure` and `onset_step` are of the earliest finding that makes the verdict; `best` is the best step,
    and by what. `settings` are numbers and texts by name. `curves`
    are lines by signal, `sample` is the last snapshot.
    """

    path: str
    verdict: str
    why: str = ""
    status: str = ""
    steps: int = 0
    first_failure: str = ""
    onset_step: int | None = None
    failures: tuple[str, ...] = ()
    last_healthy_step: int | None = None
    best: Best | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    curves: Mapping[str, Line] = field(default_factory=dict, repr=False)
    sample: Frame | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What fits into a table or a JSON file: all but curves and samples."""
        best = self.best
        told: dict[str, Any] = json_ready(
            {
                "run": self.path,
                "verdict": self.verdict,
                "why": self.why,
                "status": self.status,
                "steps": self.steps,
                "first_failure": self.first_failure,
                "onset_step": self.onset_step,
                "failures": list(self.failures),
                "last_healthy_step": self.last_healthy_step,
                "best_step": best.step if best else None,
                "quality": best.value if best else None,
                "quality_measure": best.signal if best else "",
                "settings": dict(self.settings),
            }
        )
        return told


def look(path: str | PathLike[str], policy: PolicyLike = None, *, quick: bool = False) -> Row:
    """Read a run directory and judge it; what cannot be read, or judged, is a row that says so.

    It can be pickled, and needs nothing of other runs: a task for a process, or for a node of a cluster. `quick` takes
    the diagnosis that the training itself left behind, see `gandiag.compare.kept.kept`.
    """
    where = shown(str(path))
    try:
        in_force = read_policy(policy)
        if quick and (found := kept(path, in_force, SIGNALS)):
            return row_of(*found)
        run = Run.open(path)
        return row_of(run, diagnose(run, policy=in_force))
    except RunError as error:
        return Row(where, UNREADABLE, why=one_line(str(error)))
    except OSError as error:
        return Row(where, UNREADABLE, why=one_line(f"{path}: cannot be read: {error.strerror or error}"))
    except Exception as error:  # noqa: BLE001 - one run of a thousand must not cost the others
        why = f"{path}: a fault of gandiag's own: {type(error).__name__}: {error}"
        return Row(where, UNREADABLE, why=one_line(why))


def row_of(run: Run, diagnosis: Diagnosis) -> Row:
    """The row of a run that was read and judged."""
    first = _first(diagnosis)
    lines = {name: line_of(run.scalars[name]) for name in CURVES if name in run.scalars}
    return Row(
        path=shown(run.path),
        verdict=diagnosis.verdict,
        why=_why(run, diagnosis),
        status=one_line(ending(run.meta).status),
        steps=run.last_step,
        first_failure=shown(first.title) if first else "",
        onset_step=first.onset_step if first else None,
        failures=tuple(dict.fromkeys(shown(f.title) for f in diagnosis.findings if f.counts)),
        last_healthy_step=diagnosis.last_healthy_step,
        best=best_step(run, diagnosis),
        settings=dict(_settings(run)),
        curves={name: line for name, line in lines.items() if line},
        sample=last_frame(run, THUMBNAIL),
    )


def _first(diagnosis: Diagnosis) -> Finding | None:
    """The earliest finding of those that the verdict rests on."""
    counting = [f for f in diagnosis.findings if f.counts]
    ongoing = [f for f in counting if f.ongoing and f.severity == "failure"]
    return min(ongoing or counting, key=lambda f: f.onset_step, default=None)


def _why(run: Run, diagnosis: Diagnosis) -> str:
    if not len(run.scalars):
        return "nothing was recorded"
    if run.damage:
        return one_line(f"damaged: {run.damage[0]}", 300)
    if diagnosis.errors:
        return one_line(f"the detector {diagnosis.errors[0].code} broke: {diagnosis.errors[0].message}", 300)
    if diagnosis.verdict == "undecided" and diagnosis.not_assessed:
        first = diagnosis.not_assessed[0]
        return one_line(f"{first.title}: {first.reason}", 300)
    return ""


def _settings(run: Run) -> Iterator[tuple[str, float | str]]:
    """The hyperparameters that were recorded, the loss family, and the learning rates of the first step."""
    yield from _flat(run.meta.get("hyperparameters", {}))
    yield "loss family", one_line(run.loss_family, LONGEST)
    rates = {}
    for name, net in zip(RATES, "GD", strict=True):
        series = run.series(name)
        if len(series):
            rates[net] = float(series.iloc[0])
            yield f"first rate of {net}", rates[net]
    if len(rates) == 2 and rates["G"] > 0:
        yield "first rate of D over G", rates["D"] / rates["G"]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | str]]:
    for key, value in settings.items():
        name = one_line(f"{prefix}{key}", LONGEST)
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, float(value)
        else:
            yield name, one_line(value if isinstance(value, str) else json.dumps(value, default=str), LONGEST)
