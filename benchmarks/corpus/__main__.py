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
@click.option("--kinds", is_flag=True, help="What people train, on other kinds of data, in place of the first corpus.")
@click.option("--seeds", type=click.IntRange(min=1), help="So many of each configuration: a sample of the corpus.")
@click.option("--minutes", type=float, help="Begin no run after so many; started again, it goes on.")
@click.option("--list", "listing", is_flag=True, help="Only list the configurations.")
@JSON
def main(  # noqa: PLR0913 - one for each option
    out: str,
    processes: int,
    only: tuple[str, ...],
    more_tuning: int,
    *,
    kinds: bool,
    seeds: int | None,
    minutes: float | None,
    listing: bool,
    as_json: bool,
) -> None:
    """Train runs whose failures are known, labelled by ground truth.

    All of it takes about an hour on two cores. It can be stopped and started again: what is there is kept.
    """
    from dataclasses import replace

    from benchmarks.corpus import CONFIGURATIONS
    from benchmarks.corpus.generate import make_corpus
    from benchmarks.corpus.listing import corpus_table

    if kinds:
        from benchmarks.corpus.kinds import OF_KINDS
    known = {configuration.name: configuration for configuration in (OF_KINDS if kinds else CONFIGURATIONS)}
    for name in only:
        if name not in known:
            refuse(f"--only: no configuration is called {name!r}; python -m benchmarks.corpus --list names them")
    chosen = [replace(known[name], more_tuning=more_tuning, seeds=seeds or known[name].seeds) for name in only or known]
    if not listing:
        try:
            manifest = make_corpus(out, chosen, processes=processes, quiet=as_json, minutes=minutes)
        except (ValueError, OSError) as error:
            refuse(str(error))
    if as_json:
        print_json([c.name for c in chosen] if listing else manifest)
    else:
        from gandiag.cli.console import wide_console

        wide_console().print(corpus_table(chosen, None if listing else manifest["runs"]))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.corpus")
