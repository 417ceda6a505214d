"""What is known of the game that is played with one D: which way is up, and what D is given at each place."""

from __future__ import annotations

from collections import Counter
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.measure.assembling import FAKE, OPEN, PAST, REAL
from gandiag.measure.broken import broken
from gandiag.measure.calls import ASKED, SEEN
from gandiag.measure.directions import up_by_outputs
from gandiag.measure.passed import LetThrough
from gandiag.measure.pulls import Evidence, consistency
from gandiag.measure.sites import CLEAR, ROWS, SHARP, STRAYING, Site
from gandiag.measure.targets import MAX_TRIED, SETTLED, straightened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.measure.assembling import Kinds
    from gandiag.measure.calls import Answer, Calls

STEADY = 0.99  # share of rows in which the loss pulls as sharply as that, so that one call alone can be told
CLEARER = 0.5  # as CLEAR, of outputs in place of pulls


@dataclass
class Look:
    """The calls of one D in k rows in which the same was recorded."""

    calls: Sequence[Calls]
    k: int
    tried: InitVar[int] = MAX_TRIED  # rows in which pulls are looked at for two lines, see `gandiag.measure.targets`

    def __post_init__(self, tried: int) -> None:
        self.broken = broken(self.calls, self.k)
        self.seen = [c for c in self.calls if c.role == SEEN and c.origin != "watched" and c.answers]
        self.asked = [c for c in self.calls if c.role == ASKED and c.answers]
        self.watched = [c for c in self.calls if c.origin == "watched" and c.answers]
        seen, asked = ([answer for call in of for answer in call.answers.values()] for of in (self.seen, self.asked))
        own = [(c, place, answer) for c in self.asked if c.generated for place, answer in c.answers.items()]
        self.of_generator = {  # as G's loss pulls, before anything is straightened
            (c.number, place): (a.outputs, a.pull) if a.single is None else (a.single[:, 0], a.single[:, 1])
            for c, place, a in own
        }
        self.straight = False  # whether some pulls lie on lines
        found = straightened(seen, asked, tried)
        for of, pulls in zip((seen, asked), found, strict=True):
            for answer, pull in zip(of, pulls, strict=True):
                self.straight |= not np.array_equal(pull, np.nan_to_num(answer.pull))
                answer.pull = pull  # those of least squares say what they pull towards

    @property
    def alone(self) -> bool:
        """Whether there is one call that is not known to be G's, beside some that are."""
        return sum(not c.generated for c in self.seen) == 1 and len(self.seen) > 1


