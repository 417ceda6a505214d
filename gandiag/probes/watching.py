"""Attach to networks that a trainer keeps to itself, as soon as it calls them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from gandiag.probes import notices
from gandiag.probes.attach import checked_score, watch
from gandiag.probes.networks import watched_networks
from gandiag.record.callback import Callback, recording_of
from gandiag.record.notices import ENOUGH_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from torch import nn
    from typing_extensions import Unpack

    from gandiag.probes.passes import Score
    from gandiag.quality.schedule import Quality
    from gandiag.record.options import Options

    Which = type[nn.Module] | Callable[[nn.Module], bool]
    """Tells a network: by its class, or by a function that is true of it."""


def watch_modules(
    generator: Which,
    discriminator: Which,
    run_dir: str | PathLike[str],
    *,
    score: Score | None = None,
    quality: Quality | None = None,
    held_out: Any = None,
    **options: Unpack[Options],
) -> Callback:
    """Attach to networks that a trainer makes itself and does not hand out, when it first calls them.

    Every module that is called is looked at until one is met for each role; from then on this is `gandiag.attach`,
    and costs what that costs. What was called before both were met is not recorded.

    Parameters
    ----------
    generator, discriminator : the network's class, or a function of a module that is true of it. Of modules inside
        each other the outer one is met first
    run_dir, score, quality, held_out, **options : as of `gandiag.attach`

    Raises
    ------
    TypeError
        When generator or discriminator is neither a class nor a function: networks at hand are for `gandiag.attach`.
    RunError, ValueError
        As of `gandiag.Callback`.

    Examples
    --------
    >>> with gandiag.watch_modules(ctgan_module.Generator, ctgan_module.Discriminator, "runs/ctgan"):  # doctest: +SKIP
    ...     CTGAN().fit(table)
    """
    for role, which in (("generator", generator), ("discriminator", discriminator)):
        if isinstance(which, torch.nn.Module) or not callable(which):
            raise TypeError(
                f"{role} must be a class of modules or a function of a module, got {type(which).__name__}; "
                "networks at hand are for gandiag.attach"
            )
    checked_score(score)
    callback = Callback(run_dir, **options)
    recording = recording_of(callback)

    def attach(met_generator: nn.Module, met_discriminator: nn.Module) -> None:
        recording.faults.withdraw("networks")
        with recording.faults.caught("attach", recording.completed_steps):
            watch(callback, watched_networks(met_generator, met_discriminator), score, quality, held_out)

    def not_met(told: str) -> None:
        recording.faults.add("networks", told, recording.completed_steps)

    def failed(error: Exception) -> None:
        recording.faults.add("attach", error, 0)

    meeting = Meeting(generator, discriminator, attach, failed, not_met)

    def leave() -> None:
        if meeting.open:
            meeting.close()
            not_met(meeting.missing())

    recording.on_close(leave)
    return callback


class Meeting:
    """Looks at every module that is called until both networks are met, then calls `met` with them.

    `met` runs before the later of the two is called for the first time, so that this call is seen already. `late` is
    told which are missing once modules have been called for ten seconds; they are looked for all the same.
    """

    def __init__(
        self,
        generator: Which,
        discriminator: Which,
        met: Callable[[nn.Module, nn.Module], object],
        failed: Callable[[Exception], object] | None = None,
        late: Callable[[str], object] | None = None,
    ) -> None:
        self._which = {"generator": generator, "discriminator": discriminator}
        self._found: dict[str, nn.Module] = {}
        self._met, self._failed, self._late = met, failed, late
        self._since: float | None = None
        self._process = os.getpid()
        self._classes: dict[str, None] = {}  # of modules that were called, in order
        self.open = True
        self._handle = register_module_forward_pre_hook(self._look)

    def close(self) -> None:
        """Look no more."""
        self.open = False
        self._handle.remove()

    def missing(self) -> str:
        """What was not met, in a sentence."""
        roles = [role for role in self._which if role not in self._found]
        return notices.NOT_MET.format(roles=" and ".join(roles), classes=", ".join(self._classes) or "none")

    def _is_late(self) -> bool:
        now = time.monotonic()
        self._since = self._since or now
        return now - self._since > ENOUGH_SECONDS

    def _look(self, module: nn.Module, _inputs: Any) -> None:
        if not self.open or torch.compiler.is_compiling() or os.getpid() != self._process:
            return
        try:
            if len(self._classes) < notices.MAX_CLASSES:
                self._classes.setdefault(type(module).__name__)
            for role, which in self._which.items():
                if role not in self._found and _is(module, which):
                    self._found[role] = module
            if len(self._found) == len(self._which):
                self.close()
                self._met(self._found["generator"], self._found["discriminator"])
            elif self._late is not None and self._is_late():
                self._late(self.missing())
                self._late = None
        except Exception as error:
            self.close()
            if self._failed is None:
                raise
            self._failed(error)


def _is(module: nn.Module, which: Which) -> bool:
    return isinstance(module, which) if isinstance(which, type) else bool(which(module))
