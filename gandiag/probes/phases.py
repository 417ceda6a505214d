"""What D was given and answered before an optimizer step, put into the row of the step in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.measure.reductions import MAX_POINTS, SCALAR
from gandiag.probes.attribution import Attribution, Phase
from gandiag.probes.batches import sample_outputs
from gandiag.probes.contents import Contents
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR
from gandiag.probes.notices import missing_attribution
from gandiag.record.batches import TensorProjection, value_range

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    import torch

    from gandiag.probes.attribution import Call
    from gandiag.probes.family import FamilyProbe
    from gandiag.probes.networks import Held, Network
    from gandiag.record.recording import Recording

    Phases = Mapping[Network, Phase]

RANGE_EVERY = 10  # steps between two records of the range of values that D is given, and of what G makes of latents
MAX_ASIDE = 100  # updates in a row that may be something else than the game before they count as it after all


class PhaseProbe:
    """Records D's outputs and samples of the batches it saw, once they are told apart."""

    def __init__(self, recording: Recording, family: FamilyProbe) -> None:
        self._recording, self._family = recording, family
        self.attribution = Attribution()
        self.generator_calls = 0
        self._projection = TensorProjection()
        self._contents = Contents(self._projection)
        self._generated: torch.Tensor | None = None
        self._shown: str | None = None  # the generator whose samples are kept, where there are several
        self._traced: dict[Network, bool] = {}  # for each D trained in this step: was it on a generated batch?
        self._played: set[str] = set()  # roles that have been updated on calls of D
        self._aside = 0
        self._used_calls = 0
        self._continues = False  # the update at hand is a further optimizer's share of G's last one
        self._told: set[str] = set()
        self._compared = False  # batches of unknown kind were compared with G's, to what result is seen later

    def keep_generated(self, network: Network, batch: torch.Tensor, given: torch.Tensor | None) -> None:
        """Hold the batch that G makes until its update, if samples are wanted in this step.

        `given` is what it was made of, latents as a rule: of both some samples are recorded now and then.
        """
        self._contents.note(batch)
        if batch.grad_fn is None:
            return
        step = self._recording.completed_steps + 1
        if step % RANGE_EVERY == 0 and self._recording.budget.due("points", step) and _belongs(given, batch):
            row, key = self._recording.row, f"latent{network.suffix}"
            row[f"{key}/given"], row[f"{key}/made"] = self._projection(given), self._projection(batch)
        self._shown = self._shown or network.name
        if self._shown == network.name and (self._recording.wants_modes or self._recording.wants_samples):
            self._generated = batch.detach()

    def is_aside(self, roles: set[str], *phases: Phases) -> bool:
        """Whether an update is not part of the game: G's without D, or D's on a penalty alone.

        Examples are a regulariser with an optimizer step of its own (StyleGAN2's lazy ones) and the reconstruction
        phase of an adversarial autoencoder; only where the game itself has been seen before.
        """
        calls = [c for found in phases for phase in found.values() for c in phase.calls]
        penalty = bool(calls) and all(c.origin == "leaf" for c in calls)
        if GENERATOR in roles:  # a second optimizer of G has no calls either, but G has not run since the first
            self._continues = not calls and 0 < self.generator_calls == self._used_calls
            aside = not calls and not self._continues
            self._used_calls = self.generator_calls
        else:
            aside = penalty
        if aside and roles <= self._played:
            self._aside += 1
            if self._aside <= MAX_ASIDE:
                return True
            self._played -= roles
        self._aside = 0
        if calls and not aside:
            self._played |= roles
        return False

    def record(self, own: Phases, others: Phases, scale: torch.Tensor | None) -> None:
        """Keep what D answered: `own` are the calls of networks that are updated, `others` those that G's loss used."""
        for trained, phases in ((True, own), (False, others)):
            for network, phase in phases.items():
                if trained:
                    self._traced[network] = self._traced.get(network, False) or bool(phase.fake)
                    self._compare(network, phase)
                if self._family.wanted:
                    self._family.see(DISCRIMINATOR if trained else GENERATOR, phase, scale)
                self._record(network, phase, trained=trained)
        if others:
            self._show()

    def _record(self, network: Network, phase: Phase, *, trained: bool) -> None:
        recording, suffix = self._recording, network.suffix
        step = recording.completed_steps + 1
        for kind, calls in (("real", phase.real), ("fake", phase.fake)):
            if not calls or not recording.budget.due("outputs", step):
                continue
            call = calls[0]
            if not trained and {f"d{suffix}/{kind}", f"points{suffix}/{kind}"} & recording.row.keys():
                continue  # D's own update has shown it
            if call.output is not None:
                outputs = sample_outputs(call.output)
                recording.attributed(kind, outputs, suffix)
                if recording.world_size > 1:  # the weight of this rank's values beside those of others
                    recording.row[f"{SCALAR}samples/{kind}"] = float(len(outputs))
            if recording.budget.due("points", step):
                self._record_batch(f"{suffix}/{kind}", call, ranges=step % RANGE_EVERY == 0)
        norms = [c.input_norms for c in phase.penalty if c.input_norms is not None]
        if norms and recording.budget.due("gradients", step):
            recording.row[f"penalty{suffix}"] = norms[0]

    def _record_batch(self, key: str, call: Call, *, ranges: bool) -> None:
        """Keep some of a batch's samples as points, their classes, and now and then the range of its values."""
        row = self._recording.row
        row[f"points{key}"] = self._projection(call.batch)
        if call.labels is not None:
            row[f"labels{key}"] = call.labels[:MAX_POINTS]
        told = self._recording.wants_range and key.endswith("/real")
        if told or (ranges and len(call.batch) > 1):
            row[f"range{key}"] = value_range(call.batch)
            self._recording.wants_range &= not told

    def _compare(self, network: Network, phase: Phase) -> None:
        """Keep what D answered to batches of unknown kind, with a mask of the samples that hold G's values."""
        due = self._recording.budget.due("outputs", self._recording.completed_steps + 1)
        if self._contents.wanted and due and not phase.fake:
            for key, values in self._contents.compare([*phase.real, *phase.mixed]).items():
                self._recording.row[f"unknown{network.suffix}/{key}"] = values
                self._compared = True

    def _show(self) -> None:
        batch, self._generated = self._generated, None
        if batch is None:
            return
        if self._recording.wants_modes:
            self._recording.record_modes(batch.clone())
        if self._recording.wants_samples:
            self._recording.sample(batch)

    def count(self, held: list[Held], own: Phases, others: Phases) -> None:
        """Count an update, and say so when D's batches cannot be told apart."""
        seen = Phase()
        for phase in others.values():
            for kind in ("real", "fake", "penalty", "mixed"):
                getattr(seen, kind).extend(getattr(phase, kind))
        for network in (h.network for h in held):
            if network.role == GENERATOR:
                if not self._continues:
                    self.attribution.count(network.name, seen, judge=False)
            else:
                self.attribution.count(network.name, own[network], judge=True)
                message = missing_attribution(network.name, self.attribution.counts, self.generator_calls)
                if message and network.name not in self._told and not self._compared:
                    self._told.add(network.name)
                    self._recording.faults.add("attribution", message, self._recording.completed_steps)

    def finish(self) -> None:
        """Before a step ends: what a D saw that was trained on no known generated batch is of unknown kind."""
        row, wanted = self._recording.row, False
        for network, traced in self._traced.items():
            wanted |= not traced
            self.attribution.finish(network.name, traced=traced)
            if traced or self._recording.observed:
                for key in ("generated", "outputs", "points", "size"):
                    row.pop(f"unknown{network.suffix}/{key}", None)
            else:
                row.pop(f"d{network.suffix}/real", None)
                row.pop(f"points{network.suffix}/real", None)
        if self._traced:
            self._contents.wanted = wanted
        self._traced.clear()


def _belongs(given: torch.Tensor | None, batch: torch.Tensor) -> TypeGuard[torch.Tensor]:
    """Whether each sample of a generated batch can have been made of one sample of what G was given."""
    if given is None or given.dim() < 2 or not given.dtype.is_floating_point:
        return False
    return len(given) == len(batch) > 1
