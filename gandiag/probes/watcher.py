"""What is hooked on G, D and the optimizers of a loop, and how their calls make up its steps."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gandiag.probes.family import FamilyProbe
from gandiag.probes.hooks import Guard, held_weakly, hook_forward, unless_idle
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR, Holdings, Network
from gandiag.probes.optimizers import OptimizerProbe
from gandiag.probes.pace import Pace
from gandiag.probes.passes import PassProbe
from gandiag.probes.phases import PhaseProbe
from gandiag.probes.rounds import Rounds
from gandiag.probes.scalers import Observer, current_scale, watch_scalers
from gandiag.probes.scripting import leave_out_of_scripts
from gandiag.probes.updates import UpdateProbe
from gandiag.probes.weights import BOUND_EVERY, WeightProbe
from gandiag.probes.work import record_calls

if TYPE_CHECKING:
    from gandiag.probes.attribution import Call
    from gandiag.probes.held_out import HeldOutProbe
    from gandiag.probes.networks import Holding
    from gandiag.probes.passes import Score
    from gandiag.probes.quality import QualityProbe
    from gandiag.record.recording import Recording

INFER_AT = (20, 200, 1000)  # steps at which the loss family is inferred, until one fits
MAX_UNCLAIMED = 50  # updates of D while G's loss is computed in vain: a D that is trained ahead computes none


class Watcher:
    """The hooks on G, D and the optimizers, and what they remember between two steps."""

    def __init__(
        self,
        networks: list[Network],
        recording: Recording,
        score: Score | None,
        quality: QualityProbe | None,
        held_out: HeldOutProbe | None,
    ) -> None:
        self._recording, self._plan = recording, recording.plan
        self._plan.record = record_calls(networks)
        self._described = self._plan.round_steps, self._plan.counting
        self._quality, self._held_out = quality, held_out
        self._networks = networks
        self._discriminators = [n for n in networks if n.role == DISCRIMINATOR]
        self._holdings = Holdings(networks)
        self._family = FamilyProbe(recording.settings, wanted=recording.settings.loss_family is None and score is None)
        recording.settings.upright = score is not None
        self._phases = PhaseProbe(recording, self._family)
        self._updates = UpdateProbe(recording)
        self._unclaimed = 0  # updates of D since which a loss of G waits for an optimizer that uses it
        self._rounds = Rounds(self._end_step, recording.reopen)
        self._scaling: tuple[torch.optim.Optimizer, torch.Tensor | None] | None = None
        self._stepped: torch.optim.Optimizer | None = None  # since the GradScaler in progress was called
        self._aside: set[int] = set()  # optimizers whose update in progress is no adversarial one
        self._guard = Guard(recording)
        self._passes = PassProbe(recording, networks, self._guard, self._phases, self._updates, score)
        self._first_step = self._passes.first_step
        self._optimizers, self._pace = OptimizerProbe(recording, self._holdings), Pace()
        self._read_optimizer = self._guard.part("optimizer probe", self._optimizers.before)
        self._mark_gradients = self._guard.part("optimizer probe", self._optimizers.after)
        self._passes.arrived = self._guard.part("optimizer probe", self._optimizers.arrived)
        self._note_unused = self._guard.part("optimizer probe", self._optimizers.unused)
        self._count_updates = self._guard.part("optimizer probe", self._optimizers.end)
        self._keep_weights = self._guard.part("update probe", self._updates.before)
        self._miss = self._guard.part("discriminator probe", self._phases.miss)
        self._measure_update = self._guard.part("update probe", self._updates.after)
        self._record_update = self._guard.part("gradient probe", self._updates.record)
        self._record_phases = self._guard.part("discriminator probe", self._phases.record)
        self._show = self._guard.part("samples", self._phases.show)
        self._finish_phases = self._guard.part("discriminator probe", self._phases.finish)
        self._record_weights = self._guard.part("weight probe", WeightProbe(recording, networks).record)
        self._look_at_held_out = self._guard.part("held-out samples", self._held_out_looks)
        if held_out is not None:
            self._passes.repeats = lambda: held_out.due
        if quality is not None:
            self._evaluate = self._guard.part("quality", quality.after_step)
        self._describe()
        self._handles = [*self._hook_networks(), *self._hook_optimizers()]

    def _hook_networks(self) -> list[Any]:
        passes = self._passes
        hooks = {GENERATOR: passes.on_generator, DISCRIMINATOR: passes.on_discriminator}
        idle = {GENERATOR: passes.generator_idles, DISCRIMINATOR: passes.discriminator_idles}
        handles = [
            hook_forward(n.module, self._guard.hook(f"hook on the {n.name}", partial(hooks[n.role], n)), idle[n.role])
            for n in self._networks
        ]
        if (quality := self._quality) is not None:
            hook = self._guard.hook("inputs of the generator", quality.on_generator)
            handles.append(hook_forward(quality.network.module, hook))
        return handles

    def _hook_optimizers(self) -> list[Any]:
        """Hooks that torch holds for all optimizers: they must not keep alive what is watched."""
        self._held = [
            self._guard.hook("hook before an update", self._before_update),
            self._guard.hook("hook after an update", self._after_update),
            self._guard.hook("hook on a GradScaler", self._before_scaler),
            self._guard.hook("hook on a GradScaler", self._after_scaler),
        ]
        before, after, before_scaler, after_scaler = self._held
        handles = [
            register_optimizer_step_pre_hook(unless_idle(held_weakly(before), self._plan)),
            register_optimizer_step_post_hook(held_weakly(after)),
            watch_scalers(Observer(held_weakly(before_scaler), held_weakly(after_scaler))),
            leave_out_of_scripts(),
        ]
        weakref.finalize(self, _remove, handles).atexit = False
        return handles

    def detach(self) -> None:
        """Remove every hook and put down what was attributed and inferred."""
        for handle in self._handles:
            handle.remove()
        self._rounds.close()
        self._report()
        if self._quality is not None:
            self._quality.close()
        if not self._first_step.seen:
            self._first_step.miss()

    def _describe(self) -> None:
        self._recording.settings.layers = {n.name: n.layers for n in self._networks}
        self._recording.settings.weighed = self._recording.world_size > 1
        roles = {n.name: n.describe() for n in self._networks}
        self._recording.describe(versions={"torch": torch.__version__}, roles=roles)
        self._recording.describe_plan()
        for network in self._networks:
            if any(p.is_complex() for p in network.parameters):
                self._passes.tell_complex(network)

    def _before_update(self, optimizer: torch.optim.Optimizer, arguments: Any, kwargs: Any) -> None:
        """Not called in a step in which nothing is due: that an update came is noted afterwards."""
        held = self._holdings.of(optimizer)
        if not held:
            self._first_step.met(optimizer)
            return
        if self._plan.updates:
            self._keep_weights(optimizer, held)
        if not _closure(arguments, kwargs):  # gradients are there now; of a closure only after the step
            self._use(optimizer, held)

    def _after_update(self, optimizer: torch.optim.Optimizer, arguments: Any, kwargs: Any) -> None:
        self._stepped = optimizer
        held = self._holdings.of(optimizer)
        if not held.parts:
            return
        plan = self._plan
        if plan.idle:
            self._pass_over(optimizer, held)
        elif _closure(arguments, kwargs):
            self._use(optimizer, held)
        if plan.marks:
            self._mark_gradients(optimizer, held)
        if self._aside and id(optimizer) in self._aside:
            self._aside.discard(id(optimizer))
            self._updates.forget(optimizer)
            return
        if self._updates.measures:
            self._measure_update(optimizer)
        plan.updated(id(optimizer), plan.step)
        if held.generator:
            self._rounds.after(id(optimizer), held.generator)
        if self._rounds.without_generator and self._waits():
            self._end_step()

    def _waits(self) -> bool:
        """Whether G's loss has been computed for long, and no optimizer uses it: then D's updates count as steps."""
        if self._unclaimed < MAX_UNCLAIMED:
            self._unclaimed += self._passes.calls.unclaimed or self._optimizers.starved
        return self._unclaimed >= MAX_UNCLAIMED

    def _pass_over(self, optimizer: torch.optim.Optimizer, held: Holding) -> None:
        """Note an update of which nothing is recorded."""
        called, penalty = self._passes.forget(generator=bool(held.generator))
        if not called and not held.generator:
            self._miss(held.discriminators)
        self._enter(optimizer, held, called=called, penalty=penalty, sure=False)

    def _enter(
        self, optimizer: torch.optim.Optimizer, held: Holding, *, called: bool, penalty: bool, sure: bool
    ) -> bool:
        """Whether an update is part of the game, see `PhaseProbe.is_aside`: then it may begin a round."""
        if self._phases.is_aside(held.roles, called=called, penalty=penalty, sure=sure):
            self._aside.add(id(optimizer))
            return False
        if self._plan.counting:
            self._passes.work.updated(sum(len(h.present) for h in held.parts))
        if held.generator or not self._rounds.begun:
            self._rounds.before(id(optimizer), held.generator, discriminator=bool(held.discriminators))
        if held.discriminators:
            self._pace.updated(id(optimizer), held.discriminators, self._plan.step)
        if held.generator and self._recording.wants_batch:
            self._show()
        return True

    def _use(self, optimizer: torch.optim.Optimizer, held: Holding) -> None:
        """Record the gradients that an update uses, and the calls of D behind them."""
        if not self._plan.calls:
            self._pass_over(optimizer, held)
            return
        generator, step = bool(held.generator), self._plan.step
        own = {d: self._passes.calls.take(d, step, generator=False) for d in held.discriminators}
        asked = self._discriminators if generator else []
        others = {d: self._passes.calls.take(d, step, generator=True) for d in asked}
        calls = [c for found in (own, others) for of_one in found.values() for c in of_one]
        self._passes.forget(generator=generator)
        penalty = self._passes.calls.of_penalty(calls, step)
        if not self._enter(optimizer, held, called=bool(calls), penalty=penalty, sure=True):
            return
        if not self._plan.ahead:
            self._plan.ahead = any(c.step < self._plan.step for c in calls)
        if not self._plan.outputs:
            return
        scale = self._scaling[1] if self._scaling and self._scaling[0] is optimizer else None
        self._read_optimizer(optimizer, held)
        if behind := [c for used in others.values() for c in used]:
            self._note_unused(behind)
            self._passes.detached = not any(c.connected or not c.judged for c in behind)
            if self._passes.detached:
                self._updates.without_feedback(held, behind)
        elif generator and (unheard := self._passes.unheard):  # whatever else G's loss has, D has no part in it
            self._updates.feedback.clear()
            self._updates.without_feedback(held, [unheard])
        if generator:
            self._passes.unheard = None
        self._record_update(optimizer, held, scale)
        self._record_phases(own, others, scale)
        self._passes.compare(held, own, others)
        if self._held_out is not None and self._held_out.due:
            self._look_at_held_out(own)

    def _held_out_looks(self, own: dict[Network, list[Call]]) -> None:
        if self._held_out is not None:
            for network, used in own.items():
                self._held_out.look(network, used)

    def _before_scaler(self, scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer) -> None:
        self._scaling = optimizer, current_scale(scaler)
        self._stepped = None

    def _after_scaler(self, _scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer) -> None:
        """Note the step that the scaler skipped because a gradient was not finite."""
        held = self._holdings.of(optimizer)
        if held and self._stepped is not optimizer:
            self._use(optimizer, held)
            self._updates.skip(held)
            self._aside.discard(id(optimizer))
            self._rounds.after(id(optimizer), held.generator)
        self._scaling = None

    def _end_step(self) -> None:
        plan, recording = self._plan, self._recording
        step = plan.step
        if plan.outputs:
            self._finish_phases(self._passes.calls)
            self._count_updates()
            self._pace.put(recording.row, step)
        if step % BOUND_EVERY == 0:
            self._record_weights(step)
        if not self._first_step.seen:
            self._first_step.came()
        recording.steps_are_seen = True
        recording.end_step()
        if plan.round_steps != self._described[0] or plan.counting != self._described[1]:
            self._described = plan.round_steps, plan.counting
            recording.describe_plan()
        step = recording.completed_steps
        if step in INFER_AT:
            self._report()
        if self._quality is not None:
            self._evaluate(step)

    def _report(self) -> None:
        """Have the loss family inferred, until one fits."""
        if self._family.wanted:
            self._recording.infer_family(self._family.collected())
        if self._recording.completed_steps >= INFER_AT[-1]:
            self._family.give_up()


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()


def _closure(arguments: Any, kwargs: Any) -> bool:
    """Whether an optimizer is given a function that computes the loss anew."""
    return bool(arguments or kwargs) and (any(map(callable, arguments)) or callable(kwargs.get("closure")))
