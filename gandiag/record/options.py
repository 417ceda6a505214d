"""What `attach` and `Callback` can be told, and the check that it makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from gandiag.families import FAMILIES
from gandiag.rundir.earlier import free

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gandiag.findings import Finding
    from gandiag.judge.policy import PolicyLike
    from gandiag.judge.stopping import StopPolicy
    from gandiag.quality.schedule import Quality

MIN_BYTES = 1_000_000  # room for some thousand rows of many signals


class Options(TypedDict, total=False):
    """What `Callback` takes beside `run_dir`, for signatures that pass it on."""

    modes: Any
    loss_family: str | None
    hyperparameters: Mapping[str, Any] | None
    detectors: Any
    policy: PolicyLike
    stop_on: StopPolicy | None
    judge_every: int
    on_finding: Callable[[Finding], None] | None
    alerts: bool
    sinks: Any
    resume: bool
    start_step: int | None
    exist_ok: str | bool
    image_shape: tuple[int, ...] | None
    fixed_latents: bool
    flush_seconds: float
    max_overhead: float | None
    max_bytes: int | None


class AttachOptions(Options, total=False):
    """What `attach` takes beside the networks and `run_dir`."""

    score: Callable[..., Any] | None
    quality: Quality | None
    held_out: Any


def check_options(*, loss_family: str | None, judge_every: int, resume: bool, start_step: int | None) -> None:
    """Raise a ValueError that names the option, what was given and what is expected."""
    if loss_family is not None and loss_family not in FAMILIES:
        raise ValueError(f"loss_family must be one of {', '.join(FAMILIES)}, got {loss_family!r}")
    if judge_every < 1:
        raise ValueError(f"judge_every must be at least 1 step, got {judge_every}")
    if start_step is not None and (start_step < 1 or not resume):
        raise ValueError(f"start_step must be at least 1 and goes with resume=True, got {start_step}")


def check_place(*, resume: bool, exist_ok: Any) -> None:
    """As `check_options`, for what becomes of a run that is there already."""
    if exist_ok not in (False, "number"):
        raise ValueError(f'exist_ok must be False or "number", got {exist_ok!r}; resume=True continues a run')
    if exist_ok and resume:
        raise ValueError('exist_ok="number" begins a new run and resume=True continues one; give one of them')


def chosen(run_dir: str, exist_ok: str | bool, world_size: int) -> str:
    """Where to record. Raises ValueError where several processes would each have to choose for themselves."""
    if not exist_ok:
        return run_dir
    if world_size > 1:
        raise ValueError('exist_ok="number" is for one process; of several all must be told the same run_dir')
    return free(run_dir)


def check_limits(*, flush_seconds: float, max_bytes: int | None, max_overhead: float | None) -> None:
    """As `check_options`, for what decides when and how much is recorded."""
    if flush_seconds < 0:
        raise ValueError(f"flush_seconds must not be negative, got {flush_seconds}")
    if max_bytes is not None and max_bytes < MIN_BYTES:
        raise ValueError(f"max_bytes must be at least {MIN_BYTES:,} or None for no limit, got {max_bytes:,}")
    if max_overhead is not None and not 0 < max_overhead <= 1:
        raise ValueError(f"max_overhead must be a share above 0 and at most 1, or None, got {max_overhead}")
