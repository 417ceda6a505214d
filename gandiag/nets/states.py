"""State dicts as training loops save them: alone in a file, or in a checkpoint beside other things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gandiag.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn


def read_checkpoint(path: Path) -> Any:
    """What a file of torch.save holds, on the CPU, read without running any code that it may hold.

    Raises
    ------
    ValueError
        When there is no such file, or it cannot be read that way.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: does not exist") from error
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not a readable file of weights: {first}") from error


def fitting_state(network: nn.Module, content: Any, where: str, names: Sequence[str]) -> dict[str, Tensor]:
    """The state dict of a network in what was saved, under the names that the network itself uses.

    Parameters
    ----------
    network
        Whose state it must be: all names and all shapes.
    content
        A state dict, or a dictionary that holds one at any depth.
    where
        What messages call the content: a path, or the name of an argument.
    names
        Keys under which it is looked for first, in this order.

    Raises
    ------
    ValueError
        When no dictionary of tensors fits, saying what the closest one lacks.
    """
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    states = [_unprefixed(state) for state in _candidates(content, names)]
    named = [state for state in states if set(state) == set(expected)]
    kind = type(network).__name__
    if not named:
        raise ValueError(f"{where}: holds no weights of {kind}: {_misfit(content, states, set(expected))}")
    wrong = [_wrong_shape(state, expected) for state in named]
    for state, difference in zip(named, wrong, strict=True):
        if difference is None:
            return state
    raise ValueError(f"{where}: does not fit {kind}: {wrong[0]}")


def _candidates(content: Any, names: Sequence[str]) -> Iterator[Mapping[str, Tensor]]:
    """Dictionaries of tensors in a checkpoint, those under usual names first."""
    if not isinstance(content, dict):
        return
    if content and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()):
        yield content
    for name in sorted(content, key=lambda n: names.index(n) if n in names else len(names)):
        yield from _candidates(content[name], names)


def _unprefixed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the prefixes of DistributedDataParallel and torch.compile."""
    return {name.removeprefix("module.").removeprefix("_orig_mod."): value for name, value in state.items()}


def _wrong_shape(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> str | None:
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            return f"{name} has shape {tuple(state[name].shape)}, expected {shape}"
    return None


def _misfit(content: Any, states: list[dict[str, Tensor]], wanted: set[str]) -> str:
    if not states:
        keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        return f"no dictionary of tensors, found {keys}"
    closest = max(states, key=lambda state: len(set(state) & wanted))
    lacking, extra = sorted(wanted - set(closest)), sorted(set(closest) - wanted)
    return f"{len(lacking)} names are missing ({listed(lacking, 3)}), {len(extra)} unknown ({listed(extra, 3)})"
