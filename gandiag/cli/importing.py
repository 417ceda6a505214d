"""The commands import and export: logs of other programs to a run directory, and a run directory to their formats."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.cli.exits import JSON, print_json, refuse, say

if TYPE_CHECKING:
    from gandiag.logs.columns import Options
    from gandiag.logs.importing import Imported
    from gandiag.logs.mapping import Recognised
    from gandiag.logs.series import Log


@click.command("import", epilog="Example: gandiag import tb_logs/ runs/theirs --map aux=none")
@click.argument("logs", metavar="LOGS")
@click.argument("run_dir", metavar="[RUN_DIR]", required=False)
@click.option("--map", "maps", multiple=True, metavar="THEIRS=OURS", help="What a name stands for; none for no signal.")
@click.option("--yes", "accept", is_flag=True, help="Where a name has several meanings, take the likeliest.")
@click.option("--run", help="Which of several runs that lie there.")
@click.option("--show", is_flag=True, help="Only say what the names are taken for; write nothing.")
@click.option(
    "--low-is-real/--high-is-real", default=None, help="Which way up D's outputs are; by default as the log tells."
)
@click.option("--loss-family", help="hinge, wgan-gp, non-saturating, ...; by default as far as the log tells.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Turns images and kimg into steps.")
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Turns epochs into steps.")
@click.option("--grid", help="Rows and columns of the pictures of samples, 8x8; by default they are looked for.")
@click.option("--images", help="A folder of pictures of generated samples, with the step in their names.")
@click.option("--real", help="Real samples for comparison: a folder of pictures, or one grid of them.")
@JSON
def import_(logs: str, run_dir: str | None, as_json: bool, show: bool, **told: Any) -> None:
    """Make a run directory of the logs of a training that gandiag did not watch.

    LOGS is a file or a folder: TensorBoard's event files, CSV (Lightning, W&B, Keras, ...), JSON lines (StyleGAN's
    stats.jsonl, W&B, mmgeneration, ...), MLflow's file store, an offline run of W&B, or a text log. RUN_DIR is
    runs/NAME by default. What each name is taken for is shown; where a name has two meanings you are asked.
    """
    from gandiag.cli.import_table import print_mapping, reading_bar
    from gandiag.logs.importing import write
    from gandiag.logs.recognise import recognise
    from gandiag.logs.series import LogError
    from gandiag.logs.sources import read
    from gandiag.rundir.folder import RunError

    try:
        options = _options(told)
        with reading_bar(logs, quiet=as_json) as progress:
            log = read(logs, run=told["run"], progress=progress)
        mapping = recognise(log, options.mapping, accept=options.accept)
        if mapping.open and not as_json and not show and sys.stdin.isatty():
            options.mapping = {**options.mapping, **_asked(mapping)}
            mapping = recognise(log, options.mapping, accept=options.accept)
        if not as_json:
            print_mapping(logs, log, mapping)
        if show:
            if as_json:
                print_json(_told(log, mapping))
            return
        done = write(log, mapping, logs, _empty(run_dir) if run_dir else _free(logs), options)
    except (LogError, RunError) as error:
        refuse(str(error))
    if as_json:
        print_json({"run_dir": done.run_dir, "steps": done.steps, "signals": done.signals, **_told(log, mapping)})
    else:
        _print_done(done)


@click.command(epilog="Example: gandiag export runs/dcgan --format tensorboard --out tb/dcgan")
@click.argument("run_dir", metavar="RUN_DIR")
@click.option("--format", "form", type=click.Choice(("csv", "parquet", "json", "tensorboard")), required=True)
@click.option("--out", help="The file to write, for tensorboard the folder; by default in RUN_DIR.")
def export(run_dir: str, form: Any, out: str | None) -> None:
    """Write a run's signals for other tools: a table with a row for each step, or TensorBoard's event files.

    json is one object a line. For TensorBoard snapshots of samples and the findings go along.
    """
    from gandiag.judge.diagnose import diagnose
    from gandiag.logs.exporting import NAMES
    from gandiag.logs.exporting import export as write
    from gandiag.logs.series import LogError
    from gandiag.rundir.run import Run, RunError

    try:
        run = Run.open(run_dir)
        diagnosis = diagnose(run) if form == "tensorboard" else None
        say(write(run, out or str(Path(run_dir) / NAMES[form]), form, diagnosis))
    except (LogError, RunError) as error:
        refuse(str(error))


def _options(told: dict[str, Any]) -> Options:
    from gandiag.logs.columns import Options
    from gandiag.logs.pictures import parse_grid
    from gandiag.logs.series import LogError

    mapping = {}
    for each in told["maps"]:
        theirs, equals, ours = each.rpartition("=")
        if not equals or not theirs.strip() or not ours.strip():
            raise LogError(f"--map must be THEIRS=OURS, such as errD=loss/discriminator, got {each!r}")
        mapping[theirs.strip()] = ours.strip()
    plain = ("accept", "low_is_real", "loss_family", "batch_size", "steps_per_epoch", "images", "real")
    return Options(mapping=mapping, grid=parse_grid(told["grid"]), **{name: told[name] for name in plain})


def _free(logs: str) -> str:
    from gandiag.rundir.earlier import free

    place = Path(logs).resolve()
    return free(str(Path("runs") / (place.stem if place.is_file() else place.name)))


def _empty(run_dir: str) -> str:
    """A place that was named; raises RunError where it holds a run."""
    from gandiag.rundir.earlier import free
    from gandiag.rundir.folder import RunError

    other = free(run_dir)
    if other != run_dir:
        raise RunError(f"{run_dir}: holds a run already; remove it, or name another place, such as {other}")
    return run_dir


def _asked(mapping: Recognised) -> dict[str, str]:
    """What the user says of names with several meanings."""
    answers = {}
    for row in mapping.open:
        say(f"{row.name}: {row.why}; none keeps it under its own name")
        answers[row.name] = click.prompt("  it is", type=click.Choice(row.choices), default="none", show_choices=True)
    return answers


def _print_done(done: Imported) -> None:
    unit = done.meta["imported"]["unit"]
    quoted = shlex.quote(done.run_dir)
    say(f"{done.run_dir}: up to step {done.steps:,}" + ("" if unit == "steps" else f" (a step is one of its {unit})"))
    say(f"next: gandiag report {quoted}, or gandiag diagnose {quoted}")


def _told(log: Log, mapping: Recognised) -> dict[str, Any]:
    return {
        "format": log.format,
        "axis": log.axis,
        "mapped": {row.name: {"signal": row.signal, "because": row.why} for row in mapping.mapped},
        "open": {row.name: {"choices": row.choices, "because": row.why} for row in mapping.open},
        "understood": {row.name: row.why for row in mapping.known},
        "not_recognised": [row.name for row in mapping.unknown],
        "low_is_real": mapping.inverted,
        "doubt": mapping.doubt,
        "notes": [*log.notes, *mapping.notes],
    }
