"""What optimizers do with the networks: how often, how fast, which of them hold what, and with gradients of when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from gandiag.measure.reductions import SCALAR
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR
from gandiag.probes.unheld import Unheld

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.probes.attribution import Call
    from gandiag.probes.networks import Held, Holding, Holdings, Network
    from gandiag.record.recording import Recording

AT_ONCE = 16  # updates that were looked at, among which two optimizers must be to be used side by side
LOOKED_AT = 16  # values of a gradient
FROZEN = float("nan")  # in place of a number of updates: nothing was to be updated, or no loss of its own computed


@dataclass(eq=False)
class Use:
    """An optimizer that has been used: what it holds, its groups by network, and at which turn it last stepped."""

    held: tuple[Held, ...]
    groups: dict[str, list[int]]
    kind: str
    scheduled: bool
    momentum: float
    turn: int = 0

    def __post_init__(self) -> None:
        self.roles = {h.network.role for h in self.held}
        self.parameters = {id(p) for h in self.held for p in h.present}


class OptimizerProbe:
    """Reads how optimizers are used into the row of the step in progress; nothing here waits for a device."""

    def __init__(self, recording: Recording, holdings: Holdings) -> None:
        self._recording, self._networks = recording, (networks := holdings.networks)
        self._unheld = Unheld(recording, holdings)
        self._uses: dict[int, Use] = {}
        self._turn = 0  # updates that were looked at
        self._gradients = {n.name: Leftover(p) for n in networks if (p := _looked_at(n)) is not None}
        self._backward, self._seen = 0, 0  # backward passes that arrived at a D, and at the last optimizer step
        self._concerned: dict[int, list[Leftover]] = {}  # by optimizer, what its steps use up
        self._asked: set[str] = set()  # names of D whose own loss was computed in the step in progress

    def before(self, optimizer: torch.optim.Optimizer, holding: Holding) -> None:
        """An optimizer is about to use the gradients that are there."""
        held = holding.parts
        row, use = self._recording.row, self._use(optimizer, held)
        self._turn += 1
        use.turn = self._turn
        for h in held:
            name = h.network.name
            once = 1.0 if h.present[-1].requires_grad or any(p.requires_grad for p in h.present) else FROZEN
            row[f"{SCALAR}updates/{name}"] = row.get(f"{SCALAR}updates/{name}", 0.0) + once
            row[f"{SCALAR}rate/{name}"] = _rate([optimizer.param_groups[i]["lr"] for i in use.groups[name]])
            self._unheld.put(row, h.network)
            if name in self._gradients:
                self._gradients[name].put(row, name)
        row[f"{SCALAR}optimizers/crossed"] = float(self._crossed())

    def arrived(self, network: Network) -> None:
        """A backward pass is about to add to the gradients of a network."""
        if network.role == DISCRIMINATOR:  # one that arrives at a G has come through a D before
            self._backward += 1
        if network.name in self._gradients:
            self._gradients[network.name].look(self._backward)

    def after(self, optimizer: torch.optim.Optimizer, holding: Holding) -> None:
        """An optimizer has stepped: what the gradients hold of the backward passes that it used is of before."""
        known = self._concerned.get(id(optimizer))
        if known is None or self._backward != self._seen:
            known = self._concerned[id(optimizer)] = self._used(holding)
        self._seen = self._backward
        for gradient in known:
            gradient.mark()

    def _used(self, holding: Holding) -> list[Leftover]:
        """The gradients to which the backward passes added that an optimizer of these networks has just used."""
        own = [g for h in holding.parts if (g := self._gradients.get(h.network.name)) is not None]
        used = [g for g in self._gradients.values() if any(g.last >= o.began and o.last >= g.began for o in own)]
        return list(dict.fromkeys([*own, *used]))

    def unused(self, calls: Iterable[Call]) -> None:
        """Calls of D that were part of a loss before G's update: of D's own where that loss could not reach G."""
        self._asked |= {c.network.name for c in calls if c.judged and not c.connected}

    def end(self) -> None:
        """Before a step ends: networks that no optimizer has updated in it though they are to learn."""
        row = self._recording.row
        for network in self._networks:
            if (key := f"{SCALAR}updates/{network.name}") not in row:
                meant = network.role == DISCRIMINATOR and network.name not in self._asked
                trained = any(p.requires_grad for p in network.parameters)
                row[key] = 0.0 if trained and not meant else FROZEN
        self._asked.clear()

    @property
    def starved(self) -> bool:
        """Whether G, which no optimizer has updated, has a gradient, while two of them update D."""
        uses = [u for u in self._uses.values() if DISCRIMINATOR in u.roles]
        generators = [n for n in self._networks if n.role == GENERATOR]
        return len(uses) > 1 and any(p.grad is not None for n in generators for p in n.parameters[-1:])

    def _use(self, optimizer: torch.optim.Optimizer, held: tuple[Held, ...]) -> Use:
        known = self._uses.get(id(optimizer))
        if known is None or known.held is not held:
            groups = [{id(p) for p in group["params"]} for group in optimizer.param_groups]
            of = {h.network.name: [i for i, g in enumerate(groups) if any(id(p) in g for p in h.present)] for h in held}
            scheduled = any("initial_lr" in group for group in optimizer.param_groups)
            kind, momentum = type(optimizer).__name__, max(map(_momentum, optimizer.param_groups), default=0.0)
            known = self._uses[id(optimizer)] = Use(held, of, kind, scheduled, momentum)
            self._describe(optimizer)
        return known

    def _crossed(self) -> bool:
        """Whether an optimizer updates G and D although another one has one of them, and one of them has none alone.

        One optimizer for both, and a third one for a loss that both have in common (InfoGAN), are meant to be so.
        """
        if len(self._uses) < 2:
            return False
        used = [u for u in self._uses.values() if self._turn - u.turn < AT_ONCE]
        both = [u for u in used if len(u.roles) == 2]
        alone = {role for u in used for role in u.roles if len(u.roles) == 1}
        return len(alone) < 2 and any(u.parameters & o.parameters for u in both for o in used if o is not u)

    def _describe(self, optimizer: torch.optim.Optimizer) -> None:
        """Tell run.json which optimizer updates which network."""
        told: dict[str, Any] = {}
        for h in self._uses[id(optimizer)].held:
            uses = [u for u in self._uses.values() if any(other.network is h.network for other in u.held)]
            told[h.network.name] = {
                "optimizers": sorted({u.kind for u in uses}),
                "scheduled": any(u.scheduled for u in uses),
                "momentum": max(u.momentum for u in uses),
                "together with": sorted({o.network.name for u in uses for o in u.held} - {h.network.name}),
            }
        self._recording.describe(optimizers=told)


def _momentum(group: dict[str, Any]) -> float:
    """Share of the last step's direction that goes into the next: SGD's momentum, the first of Adam's betas, or 0."""
    return float(group.get("momentum") or (group.get("betas") or (0.0,))[0])


