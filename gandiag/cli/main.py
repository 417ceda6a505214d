"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gandiag import __version__
from gandiag.cli.check import check
from gandiag.cli.compare import compare
from gandiag.cli.exits import JSON, Commands, print_json, refuse, say, shape
from gandiag.cli.importing import export, import_
from gandiag.cli.watch import watch
from gandiag.cli.zoo import demo, zoo
from gandiag.rundir.ending import ending
from gandiag.wording import meant

if TYPE_CHECKING:
    from gandiag.findings import Diagnosis
    from gandiag.judge.policy import Policy
    from gandiag.rundir.run import Run

RUN_DIR = click.argument("run_dir", metavar="RUN_DIR")
POLICY = click.option(
    "--policy", metavar="FILE", help="TOML file that sets thresholds, over [tool.gandiag] of pyproject.toml."
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gandiag")
def main() -> None:
    """Tells what is going wrong in a GAN training run, while it trains and afterwards."""


main.add_command(check)
main.add_command(compare)
main.add_command(demo)
main.add_command(import_)
main.add_command(export)
main.add_command(watch)
main.add_command(zoo)


@main.command(epilog="Example: gandiag report runs/dcgan")
@RUN_DIR
@click.option("--out", help="Folder for the two files, by default RUN_DIR itself.")
@POLICY
def report(run_dir: str, out: str | None, policy: str | None) -> None:
    """Write report.html and report.pdf of a run.

    The run may be running, finished, crashed or killed.
    """
    from gandiag import reports
    from gandiag.rundir.folder import RunError

    run, diagnosis = _judged(run_dir, policy)
    try:
        paths = reports.write(run, diagnosis, out or run_dir)
    except RunError as error:
        refuse(str(error))
    for path in paths:
        say(path)


@main.command(epilog="Example: gandiag diagnose runs/dcgan --json")
@RUN_DIR
@POLICY
@JSON
def diagnose(run_dir: str, policy: str | None, as_json: bool) -> None:
    """Say what went wrong in a run, when, and what to try."""
    run, diagnosis = _judged(run_dir, policy)
    if as_json:
        print_json({**_ended(run), **diagnosis.to_dict()})
    else:
        from gandiag.cli.terminal import print_diagnosis

        print_diagnosis(run, diagnosis)


@main.command(epilog="Example: gandiag evaluate samples/ --reference data/train --metrics fid,kid,recall")
@click.argument("generated", required=False)
@click.option("--reference", help="Real samples, or a file of their mean and covariance.")
@click.option("--held-out", help="Real samples that G never saw, for the metric copying.")
@click.option(
    "--metrics",
    help="Names separated by commas, from those below; or all. By default the first seven.",
)
@click.option(
    "--extractor",
    default="inception-v3-compat",
    show_default=True,
    help="pixels, mnist, digits and identity come with gandiag; weights of inception-v3-compat, vgg16, clip-vit-b-32, "
    "... are downloaded; /LAYER where there are several.",
)
@click.option("--extractor-weights", help="File of the extractor's weights, instead of downloading them.")
@click.option("--checksum", help="SHA-256 of that file, to be checked before it is read.")
@click.option("--modes", help="Count modes, too: mnist, stacked_mnist, digits or a mixture such as ring8_pacgan.")
@click.option("--n", type=click.IntRange(min=2), help="Generated samples to use, by default all.")
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True)
@click.option("--device", help="cuda, cuda:1, cpu, mps; by default CUDA when there is one.")
@click.option("--value-range", type=float, nargs=2, help="Black and white of generated images that are no bytes.")
@click.option("--reference-range", type=float, nargs=2, help="The same of real images.")
@click.option("--key", help="The array of GENERATED that holds the samples, where there are several.")
@click.option("--reference-key", help="The same of the reference.")
@click.option("--skip-corrupt", is_flag=True, help="Leave out images that cannot be read, and say how many.")
@click.option("--generator", "factory", metavar="MODULE:FUNCTION", help="Makes the generator of a checkpoint.")
@click.option("--weights", help="The checkpoint: a file of the generator's weights.")
@click.option("--latent-size", callback=shape, help="Length of its latents, or a shape: 64,1,1; where it does not say.")
@click.option("--labels", help="Classes to ask a conditional generator for: uniform:10, as many of each of ten.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the extractor with torch.compile first.")
@click.option("--seed", default=0, show_default=True, help="Of latents and of random subsets.")
@JSON
def evaluate(as_json: bool, **options: Any) -> None:
    """Measure the quality of generated samples: FID, KID, precision, recall, coverage and more.

    GENERATED and the reference are folders of images, .zip, .tar or Parquet files of them, .npz, .npy, .pt,
    .safetensors or IDX files, or a run directory. Under torchrun each process takes a share of the samples, and one
    prints.

    Metrics: fid, is, kid, precision, recall, density, coverage; mifid, mind, cmmd (with CLIP), vendi, ndb, support,
    ms_ssim, copying (needs --held-out), sensitivity (needs --generator). docs/quality.md says what each one sees.
    """
    from gandiag.cli.evaluate import SavedGenerator, print_evaluation, run_evaluate

    generated, device = options.pop("generated"), options.pop("device")
    saved = {name: options.pop(name) for name in ("factory", "weights", "latent_size", "labels")}
    generator = SavedGenerator(**saved) if saved["factory"] else None
    try:
        found = run_evaluate(generated, generator, device, options, quiet=as_json)
    except (ValueError, TypeError, OSError) as error:
        refuse(str(error))
    if found is None:
        return
    if as_json:
        print_json(found.to_dict())
    else:
        print_evaluation(found)


@main.command(epilog="Example: gandiag explain mode-collapse")
@click.argument("code")
def explain(code: str) -> None:
    """Explain a failure: what is seen, why it happens, what to try."""
    from gandiag.detectors import DETECTORS

    detector = next((d for d in DETECTORS if d.code == code), None)
    if detector is None:
        codes = [d.code for d in DETECTORS]
        refuse(f"no failure is called {code!r}{meant(code, codes) or '; known are ' + ', '.join(codes)}")
    from gandiag.cli.terminal import print_explanation

    print_explanation(detector)


@main.command(epilog="Example: gandiag detectors --policy strict.toml")
@POLICY
@JSON
def detectors(policy: str | None, as_json: bool) -> None:
    """List what is looked for: signals, and thresholds with where they come from."""
    from gandiag.cli.listing import listed, print_listed

    in_force = _policy(policy)
    if as_json:
        print_json(listed(in_force))
    else:
        print_listed(in_force)


def _policy(path: str | None) -> Policy:
    from gandiag.judge.policy import read_policy
    from gandiag.judge.policy_files import PolicyError

    try:
        return read_policy(path)
    except PolicyError as error:
        refuse(str(error))


def _judged(run_dir: str, policy: str | None) -> tuple[Run, Diagnosis]:
    from gandiag.judge.diagnose import diagnose
    from gandiag.rundir.run import Run, RunError

    in_force = _policy(policy)
    try:
        run = Run.open(run_dir)
    except RunError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{run_dir}: cannot be read: {error.strerror or error}")
    return run, diagnose(run, policy=in_force)


def _ended(run: Run) -> dict[str, str | None]:
    status, reason, _ = ending(run.meta)
    return {"status": status, "reason": reason}


if __name__ == "__main__":
    main()
