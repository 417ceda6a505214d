"""One check: targets found, the reference read once, every target judged, and what follows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.gate.policy import read_settings, settings_shown
from gandiag.gate.ranks import rank
from gandiag.gate.results import CheckResult, TargetResult, found_series
from gandiag.gate.targets import Target, targets_of
from gandiag.judge.policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    import torch

    from gandiag.findings import Severity
    from gandiag.gate.settings import Settings

    Tell = Callable[[str, int, int], None]

BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Options:
    """How samples are made and read, and where results go; see `check`."""

    reference: Any = None
    modes: Any = None
    generator: str | Callable[[], Any] | None = None
    key: str | None = None
    latent: str | None = None
    labels: str | None = None
    n: int | None = None
    extractor: Any = None
    extractor_weights: str | PathLike[str] | None = None
    batch_size: int = BATCH
    device: str | torch.device | None = None
    value_range: tuple[float, float] | None = None
    reference_range: tuple[float, float] | None = None
    skip_corrupt: bool = False
    baseline: str | PathLike[str] | None = None
    write_baseline: str | PathLike[str] | None = None
    report: str | PathLike[str] | None = None
    fail_on: Severity = "failure"
    seed: int = 0
    trust: bool = False


def check(  # noqa: PLR0913 - all but the first have defaults
    targets: Any,
    *,
    reference: Any = None,
    modes: Any = None,
    generator: str | Callable[[], Any] | None = None,
    key: str | None = None,
    latent: str | None = None,
    labels: str | None = None,
    n: int | None = None,
    extractor: Any = None,
    extractor_weights: str | PathLike[str] | None = None,
    bounds: Iterable[str] = (),
    baseline: str | PathLike[str] | None = None,
    write_baseline: str | PathLike[str] | None = None,
    policy: str | PathLike[str] | Settings | None = None,
    fail_on: Severity = "failure",
    require_closed: bool | None = None,
    least_samples: int | None = None,
    false_alarms: float | None = None,
    batch_size: int = BATCH,
    device: str | torch.device | None = None,
    value_range: tuple[float, float] | None = None,
    reference_range: tuple[float, float] | None = None,
    skip_corrupt: bool = False,
    report: str | PathLike[str] | None = None,
    seed: int = 0,
    trust: bool = False,
    tell: Tell | None = None,
) -> CheckResult:
    """Judge runs, samples and checkpoints; what `gandiag check` does.

    Parameters
    ----------
    targets
        One or several: a run directory; samples, as `gandiag.quality.evaluate` takes them; a checkpoint: weights
        (`.pt`, `.pth`, `.ckpt`, `.safetensors`, or without a suffix) or a program of `torch.export` (`.pt2`). Paths
        may hold patterns.
    reference
        Real samples, a file of their mean and covariance, or a labelled mixture and its name: what can be judged
        depends on it.
    modes
        What tells modes or classes apart: "mnist", "digits", a mixture, a `Classifier`, a function of samples or its
        name "package.module:function".
    generator
        What builds the generator of a file of weights: a function, or its name "package.module:function".
    key
        Where the weights are in a bigger checkpoint, as "ema" or "state.generator"; found by itself where usual.
    latent, labels
        What a generator is given: "normal:128", "normal:100,1,1", "uniform:64"; "uniform:10" for ten classes.
    n
        Samples: 10,000 of a checkpoint, all that are stored.
    extractor, extractor_weights
        What makes features. By default pixels, the classifier of MNIST for `modes="mnist"`, or points as they are.
    bounds
        On metrics: "fid < 30", "recall > 0.4".
    baseline, write_baseline
        A file that a first check writes and later ones are held against.
    policy
        A TOML file, or the `Settings` themselves.
    fail_on
        "warning" lets warnings fail, too.
    require_closed, least_samples, false_alarms
        In place of what policy files say.
    batch_size, device, value_range, reference_range, skip_corrupt
        How samples are drawn and read; see `gandiag.quality.evaluate`.
    report
        A folder for report.html and report.pdf, in a folder of its own for each of several targets.
    seed
        Of latents and of random subsets.
    trust
        Read pickles that may run code.
    tell
        Called with a target's name, the samples read since, and their total.

    Raises
    ------
    ValueError
        With one sentence, for what the user can put right before anything is judged: the policy, the reference, the
        baseline, a pattern that nothing matches. What cannot be read of a single target is said in its result.
    """
    settings = _settings(policy, bounds, fail_on, require_closed=require_closed, least_samples=least_samples,
                         false_alarms=false_alarms, seed=seed)  # fmt: skip
    options = Options(
        reference=reference, modes=modes, generator=generator, key=key, latent=latent, labels=labels, n=n,
        extractor=extractor, extractor_weights=extractor_weights, batch_size=batch_size, device=device,
        value_range=value_range, reference_range=reference_range, skip_corrupt=skip_corrupt, baseline=baseline,
        write_baseline=write_baseline, report=report, fail_on=fail_on, seed=seed, trust=trust,
    )  # fmt: skip
    return _checked(targets, options, settings, policy, tell)


def _checked(targets: Any, options: Options, settings: Settings, policy: Any, tell: Tell | None) -> CheckResult:
    """Find the targets, judge them, and write reports where they are wanted."""
    started = time.monotonic()
    given = targets if isinstance(targets, (list, tuple)) else [targets]
    results, notes = _judged(targets_of(given), options, settings, policy, tell)
    series = found_series(results)
    if options.report is not None and series and not rank():
        from gandiag.gate.report import write_series

        notes = (*notes, *write_series(series, results, Path(options.report)))
    return CheckResult(
        targets=results, policy=settings_shown(settings), series=series, notes=notes,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def _settings(policy: Any, bounds: Iterable[str], fail_on: Severity, **given: Any) -> Settings:
    from gandiag.gate.bounds import parsed_bound
    from gandiag.gate.names import RULE_NAMES
    from gandiag.gate.settings import Settings

    if isinstance(policy, Settings):
        told = {name: value for name, value in given.items() if value is not None}
        settings = replace(policy, **told, bounds=(*policy.bounds, *map(parsed_bound, bounds)))
    else:
        settings = read_settings(policy, bounds=tuple(map(parsed_bound, bounds)), **given)
    if fail_on == "warning":
        settings = replace(settings, levels={**dict.fromkeys(RULE_NAMES, "fail"), **settings.levels})
    return settings


def _judged(
    targets: list[Target], options: Options, settings: Settings, policy: Any, tell: Tell | None
) -> tuple[tuple[TargetResult, ...], tuple[str, ...]]:
    """All targets in their order: runs by their record, everything else by its samples."""
    results: dict[str, TargetResult] = {}
    runs = {}
    notes: tuple[str, ...] = ()
    recorded = [target for target in targets if target.kind == "run"]
    if recorded:
        from gandiag.gate.runs import judged_run

        detectors = read_policy(policy if isinstance(policy, (str, Path)) else None)
        for target in recorded:
            results[target.name], runs[target.name] = judged_run(str(target.what), settings, detectors, options.fail_on)
    others = [target for target in targets if target.kind != "run"]
    if others:
        from gandiag.gate.sampled import judged_samples

        found, notes = judged_samples(others, options, settings, tell)
        results |= found
    ordered = [results[target.name] for target in targets if target.name in results]
    if options.report is not None and not rank():
        from gandiag.gate.report import write_reports

        ordered = write_reports(ordered, runs, Path(options.report))
    return tuple(ordered), notes
