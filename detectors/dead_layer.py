"""A layer that no longer learns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pandas as pd

from gandiag.findings import Evidence
from gandiag.signals.names import NETS, placeholder
from gandiag.wording import listed

from .layers import MIN_ROWS, layer_levels
from .remedies import named
from .specification import check_thresholds, finding, threshold
from .windows import held, remembered, rolling_median, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

Levels = TypeVar("Levels", pd.Series, pd.DataFrame)

NAMED_LAYERS = 3  # more are counted
NEVER_ALIVE = ("leaky-relu", "normalise-layer", "lower-learning-rates")
"""Remedies for a layer that never had a gradient: fresh weights would be such weights again."""


@dataclass(frozen=True, kw_only=True)
class DeadLayer:
    """The gradient of a layer inside G or D is gone, while what the network is told is not.

    Sees:
        The gradient norm of each layer's weight, over its own best level and over the norm of all gradients of its
        network: both next to nothing. Only while the feedback from D (for D, the norm of all its gradients) is
        alive, or where the layer has no gradient at all and another parameter of the network, such as its last bias,
        has one.
    Why it happens:
        ReLUs that are off for every sample pass nothing back: a bias driven far below zero by one large step, a
        learning rate that is too high, a bad initial state. Saturated tanh or sigmoid units do the same. All layers
        before the dead one stop learning with it, and the last bias alone may go on.
    Misses:
        Single dead units in a layer that lives. Networks of which only part is recorded, and loops that log norms
        by themselves without naming layers. A layer that never had a gradient may be unused instead of dead:
        that is a warning. In a network that grows, a layer that falls silent after newer ones have come to life
        belongs to an earlier stage, and one that comes to life belonged to a later one: both are remarks.
    Try:
        - fresh-layer
        - leaky-relu
        - normalise-layer
        - lower-learning-rates
    References:
        Lu et al. 2019 (dying ReLU); Zhang et al. 2021 (AutoTrainer), whose ratio between layers is 1e-3.
    """

    code: ClassVar[str] = "dead-layer"
    needs: ClassVar[tuple[str, ...]] = (
        "grad/<net>/layer/<layer>",
        "grad/generator/norm|grad/discriminator/norm",
    )
    how_to: ClassVar[str] = "attach with gandiag.attach, or pass grad_norms= by layer to callback.step"
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(
        1e-3, "of the network's whole gradient: AutoTrainer's bound for the ratio of its first to its last layer"
    )
    left: float = threshold(0.01, "of the layer's best level: as the feedback in vanishing-gradients")
    stay: float = threshold(3.0, "times both: dates the onset, as in vanishing-gradients")
    alive: float = threshold(
        0.03, "of its best level: the feedback below which vanishing-gradients says that it has faded"
    )
    window_steps: int = threshold(200, "20 records at the usual interval of 10 steps")
    min_steps: int = threshold(100, "half a window")
    min_run_steps: int = threshold(400, "two windows: one to have had a gradient in")

    def __post_init__(self) -> None:
        check_thresholds(self)
        if not self.stay >= 1:
            raise ValueError(f"stay must be at least 1, got {self.stay}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Gradient that the layer with the least has left, over its limits: below 1 it is under both."""
        starved = [left.min(axis=1) for left in self._left(run).values()]
        return pd.concat(starved, axis=1).min(axis=1).dropna().sort_index().rename("gradient left")

    @remembered
    def _left(self, run: Run) -> dict[str, pd.DataFrame]:
        """As `score`, by network: a column for each layer; NaN where the network itself is told nothing any more."""
        found = {}
        for net in NETS:
            levels = layer_levels(run, net, self.window_steps)
            feedback = run.series("feedback/norm")
            told = feedback if net == "generator" and not feedback.empty else run.series(f"grad/{net}/norm")
            alive = _over_best(self._level(told, levels.index)) >= self.alive
            of_all, of_best = self._shares(run, net) / self.share, _over_best(levels) / self.left
            left = of_all.where(of_all > of_best, of_best)
            whole = self._level(run.series(f"grad/{net}/norm"), levels.index).reindex(levels.index)
            cut_off = (levels == 0).mul(whole > 0, axis=0)
            told_so = alive.reindex(levels.index, fill_value=False).to_numpy(dtype=bool)
            found[net] = left.where(cut_off.to_numpy(dtype=bool) | told_so[:, None])
        return found

    def _shares(self, run: Run, net: str) -> pd.DataFrame:
        """Each layer's gradient norm over the norm of all gradients of its network."""
        levels = layer_levels(run, net, self.window_steps)
        whole = self._level(run.series(f"grad/{net}/norm"), levels.index)
        return levels.div(whole, axis=0).mask(levels == 0, 0.0)

    def _level(self, series: pd.Series, steps: pd.Index) -> pd.Series:
        """The median of a signal over the window, at the steps at which layers were recorded."""
        return rolling_median(held(series, steps), self.window_steps, MIN_ROWS)

    def __call__(self, run: Run) -> list[Finding]:
        found: list[Finding] = []
        for net in NETS:
            left = self._left(run)[net]
            seen = spells(
                (left < 1).any(axis=1),
                (left < self.stay).any(axis=1),
                min_steps=self.min_steps,
                lead_steps=self.window_steps // 2,
            )
            found += [self._finding(run, net, spell) for spell in seen]
        return found

    def _finding(self, run: Run, net: str, spell: Spell) -> Finding:
        left = self._left(run)[net]
        dead = [str(name) for name, gone in (left.loc[spell.onset : spell.last] < 1).any().items() if gone]
        worst = str(left.loc[spell.certain].idxmin())
        levels = layer_levels(run, net, self.window_steps)
        had = bool(levels[worst].loc[: spell.certain].max() > 0)
        over_best = float(_over_best(levels)[worst].loc[spell.certain])
        share = float(self._shares(run, net)[worst].loc[spell.certain])
        layers = [placeholder("grad/<net>/layer/<layer>", name) for name in dead]
        staged = self._outside_its_stage(levels, left, dead, spell, had=had)
        said = f"{'Layer' if len(layers) == 1 else 'Layers'} {listed(layers, NAMED_LAYERS)} of the {net}"
        summary = f"{said} {self._words(net, spell, had=had, staged=staged)}"
        no_input = not had and not staged and net == "generator" and str(levels.columns[0]) in dead
        summary += ", or given nothing but zeros for latents" if no_input else ""
        facts = (
            Evidence(signal=f"{worst} / its best level", value=over_best, threshold=self.left, comparison="below"),
            Evidence(signal=f"{worst} / grad/{net}/norm", value=share, threshold=self.share, comparison="below"),
        )
        columns = (*dead, f"grad/{net}/norm", "feedback/norm")
        severity: Severity = "info" if staged else "failure" if had else "warning"
        made = finding(self, spell, severity, summary, facts, columns)
        remedies = made.remedies if had else named(NEVER_ALIVE)
        return replace(made, remedies=(*named(["fresh-latents"] if no_input else []), *remedies))

    def _outside_its_stage(
        self, levels: pd.DataFrame, left: pd.DataFrame, dead: list[str], spell: Spell, *, had: bool
    ) -> bool:
        """Whether a growing network has replaced these layers, or had not come to them yet."""
        if not had:
            return not spell.ongoing
        born = (levels > 0).idxmax()[(levels > 0).any()]
        lost = born[dead].max()
        newer = born.index[(born > max(int(levels.index[0]) + self.window_steps, lost)) & (born <= spell.certain)]
        return bool((left.loc[spell.certain].reindex(newer) >= self.stay).any())

    @staticmethod
    def _words(net: str, spell: Spell, *, had: bool, staged: bool) -> str:
        if had and staged:
            return f"have no gradient from step {spell.onset:,}, since newer layers have taken over"
        if had:
            return f"lost all gradient from step {spell.onset:,}, while the {net} is still told what to do"
        if staged:
            return f"had no gradient up to step {spell.last:,}: not in use until then"
        return "never had a gradient: dead from the start, or unused"


def _over_best(levels: Levels) -> Levels:
    """Each level over the highest one so far; 0 as long as that is 0."""
    return (levels / levels.cummax()).mask(levels.cummax() == 0, 0.0)
