"""The commands `gandiag demo` and `gandiag zoo`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gandiag.cli.exits import JSON, print_json, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.zoo.recipe import Recipe

STEPS = click.option("--steps", type=click.IntRange(min=1), help="Generator updates per run.")
SEED = click.option("--seed", default=0, show_default=True, help="Seed of data order, weights and latents.")
MODES = click.option("--modes/--no-modes", default=True, help="Whether samples are labelled by their mode.")
PROCESSES = click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True, help="Trainings at a time."
)
MARKDOWN = click.option("--markdown", metavar="FILE", help="Also write the tables to this file.")


@click.command(epilog="Example: gandiag demo --recipe collapsing --out /tmp/demo")
@click.option("--recipe", "names", multiple=True, help="healthy or collapsing; both by default.")
@STEPS
@SEED
@click.option("--out", default="gandiag-demo", show_default=True, help="Where the runs and reports go.")
@MODES
@JSON
def demo(names: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Train a GAN that works and one that collapses, diagnose both.

    Both learn scikit-learn's real 8x8 digits on the CPU; the second one's learning rates go wrong on purpose.
    """
    from gandiag.zoo.recipes.digits import DEMO

    known = {recipe.name: recipe for recipe in DEMO}
    for name in names:
        if name not in known:
            refuse(f"--recipe: expected {' or '.join(known)}, found {name!r}")
    _run([known[name] for name in dict.fromkeys(names or known)], as_json=as_json, **options)


@click.group(epilog="Example: gandiag zoo train ring8-wgan-gp")
def zoo() -> None:
    """Train GANs that fail or succeed on purpose; score detectors on them."""


@zoo.command("list", epilog="Example: gandiag zoo list")
@JSON
def list_(as_json: bool) -> None:
    """List the recipes."""
    from gandiag.cli.zoo_tables import described, recipe_table
    from gandiag.zoo.recipes import RECIPES

    if as_json:
        print_json([described(recipe) for recipe in RECIPES])
    else:
        from gandiag.cli.terminal import wide_console

        wide_console().print(recipe_table(RECIPES))


@zoo.command(epilog="Example: gandiag zoo train ring8-wgan-gp --seed 1")
@click.argument("names", metavar="RECIPE...", nargs=-1, required=True)
@STEPS
@SEED
@click.option("--out", default="gandiag-zoo", show_default=True, help="Where the runs and reports go.")
@MODES
@JSON
def train(names: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Train recipes of the zoo, diagnose and report them."""
    from difflib import get_close_matches

    from gandiag.zoo.recipes import RECIPES

    known = {recipe.name: recipe for recipe in RECIPES}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else "gandiag zoo list names them"
            refuse(f"no recipe is called {name!r}; {hint}")
    _run([known[name] for name in dict.fromkeys(names)], as_json=as_json, **options)


@zoo.command(epilog="Example: gandiag zoo corpus --out runs/corpus")
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
def corpus(out: str, processes: int, only: tuple[str, ...], more_tuning: int, *, listing: bool, as_json: bool) -> None:
    """Train runs whose failures are known, labelled by ground truth.

    All of it takes about an hour on two cores. It can be stopped and started again: what is there is kept.
    """
    from dataclasses import replace

    from benchmarks.corpus import CONFIGURATIONS
    from benchmarks.corpus.generate import make_corpus
    from gandiag.cli.zoo_tables import corpus_table

    known = {configuration.name: configuration for configuration in CONFIGURATIONS}
    for name in only:
        if name not in known:
            refuse(f"--only: no configuration is called {name!r}; gandiag zoo corpus --list names them")
    chosen = [replace(known[name], more_tuning=more_tuning) for name in only or known]
    if not listing:
        try:
            manifest = make_corpus(out, chosen, processes=processes, quiet=as_json)
        except (ValueError, OSError) as error:
            refuse(str(error))
    if as_json:
        print_json([c.name for c in chosen] if listing else manifest)
    else:
        from gandiag.cli.terminal import wide_console

        wide_console().print(corpus_table(chosen, None if listing else manifest["runs"]))


@zoo.command(epilog="Example: gandiag zoo bench runs/corpus --markdown bench.md")
@click.argument("corpus", metavar="CORPUS")
@PROCESSES
@MARKDOWN
@JSON
def bench(corpus: str, processes: int, markdown: str | None, as_json: bool) -> None:
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
        from gandiag.cli.terminal import wide_console

        print_bench(found, wide_console())


@zoo.command(epilog="Example: gandiag zoo reproduce dirac")
@click.argument("which", metavar="[dirac|ring|grid]...", nargs=-1)
@click.option("--trials", type=click.IntRange(min=1), default=10, show_default=True, help="Of all that is random.")
@click.option("--steps", type=click.IntRange(min=1), help="Generator updates of each trial of PacGAN's table.")
@click.option("--paper", is_flag=True, help="Train PacGAN's table with the paper's own budget: days on a CPU.")
@PROCESSES
@MARKDOWN
@JSON
def reproduce(which: tuple[str, ...], *, steps: int | None, paper: bool, markdown: str | None, **options: Any) -> None:
    """Make published tables again, ours beside theirs.

    dirac: which GANs converge, on two parameters (Mescheder et al. 2018). ring, grid: modes and KL of packed and plain
    discriminators (Lin et al. 2018). Without arguments dirac and ring.
    """
    from benchmarks.reproduce.budgets import PAPER, REDUCED
    from benchmarks.reproduce.command import run_reproduce

    budget = PAPER if paper else REDUCED
    try:
        run_reproduce(which, out=markdown, budget=replace(budget, steps=steps or budget.steps), **options)
    except (ValueError, OSError) as error:
        refuse(str(error))


def _run(recipes: Sequence[Recipe], *, as_json: bool, steps: int | None, seed: int, out: str, modes: bool) -> None:
    from gandiag.rundir.run import RunError
    from gandiag.zoo.data import MissingDataError
    from gandiag.zoo.session import run_recipes

    chosen = [replace(recipe, steps=steps or recipe.steps, seed=seed) for recipe in recipes]
    try:
        results = run_recipes(chosen, out=out, modes=modes, quiet=as_json)
    except RunError as error:
        refuse(f"{error} (--out names another place)")
    except MissingDataError as error:
        refuse(str(error))
    if as_json:
        print_json(results)
