"""Mistakes in the loop are named as the root, with the line to change; right loops that look alike are left alone."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from loops import LOOPS
from mistakes import CASES, found
from mistakes.table import PAGE, render

import gandiag
from gandiag.judge.mechanisms import MISTAKES

WRONG = [name for name, case in CASES.items() if case.remedy]
RIGHT = [name for name, case in CASES.items() if not case.remedy]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_the_root_and_its_own_remedy_comes_first(name, seed):
    """A failure, by the end of 200 steps."""
    _, diagnosis = found(name, seed)
    case = CASES[name]
    (finding,) = [f for f in diagnosis.findings if f.code in MISTAKES and f.severity != "info"]
    assert (finding.code, finding.severity) == (case.code, "failure")
    assert diagnosis.story.root == case.code
    assert finding.remedies[0].name == case.remedy


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_like_a_mistake_and_is_none_is_left_alone(name, seed):
    """No mistake is claimed, and none of the detectors breaks."""
    run, diagnosis = found(name, seed)
    assert run.last_step >= 90
    assert diagnosis.errors == ()
    assert [f for f in diagnosis.findings if f.code in MISTAKES and f.severity != "info"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, entry in LOOPS.items() if not entry.marks])
def test_no_mistake_is_claimed_in_a_right_loop(name, tmp_path):
    """Every loop of docs/loops.md, for 120 steps."""
    torch.manual_seed(0)
    callbacks = []

    def attach(*networks, **options):
        given = {"max_overhead": None, "alerts": False} | options | {"run_dir": tmp_path / "run"}
        callbacks.append(gandiag.attach(*networks, **given))
        return callbacks[-1]

    list(islice(LOOPS[name].training(attach), 120))
    callbacks[-1].close()
    diagnosis = gandiag.diagnose(gandiag.Run.open(tmp_path / "run"))
    assert diagnosis.errors == ()
    assert [f.code for f in diagnosis.findings if f.code in MISTAKES] == []


@pytest.mark.slow
def test_the_table_in_the_docs_is_what_is_found():
    """docs/mistakes.md; regenerate it with `cd tests && python -m mistakes.table`."""
    assert PAGE.read_text(encoding="utf-8") == render()
