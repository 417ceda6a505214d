"""How much a step of a loop computes, counted from the autograd graphs of its forward passes: nothing is timed.

Counts are the same on every machine, however busy, and on every rank of a distributed training: so is what follows
from them. They are in calls of torch, each as long as one on a small tensor; multiplications are converted into those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.probes.origins import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch.autograd.graph import Node

    from gandiag.probes.networks import Network
    from gandiag.record.plan import Plan

MAX_NODES = 20_000  # autograd nodes that are counted, once for each kind of call
BACKWARD = 3  # calls of a forward pass and of its gradients, over those of the forward pass
UPDATE = 12  # calls that Adam makes for one parameter
MULTIPLICATIONS = {"cpu": 4e5, "cuda": 2.5e7}
"""Multiply-adds that take as long as a call of torch on a small tensor: 3 us on one core, 5 us for a launch."""
ELEMENTS = {"cpu": 2.5e4, "cuda": 3e6}
"""Elements that are read in that time."""
PRODUCTS = ("Addmm", "Mm", "Bmm", "Baddbmm", "Linear", "Matmul")


RECORD, POINTS = 230.0, 90.0
"""Calls as long as a record, the background's part included, and as its points: CPU time of networks of 2 x 64 and
3 x 512, over what a counted call takes in their loops."""


class Work:
    """Tells a plan what a step computes, while it counts."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[tuple[Any, ...], float] = {}

    def passed(self, network: Network, output: torch.Tensor, given: torch.Tensor | None) -> None:
        """A network has made `output`; calls on batches of one shape and kind compute the same."""
        if not self._plan.counting:
            return
        needs = given is not None and given.requires_grad, output.requires_grad
        kind = network.name, output.shape, given.shape if given is not None else None, needs
        if kind not in self._known:
            self._known[kind] = forward_calls(output)
        self._plan.count(self._known[kind])

    def updated(self, parameters: int) -> None:
        """An optimizer has updated so many parameters."""
        if self._plan.counting:
            self._plan.count(UPDATE * parameters)


def forward_calls(output: torch.Tensor) -> float:
    """What the forward pass that made `output` and its gradients take, in calls of torch.

    The graph is followed as far as autograd knows it, but not into a generated batch that a network was given.
    """
    start = output.grad_fn
    if start is None:
        return 0.0
    seen, level, products = {start}, [start], 0.0
    while level and len(seen) < MAX_NODES:
        products += sum(map(multiplications, level))
        before = [n for at in level for n, _ in at.next_functions if n is not None and MARK not in n.metadata]  # type: ignore[operator]
        level = [n for n in dict.fromkeys(before) if n not in seen]
        seen.update(level)
    calls = sum(bool(n.next_functions) for n in seen)
    return BACKWARD * (calls + products / MULTIPLICATIONS.get(output.device.type, MULTIPLICATIONS["cuda"]))


def multiplications(node: Node) -> float:
    """Multiply-adds of the matrix product or convolution that an autograd node stands for, 0 for anything else."""
    name = type(node).__name__.removesuffix("Backward0")
    if name not in PRODUCTS and not name.startswith("Convolution"):
        return 0.0
    made, given = _shape(node), [_shape(n) for n, _ in node.next_functions]
    if name in PRODUCTS:
        left, right = given[-2:] if len(given) > 1 else ((), ())
        return float(_size(made) * (right[-2] if len(right) > 1 else left[-1] if left else 0))
    positions = [_size(shape) // shape[1] for shape in (made, given[0]) if len(shape) > 1]
    return float(_size(given[1]) * min(positions, default=0))


def record_calls(networks: Sequence[Network]) -> tuple[float, float]:
    """What a record of these networks takes, and points on top of it, in calls of torch."""
    parameters = [p for network in networks for p in network.parameters]
    device = parameters[0].device.type
    read = sum(p.numel() for p in parameters) / ELEMENTS.get(device, ELEMENTS["cuda"])
    return RECORD + read, POINTS


def _shape(node: Node | None) -> tuple[int, ...]:
    """The shape of what a forward pass made at a node; () where autograd does not say."""
    metadata = getattr(node, "_input_metadata", ()) or ()
    return tuple(metadata[0].shape) if metadata else ()


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size if shape else 0
