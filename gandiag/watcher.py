"""One line that attaches to a PyTorch loop nobody here wrote."""

from __future__ import annotations

import functools
import os
from collections import deque
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gandiag.callback import Callback
from gandiag.probes.attribution import Attribution, Call, Origins, tell_apart
from gandiag.probes.batches import Projection, first_tensor, sample_norms, verdicts
from gandiag.probes.family import FamilyProbe
from gandiag.probes.gradients import UpdateRatio, gradient_norms, layer_names
from gandiag.probes.hooks import ModuleHook, check_networks, loss_may_be_scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from typing_extensions import Unpack

    from gandiag.options import Options

SWAPPED = (
    "the generator was given the discriminator's output: are the two swapped? "
    "the call is attach(generator, discriminator, run_dir=...)"
)
UPDATE_EVERY = 10  # steps between two update ratios, which need a copy of the weights
MAX_CALLS = 64  # calls of D remembered between two optimizer steps
INFER_AT = (20, 200, 1000)  # steps at which the loss family is inferred, until one fits
MAX_FAULTS = 3  # a hook that failed this often is not tried again


def attach(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    run_dir: str | PathLike[str],
    **options: Unpack[Options],
) -> Callback:
    """Watch a GAN's training loop, which stays as it is, and record it to `run_dir`.

    Forward hooks see what D is given and answers; hooks on every torch optimizer, matched by parameters, read
    gradients as they are used. No forward pass is added, no random number drawn, no weight touched, and no step
    waits for the device. Close with `callback.close()`, by leaving a `with` block, or by ending the program.

    Parameters
    ----------
    generator, discriminator : modules; D may also be a critic
    run_dir : where to record: a folder, or any fsspec path
    **options : see `gandiag.Callback`

    Raises
    ------
    TypeError
        When generator or discriminator is no module.
    ValueError
        When both are the same module, share a parameter, have none, or are watched already.
    RunError
        When `run_dir` cannot be written, or holds a run and `resume=True` is not given.

    Examples
    --------
    >>> callback = gandiag.attach(G, D, run_dir="runs/dcgan")  # doctest: +SKIP
    """
    check_networks(generator, discriminator)
    callback = Callback(run_dir, **options)
    try:
        watcher = Watcher(generator, discriminator, callback)
    except Exception as error:
        callback.close("crashed", f"attaching failed: {error}")
        raise
    callback.on_close(watcher.detach)
    return callback


