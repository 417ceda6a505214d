"""What is recorded: the table of signals, the grammar of their names, and what a name means."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from .names import parse, placeholders
from .table import BESIDE, CALLED, QUALITY, SIGNALS, Merge, Signal, Worse

__all__ = ["BESIDE", "CALLED", "QUALITY", "SIGNALS", "Merge", "Signal", "Worse", "describe", "is_listed"]

_BESIDE = re.compile(rf"(?P<value>quality/\w+)/(?P<which>{'|'.join(BESIDE)})")
_ENTRIES = {signal.name: signal for signal in SIGNALS}


@lru_cache(maxsize=4096)
def describe(name: str) -> Signal:
    """The table's entry for a concrete signal name; a blank one for a name the table does not hold.

    >>> describe("grad/generator/norm").meaning
    'norm of all gradients of generator as its optimizer uses them'
    >>> describe("d.patch/auc").meaning
    'patch: P(D(real) > D(fake)) within the step, ties half'
    >>> describe("lr").meaning
    'logged by the loop'
    """
    if beside := _BESIDE.fullmatch(name):
        signal = describe(beside["value"])
        return Signal(name, signal.unit, f"{signal.meaning}: {BESIDE[beside['which']]}")
    if own := parse(name).network:
        signal = describe(str(parse(name).base))
        return replace(signal, name=name, meaning=f"{own}: {signal.meaning}")
    if name in _ENTRIES:
        return _ENTRIES[name]
    for signal in SIGNALS:
        if found := placeholders(signal.name, name):
            return replace(signal, name=name, meaning=_meaning(signal, **found))
    return Signal(name, "", "logged by the loop")


def is_listed(name: str) -> bool:
    """Whether the table describes a signal of this name, of whichever network; placeholders may stand in it.

    >>> is_listed("grad/generator.a2b/norm"), is_listed("quality/fid/low"), is_listed("d/acu")
    (True, True, False)
    """
    beside = _BESIDE.fullmatch(name)
    base = str(parse(beside["value"] if beside else name).base)
    return base in _ENTRIES or any(placeholders(signal.name, base) for signal in SIGNALS)


def _meaning(signal: Signal, net: str = "", layer: str = "", **others: str) -> str:
    """What an entry means where these stand for its placeholders."""
    if "class" in others:
        return f"class {others['class']}: {signal.meaning}"
    return signal.meaning.replace("<net>", net).replace("one layer", f"layer {layer} of the {net}")
