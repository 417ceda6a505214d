"""Every fault of the table: what becomes of the training and of its record, and what the user is told."""

from __future__ import annotations

import pytest
from faults import FAULTS, outcome
from faults.table import PAGE, render


@pytest.mark.parametrize("name", [pytest.param(n, marks=fault.marks) for n, fault in FAULTS.items()])
def test_a_fault_costs_what_the_table_says(name):
    """The training as without gandiag, no thread left, and in the record what can be."""
    found, truth = outcome(name), FAULTS[name]
    assert found.training == truth.training
    assert found.lost == truth.lost
    assert len(found.told) == len(truth.told), found.told
    for part, message in zip(truth.told, found.told, strict=True):
        assert part in message
    assert found.ended == truth.ended
    assert found.threads == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch.jit.script: its fault may have struck in another worker
def test_the_table_in_the_docs_is_what_the_faults_give():
    """docs/reliability.md says of every fault what happened here: `cd tests && python -m faults.table` writes it."""
    assert PAGE.read_text(encoding="utf-8") == render()
