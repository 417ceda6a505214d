"""Who is fake? Tells the batches that D sees apart, from storages and the autograd graph alone."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch.multiprocessing.reductions import StorageWeakRef

from gandiag.probes.batches import sample_norms

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from torch.autograd.graph import Node

    from gandiag.probes.networks import Network

MAX_NODES = 2000  # autograd nodes walked in search of a generated batch; augmentations have some ten
REMEMBERED = 32  # outputs of the generator that may reach D later: gradient accumulation makes many
MARK = "gandiag"


@dataclass(eq=False)
class Call:
    """One forward pass of D in training: its input and output, detached, and how the input came about."""

    network: Network
    step: int
    batch: torch.Tensor
    output: torch.Tensor | None  # None where it is no judgement: a reconstruction
    origin: str  # "direct" or "derived" from G's output, "mixed" with others, "leaf" that requires grad, "plain"
    connected: bool  # a gradient can flow back through its input
    labels: torch.Tensor | None = None  # (B,) classes, where D is told them
    inputs: tuple[Any, Any] | None = None  # all arguments and keywords, where the call is to be repeated
    keep_gradient: bool = False
    answered: bool = False  # a gradient came back: the call was part of a loss
    output_gradient: torch.Tensor | None = None
    input_norms: torch.Tensor | None = None  # (B,) of the gradient by the input, as a penalty takes it

    def answer(self, gradient: torch.Tensor) -> None:
        """Hook on the output."""
        self.answered = True
        if self.keep_gradient and self.output_gradient is None:
            self.output_gradient = gradient.detach()

    def watch_input(self, batch: torch.Tensor) -> None:
        """Keep the norms of the first gradient that is taken by the input."""

        def keep(gradient: torch.Tensor) -> None:
            handle.remove()
            self.input_norms = sample_norms(gradient)

        handle = batch.register_hook(keep)


class Origins:
    """Remembers the recent outputs of a network without keeping them alive."""

    def __init__(self) -> None:
        # a weak reference keeps the storage's handle, not its memory: an address used again is not mistaken
        self._storages: deque[StorageWeakRef] = deque(maxlen=REMEMBERED)

    def add(self, output: torch.Tensor, *, mark: bool = False) -> None:
        """Note an output; with `mark`, what autograd derives from it is recognised, too."""
        self._storages.append(StorageWeakRef(output.untyped_storage()))
        if mark and output.grad_fn is not None:
            _metadata(output.grad_fn)[MARK] = len(output) if output.dim() else 1

    def of(self, batch: torch.Tensor) -> str:
        """How a batch that D was given came about, see `Call.origin`."""
        address = batch.untyped_storage()._cdata  # noqa: SLF001 - the handle, not the memory: weak references hold it
        if any(ref.cdata == address for ref in self._storages):
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


@dataclass
class Phase:
    """The calls of one D between two optimizer steps, told apart."""

    real: list[Call] = field(default_factory=list)
    fake: list[Call] = field(default_factory=list)
    penalty: list[Call] = field(default_factory=list)
    mixed: list[Call] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        return [*self.real, *self.fake, *self.penalty, *self.mixed]


def tell_apart(calls: Iterable[Call]) -> Phase:
    """Sort the calls of one phase into real, generated and penalty batches.

    A leaf that requires grad beside an ordinary real batch is a penalty's interpolate; alone it is the real
    batch itself (R1). A batch derived from G's output beside G's output itself is an interpolate, too.
    """
    by_origin: dict[str, list[Call]] = {o: [] for o in ("plain", "leaf", "direct", "derived", "mixed")}
    for call in calls:
        by_origin[call.origin].append(call)
    real, leaves = by_origin["plain"], by_origin["leaf"]
    fake, derived = by_origin["direct"], by_origin["derived"]
    penalty = (leaves if real else []) + (derived if fake else [])
    return Phase(real or leaves, fake or derived, penalty, by_origin["mixed"])


class CallLog:
    """The calls of every D that no optimizer step has used yet."""

    def __init__(self, limit: int) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def take(self, network: Network, step: int, *, generator: bool) -> Phase:
        """Remove and tell apart the calls of the D `network` that an update used: G's, or D's own.

        Calls through which no gradient has flowed yet are left for a later update, those of earlier steps are
        dropped. Of D's own update a generated batch that G's loss is connected to is left to G where D was also
        given a detached one.
        """
        fresh = [c for c in self._calls if c.step >= step - 1]
        ready = [c for c in fresh if c.answered and c.network is network]
        own = [c for c in ready if not (c.connected and c.origin == "direct")]
        phase = tell_apart(ready)
        if not generator and (detached := tell_apart(own)).fake:
            phase = detached
        taken = {id(c) for c in phase.calls}
        self._calls = deque((c for c in fresh if id(c) not in taken), maxlen=self._calls.maxlen)
        return phase


class Attribution:
    """Counts what was attributed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._untraced: list[tuple[str, int]] = []

    def count(self, network: str, phase: Phase, *, judge: bool) -> None:
        """Note one optimizer step of `network` and what D had been given before it; `judge` for a D's own step."""
        self.counts[f"{network} steps"] += 1
        self.counts[f"{network}: generated"] += len(phase.fake)
        self.counts[f"{network}: penalty"] += len(phase.penalty)
        if judge and not phase.fake:
            self._untraced.append((network, len(phase.real) + len(phase.mixed)))
        else:
            self.counts[f"{network}: real"] += len(phase.real)

    def finish(self, network: str, *, traced: bool) -> None:
        """After a step: calls of D without a generated one beside them were of reals only if another held those."""
        kind = "real" if traced else "compared"
        self.counts[f"{network}: {kind}"] += sum(calls for name, calls in self._untraced if name == network)
        self._untraced = [entry for entry in self._untraced if entry[0] != network]

    def summary(self) -> dict[str, Any]:
        """Calls of D per optimizer step of each network, as shown in the report."""
        rows: dict[str, Any] = {}
        for network in sorted(key.removesuffix(" steps") for key in self.counts if key.endswith(" steps")):
            if steps := self.counts[f"{network} steps"]:
                kinds = ["real", "generated", "penalty"] + ["compared"] * bool(self.counts[f"{network}: compared"])
                seen = [f"{self.counts[f'{network}: {k}'] / steps:.3g} {k}" for k in kinds]
                seen = [f"{text} by value" if text.endswith("compared") else text for text in seen]
                rows[f"per {network} step, D saw"] = ", ".join(seen)
        return rows
