"""Every loop of the table: attributed as it should be, or one clear sentence, nothing changed, no mistake claimed."""

from __future__ import annotations

import pytest
from loops import LOOPS, outcome
from loops.table import PAGE, render


@pytest.mark.parametrize("name", [pytest.param(n, marks=loop.marks) for n, loop in LOOPS.items()])
def test_a_loop_is_seen_right_and_left_as_it_is(name):
    """Recorded values equal those computed by hand, and weights, optimizers and random states are bit-identical.

    No detector of mistakes claims one in a loop that is right.
    """
    result = outcome(name)
    assert not result.changed
    assert result.wrong == []
    assert len(result.told) == bool(LOOPS[name].sentence), result.told
    assert all(LOOPS[name].sentence in sentence for sentence in result.told)
    assert result.mistakes == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # dynamo's own
def test_the_table_in_the_docs_is_what_the_loops_give():
    """docs/loops.md says of every loop what happened here; regenerate it with `cd tests && python -m loops.table`."""
    assert PAGE.read_text(encoding="utf-8") == render()
