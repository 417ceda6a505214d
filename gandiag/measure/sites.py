"""Places in a game, and which kind of samples D is given at each: by what is pulled there over many steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.assembling import FAKE, OPEN, REAL
from gandiag.measure.pulls import Evidence

if TYPE_CHECKING:
    from gandiag.measure.calls import Answer

SHARP = 0.999  # consistency of a pull that is the same on all samples of a batch
CLEAR = 0.3  # mean consistency from which on a direction counts: noise around 0 stays below after ten rows
LEAST, MOST = 0.1, 0.9  # shares of a batch's positions: of each kind, and of both, where it holds both kinds
STRAYING = 0.15  # share of the pull against the majority: least squares overshoot by less, mixed kinds differ by more
ROWS = 5  # rows from which on a majority counts
"""The numbers above are our choice; docs/loops.md and a property test over random games show what they tell apart."""


@dataclass
class Site:
    """What is known of one output of one call at its place in the game."""

    pulled: Evidence = field(default_factory=Evidence)  # consistency, 1 as on generated samples, -1 as on real ones
    against: Evidence = field(default_factory=Evidence)  # sizes of pulls on samples as on real ones
    size: Evidence = field(default_factory=Evidence)
    positions: Evidence = field(default_factory=Evidence)  # pulls by position in the batch, over their mean size
    sizes: Evidence = field(default_factory=Evidence)  # their sizes

    def remember(self, pull: np.ndarray, pulled: np.ndarray, placed: np.ndarray) -> None:
        """Add k rows.

        Parameters
        ----------
        pull : (k, b), zero on samples that are known to be G's
        pulled : (k,) its consistency, 1 as on generated samples
        placed : (k, b) the pull on all samples, positive as on generated ones; NaN where that is not known
        """
        rows = np.nan_to_num(np.abs(pull)).sum(axis=1)
        self.pulled.add(pulled)
        self.size.add(np.where(np.isnan(pulled), np.nan, rows))
        self.against.add(np.where(pulled < 0, rows, 0.0))
        mean = np.nan_to_num(np.abs(placed)).mean(axis=1, keepdims=True)
        placed = placed / np.where(mean > 0, mean, np.nan)
        self.positions.add(placed)
        self.sizes.add(np.abs(placed))

    @property
    def mixed(self) -> bool:
        """Whether some rows are pulled one way and some the other, by more than overshooting."""
        share = float(self.against.total) / max(float(self.size.total), 1e-30)
        return min(share, 1 - share) > STRAYING

    @property
    def by_position(self) -> np.ndarray:
        """Consistency (b,) of the pull at each position in the batch."""
        value: np.ndarray = self.positions.total / np.maximum(self.sizes.total, 1e-30)
        return value

    @property
    def both_kinds(self) -> bool:
        """Whether the batch holds both kinds, each at its own positions."""
        found = self.by_position
        if found.ndim != 1 or float(np.max(self.positions.rows)) < 1:
            return False
        shares = (found >= CLEAR).mean(), (found <= -CLEAR).mean()
        return bool(min(shares) >= LEAST and sum(shares) >= MOST)

    def by_call(self, pulled: np.ndarray, *, steady: bool, sole: bool) -> np.ndarray:
        """Kinds (k,) of whole batches: by the majority here, by the call alone where rows differ.

        `steady`: one call alone can be told; `sole`: all other calls of the update are G's.
        """
        alone = np.where(np.abs(pulled) >= SHARP, np.where(pulled > 0, FAKE, REAL), OPEN)
        mean, rows = float(self.pulled.mean), float(self.pulled.rows)
        if rows >= ROWS and abs(mean) >= CLEAR and not self.mixed:
            return np.full(len(pulled), FAKE if mean > 0 else REAL)
        if steady:  # a sole batch that its loss has done with, and does not pull at all, is what it was so far
            return np.where(np.isnan(pulled) & (sole and mean <= CLEAR), REAL, alone)
        if sole and (rows < ROWS or mean <= CLEAR):
            return np.full(len(pulled), REAL)
        return np.full(len(pulled), OPEN)

    def by_sample(self, answer: Answer, ways: np.ndarray, *, steady: bool) -> np.ndarray:
        """Kinds (k, b) of single samples: by their place in the batch, by the pull on each where places do not tell."""
        if self.both_kinds:
            found = self.by_position
            kinds = np.where(found >= CLEAR, FAKE, np.where(found <= -CLEAR, REAL, OPEN))
            return np.broadcast_to(kinds, answer.outputs.shape)
        if steady:
            signs = np.sign(answer.pull) * ways[:, None]
            return np.where(signs > 0, FAKE, np.where(signs < 0, REAL, OPEN))
        return np.full(answer.outputs.shape, OPEN)
