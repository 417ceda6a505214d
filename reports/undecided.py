"""What could not be looked for, and what to do of a run of which that leaves the verdict open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gandiag.findings import TRAIN_LONGER, seem_swapped
from gandiag.wording import listed

from .content import Action, Unchecked
from .text import count, cut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gandiag.findings import Diagnosis

AWAITED = ("non-finite", "vanishing-gradients", "mode-collapse", "sample-collapse")
"""Failures for which a verdict waits, see `gandiag.judge.doubts.ESSENTIAL`."""
MOST_REASONS = 2  # of failures that one line would let be checked
STEP = r"from step ([0-9,]*[0-9]) on"  # in a line that says how long to train
MOST_NAMED = 3  # failures, in what to do now
ATTACH = "attach with gandiag.attach"  # how lines begin that ask for no more than this, or for this first
PLAINLY = {  # lines of detectors in words that need no context
    ATTACH: "record the training with one line of code: gandiag.attach(generator, discriminator, run_dir=...)",
    "where D's outputs are not attributed, callback.observe(real=, fake=)": (
        "tell gandiag which of D's outputs are of real samples, as it could not find out: "
        "callback.observe(real=d_out_real, fake=d_out_fake)"
    ),
    "look at run.json for what was attributed": "see what the record lacks for why this was not seen",
}
SWAPPED = Action(
    "check the order of G and D in the call of attach: what was passed as the generator is given the output of what "
    "was passed as the discriminator",
    "callback = gandiag.attach(generator, discriminator, run_dir=...)",
)
AGAIN = Action("then train again: hardly anything that was recorded of this run can be relied on")


def headline(diagnosis: Diagnosis) -> str:
    """That nothing is decided, and why where one mistake explains it."""
    return "Undecided: are G and D swapped?" if seem_swapped(diagnosis) else "Undecided"


def sentence(diagnosis: Diagnosis) -> str:
    """Why the verdict is open."""
    if seem_swapped(diagnosis):
        return (
            "The generator was given the discriminator's output, which happens when the two are swapped in the call "
            f"of attach. Until that is clear, the record of {count(diagnosis.last_step, 'step')} tells nothing."
        )
    return f"What was recorded of {count(diagnosis.last_step, 'step')} is too little to call the run healthy."


def actions(diagnosis: Diagnosis) -> list[Action]:
    """What would let the run be judged: what the verdict waits for, or else what frees most."""
    if seem_swapped(diagnosis):
        return [SWAPPED, AGAIN]
    groups = unchecked(diagnosis)
    attach = [group for group in groups if group.how_to == PLAINLY[ATTACH]]
    wanted = [group for group in groups if any(code.partition(" ")[0] in AWAITED for code in group.codes)]
    chosen = attach or wanted or list(groups)
    longer = [group for group in chosen if group.how_to.startswith(TRAIN_LONGER)]
    told = [
        f"{cut(group.how_to)}; then {_few_codes([group])} can be looked for" for group in chosen if group not in longer
    ]
    return [Action(text) for text in (*told, *([_longer(longer)] if longer else []))]


def _longer(groups: list[Unchecked]) -> str:
    """To train on, up to the last of the steps that are named."""
    steps = [int(found[1].replace(",", "")) for group in groups if (found := re.search(STEP, group.how_to))]
    past = f", past step {max(steps):,}" if steps else ""
    return f"train for longer{past}: the run is too short to tell whether it shows {_few_codes(groups)}"


def _few_codes(groups: list[Unchecked]) -> str:
    codes = [code for group in groups for code in group.codes]
    return listed(codes) if len(codes) <= MOST_NAMED else count(len(codes), "kind") + " of failure"


def unchecked(diagnosis: Diagnosis) -> tuple[Unchecked, ...]:
    """What could not be looked for, by the one line that would have made it possible; what frees most first.

    Lines that ask for `attach` first are one: what else they ask for shows once it is there.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for entry in diagnosis.not_assessed:
        how_to = ATTACH if entry.how_to.startswith(ATTACH) else entry.how_to.removeprefix("for labels ")
        groups.setdefault(PLAINLY.get(how_to, how_to), []).append((entry.title, cut(entry.reason)))
    found = [
        Unchecked(how_to, tuple(code for code, _ in entries), _few(dict.fromkeys(reason for _, reason in entries)))
        for how_to, entries in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -len(group.codes)))


def _few(reasons: Iterable[str]) -> tuple[str, ...]:
    every = list(reasons)
    over = len(every) - MOST_REASONS
    return (*every[:MOST_REASONS], *([f"{over} more like this"] if over > 0 else ()))
