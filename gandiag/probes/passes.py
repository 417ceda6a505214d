"""What forward passes of G and D show: where a batch comes from, what D answered, what D tells G on the way back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gandiag.nets.tensors import first_tensor
from gandiag.probes import notices
from gandiag.probes.attribution import Call, CallLog, Origins
from gandiag.probes.batches import classes, judgement, sample_norms
from gandiag.record.notices import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gandiag.probes.family import FamilyProbe
    from gandiag.probes.hooks import Guard
    from gandiag.probes.networks import Network
    from gandiag.probes.phases import PhaseProbe
    from gandiag.probes.updates import UpdateProbe
    from gandiag.record.recording import Recording

    Score = Callable[[Any, torch.Tensor], torch.Tensor]

MAX_CALLS = 64  # calls of D remembered until an optimizer step uses them


class PassProbe:
    """Forward hooks on G and D. Collects the calls of D in `calls` until an update uses them."""

    def __init__(
        self,
        recording: Recording,
        guard: Guard,
        phases: PhaseProbe,
        updates: UpdateProbe,
        family: FamilyProbe,
        score: Score | None,
    ) -> None:
        self.calls = CallLog(MAX_CALLS)
        self._recording, self._guard, self._score = recording, guard, score
        self._phases, self._updates, self._family = phases, updates, family
        self._origins, self._verdict_origins = Origins(), Origins()
        self.repeats: Callable[[], bool] = lambda: False  # whether D's calls of this step may have to be repeated
        self._feedback_hooks: dict[Network, Callable[..., None]] = {}

    def on_generator(self, network: Network, _module: Any, arguments: Any, _kwargs: Any, output: Any) -> None:
        """After a forward pass of G."""
        batch, given = first_tensor(output), first_tensor(arguments)
        self._phases.generator_calls += 1
        if batch is None:
            return
        if self._early and given is not None and self._verdict_origins.of(given) == "direct":
            self._tell("attach", notices.SWAPPED)
        self._origins.add(batch, mark=True)
        self._phases.keep_generated(network, batch, given)
        if batch.grad_fn is not None:
            if network not in self._feedback_hooks:
                hook = self._guard.hook("feedback probe", partial(self._on_feedback, network))
                self._feedback_hooks[network] = hook
            batch.register_hook(self._feedback_hooks[network])

    def _on_feedback(self, network: Network, gradient: torch.Tensor) -> None:
        if self._updates.due("gradients"):  # the last one before G's update is G's own
            self._updates.feedback[network.suffix] = sample_norms(gradient)

    def on_discriminator(self, network: Network, _module: Any, arguments: Any, kwargs: Any, output: Any) -> None:
        """After a forward pass of D."""
        found = judgement(output)
        given = [t for v in (*arguments, *kwargs.values()) if (t := first_tensor(v)) is not None]
        if found is None or not given or not found.requires_grad:
            return  # an evaluation: training runs D where gradients flow
        if self._early:
            self._verdict_origins.add(found)
        origins = {self._origins.of(t): t for t in reversed(given)}
        origin = next((o for o in ("direct", "derived", "mixed") if o in origins), None) or self._origins.of(given[0])
        batch = origins[origin]
        scores = self._scores(network, found, batch, output)
        call = Call(network, self._recording.completed_steps + 1, batch.detach(), scores, origin, batch.requires_grad)
        call.labels = classes((*arguments, *kwargs.values()), len(batch))
        call.keep_gradient = self._family.wanted
        if self.repeats():
            call.inputs = arguments, kwargs
        found.register_hook(call.answer)
        if origin == "leaf" and self._updates.due("gradients"):
            call.watch_input(batch)
        self.calls.add(call)

    def _scores(self, network: Network, found: torch.Tensor, batch: torch.Tensor, output: Any) -> torch.Tensor | None:
        if self._score is not None:
            with torch.no_grad():
                return self._score(output, batch).detach()
        if found.shape == batch.shape and found[0].numel() > 1:
            self._tell("score", notices.RECONSTRUCTION.format(network=network.name))
            return None
        return found.detach()

    @property
    def _early(self) -> bool:
        """Whether it is still looked for swapped networks."""
        return self._recording.completed_steps < PATIENCE

    def _tell(self, where: str, message: str) -> None:
        self._recording.faults.add(where, message, self._recording.completed_steps)
