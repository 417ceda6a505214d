"""What a generator is to be given: the inputs that flow by in training, or latents drawn for an evaluation."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 256 * 2**20  # of inputs that are kept; 10,000 latents of 512 floats take 20 MB

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class InputPool:
    """The latest inputs of a generator: whatever distribution, labels or conditions the training uses.

    Evaluating on them needs no assumption about the latents and draws no random number.

    Parameters
    ----------
    n
        Samples that an evaluation needs.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._calls: deque[tuple[int, int, Arguments]] = deque()  # samples, bytes, what was passed
        self._samples = self._bytes = 0

    def keep(self, arguments: tuple[Any, ...], kwargs: dict[str, Any], samples: int) -> None:
        """Copy the inputs of one call that made so many samples."""
        size = sum(t.numel() * t.element_size() for t in tree_flatten((arguments, kwargs))[0] if _is_tensor(t))
        if size > MAX_BYTES:
            return
        copied = tree_map(lambda v: v.detach().clone() if _is_tensor(v) else v, (arguments, kwargs))
        self._calls.append((samples, size, copied))
        self._samples, self._bytes = self._samples + samples, self._bytes + size
        while self._samples - self._calls[0][0] >= self.n or self._bytes > MAX_BYTES:
            samples, size, _ = self._calls.popleft()
            self._samples, self._bytes = self._samples - samples, self._bytes - size

    @property
    def full(self) -> bool:
        """Whether there are inputs for n samples."""
        return self._samples >= self.n

    @property
    def too_large(self) -> bool:
        """Whether inputs for n samples take more room than there is."""
        return not self.full and self._bytes > MAX_BYTES // 2

    def calls(self) -> Iterator[Arguments]:
        """What to pass to G, call by call, the oldest first."""
        return (call for _, _, call in list(self._calls))


def as_arguments(inputs: Any, device: torch.device | None = None) -> Arguments:
    """What to pass to G for inputs given as one tensor, a tuple of positional or a dictionary of named ones."""
    if device is not None:
        inputs = tree_map(lambda v: v.to(device, non_blocking=True) if _is_tensor(v) else v, inputs)
    if isinstance(inputs, dict):
        return (), inputs
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)
