"""What D was given, and which way is up: told by the pull of the losses, by origins and by values.

D's own loss pulls its outputs on real samples one way and those on generated ones the other. Calls that are known to be
G's show which way that is; a call of unknown origin that is pulled the other way was real, one that is pulled the same
way was generated (replayed, copied, augmented). Where D's loss lowers its outputs on generated samples a high output
means real; where it raises them a low one does, and outputs are turned round before anything is computed from them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.measure.assembling import FAKE, OPEN, REAL, assembled
from gandiag.measure.calls import ASKED, SEEN, is_call, read
from gandiag.measure.pulls import Evidence, consistency
from gandiag.measure.targets import straightened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.assembling import Kinds
    from gandiag.measure.calls import Answer, Calls, Raw

SCALAR = "scalar/"
SHARP = 0.999  # consistency of a pull that is the same on all samples of a batch
STEADY = 0.99  # share of rows in which the loss pulls as sharply as that, so that one call alone can be told
CLEAR = 0.3  # mean consistency from which on a direction counts: noise around 0 stays below after ten rows
LEAST, MOST = 0.1, 0.9  # shares of a batch's positions: of each kind, and of both, where it holds both kinds
STRAYING = 0.15  # share of the pull against the majority: least squares overshoot by less, mixed kinds differ by more
ROWS = 5  # rows from which on a majority counts
PATIENCE = 20  # rows after which what is still open is said
"""The numbers above are our choice; docs/loops.md and a property test over random games show what they tell apart."""


@dataclass
class Site:
    """What is known of one output of one call at its place in the game."""

    pulled: Evidence = field(default_factory=Evidence)  # consistency, 1 as on generated samples, -1 as on real ones
    against: Evidence = field(default_factory=Evidence)  # sizes of pulls on samples as on real ones
    size: Evidence = field(default_factory=Evidence)
    positions: Evidence = field(default_factory=Evidence)  # pulls by position in the batch, over their mean size
    sizes: Evidence = field(default_factory=Evidence)  # their sizes

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


@dataclass
class Game:
    """What is known of one D."""

    up: Evidence = field(default_factory=Evidence)  # 1 where a high output means real, -1 where a low one does
    up_by_generator: Evidence = field(default_factory=Evidence)
    steady: Evidence = field(default_factory=Evidence)
    apart: Evidence = field(default_factory=Evidence)  # share of D's updates that pull on some samples as on real ones
    sites: dict[tuple[Any, ...], Site] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def sign(self) -> float:
        """1 where a high output means real, -1 where a low one does, 0 where that is not known."""
        own = self.up if float(self.up.rows) > 0 and self.has_direction else self.up_by_generator
        mean = float(own.mean)
        return float(np.sign(mean)) if abs(mean) >= CLEAR else 0.0

    @property
    def has_direction(self) -> bool:
        """Whether D's loss pulls on some samples the other way than on others."""
        return float(self.apart.rows) < ROWS or float(self.apart.mean) >= CLEAR


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
            if game.counts["rows"] >= PATIENCE and not game.has_direction:
                found[own] = "direction"
            elif game.counts["rows"] >= PATIENCE and game.counts["open"] > game.counts["rows"] / 2:
                found[own] = "open"
        return found

    def resolve(self, rows: list[int], raw: Raw) -> list[tuple[list[int], Raw]]:
        """Groups of rows in which the records of D's calls have become `d/real`, `points/fake` and the like.

        Parameters
        ----------
        rows : positions of the rows
        raw : records of k rows, see `gandiag.measure.calls`
        """
        calls = read(raw)
        groups = [(np.arange(len(rows)), {key: values for key, values in raw.items() if not is_call(key)})]
        for own in dict.fromkeys(call.own for call in calls):
            with np.errstate(all="ignore"):  # outputs and pulls may be infinite
                found = self._resolve(own, [call for call in calls if call.own == own], len(rows))
            groups = _crossed(groups, found)
        return [([rows[i] for i in here], self._turned(known)) for here, known in groups]

    def _turned(self, raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """D's outputs with high for more real, whichever way the loop has it."""
        turned = dict(raw)
        for own in self.games:
            if self.sign(own) < 0:
                heads = (f"d{own}/", f"held_out{own}/")
                turned |= {key: -v for key, v in raw.items() if key.startswith(heads)}
        return turned

    def _resolve(self, own: str, calls: Sequence[Calls], k: int) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        game = self.games.setdefault(own, Game())
        seen = [c for c in calls if c.role == SEEN and c.origin != "watched" and c.answers]
        asked = [c for c in calls if c.role == ASKED and c.answers]
        _straighten(seen, asked)
        self._learn(game, seen, asked)
        kinds: Kinds = {id(c): {o: self._kind(game, seen, c, o) for o in c.answers} for c in seen}
        if seen:
            _count(game, seen, kinds, k)
        shown = list(seen)
        if (
            not seen and game.counts["real"]
        ):  # D is not trained in this step: its look at reals is recorded all the same
            shown += _all_of(REAL, [c for c in calls if c.origin == "watched"], kinds)
        if not any((mask == FAKE).any() for by in kinds.values() for mask in by.values()):
            shown += _all_of(FAKE, [c for c in asked if c.generated], kinds)
        directions = {f"{SCALAR}pull{own}/{name}": v for name, v in _directions(seen, asked, kinds).items()}
        groups = assembled(own, shown, kinds, k, outputs=self.sign(own) != 0)
        return [(here, found | {key: v[here] for key, v in directions.items()}) for here, found in groups]

    def sign(self, own: str) -> float:
        """1 where a high output of a D means real, -1 where a low one does, 0 where that is not known."""
        game = self.games.get(own)
        if self.upright or game is None or max(float(game.up.rows), float(game.up_by_generator.rows)) < 1:
            return 1.0  # nothing was pulled yet: as most loops have it
        return game.sign

    def _learn(self, game: Game, seen: Sequence[Calls], asked: Sequence[Calls]) -> None:
        """Which way is up, and whether one call alone shows its kind."""
        for call in asked:
            if call.generated:
                for answer in call.answers.values():
                    game.up_by_generator.add(-consistency(answer.pull))
        known = [(a, _certain(c, a)) for c in seen for a in c.answers.values()]
        if not known:
            return
        pulls = [np.nan_to_num(np.where(m, a.pull, 0.0)) for a, m in known]
        size = sum(np.abs(p).sum(axis=1) for p in pulls)
        fakes = np.where(size > 0, sum(p.sum(axis=1) for p in pulls) / np.maximum(size, 1e-300), np.nan)
        open_ones = [(a, m) for a, m in known if not m.all()]
        if len(open_ones) == 1 and any(
            m.any() for _, m in known
        ):  # beside G's own, one more call: the real one, as a rule
            other = np.nan_to_num(np.where(open_ones[0][1], 0.0, open_ones[0][0].pull))
            both = size + np.abs(other).sum(axis=1)
            apart = (sum(p.sum(axis=1) for p in pulls) - other.sum(axis=1)) / np.maximum(both, 1e-300)
            fakes = np.where(np.abs(apart) >= CLEAR, apart, fakes)
        game.up.add(fakes)
        certain = [consistency(a.pull, m) for a, m in known if m.any()] or [consistency(a.pull) for a, _ in known]
        for found in certain:
            same = np.abs(found) >= SHARP
            if np.isfinite(fakes).any() and float(game.up.rows) > 0:
                same &= np.sign(found) == np.sign(float(game.up.mean))
            game.steady.add(np.where(np.isfinite(found), same.astype(float), np.nan))

    def _kind(self, game: Game, seen: Sequence[Calls], call: Calls, output: int) -> np.ndarray:
        """Of each sample of one answer (k, b): REAL, FAKE or OPEN."""
        answer = call.answers[output]
        certain = _certain(call, answer)
        if certain.all():
            return np.full(answer.outputs.shape, FAKE)
        ways = _ways(game, seen, len(answer.outputs))
        site = game.sites.setdefault((call.number, output, call.origin, answer.outputs.shape[1], len(seen)), Site())
        pulled = consistency(answer.pull, ~certain) * ways
        _remember(site, np.where(certain, 0.0, answer.pull), pulled, ways)
        steady = float(game.steady.rows) > 0 and float(game.steady.mean) >= STEADY
        if call.origin == "mixed" or site.both_kinds:
            kind = _by_position(site, answer, ways, steady=steady)
        else:
            sole = sum(not c.generated for c in seen) == 1 and len(seen) > 1
            kinds = _by_call(site, pulled, steady=steady, sole=sole)
            if not game.has_direction:
                kinds = np.full(len(kinds), REAL if sole else OPEN)
            kind = np.repeat(kinds[:, None], answer.outputs.shape[1], axis=1)
        return np.where(certain, FAKE, kind)


def _straighten(seen: Sequence[Calls], asked: Sequence[Calls]) -> None:
    """Have the pulls of least squares say what they pull towards."""
    answers = [[answer for call in calls for answer in call.answers.values()] for calls in (seen, asked)]
    for of, pulls in zip(answers, straightened(*answers), strict=True):
        for answer, pull in zip(of, pulls, strict=True):
            answer.pull = pull


def _crossed(
    groups: list[tuple[np.ndarray, dict[str, np.ndarray]]], others: list[tuple[np.ndarray, dict[str, np.ndarray]]]
) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Groups of the same rows, with what two splits of them hold."""
    crossed = []
    for here, known in groups:
        for there, more in others:
            both, first, second = np.intersect1d(here, there, return_indices=True)
            if len(both):
                crossed.append(
                    (both, {k: v[first] for k, v in known.items()} | {k: v[second] for k, v in more.items()})
                )
    return crossed


def _all_of(kind: int, calls: Sequence[Calls], kinds: Kinds) -> Sequence[Calls]:
    """Calls, each sample of which is noted in `kinds` as of one kind."""
    for call in calls:
        kinds[id(call)] = {output: np.full(answer.outputs.shape, kind) for output, answer in call.answers.items()}
    return calls


def _certain(call: Calls, answer: Answer) -> np.ndarray:
    """Which samples (k, b) are known to be G's, by origin or by their values."""
    if call.generated and len(call.answers) == 1:
        return np.ones(answer.outputs.shape, dtype=bool)
    if call.generated:  # several outputs of a call that holds G's batch: some may judge another argument
        return np.full(answer.outputs.shape, "other_points" not in call.views)
    return answer.made if answer.made is not None else np.zeros(answer.outputs.shape, dtype=bool)


def _ways(game: Game, seen: Sequence[Calls], k: int) -> np.ndarray:
    """The sign (k,) of D's pull on generated samples: as G's own calls have it in a row, else as so far, else NaN."""
    ways = np.full(k, game.sign or np.nan)
    for call in seen:
        for answer in call.answers.values():
            if _certain(call, answer).all():
                found = consistency(answer.pull)
                ways = np.where(np.abs(found) >= SHARP, np.sign(found), ways)
    return ways


def _remember(site: Site, pull: np.ndarray, pulled: np.ndarray, ways: np.ndarray) -> None:
    """Add k rows to what is known of a place in the game."""
    sized = np.nan_to_num(np.abs(pull))
    rows = sized.sum(axis=1)
    site.pulled.add(pulled)
    site.size.add(np.where(np.isnan(pulled), np.nan, rows))
    site.against.add(np.where(pulled < 0, rows, 0.0))
    mean = np.where(rows > 0, rows / pull.shape[1], np.nan)[:, None]
    site.positions.add(pull / mean * ways[:, None])
    site.sizes.add(np.where(np.isnan(ways)[:, None], np.nan, sized / mean))


def _by_call(site: Site, pulled: np.ndarray, *, steady: bool, sole: bool) -> np.ndarray:
    """Kinds (k,) of whole batches: by the majority at this place of the game, by the call alone where they differ."""
    alone = np.where(np.abs(pulled) >= SHARP, np.where(pulled > 0, FAKE, REAL), OPEN)
    mean, rows = float(site.pulled.mean), float(site.pulled.rows)
    if rows >= ROWS and abs(mean) >= CLEAR and not site.mixed:
        return np.full(len(pulled), FAKE if mean > 0 else REAL)
    if steady:
        return alone
    if sole and (rows < ROWS or mean <= CLEAR):
        return np.full(len(pulled), REAL)
    return np.full(len(pulled), OPEN)


def _by_position(site: Site, answer: Answer, ways: np.ndarray, *, steady: bool) -> np.ndarray:
    """Kinds (k, b) of single samples: by their place in the batch, by the pull on each where places do not tell."""
    if site.both_kinds:
        found = site.by_position
        kinds = np.where(found >= CLEAR, FAKE, np.where(found <= -CLEAR, REAL, OPEN))
        return np.broadcast_to(kinds, answer.outputs.shape)
    if steady:
        signs = np.sign(answer.pull) * ways[:, None]
        return np.where(signs > 0, FAKE, np.where(signs < 0, REAL, OPEN))
    return np.full(answer.outputs.shape, OPEN)


def _count(game: Game, seen: Sequence[Calls], kinds: Kinds, k: int) -> None:
    """Calls by kind, for people; and whether D's loss pulls on some samples as on real ones."""
    game.counts["rows"] += k
    as_real = np.zeros(k, dtype=bool)
    unknown = np.zeros(k, dtype=bool)
    for call in seen:
        masks = np.concatenate(list(kinds[id(call)].values()), axis=1)
        for name, kind in (("real", REAL), ("generated", FAKE), ("open", OPEN)):
            game.counts[name] += int((masks == kind).any(axis=1).sum())
        unknown |= (masks == OPEN).any(axis=1)
    game.counts["rows with open calls"] += int(unknown.sum())
    ways = _ways(game, seen, k)
    open_ones = [(c, a) for c in seen for a in c.answers.values() if not _certain(c, a).all()]
    pulled = np.zeros(k, dtype=bool)
    for call, answer in open_ones:
        pulls = np.nan_to_num(np.where(_certain(call, answer), 0.0, answer.pull)) * np.nan_to_num(ways)[:, None]
        pulled |= pulls.any(axis=1)
        as_real |= np.where(pulls < 0, -pulls, 0.0).sum(axis=1) > STRAYING * np.abs(pulls).sum(axis=1)
    if open_ones:
        game.apart.add(np.where(pulled, as_real.astype(float), np.nan))


def _directions(seen: Sequence[Calls], asked: Sequence[Calls], kinds: Kinds) -> dict[str, np.ndarray]:
    """Signals (k,): `apart`, 1 where D pulls real and generated samples apart, 0 where it pulls them the same way;
    `agreement`, -1 where G pulls generated samples against D, 1 where both pull the same way.
    """
    generated = _pull_on(FAKE, seen, kinds)
    real, back = _pull_on(REAL, seen, kinds), _pull_on(FAKE, asked, {})
    found = {}
    if generated is not None and real is not None:
        found["apart"] = np.abs(generated - real) / 2
    if generated is not None and back is not None:
        found["agreement"] = generated * back
    return found


def _pull_on(kind: int, calls: Sequence[Calls], kinds: Kinds) -> np.ndarray | None:
    """Consistency (k,) of the pull on all samples of a kind; where kinds are not given, on calls that are all G's."""
    chosen = []
    for call in calls:
        for output, answer in call.answers.items():
            if id(call) in kinds:
                chosen.append((answer.pull, kinds[id(call)][output] == kind))
            elif call.generated:
                chosen.append((answer.pull, np.ones(answer.pull.shape, dtype=bool)))
    if not chosen:
        return None
    return consistency(*(np.concatenate(parts, axis=1) for parts in zip(*chosen, strict=True)))
