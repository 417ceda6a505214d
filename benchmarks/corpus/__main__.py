"""Trains the corpus: `python -m benchmarks.corpus`."""

from __future__ import annotations

import click

from benchmarks.options import PROCESSES
from gandiag.cli.exits import JSON, print_json, refuse


@click.command(epilog="Example: python -m benchmarks.corpus --out runs/corpus")
@click.option("--out", default="gandiag-corpus", show_default=True, help="Where the runs go; complete ones are kept.")
@PROCESSES
@click.option("--only", multiple=True, metavar="NAME", help="Only this configuration; may be given several times.")
@click.option(
    "--more-tuning",
    type=click.IntRange(0, 90),
    default=0,
    help="So many further seeds of each configuration, for fitting thresholds.",
)
@click.option("--list", "listing", is_flag=True, help="Only list the configurations.")
@JSON
def main(out: str, processes: int, only: tuple[str, ...], more_tuning: int, *, listing: bool, as_json: bool) -> None:
    """Train runs whose failures are known, labelled by ground truth.

    All of it takes about an hour on two cores. It can be stopped and started again: what is there is kept.
    """
    from dataclasses import replace

    from benchmarks.corpus import CONFIGURATIONS
    from benchmarks.corpus.generate import make_corpus
    from benchmarks.corpus.listing import corpus_table

    known = {configuration.name: configuration for configuration in CONFIGURATIONS}
    for name in only:
        if name not in known:
            refuse(f"--only: no configuration is called {name!r}; python -m benchmarks.corpus --list names them")
    chosen = [replace(known[name], more_tuning=more_tuning) for name in only or known]
    if not listing:
        try:
            manifest = make_corpus(out, chosen, processes=processes, quiet=as_json)
        except (ValueError, OSError) as error:
            refuse(str(error))
    if as_json:
        print_json([c.name for c in chosen] if listing else manifest)
    else:
        from gandiag.cli.console import wide_console

        wide_console().print(corpus_table(chosen, None if listing else manifest["runs"]))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.corpus")
