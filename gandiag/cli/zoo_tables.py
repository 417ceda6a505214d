"""What `gandiag zoo list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gandiag.zoo.recipe import Recipe


def described(recipe: Recipe) -> dict[str, Any]:
    """A recipe for JSON; data are not read."""
    return {
        "name": recipe.name,
        "says": recipe.says,
        "paper": recipe.paper,
        "fails": list(recipe.fails),
        "data": recipe.data.__name__,
        "loss": recipe.loss.name,
        "steps": recipe.steps,
    }


def recipe_table(recipes: Sequence[Recipe]) -> Table:
    """Name, what it shows, how it fails where it is meant to, and where it comes from."""
    headings = ("recipe", "what it shows", "fails by", "paper", "steps")
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    table.columns[3].max_width = 30
    table.columns[4].justify = "right"
    for recipe in recipes:
        table.add_row(recipe.name, recipe.says, ", ".join(recipe.fails), recipe.paper, f"{recipe.steps:,}")
    return table
