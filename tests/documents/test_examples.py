"""The examples of docs/examples: few lines added, the right thing recorded, no mistake claimed."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import gandiag
from gandiag.judge.mechanisms import MISTAKES

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
D, G = "per discriminator step, D saw", "per generator step, D saw"
PLAIN = {D: "1 real, 1 generated, 0 penalty", G: "0 real, 1 generated, 0 penalty"}
PENALISED = PLAIN | {D: "1 real, 1 generated, 1 penalty"}
SAW = {  # what D is to be found to have seen, by example
    "dcgan": PLAIN,
    "wgan_gp": PENALISED,
    "conditional": PLAIN,
    "pix2pix": PLAIN,
    "cyclegan": {
        "per discriminator.a step, D saw": PLAIN[D],
        "per discriminator.b step, D saw": PLAIN[D],
        G: "0 real, 2 generated, 0 penalty",
    },
    "stylegan": PLAIN,
    "tabular": PENALISED,
    "time_series": PLAIN,
    "audio": PLAIN,
    "lightning_gan": PLAIN,
    "ignite_gan": PLAIN,
    "accelerate_gan": PLAIN,
    "numpy_gan": {},  # is told, and has nothing to find out
    "ddp": PLAIN,
}
STEPS = 120
SIGNALS = ("d/auc", "grad/generator/norm", "grad/discriminator/norm", "diversity/ratio")


def added(name):
    """The lines of an example that gandiag is there with, and the others."""
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    marked = [line for line in lines if line.endswith("# watch")]
    return marked, [line for line in lines if line not in marked]


def test_every_example_is_listed_and_tried():
    """On the page, and here."""
    page = (FOLDER / "README.md").read_text()
    assert re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\)", page, flags=re.MULTILINE) == list(SAW)
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SAW)


@pytest.mark.parametrize("name", SAW)
def test_one_to_three_lines_are_added_to_the_bare_training(name):
    """Beside the import; without these lines nothing of gandiag is left, and the rest is a program still."""
    marked, bare = added(name)
    assert 1 <= len([line for line in marked if "import" not in line]) <= 3
    assert "gandiag" not in "\n".join(line for line in bare if "callback.close" not in line).partition('"""\n')[2]
    compile("\n".join(bare), name, "exec")


def _rounded(seen):
    """Calls per step: of a trainer that keeps its networks the first step is not told apart, and moves the mean."""
    return re.sub(r"\d\.\d+", lambda match: str(round(float(match[0]))), seen)


def judged(name, folder, rows=0.9 * STEPS):
    """The run that an example recorded, after what must be so of each was seen to be."""
    (run_dir,) = (folder / "runs").iterdir()
    run = gandiag.Run.open(run_dir)
    assert run.last_step == STEPS
    assert {who: _rounded(seen) for who, seen in run.meta["attribution"].items()} == SAW[name]
    assert run.meta["faults"] == []
    for signal in SIGNALS:
        assert run.series(signal).size >= rows, signal
    diagnosis = gandiag.diagnose(run)
    assert diagnosis.verdict in ("healthy", "undecided")
    assert not [f.code for f in diagnosis.findings if f.code in MISTAKES]
    return run


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Lightning and Accelerate
@pytest.mark.parametrize("name", [n for n in SAW if n != "ddp"])
def test_an_example_is_seen_right_and_claimed_no_mistake(name, tmp_path, monkeypatch):
    """With few steps; nothing has gone wrong, or it cannot be told yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, str(STEPS)])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    judged(name, tmp_path)


@pytest.mark.slow
def test_two_processes_record_one_run(tmp_path):
    """Under torchrun; each rank half of the batch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    script = [str(FOLDER / "ddp.py"), str(STEPS)]
    done = subprocess.run(
        [*command, *script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    run = judged("ddp", tmp_path, rows=20)  # by its plan, as nobody asked these processes for more
    assert run.meta["segments"][-1]["world_size"] == 2
