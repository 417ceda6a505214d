"""What forward passes of G and D show: where a batch comes from, what D answered, what D tells G on the way back."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gandiag.nets.tensors import detached, first_tensor, tensors
from gandiag.probes import notices
from gandiag.probes.attribution import Call, CallLog
from gandiag.probes.batches import classes, conditions, sample_norms
from gandiag.probes.copies import CopyProbe
from gandiag.probes.ends import end_of
from gandiag.probes.first_step import FirstStep
from gandiag.probes.latents import InputProbe
from gandiag.probes.modes import Made, ModeProbe
from gandiag.probes.origins import Origins
from gandiag.probes.work import Work
from gandiag.record.notices import PATIENCE, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gandiag.probes.hooks import Guard
    from gandiag.probes.networks import Holding, Network
    from gandiag.probes.phases import PhaseProbe, Used
    from gandiag.probes.updates import UpdateProbe
    from gandiag.record.recording import Recording

    Score = Callable[[Any, torch.Tensor], torch.Tensor]

MAX_CALLS = 64  # calls of D remembered until an optimizer step uses them
MAX_TENSORS = 64  # outputs of one call that are watched


@dataclass
class Passed:
    """What kinds of calls of D there have been since they were last asked for, in steps in which none is remembered.

    `connected` to G's loss: a gradient can flow back through the batch; `leaf` batches require grad themselves, as a
    penalty has it; `judged` are all others.
    """

    connected: bool = False
    leaf: bool = False
    judged: bool = False


class PassProbe:
    """Forward hooks on G and D. Collects the calls of D in `calls` until an update uses them."""

    def __init__(
        self,
        recording: Recording,
        networks: Sequence[Network],
        guard: Guard,
        phases: PhaseProbe,
        updates: UpdateProbe,
        score: Score | None,
    ) -> None:
        self.calls = CallLog(MAX_CALLS)
        self._recording, self._guard, self._score = recording, guard, score
        self._plan = recording.plan
        self.passed = Passed()
        self.detached = False  # whether the last update of G that was looked at used D's outputs on detached samples
        self.unheard: Call | None = None  # of D on samples of G, without gradients, since G's last update
        self._phases, self._updates, self.first_step = phases, updates, FirstStep(recording)
        self._origins, self._output_origins = Origins(), Origins()
        self._modes = ModeProbe(recording, networks)
        self._copies = CopyProbe(recording, networks, guard, self._from_generator)
        recording.on_close(self._copies.close)
        self._compare_modes = guard.part("modes of networks", self._modes.record)
        self._compare_copies = guard.part("search for copies", self._copies.record)
        inputs = InputProbe(recording)
        self._keep_inputs = guard.part("snapshots of the same latents", phases.snapshots.note)
        self._kept = False  # the inputs of a call of G
        self._inputs = guard.part("inputs of the generator", inputs.note)
        self._labels = guard.part("labels of the generator", inputs.note_labels)
        self.repeats: Callable[[], bool] | None = None  # whether D's calls of this step may have to be repeated
        self.work = Work(recording.plan)
        self.arrived: Callable[[Network], None] = lambda _: None  # a backward pass comes to a network
        self._ended: set[Network] = set()  # the D whose last operation is known
        self._feedback_hooks: dict[Network, Callable[..., None]] = {}
        self._mute: dict[Network, Patience] = {}  # whose outputs are not understood

    def on_generator(self, network: Network, _module: Any, arguments: Any, kwargs: Any, output: Any) -> None:
        """After a forward pass of G."""
        self._phases.generator_calls += 1
        made = [t for t in tensors(output) if t.is_floating_point() and t.dim()]
        batch, given = first_tensor(output), first_tensor(arguments)
        if batch is None:
            self._not_understood(network, output, notices.SAMPLES_ADVICE)
            return
        if self._early and given is not None and self._output_origins.of(given) == "direct":
            self._tell("attach", notices.SWAPPED)
        labels = conditions((arguments, kwargs), len(batch)) if self._plan.points and batch.dim() else None
        note = Made(network, self._modes.training(network), labels)
        for tensor in made or [batch]:
            self._origins.add(tensor, mark=True, note=note)
        if batch.is_complex():
            self.tell_complex(network)
            return
        self.work.passed(network, batch, given)
        self._phases.keep_generated(network, batch, given)
        if batch.grad_fn is not None and batch.dim() and not self._kept:
            self._keep_inputs(network, arguments, kwargs, len(batch))
            self._kept = True
        if batch.grad_fn is not None and self._plan.calls:
            self._inputs(network, (arguments, kwargs))
            if labels is not None:
                self._labels(network, labels)
            if network not in self._feedback_hooks:
                hook = self._guard.hook("feedback probe", partial(self._on_feedback, network))
                self._feedback_hooks[network] = hook
            batch.register_hook(self._feedback_hooks[network])

    def _on_feedback(self, network: Network, gradient: torch.Tensor) -> None:
        self.arrived(network)
        self._updates.feedback[network.suffix] = sample_norms(gradient)  # the last one before G's update is G's own
        if not self.first_step.seen:
            self.first_step.feedback_came()

    def forget(self, *, generator: bool) -> tuple[bool, bool]:
        """An update used the calls so far: whether there were any for it, and whether those were a penalty's alone."""
        passed = self.passed
        if generator:
            called, passed.connected = passed.connected or (self.detached and passed.judged), False
            return called, False
        found = passed.judged or passed.leaf, passed.leaf and not passed.judged
        passed.judged = passed.leaf = False
        return found

    def generator_idles(self, *_: Any) -> bool:
        """Whether nothing of a forward pass of G is wanted."""
        if self._plan.marks or self._recording.wants_batch:
            return False
        self._phases.generator_calls += 1
        return True

    def discriminator_idles(self, _module: Any, arguments: Any, _kwargs: Any, output: Any) -> bool:
        """Whether nothing of a forward pass of D is wanted but what kind of call it is."""
        if self._plan.calls:
            return False
        passed = self.passed
        if not isinstance(output, torch.Tensor) or not arguments:  # an unusual call counts as everything
            passed.connected = passed.judged = True
        elif output.requires_grad:
            for batch in arguments:
                if isinstance(batch, torch.Tensor) and batch.requires_grad:
                    if batch.is_leaf:
                        passed.leaf = True
                        return True
                    passed.connected = True
            passed.judged = True
        return True

    def on_discriminator(self, network: Network, _module: Any, arguments: Any, kwargs: Any, output: Any) -> None:
        """After a forward pass of D."""
        everything = (*arguments, *kwargs.values())
        given = [t for v in everything if (t := first_tensor(v)) is not None]
        answers = [t for t in tensors(output) if t.is_floating_point()][:MAX_TENSORS]
        if not given or not answers:
            if any(t.is_complex() for t in tensors(output)):
                self.tell_complex(network)
            elif not answers:
                self._not_understood(network, output, notices.OUTPUTS_ADVICE)
            return
        if self._early:
            for answer in answers:
                self._output_origins.add(answer)
        origins = [self._origins.traced(t) for t in given]
        call = Call(
            network,
            self._recording.completed_steps + 1,
            [detached(t) for t in given],
            [origin for origin, _ in origins],
            {i: detached(t) for i, t in enumerate(answers)},
            any(t.requires_grad for t in given),
            labels=classes(everything, len(given[0]) if given[0].dim() else 0),
            inputs=(arguments, kwargs) if self.repeats is not None and self.repeats() else None,
            training=self._modes.training(network),
            made=next((note for _, note in origins if note is not None), None),
            differentiable=any(t.requires_grad for t in answers),
        )
        if self._score is not None:
            with torch.no_grad():
                call.score = self._score(output, call.given[self._phases.judged.batch(call)]).detach()
        if call.labels is None and self._plan.points and len(given) > 1 and given[0].dim():
            call.labels = conditions(everything, len(given[0]), given[self._phases.judged.batch(call)])
        if len(answers) > 1:
            self._phases.judged.look(network, answers)
        if network not in self._ended and all(t.requires_grad for t in answers):
            self._describe_end(network, answers)
        self._watch(call, given, answers)
        self.work.passed(network, answers[-1], given[0])
        self.calls.add(call)

    def _describe_end(self, network: Network, answers: list[torch.Tensor]) -> None:
        """Put down what D's last operation is, and that it answers in half precision, where it does."""
        self._ended.add(network)
        self._recording.describe(discriminator_ends={network.name: end_of(answers)})
        if any(t.dtype == torch.float16 for t in answers):
            self._recording.describe(half_precision={network.name: "float16"})

    def compare(self, held: Holding, own: Used, others: Used) -> None:
        """An update used calls, see `gandiag.probes.phases`: are the networks in both updates the same ones?"""
        self._compare_modes(own, others)
        self._compare_copies(held, own, others)

    def _from_generator(self, batch: torch.Tensor) -> bool:
        """Whether a batch is what G made, or comes from it."""
        return self._origins.of(batch) in ("direct", "derived", "mixed")

    def _watch(self, call: Call, given: list[torch.Tensor], answers: list[torch.Tensor]) -> None:
        """Have the call told what comes back to its outputs, and to inputs at which a penalty may take a gradient."""
        if not torch.is_grad_enabled() and any(t.requires_grad for t in given):
            self.unheard = call
        network = call.network
        for i, answer in enumerate(answers):
            if answer.requires_grad:  # a loop that keeps its losses keeps this hook, which must not keep the batch
                answer.register_hook(partial(self._on_answer, network, weakref.ref(call), i))
        if self._plan.gradients:
            for tensor, origin in zip(given, call.origins, strict=True):
                if origin == "leaf" or (origin == "derived" and tensor.requires_grad):
                    call.watch_input(tensor)

    def _not_understood(self, network: Network, output: object, advice: str) -> None:
        """Say so when it goes on; a D of which that is known is not taken for one that is never called."""
        self._phases.mute.add(network)
        patience = self._mute.setdefault(network, Patience())
        if patience.is_over():
            seen = "None" if output is None else f"an object of class {type(output).__name__}"
            told = notices.NOT_UNDERSTOOD.format(network=network.name, calls=patience.times, seen=seen, advice=advice)
            self._tell(f"outputs of {network.name}", told)

    def tell_complex(self, network: Network) -> None:
        """Say that complex numbers are not recorded."""
        self._phases.mute.add(network)
        self._tell("complex numbers", notices.COMPLEX.format(network=network.name))

    def _on_answer(self, network: Network, known: weakref.ref[Call], output: int, gradient: torch.Tensor) -> None:
        if not torch.is_grad_enabled():  # else a penalty takes the gradient, and nothing is added to the weights'
            self.arrived(network)
        if (call := known()) is not None:
            call.answer(output, gradient)

    @property
    def _early(self) -> bool:
        """Whether it is still looked for swapped networks."""
        return self._recording.completed_steps < PATIENCE

    def _tell(self, where: str, message: str) -> None:
        self._recording.faults.add(where, message, self._recording.completed_steps)
