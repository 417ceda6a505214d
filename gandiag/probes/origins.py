"""Which batches are G's: told from storages and the autograd graph alone."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from torch.multiprocessing.reductions import StorageWeakRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch.autograd.graph import Node

MAX_NODES = 2000  # autograd nodes walked in search of a generated batch; augmentations have some ten
REMEMBERED = 32  # outputs of the generator that may reach D later: gradient accumulation makes many
MARK = "gandiag"


class _Mark(NamedTuple):
    """What the autograd node of an output of G is marked with."""

    size: int
    note: Any


class Origins:
    """Remembers the recent outputs of a network without keeping them alive."""

    def __init__(self) -> None:
        # a weak reference keeps the storage's handle, not its memory: an address used again is not mistaken
        self._storages: deque[tuple[StorageWeakRef, Any]] = deque(maxlen=REMEMBERED)

    def add(self, output: torch.Tensor, *, mark: bool = False, note: Any = None) -> None:
        """Note an output; with `mark`, what autograd derives from it is recognised, too.

        `note` is what `traced` says of batches that come from it.
        """
        self._storages.append((StorageWeakRef(output.untyped_storage()), note))
        if mark and output.grad_fn is not None:
            _metadata(output.grad_fn)[MARK] = _Mark(len(output) if output.dim() else 1, note)

    def of(self, batch: torch.Tensor) -> str:
        """How a batch that D was given came about: direct, derived, mixed, leaf or plain."""
        return self.traced(batch)[0]

    def traced(self, batch: torch.Tensor) -> tuple[str, Any]:
        """How a batch came about, and the note of the output it comes from; None where that is none, or several."""
        address = batch.untyped_storage()._cdata  # noqa: SLF001 - the handle, not the memory: weak references hold it
        for ref, note in reversed(self._storages):  # what shares a storage with several is the latest's
            if ref.cdata == address:
                return "direct", note
        marks = _marked(batch.grad_fn) if batch.grad_fn is not None else []
        if marks:
            return "mixed" if len(batch) > sum(m.size for m in marks) else "derived", marks[0].note
        return "leaf" if batch.is_leaf and batch.requires_grad else "plain", None


def _metadata(node: Node) -> dict[str, Any]:
    """A node's own dictionary; torch's stubs take it for a method."""
    return node.metadata  # type: ignore[return-value]


def _marked(node: Node) -> list[_Mark]:
    """The nearest outputs of G in the graph behind `node`."""
    seen, level = {node}, [node]
    while level and len(seen) < MAX_NODES:
        if marks := [mark for n in level if (mark := _metadata(n).get(MARK)) is not None]:
            return marks
        level = [n for n in dict.fromkeys(n for known in level for n, _ in known.next_functions if n) if n not in seen]
        seen.update(level)
    return []


def inner_outputs(outputs: Sequence[torch.Tensor]) -> set[int]:
    """Places of those outputs of a module that autograd passes on the way to others of them."""
    nodes = {t.grad_fn: i for i, t in enumerate(outputs) if t.grad_fn is not None}
    found: set[int] = set()
    for start in nodes:
        seen, level = {start}, [start]
        while level and len(seen) < MAX_NODES:
            level = [n for n in dict.fromkeys(n for at in level for n, _ in at.next_functions if n) if n not in seen]
            seen.update(level)
            found.update(nodes[n] for n in level if n in nodes)
    return found
