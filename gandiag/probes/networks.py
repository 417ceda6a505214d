"""The watched networks, and which of their parameters an optimizer updates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parameter import is_lazy

from gandiag.nets.tensors import unwrapped
from gandiag.probes.gradients import are_alike
from gandiag.probes.hooks import ModuleHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    Networks = nn.Module | Mapping[str, nn.Module]

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
_WEIGHT = re.compile(r"\.?(weight|weight_orig|weight_v|parametrizations\.weight\.original1?)$")
_NORMALISED = re.compile(r"parametrizations\.|_(orig|bar|u|v|g)$")
_GAIN = re.compile(r"(weight_g|parametrizations\.weight\.original0)$")


@dataclass(eq=False)
class Network:
    """One watched module: `name` is its role, with a dotted suffix where several play it ("generator.a2b")."""

    name: str
    module: nn.Module
    parameters: list[nn.Parameter] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    role: str = field(init=False)
    suffix: str = field(init=False)  # what sets its signals apart from those of others in its role: "" or ".a2b"

    def __post_init__(self) -> None:
        self.role = self.name.partition(".")[0]
        self.suffix = self.name.removeprefix(self.role)
        self.refresh()

    def refresh(self) -> None:
        """Take in the parameters that the module has now: it may have grown, or been sharded."""
        named = list(unwrapped(self.module).named_parameters())
        self.parameters = [p for _, p in named]
        self.layers = [layer_name(name, p) for name, p in named]

    def describe(self) -> dict[str, Any]:
        """What run.json keeps of it."""
        module = unwrapped(self.module)
        sharded = any(hasattr(p, "to_local") for p in self.parameters)
        names = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
        return {
            "class": type(module).__name__,
            "parameters": sum(p.numel() for p in self.parameters),
            "layers": [name for name in self.layers if name],
            "device": str(self.parameters[0].device),
            "normalised": any(_NORMALISED.search(name) for name in names),  # weights are made of others
        } | ({"sharded": True} if sharded else {})


@dataclass(frozen=True)
class Held:
    """What one optimizer holds of one network: `parameters` has None for each that it does not hold.

    `measured` are those it holds that are real numbers; complex ones are None in `parameters`, too.
    """

    network: Network
    parameters: tuple[nn.Parameter | None, ...]
    present: tuple[nn.Parameter, ...]
    measured: tuple[nn.Parameter, ...]
    alike: bool

    @property
    def partial(self) -> bool:
        """Whether other parameters of the network are held elsewhere."""
        return len(self.present) < len(self.parameters)


@dataclass(frozen=True)
class Holding:
    """What one optimizer holds of all networks; false for an optimizer of something else."""

    parts: tuple[Held, ...]
    roles: frozenset[str]
    discriminators: tuple[Network, ...]
    generator: frozenset[int]  # ids of its parameters of the generators

    def __bool__(self) -> bool:
        return bool(self.parts)


def holding(parts: Sequence[Held]) -> Holding:
    """All that one optimizer holds, from what it holds of each network."""
    return Holding(
        tuple(parts),
        frozenset(h.network.role for h in parts),
        tuple(h.network for h in parts if h.network.role == DISCRIMINATOR),
        frozenset(id(p) for h in parts if h.network.role == GENERATOR for p in h.present),
    )


class Holdings:
    """Matches optimizers to networks by their parameters, so that optimizers need not be passed."""

    def __init__(self, networks: list[Network]) -> None:
        self.networks = networks
        self.ever: set[int] = set()  # ids of the parameters that any optimizer has held so far
        self._known: dict[int, tuple[Any, Holding]] = {}

    def of(self, optimizer: torch.optim.Optimizer) -> Holding:
        """What an optimizer holds of each network; empty for an optimizer of something else."""
        groups = optimizer.param_groups
        signature = [(len(g["params"]), id(g["params"][0]) if g["params"] else 0) for g in groups]
        known = self._known.get(id(optimizer))
        if known is None or known[0] != signature:
            # an optimizer not met before, grown, or another one that took the id of a deleted one
            held = holding(self._match({id(p) for group in groups for p in group["params"]}))
            self.ever.update(id(p) for h in held.parts for p in h.present)
            known = self._known[id(optimizer)] = signature, held
        return known[1]

    def _match(self, ids: set[int]) -> list[Held]:
        found = []
        for network in self.networks:
            network.refresh()
            if present := tuple(p for p in network.parameters if id(p) in ids):
                parameters = tuple(p if id(p) in ids and not p.is_complex() else None for p in network.parameters)
                measured = tuple(p for p in parameters if p is not None)
                found.append(Held(network, parameters, present, measured, are_alike(parameters)))
        return found


def layer_name(name: str, parameter: torch.Tensor) -> str:
    """The layer whose weight a parameter is; "" for biases, normalisation and the gain of a normalised weight.

    >>> layer_name("main.0.weight", torch.empty(2, 2)), layer_name("main.0.bias", torch.empty(2))
    ('main.0', '')
    """
    if parameter.dim() < 2 or _GAIN.search(name):
        return ""
    return _WEIGHT.sub("", name) or name


def watched_networks(generator: Any, discriminator: Any) -> list[Network]:
    """The networks to watch, generators first; raises a TypeError or ValueError that says what is wrong."""
    networks = [*_named(GENERATOR, generator), *_named(DISCRIMINATOR, discriminator)]
    owner: dict[int, str] = {}
    modules: dict[int, str] = {}
    for network in networks:
        if id(network.module) in modules:
            raise ValueError(f"{modules[id(network.module)]} and {network.name} are the same module")
        modules[id(network.module)] = network.name
        shared = {owner[id(p)] for p in network.parameters if id(p) in owner}
        if shared:
            raise ValueError(f"{min(shared)} and {network.name} share parameters; pass disjoint modules")
        owner |= {id(p): network.name for p in network.parameters}
    return networks


def _named(role: str, given: Any) -> list[Network]:
    if not isinstance(given, Mapping):
        return [_network(role, given)]
    if not given:
        raise ValueError(f"{role} is an empty dictionary; pass a module, or names and modules")
    for name in given:
        if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
            raise ValueError(f"{role} names must be letters, digits and underscores, got {name!r}")
    return [_network(f"{role}.{name}", module) for name, module in given.items()]


def _network(name: str, module: Any) -> Network:
    kind = type(module).__name__
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got {kind}")
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError(f"{name} is a ScriptModule, whose calls cannot be watched; attach to the module it was made of")
    if not any(True for _ in module.parameters()):
        raise ValueError(f"{name} ({kind}) has no parameters")
    if any(is_lazy(p) for p in module.parameters()):
        raise ValueError(f"{name} ({kind}) has lazy parameters that have no shape yet; call it once before attaching")
    if any(isinstance(hook, ModuleHook) for hook in module._forward_hooks.values()):  # noqa: SLF001
        raise ValueError(f"{name} ({kind}) is watched already; close that callback first")
    return Network(name, module)
