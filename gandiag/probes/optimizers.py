"""What optimizers do with the networks: how often, how fast, which of them hold what, and with gradients of when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from gandiag.measure.reductions import SCALAR
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.probes.hooks import Guard
    from gandiag.probes.networks import Held, Holding, Network
    from gandiag.record.recording import Recording

AT_ONCE = 2  # steps within which two optimizers must both have been used to be used side by side
LOOKED_AT = 16  # values of a gradient
FROZEN = float("nan")  # in place of a number of updates: nothing was to be updated


@dataclass(eq=False)
class Use:
    """An optimizer that has been used: what it holds, its groups by network, and when it last stepped."""

    held: tuple[Held, ...]
    groups: dict[str, list[int]]
    kind: str
    scheduled: bool
    step: int = 0

    def __post_init__(self) -> None:
        self.roles = {h.network.role for h in self.held}
        self.parameters = {id(p) for h in self.held for p in h.present}


class OptimizerProbe:
    """Reads how optimizers are used into the row of the step in progress; nothing here waits for a device."""

    def __init__(self, recording: Recording, networks: Sequence[Network], guard: Guard) -> None:
        self._recording, self._networks = recording, networks
        self._uses: dict[int, Use] = {}
        self._gradients = {n.name: Leftover(p, guard) for n in networks if (p := _looked_at(n)) is not None}

    def before(self, optimizer: torch.optim.Optimizer, holding: Holding) -> None:
        """An optimizer is about to use the gradients that are there."""
        held = holding.parts
        row, use = self._recording.row, self._use(optimizer, held)
        use.step = self._recording.completed_steps + 1
        for h in held:
            name = h.network.name
            once = 1.0 if h.present[-1].requires_grad or any(p.requires_grad for p in h.present) else FROZEN
            row[f"{SCALAR}updates/{name}"] = row.get(f"{SCALAR}updates/{name}", 0.0) + once
            row[f"{SCALAR}rate/{name}"] = _rate([optimizer.param_groups[i]["lr"] for i in use.groups[name]])
            if name in self._gradients:
                self._gradients[name].put(row, name)
        row[f"{SCALAR}optimizers/crossed"] = float(self._crossed(use.step))

    def after(self) -> None:
        """An optimizer has stepped: what gradients hold now is of before."""
        for gradient in self._gradients.values():
            gradient.mark()

    def end(self) -> None:
        """Before a step ends: networks that no optimizer has updated in it, but for those that are frozen."""
        row = self._recording.row
        for network in self._networks:
            if (key := f"{SCALAR}updates/{network.name}") not in row:
                row[key] = 0.0 if any(p.requires_grad for p in network.parameters) else FROZEN

    def close(self) -> None:
        """Remove the hooks."""
        for gradient in self._gradients.values():
            gradient.close()

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
            known = self._uses[id(optimizer)] = Use(held, of, type(optimizer).__name__, scheduled)
            self._describe(optimizer)
        return known

    def _crossed(self, step: int) -> bool:
        """Whether an optimizer updates G and D although another one has one of them, and one of them has none alone.

        One optimizer for both, and a third one for a loss that both have in common (InfoGAN), are meant to be so.
        """
        if len(self._uses) < 2:
            return False
        used = [u for u in self._uses.values() if step - u.step < AT_ONCE]
        both = [u for u in used if len(u.roles) == 2]
        alone = {role for u in used for role in u.roles if len(u.roles) == 1}
        return len(alone) < 2 and any(u.parameters & o.parameters for u in both for o in used if o is not u)

    def _describe(self, optimizer: torch.optim.Optimizer) -> None:
        """Tell run.json which optimizer updates which network."""
        held = {parameter for use in self._uses.values() for parameter in use.parameters}
        told: dict[str, Any] = {}
        for h in self._uses[id(optimizer)].held:
            uses = [u for u in self._uses.values() if any(other.network is h.network for other in u.held)]
            told[h.network.name] = {
                "optimizers": sorted({u.kind for u in uses}),
                "scheduled": any(u.scheduled for u in uses),
                "together with": sorted({o.network.name for u in uses for o in u.held} - {h.network.name}),
                "parameters in none": sum(p.requires_grad and id(p) not in held for p in h.network.parameters),
            }
        self._recording.describe(optimizers=told)


class Leftover:
    """Whether a gradient that is used still holds one from before an earlier optimizer step, told from one parameter.

    Nothing is done as long as gradients are replaced or zeroed in place, which their version counters show.
    """

    def __init__(self, parameter: torch.nn.Parameter, guard: Guard) -> None:
        self._parameter = parameter
        self._marked: tuple[StorageWeakRef, int] | None = None
        self._stepped = False
        self._began = False  # what is about to be added to is a gradient of before
        self._old = False  # the gradient in the making began as one of before
        self._size: torch.Tensor | None = None  # of that, where it has been looked at
        self._suspected = False
        before, after = (guard.hook("hook on a gradient", hook) for hook in (self._look, self._begin))
        self._handles = [parameter.register_hook(before), parameter.register_post_accumulate_grad_hook(after)]

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def mark(self) -> None:
        """An optimizer, of any network, has stepped."""
        gradient = self._parameter.grad
        self._stepped = True
        self._marked = None if gradient is None else (StorageWeakRef(gradient.untyped_storage()), gradient._version)  # noqa: SLF001

    @torch.no_grad()
    def _look(self, _new: torch.Tensor) -> None:
        """Before a gradient is added, or only computed (torch.autograd.grad)."""
        gradient = self._parameter.grad
        if not self._stepped and gradient is not None:
            return
        self._began, self._size = False, None
        if gradient is None or self._marked is None:
            return
        storage, version = self._marked
        self._began = storage.cdata == gradient.untyped_storage()._cdata and version == gradient._version  # noqa: SLF001
        if self._began and self._suspected:  # .data.zero_() leaves the version as it is
            self._size = gradient.detach().reshape(-1)[:LOOKED_AT].abs().sum()

    def _begin(self, _parameter: torch.Tensor) -> None:
        """After a gradient was added."""
        self._old, self._stepped = self._began, False

    def put(self, row: dict[str, Any], name: str) -> None:
        """Put into a row whether the gradient that is about to be used holds an older one."""
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
