"""The list of what users are told, by which sentences are reviewed."""

from __future__ import annotations

import doctest
import subprocess
import sys

from gandiag.cli import sentences

STUMBLED_OVER = (
    "equal in a whole real batch",
    "more alike than real ones",
    "there was no doubt",
    "Several beginnings",
    "stands alone",
    "could not be looked for and may have come before",
    "in the end layers",
    "times less between two latents",
    "must keep to a slope",
)


def test_the_examples_in_the_docstrings_hold() -> None:
    """A text that is filled with values is one sentence."""
    assert doctest.testmod(sentences).failed == 0


def test_the_list_holds_what_detectors_and_the_story_say_and_none_that_readers_stumbled_over() -> None:
    """By room, with the place of each."""
    command = [sys.executable, "-m", "gandiag.cli.sentences", "detectors", "judge", "remedies"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "judge/story.py" in told
    assert "G's gradient" in told
    assert "keep the checkpoint of step {best_step}" in told
    assert [phrase for phrase in STUMBLED_OVER if phrase in told] == []
