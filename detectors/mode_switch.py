"""A network that is another one in its opponent's update than in its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import held, remembered, rolling_mean, side_by_side, spells, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

_NETS = ("generator", "discriminator")
_OPPONENT = {"generator": "discriminator", "discriminator": "generator"}
_SWITCHED = tuple(f"mode/{net}/switched" for net in _NETS)


@dataclass(frozen=True, kw_only=True)
class ModeSwitch:
    """G or D is in evaluation mode in one update and in training mode in the other.

    Sees:
        The mode of layers that compute something else in evaluation mode, BatchNorm and Dropout above all: of G where
        it makes what D is trained on and where it makes what it is itself trained with; of D in both updates. Networks
        that leave training mode during the training and do not come back.
    Why it happens:
        A mistake in the loop: eval() before samples are made, and train() at another place; or eval() left over from
        making pictures. D then learns to tell real samples from those of another generator than the one that is
        trained, and G is told about samples that D never sees: both losses may look well, and sampling in the mode
        that was not trained shows something else.
    Misses:
        Samples that reach D as changed copies. Layers of one's own that look at self.training. What a network does
        outside of updates is nobody's mistake: sampling and evaluation may be in either mode.
    Try:
        - same-mode
    References:
        Ioffe & Szegedy 2015 (batch statistics in training, running ones in evaluation). In reports of GANs that fail
        BatchNorm and its modes are the class with most mistakes.
    """

    code: ClassVar[str] = "mode-switch"
    needs: ClassVar[tuple[str, ...]] = ("|".join(_SWITCHED),)
    how_to: ClassVar[str] = "attach with gandiag.attach"
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(0.9, "our choice: right loops have 0; a mistake in the code shows in every step")
    window_steps: int = threshold(40, "our choice")
    min_steps: int = threshold(50, "our choice: with the window, told within 100 steps")
    min_run_steps: int = threshold(100, "a window and a spell")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < share < 1")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """The share of recent steps in which the mode of a network was switched between the two updates."""
        return self._shares(run).max(axis=1).dropna().rename("switched")

    @remembered
    def _shares(self, run: Run) -> pd.DataFrame:
        switched = {net: run.series(name) > 0 for net, name in zip(_NETS, _SWITCHED, strict=True)}
        return side_by_side({net: rolling_mean(s.astype(float), self.window_steps, 5) for net, s in switched.items()})

    def __call__(self, run: Run) -> list[Finding]:
        shares = self._shares(run)
        found = []
        for net in shares:
            for spell in spells(shares[net] > self.share, min_steps=self.min_steps, lead_steps=self.window_steps):
                layers = _layers(run, str(net))
                severity = _severity(str(net), layers)
                own = value_at(run.series(f"mode/{net}/own"), spell.certain)
                others = value_at(run.series(f"mode/{net}/others"), spell.certain)
                first, second = ("training", "evaluation") if own > others else ("evaluation", "training")
                summary = (
                    f"The {net} is in {first} mode in its own update and in {second} mode in that of the "
                    f"{_OPPONENT[str(net)]}, from step {spell.onset:,}"
                ) + (f": {' and '.join(layers)} make it another network" if layers else "")
                fact = evidence(shares[net].rename(f"mode/{net}/switched"), self.share, "above", spell.certain)
                columns = tuple(f"mode/{net}/{which}" for which in ("own", "others", "switched"))
                made = finding(self, spell, severity, summary, (fact,), columns)
                found.append(replace(made, remedies=named(["same-mode"])))
        return [*found, *self._left(run)]

    def _left(self, run: Run) -> Iterator[Finding]:
        """Networks that were trained in training mode at first, and are in evaluation mode in both updates since."""
        for net in _NETS:
            own, others = (run.series(f"mode/{net}/{which}") for which in ("own", "others"))
            since = (own == 0) & (own.cummax() > 0) & ~(held(others, own.index) > 0)
            layers = [layer for layer in _layers(run, net) if "Norm" in layer]
            for spell in spells(since, min_steps=self.min_steps) if layers else ():
                if not spell.ongoing:
                    continue
                summary = (
                    f"The {net} is in evaluation mode in its own update from step {spell.onset:,} on, and was in "
                    f"training mode before: statistics of {' and '.join(layers)} stand still"
                )
                fact = evidence(own, 1, "below", spell.certain)
                made = finding(self, spell, "warning", summary, (fact,), (f"mode/{net}/own", f"mode/{net}/others"))
                yield replace(made, remedies=named(["same-mode"]))


def _layers(run: Run, net: str) -> list[str]:
    """Classes of the layers that depend on the mode."""
    told = run.meta.get("modes", {})
    return sorted({layer for name, of in told.items() if name.partition(".")[0] == net for layer in of})


def _severity(net: str, layers: list[str]) -> Severity:
    """Statistics of a batch make another network; what only drops some units may be meant to, of D above all."""
    if any("Norm" in layer for layer in layers):
        return "failure" if net == "generator" else "warning"
    return "warning" if net == "generator" else "info"