class Leftover:
    """Whether a gradient that is used still holds one from before an earlier optimizer step, told from one parameter.

    Looked at is what the gradient holds when a backward pass arrives at the network, before it adds to it: the same
    memory in the same version as after the last optimizer step that concerns it was not cleared. No hook is put on a
    parameter, so that models can be copied, pickled and sent to other processes.
    """

    def __init__(self, parameter: torch.nn.Parameter) -> None:
        self._parameter = parameter
        self._marked: tuple[int, int] | None = None  # where the gradient lay after an optimizer step, and its version
        self._at = 0  # where the gradient lay when it was first looked at since
        self._fresh = False  # no backward pass has been seen since
        self._empty = False  # nothing was there when the latest one arrived
        self._old: bool | None = None  # the gradient in the making began as one of before
        self._size: torch.Tensor | None = None  # of that, where it has been looked at
        self._suspected = False
        self.began = self.last = 0  # the backward passes that the gradient in the making began and ended with

    def mark(self) -> None:
        """An optimizer that uses what a backward pass left here has stepped."""
        gradient = self._parameter.grad
        self._marked = None if gradient is None else (gradient.data_ptr(), gradient._version)  # noqa: SLF001
        self._fresh = True

    def look(self, backward: int) -> None:
        """Before a backward pass, the one of that number, adds to the gradient."""
        if not self._parameter.requires_grad:
            return
        gradient = self._parameter.grad
        self.last = backward
        if gradient is None:
            if self._fresh or not self._empty:  # else the same backward pass, by another call
                self.began = backward
            self._old, self._size, self._fresh, self._empty = False, None, False, True
            return
        self._empty = False
        if self._fresh:
            self._fresh, self._size = False, None
            self._at = gradient.data_ptr()
            self._old = self._marked == (self._at, gradient._version)  # noqa: SLF001
            self.began = self.began if self._old else backward
        if self._old and self._suspected:  # zeroed in place it is 0: .data.zero_() leaves the version as it is
            size = gradient.detach().reshape(-1)[:LOOKED_AT].abs().sum()
            self._size = size if self._size is None else torch.minimum(size, self._size)

    def put(self, row: dict[str, Any], name: str) -> None:
        """Put into a row whether the gradient that is about to be used holds an older one."""
        if self._old is None:
            return
        gradient = self._parameter.grad
        if self._old and (gradient is None or gradient.data_ptr() != self._at):  # put in the place of the old one
            self._old = False
        row.pop(f"leftover/{name}", None)
        row[f"{SCALAR}leftover/{name}"] = float("nan") if self._old else 0.0
        if self._old and self._size is not None:
            row[f"leftover/{name}"] = self._size
        self._suspected = self._old


def _looked_at(network: Network) -> torch.nn.Parameter | None:
    """The last weight matrix of a network: every loss reaches it. None of a wrapped or sharded network."""
    if isinstance(network.module, torch.nn.parallel.DistributedDataParallel):
        return None
    trained = [p for p in network.parameters if p.requires_grad]
    whole = [p for p in trained if not hasattr(p, "to_local") and p.layout == torch.strided]
    return next((p for p in reversed(whole) if p.dim() > 1), whole[-1] if whole else None)


def _rate(rates: list[float | torch.Tensor]) -> float | torch.Tensor:
    """The highest of the learning rates of some groups; of rates on a device the first."""
    first = rates[0]
    return first.detach().clone() if isinstance(first, torch.Tensor) else max(float(rate) for rate in rates)
