"""A sigmoid at D's end, and another one in the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from gandiag.findings import Evidence

from .specification import check_thresholds, finding, threshold
from .windows import remembered, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

LOGITS = "logits"
SIGMOID, OTHER = "sigmoid", "other"
"""What `discriminator_ends` in run.json says of each D's last operation, "" where it is not known."""
_ENDS = tuple(f"d/{kind}/{end}" for kind in ("real", "fake") for end in ("min", "max"))


@dataclass(frozen=True, kw_only=True)
class DoubleSigmoid:
    """D ends in a sigmoid, and the loss takes its outputs for logits and applies another one.

    Sees:
        A loss whose gradient at D's outputs is that of a logistic loss on logits (told from D's outputs and gradients,
        as the loss family is), and a sigmoid as D's last operation. Where that operation is not known: outputs of D
        that never leave the range from 0 to 1 though they use most of it.
    Why it happens:
        A mistake in the loop: nn.Sigmoid at D's end together with BCEWithLogitsLoss, or a softplus loss. However sure D
        is, the loss pulls on: with 0.27 or more on real samples at 1, with 0.5 on generated ones at 0. So D never says
        what it knows, its own sigmoid saturates, and G's feedback fades; losses stay near 1.0 and 0.5.
    Misses:
        A D compiled or wrapped so that its last operation is hidden, as long as its outputs have not spread. A loss
        family that was given, or could not be told.
    Try:
        - one-sigmoid
    References:
        Closed form: the loss of a real sample at 1 is log(1 + 1/e) = 0.313, of a generated one at 0 log 2 = 0.693.
    """

    code: ClassVar[str] = "double-sigmoid"
    needs: ClassVar[tuple[str, ...]] = _ENDS
    how_to: ClassVar[str] = (
        "attach with gandiag.attach; where D's outputs are not attributed, callback.observe(real=, fake=)"
    )
    not_for: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("lsgan", "hinge", "wgan", "wgan-gp"), "a loss without a sigmoid has no second one"
    )

    spread: float = threshold(
        0.5, "our choice, of the range from 0 to 1: logits that spread so far lie on both sides of 0"
    )
    window_steps: int = threshold(100, "our choice: the spread is that of a window")
    min_steps: int = threshold(30, "our choice")
    min_run_steps: int = threshold(100, "a window")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < spread < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """How much of the range from 0 to 1 D's outputs used in a window, 0 where they left it or are no logits."""
        ends = pd.DataFrame({name: run.series(name) for name in _ENDS}).dropna()
        low, high = ends.min(axis=1), ends.max(axis=1)
        rows = _rows(ends, self.window_steps)
        bottom, top = low.rolling(rows, min_periods=1).min(), high.rolling(rows, min_periods=1).max()
        inside = ((low.cummin() >= 0) & (high.cummax() <= 1)) | ((low.cummin() >= -1) & (high.cummax() <= 0))
        inside &= ends["d/real/max"] > ends["d/real/min"]  # else the data are one point
        known = set(run.meta.get("discriminator_ends", {}).values())
        told = run.meta.get("discriminator_outputs") == LOGITS and OTHER not in known
        if known == {SIGMOID}:
            return (inside & told).astype(float).rename("sigmoid at D's end")
        return (top - bottom).where(inside & told, 0.0).rename("spread of D's outputs within [0, 1]")

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(score > self.spread, score > 0, min_steps=self.min_steps):
            summary = "D's outputs lie between 0 and 1, as after a sigmoid, and the loss takes them for logits"
            value = value_at(score, spell.certain)
            facts = (Evidence(signal=str(score.name), value=value, threshold=self.spread, comparison="above"),)
            found.append(finding(self, spell, "failure", summary, facts, _ENDS))
        return found


def _rows(frame: pd.DataFrame, steps: int) -> int:
    """How many of the rows of a frame a window of so many steps holds, as they are at its start."""
    index = frame.index[:11]
    apart = (index[-1] - index[0]) / (len(index) - 1) if len(index) > 1 else 1
    return max(1, round(steps / apart))
