"""What a run does not tell: damaged files, steps not recorded, detail that was given up, faults of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.judge.sparse import what_logs_lack
from gandiag.measure.detail import PLANS, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gandiag.rundir.run import Run

    Event = Mapping[str, Any]

MOST_NAMED = 100  # sentences on what is missing; more are counted
NAMED_GAPS = 3  # of one kind and reason; more are counted
END = 0.1  # the part of a run that tells how it ends
MOST = 0.5  # of its steps unrecorded, and nothing can be said of a stretch


def what_is_missing(run: Run) -> tuple[str, ...]:
    """A sentence for each damage, gap, thinning and fault of a run, without capital and full stop."""
    gaps = [e for e in run.events if e.get("kind") == "gap" and _placed(e)]
    thinned = [e for e in run.events if e.get("kind") == "thinned" and _placed(e)]
    faults = [_fault(fault) for fault in run.meta.get("faults", ())]
    found = [
        *what_logs_lack(run),
        *run.damage,
        *_gaps(gaps),
        *_thinnings(thinned),
        *_less_often(run.meta.get("plan")),
        *faults,
    ]
    unique = list(dict.fromkeys(" ".join(sentence.split()) for sentence in found))
    over = len(unique) - MOST_NAMED
    return (*unique[:MOST_NAMED], *([f"{over:,} more are in the run directory"] if over > 0 else []))


def what_was_lost(run: Run) -> tuple[str, ...]:
    """Those of `what_is_missing` that nobody meant: gaps and faults."""
    meant = [*_thinnings([e for e in run.events if e.get("kind") == "thinned" and _placed(e)])]
    meant += [*_less_often(run.meta.get("plan")), *what_logs_lack(run)]
    return tuple(sentence for sentence in what_is_missing(run) if sentence not in meant)


def blind(run: Run) -> bool:
    """Whether more than half of the steps, or of the last tenth of them, were not recorded at all.

    Steps that were thinned count as recorded: what is kept of them are means.
    """
    gaps = [(int(e["from_step"]), int(e["to_step"])) for e in run.events if _scalar_gap(e)]
    if not gaps:
        return False
    recorded = run.scalars.index.to_numpy()
    first = min([int(f) for f, _ in gaps] + recorded[:1].tolist())
    last = max([int(t) for _, t in gaps] + recorded[-1:].tolist())
    tail = last - int(END * (last - first + 1)) + 1
    return any(_unrecorded(gaps, recorded, a, last) > MOST * (last - a + 1) for a in (first, min(tail, last)))


def _unrecorded(gaps: Iterable[tuple[int, int]], recorded: np.ndarray, first: int, last: int) -> int:
    """How many steps from first to last lie in a gap and were not recorded by anyone."""
    total, reached = 0, first - 1
    for start, end in sorted(gaps):
        begin, stop = max(start, reached + 1), min(end, last)
        if begin <= stop:
            inside = np.searchsorted(recorded, stop, "right") - np.searchsorted(recorded, begin, "left")
            total += stop - begin + 1 - int(inside)
            reached = stop
    return total


def _placed(event: Event) -> bool:
    return isinstance(event.get("from_step"), int) and isinstance(event.get("to_step"), int)


def _scalar_gap(event: Event) -> bool:
    return event.get("kind") == "gap" and _placed(event) and event.get("what", "scalars") == "scalars"


def _gaps(events: list[Event]) -> Iterator[str]:
    for (who, what, reason), found in _grouped(events).items():
        spans = _joined((int(e["from_step"]), int(e["to_step"])) for e in found)
        subject = f"{who}{'' if what == 'scalars' else f'{what} of '}"
        if len(spans) > NAMED_GAPS:
            steps = sum(b - a + 1 for a, b in spans)
            within = f"{steps:,} steps between {spans[0][0]:,} and {spans[-1][1]:,}, in {len(spans):,} gaps,"
            yield f"{subject}{within} were not recorded: {reason}"
            continue
        for first, last in spans:
            which = f"step {first:,} was" if first == last else f"steps {first:,} to {last:,} were"
            yield f"{subject}{which} not recorded: {reason}"


def _thinnings(events: list[Event]) -> Iterator[str]:
    """One sentence for each kind of data: it may have been thinned a hundred times."""
    for (who, what, reason), found in _grouped(events).items():
        first, last = min(e["from_step"] for e in found), max(e["to_step"] for e in found)
        every = max(e.get("every", 0) for e in found)
        detail = f"in less detail, one in up to {every:,}" if every else "in less detail"
        yield f"{who}{what} of steps {first:,} to {last:,} are kept {detail}: {reason}"


def _less_often(plan: Any) -> Iterator[str]:
    """What `gandiag.record.plan` decided, where that is less than every round."""
    if intervals(plan):
        yield str(plan.get("words", in_words(plan["rounds"])))


def intervals(plan: Any) -> dict[str, int]:
    """Rounds between two records of each kind, of kinds that are not recorded as often as they might be."""
    rounds = plan.get("rounds") if isinstance(plan, dict) else None
    if not isinstance(rounds, dict) or not all(isinstance(every, int) for every in rounds.values()):
        return {}
    return {kind: every for kind, every in rounds.items() if every > PLANS[0].get(kind, every)}


def _grouped(events: list[Event]) -> dict[tuple[str, str, str], list[Event]]:
    groups: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        who = f"rank {event['rank']}: " if event.get("rank") else ""
        key = who, str(event.get("what", "scalars")), str(event.get("reason", "no reason given"))
        groups.setdefault(key, []).append(event)
    return groups


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _fault(fault: Mapping[str, Any]) -> str:
    times, first = fault.get("count", 1), fault.get("first_step")
    often = "once" if times == 1 else f"{_number(times)} times"
    since = "" if first is None else f" at step {_number(first)}" if times == 1 else f" from step {_number(first)}"
    return f"{fault.get('where', 'gandiag')}, {often}{since}: {fault.get('message', 'no reason given')}"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
