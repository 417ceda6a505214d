"""Which batches are G's: told from storages and the autograd graph alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.multiprocessing.reductions import StorageWeakRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch.autograd.graph import Node

MAX_NODES = 2000  # autograd nodes walked in search of a generated batch; augmentations have some ten
REMEMBERED = 32  # outputs of the generator that may reach D later: gradient accumulation makes many
MARK = "gandiag"


class Origins:
    """Remembers the recent outputs of a network without keeping them alive."""

    def __init__(self) -> None:
        # a weak reference keeps the storage's handle, not its memory: an address used again is not mistaken
        self._storages: dict[int, StorageWeakRef] = {}  # by handle

    def add(self, output: torch.Tensor, *, mark: bool = False) -> None:
        """Note an output; with `mark`, what autograd derives from it is recognised, too."""
        ref = StorageWeakRef(output.untyped_storage())
        self._storages.pop(ref.cdata, None)
        self._storages[ref.cdata] = ref
        if len(self._storages) > REMEMBERED:
            del self._storages[next(iter(self._storages))]
        if mark and output.grad_fn is not None:
            _metadata(output.grad_fn)[MARK] = len(output) if output.dim() else 1

    def of(self, batch: torch.Tensor) -> str:
        """How a batch that D was given came about: direct, derived, mixed, leaf or plain."""
        if batch.untyped_storage()._cdata in self._storages:  # noqa: SLF001 - the handle: weak references hold it
            return "direct"
        size = _marked(batch.grad_fn) if batch.grad_fn is not None else None
        if size is not None:
            return "mixed" if len(batch) > size else "derived"
        return "leaf" if batch.is_leaf and batch.requires_grad else "plain"


def _metadata(node: Node) -> dict[str, Any]:
    """A node's own dictionary; torch's stubs take it for a method."""
    return node.metadata  # type: ignore[return-value]


def _marked(node: Node) -> int | None:
    """Number of samples of the nearest output of G in the graph behind `node`, None where there is none."""
    seen, level = {node}, [node]
    while level and len(seen) < MAX_NODES:
        sizes = [size for n in level if (size := _metadata(n).get(MARK)) is not None]
        if sizes:
            return int(sum(sizes))
        level = [n for n in dict.fromkeys(n for known in level for n, _ in known.next_functions if n) if n not in seen]
        seen.update(level)
    return None


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
