"""What D makes of real samples that it is not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gandiag.measure.calls import MAX_OUTPUTS
from gandiag.nets.frozen import device_of, forked_rng, frozen_copy
from gandiag.nets.tensors import first_tensor
from gandiag.probes.attribution import split_penalties
from gandiag.probes.batches import judgement, sample_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gandiag.probes.attribution import Call
    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

EVERY = 50  # steps between two looks


class HeldOutProbe:
    """Shows held-out real samples to a copy of D in evaluation mode, beside the batches that D was just trained on.

    Parameters
    ----------
    held_out : real samples (N, ...), or a tuple of D's arguments each with N rows, where D is told classes, say
    """

    def __init__(self, held_out: Any, recording: Recording, score: Callable[[Any, Any], Any] | None) -> None:
        self._held_out = checked(held_out)
        self._recording, self._score = recording, score
        self._shown = 0
        self._next_step = EVERY * (recording.completed_steps // EVERY + 1)
        self._looked_step = 0

    @property
    def due(self) -> bool:
        """Whether D is looked at in the step in progress: every 50 steps, or in the next that is recorded."""
        if not self._recording.plan.outputs:
            return False
        step = self._recording.completed_steps + 1
        return step >= self._next_step or step == self._looked_step

    def look(self, network: Network, calls: Sequence[Call]) -> None:
        """Record the outputs of a copy of D on held-out, training and generated samples.

        Only where D was given one batch beside those that are known to be G's: which of several was real is told later.
        """
        judged, _ = split_penalties([c for c in calls if c.inputs])
        fakes = [c for c in judged if {"direct", "derived"} & {*c.origins}]
        others = [c for c in judged if c not in fakes]
        train, fake = others[0] if len(others) == 1 else None, next(iter(fakes), None)
        if not self.due or train is None or fake is None:
            return
        self._looked_step = step = self._recording.completed_steps + 1
        self._next_step = EVERY * (step // EVERY + 1)
        device = device_of(network.module)
        copy = frozen_copy(network.module)
        row, suffix = self._recording.row, network.suffix
        with forked_rng(device), torch.no_grad():
            row[f"held_out{suffix}/own"] = self._judged(copy, self._next(device), {})
            row[f"held_out{suffix}/train"] = self._repeated(copy, train)
            row[f"held_out{suffix}/fake"] = self._repeated(copy, fake)

    def _next(self, device: torch.device) -> tuple[Any, ...]:
        """The next samples in turn, so that no random number is drawn."""
        total = len(self._held_out[0])
        rows = torch.arange(self._shown, self._shown + min(total, MAX_OUTPUTS)) % total
        self._shown = int(rows[-1]) + 1
        return tuple(
            part[rows.to(part.device, non_blocking=True)].to(device, non_blocking=True) for part in self._held_out
        )

    def _repeated(self, copy: torch.nn.Module, call: Call) -> torch.Tensor:
        arguments, kwargs = call.inputs or ((), {})
        return self._judged(copy, arguments, kwargs)

    def _judged(self, copy: torch.nn.Module, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
        output = copy(*arguments, **kwargs)
        batch = first_tensor((*arguments, *kwargs.values()))
        found = self._score(output, batch) if self._score is not None else judgement(output)
        if found is None:
            raise ValueError(f"D must return a tensor of judgements (B, ...), found {type(output).__name__}")
        if self._score is None and found.dim() == 2 and found.shape[1] == 2:
            raise ValueError("D answers two values for each sample; expected one, or score= that makes one of them")
        return sample_outputs(found)


def checked(held_out: Any) -> tuple[torch.Tensor, ...]:
    """The parts of `held_out`.

    Raises TypeError when it is no tensor and no tuple of tensors, ValueError when these have no rows or not the same
    number of them.
    """
    parts = tuple(held_out) if isinstance(held_out, (tuple, list)) else (held_out,)
    if not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts) or "nothing"
        raise TypeError(f"held_out must be a tensor of real samples (N, ...) or a tuple of D's arguments, got {kinds}")
    sizes = {len(part) if part.dim() else 0 for part in parts}
    if len(sizes) != 1 or 0 in sizes:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise ValueError(f"held_out must have the same number of rows in each part, at least one, got shapes {shapes}")
    return tuple(part.detach() for part in parts)
