"""Small corpora of synthetic runs, written as the corpus generator writes real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.rundir.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from gandiag.rundir.run import Run


def write_run(run: Run, folder: Path) -> None:
    """Record an in-memory run in a directory."""
    recorder = Recorder(folder)
    steps = run.scalars.index.to_numpy()
    recorder.append(steps, np.zeros(len(steps)), {name: run.scalars[name].to_numpy() for name in run.scalars})
    recorder.write_meta(loss_family=run.meta["loss_family"])
    recorder.close()


def row(name: str, *failures: tuple[str, int], **changes: Any) -> dict[str, Any]:
    """A manifest's entry; failing when it has failures."""
    configuration, _, seed = name.rpartition("-s")
    content = {
        "name": name,
        "configuration": configuration,
        "data": "ring8",
        "loss": "non-saturating",
        "seed": int(seed),
        "steps": 2000,
        "split": "evaluation",
        "status": "failing" if failures else "healthy",
        "failures": [{"code": code, "onset_step": onset, "source": "construction"} for code, onset in failures],
        "truth": {},
    }
    return {**content, **changes}


def write_corpus(folder: Path, runs: list[tuple[dict[str, Any], Run]]) -> Path:
    """A corpus of these runs and their manifest entries."""
    for entry, run in runs:
        run_dir = folder / "runs" / entry["name"]
        write_run(run, run_dir)
        label = {key: entry[key] for key in ("status", "failures", "truth")}
        (run_dir / "label.json").write_text(json.dumps(label))
    write_manifest(folder, [entry for entry, _ in runs])
    return folder


def write_manifest(folder: Path, entries: list[dict[str, Any]]) -> None:
    """The manifest alone."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"schema": "gandiag-corpus/1", "configurations": [], "runs": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
