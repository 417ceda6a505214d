"""What looks wrong in the losses of a run that nothing is wrong with, and is normal.

Of 275 public reports of GANs that fail, 18 were of trainings in which nothing was wrong: their losses were misread.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gandiag.families import LOGISTIC

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pandas as pd

    from gandiag.rundir.run import Run

LEAST_ROWS = 200
"""Our choice: a trend of fewer is none."""
FIFTH = 0.2
AT_CHANCE = (0.4, 0.6)
"""P(D(real) > D(generated)) of a D at chance, as batches let it vary."""
NEAR = 0.05
"""Share within which a loss is that of a D at chance: log 2, the mean of both terms, or twice that, their sum."""


def what_is_normal(run: Run, verdict: str, clean: Collection[str]) -> tuple[str, ...]:
    """Sentences on what people take for a failure, of a healthy run; () of any other."""
    return tuple(_sentences(run, clean)) if verdict == "healthy" else ()


def _sentences(run: Run, clean: Collection[str]) -> Iterator[str]:
    generator, discriminator = (run.series(f"loss/{role}").dropna() for role in ("generator", "discriminator"))
    if len(generator) >= LEAST_ROWS:
        early, late = _part(generator, FIFTH), _part(generator, 1 - FIFTH)
        if late.median() - early.median() > max(_spread(early), _spread(late)):
            yield (
                f"G's loss rose from {early.median():.2g} to {late.median():.2g}: this is normal, as it is measured "
                "against a D that gets better, too"
            )
    ends = [_part(loss, 1 - FIFTH).median() for loss in (generator, discriminator) if len(loss)]
    if run.loss_family in ("wgan", "wgan-gp") and any(end < 0 for end in ends):
        yield (
            "Losses below 0 are normal under a Wasserstein loss: the scores of a critic have no zero, and only the "
            "difference between real and generated counts"
        )
    if run.loss_family in LOGISTIC and len(discriminator) and "discriminator-too-weak" in clean:
        level, auc = _part(discriminator, 1 - FIFTH).median(), _part(run.series("d/auc"), 1 - FIFTH).median()
        chance = any(abs(level / (terms * math.log(2)) - 1) < NEAR for terms in (1, 2))
        if chance and AT_CHANCE[0] <= auc <= AT_CHANCE[1]:
            yield (
                f"D's loss stands at {level:.2f}, that of a D at chance: this is normal once generated and real "
                "samples no longer plainly differ"
            )


def _part(series: pd.Series, start: float) -> pd.Series:
    """A fifth of the rows, from a share of them on."""
    first = int(start * len(series))
    return series.iloc[first : first + max(1, math.ceil(FIFTH * len(series)))]


def _spread(series: pd.Series) -> float:
    return float(series.quantile(0.75) - series.quantile(0.25))
