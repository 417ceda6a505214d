"""Gradients that jump far above what the run is used to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from gandiag.signals.names import parse

from .specification import check_thresholds, evidence, finding, threshold
from .windows import Spell, held, remembered, rolling_mean, rolling_median, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run


DISCRIMINATOR = "grad/discriminator/norm"
CRITICS = ("wgan", "wgan-gp")  # whose gradients do not fade as they become sure


@dataclass(frozen=True, kw_only=True)
class ExplodingGradients:
    """The gradient norm of a network jumps far above anything the run is used to.

    Sees:
        The norm over the highest median that a window of steps had so far, for several steps on end, in either
        network.
    Why it happens:
        A step that was too large takes a network where its loss is steep, so that the next step is larger still:
        a learning rate that is too high, a learning-rate spike, a critic without a working Lipschitz constraint,
        or a gradient penalty whose coefficient is too small.
    Misses:
        Growth that is slow against the window (see divergence). Clipped gradients, whose norm is bounded. Jumps in
        the first steps, or while D has told G nothing yet: there is no level to hold them against. Gradients of D that
        come back as better samples make it less sure. What is infinite (see non-finite).
    Try:
        - clip-gradients
        - lower-learning-rates
        - spectral-norm
        - clip-bound
        - r1-penalty
    References:
        Pascanu et al. 2013; Gulrajani et al. 2017, figure 1. ganhacks calls a norm above 100 a failure; a ratio
        needs no scale.
    """

    code: ClassVar[str] = "exploding-gradients"
    needs: ClassVar[tuple[str, ...]] = ("grad/generator/norm|grad/discriminator/norm",)
    how_to: ClassVar[str] = "attach with gandiag.attach, or log grad/generator/norm and grad/discriminator/norm"
    not_for: ClassVar[Mapping[str, str]] = {}

    ratio: float = threshold(10.0, "healthy tuning runs (18; digits, ring8, grid25; six losses) stay below 5.2")
    failure_ratio: float = threshold(100.0, "our choice: a decade above the warning")
    min_norm: float = threshold(1.0, "below, nothing explodes: gradients come back after they had vanished")
    min_steps: int = threshold(3, "three on end, as a single spike is common and harmless")
    reference_steps: int = threshold(100, "a median over these; the highest one so far is the reference")
    bridge_steps: int = threshold(50, "jumps this close together are one explosion")
    lag_steps: int = threshold(5, "the reference ends this much earlier, so that a jump does not raise it")
    warmup_steps: int = threshold(
        300, "a boundary-seeking loss gives G nothing while D is at chance, on MNIST for 45 steps, and all of it by 90"
    )
    apart: float = threshold(
        0.1, "of D's AUC from 0.5: closed form at chance, 0.02 for batches of 64; until then G was told nothing"
    )
    chance_steps: int = threshold(1000, "a D that is at chance for longer is no start any more: our choice")
    closer: float = threshold(
        0.8, "of the widest gap between D's mean outputs: below, D is less sure, and its loss less flat; our choice"
    )
    right: float = threshold(0.9, "AUC of a D that is still right, which none is that one step has thrown off")
    min_run_steps: int = threshold(310, "the warm-up and some steps")

    def __post_init__(self) -> None:
        check_thresholds(self, "1 < ratio <= failure_ratio")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The larger of the two networks' norm over its own reference."""
        return self._ratios(run).max(axis=1).dropna()

    @remembered
    def _ratios(self, run: Run) -> pd.DataFrame:
        import pandas as pd

        ratios = {}
        for name in _names(run):
            norms = _finite(run, name)
            reference = self._reference(run, norms)
            small = (norms <= self.min_norm) | self._harmless(run, name, norms.index)
            ratios[name] = (norms / reference).mask(small & reference.notna(), 0.0)
        return pd.DataFrame(ratios).dropna(how="all")

    def _harmless(self, run: Run, name: str, steps: pd.Index) -> pd.Series:
        """Whether D has become less sure, and is right all the same: its gradients come back, as samples get better."""
        auc = rolling_mean(run.series("d/auc"), self.reference_steps)
        gap = rolling_median(run.series("d/real/mean") - run.series("d/fake/mean"), self.reference_steps)
        if name != DISCRIMINATOR or run.loss_family in CRITICS or auc.empty or gap.empty:
            return pd.Series(data=False, index=steps)
        closer = held(gap < self.closer * gap.cummax(), steps).fillna(value=False).astype(bool)
        return closer & (held(auc, steps) >= self.right)

    def _reference(self, run: Run, norms: pd.Series) -> pd.Series:
        """The highest level so far, where one is known: not of a start that carries no signal."""
        level = rolling_median(norms, self.reference_steps, min_rows=20)
        if len(level):
            first = norms.index[0] + self.warmup_steps
            told = max(first, self._told(run, norms.index[0]))
            early = level.cummax().loc[max(first, norms.index[0] + self.chance_steps) : told - 1]
            level = pd.concat([early, level.loc[told:].cummax()])
        return held(level.set_axis(level.index + self.lag_steps), norms.index)

    def _told(self, run: Run, first: int) -> int:
        """The step by which D had told both apart for a window, either way round; `first` where that is not known."""
        auc = rolling_mean(run.series("d/auc"), self.reference_steps)
        apart = (auc - 0.5).abs() >= self.apart
        if apart.any():
            return int(apart.index.to_numpy()[int(apart.to_numpy().argmax())]) + self.reference_steps
        return first if auc.empty else run.last_step + 1

    def __call__(self, run: Run) -> list[Finding]:
        found: list[Finding] = []
        for name, ratios in self._ratios(run).items():
            last = 0
            for spell in spells(ratios.dropna() > self.ratio, min_steps=self.min_steps, bridge_steps=self.bridge_steps):
                if spell.onset > last:
                    found.append(self._finding(run, str(name), spell))
                    last = found[-1].last_step
        return found

    def _finding(self, run: Run, name: str, spell: Spell) -> Finding:
        """What a spell shows, which ends only where the norm is back at its level before: the running reference rises
        with it.
        """
        norms = _finite(run, name)
        reference = max(float(self._reference(run, norms).loc[spell.onset]), self.min_norm / self.ratio)
        ratios = (norms / reference).mask(self._harmless(run, name, norms.index), 0.0).loc[spell.onset :]
        (spell, *_) = spells(ratios > self.ratio, bridge_steps=self.bridge_steps)
        inside = ratios.loc[: spell.last]
        severe = int((inside > self.failure_ratio).sum()) >= self.min_steps
        net = parse(name).role
        summary = (
            f"Gradients of the {net} rose to {float(inside.max()):,.3g} times their highest median so far "
            f"from step {spell.onset:,}"
        )
        label = f"{name} / highest median before"
        fact = evidence(inside.rename(name), self.ratio, "above", step_of_lowest(-inside), label)
        return finding(self, spell, "failure" if severe else "warning", summary, (fact,), _names(run))


def _finite(run: Run, name: str) -> pd.Series:
    norms = run.series(name)
    finite: pd.Series = norms[np.isfinite(norms.to_numpy())]
    return finite


def _names(run: Run) -> tuple[str, ...]:
    return tuple(n for n in ExplodingGradients.needs[0].split("|") if not run.series(n).empty)
