"""From findings to their story: what led to what, and where it began."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gandiag.findings import SEVERAL, Link, Story, titled
from gandiag.judge.checks import FAIL, PASS, WARN
from gandiag.judge.mechanisms import MECHANISMS, MISTAKES, Mechanism

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gandiag.findings import Finding

RESOLUTION_STEPS = 100  # onsets are no finer than the window of steps that detectors smooth over
RESOLUTION_SHARE = 0.05  # nor finer, late in a run, than this share of the step: evaluations lie further apart there

WITH_LABELS = {"label-mismatch"}  # not looked for where no labels are seen, as in most games: no doubt is left then
TOO_CLOSE = "These began too close together to tell which came first; the order shown is that of the known mechanism."

_KNOWN = {(m.cause, m.effect): m for m in MECHANISMS}


@dataclass(frozen=True)
class _Episode:
    """Findings of one failure, of one network where there are several, that follow close on each other.

    `place` is the index of the first in the diagnosis.
    """

    place: int
    code: str
    network: str
    onset: int
    last: int
    serious: bool

    @property
    def title(self) -> str:
        return titled(self.code, self.network)


def tell(
    findings: Sequence[Finding], unseen: Collection[str] = (), checks: Mapping[str, str] = MappingProxyType({})
) -> Story:
    """Link findings by known mechanisms and name the one root, if there is one.

    A finding explains another when a mechanism leads from the one failure to the other, the cause's onset is not
    after the effect's by more than what onsets can resolve (100 steps, or 5 % of the step where that is more), and
    the cause was not over for longer than it had lasted. Told are the findings that make the verdict (those that
    still hold, and failures), what led to them and what followed; remarks, and warnings that passed by themselves, are
    not.

    Parameters
    ----------
    findings : in order of onset, as in `Diagnosis.findings`
    unseen : codes of failures that could not be looked for: the root may follow from them
    checks : of each mistake in the loop whether it was found, see `Diagnosis`: where none was, the story says so
    """
    episodes = _episodes(findings)
    links = [link for cause in episodes for effect in episodes if (link := _link(cause, effect))]
    told = _told(episodes, links)
    if not told:
        return Story()
    kept = [link for link in links if {link.cause, link.effect} <= told.keys()]
    nearest = _nearest_causes(told, kept)
    roots = [told[place] for place in sorted(told) if place not in nearest]
    chains = tuple(chain for root in roots for chain in _chains(root.place, nearest))
    order = list(dict.fromkeys(place for chain in chains for place in chain))
    kept.sort(key=lambda link: (order.index(link.effect), order.index(link.cause)))
    return Story(
        root=roots[0].code if len(roots) == 1 else SEVERAL,
        line="; ".join(_line([told[place] for place in chain]) for chain in chains),
        sentence=" ".join([_sentence(roots, told, kept), *_excluded(checks), *_doubts(roots, unseen)]),
        chains=chains,
        links=tuple(kept),
    )


def _episodes(findings: Sequence[Finding]) -> list[_Episode]:
    open_: dict[tuple[str, str], _Episode] = {}
    found: dict[int, _Episode] = {}
    for place, f in enumerate(findings):
        if f.severity == "info":
            continue
        serious = f.ongoing or f.severity == "failure"
        new = _Episode(place, f.code, f.network, f.onset_step, f.last_step, serious)
        if (before := open_.get((f.code, f.network))) and f.onset_step - before.last <= _reach(before, f.onset_step):
            new = _Episode(
                before.place, f.code, f.network, before.onset, max(before.last, new.last), serious or before.serious
            )
        open_[f.code, f.network] = found[new.place] = new
    return list(found.values())


def _tolerance(step: int) -> float:
    return max(RESOLUTION_STEPS, RESOLUTION_SHARE * step)


def _reach(cause: _Episode, step: int) -> float:
    """For how many steps after its end a cause can explain what begins at `step`: as many as it lasted."""
    return max(_tolerance(step), cause.last - cause.onset + 1)


def _link(cause: _Episode, effect: _Episode) -> Link | None:
    mechanism = _KNOWN.get((cause.code, effect.code))
    if mechanism is None or (cause.network and effect.network and cause.network != effect.network):
        return None
    if (effect.code, cause.code) in _KNOWN:
        follows = (cause.onset, cause.place) < (effect.onset, effect.place)
    else:
        follows = cause.onset - effect.onset <= _tolerance(effect.onset)
    if not follows or effect.onset - cause.last > _reach(cause, effect.onset):
        return None
    return _as_link(mechanism, cause.place, effect.place)


def _as_link(mechanism: Mechanism, cause: int, effect: int) -> Link:
    return Link(cause=cause, effect=effect, sentence=mechanism.sentence, source=mechanism.source)


def _told(episodes: list[_Episode], links: list[Link]) -> dict[int, _Episode]:
    """The episodes worth telling, by place: those behind the verdict (else all), their causes, and the effects of
    these.
    """
    verdict = {e.place for e in episodes if e.serious} or {e.place for e in episodes}
    causes = _reached(verdict, [(link.effect, link.cause) for link in links])
    told = _reached(causes, [(link.cause, link.effect) for link in links])
    return {e.place: e for e in episodes if e.place in told}


def _reached(places: set[int], edges: list[tuple[int, int]]) -> set[int]:
    """The places, and all others that can be reached from them along the edges."""
    reached, waiting = set[int](), list(places)
    while waiting:
        place = waiting.pop()
        if place not in reached:
            reached.add(place)
            waiting += [b for a, b in edges if a == place]
    return reached


def _nearest_causes(told: dict[int, _Episode], links: list[Link]) -> dict[int, int]:
    """For each effect its latest cause, which stands before it in a chain."""
    nearest: dict[int, int] = {}
    for link in links:
        known = nearest.get(link.effect)
        if known is None or (told[link.cause].onset, link.cause) > (told[known].onset, known):
            nearest[link.effect] = link.cause
    return nearest


def _chains(place: int, nearest: dict[int, int], head: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Chains of places, from cause to effect: each further effect of one cause begins a new chain there."""
    effects = sorted(effect for effect, cause in nearest.items() if cause == place)
    if not effects:
        yield (*head, place)
    for i, effect in enumerate(effects):
        yield from _chains(effect, nearest, (*head, place) if i == 0 else (place,))


