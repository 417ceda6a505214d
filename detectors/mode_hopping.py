"""A generator that moves from one output to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from .specification import check_thresholds, evidence, finding, threshold
from .windows import aligned, all_steps, counted, held, remembered, rolling_mean, spells, step_of_lowest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gandiag.findings import Finding, Severity
    from gandiag.rundir.run import Run

    from .windows import Spell

CHECK_STEPS = 50  # between two looks at the centre of the generated batch, as between two histograms
STAY = 0.5  # of a threshold, dates the onset
EXPECTED = "modes/expected_effective"
CENTRE = ("centre/fake/1", "centre/fake/2")
FORMS = {  # how it can be seen, the strongest evidence first: in words, and for the evidence
    "modes": ("replacing {:.0%} of its modes", "share of modes replaced per check"),
    "bins": ("replacing {:.0%} of its k-means cells", "share of k-means cells replaced per check"),
    "centre": ("moving by {:.0%} of the real spread", "way of the centre per check, over the real spread"),
}


@dataclass(frozen=True, kw_only=True)
class ModeHopping:
    """G moves from mode to mode, while at any one time it shows few of them.

    Sees:
        How much of what G generates is replaced from one check to the next, while each check shows few modes, and
        the histograms of eight checks together cover twice as many as each of them: a G that is mediocre but steady
        shows the same few again. Without labels, k-means cells of the real data serve for modes, or how far the centre
        of the batch moves, in units of the spread of the real data, while samples are alike.
    Why it happens:
        G has collapsed onto what D rates best. D learns that these samples are generated, all of them at once as
        they are alike, and so its gradient drives all of G to another mode, and from there to the next: D forgets
        the first one, and the two go round without end.
    Misses:
        Hops that come back within one check (50 steps). Hops between the modes of one k-means cell. On the centre
        alone, modes that lie at equal places along the two directions that are recorded.
    Try:
        - packing
        - faster-discriminator
        - unrolled-gan
        - experience-replay
        - weight-averaging
    References:
        Metz et al. 2017 (unrolled GAN, figure 2: a G that rotates through the modes of a ring); Thanh-Tung & Tran
        2020 (catastrophic forgetting in GANs).
    """

    code: ClassVar[str] = "mode-hopping"
    needs: ClassVar[tuple[str, ...]] = ("modes/turnover|bins/turnover|centre/fake/1",)
    how_to: ClassVar[str] = (
        'attach with gandiag.attach, and pass modes= (a preset such as "ring8_pacgan", "digits", or '
        "gandiag.modes.Classifier(...)) for the strongest evidence"
    )
    not_for: ClassVar[Mapping[str, str]] = {}

    turnover: float = threshold(
        0.25,
        "mean share replaced per check: two full hops in eight checks; a perfect sampler of 1,000 has 0.04 to 0.08",
    )
    coverage_ratio: float = threshold(
        2.0, "modes of eight checks together over those of one: closed form, 8 for one-hot histograms that all differ"
    )
    few: float = threshold(0.5, "our choice: each check shows less than half of the modes, or of the real spread")
    failure_few: float = threshold(
        0.35, "of the cells, median: 8 tuning runs that hop on six kinds of data have 0.06 to 0.34; more only warns"
    )
    travel: float = threshold(
        0.1,
        "way of the centre per check over the real spread; a hop has sqrt(2 / p) = 0.35 of it in p = 16 dimensions, "
        "and means of 64 samples scatter by an eighth of that",
    )
    checks: int = threshold(8, "as many as the record joins in modes/recent_effective")
    reach: float = threshold(0.75, "our choice: halfway from `few` to all, G is no beginner any more")
    hold_steps: int = threshold(100, "so long it must have been reached: three checks")
    grace_steps: int = threshold(
        1000, "a G that never got so far counts from here on, unless it still gains; healthy tuning runs hop for 900"
    )
    min_steps: int = threshold(300, "six checks: our choice")
    min_run_steps: int = threshold(450, "so many, and those of a first reach")

    def __post_init__(self) -> None:
        check_thresholds(self, "0 < failure_few <= few < 1 < coverage_ratio")
        for name in ("turnover", "travel"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in (0, 1), got {getattr(self, name)}")
        if self.checks < 2:
            raise ValueError(f"checks must be at least 2, got {self.checks}")

    @remembered
    def score(self, run: Run) -> pd.Series:
        """Share of what G shows that is replaced from check to check, over its limit; 0 where G shows more than a few
        modes.
        """
        return self._worst(run, "score").rename("replaced per check")

    def _worst(self, run: Run, column: str) -> pd.Series:
        """The largest value of a column of `_forms` at each step, over the three forms of evidence."""
        forms = self._forms(run)
        return pd.concat([forms[name, column] for name in FORMS], axis=1).max(axis=1)

    @remembered
    def _forms(self, run: Run) -> pd.DataFrame:
        """Two columns by step for each form of evidence: labelled modes, bins of the data, and the samples' centre.

        `score` is how much is replaced, where few modes have been shown for long; `moves` the same where few are shown
        now, which dates the onset.
        """
        frames = {"modes": self._on_modes(run), "bins": self._on_bins(run), "centre": self._on_centre(run)}
        steps = all_steps(frame["score"] for frame in frames.values())
        return pd.concat({name: f.reindex(steps, method="ffill") for name, f in frames.items()}, axis=1).fillna(0.0)

    def _on_modes(self, run: Run) -> pd.DataFrame:
        seen = aligned(run, "modes/turnover", "modes/nearest/effective", "modes/recent_effective", EXPECTED)
        shown = seen["modes/nearest/effective"]
        together = seen["modes/recent_effective"] >= self.coverage_ratio * self._mean(shown)
        share = shown / seen[EXPECTED]
        replaced = self._mean(seen["modes/turnover"]) / self.turnover
        return self._form(replaced, share, self._mean(share), together)

    def _on_bins(self, run: Run) -> pd.DataFrame:
        seen = aligned(run, "bins/turnover", "bins/effective", "bins/recent_effective")
        share = seen["bins/effective"]
        together = seen["bins/recent_effective"] >= self.coverage_ratio * self._mean(share)
        return self._form(self._mean(seen["bins/turnover"]) / self.turnover, share, self._mean(share), together)

    def _on_centre(self, run: Run) -> pd.DataFrame:
        """The centre is recorded at each step, not at checks: what it travels within `CHECK_STEPS` stands for one
        check.
        """
        ways = [self._way(run, name) for name in CENTRE if name in run.scalars or name == CENTRE[0]]
        way = pd.concat(ways, axis=1, join="inner").pow(2).sum(axis=1).pow(0.5)
        spread = rolling_mean(run.series("diversity/real"), CHECK_STEPS)
        long = self.checks * CHECK_STEPS
        one_hop = self.travel * self.checks / 2  # longer ways count as that: it takes two to reach the mean
        travelled = rolling_mean((way / held(spread, way.index)).dropna().clip(upper=one_hop), long)
        share, lasting = (
            held(rolling_mean(run.series("diversity/ratio"), steps), travelled.index) for steps in (CHECK_STEPS, long)
        )
        return self._form(travelled / self.travel, share, lasting)

    def _way(self, run: Run, name: str) -> pd.Series:
        """How far one coordinate of the centre moved within a check, as batches scatter smoothed before."""
        place = rolling_mean(run.series(name), CHECK_STEPS // 2)
        before = held(place.set_axis(place.index + CHECK_STEPS), place.index)
        return (place - before).dropna()

    def _form(
        self, replaced: pd.Series, share: pd.Series, lasting: pd.Series, also: pd.Series | bool = True
    ) -> pd.DataFrame:
        """The columns of `_forms` for one form of evidence.

        `replaced` is what is replaced per check over its limit, `share` what G shows of the data now, `lasting` its
        mean over many checks, and `also` a further condition on the score.
        """
        if share.dropna().empty:
            return pd.DataFrame({"score": [], "moves": []}, dtype="float64")
        counts, dated = counted(share.dropna(), self.reach, self.hold_steps, self.grace_steps)
        if dated.sum() > counts.sum():  # it never got anywhere: it has hopped from its beginning
            dated[:] = True
        counts, dated = (c.reindex(share.index, fill_value=False) for c in (counts, dated))
        score = replaced.where((lasting < self.few) & also & counts, 0.0)
        moves = replaced.where((share < self.few) & dated, 0.0)
        return pd.DataFrame({"score": score, "moves": moves}).loc[replaced.dropna().index]

    def _mean(self, series: pd.Series) -> pd.Series:
        return series.rolling(self.checks, min_periods=self.checks // 2).mean()

    def _few_cells(self, run: Run, form: str, spell: Spell) -> bool:
        """Whether so few cells of the data are shown at a time that it is beyond doubt."""
        shown = self._mean(run.series("bins/effective")).loc[spell.onset : spell.last]
        return form == "bins" and bool(shown.median() < self.failure_few)

    def __call__(self, run: Run) -> list[Finding]:
        forms, score, moves = self._forms(run), self.score(run), self._worst(run, "moves")
        found = []
        for spell in spells(score > 1, moves > STAY, min_steps=self.min_steps, bridge_steps=self.checks * CHECK_STEPS):
            reached = forms.loc[spell.onset : spell.last].gt(1).any()
            form = next(name for name in FORMS if reached[name, "score"])
            limit = self.travel if form == "centre" else self.turnover
            replaced = forms[form, "score"] * limit
            worst = step_of_lowest(-replaced.loc[spell.onset : spell.last])
            words, label = FORMS[form]
            fact = evidence(replaced, limit, "above", worst, f"{label}, mean of {self.checks}")
            summary = (
                f"From step {spell.onset:,} on the generator shows few modes at a time and keeps moving to others, "
                f"{words.format(fact.value)} per check"
            )
            columns = ("modes/turnover", "modes/nearest/effective", "modes/recent_effective", "bins/turnover", *CENTRE)
            severity: Severity = "failure" if form == "modes" or self._few_cells(run, form, spell) else "warning"
            found.append(finding(self, spell, severity, summary, (fact,), columns))
        return found
