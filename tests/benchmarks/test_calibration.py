"""The calibration notebook, on a corpus of synthetic runs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bench_corpora import row, write_corpus
from nbclient import NotebookClient

from gandiag import synthetic

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STEPS = 3000
FAILING = {
    "mode-collapse": synthetic.mode_collapse,
    "vanishing-gradients": synthetic.vanishing_gradients,
    "oscillation": synthetic.oscillation,
    "divergence": synthetic.divergence,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_calibration_notebook_finds_the_defaults_where_errors_are_fewest(tmp_path, monkeypatch):
    """Run to its end on tuning and evaluation runs of which each failure is known, every default lies in its range."""
    runs = []
    for split, seed in (("tuning", 1), ("evaluation", 2)):
        runs.append((row(f"healthy-s{seed}", split=split), synthetic.healthy(seed, STEPS)))
        for code, make in FAILING.items():
            labels = [(code, 1500), ("sample-collapse", 1500)] if code == "mode-collapse" else [(code, 1500)]
            runs.append((row(f"{code}-s{seed}", *labels, split=split), make(seed=seed, steps=STEPS)))
    monkeypatch.setenv("GANDIAG_CORPUS", str(write_corpus(tmp_path, runs)))
    notebook = nbformat.read(NOTEBOOKS / "calibration.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "stored without outputs"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert "5 of 5 defaults lie where tuning runs see the fewest errors" in printed
    assert "1 healthy tuning runs: a rate of up to 95.0% is not excluded" in printed
