"""Applies the first remedy of each failing run of a corpus and trains again: `python -m benchmarks.remedies`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from benchmarks.options import PROCESSES
from benchmarks.remedies.applied import KNOWN
from gandiag.cli.exits import refuse


@click.command(epilog="Example: python -m benchmarks.remedies runs/corpus runs/kinds --markdown docs/bench.md")
@click.argument("corpora", metavar="CORPUS...", nargs=-1, required=True)
@click.option("--out", default="runs/remedies", show_default=True, help="A file for each run; complete ones are kept.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this configuration; may be given several times.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Of each configuration.")
@click.option("--tuning", is_flag=True, help="Seeds for tuning in place of those for evaluation.")
@click.option("--remedy", type=click.Choice(sorted(KNOWN)), help="This one in place of the first that is offered.")
@click.option("--markdown", metavar="FILE", help="Also put the table between the marks of this file.")
@PROCESSES
def main(  # noqa: PLR0913 - one for each option
    *,
    corpora: tuple[str, ...],
    out: str,
    only: tuple[str, ...],
    seeds: int,
    tuning: bool,
    remedy: str | None,
    markdown: str | None,
    processes: int,
) -> None:
    """Apply the first remedy of each failing run that `benchmarks.corpus` made, with `--kinds` or without; train again.

    Of each configuration the first of the seeds that are for evaluation, or more of them. The order in which remedies
    are offered is decided on seeds for tuning alone.

    Beside it stands the same training, unchanged, with another seed: what went away by itself. Of both, ground truth
    asks only what samples show.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from benchmarks.bench.corpus import read_corpus
    from benchmarks.remedies.trying import BLOCK, first_seeds, table, tried
    from gandiag.rundir.folder import RunError

    try:
        known = [read_corpus(corpus) for corpus in corpora]
    except RunError as error:
        refuse(str(error))
    failing = [(corpus, e) for corpus in known for e in first_seeds(corpus.entries, seeds, tuning=tuning)]
    chosen = [(corpus.run_dir(e), e) for corpus, e in failing if not only or e.configuration in only]
    if not chosen:
        refuse(f"{', '.join(corpora)}: no run fails among the first of these seeds and configurations")
    rows = []
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(partial(tried, Path(out), remedy), *zip(*chosen, strict=True)):
            rows.append(row)
            print(json.dumps(row), flush=True)
    text = table(rows)
    print(text)
    if markdown:
        page = Path(markdown)
        page.write_text(BLOCK.sub(lambda marks: f"{marks[1]}\n{text}\n{marks[2]}", page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.remedies")
