"""Singular values of the weights that fall away together."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

NETS = ("generator", "discriminator")


@dataclass(frozen=True, kw_only=True)
class SpectralCollapse:
    """Most singular values of a network's weight matrices fall away, so that few directions are left.

    Sees:
        The effective rank of the weight matrices, exp(entropy of the singular values) over full rank, against its
        own median so far; and whether their largest singular value has exploded at the same time.
    Why it happens:
        In a D under spectral normalisation only the largest singular value is held. As training drifts, weights may
        gather in that one direction: the others fall, D sees few features of its input, and G needs to serve only
        these. In large models it comes with, or shortly before, the collapse of samples; in BigGAN the largest
        singular values of G's first layers explode then.
    Misses:
        A single layer of many, whose fall the mean over matrices hides. A rank that sinks slowly over the whole run,
        which training does without harm as well.
    Try:
        - roll-back
        - early-stop
        - r1-penalty
    References:
        Liu et al. 2019 (spectral regularisation); Brock et al. 2019 (BigGAN, section 4); Roy & Vetterli 2007
        (effective rank).
    """

    code: ClassVar[str] = "spectral-collapse"
    needs: ClassVar[tuple[str, ...]] = ("weights/generator/effective_rank|weights/discriminator/effective_rank",)
    how_to: ClassVar[str] = (
        "attach with gandiag.attach: it looks at the weights every 200 steps, less often where layers are wide"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    share: float = threshold(0.7, "of the median so far: a drop of 30 %, as in the collapses that Liu et al. 2019 show")
    stay_share: float = threshold(0.85, "dates the onset: half of that drop")
    failure_share: float = threshold(0.4, "our choice: a drop of twice 30 %")
    explosion: float = threshold(
        3.0, "our choice: the largest singular value over its median so far; makes a drop a failure"
    )
    min_checks: int = threshold(2, "looks at the weights in a row: one alone may have met a restored checkpoint")
    warmup_checks: int = threshold(10, "looks until the median is trusted; the rank falls first as weights leave noise")
    min_run_steps: int = threshold(2400, "twelve looks at the usual interval of 200 steps")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < failure_share <= share <= stay_share < 1")
        if not self.explosion > 1:
            raise ValueError(f"explosion must be above 1, got {self.explosion}")
        for name in ("min_checks", "warmup_checks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Effective rank over its median so far, of the network that lost more."""
        shares = [self._share(run, net) for net in NETS]
        return pd.concat(shares, axis=1).sort_index().ffill().min(axis=1).dropna().rename("rank left")

    def _share(self, run: Run, net: str) -> pd.Series:
        ranks = run.series(f"weights/{net}/effective_rank")
        ranks = ranks.where(np.isfinite(ranks.to_numpy())).dropna()
        return (ranks / self._reference(ranks)).dropna().rename(net)

    def _reference(self, ranks: pd.Series) -> pd.Series:
        """Median of the ranks so far without those of a collapse, which would lower what it is compared with."""
        usual: list[float] = []
        medians = np.full(len(ranks), np.nan)
        for place, rank in enumerate(ranks.to_numpy()):
            if place < self.warmup_checks or rank >= self.share * _median(usual):
                insort(usual, float(rank))
            if place >= self.warmup_checks:
                medians[place] = _median(usual)
        return pd.Series(medians, index=ranks.index)

    def __call__(self, run: Run) -> list[Finding]:
        found = []
        for net in NETS:
            share = self._share(run, net)
            lasting = (share < self.share).rolling(self.min_checks).min() == 1
            found += [self._finding(run, net, share, spell) for spell in spells(lasting, share < self.stay_share)]
        return found

    def _finding(self, run: Run, net: str, share: pd.Series, spell: Spell) -> Finding:
        inside = share.loc[spell.onset : spell.last]
        lowest = step_of_lowest(inside)
        severe = bool(((inside < self.failure_share).rolling(self.min_checks).min() == 1).any())
        limit = self.failure_share if severe else self.share
        facts = [evidence(share, limit, "below", lowest, f"effective rank of the {net} / its median before")]
        summary = (
            f"The effective rank of the {net}'s weights fell to {float(inside.min()):.0%} of its median so far "
            f"from step {spell.onset:,}"
        )
        sigma = run.series(f"weights/{net}/sigma_max")
        risen = (sigma / sigma.expanding(self.warmup_checks).median()).loc[spell.onset : spell.last].dropna()
        if len(risen) and float(risen.max()) > self.explosion:
            label = f"largest singular value of the {net} / its median so far"
            facts.append(evidence(risen, self.explosion, "above", step_of_lowest(-risen), label))
            summary += f", while its largest singular value rose to {float(risen.max()):,.2g} times its median"
        severity: Severity = "failure" if severe or len(facts) > 1 else "warning"
        columns = (f"weights/{net}/effective_rank", f"weights/{net}/sigma_max")
        return finding(self, spell, severity, summary, tuple(facts), columns)


def _median(ascending: list[float]) -> float:
    return (ascending[(len(ascending) - 1) // 2] + ascending[len(ascending) // 2]) / 2
