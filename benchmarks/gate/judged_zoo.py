"""What the gate says of checkpoints of the zoo, beside what the referee knows."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import gandiag
from benchmarks.gate.trained import RECIPES, Saved
from gandiag.gate.results import FAILED, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gandiag.zoo.recipe import Recipe

REAL = 10_000


def judge(saved: Sequence[Saved]) -> list[tuple[Saved, str, int]]:
    """The exit code for each checkpoint: by real samples alone, and with labels besides ("labelled")."""
    found = []
    for recipe in RECIPES:
        data = recipe.data()
        mine = [one for one in saved if one.recipe == recipe.name]
        ways = {"real samples": None, "with labels": "digits" if data.name == "digits" else data.truth}
        for way, modes in ways.items() if mine else ():
            result = gandiag.check(
                [one.path for one in mine], generator=partial(_built, recipe), latent=f"normal:{recipe.latent}",
                reference=data.samples[:REAL], modes=modes, policy=gandiag.gate.Settings(),
            )  # fmt: skip
            codes = {target.target: target.exit_code for target in result.targets}
            found += [(one, way, codes[one.path]) for one in mine]
    return found


def _built(recipe: Recipe) -> object:
    return recipe.generator(recipe.latent, recipe.data().shape)


def tables(judged: Sequence[tuple[Saved, str, int]], seeds: Sequence[int]) -> Iterator[str]:
    """Markdown: verdicts by ground truth, then the recipes."""
    ways = list(dict.fromkeys(way for _, way, _ in judged))
    kinds = sorted({saved.loss for saved, _, _ in judged}), sorted({saved.data for saved, _, _ in judged})
    total, recipes = len(judged) // len(ways), len({one.recipe for one, _, _ in judged})
    yield (
        f"**Checkpoints of the zoo**: {total} of {recipes} recipes; losses {', '.join(kinds[0])}; "
        f"data {', '.join(kinds[1])}; seeds {', '.join(map(str, seeds))}, on which no limit was set."
    )
    yield ""
    yield "| ground truth | judged by | checkpoints | failed | passed | could not decide |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for truth in ("collapsed", "healthy", "partial"):
        for way in ways:
            codes = Counter(code for saved, by, code in judged if (saved.truth, by) == (truth, way))
            if not codes:
                continue
            yield f"| {truth} | {way} | {sum(codes.values())} | {codes[FAILED]} | {codes[0]} | {codes[3] + codes[2]} |"
    wrong = [
        f"{saved.recipe} at step {saved.step:,} by {way}: {WORDS[code]}"
        for saved, way, code in judged
        if (saved.truth == "collapsed" and code != FAILED) or (saved.truth == "healthy" and code == FAILED)
    ]
    yield ""
    yield "Against ground truth: " + ("; ".join(wrong) if wrong else "none") + "."
