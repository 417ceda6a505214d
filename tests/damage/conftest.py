"""Run directories to be damaged."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from gandiag import synthetic
from gandiag.rundir.recorder import Recorder
from gandiag.rundir.snapshots import encode

PARTS = 4


def store(run, folder, *, merged=False):
    """Write a synthetic run as a run directory of several parts, with arrays, events, and snapshots."""
    recorder = Recorder(folder)
    for step, snapshot in ((1, np.zeros((4, 1, 8, 8))), (900, np.ones((5, 2)))):
        recorder.sample(step, *encode(snapshot))
    frame = run.scalars
    for rows in np.array_split(np.arange(len(frame)), PARTS):
        steps = frame.index.to_numpy()[rows]
        recorder.append(steps, 1.7e9 + steps, {name: frame[name].to_numpy()[rows] for name in frame})
        recorder.array("modes/histogram", int(steps[-1]), np.arange(8) + rows[0])
        recorder.flush()
    recorder.event("warning", step=5, message="a warning")
    recorder.gap(1, 1, "a reason", what="arrays")
    measured = {"name": "fid", "value": 3.0, "low": 2.0, "high": 4.0, "perfect": 1.0,
                "protocol": {"settings": {}, "n": 10, "extractor": "pixels"}}  # fmt: skip
    recorder.event("quality", step=int(frame.index[-1]), measurements=[measured], segment=0)
    recorder.write_meta(loss_family=run.meta["loss_family"], hyperparameters={"lr": 0.1, "betas": [0.5, 0.9]})
    if merged:
        recorder.close()
    else:
        recorder.flush()
        recorder.write_meta(status="closed", reason=None)
    return folder


@pytest.fixture(scope="session")
def healthy_run(tmp_path_factory):
    """A healthy run of four parts."""
    return store(synthetic.healthy(steps=1200), tmp_path_factory.mktemp("runs") / "healthy")


@pytest.fixture(scope="session")
def failing_run(tmp_path_factory):
    """A run that collapses and stays so."""
    return store(synthetic.mode_collapse(at=600, steps=1200), tmp_path_factory.mktemp("runs") / "failing")


@pytest.fixture
def folder(healthy_run, tmp_path):
    """A copy of the healthy run, as if it were written before there were checksums: other programs may change it."""
    copy = shutil.copytree(healthy_run, tmp_path / "run")
    meta = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(meta | {"checksums": False}))
    return copy