@dataclass
class Game:
    """What is known of one D."""

    up: Evidence = field(default_factory=Evidence)  # 1 where a high output means real, -1 where a low one does
    up_by_generator: Evidence = field(default_factory=Evidence)
    up_by_outputs: Evidence = field(default_factory=Evidence)
    steady: Evidence = field(default_factory=Evidence)
    apart: Evidence = field(default_factory=Evidence)  # share of D's updates that pull on some samples as on real ones
    sites: dict[tuple[Any, ...], Site] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    passed: dict[tuple[int, int], LetThrough] = field(default_factory=dict)
    since_straight: int = 0  # rows since a pull lay on a line

    @property
    def sign(self) -> float:
        """1 where a high output means real, -1 where a low one does, 0 where that is not known."""
        own = self.up if float(self.up.rows) > 0 and self.has_direction else self.up_by_generator
        if float(own.rows) > 0:
            return float(np.sign(own.mean)) if abs(own.mean) >= CLEAR else 0.0
        mean, rows = float(self.up_by_outputs.mean), float(self.up_by_outputs.rows)
        return float(np.sign(mean)) if rows >= ROWS and abs(mean) >= CLEARER else 0.0

    @property
    def is_known(self) -> bool:
        """Whether anything has shown which way is up, or failed to."""
        return max(float(of.rows) for of in (self.up, self.up_by_generator, self.up_by_outputs)) > 0

    @property
    def has_direction(self) -> bool:
        """Whether D's loss pulls on some samples the other way than on others."""
        return float(self.apart.rows) < ROWS or float(self.apart.mean) >= CLEAR

    @property
    def is_curved(self) -> bool:
        """Whether D's losses have long been seen to pull along no line."""
        return self.since_straight >= SETTLED

    @property
    def is_steady(self) -> bool:
        """Whether one call alone can be told."""
        return float(self.steady.rows) > 0 and float(self.steady.mean) >= STEADY

    def site(self, look: Look, call: Calls, output: int) -> Site:
        """The place of an output of a call."""
        place = call.number, output, call.origin, call.answers[output].outputs.shape[1], len(look.seen)
        return self.sites.setdefault(place, Site())

    def ways(self, look: Look) -> np.ndarray:
        """The sign (k,) of D's pull on generated samples: as G's own calls have it in a row, else as so far, or NaN."""
        ways = np.full(look.k, self.sign or np.nan)
        for call in look.seen:
            for answer in call.answers.values():
                if certain(call, answer).all():
                    found = consistency(answer.pull)
                    ways = np.where(np.abs(found) >= SHARP, np.sign(found), ways)
        return ways

    def learn(self, look: Look) -> None:
        """Which way is up, and whether one call alone shows its kind."""
        self.since_straight = 0 if look.straight else self.since_straight + look.k
        for call in look.asked:
            if call.generated:
                for answer in call.answers.values():
                    self.up_by_generator.add(-consistency(answer.pull))
        self.up_by_outputs.add(up_by_outputs(look.seen, look.asked, look.k))
        known = [(a, certain(c, a)) for c in look.seen for a in c.answers.values()]
        if not known:
            return
        fakes = _pull_on_certain(known)
        self.up.add(fakes)
        shown = [consistency(a.pull, m) for a, m in known if m.any()] or [consistency(a.pull) for a, _ in known]
        for found in shown:
            same = np.abs(found) >= SHARP
            if np.isfinite(fakes).any() and float(self.up.rows) > 0:
                same &= np.sign(found) == np.sign(float(self.up.mean))
            self.steady.add(np.where(np.isfinite(found), same.astype(float), np.nan))

    def remember(self, look: Look) -> None:
        """What is pulled at each place, and whether D's loss pulls on some samples as on real ones."""
        ways = self.ways(look)
        as_real, pulled = np.zeros(look.k, dtype=bool), np.zeros(look.k, dtype=bool)
        for call in look.seen:
            for output, answer in call.answers.items():
                sure = certain(call, answer)
                if sure.all():
                    continue
                pull = np.where(sure, 0.0, answer.pull)
                as_placed = np.where(sure, np.abs(answer.pull), answer.pull * ways[:, None])
                self.site(look, call, output).remember(pull, consistency(answer.pull, ~sure) * ways, as_placed)
                signed = np.nan_to_num(pull) * np.nan_to_num(ways)[:, None]
                pulled |= signed.any(axis=1)
                as_real |= np.where(signed < 0, -signed, 0.0).sum(axis=1) > STRAYING * np.abs(signed).sum(axis=1)
        if any(not certain(c, a).all() for c in look.seen for a in c.answers.values()):
            self.apart.add(np.where(pulled, as_real.astype(float), np.nan))

    def kinds(self, look: Look) -> Kinds:
        """Of each sample of each call in D's updates: REAL, FAKE, OPEN, or PAST."""
        ways = self.ways(look)
        found = {id(c): {o: self._kind(look, c, o, ways) for o in c.answers} for c in look.seen}
        return _latest(look, found)

    def _kind(self, look: Look, call: Calls, output: int, ways: np.ndarray) -> np.ndarray:
        answer = call.answers[output]
        sure = certain(call, answer)
        if sure.all():
            return np.full(answer.outputs.shape, FAKE)
        site = self.site(look, call, output)
        if call.origin == "mixed" or site.both_kinds:
            kind = site.by_sample(answer, ways, steady=self.is_steady)
        else:
            if self.has_direction:
                pulled = consistency(answer.pull, ~sure) * ways
                kinds = site.by_call(pulled, steady=self.is_steady, sole=look.alone)
            else:
                kinds = np.full(look.k, REAL if look.alone else OPEN)
            kind = np.repeat(kinds[:, None], answer.outputs.shape[1], axis=1)
        return np.where(sure, FAKE, kind)

    def let_through(self, look: Look, sign: float) -> np.ndarray:
        """What G's loss lets through to D's outputs, (k,): the most of all outputs; NaN where that does not show."""
        found = [self.passed.setdefault(at, LetThrough())(*of, sign) for at, of in look.of_generator.items()]
        most: np.ndarray = np.fmax.reduce(found)
        return most

    def count(self, look: Look, kinds: Kinds) -> None:
        """Calls by kind, for people."""
        if not look.seen:
            return
        self.counts["rows"] += look.k
        for call in look.seen:
            masks = np.concatenate(list(kinds[id(call)].values()), axis=1)
            for name, kind in (("real", REAL), ("generated", FAKE), ("open", OPEN)):
                self.counts[name] += int((masks == kind).any(axis=1).sum())


