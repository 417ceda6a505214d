"""The calibration notebook, on a corpus of synthetic runs."""

from __future__ import annotations

import pytest
from bench_corpora import row, write_corpus
from notebook_cells import printed_by

from gandiag import synthetic

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
    printed = printed_by("calibration", monkeypatch)
    assert "5 of 5 defaults lie where tuning runs see the fewest errors" in printed
    assert "1 healthy tuning runs: a rate of up to 95.0% is not excluded" in printed
