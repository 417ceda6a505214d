"""Scores detectors on a corpus: `python -m benchmarks.bench`."""

from __future__ import annotations

import click

from benchmarks.options import MARKDOWN, PROCESSES
from gandiag.cli.exits import JSON, print_json, refuse


@click.command(epilog="Example: python -m benchmarks.bench runs/corpus --markdown bench.md")
@click.argument("corpus", metavar="CORPUS")
@PROCESSES
@MARKDOWN
@JSON
def main(corpus: str, processes: int, markdown: str | None, as_json: bool) -> None:
    """Score every detector on a corpus, beside the alarms of other tools."""
    from pathlib import Path

    from benchmarks.bench.bench import run_bench
    from gandiag.rundir.run import RunError

    try:
        found = run_bench(corpus, markdown=Path(markdown) if markdown else None, as_json=as_json, processes=processes)
    except (ValueError, OSError, RunError) as error:
        refuse(str(error))
    if as_json:
        print_json(found.to_dict())
    else:
        from benchmarks.bench.terminal import print_bench
        from gandiag.cli.console import wide_console

        print_bench(found, wide_console())


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.bench")
