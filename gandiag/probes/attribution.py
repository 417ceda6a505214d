"""Who is fake? Tells the batches that D sees apart, from storages and the autograd graph alone."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch.multiprocessing.reductions import StorageWeakRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from torch.autograd.graph import Node

MAX_NODES = 2000  # autograd nodes walked in search of a generated batch; augmentations have some ten
REMEMBERED = 8  # outputs of a network that may reach D later
MARK = "gandiag"
AMBIGUOUS = (
    "D was trained for {steps} steps on batches of which none could be traced to the generator (real and generated "
    "concatenated, or augmented between G and D?), so D's outputs on generated samples are unknown; pass them: "
    "callback.observe(real=d_out_real, fake=d_out_fake)"
)
UNSEEN = (
    "D was trained for {steps} steps and none of its forward passes was seen; if torch.compile came after attaching, "
    "attach to the compiled modules, else pass D's outputs: callback.observe(real=d_out_real, fake=d_out_fake)"
)


@dataclass(eq=False)
class Call:
    """One forward pass of D in training: its input and output, detached, and how the input came about."""

    batch: torch.Tensor
    output: torch.Tensor
    origin: str  # "direct" or "derived" from G's output, "leaf" that requires grad, "plain"
    output_gradients: list[torch.Tensor] = field(default_factory=list)


class Origins:
    """Remembers the recent outputs of a network without keeping them alive."""

    def __init__(self) -> None:
        # a weak reference keeps the storage's handle, not its memory: an address used again is not mistaken
        self._storages: deque[StorageWeakRef] = deque(maxlen=REMEMBERED)

    def add(self, output: torch.Tensor, *, mark: bool = False) -> None:
        """Note an output; with `mark`, what autograd derives from it is recognised, too."""
        self._storages.append(StorageWeakRef(output.untyped_storage()))
        if mark and output.grad_fn is not None:
            _metadata(output.grad_fn)[MARK] = True

    def of(self, batch: torch.Tensor) -> str:
        """How a batch that D was given came about, see `Call.origin`."""
        storage = StorageWeakRef(batch.untyped_storage())
        if any(ref.cdata == storage.cdata for ref in self._storages):
            return "direct"
        if batch.grad_fn is not None and _descends(batch.grad_fn):
            return "derived"
        return "leaf" if batch.is_leaf and batch.requires_grad else "plain"


def _metadata(node: Node) -> dict[str, Any]:
    """A node's own dictionary; torch's stubs take it for a method."""
    return node.metadata  # type: ignore[return-value]


def _descends(node: Node) -> bool:
    """Whether the graph behind `node` holds an output of G."""
    seen, level = {node}, [node]
    while level and len(seen) < MAX_NODES:
        if any(MARK in _metadata(n) for n in level):
            return True
        level = [n for n in dict.fromkeys(n for known in level for n, _ in known.next_functions if n) if n not in seen]
        seen.update(level)
    return False


@dataclass
class Phase:
    """The calls of D between two optimizer steps, told apart."""

    real: list[Call] = field(default_factory=list)
    fake: list[Call] = field(default_factory=list)
    penalty: list[Call] = field(default_factory=list)


def tell_apart(calls: list[Call]) -> Phase:
    """Sort the calls of one phase into real, generated and penalty batches.

    A leaf that requires grad beside an ordinary real batch is a penalty's interpolate; alone it is the real
    batch itself (R1). A batch derived from G's output beside G's output itself is an interpolate, too.
    """
    by_origin = {o: [c for c in calls if c.origin == o] for o in ("plain", "leaf", "direct", "derived")}
    real, leaves = by_origin["plain"], by_origin["leaf"]
    fake, derived = by_origin["direct"], by_origin["derived"]
    penalty = (leaves if real else []) + (derived if fake else [])
    return Phase(real or leaves, fake or derived, penalty)


class Attribution:
    """Counts what was attributed, and notices when generated batches cannot be told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.warned = False

    def count(self, nets: Iterable[str], phase: Phase) -> None:
        """Note one optimizer step on `nets` and what D had been given before it."""
        for net in nets:
            self.counts[f"{net} steps"] += 1
            self.counts[f"{net}: real"] += len(phase.real)
            self.counts[f"{net}: generated"] += len(phase.fake)
            self.counts[f"{net}: penalty"] += len(phase.penalty)

    def ambiguous(self, after: int = 20) -> str | None:
        """A sentence, once, when D has been trained `after` times and never on a generated batch."""
        steps = self.counts["discriminator steps"]
        if self.warned or steps < after or self.counts["discriminator: generated"]:
            return None
        self.warned = True
        seen = self.counts["discriminator: real"] + self.counts["discriminator: penalty"]
        return (AMBIGUOUS if seen else UNSEEN).format(steps=steps)

    def summary(self) -> dict[str, Any]:
        """Calls of D per optimizer step of each network, as shown in the report."""
        rows: dict[str, Any] = {}
        for net in ("discriminator", "generator"):
            if steps := self.counts[f"{net} steps"]:
                seen = [f"{self.counts[f'{net}: {k}'] / steps:.3g} {k}" for k in ("real", "generated", "penalty")]
                rows[f"per {net} step, D saw"] = ", ".join(seen)
        return rows
