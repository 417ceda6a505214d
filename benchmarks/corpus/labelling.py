"""What a run is labelled with, from how it was made and from its ground truth; no detector is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from benchmarks.corpus.configurations import PlannedRun

Status = Literal["healthy", "failing", "partial"]
Source = Literal["construction", "ground truth", "analytic"]

COLLAPSED = 0.2  # share of modes lost: two of eight or ten, five of 25
COVERED = 0.1  # at most so many are lost in a run that is called healthy: none of eight, one of ten, two of 25
FEW = 0.5  # effective modes over expected: half of the variety is gone
ALIKE = 0.1  # spread within a mode over that of real data
SATURATED = 0.01  # D(G(z)): a saturating loss passes at most this part of the gradient
SURE = 0.99  # AUC of D
WORSE = 0.5  # of the best share of samples near a mode that was reached before
LEARNED = 0.1  # share of samples near a mode that a G reached which has learned anything at all
SETTLING = 0.2  # of a training: a G that never had the modes counts as collapsed from here on
FAR_FROM_DATA = 0.5  # share of samples near a mode that a stagnating G never reached
AT_THE_END = 0.2  # of a training: what lasts so long, up to the end, is a failure and no episode
COPIED = 0.1  # share of samples that are copies: of held-out samples a hundredth is as near to the training data
FAR = 0.5  # distance from the equilibrium of a game that starts at a distance of 1.4 to 2


@dataclass(frozen=True)
class Failure:
    """One failure that a run has.

    `onset_step` is the step of the fault where it was injected; otherwise the first evaluation of ground truth from
    which it holds to the end.
    """

    code: str
    onset_step: int
    source: Source


@dataclass(frozen=True)
class Label:
    """What is known about a run.

    Attributes
    ----------
    status : "partial" is neither: some modes are lost but fewer than a fifth, a collapse was passed through, or a
        failure was meant that ground truth does not confirm
    failures : in order of onset
    figures : the last values of ground truth
    """

    status: Status
    failures: tuple[Failure, ...]
    figures: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def label(run: PlannedRun, truth: pd.DataFrame) -> Label:
    """Label a run.

    Parameters
    ----------
    run : what was trained
    truth : the table of `Referee`
    """
    steps, event = run.recipe.steps, run.configuration.event_step
    found: dict[str, Failure] = {}
    for code in run.configuration.meant:
        if (failure := _meant(code, truth, event)) is not None:
            found[code] = failure
    for code, onset in _seen(truth, steps, event).items():
        found.setdefault(code, Failure(code, onset, "ground truth"))
    failures = tuple(sorted(found.values(), key=lambda f: f.onset_step))
    figures = {str(name): round(float(value), 4) for name, value in truth.iloc[-1].items() if np.isfinite(value)}
    return Label(_status(run, truth, failures), failures, figures)


def _status(run: PlannedRun, truth: pd.DataFrame, failures: tuple[Failure, ...]) -> Status:
    if failures:
        return "failing"
    if set(run.configuration.meant) - {"mode-collapse"}:  # whether a G collapses is decided by ground truth alone
        return "partial"
    if "lost" not in truth:
        return "healthy" if truth["distance"].iloc[-1] < FAR else "partial"
    covered = (truth["lost"] <= COVERED).cummax()
    again = covered & (truth["lost"] >= COLLAPSED)
    passing = bool((again & again.shift(fill_value=False)).any())
    whole = bool((truth["lost"].tail(_last(truth)) <= COVERED).all())
    kept = truth["near"].iloc[-1] >= WORSE * truth["near"].max()
    return "healthy" if whole and kept and not passing else "partial"


def _seen(truth: pd.DataFrame, steps: int, event: int | None) -> dict[str, int]:
    """Failures that ground truth shows in any run, meant or not, with their onset."""
    shown = {"non-finite": _onset(truth["finite"] < 1, 0)}
    if "lost" in truth and truth["near"].max() >= LEARNED:
        earliest = event or int(SETTLING * steps)
        shown["mode-collapse"] = _onset(truth["lost"] >= COLLAPSED, earliest)
        shown["sample-collapse"] = _onset((truth["effective"] < FEW) | (truth["within"] < ALIKE), earliest)
        shown["mode-hopping"] = _hopping(truth, earliest)
    return {code: onset for code, onset in shown.items() if onset is not None}


def _hopping(truth: pd.DataFrame, earliest: int) -> int | None:
    """Collapsed, and to another mode in more than half of all evaluations (methods of alternating collapse)."""
    onset = _onset(truth["effective"] < FEW, earliest)
    if onset is None:
        return None
    tops = truth["top"].loc[onset:].to_numpy()
    return onset if len(tops) > 4 and (tops[1:] != tops[:-1]).mean() > 0.5 else None


def _meant(code: str, truth: pd.DataFrame, event: int | None) -> Failure | None:
    """The failure that a configuration was made for, if ground truth does not contradict it."""
    earliest = event or 0
    confirm: dict[str, Callable[[], int | None]] = {
        "mode-collapse": lambda: None,  # see `_seen`
        "vanishing-gradients": lambda: _onset(truth["confidence"] < SATURATED, earliest),
        "discriminator-dominance": lambda: _onset(truth["auc"] > SURE, earliest),
        "oscillation": lambda: _onset(truth["distance"] > FAR, 0),
        "divergence": lambda: _onset(_worse(truth), earliest),
        "stagnation": lambda: _onset(truth["near"].cummax() < FAR_FROM_DATA, earliest),
        "memorisation": lambda: _onset(truth["copied"] > COPIED, earliest),
    }
    if code not in confirm:  # it is so by construction
        return Failure(code, event or 1, "construction")
    onset = confirm[code]()
    if onset is None:
        return None
    if code == "oscillation":
        return Failure(code, 1, "analytic")
    return Failure(code, event, "construction") if event is not None else Failure(code, onset, "ground truth")


def _worse(truth: pd.DataFrame) -> pd.Series:
    """Whether samples are far from the data after they had been nearer, or no numbers at all."""
    near = truth["near"].rolling(5, min_periods=1).median()  # one evaluation may be near by chance
    return (near < WORSE * near.cummax()) | (near < 0.01) | (truth["finite"] < 1)


def _onset(bad: pd.Series, earliest: int) -> int | None:
    """The first step, from `earliest` on, of the spell that lasts to the end; None where it is too short or absent."""
    good = np.flatnonzero(~bad.to_numpy())
    first = int(good[-1]) + 1 if len(good) else 0
    if len(bad) - first < _last(bad):
        return None
    steps = bad.index.to_numpy()[first:]
    return int(steps[steps >= earliest][0])


def _last(table: pd.DataFrame | pd.Series) -> int:
    """Evaluations in the last part of a training."""
    return max(1, round(AT_THE_END * len(table)))