def certain(call: Calls, answer: Answer) -> np.ndarray:
    """Which samples (k, b) are known to be G's, by origin or by their values."""
    if call.generated and len(call.answers) == 1:
        return np.ones(answer.outputs.shape, dtype=bool)
    if call.generated:  # several outputs of a call that holds G's batch: some may judge another argument
        return np.full(answer.outputs.shape, "other_points" not in call.views)
    return answer.made if answer.made is not None else np.zeros(answer.outputs.shape, dtype=bool)


def _pull_on_certain(known: Sequence[tuple[Answer, np.ndarray]]) -> np.ndarray:
    """Consistency (k,) of D's pull on samples that are known to be G's; NaN where there are none.

    Beside G's own, one call more is the real one, as a rule: where the two differ clearly, both count.
    """
    pulls = [np.nan_to_num(np.where(m, a.pull, 0.0)) for a, m in known]
    size = sum(np.abs(p).sum(axis=1) for p in pulls)
    total = sum(p.sum(axis=1) for p in pulls)
    fakes: np.ndarray = np.where(size > 0, total / np.maximum(size, 1e-300), np.nan)
    others = [(a, m) for a, m in known if not m.all()]
    if len(others) == 1 and any(m.any() for _, m in known):
        other = np.nan_to_num(np.where(others[0][1], 0.0, others[0][0].pull))
        apart = (total - other.sum(axis=1)) / np.maximum(size + np.abs(other).sum(axis=1), 1e-300)
        both = np.any([m.any(axis=1) for _, m in known], axis=0)
        fakes = np.where(both & (np.abs(apart) >= CLEAR), apart, fakes)
    return fakes


def _latest(look: Look, kinds: Kinds) -> Kinds:
    """Kinds with PAST for samples of an update that a later one of the same step holds the kind of.

    What is open in the latest update of a step may be of either kind: nothing is taken from earlier ones then.
    """
    there = {kind: np.zeros(look.k, dtype=bool) for kind in (REAL, FAKE)}
    found: Kinds = {}
    for slot in sorted({call.slot for call in look.seen}, reverse=True):
        calls = [call for call in look.seen if call.slot == slot]
        has = {kind: np.zeros(look.k, dtype=bool) for kind in (REAL, FAKE, OPEN)}
        for call in calls:
            found[id(call)] = {}
            for output, mask in kinds[id(call)].items():
                gone = np.where(mask == REAL, there[REAL][:, None], there[FAKE][:, None])
                gone |= (mask == OPEN) & (there[REAL] & there[FAKE])[:, None]
                found[id(call)][output] = np.where(gone, PAST, mask)
                has = {kind: there_already | (mask == kind).any(axis=1) for kind, there_already in has.items()}
        for kind in (REAL, FAKE):
            there[kind] = there[kind] | has[kind] | has[OPEN]
    return found
