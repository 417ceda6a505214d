"""NaN or infinity in what was recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from .remedies import named
from .specification import check_thresholds, evidence, finding, threshold
from .windows import remembered, spells

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gandiag.findings import Finding
    from gandiag.rundir.run import Run

_NETS = ("generator", "discriminator")
GRADIENTS = [f"grad/{net}/nonfinite" for net in _NETS]
COLUMNS = ("nonfinite", "grad/generator/norm", "grad/discriminator/norm")
SIGMOID = "sigmoid"  # as run.json has it of D's end
_LOSS, _BACK = ("logits-loss", "bfloat16", "detect-anomaly"), ("safe-norm", "safe-division", "detect-anomaly")
_INSIDE = ("safe-division", "bfloat16", "detect-anomaly")
PLACES = {
    "range/real/nonfinite": ("with the real batch that D was given", ("finite-data", "detect-anomaly")),
    "nonfinite/discriminator/samples": ("inside G, whose samples are not finite", _INSIDE),
    "nonfinite/discriminator/outputs": ("inside D, whose outputs are not finite on samples that are", _INSIDE),
    "nonfinite/discriminator/loss": ("in D's loss, as D's outputs were finite and the loss's gradient was not", _LOSS),
    "grad/discriminator/nonfinite": (
        "on the way back through D or a penalty, as D's outputs and the gradient of its loss were finite",
        _BACK,
    ),
    "nonfinite/generator/samples": ("inside G, whose samples are not finite", _INSIDE),
    "nonfinite/generator/outputs": ("inside D, whose outputs are not finite on samples that are", _INSIDE),
    "nonfinite/generator/loss": ("in G's loss, as D's outputs were finite and the loss's gradient was not", _LOSS),
    "grad/generator/nonfinite": (
        "on the way back through D and G in G's update, as D's outputs and the gradient of G's loss were finite",
        ("safe-division", "safe-norm", "detect-anomaly"),
    ),
}
"""Where it can begin, in words, and what to try there."""
ORDER = {
    net: [p for p in PLACES if net in p or (net == "discriminator" and p.startswith("range"))]
    for net in ("discriminator", "generator")
}
"""The same in the order in which an update of each network comes upon them."""
UPSTREAM = tuple(p for p in PLACES if p.endswith(("samples", "outputs")))
"""Places that are not finite, too, once the weights are not."""


@dataclass(frozen=True, kw_only=True)
class NonFinite:
    """A gradient, a loss or an output of D is NaN or infinite.

    Sees:
        Records of a step that are not finite: gradient norms of either network, D's outputs, the feedback, the
        logged losses. Updates that a GradScaler skips one after the other, long after its scale has come down. Where
        it began, if that step was recorded: with the real batch, inside G or D, in a loss, or on which way back.
    Why it happens:
        An overflow (half precision, the exponential of a large logit, an exploding gradient), a logarithm or a
        division at zero (log D of a saturated sigmoid), or a square root at zero in a gradient penalty. One
        optimizer step on such a gradient makes weights NaN, and everything after it.
    Misses:
        Single steps that a GradScaler skipped, which were caught in time. NaN in values that never reach D, a logged
        loss, or a gradient.
    Try:
        - logits-loss
        - safe-norm
        - bfloat16
        - safe-division
        - clip-gradients
        - roll-back
        - detect-anomaly
    References:
        Micikevicius et al. 2018 (loss scaling). SageMaker Debugger's rule ExplodingTensor fires on the same.
    """

    code: ClassVar[str] = "non-finite"
    needs: ClassVar[tuple[str, ...]] = ("nonfinite|grad/generator/nonfinite|grad/discriminator/nonfinite",)
    how_to: ClassVar[str] = "attach with gandiag.attach, or log the losses"
    not_for: ClassVar[Mapping[str, str]] = {}

    min_run_steps: int = threshold(1, "one step is enough")
    bridge_steps: int = threshold(100, "single steps this close together are one finding")
    skipped_steps: int = threshold(
        20, "halved so often, the initial scale of 65,536 is below 0.1: no overflow is left to skip"
    )
    failure_steps: int = threshold(3, "fewer in a row may be a transient that the loop itself repaired")

    def __post_init__(self) -> None:
        check_thresholds(self)
        for name in ("failure_steps", "skipped_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Number of records that are not finite, one more where a GradScaler has skipped many updates in a row."""
        columns = [n for n in self.needs[0].split("|") if n in run.scalars]
        score = run.scalars[columns].max(axis=1).dropna().rename("nonfinite")
        for net in _NETS:
            score += self._stuck(run, net).reindex(score.index, fill_value=False)
        return score

    def _stuck(self, run: Run, net: str) -> pd.Series:
        """Whether all of the last `skipped_steps` updates of a network were skipped."""
        skipped = run.series(f"skipped/{net}").reindex(run.scalars.index, fill_value=0.0) > 0
        return skipped.rolling(self.skipped_steps).sum() == self.skipped_steps

    def __call__(self, run: Run) -> list[Finding]:
        score = self.score(run)
        found = []
        for spell in spells(score > 0, bridge_steps=self.bridge_steps):
            inside = score.loc[spell.onset : spell.last]
            lasting = bool(spells(inside > 0, min_steps=self.failure_steps))
            summary = f"{self._where(run, spell.onset)} NaN or infinite from step {spell.onset:,}"
            summary += "" if lasting or spell.ongoing else ", and recovered"
            told, remedies = self._origin(run, score, spell.onset)
            facts = (evidence(score, 0, "above", spell.onset),)
            made = finding(self, spell, "failure" if lasting else "warning", summary + told, facts, COLUMNS)
            found.append(replace(made, remedies=named(remedies)) if remedies else made)
        return found

    def _where(self, run: Run, step: int) -> str:
        """What was not finite at a step, as far as the record tells."""
        at = run.scalars.loc[step]
        stuck = [net for net in _NETS if self._stuck(run, net).loc[step]]
        if stuck:
            return f"Gradients of the {' and the '.join(stuck)}, all of whose updates a GradScaler skips, are"
        nets = [net for net in _NETS if at.get(f"grad/{net}/nonfinite", 0.0) > 0]
        if not nets:
            return "A loss or an output of the discriminator is"
        return f"Gradients of the {' and the '.join(nets)} are"

    def _origin(self, run: Run, score: pd.Series, step: int) -> tuple[str, tuple[str, ...]]:
        """The operation with which it began, in words, and what to try there; nothing where it is not known."""
        before = score.index[(score.index < step) & (score == 0).to_numpy()]
        gap = step - int(before[-1]) > 1 if len(before) else step > int(score.index[0])
        place = first_place(run, step)
        if gap and place.startswith(UPSTREAM):  # by then the weights are NaN, whatever came first
            place = ""
        if not place:
            told = ""
            if gap and len(before):
                told = (
                    f"; what came first lies between steps {int(before[-1]):,} and {step:,}, where nothing was recorded"
                )
            elif run.scalars.reindex(columns=GRADIENTS).loc[step].isna().all():
                told = "; of that step no more was recorded, which would say where it began"
            sigmoid = SIGMOID in run.meta.get("discriminator_ends", {}).values()
            first: tuple[str, ...] = _LOSS if sigmoid else ("detect-anomaly", "roll-back", "safe-division")
            return (told, first) if told else ("", ())
        half = bool(run.meta.get("half_precision")) and not place.startswith("grad")
        says, remedies = PLACES[place]
        if half:
            says += "; they are in float16, which ends at 65,504"
        elif place.endswith("loss") and SIGMOID in run.meta.get("discriminator_ends", {}).values():
            says += ", most likely the logarithm of a probability of exactly 0 or 1"
        return f"; it began {says}", tuple(dict.fromkeys(("bfloat16",) * half + remedies))


def first_place(run: Run, step: int) -> str:
    """The signal that says where values stopped being finite at a step; "" where none does.

    In the update of each network the first place that is not finite counts. Of the two updates the later one follows
    from the earlier: what spoils D's weights is seen in D's outputs in G's update, what spoils G's in the samples that
    D is given. So a loss or gradient that is not finite, of finite outputs, is the beginning.
    """
    at = run.scalars.loc[step]
    own, others = (next((p for p in of if at.get(p, 0.0) > 0), "") for of in ORDER.values())
    if at.get("skipped/discriminator", 0.0) == 1 and own.startswith("grad"):
        own = ""
    return others if not own or (own.endswith("samples") and others.endswith(("loss", "generator/nonfinite"))) else own
