"""Whether the network that an opponent plays against is the one that is trained, or a copy of it that stands still."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.module import register_module_forward_hook

from gandiag.measure.reductions import SCALAR
from gandiag.nets.frozen import OURS
from gandiag.nets.tensors import first_tensor, tensors, unwrapped
from gandiag.probes.hooks import Handle, hook_forward
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR
from gandiag.probes.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from gandiag.probes.attribution import Call
    from gandiag.probes.hooks import Guard
    from gandiag.probes.networks import Holding, Network
    from gandiag.probes.phases import Used
    from gandiag.record.recording import Recording

PATIENCE = 4  # updates in which a network was not met, before copies of it are looked for
LOOKS = 4  # updates that a search takes
SEARCHES = 3  # each after four times the patience of the one before
MOST = 4  # copies that are watched
VALUES = 16  # of a weight matrix
FOLLOWS = 0.5  # in place of 1 for a copy of G whose weights move and are near to those of G
NEAR = 0.5  # distance over length of some weights: a network of its own, built alike, is some 1.4 away


class State:
    """Some weights of a module as they are now; whether they are the same later is told on their device."""

    def __init__(self, module: nn.Module) -> None:
        self._module = weakref.ref(module)
        self._before = [p.clone() for p in _some_weights(module)]

    @torch.no_grad()
    def stands(self) -> torch.Tensor | None:
        """Whether nothing has changed since, a scalar; None where the module or its weights are gone."""
        module = self._module()
        now = [] if module is None else _some_weights(module)
        pairs = list(zip(now, self._before, strict=False))
        if not pairs or any(a.shape != b.shape or a.device != b.device for a, b in pairs):
            return None
        return torch.stack([(a == b).all() for a, b in pairs]).all()


@dataclass(eq=False)
class Copy:
    """A module built like a watched network, and how it has been used since that was last asked for."""

    module: weakref.ref[nn.Module]
    state: State
    handle: Handle
    shown: bool = False  # of D: it was given what G made; of G: D was given what it made
    asked: bool = False  # of D: so that a gradient can flow back

    @torch.no_grad()
    def is_near(self, network: Network) -> torch.Tensor | None:
        """Whether its weights are near to those of a network, a scalar; None where it is gone."""
        module = self.module()
        if module is None:
            return None
        own, theirs = (torch.cat(_some_weights(m)).float() for m in (module, network.module))
        near: torch.Tensor = torch.linalg.vector_norm(own - theirs) < NEAR * torch.linalg.vector_norm(theirs)
        return near


@dataclass(eq=False)
class Watch:
    """A network, and what is known of copies of it."""

    network: Network
    state: State
    shapes: list[torch.Size]
    updated: bool = False
    missed: int = 0
    patience: int = PATIENCE
    searches: int = 0
    copies: list[Copy] = field(default_factory=list)

    def wants(self, module: nn.Module) -> bool:
        """Whether a module is built like the network, and is another one."""
        if type(module) is not type(unwrapped(self.network.module)) or len(self.copies) >= MOST:
            return False
        known = any(copy.module() is module for copy in self.copies)
        return not known and [p.shape for p in module.parameters()] == self.shapes


class CopyProbe:
    """Puts into the row whether an update used a copy in place of a watched network.

    Nothing is done as long as the networks themselves are met; where one is not, for some updates every module that is
    called is looked at, and from then on the copies that were found.
    """

    def __init__(
        self,
        recording: Recording,
        networks: Sequence[Network],
        guard: Guard,
        from_generator: Callable[[torch.Tensor], bool],
    ) -> None:
        self._recording, self._guard, self._from_generator = recording, guard, from_generator
        self._networks = networks
        self._watches: dict[Network, Watch] = {}  # once networks have been updated, as their weights are there then
        self._made = Origins()  # outputs of copies of G
        self._search: Handle | None = None
        self._left = 0
        compiled = (hasattr(n.module, "_orig_mod") or n.module._compiled_call_impl is not None for n in networks)  # noqa: SLF001
        self._may_search = not any(compiled)  # what is compiled would be compiled again

    def record(self, held: Holding, own: Used, others: Used) -> None:
        """An update used calls: `own` of each D that it updates, `others` those of an update of G."""
        if not self._watches:
            self._watches = {n: Watch(n, State(n.module), [p.shape for p in n.parameters]) for n in self._networks}
        for network in held.discriminators:
            watch = self._watches[network]
            watch.updated = watch.updated or bool(own.get(network))
        if GENERATOR in held.roles:
            for network, calls in others.items():
                self._note_opponent(self._watches[network], met=bool(calls))
            for part in held.parts:
                self._watches[part.network].updated = True
        for network, calls in own.items():
            if network in held.discriminators and calls:
                self._note_generators(calls)
        if self._search is not None:
            self._left -= 1
            if self._left <= 0:
                self._stop()

    def close(self) -> None:
        """Remove the hooks."""
        self._stop()
        for watch in self._watches.values():
            for copy in watch.copies:
                copy.handle.remove()

    def _note_opponent(self, watch: Watch, *, met: bool) -> None:
        """An update of G used the D that is watched, or did not."""
        if met and watch.updated:
            self._put(watch, 0.0)
            watch.missed = 0
        elif met:  # no optimizer has updated it
            moving = [copy.state.stands() for copy in watch.copies if copy.shown]
            self._note(watch, watch.state.stands(), *[None if m is None else ~m for m in moving])
        elif watch.updated:
            self._note(watch, *[copy.state.stands() for copy in watch.copies if copy.asked])
        for copy in watch.copies:
            copy.shown = copy.asked = False

    def _note_generators(self, calls: Sequence[Call]) -> None:
        """An update of D used calls: who made what it was given?"""
        made = {call.made.network for call in calls if call.made is not None}
        for watch in self._watches.values():
            if watch.network.role != GENERATOR:
                continue
            if watch.network in made or (made and not watch.copies):
                self._put(watch, 0.0)
                watch.missed = 0
            elif watch.updated:
                found = [self._made.traced(batch)[1] for call in calls for batch in call.given]
                copies = [copy for copy in watch.copies if copy in found]
                near = [n for copy in copies if (n := copy.is_near(watch.network)) is not None]
                self._note(watch, *[copy.state.stands() for copy in copies], near=near)

    def _note(self, watch: Watch, *stale: torch.Tensor | None, near: Sequence[torch.Tensor] = ()) -> None:
        """The network was not met, or is not trained: what shows that a copy is in its place must hold altogether.

        `near` says of copies of G whether they follow it; one of D that follows is a target network.
        """
        watch.missed += 1
        known = [each for each in stale if each is not None]
        if any(copy.shown or copy.asked for copy in watch.copies) or (watch.network.role == GENERATOR and stale):
            follows = FOLLOWS * torch.stack(list(near)).all() if near else 0.0
            stands = torch.stack(known).all() if known and len(known) == len(stale) else None
            self._put(watch, follows if stands is None else torch.where(stands, 1.0, follows))
        elif watch.missed >= watch.patience and watch.searches < SEARCHES and self._may_search and not self._search:
            watch.searches, watch.patience, watch.missed = watch.searches + 1, 4 * watch.patience, 0
            self._left = LOOKS
            look = self._guard.hook("search for copies", self._look)
            self._search = Handle(register_module_forward_hook(look).remove)

    def _put(self, watch: Watch, value: float | torch.Tensor) -> None:
        self._recording.row[f"{SCALAR}copied/{watch.network.name}"] = value

    def _look(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """Hook on every module, during a search."""
        if module in OURS:
            return
        for watch in self._watches.values():
            if watch.searches and watch.wants(module) and not self._is_watched(module):
                copy = Copy(weakref.ref(module), State(module), Handle(lambda: None))
                copy.handle = hook_forward(module, self._guard.hook("hook on a copy", partial(self._call, watch, copy)))
                watch.copies.append(copy)
                self._call(watch, copy, module, arguments, {}, output)

    def _is_watched(self, module: nn.Module) -> bool:
        """Whether a module is a watched network, or within one, or one within it."""
        first = next(module.parameters(), None)
        return any(first is p for network in self._watches for p in network.parameters)

    def _call(self, watch: Watch, copy: Copy, _module: nn.Module, arguments: Any, kwargs: Any, output: Any) -> None:
        """Hook on a copy: of D, whether it is given what G made; of G, what it makes."""
        if watch.network.role == DISCRIMINATOR:
            given = [t for t in tensors((arguments, kwargs)) if t.is_floating_point() and self._from_generator(t)]
            copy.shown = copy.shown or bool(given)
            copy.asked = copy.asked or any(t.requires_grad for t in given)
        elif (batch := first_tensor(output)) is not None:
            self._made.add(batch, note=copy)

    def _stop(self) -> None:
        if self._search is not None:
            self._search.remove()
            self._search = None


def _some_weights(module: nn.Module) -> list[torch.Tensor]:
    """A few values of the first and of the last weight matrix."""
    whole = [p for p in module.parameters() if not hasattr(p, "to_local") and p.layout == torch.strided]
    found = [p for p in whole if p.dim() > 1] or whole
    return [p.detach().reshape(-1)[:VALUES] for p in found[:: max(len(found) - 1, 1)]]
