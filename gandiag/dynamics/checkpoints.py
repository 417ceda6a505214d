"""The weights of both players, as a training loop saved them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gandiag.nets.states import fitting_state, read_checkpoint

Saved = Mapping[str, Any] | str | os.PathLike[str]
Checkpoint = Saved | tuple[Saved, Saved]
"""Both players in one file or dictionary, or a pair (generator, discriminator) of files or dictionaries."""
States = tuple[dict[str, Tensor], dict[str, Tensor]]

GENERATORS = ("generator", "netG", "G", "gen", "state_gen", "generator_state_dict", "model_g", "state_dict", "model")
"""Keys under which checkpoints keep the generator that is trained; an average of it is no player."""
DISCRIMINATORS = ("discriminator", "netD", "D", "dis", "state_dis", "critic", "discriminator_state_dict", "model_d")
"""Keys under which checkpoints keep the discriminator."""


def states_of(generator: nn.Module, discriminator: nn.Module, checkpoint: Checkpoint | None, where: str) -> States:
    """State dicts of both players.

    Parameters
    ----------
    generator, discriminator
        The networks whose states they must be.
    checkpoint
        None: as the networks are now.
    where
        What messages call the checkpoint, unless it is a file.

    Raises
    ------
    ValueError
        When a file cannot be read, names or shapes differ from the network's, one state dict stands for both
        players, or a weight is NaN or infinite.
    """
    if checkpoint is None:
        states = _as_they_are(generator), _as_they_are(discriminator)
    elif isinstance(checkpoint, (tuple, list)):
        if len(checkpoint) != 2:
            raise ValueError(f"{where} must be a pair (generator, discriminator), found {len(checkpoint)} parts")
        of_g, of_d = checkpoint
        states = (
            _state(generator, of_g, f"{where}, generator", GENERATORS),
            _state(discriminator, of_d, f"{where}, discriminator", DISCRIMINATORS),
        )
    else:
        content, name = _content(checkpoint, where)
        states = (
            fitting_state(generator, content, name, GENERATORS),
            fitting_state(discriminator, content, name, DISCRIMINATORS),
        )
        if _same_tensors(*states):
            raise ValueError(f"{name}: one state dict fits both players; pass a pair (generator, discriminator)")
    for player, state in zip(("generator", "discriminator"), states, strict=True):
        _check_finite(state, f"{where}, {player}")
    return states


def _as_they_are(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _state(network: nn.Module, saved: Saved, where: str, names: tuple[str, ...]) -> dict[str, Tensor]:
    content, name = _content(saved, where)
    return fitting_state(network, content, name, names)


def _content(saved: Saved, where: str) -> tuple[Any, str]:
    if isinstance(saved, Mapping):
        return dict(saved), where
    if isinstance(saved, (str, os.PathLike)):
        return read_checkpoint(Path(saved)), str(saved)
    raise ValueError(f"{where} must be a path or a state dict, found {type(saved).__name__}")


def _same_tensors(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return len(one) == len(other) and all(name in other and value is other[name] for name, value in one.items())


def _check_finite(state: Mapping[str, Tensor], where: str) -> None:
    for name, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{where}: {name} is NaN or infinite")