def _line(chain: list[_Episode]) -> str:
    first, *rest = chain
    return " -> ".join([f"{first.title} (step {first.onset:,})", *(f"{e.title} ({e.onset:,})" for e in rest)])


def _sentence(roots: list[_Episode], told: dict[int, _Episode], links: list[Link]) -> str:
    if len(roots) > 1:
        named = _and([f"{r.title} from step {r.onset:,}" for r in roots])
        return f"The first cause is unclear: no known mechanism links {named}."
    (root,) = roots
    if len(told) == 1:
        return f"{root.title} is the only problem found: no known cause or consequence of it was seen."
    sentences = dict.fromkeys(link.sentence for link in links if link.cause == root.place)
    if any(told[link.cause].onset > told[link.effect].onset for link in links):
        sentences[TOO_CLOSE] = None
    return f"It began with {root.title}. {' '.join(sentences)}"


def _excluded(checks: Mapping[str, str]) -> Iterator[str]:
    """That it is the game which goes wrong, not the loop, where that was looked at: before advice on balance."""
    passed = [code for code, outcome in checks.items() if outcome == PASS]
    if passed and not {WARN, FAIL} & {*checks.values()}:
        yield f"The training loop was checked for {len(passed)} kinds of mistakes, and none was found."


def _doubts(roots: list[_Episode], unseen: Collection[str]) -> Iterator[str]:
    codes = {root.code for root in roots}
    if codes <= {*MISTAKES}:  # a cause in itself
        return
    unseen = {*unseen} - WITH_LABELS
    causes = [m.cause for m in MECHANISMS if m.effect in codes and m.cause in unseen and m.cause not in codes]
    if causes:
        yield f"Not checked, and possibly the real cause: {_and(list(dict.fromkeys(causes)))}."


def _and(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))
