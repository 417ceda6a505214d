"""The calls of D on their way to an optimizer step: what each was given, what it answered, how losses pulled at it."""

from __future__ import annotations

import weakref
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gandiag.probes.batches import penalty_gradient, sample_norms
from gandiag.probes.origins import inner_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gandiag.probes.modes import Made
    from gandiag.probes.networks import Network

_backward_pass: Callable[[], int] = getattr(torch._C, "_current_graph_task_id", lambda: 0)  # noqa: SLF001
"""The number of the backward pass in progress; the same for all where torch does not tell."""


@dataclass(eq=False)
class Pull:
    """A gradient that came back to an output of D; `probing` where it is to be derived once more, as penalties do.

    `task` is the number of the backward pass that it came in, which is the same for all that one loss pulls at.
    """

    gradient: torch.Tensor
    probing: bool
    task: int


@dataclass(eq=False)
class Call:
    """One forward pass of D: its inputs and outputs, detached, how the inputs came about, and what came back."""

    network: Network
    step: int
    given: list[torch.Tensor]  # the first tensor of each argument
    origins: list[str]  # of each, see `gandiag.measure.calls`; "leaf" where it requires grad itself
    outputs: dict[int, torch.Tensor]  # floating ones, by their place in what D returned
    connected: bool  # a gradient can flow back through its inputs
    labels: torch.Tensor | None = None  # (B,) classes, where D is told them
    inputs: tuple[Any, Any] | None = None  # all arguments and keywords, where the call is to be repeated
    training: float | None = None  # the mode that D is in, see `gandiag.probes.modes`
    made: Made | None = None  # how the batch was generated, where that is known
    pulls: dict[int, list[Pull]] = field(default_factory=dict)  # what came back, by output, in order
    differentiable: bool = True  # a loss could use its outputs
    penalised_only: bool = False  # what came back to its outputs was a penalty's alone
    score: torch.Tensor | None = None  # (B,) what the user's own function makes of the output
    input_norms: torch.Tensor | None = None  # (B,) of the gradient by the input, as a penalty takes it
    penalty: torch.Tensor | None = None  # (3,) how the penalty depends on that gradient, see `penalty_gradient`

    def answer(self, output: int, gradient: torch.Tensor) -> None:
        """Hook on an output."""
        pull = Pull(gradient.detach(), probing=torch.is_grad_enabled(), task=_backward_pass())
        self.pulls.setdefault(output, []).append(pull)

    def watch_input(self, batch: torch.Tensor) -> None:
        """Keep the norms of the first gradient that is taken by the input; no hook keeps the call alive."""
        known = weakref.ref(self)

        def keep(gradient: torch.Tensor) -> None:
            handle.remove()
            if (call := known()) is not None:
                call.input_norms = sample_norms(gradient)
                if gradient.requires_grad:  # a penalty is made of it
                    gradient.register_hook(partial(_penalise, known, gradient.detach()))

        handle = batch.register_hook(keep)

    @property
    def tasks(self) -> set[int]:
        """The backward passes in which something came back."""
        return {pull.task for pulls in self.pulls.values() for pull in pulls}

    @property
    def answered(self) -> bool:
        """Whether a gradient came back: the call was part of a loss."""
        return bool(self.pulls)

    @property
    def probed(self) -> bool:
        """Whether a gradient was taken through it that is derived itself."""
        return any(pull.probing for pulls in self.pulls.values() for pull in pulls)

    @property
    def judged(self) -> bool:
        """Whether a loss used it as it is."""
        return not self.penalised_only and any(not pull.probing for pulls in self.pulls.values() for pull in pulls)

    @property
    def may_be_of_generator(self) -> bool:
        """Whether G's loss may have used it: a gradient can flow back to G, and no penalty took one."""
        return self.connected and not self.probed and bool({"direct", "derived"} & {*self.origins})

    def position(self) -> int | None:
        """Which argument holds G's samples, None where none is known to."""
        traced = [i for i, origin in enumerate(self.origins) if origin in ("direct", "derived", "mixed")]
        return traced[0] if traced else None

    def pull(self, output: int, *, generator: bool) -> torch.Tensor | None:
        """The gradient at an output: of D's own loss as a rule the first, of G's the last.

        None where both may have come back through one call. A penalty's, which the reals of R1 get as well, is none.
        """
        came = self.pulls.get(output, [])
        if "leaf" in self.origins:
            came = [pull for pull in came if not pull.probing] or came
        if not came or (not generator and len(came) > 1 and self.connected and "direct" in self.origins):
            return None
        return came[-1 if generator else 0].gradient


