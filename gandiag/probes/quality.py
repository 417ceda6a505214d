"""Quality metrics while a GAN trains: every so many steps, of a frozen copy of the generator, in the background."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from gandiag.nets.frozen import device_of, forked_rng, frozen_copy, generate
from gandiag.nets.tensors import first_tensor
from gandiag.probes.networks import GENERATOR
from gandiag.quality.metrics import HELD_OUT, REFERENCE
from gandiag.quality.plan import ReferenceSet, measure, planned
from gandiag.quality.protocol import ProtocolError, differing
from gandiag.quality.sources.inputs import InputPool, as_arguments
from gandiag.quality.sources.open import open_source
from gandiag.record.worker import CLOSING_SECONDS as RECORD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from gandiag.probes.networks import Network
    from gandiag.quality.collect import Collected
    from gandiag.quality.schedule import Quality
    from gandiag.quality.sources.inputs import Arguments
    from gandiag.record.recording import Recording

POSTPONED = "the evaluation at step {step:,} was left out: the one before had not ended; raise every= or lower n="
ABANDONED = "the last evaluation was not waited for any longer than {seconds:.0f} s; its values are lost"
CLOSING_SECONDS = 120.0  # for the evaluation in progress when recording stops
TOO_LARGE = (
    "the inputs of the generator are too large to keep {n:,} of them; pass inputs=, a function of n, or lower n="
)


class QualityProbe:
    """Collects G's inputs, starts an evaluation when one is due, and hands its values on to be recorded.

    Raises what `planned` and `open_source` raise for a reference, an extractor or metrics that make no sense:
    when attaching, not in the training.
    """

    def __init__(self, quality: Quality, networks: Sequence[Network], recording: Recording) -> None:
        self._quality, self._recording = quality, recording
        self.network = _chosen(quality, networks)
        self._device = device_of(quality.average or self.network.module)
        self._plan = planned(
            extractor=quality.extractor,
            metrics=quality.metrics,
            given=frozenset({REFERENCE} if quality.held_out is None else {REFERENCE, HELD_OUT}),
            extractor_weights=quality.weights,
            value_range=quality.value_range,
            reference_range=quality.reference_range,
            device="cpu" if self._device.type == "mps" else self._device,  # Apple's GPUs have no float64
            batch_size=quality.batch_size,
            lenient=True,
            n=quality.n,
            seed=quality.seed,
            together=False,
        )
        self._reference = ReferenceSet(quality.reference, self._plan)
        self._held_out = None if quality.held_out is None else ReferenceSet(quality.held_out, self._plan)
        last = recording.last_evaluation
        self._earlier = last["measurements"][0]["protocol"] if last and last["measurements"] else None
        made = self._plan.extractor
        self._refuse_another(extractor=made.name, extractor_hash=made.hash, resize=made.resize, n=quality.n)
        self._pool = None if quality.inputs else InputPool(quality.n)
        self._preprocessing = self._plan.preprocessing()
        if self._preprocessing is not None:
            self._preprocessing.waiting = sys.maxsize  # asked about in the background, never between two steps
        self._stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        self._passive = self._plan.extractor.passive
        if not self._passive:
            self._known()  # now: it must not wait for a moment between two steps
        self._thread: threading.Thread | None = None
        self._given_up = False
        self._trains = False  # G was seen in training mode; some never are
        self._due = recording.completed_steps // quality.every * quality.every + quality.every

    def on_generator(self, module: nn.Module, arguments: Any, kwargs: Any, output: Any) -> None:
        """After a forward pass of G: keep what it was given, unless that is the loop's own look at some samples."""
        self._trains = self._trains or module.training
        batch = first_tensor(output) if module.training or not self._trains else None
        if self._pool is not None and not self._given_up and batch is not None:
            self._pool.keep(arguments, kwargs, len(batch))

    def after_step(self, step: int) -> None:
        """Evaluate when it is time; what fails is a fault on record, and the next evaluation is tried all the same."""
        if step < self._due or self._given_up or not self._has_inputs(step):
            return
        self._due = step // self._quality.every * self._quality.every + self._quality.every
        if self._thread is not None and self._thread.is_alive():
            self._fault(POSTPONED.format(step=step), step)
            return
        with self._recording.faults.caught("quality", step):
            # copied in the training's stream: before the next update
            quality = self._quality
            frozen = frozen_copy(quality.average or self.network.module, training=quality.training_mode)
            with _beside(self._stream):
                samples, calls = self._samples(frozen)
                generated = samples if self._passive else self._collected(samples)
            arguments = (step, generated, (frozen, calls))
            self._thread = threading.Thread(target=self._evaluate, args=arguments, name="gandiag quality", daemon=True)
            self._thread.start()

    def _has_inputs(self, step: int) -> bool:
        """Whether there is something to give to G."""
        if self._pool is None or self._pool.full:
            return True
        if self._pool.too_large:
            self._given_up = True
            self._fault(TOO_LARGE.format(n=self._quality.n), step)
        return False

    def _fault(self, message: str, step: int) -> None:
        self._recording.faults.add("quality", message, step)

    def _refuse_another(self, **now: Any) -> None:
        """Raise a ProtocolError when the run that is continued was measured in another way."""
        if self._earlier is not None and (found := differing(self._earlier, now)):
            raise ProtocolError(
                f"the quality of this run was measured in another way before: {'; '.join(found)}; keep to it, or "
                "choose another run_dir"
            )

    def close(self) -> None:
        """Wait for the evaluation in progress, though not for ever: the loop may have crashed."""
        if self._thread is not None:
            seconds = CLOSING_SECONDS if self._recording.patience >= RECORD_SECONDS else self._recording.patience / 2
            self._thread.join(seconds)
            if self._thread.is_alive():
                self._fault(ABANDONED.format(seconds=seconds), self._recording.completed_steps)

    def _samples(self, frozen: nn.Module) -> tuple[torch.Tensor, list[Arguments]]:
        """n samples of a copy of the generator, and what it was given; on a GPU nothing here waits for it.

        Images become bytes, which is what extractors take, once their range is known.
        """
        quality, prepare = self._quality, self._preprocessing
        if prepare is not None and prepare.value_range is None and self._stream is not None:
            prepare = None
        batches, calls, made = [], [], 0
        with forked_rng(self._device, quality.seed):
            for arguments, kwargs in self._calls():
                calls.append((arguments, kwargs))
                batch = generate(frozen, arguments, kwargs)
                batches.append(prepare(batch) if prepare else self._as_is(batch))
                made += len(batch)
        if made < quality.n:
            raise ValueError(f"inputs= was asked for {quality.n:,} samples in all and gave inputs for {made:,}")
        return torch.cat(batches)[-quality.n :], calls

    def _as_is(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch of samples that nobody else changes, as rows for an extractor that takes vectors."""
        return (batch.flatten(1) if self._preprocessing is None else batch).clone()

    def _calls(self) -> Iterator[Arguments]:
        if self._pool is not None:
            yield from self._pool.calls()
            return
        draw, n, size = self._quality.inputs, self._quality.n, self._quality.batch_size
        assert draw is not None  # noqa: S101 - there is a pool or a function
        for start in range(0, n, size):
            yield as_arguments(draw(min(size, n - start)), self._device)

    def _collected(self, samples: torch.Tensor) -> Collected:
        if self._preprocessing is not None:
            if samples.dtype != torch.uint8:  # those of the first evaluation, whose range this decides
                samples = torch.cat([self._preprocessing(part) for part in samples.split(self._quality.batch_size)])
            self._preprocessing.settle()
        return self._plan.collect(open_source(samples), n=self._quality.n)

    def _known(self) -> tuple[Collected, Collected | None]:
        """The reference and the held-out set, read when first asked for."""
        return self._reference.collected(), self._held_out.collected() if self._held_out else None

    def _evaluate(self, step: int, generated: torch.Tensor | Collected, kept: Any) -> None:  # noqa: ARG002
        """In the background thread: features where possible, metrics, and their way into the record.

        `kept` is what made the samples: on a GPU that may still be going on, and memory must not be given to others.
        """
        started = time.monotonic()
        with self._recording.faults.caught("quality", step):
            with _within(self._stream):
                if isinstance(generated, torch.Tensor):
                    generated = self._collected(generated)
                real, held_out = self._known()
                self._refuse_another(reference_hash=real.content_hash)
                measurements, unmeasured = measure(self._plan, self._plan.inputs(generated, real, held_out))
            for note in unmeasured:
                self._recording.faults.add(f"quality: {note.split(' cannot')[0]}", note, step)
            values = [m.to_dict() for m in measurements]
            self._recording.evaluated(step, values, time.monotonic() - started)


def _chosen(quality: Quality, networks: Sequence[Network]) -> Network:
    """The generator that is evaluated."""
    networks = [n for n in networks if n.role == GENERATOR]
    names = [n.suffix.removeprefix(".") for n in networks]
    if quality.generator is None and len(networks) == 1:
        chosen = networks[0]
    elif quality.generator in names:
        chosen = networks[names.index(quality.generator)]
    else:
        known = ", ".join(names) if len(networks) > 1 else "none, as there is one generator"
        raise ValueError(f"Quality: generator must be one of {known}, found {quality.generator!r}")
    if chosen.describe().get("sharded"):
        raise ValueError(f"Quality: {chosen.name} is sharded and cannot be copied; evaluate a checkpoint instead")
    return chosen


@contextmanager
def _beside(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """Work in a stream beside the one in use, from what that has done so far, and go on without waiting for it."""
    if stream is None:
        yield
        return
    stream.wait_stream(torch.cuda.current_stream(stream.device))
    try:
        with torch.cuda.stream(stream):
            yield
    except BaseException:
        stream.synchronize()  # before the memory of what failed is given to others
        raise


@contextmanager
def _within(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """Go on in a stream, in another thread, and wait until all is done there; nothing without one."""
    if stream is None:
        yield
        return
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        stream.synchronize()
