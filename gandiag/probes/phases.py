"""What D was given and answered before an optimizer step, put into the row of the step in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from gandiag.measure.calls import ASKED, MAX_OUTPUTS, MAX_POINTS, SEEN, SLOTS
from gandiag.measure.conditions import CONDITION
from gandiag.measure.reductions import SCALAR
from gandiag.nets.tensors import detached
from gandiag.probes import notices
from gandiag.probes.attribution import Judged, other_batch, split_penalties
from gandiag.probes.batches import ends, margins, pulls, sample_outputs, singles
from gandiag.probes.contents import Contents
from gandiag.probes.networks import DISCRIMINATOR, GENERATOR
from gandiag.probes.slots import Slots
from gandiag.probes.snapshots import SnapshotProbe
from gandiag.record.batches import TensorProjection, value_range
from gandiag.record.notices import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import TypeGuard

    from gandiag.probes.attribution import Call, CallLog
    from gandiag.probes.family import FamilyProbe
    from gandiag.probes.networks import Network
    from gandiag.record.recording import Recording

    Used = Mapping[Network, Sequence[Call]]
    """By D, its calls that an update used."""

MAX_ASIDE = 100  # updates in a row that may be something else than the game before they count as it after all


class PhaseProbe:
    """Records D's outputs and samples of the batches it saw; what each was is told from many steps, later."""

    def __init__(self, recording: Recording, family: FamilyProbe) -> None:
        self._recording, self._family, self._plan = recording, family, recording.plan
        self.snapshots = SnapshotProbe(recording)
        self.judged = Judged()
        self.generator_calls = 0
        self._projection = TensorProjection()
        self._contents = Contents()
        self._generated: torch.Tensor | None = None
        self._shown: str | None = None  # the generator whose samples are kept, where there are several
        self._slots: dict[Network, Slots] = {}  # D's updates in this step
        self._shapes: dict[Network, torch.Size] = {}  # of one sample that D is trained on
        self._played: set[str] = set()  # roles that have been updated on calls of D
        self._shown_fake: set[Network] = set()  # the D whose update has shown samples of G in this step
        self._aside = 0
        self._used_calls = 0
        self._untraced = 0  # updates of D without a batch that could be traced to G, in a row
        self._unseen: dict[Network, int] = {}  # updates of D without any call
        self._told: set[str] = set()
        self.mute: set[Network] = set()  # networks whose outputs are not understood, which is said elsewhere
        self._pairs: dict[str, list[str]] = {}

    def keep_generated(self, network: Network, batch: torch.Tensor, given: torch.Tensor | None) -> None:
        """Hold the batch that G makes until its update, if samples are wanted in this step.

        `given` is what it was made of, latents as a rule: of both some samples are recorded now and then.
        """
        self._contents.note(batch)
        if batch.grad_fn is None:
            return
        self._plan.batch = len(batch) if batch.dim() else 1
        if self._plan.updates and self._plan.points and _belongs(given, batch):
            row, key = self._recording.row, f"latent{network.suffix}"
            row[f"{key}/given"], row[f"{key}/made"] = self._projection(given), self._projection(batch)
        self._shown = self._shown or network.name
        if self._shown == network.name and self._recording.wants_batch:
            self._generated = detached(batch)

    def is_aside(self, roles: AbstractSet[str], *, called: bool, penalty: bool, sure: bool) -> bool:
        """Whether an update is not part of the game: G's without D, or D's on a penalty alone.

        `called` says whether D was called for it, `penalty` whether that was on a penalty's batches alone, `sure`
        whether that is known of the calls that the update used, not taken from all that there were. Examples
        are a regulariser with an optimizer step of its own (StyleGAN2's lazy ones) and the reconstruction phase of an
        adversarial autoencoder; only where the game itself has been seen before.
        """
        if GENERATOR in roles:  # a second optimizer of G has no calls either, but G has not run since the first
            aside = not called and not 0 < self.generator_calls == self._used_calls
            self._used_calls = self.generator_calls
        else:
            aside = penalty
        if aside and roles <= self._played:
            if penalty and self._plan.outputs:  # an update of D on its loss in this step says otherwise
                self._recording.row.setdefault(f"{SCALAR}penalty/alone", 1.0)
            self._aside += 1
            if self._aside <= MAX_ASIDE:
                return True
            self._played -= roles
        self._aside = 0
        if called and sure and not aside:
            self._played |= roles
        return False

    def record(self, own: Used, others: Used, scale: torch.Tensor | None) -> None:
        """Keep what D answered: `own` are the calls of networks that are updated, `others` those that G's loss used."""
        if self._recording.wants_real:
            self.snapshots.keep_real(own, self.judged.batch)
        for network, used in own.items():
            calls, penalties = split_penalties(used)
            self.judged.learn(network, calls)
            self._family.see(DISCRIMINATOR, calls, self.judged, scale, penalties=penalties)
            self._record_penalties(network, penalties)
            self._look_at_penalty(network, used)
            self._record_update(network, calls)
            self._pair(network, calls)
            self._watch_out(network, used)
        for network, used in others.items():
            for call in used:
                self.judged.learn_position(network, call)
            self._family.see(GENERATOR, used, self.judged, scale, after=network in self._slots)
            if used:
                self._forget_asked(network)
                for number, call in enumerate(used):
                    self._record_call(ASKED, network, number, call, alone=True, points=network not in self._shown_fake)

    def _record_update(self, network: Network, calls: Sequence[Call]) -> None:
        """The calls behind an update of D; of several updates in this step as `Slots` has it."""
        if not calls:
            return
        row = self._recording.row
        positions = [self.judged.batch(call) for call in calls]
        origins = tuple(call.origins[at] for call, at in zip(calls, positions, strict=True))
        both = len(calls) == 1 and ("mixed" in origins or other_batch(calls[0], positions[0]) is not None)
        slots = self._slots.setdefault(network, Slots())
        slot = slots.open(row, origins, both=both)
        traced = bool({"direct", "derived", "mixed"} & {*origins})
        self._contents.wanted = self._contents.wanted and ("mixed" in origins or not traced)
        before = {*row}
        for number, call in enumerate(calls):
            self._record_call(SEEN, network, slot * SLOTS + number, call, alone=traced)
            self._compare_labels(network, call)
            if "plain" in call.origins:
                self._shapes[network] = call.given[positions[number]].shape[1:]
        if {"direct", "derived"} & {*origins}:
            self._shown_fake.add(network)
        slots.close(key for key in row if key not in before)
        if "plain" in origins:  # the reals are among them
            self._recording.wants_range = False

    def _pair(self, network: Network, calls: Sequence[Call]) -> None:
        """Put down which generators' samples a D is trained on, where generators have names."""
        known = self._pairs.setdefault(network.name, [])
        makers = [call.made.network for call in calls if call.made is not None]
        new = {maker.name for maker in makers if maker.suffix} - {*known}
        if new:
            self._pairs[network.name] = sorted({*known, *new})
            self._recording.describe(pairs={**self._pairs})

    def _forget_asked(self, network: Network) -> None:
        """Drop what G's earlier update of this step recorded."""
        head = f"{ASKED}{network.suffix}/"
        row = self._recording.row
        for key in [k for k in row if k.startswith(head)]:
            del row[key]

    def _record_call(
        self, role: str, network: Network, number: int, call: Call, *, alone: bool, points: bool = True
    ) -> None:
        """One call: outputs and their pull, points, labels, range. `alone`: its batch is of one kind, as a rule."""
        row, position = self._recording.row, self.judged.batch(call)
        batch, origin = call.given[position], call.origins[position]
        judged = self.judged.outputs(call)
        if batch.dim() and not len(batch):
            return
        if call.score is None and self._is_reconstruction(network, call, judged, batch):
            return
        head = f"{role}{network.suffix}/{number}"
        tail = "plain" if origin == "leaf" else origin
        if role == SEEN and tail == "plain":
            row[f"{head}:{tail}/total"] = batch.sum(dtype=torch.float32)
        if call.score is not None:
            row[f"{head}:{tail}/outputs"] = sample_outputs(call.score)
        else:
            for place in judged:
                key = f"{head}.{place}:{tail}" if len(judged) > 1 else f"{head}:{tail}"
                self._record_answer(key, call.outputs[place], call.pull(place, generator=role == ASKED), role)
        if (
            role == SEEN
            and tail in ("plain", "mixed")
            and self._contents.wanted
            and (made := self._contents.holds(batch)) is not None
        ):
            row[f"{head}:{tail}/made"] = ends(made, MAX_OUTPUTS)
        if self._plan.points and points:
            limit = self._plan.limit if alone and origin != "mixed" else max(2 * MAX_POINTS, self._plan.limit)
            other = other_batch(call, position) if len(judged) > 1 else None
            self._record_batch(f"{head}:{tail}/", batch, call.labels, limit)
            if other is not None:
                self._record_batch(f"{head}:{tail}/other_", other, None, limit)

    def _record_answer(self, key: str, answer: torch.Tensor, pull: torch.Tensor | None, role: str) -> None:
        """One output of a call and how a loss pulled at it; of several values for each sample also some one by one."""
        row = self._recording.row
        if pull is not None:
            answer, pull = margins(answer, pull)
            row[f"{key}/pull"] = pulls(pull)
            if role == ASKED and answer.dim() and answer.numel() > len(answer):
                row[f"{key}/single"] = singles(answer, pull)
        row[f"{key}/outputs"] = sample_outputs(answer)

    def _record_batch(self, key: str, batch: torch.Tensor, labels: torch.Tensor | None, limit: int) -> None:
        """Keep some of a batch's samples as points, their classes, and now and then the range of its values."""
        row = self._recording.row
        if batch.is_complex():
            return
        row[f"{key}points"] = self._projection(ends(batch, limit), limit)
        if labels is not None and len(labels) == len(batch):
            row[f"{key}labels"] = ends(labels, limit)
        if (self._plan.updates and len(batch) > 1) or self._recording.wants_range:
            row[f"{key}range"] = value_range(batch)

    def _compare_labels(self, network: Network, call: Call) -> None:
        """Whether D is given the labels under which its batch was generated."""
        made = None if call.made is None else call.made.labels
        if (
            made is not None
            and call.labels is not None
            and made.shape == call.labels.shape
            and "mixed" not in call.origins
        ):
            known = (made >= 0) & (call.labels >= 0)
            agree = ((made == call.labels) & known).sum() / known.sum()
            self._recording.row[f"{SCALAR}{CONDITION}{network.suffix}/agreement"] = agree

    def _record_penalties(self, network: Network, penalties: Sequence[Call]) -> None:
        row, suffix = self._recording.row, network.suffix
        if penalties:
            row[f"penalties{suffix}"] = float(len(penalties))
        norms = [c.input_norms for c in penalties if c.input_norms is not None]
        if norms:
            row[f"penalty{suffix}"] = norms[0]

    def _look_at_penalty(self, network: Network, used: Sequence[Call]) -> None:
        """Whether D is updated by a penalty alone, and how the penalty depends on D's gradient."""
        row, key = self._recording.row, f"{SCALAR}penalty{network.suffix}"
        if used:
            row[f"{key}/alone"] = float(not any(call.judged for call in used))
        for found in (call.penalty for call in used if call.penalty is not None):
            row[f"{key}/along"] = found[0]
            before = row.get(f"{key}/undefined")
            row[f"{key}/undefined"] = found[1] if before is None else torch.maximum(before, found[1])
            row[f"{key}/to_zero"] = found[2]

    def _is_reconstruction(self, network: Network, call: Call, judged: list[int], batch: torch.Tensor) -> bool:
        """Whether D returns its input rebuilt: then nobody knows how it is to be judged, and the user is told."""
        found = call.outputs[judged[0]]
        if len(judged) > 1 or found.shape != batch.shape or found[0].numel() == 1:
            return False
        self._tell("score", notices.RECONSTRUCTION.format(network=network.name))
        return True

    def _watch_out(self, network: Network, used: Sequence[Call]) -> None:
        """Say so when D is trained and none of its calls, or of G's, is seen."""
        if used or network in self.mute:
            self._unseen[network] = 0
        else:
            self.miss([network])
        if used and not self.generator_calls:
            self._untraced += 1
            if self._untraced >= PATIENCE:
                self._tell("attribution", notices.NEVER_CALLED.format(steps=PATIENCE))

    def miss(self, networks: Iterable[Network]) -> None:
        """Note that D's own update, of networks that are recorded now or not, came without any call of them."""
        for network in networks:
            if network in self.mute:
                continue
            self._unseen[network] = self._unseen.get(network, 0) + 1
            if self._unseen[network] >= PATIENCE:
                self._tell("attribution", notices.UNSEEN.format(steps=PATIENCE))

    def _tell(self, where: str, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._recording.faults.add(where, message, self._recording.completed_steps)

    def show(self) -> None:
        """Keep of the batch that G was updated with what modes or a snapshot want."""
        batch, self._generated = self._generated, None
        if batch is None:
            return
        if self._recording.wants_modes:
            self._recording.record_modes(batch.clone())
        if self._recording.wants_samples:
            self.snapshots.show(batch)

    def finish(self, calls: CallLog) -> None:
        """Before a step ends: of a D that was not trained in it, what it was shown all the same."""
        for network, shape in self._shapes.items() if self._plan.outputs else ():
            if network in self._slots:
                continue
            call = calls.unused(network, self._recording.completed_steps + 1)
            if call is not None and call.given[self.judged.batch(call)].shape[1:] == shape and "plain" in call.origins:
                call.origins = ["watched"] * len(call.origins)
                self._record_call(SEEN, network, 0, call, alone=True)
        self._slots.clear()
        self._shown_fake.clear()


def _belongs(given: torch.Tensor | None, batch: torch.Tensor) -> TypeGuard[torch.Tensor]:
    """Whether each sample of a generated batch can have been made of one sample of what G was given."""
    if given is None or given.dim() < 2 or not given.dtype.is_floating_point:
        return False
    return len(given) == len(batch) > 1