class CallLog:
    """The calls of every D that no optimizer step has used yet."""

    def __init__(self, limit: int) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def take(self, network: Network, step: int, *, generator: bool) -> list[Call]:
        """Remove and return the calls of the D `network` that an update used: G's, or D's own.

        Calls through which no gradient has flowed yet are left for a later update, those of earlier steps are
        dropped. Of D's own update a generated batch that G's loss is connected to is left to G where D was also
        given a detached one. To an update of G belongs what one of the backward passes reached that reached G, as a
        relativistic loss has D judge reals, too; D's own loss may have been backpropagated before, and is left to D.
        """
        fresh = [c for c in self._calls if c.step >= step - 1]
        taken = [c for c in fresh if c.pulls and c.network is network]
        if generator:
            reached = {task for c in taken if c.connected for task in c.tasks}
            taken = [c for c in taken if not reached or reached & c.tasks]
        else:
            own = [c for c in taken if not c.may_be_of_generator]
            if any({"direct", "derived"} & {*c.origins} and not c.connected for c in own):
                taken = own
        if taken or len(fresh) < len(self._calls):
            gone = set(map(id, taken))
            self._calls = deque((c for c in fresh if id(c) not in gone), maxlen=self._calls.maxlen)
        return taken

    def of_penalty(self, used: Sequence[Call], step: int) -> bool:
        """Whether calls at a penalty's points are all that an update used.

        Where D was called on samples in the same step, and no loss used its outputs, what came back to those at a
        penalty's points is its own: of a D that is curved it is not 0.
        """
        if not used or not all("leaf" in call.origins for call in used):
            return False
        idle = {c.network for c in self._calls if c.step == step and c.differentiable and not c.answered}
        if all(call.probed and call.network in idle for call in used):
            for call in used:
                call.penalised_only = True
        return True

    @property
    def unclaimed(self) -> bool:
        """Whether a loss of G was computed that no update has used."""
        return any(c.connected and c.answered and "direct" in c.origins for c in self._calls)

    def unused(self, network: Network, step: int) -> Call | None:
        """The latest call of this step that no loss used."""
        return next((c for c in reversed(self._calls) if c.network is network and c.step == step), None)


class Judged:
    """Which of D's outputs are its judgement: those that its own loss touches, as far as D has been trained."""

    def __init__(self) -> None:
        self._touched: dict[Network, Counter[int]] = {}
        self._inner: dict[Network, set[int]] = {}
        self._positions: dict[Network, int] = {}

    def look(self, network: Network, answers: Sequence[torch.Tensor]) -> None:
        """Find outputs of which D makes others of its outputs: features on the way to a judgement."""
        if network not in self._inner and any(t.grad_fn is not None for t in answers):
            self._inner[network] = inner_outputs(answers)

    def learn(self, network: Network, calls: Iterable[Call]) -> None:
        """Take in the calls behind an update of D, but for those of a penalty."""
        touched = self._touched.setdefault(network, Counter())
        for call in calls:
            if len(call.outputs) > 1:
                touched.update(call.pulls.keys())  # of a mapping a Counter would add up the values
            if (position := call.position()) is not None:
                self._positions.setdefault(network, position)

    def learn_position(self, network: Network, call: Call) -> None:
        """Take in where a call has G's samples."""
        if (position := call.position()) is not None:
            self._positions.setdefault(network, position)

    def outputs(self, call: Call) -> list[int]:
        """Places of a call's judgements: one value per sample before maps of them, else the first of all."""
        if len(call.outputs) == 1:
            return list(call.outputs)
        touched = self._touched.get(call.network, Counter())
        outer = {i: t for i, t in call.outputs.items() if i not in self._inner.get(call.network, ())}
        found = {i: t for i, t in outer.items() if not touched or touched[i]} or outer or call.outputs
        single = [i for i, t in found.items() if not t.dim() or t.numel() == len(t)]
        if single:
            return single if _alike(found[i] for i in single) and touched else single[:1]
        maps = [i for i, t in found.items() if t.dim() > 2]
        chosen = maps or list(found)
        return chosen if touched else chosen[:1]

    def batch(self, call: Call) -> int:
        """Which argument is judged: where G's samples are, or were in other calls."""
        position = call.position()
        if position is None:
            position = self._positions.get(call.network, 0)
        return position if position < len(call.given) else 0


def _penalise(known: weakref.ref[Call], gradient: torch.Tensor, back: torch.Tensor) -> None:
    """Hook on D's gradient by a call's input: `back` is that of the penalty by it."""
    if (call := known()) is not None:
        call.penalty = penalty_gradient(gradient, back)


def _alike(tensors: Iterable[torch.Tensor]) -> bool:
    return len({t.dim() for t in tensors}) == 1


def other_batch(call: Call, position: int) -> torch.Tensor | None:
    """Another argument of the shape of G's batch, where D judges two batches in one call: D(real, fake)."""
    if call.origins[position] not in ("direct", "derived"):
        return None
    batch = call.given[position]
    others = (t for i, t in enumerate(call.given) if i != position and t.shape == batch.shape)
    return next(others, None)


def split_penalties(calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """The calls of one update that judged samples, and those that a penalty made.

    A penalty takes D's gradient by its input: at points that require grad themselves, or that autograd derives from
    G's batch. Where D was given such points alone they are the reals, penalised where they are judged (R1).
    """
    places = {i for c in calls for i, origin in enumerate(c.origins) if origin != "plain"}  # others hold conditions
    plain = any(c.origins[i] == "plain" for c in calls for i in places if i < len(c.origins))
    direct = any("direct" in c.origins for c in calls)
    penalties = []
    for call in calls:
        leaf, derived = "leaf" in call.origins, bool({"derived", "mixed"} & {*call.origins})
        beside = (leaf and plain) or (derived and direct and "direct" not in call.origins)
        alone = not call.judged and (leaf or derived) and "direct" not in call.origins
        if call.penalised_only or (call.probed and (beside or (alone and len(calls) > 1))):
            penalties.append(call)
    return [c for c in calls if c not in penalties], penalties
