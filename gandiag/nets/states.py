"""State dicts as training loops save them: alone in a file, or in a checkpoint beside other things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gandiag.nets.files import read_weights
from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel, DistributedDataParallel, AveragedModel and torch.compile put before a name."""
DEEPEST = 6  # dictionaries within dictionaries that are looked into


class Found(NamedTuple):
    """A state dict and where it was in its checkpoint, as keys joined by dots; empty for the whole of it."""

    where: str
    state: dict[str, Tensor]


def read_checkpoint(path: Path) -> Any:
    """What a file of weights holds, on the CPU, read without running any code that it may hold.

    Raises ValueError when there is no such file, or it cannot be read that way.
    """
    return read_weights(path)


def fitting_state(network: nn.Module, content: Any, where: str, names: Sequence[str]) -> dict[str, Tensor]:
    """The state dict of a network in what was saved; see `found_state`."""
    return found_state(network, content, where, names).state


def found_state(network: nn.Module, content: Any, where: str, names: Sequence[str], key: str | None = None) -> Found:
    """The state dict of a network in what was saved, under the names that the network itself uses.

    Parameters
    ----------
    network
        Whose state it must be: all names and all shapes.
    content
        A state dict, or a dictionary that holds one at any depth; also one state dict of several networks, each under
        a prefix, and a list of tensors in the order of the network's parameters, as some averages are kept.
    where
        What messages call the content: a path, or the name of an argument.
    names
        Keys or prefixes under which it is looked for first, in this order.
    key
        Only there: keys joined by dots.

    Raises
    ------
    ValueError
        When no dictionary of tensors fits, saying what the closest one lacks; for a key that is not there.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if key:
        content, where = _below(content, key, where), f"{where}, {key}"
    states = [Found(place, _unprefixed(state, expected)) for place, state in _candidates(content, names)]
    states += _listed(network, content, names)
    named = [found for found in states if set(found.state) == set(expected)]
    named.sort(key=lambda found: _rank(found.where.split(".")[0], names))
    kind = type(network).__name__
    if not named:
        raise ValueError(f"{where}: holds no weights of {kind}: {_misfit(content, states, set(expected))}")
    wrong = [_wrong_shape(found.state, expected) for found in named]
    for found, difference in zip(named, wrong, strict=True):
        if difference is None:
            return Found(".".join(part for part in (key, found.where) if part), found.state)
    raise ValueError(f"{where}: does not fit {kind}: {wrong[0]}")


def _rank(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def _below(content: Any, key: str, where: str) -> Any:
    """What lies under keys joined by dots, or all names of a state dict with that prefix."""
    for part in key.split("."):
        if isinstance(content, dict) and part in content:
            content = content[part]
            continue
        inner = _with_prefix(content, f"{part}.") if _is_state(content) else {}
        if not inner:
            there = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
            raise ValueError(f"{where}: holds nothing under the key {key!r}; found {there[:300]}")
        content = inner
    return content


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items())
    )


def _candidates(content: Any, names: Sequence[str], depth: int = 0) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Dictionaries of tensors in a checkpoint, those under usual names first, each with where it is."""
    if not isinstance(content, dict) or depth > DEEPEST:
        return
    if _is_state(content):
        for name in names:
            if inner := _with_prefix(content, f"{name}."):
                yield name, inner
        yield "", content
        for first in dict.fromkeys(name.split(".")[0] for name in content):
            if first not in names:
                yield first, _with_prefix(content, f"{first}.")
        return
    for name in sorted(content, key=lambda n: _rank(n, names)):
        for place, state in _candidates(content[name], names, depth + 1):
            yield f"{name}.{place}".rstrip("."), state


def _with_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The part of a state dict below a prefix, also behind what wrappers put before it."""
    found = {}
    for name, value in state.items():
        bare = _bare(name)
        if bare.startswith(prefix):
            found[bare.removeprefix(prefix)] = value
    return found


def _bare(name: str) -> str:
    while any(name.startswith(wrapper) for wrapper in WRAPPERS):
        for wrapper in WRAPPERS:
            name = name.removeprefix(wrapper)
    return name


def _unprefixed(state: Mapping[str, Tensor], expected: Mapping[str, Any]) -> dict[str, Tensor]:
    """A state dict without the prefixes of wrappers, and without AveragedModel's count of updates."""
    bare = {name if name in expected else _bare(name): value for name, value in state.items()}
    if "n_averaged" not in expected:
        bare.pop("n_averaged", None)
    return bare


def _listed(network: nn.Module, content: Any, names: Sequence[str]) -> list[Found]:
    """Lists of tensors in the order of the network's parameters; buffers are those of a state dict beside them."""
    if not isinstance(content, dict):
        return []
    parameters = [name for name, _ in network.named_parameters()]
    found = []
    for key in sorted(content, key=lambda n: _rank(n, names)):
        values = content[key]
        if isinstance(values, (list, tuple)) and len(values) == len(parameters) and all(map(torch.is_tensor, values)):
            expected = network.state_dict()
            beside = next(
                (s for _, raw in _candidates(content, names) if set(s := _unprefixed(raw, expected)) == set(expected)),
                expected,
            )
            found.append(Found(str(key), {**beside, **dict(zip(parameters, values, strict=True))}))
    return found


def _wrong_shape(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> str | None:
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            return f"{name} has shape {tuple(state[name].shape)}, expected {shape}"
    return None


def _misfit(content: Any, states: list[Found], wanted: set[str]) -> str:
    if not states:
        keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        return f"no dictionary of tensors, found {keys[:300]}"
    closest = max(states, key=lambda found: len(set(found.state) & wanted))
    lacking, extra = sorted(wanted - set(closest.state)), sorted(set(closest.state) - wanted)
    place = f" under {closest.where}" if closest.where else ""
    if not lacking:
        return f"names{place} that it does not have: {listed(extra, 3)}"
    unknown = f", {len(extra)} unknown ({listed(extra, 3)})" if extra else ""
    return f"{len(lacking)} names are missing{place} ({listed(lacking, 3)}){unknown}"