class Watcher:
    """The hooks on G, D and the optimizers, and what they remember between two steps."""

    def __init__(self, generator: torch.nn.Module, discriminator: torch.nn.Module, callback: Callback) -> None:
        self.callback = callback
        callback.steps_are_seen = True
        self._nets = {"generator": generator, "discriminator": discriminator}
        self._parameters = {n: [p for p in m.parameters() if p.requires_grad] for n, m in self._nets.items()}
        self._origins, self._verdict_origins = Origins(), Origins()
        self._attribution, self._projection = Attribution(), Projection()
        self._family = FamilyProbe(wanted=callback.loss_family is None)
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self._splits: dict[int, tuple[Any, dict[str, list[torch.nn.Parameter]]]] = {}
        self._updates: dict[str, UpdateRatio] = {}
        self._failures: dict[str, int] = {}
        self._process = os.getpid()
        self._feedback = self._guarded("feedback probe", self._on_feedback)
        self._describe()
        self._handles = [
            generator.register_forward_hook(ModuleHook(self._guarded("hook on the generator", self._on_generator))),
            discriminator.register_forward_hook(
                ModuleHook(self._guarded("hook on the discriminator", self._on_discriminator)),
                with_kwargs=True,
            ),
            register_optimizer_step_pre_hook(self._guarded("gradient probe", self._before_update)),
            register_optimizer_step_post_hook(self._guarded("update probe", self._after_update)),
            register_optimizer_step_post_hook(self._guarded("step", self._end_step)),
        ]

    def detach(self) -> None:
        """Remove every hook and put down what was attributed and inferred."""
        for handle in self._handles:
            handle.remove()
        self._report()
        if not self._attribution.counts["generator steps"]:
            self.callback.faults.add(
                "attach",
                "no optimizer step on the generator's parameters was seen; without torch optimizers call "
                "callback.step() after each generator update",
                self.callback.completed_steps,
            )

    def _describe(self) -> None:
        layers = {net: layer_names(module) for net, module in self._nets.items()}
        self.callback.settings.layers = layers
        roles = {
            net: {
                "class": type(module).__name__,
                "parameters": sum(p.numel() for p in module.parameters()),
                "layers": [name for name in layers[net] if name],
                "device": str(next(module.parameters()).device),
            }
            for net, module in self._nets.items()
        }
        self.callback.describe(versions={"torch": torch.__version__}, roles=roles)

    def _guarded(self, where: str, hook: Callable[..., None]) -> Callable[..., None]:
        """`hook` without its exceptions, in this process only, and given up after three failures."""

        @functools.wraps(hook)
        def guarded(*arguments: Any) -> None:
            if os.getpid() != self._process or self._failures.get(where, 0) >= MAX_FAULTS:
                return
            try:
                hook(*arguments)
            except Exception as error:  # noqa: BLE001 - a fault of ours never reaches the training
                self._failures[where] = self._failures.get(where, 0) + 1
                self.callback.faults.add(where, error, self.callback.completed_steps)

        return guarded

    def _on_generator(self, _module: torch.nn.Module, arguments: Any, output: Any) -> None:
        batch, given = first_tensor(output), first_tensor(arguments)
        if batch is None:
            return
        if given is not None and self._verdict_origins.of(given) == "direct":
            self.callback.faults.add("attach", SWAPPED, self.callback.completed_steps)
        self._origins.add(batch, mark=True)
        if batch.grad_fn is not None and not loss_may_be_scaled(batch):
            batch.register_hook(self._feedback)

    def _on_feedback(self, gradient: torch.Tensor) -> None:
        self.callback.row["feedback"] = sample_norms(gradient)  # the last one before G's update is G's own

    def _on_discriminator(self, _module: torch.nn.Module, arguments: Any, kwargs: Any, output: Any) -> None:
        scores = first_tensor(output)
        given = [t for v in (*arguments, *kwargs.values()) if (t := first_tensor(v)) is not None]
        if scores is None or not given or not scores.requires_grad:
            return  # an evaluation: training runs D where gradients flow
        self._verdict_origins.add(scores)
        origins = {self._origins.of(t): t for t in reversed(given)}
        origin = next((o for o in ("direct", "derived") if o in origins), None) or self._origins.of(given[0])
        call = Call(origins[origin].detach(), scores.detach(), origin)
        self._calls.append(call)
        if self._family_wanted():
            scores.register_hook(call.output_gradients.append)

    def _before_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        nets = self._split(optimizer)
        for net, parameters in nets.items():
            self.callback.row[f"grad/{net}"] = gradient_norms(parameters)
            if (self.callback.completed_steps + 1) % UPDATE_EVERY == 0:
                self._updates[net] = UpdateRatio(parameters)
        if nets:
            self._resolve(nets)

    def _after_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for net in self._split(optimizer):
            if update := self._updates.pop(net, None):
                self.callback.row[f"update/{net}"] = update.measure()

    def _end_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if "generator" in self._split(optimizer):
            self.callback.step()
            if self.callback.completed_steps in INFER_AT:
                self._report()

    def _split(self, optimizer: torch.optim.Optimizer) -> dict[str, list[torch.nn.Parameter]]:
        """The watched parameters of an optimizer by network, in the network's own order."""
        signature = (optimizer.__class__, *(len(group["params"]) for group in optimizer.param_groups))
        known = self._splits.get(id(optimizer))
        if known and known[0] == signature and _holds(optimizer, known[1]):
            return known[1]
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        found = {net: [p for p in ps if id(p) in held] for net, ps in self._parameters.items()}
        split = {net: ps for net, ps in found.items() if ps}
        self._splits[id(optimizer)] = (signature, split)
        return split

    def _resolve(self, nets: Mapping[str, Any]) -> None:
        """Attribute the calls of D since the last optimizer step and keep what they tell."""
        phase = tell_apart(list(self._calls))
        self._calls.clear()
        self._attribution.count(nets, phase)
        if self._family_wanted():
            self._family.see("generator" if "generator" in nets else "discriminator", phase)
        row = self.callback.row
        for kind, found in (("real", phase.real), ("fake", phase.fake)):
            if not found:
                continue
            if "discriminator" in nets or f"d/{kind}" not in row:
                self.callback.attributed(kind, verdicts(found[-1].output))
            if f"points/{kind}" not in row:
                row[f"points/{kind}"] = self._projection(found[0].batch)
                if kind == "fake":
                    self._keep_samples(found[0].batch)
        if message := self._attribution.ambiguous():
            self.callback.faults.add("attribution", message, self.callback.completed_steps)

    def _family_wanted(self) -> bool:
        return self._family.wanted and not self.callback.settings.family_found

    def _keep_samples(self, batch: torch.Tensor) -> None:
        if self.callback.wants_modes:
            self.callback.record_modes(batch.clone())
        if self.callback.wants_samples:
            self.callback.sample(batch)

    def _report(self) -> None:
        """Put down what was attributed so far, and the loss family once one fits."""
        changes: dict[str, Any] = {"attribution": self._attribution.summary()}
        if self._family_wanted():
            self.callback.infer_family(self._family.collected())
            self._family.wanted = self.callback.completed_steps < INFER_AT[-1]
        self.callback.describe(**changes)


def _holds(optimizer: torch.optim.Optimizer, split: Mapping[str, list[torch.nn.Parameter]]) -> bool:
    """Whether a remembered split is this optimizer's: another one may have taken the id of a deleted one."""
    if not split:
        return False
    first = next(iter(split.values()))[0]
    return any(p is first for group in optimizer.param_groups for p in group["params"])
