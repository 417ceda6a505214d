"""One configuration of the corpus: a recipe, what is meant to become of it, and its seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gandiag.zoo.recipe import Recipe

Split = Literal["tuning", "evaluation", "unseen"]

SPLITS: tuple[Split, ...] = ("tuning", "evaluation", "unseen")
"""Seeds that thresholds may be fitted on; other seeds of the same data; data that no threshold has seen."""

UNSEEN_DATA = ("tabular", "swiss-roll", "grid25", "gaussian")
TUNING_SHARE = 0.4  # of the seeds of each configuration


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A recipe that is trained with several seeds.

    Attributes
    ----------
    recipe : what is trained; its name is the configuration's
    seeds : how many
    more_tuning : so many more for fitting thresholds; data for evaluation only get none
    meant : codes of the failures that it is meant to have, none where it is meant to be healthy. What the runs are
        labelled with is decided afterwards, see `labels`.
    cause : what went wrong, as in `benchmarks.bench.causes`; "" where nothing did, or where that is not asked
    plain : recorded as one line of code does: at the default plan, without held-out samples
    held_out : recorded with them all the same, for failures that nothing else shows
    copying : recorded with the tests of copying, and ground truth counts copies
    kind : of data, what is held out together; "" where that is not asked
    """

    recipe: Recipe
    seeds: int
    meant: tuple[str, ...] = ()
    more_tuning: int = 0
    cause: str = ""
    plain: bool = False
    held_out: bool = False
    copying: bool = False
    kind: str = ""

    @property
    def name(self) -> str:
        """As in the manifest and in the names of runs."""
        return self.recipe.name

    @property
    def event_step(self) -> int | None:
        """First step that is affected by what goes wrong on purpose, None where nothing does at a known step."""
        return min((event.step(self.recipe.steps) for event in self.recipe.events), default=None)

    def runs(self) -> tuple[PlannedRun, ...]:
        """Its runs: tuning seeds count from 100, further ones from 110, evaluation seeds from 200."""
        unseen = self.recipe.data().name in UNSEEN_DATA
        tuning, more = (0, 0) if unseen else (round(TUNING_SHARE * self.seeds), self.more_tuning)
        seeds = [*range(100, 100 + tuning), *range(110, 110 + more), *range(200, 200 + self.seeds - tuning)]
        return tuple(PlannedRun(self, replace(self.recipe, seed=seed)) for seed in seeds)


@dataclass(frozen=True)
class PlannedRun:
    """One training of the corpus."""

    configuration: Configuration
    recipe: Recipe

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.configuration.name}-s{self.recipe.seed}"

    @property
    def split(self) -> Split:
        """Which part of the corpus it belongs to."""
        if self.recipe.data().name in UNSEEN_DATA:
            return "unseen"
        return "tuning" if self.recipe.seed < 200 else "evaluation"
