"""What D was given, and which way is up: told by the pull of the losses, by origins and by values.

D's own loss pulls its outputs on real samples one way and those on generated ones the other. Calls that are known to be
G's show which way that is; a call of unknown origin that is pulled the other way was real, one that is pulled the same
way was generated (replayed, copied, augmented). Where D's loss lowers its outputs on generated samples a high output
means real; where it raises them a low one does, and outputs are turned round before anything is computed from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.measure.assembling import FAKE, OPEN, REAL, assembled
from gandiag.measure.broken import HEAD
from gandiag.measure.calls import is_call, read
from gandiag.measure.directions import directions
from gandiag.measure.game import Game, Look
from gandiag.measure.targets import MAX_TRIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.assembling import Kinds
    from gandiag.measure.calls import Calls, Raw

    Groups = list[tuple[np.ndarray, dict[str, np.ndarray]]]

SCALAR = "scalar/"
PATIENCE = 20  # rows after which what is still open is said


class Attribution:
    """Turns the records of D's calls into D's outputs and samples by kind.

    Parameters
    ----------
    upright : whether D's outputs are known to be higher for more real: the user's own score
    """

    def __init__(self, *, upright: bool = False) -> None:
        self.upright = upright
        self.games: dict[str, Game] = {}

    def told(self) -> dict[str, str]:
        """For each D (".patch", "" for an only one) what cannot be told of its calls, in a word: open or direction."""
        found = {}
        for own, game in self.games.items():
            counts = game.counts
            if counts["rows"] < PATIENCE:
                continue
            if game.has_direction and counts["open"] > counts["rows"] / 2:
                found[own] = "open"
            elif not game.has_direction or (game.apart.rows > 0 and not (counts["real"] and counts["generated"])):
                found[own] = "direction"
        return found

    def sign(self, own: str) -> float:
        """1 where a high output of a D means real, -1 where a low one does, 0 where that is not known."""
        game = self.games.get(own)
        if self.upright or game is None or not game.is_known:
            return 1.0  # nothing was pulled yet: as most loops have it
        return game.sign

    def resolve(self, groups: Sequence[tuple[list[int], Raw]]) -> list[tuple[list[int], Raw]]:
        """Groups of rows in which the records of D's calls have become `d/real`, `points/fake` and the like.

        All of them are learned from before any is told apart.

        Parameters
        ----------
        groups : positions of rows, and their records, see `gandiag.measure.calls`
        """
        with np.errstate(all="ignore"):  # outputs and pulls may be infinite
            left = {own: 1 for own, game in self.games.items() if game.is_curved}  # one row of the block is enough
            looks = [self._looks(raw, len(rows), left) for rows, raw in groups]
            for learn in (Game.learn, Game.remember):
                for of in looks:
                    for own, look in of.items():
                        learn(self.games.setdefault(own, Game()), look)
            return [part for group, of in zip(groups, looks, strict=True) for part in self._told_apart(*group, of)]

    def _looks(self, raw: Raw, k: int, left: dict[str, int]) -> dict[str, Look]:
        """The calls in k rows by their D; of some D so many rows are `left` to be looked at for two lines."""
        calls = read(raw)
        looks = {}
        for own in dict.fromkeys(c.own for c in calls):
            looks[own] = Look([c for c in calls if c.own == own], k, left.get(own, MAX_TRIED))
            if looks[own].seen and own in left:
                left[own] = 0
        return looks

    def _told_apart(self, rows: list[int], raw: Raw, looks: dict[str, Look]) -> list[tuple[list[int], Raw]]:
        """One group of rows in parts that have equally many samples of each kind."""
        parts: Groups = [(np.arange(len(rows)), {key: values for key, values in raw.items() if not is_call(key)})]
        for own, look in looks.items():
            parts = _crossed(parts, self._resolve(own, look))
        return [([rows[i] for i in here], self._turned(known)) for here, known in parts]

    def _turned(self, raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """D's outputs with high for more real, whichever way the loop has it."""
        turned = dict(raw)
        for own in self.games:
            if self.sign(own) < 0:
                heads = (f"d{own}/", f"held_out{own}/")
                turned |= {key: -v for key, v in raw.items() if key.startswith(heads)}
        return turned

    def _resolve(self, own: str, look: Look) -> Groups:
        game = self.games[own]
        kinds = game.kinds(look)
        game.count(look, kinds)
        told = ~_any_open(look, kinds) if self.sign(own) else np.zeros(look.k, dtype=bool)
        found = {f"pull{own}/{name}": v for name, v in directions(look.seen, look.asked, kinds).items()}
        if look.of_generator and self.sign(own):
            found[f"pull{own}/passed"] = game.let_through(look, self.sign(own))
        found |= {f"{HEAD}{own}/{name}": v for name, v in look.broken.items()}
        shown = list(look.seen)
        if not look.seen and game.counts["real"]:  # D is not trained in this step: its look at reals is recorded
            shown += _all_of(REAL, look.watched, kinds)
        if not any((mask == FAKE).any() for by in kinds.values() for mask in by.values()):
            shown += _all_of(FAKE, [c for c in look.asked if c.generated], kinds)
        return [
            (here, known | {f"{SCALAR}{key}": v[here] for key, v in found.items()})
            for here, known in assembled(own, shown, kinds, told)
        ]


def _crossed(groups: Groups, others: Groups) -> Groups:
    """Groups of the same rows, with what two splits of them hold; what the first one has, such as what the loop
    passed by hand, stays.
    """
    crossed = []
    for here, known in groups:
        for there, more in others:
            both, first, second = np.intersect1d(here, there, return_indices=True)
            if len(both):
                crossed.append(
                    (both, {k: v[second] for k, v in more.items()} | {k: v[first] for k, v in known.items()})
                )
    return crossed


def _all_of(kind: int, calls: Sequence[Calls], kinds: Kinds) -> Sequence[Calls]:
    """Calls, each sample of which is noted in `kinds` as of one kind."""
    for call in calls:
        kinds[id(call)] = {output: np.full(answer.outputs.shape, kind) for output, answer in call.answers.items()}
    return calls


def _any_open(look: Look, kinds: Kinds) -> np.ndarray:
    """Rows (k,) in which some sample cannot be told: what is known may be part of a kind only."""
    masks = [mask for call in look.seen for mask in kinds[id(call)].values()]
    return np.any([(mask == OPEN).any(axis=1) for mask in masks], axis=0) if masks else np.zeros(look.k, dtype=bool)
