"""The recorder that a training loop talks to. Needs no torch: `gandiag.attach` builds on it for torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gandiag.judge.live import Judge
from gandiag.judge.policy import check_policy, read_policy
from gandiag.measure.blocks import is_tensor
from gandiag.measure.reductions import SCALAR
from gandiag.record.given import ALIASES, Given
from gandiag.record.options import check_limits, check_options, check_place, chosen
from gandiag.record.plan import Plan
from gandiag.record.recording import Recording
from gandiag.record.settings import Settings
from gandiag.rundir.ending import ended_by
from gandiag.rundir.ranks import this_rank
from gandiag.rundir.recorder import FLUSH_SECONDS, MAX_BYTES, Recorder
from gandiag.rundir.run import Run
from gandiag.sinks.named import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from gandiag.findings import Diagnosis, Finding
    from gandiag.judge.policy import PolicyLike
    from gandiag.judge.stopping import StopPolicy
    from gandiag.modes.tracker import ModeTracker

MAX_NOTE = 500  # letters of a note
MAX_OVERHEAD = 0.02  # less than training times vary from run to run


class Callback:
    """Records one training and judges it while it runs.

    A step is one generator update; `step()` ends it. What `log` and `observe` get between two steps belongs to
    the step in progress. Nothing here raises into the training once it is constructed: a fault of gandiag's own
    is logged once, counted in run.json, and shown in the report. Of a distributed training each process makes its
    own callback with the same `run_dir`; that of rank 0 judges.

    Parameters
    ----------
    run_dir : where to record: a folder, or any fsspec path such as s3://bucket/run
    modes : evaluate generated batches against labelled modes: a preset of `gandiag.modes`, "digits", "mnist",
        "stacked_mnist", a `Mixture` or a `Classifier`
    loss_family : minimax, non-saturating, lsgan, hinge, wgan, wgan-gp, relativistic or other
    hyperparameters : anything JSON-like to keep with the run; `steps_per_epoch` tells cycles of the data loader
        from those of the game
    detectors : the detectors to judge with, by default all
    policy : a TOML file that sets thresholds and when to stop, over those of the nearest pyproject.toml; or a
        `gandiag.Policy`. Read once, here. What is set in `detectors` and `stop_on` stays
    stop_on : when `should_stop` becomes True, see `gandiag.StopPolicy`; by default what files say, else never
    judge_every : steps between two live judgements
    on_finding : called with each new `Finding`, from the thread that trains, between two steps
    alerts : show a line when recording begins, for each new finding, for each fault of gandiag's own, and the verdict
        at the end: through the logger "gandiag" or, where no logging is set up, on stderr, above bars of tqdm and rich.
        False for none of them; all are on record
    sinks : where records and findings go besides: "tensorboard", "wandb", "mlflow", "trackio", the https:// address of
        a webhook, a function of a finding's fields, or sinks of `gandiag.sinks`; on a thread of their own, which may
        be slow, fail or hang
    resume : continue the run that `run_dir` holds
    start_step : with resume, the step that comes next; recorded steps from it on are superseded
    exist_ok : what to do where `run_dir` holds a run already: False to refuse, "number" to record to the first of
        run_dir-2, run_dir-3, ... that is free. One of which no step was recorded never counts
    fixed_latents : of an attached G, whether all snapshots (at steps 1, 2, 4, ... 32, 64, 96, ..., then an eighth
        apart) show the same latents: those that it was given first, drawn by a copy of it. False for the batches that
        the loop makes anyway
    image_shape : shape of one generated image when G returns flat vectors
    flush_seconds : what is recorded reaches the disk after at most so long
    max_overhead : the share of what a step computes that recording may take, its background thread included; as much
        as 15 calls of torch a step, some 50 us, is granted in any case. After 8 steps `attach` decides, once and by
        counting, how often what is recorded: every round of the game (its updates of D and G), or every 2nd, 4th or
        8th. None for every round at any cost
    max_bytes : what is recorded takes at most so much room on disk; beyond, the oldest detail is thinned. None for
        no limit

    Raises
    ------
    RunError
        When `run_dir` cannot be written, or holds a run and neither `resume` nor `exist_ok` is given.
    ValueError, TypeError
        For arguments, and policy files, that make no sense.
    """

    def __init__(  # noqa: PLR0913 - all but the first have defaults
        self,
        run_dir: str | PathLike[str],
        *,
        modes: Any = None,
        loss_family: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        detectors: Any = None,
        policy: PolicyLike = None,
        stop_on: StopPolicy | None = None,
        judge_every: int = 200,
        on_finding: Callable[[Finding], None] | None = None,
        alerts: bool = True,
        sinks: Any = None,
        resume: bool = False,
        start_step: int | None = None,
        exist_ok: str | bool = False,
        image_shape: tuple[int, ...] | None = None,
        fixed_latents: bool = True,
        flush_seconds: float = FLUSH_SECONDS,
        max_overhead: float | None = MAX_OVERHEAD,
        max_bytes: int | None = MAX_BYTES,
    ) -> None:
        check_options(loss_family=loss_family, judge_every=judge_every, resume=resume, start_step=start_step)
        check_place(resume=resume, exist_ok=exist_ok)
        check_limits(flush_seconds=flush_seconds, max_bytes=max_bytes, max_overhead=max_overhead)
        for heavy in ("pandas", "pyarrow.parquet", "scipy.cluster.vq", "scipy.ndimage", "gandiag.detectors"):
            import_module(heavy)  # now, rather than by the background thread in the middle of a training
        in_force = read_policy(policy, stop_on)
        check_policy(in_force, detectors)

        rank, world_size = this_rank()
        tracker = _tracker(modes) if rank == 0 else None
        judge = Judge(detectors, judge_every, in_force)
        settings = Settings(
            image_shape=image_shape, alerts=alerts, loss_family=loss_family, fixed_latents=fixed_latents
        )
        if sinks is not None and rank == 0:
            settings.sinks = resolve(sinks, str(run_dir))
        recorder = Recorder(
            chosen(str(run_dir), exist_ok, world_size),
            resume=resume,
            start_step=start_step,
            rank=rank,
            world_size=world_size,
            flush_seconds=flush_seconds,
            max_bytes=max_bytes,
        )
        self.run_dir = recorder.folder.path
        try:
            _put_down(recorder, hyperparameters, loss_family, tracker)
            earlier = Run.open(self.run_dir) if resume and rank == 0 else None
        except Exception:
            recorder.undo()
            raise
        self._recording = Recording(recorder, judge, tracker, settings, Plan(max_overhead), on_finding)
        self._given = Given(self._recording)
        self._recording.start(earlier)

    def log(self, values: Mapping[str, Any] | None = None, /, **scalars: Any) -> None:
        """Record scalars of this step: numbers or one-element tensors, which are read later, not now.

        `loss_generator` and `loss_discriminator` (or g_loss, d_loss) become the signals loss/generator and
        loss/discriminator.

        >>> callback.log({"loss/generator": g_loss}, lr=1e-4)  # doctest: +SKIP
        """
        for name, value in ({**values, **scalars} if values and scalars else values or scalars).items():
            try:
                self._log(ALIASES.get(name, name), value)
            except Exception as error:  # noqa: BLE001 - a fault of ours never reaches the training
                self._recording.faults.add(f"log({name})", error, self.completed_steps)

    def _log(self, name: str, value: Any) -> None:
        if name in ("step", "time"):
            raise ValueError(f"{name} is recorded with every row; choose another name")
        key = SCALAR + name
        scalar = _copied(value) if is_tensor(value) else float(value)
        self._recording.row_for(key)[key] = scalar

    def observe(
        self,
        *,
        real: Any = None,
        fake: Any = None,
        real_samples: Any = None,
        fake_samples: Any = None,
        discriminator: str | None = None,
    ) -> None:
        """Record D's outputs of this step, and the samples it was given, instead of those that hooks attribute.

        Without samples nobody can tell how diverse they are, and the verdict stays undecided.

        Parameters
        ----------
        real, fake : D's outputs (B, ...) on this step's real and generated batch
        real_samples, fake_samples : the batches (B, ...) themselves; of each a few samples are copied now and then
        discriminator : its name, where there are several
        """
        given = {"real": real, "fake": fake, "real_samples": real_samples, "fake_samples": fake_samples}
        self._given.observe({name: values for name, values in given.items() if values is not None}, discriminator)

    def step(
        self,
        *,
        step: int | None = None,
        d_real: Any = None,
        d_fake: Any = None,
        generated: Any = None,
        real: Any = None,
        grad_norms: Mapping[str, Any] | None = None,
    ) -> None:
        """End the step in progress: one generator update. Loops without torch pass here what there is to see.

        Where `attach` sees the updates, it ends the steps by itself, and calls of this are left out.

        Batches may be anything that numpy can read, or tensors; of each only its first samples are copied. Input
        that cannot be read is a fault, logged once for each argument, and the step counts all the same.

        Parameters
        ----------
        step : its number, for loops that count themselves, greater than the last one; by default the next
        d_real, d_fake : D's outputs (B, ...) on this step's real and generated batch
        generated, real : the batches (B, ...) themselves, images channels first or last
        grad_norms : for "generator" and "discriminator" the norm of all gradients, or norms by layer: a mapping,
            nested if need be, with the same names in every step

        Examples
        --------
        >>> callback.step(d_real=d_real, d_fake=d_fake, grad_norms={"generator": 0.3})  # doctest: +SKIP
        """
        if self._recording.steps_are_seen:
            told = "steps are counted by attach already; step() is left out"
            self._recording.faults.add("step", told, self.completed_steps)
            return
        self._given.take(d_real=d_real, d_fake=d_fake, generated=generated, real=real, grad_norms=grad_norms)
        self._recording.end_step(step)

    def sample(self, samples: Any) -> None:
        """Offer a generated batch (B, ...): at a few steps a snapshot of it is kept."""
        self._recording.sample(samples)

    def note(self, text: str) -> None:
        """Put on record what was done by hand in this step: a flag on the report's timeline.

        >>> callback.note("switched to 64x64")  # doctest: +SKIP
        """
        with self._recording.faults.caught("note", self.completed_steps):
            self._recording.note(" ".join(str(text).split())[:MAX_NOTE])

    def flush(self) -> None:
        """Wait until every completed step is on disk."""
        self._recording.flush()

    def close(self, status: str = "closed", reason: str | None = None) -> None:
        """Stop recording: write what is left, judge once more, note how the run ended. Calling again is harmless.

        That takes a second as a rule, and never more than 30: if the disk hangs it is said what is not written. An
        evaluation of `gandiag.Quality` in progress is waited for besides, up to two minutes.
        """
        self._recording.close(status, reason)

    @property
    def completed_steps(self) -> int:
        """The number of the last completed step."""
        return self._recording.completed_steps

    @property
    def diagnosis(self) -> Diagnosis:
        """The latest live `Diagnosis`."""
        return self._recording.diagnosis

    @property
    def last_healthy_step(self) -> int | None:
        """The step to go back to, see `gandiag.Diagnosis`; None when there is none, or nothing was judged yet."""
        return self._recording.diagnosis.last_healthy_step

    @property
    def should_stop(self) -> bool:
        """Whether a finding was reason to stop under the policy that the user set; then it stays True.

        Always False without such a policy, and in other processes of a distributed training than that of rank 0.
        """
        return self._recording.stop is not None

    @property
    def stop_reason(self) -> str | None:
        """Why `should_stop` is True, in one sentence: failure, onset, last healthy step. None while it is False."""
        stop = self._recording.stop
        return stop.reason if stop is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(*ended_by(error))


def recording_of(callback: Callback) -> Recording:
    """What probes and adapters talk to; not among the callback's names, which are the user's."""
    return callback._recording  # noqa: SLF001 - of this module


def _copied(value: Any) -> Any:
    """A one-element tensor as it is now: a number where that takes no waiting, else a copy on its device."""
    value = value.detach() if value.dim() == 0 else value.detach().reshape(())
    if getattr(value, "is_cpu", False):
        try:
            return float(value.numpy())
        except (TypeError, RuntimeError):  # bfloat16, or a tensor that is none yet
            pass
    return value.clone()


def _tracker(modes: Any) -> ModeTracker | None:
    if modes is None:
        return None
    from gandiag.modes.tracker import ModeTracker, resolve

    return ModeTracker(resolve(modes), range_known=not isinstance(modes, str))


def _put_down(
    recorder: Recorder, hyperparameters: Mapping[str, Any] | None, loss_family: str | None, tracker: ModeTracker | None
) -> None:
    """Keep in run.json what is known of a training beforehand."""
    meta: dict[str, Any] = {"hyperparameters": recorder.meta["hyperparameters"] | dict(hyperparameters or {})}
    if loss_family:
        meta["loss_family"] = {"name": loss_family, "source": "given"}
    if tracker is not None:
        meta["modes"] = tracker.describe()
    recorder.write_meta(**meta)
