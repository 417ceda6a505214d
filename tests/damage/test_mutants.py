"""Whatever happens to a run directory: an exit code from 0 to 3, no traceback, and never healthy from a failing run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bombs
import mutants
import pytest
from click.testing import CliRunner

from gandiag.cli.main import main
from gandiag.wording import UNSEEN

MUTANTS = int(os.environ.get("GANDIAG_MUTANTS", "60"))
"""How many in all; 2,000 take ten minutes."""
CHUNKS = 4
MOST_MEMORY = 2**30
MOST_SECONDS = 10  # of CPU time that one command may take

EVALUATE = ("--extractor", "identity", "--metrics", "fid", "--reference")


def asked(seed, folder, out, healthy):
    """The commands that a mutant is shown to: `check` always, others now and then."""
    others = {
        1: ("diagnose", folder),
        2: ("diagnose", folder, "--json"),
        3: ("check", folder, "--format", "github", "--json", "--junit", out / "junit.xml", "--sarif", out / "x.sarif"),
        4: ("report", folder, "--out", out) if seed % 3 == 1 else None,
        5: ("evaluate", folder, *EVALUATE, healthy),
        6: ("check", folder, "--reference", healthy, *EVALUATE[:2], "--any-status"),
    }
    return [command for command in (("check", folder), others.get(seed % 8)) if command]


def faults_of(command, *, failing):
    """What is wrong with what a command does."""
    done = CliRunner().invoke(main, [str(a) for a in command], env={"COLUMNS": "200"})
    codes = (0, 1, 2, 3) if command[0] == "check" else (0, 2)
    wrong = {
        f"raised {done.exception!r}": done.exception is not None and not isinstance(done.exception, SystemExit),
        f"exit {done.exit_code}": done.exit_code not in codes,
        "a traceback, or a fault of ours": "Traceback" in done.output or "fault of gandiag's own" in done.output,
        "steers the terminal": UNSEEN.search(done.output.replace("\n", "")),
        "refused without a word": done.exit_code == 2 and not done.stderr.startswith("gandiag: "),
        "healthy": failing and command[0] == "check" and "--reference" not in command and done.exit_code == 0,
    }
    return [f"{command[0]}: {fault}: {done.output[:1000]}" for fault, holds in wrong.items() if holds]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_damage_gives_a_traceback_or_makes_a_failing_run_healthy(healthy_run, failing_run, tmp_path, chunk):
    """Two thirds of the mutants are of a failing run; the seed names the mutant."""
    found = []
    for seed in range(chunk, MUTANTS, CHUNKS):
        failing = bool(seed % 3)
        folder = shutil.copytree(failing_run if failing else healthy_run, tmp_path / "run")
        done = mutants.mutate(folder, seed)
        for command in asked(seed, folder, tmp_path, healthy_run):
            found += [(seed, done, fault) for fault in faults_of(command, failing=failing)]
        shutil.rmtree(folder)
    assert not found


BOUNDED = """
import resource, sys
from pathlib import Path
from click.testing import CliRunner
from gandiag.cli.main import main

for folder in sys.argv[2:]:
    seconds = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + {seconds} + 5
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    done = CliRunner().invoke(main, [sys.argv[1], folder])
    assert done.exit_code in (0, 1, 2, 3), done
    assert "Traceback" not in done.output and "own (" not in done.output, done.output
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(folder, int(peak.split()[1]) * 1024, flush=True)  # ru_maxrss would begin with that of the parent
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "report"])
def test_nothing_takes_long_or_much_room(healthy_run, tmp_path, command):
    """Archives, tables, pictures and texts that would expand without end, in a process of its own with bounds."""
    folders = []
    for bomb in bombs.BOMBS if command == "check" else (bombs.faults_by_the_thousand, bombs.snapshots_that_expand):
        folders.append(shutil.copytree(healthy_run, tmp_path / bomb.__name__))
        bomb(folders[-1])
    script = [sys.executable, "-W", "ignore", "-c", BOUNDED.format(seconds=MOST_SECONDS), command, *map(str, folders)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stdout.splitlines():
        name, held = line.split()
        assert int(held) < MOST_MEMORY, Path(name).name
    assert len(done.stdout.splitlines()) == len(folders)
