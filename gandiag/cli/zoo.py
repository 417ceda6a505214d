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
    """Train GANs that fail or succeed on purpose."""


@zoo.command("list", epilog="Example: gandiag zoo list")
@JSON
def list_(as_json: bool) -> None:
    """List the recipes."""
    from gandiag.cli.zoo_tables import described, recipe_table
    from gandiag.zoo.recipes import RECIPES

    if as_json:
        print_json([described(recipe) for recipe in RECIPES])
    else:
        from gandiag.cli.console import wide_console

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


def _run(recipes: Sequence[Recipe], *, as_json: bool, steps: int | None, seed: int, out: str, modes: bool) -> None:
    from gandiag.cli.recipes import run_recipes
    from gandiag.rundir.run import RunError
    from gandiag.zoo.data import MissingDataError

    chosen = [replace(recipe, steps=steps or recipe.steps, seed=seed) for recipe in recipes]
    try:
        results = run_recipes(chosen, out=out, modes=modes, quiet=as_json)
    except RunError as error:
        refuse(f"{error} (--out names another place)")
    except MissingDataError as error:
        refuse(str(error))
    if as_json:
        print_json(results)
