"""Snapshots of what G makes of the same latents over the whole training, drawn by a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from gandiag.nets.frozen import device_of, forked_rng, frozen_copy, generate
from gandiag.probes.attribution import split_penalties
from gandiag.rundir.snapshots import FIXED, MAX_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gandiag.probes.attribution import Call
    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

MAX_BYTES = 64 * 2**20  # of inputs that are kept: more are no latents, and stay the loop's own


class SnapshotProbe:
    """Keeps what G was given first and, at snapshots, what a copy of G makes of it; and one batch of real samples.

    The copy is in the mode that G trains in. It draws random numbers, where it does, from a state that is put back, and
    only its own buffers move: the training stays as it would have been. Without `fixed_latents`, or where the copy
    cannot be made, a snapshot is of the batch that the loop made itself.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording, self._fixed = recording, recording.settings.fixed_latents
        self._given: tuple[Network, tuple[Any, ...], dict[str, Any]] | None = None

    def note(self, network: Network, arguments: tuple[Any, ...], kwargs: dict[str, Any], size: int) -> None:
        """A call of G, for its update, that made a batch of so many samples: the inputs of the first one are kept."""
        if not self._fixed or self._given is not None or not self._recording.leads:
            return
        inputs = [v for v in tree_flatten((arguments, kwargs))[0] if isinstance(v, torch.Tensor)]
        too_large = sum(t.numel() * t.element_size() for t in inputs) > MAX_BYTES
        if too_large or not inputs or network.describe().get("sharded"):
            self._fixed = False
            return

        def kept(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            rows = value[:MAX_SAMPLES] if value.dim() and len(value) == size else value
            return rows.detach().clone()

        first, named = tree_map(kept, (arguments, kwargs))
        self._given = network, first, named

    def show(self, batch: torch.Tensor) -> None:
        """Record a snapshot; `batch` is what G made in this step."""
        samples = self._drawn() if self._given is not None else None
        self._recording.sample(batch if samples is None else samples)

    def _drawn(self) -> torch.Tensor | None:
        """What a copy of G makes of the first inputs; None, from then on, where it cannot."""
        assert self._given is not None  # noqa: S101 - the caller looked
        network, arguments, kwargs = self._given
        device = device_of(network.module)
        if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
            return None
        try:
            copy = frozen_copy(network.module, training=network.module.training)
            with forked_rng(device):
                samples = generate(copy, arguments, kwargs)
        except Exception as error:  # noqa: BLE001 - then snapshots are of the loop's own batches
            self._given, self._fixed = None, False
            self._recording.describe(snapshots="batches of the training")
            self._recording.faults.add("snapshots of the same latents", error, self._recording.completed_steps)
            return None
        if self._recording.first_snapshot:
            self._recording.describe(snapshots=FIXED)
        return samples

    def keep_real(self, own: Mapping[Network, Sequence[Call]], place: Callable[[Call], int]) -> None:
        """Keep what D was given beside G's samples, once, where that was one batch; `place` tells which argument."""
        for used in own.values():
            judged, _ = split_penalties(used)
            fakes = [c for c in judged if {"direct", "derived"} & {*c.origins}]
            others = [c for c in judged if c not in fakes]
            if fakes and len(others) == 1 and "mixed" not in others[0].origins and self._recording.wants_real:
                self._recording.sample_real(others[0].given[place(others[0])])
