"""The floor plan: what may import what, and how large a room may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gandiag

ROOT = Path(__file__).parents[1]


@pytest.fixture
def package(tmp_path):
    """The package laid out as in the wheel: detectors and reports where they are imported from."""
    for source, target in (("gandiag", "gandiag"), ("detectors", "gandiag/detectors"), ("reports", "gandiag/reports")):
        shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    return tmp_path


def contracts(folder):
    """What import-linter says of a folder with the package and its setup.cfg."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
def test_imports_go_down_only_and_a_planted_one_is_found(package):
    """The contracts hold; each fails, by name, once somebody imports upwards, sideways, torch for judging, and rich."""
    assert contracts(package).returncode == 0
    planted = {
        "gandiag.measure.detail -> gandiag.judge.live": "from gandiag.judge import live",
        "gandiag.detectors.trend -> gandiag.reports.text": "from gandiag.reports import text",
        "gandiag.judge.story -> torch": "import torch",
        "gandiag.zoo.optimizers -> rich": "import rich",
    }
    for route, line in planted.items():
        file = package / (route.partition(" ")[0].replace(".", "/") + ".py")
        file.write_text(f"{file.read_text()}\n\ndef planted():\n    {line}\n")
    found = contracts(package)
    assert found.returncode == 1
    assert "0 kept, 4 broken" in found.stdout
    for route in planted:
        assert route in found.stdout


def test_rooms_are_small():
    """At most ten modules stand in the root; no file is longer than 350 lines."""
    assert len(list((ROOT / "gandiag").glob("*.py"))) <= 10
    files = [f for room in ("gandiag", "detectors", "reports", "benchmarks") for f in (ROOT / room).rglob("*.py")]
    assert [f.name for f in files if len(f.read_text().splitlines()) > 350] == []


def test_completion_offers_the_public_names():
    """`dir(gandiag)` lists what `gandiag.` has, without what Python itself puts there."""
    names = dir(gandiag)
    assert {"attach", "Callback", "diagnose", "Run", "quality", "reports", "modes"} <= {*names}
    assert all(getattr(gandiag, name) is not None for name in names)
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
