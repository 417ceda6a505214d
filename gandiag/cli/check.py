"""`gandiag check`: the gate of a build. Nothing heavy is imported before a target needs it."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.cli.exits import JSON, print_json, refuse, say

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gandiag.gate.results import CheckResult


@click.command(epilog="Example: gandiag check ckpt.pt --generator model:build --reference data/test --modes mnist")
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option("--reference", help="Real samples, a file of their mean and covariance, or a mixture's name.")
@click.option("--modes", help="What tells classes apart: mnist, digits, a mixture, package.module:function.")
@click.option("--generator", metavar="MODULE:FUNCTION", help="What builds the generator of a file of weights.")
@click.option("--key", help="Where its weights are in the checkpoint, as ema; found by itself where usual.")
@click.option("--latent", metavar="LAW:SIZE", help="normal:128, normal:100,1,1, uniform:64.")
@click.option("--labels", metavar="uniform:CLASSES", help="Classes to ask a conditional generator for.")
@click.option(
    "--n", "--samples", "n", type=click.IntRange(min=2),
    help="How many samples: 10,000 of a checkpoint, all that are stored. (torchrun takes --n for its own.)",
)  # fmt: skip
@click.option("--bound", "bounds", multiple=True, help='On a metric, as "fid < 30"; may be repeated.')
@click.option("--baseline", type=click.Path(), help="Fail where a value is worse than in this file, beyond sampling.")
@click.option("--write-baseline", type=click.Path(), help="Write that file.")
@click.option("--extractor", help="What makes features: pixels, mnist, digits, identity, inception-v3-compat, ...")
@click.option("--extractor-weights", help="File of the extractor's weights, instead of downloading them.")
@click.option("--policy", metavar="FILE", help="TOML file over [tool.gandiag] of pyproject.toml.")
@click.option("--show-policy", is_flag=True, help="Print what is in force and who set it, and end.")
@click.option(
    "--fail-on", type=click.Choice(["warning", "failure"]), default="failure", show_default=True,
    help="Lowest severity that fails the check.",
)  # fmt: skip
@click.option(
    "--require-closed/--any-status", default=None,
    help="Whether a training that crashed or was killed cannot pass.  [default: require-closed]",
)  # fmt: skip
@click.option("--least-samples", type=click.IntRange(min=0), help="With fewer nothing is decided.")
@click.option("--false-alarms", type=float, help="Allowed in one check of a perfect generator.  [default: 0.001]")
@click.option("--batch-size", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--device", help="cuda, cuda:1, cpu, mps; by default CUDA when there is one.")
@click.option("--value-range", type=float, nargs=2, help="Black and white of generated images that are no bytes.")
@click.option("--reference-range", type=float, nargs=2, help="The same of real images.")
@click.option("--skip-corrupt", is_flag=True, help="Leave out images that cannot be read, and say how many.")
@click.option("--seed", default=0, show_default=True, help="Of latents and of random subsets.")
@click.option("--trust", is_flag=True, help="Read pickles that may run code.")
@JSON
@click.option("--junit", type=click.Path(), help="Write JUnit XML to this file.")
@click.option("--sarif", type=click.Path(), help="Write SARIF 2.1.0 to this file.")
@click.option(
    "--format", "form", type=click.Choice(["text", "github"]), default="text", show_default=True,
    help="github adds annotations, and the step summary.",
)  # fmt: skip
@click.option("--report", type=click.Path(), help="Folder for report.html and report.pdf.")
def check(targets: tuple[str, ...], *, show_policy: bool, as_json: bool, form: str, **options: Any) -> None:
    """Judge runs, samples and checkpoints for CI, by exit code.

    A TARGET is a run directory, samples (a folder of images, .npz, .npy, IDX) or a checkpoint (.pt, .pth,
    .safetensors, .pt2); patterns are expanded. Under torchrun checkpoints are spread over the processes.

    0: passed. 1: failing. 2: the target, the policy or the reference cannot be read. 3: it cannot be decided, for
    want of evidence, or because a training crashed, was killed, or may have been.
    """
    files = {name: options.pop(name) for name in ("junit", "sarif")}
    if show_policy:
        _show_policy(options, as_json=as_json)
        return
    if not targets:
        refuse("name what to check: a run directory, samples, or a checkpoint")
    from gandiag.gate.ranks import rank

    found = _checked(targets, options, quiet=as_json or rank() > 0)
    if rank():
        sys.exit(found.exit_code)
    try:
        _write_files(found, files)
        if as_json:
            print_json(found.to_dict())
        else:
            from gandiag.cli.check_table import print_check

            print_check(found)
        if form == "github":
            from gandiag.gate.github import workflow_commands, write_summary

            for line in workflow_commands(found):
                say(line, err=as_json)
            write_summary(found)
    except ValueError as error:
        refuse(str(error))
    sys.exit(found.exit_code)


def _checked(targets: tuple[str, ...], options: dict[str, Any], *, quiet: bool) -> CheckResult:
    from gandiag.gate.check import check as judge
    from gandiag.gate.results import UNREADABLE

    bar: AbstractContextManager[Any] = nullcontext()
    if not quiet and sys.stderr.isatty():
        from gandiag.cli.progress import sample_bars

        bar = sample_bars(quiet=False)
    try:
        with bar as tell:
            found = judge(list(targets), tell=tell, **options)
    except (ValueError, TypeError, OSError) as error:
        refuse(str(error))
    for target in found.targets:
        for reason in target.reasons if target.exit_code == UNREADABLE else ():
            say(f"gandiag: {reason}", err=True)
    return found


def _write_files(found: CheckResult, files: dict[str, str | None]) -> None:
    for name, path in files.items():
        if path is None:
            continue
        if name == "junit":
            from gandiag.gate.junit import junit as render
        else:
            from gandiag.gate.sarif import sarif as render
        try:
            Path(path).write_bytes(render(found))
        except OSError as error:
            raise ValueError(f"--{name} {path}: cannot be written: {error.strerror or error}") from error


def _show_policy(options: dict[str, Any], *, as_json: bool) -> None:
    from gandiag.gate.bounds import parsed_bound
    from gandiag.gate.policy import read_settings, settings_shown

    given = {name: options[name] for name in ("require_closed", "least_samples", "false_alarms", "seed")}
    try:
        settings = read_settings(options["policy"], bounds=tuple(map(parsed_bound, options["bounds"])), **given)
    except ValueError as error:
        refuse(str(error))
    if as_json:
        print_json(settings_shown(settings))
    else:
        from gandiag.cli.check_table import print_policy

        print_policy(settings_shown(settings))
