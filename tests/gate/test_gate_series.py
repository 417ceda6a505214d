"""Several targets in one check: series, mixed kinds, and the ways in beside the command."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from test_cli import store

from gandiag import synthetic

ROOT = Path(__file__).parents[2]
BANK = ["--generator", "bank_model:build", "--latent", "normal:65", "--n", "1000", "--reference", "real.npz"]

pytest_plugins = ["pytester"]


def test_a_series_says_where_collapse_began(gate):
    """From which checkpoint on, and which is the last healthy one; the reference is read once."""
    done = gate("ckpt_*.pt", *BANK)
    assert done.exit_code == 1
    assert "ckpt_#.pt: collapsed from step 300 on; the last healthy one is 200" in done.output
    assert gate("ckpt_000[12]00.pt", *BANK).exit_code == 0
    nothing = gate("nothing_*.pt", *BANK)
    assert nothing.exit_code == 2
    assert "nothing_*.pt: nothing matches" in nothing.stderr


def test_a_report_of_a_series_says_the_same(gate, world):
    """One of all its checkpoints beside one of each, with a finding from the first on that has it for good."""
    done = gate("ckpt_*.pt", *BANK, "--report", "series")
    assert done.exit_code == 1
    (note,) = (line for line in done.output.splitlines() if line.startswith("report of ckpt_#.pt: "))
    page, paper = (world / path for path in note.removeprefix("report of ckpt_#.pt: ").split(", "))
    assert paper.read_bytes()[:4] == b"%PDF"
    text = page.read_text()
    assert "collapsed from step 300 on; the last healthy one is 200" in text
    assert "oad the checkpoint of step 200, or the last one before it (the last healthy one)" in text
    assert {entry.name for entry in (world / "series").iterdir() if entry.is_dir()} == {
        page.parent.name, *(f"ckpt_000{step}.pt" for step in (100, 200, 300, 400))
    }  # fmt: skip


def test_runs_samples_and_checkpoints_in_one_check(gate, world):
    """The worst of them decides; one that cannot be read does not hide another."""
    run = store(synthetic.healthy(), world / "mixed-run")
    good = gate(run, "good.npz", "ckpt_000100.pt", *BANK)
    assert good.exit_code == 0, good.output
    (world / "broken.pt").write_bytes(b"PK")
    worse = gate(run, "broken.pt", "ckpt_000100.pt", *BANK)
    assert worse.exit_code == 2
    assert "broken.pt" in worse.stderr
    assert gate("broken.pt", "ckpt_000400.pt", *BANK).exit_code == 1


def test_no_exception_passes_for_a_collapse(gate, monkeypatch):
    """Of the generator, and of gandiag's own code: both exit with 2, where Python itself would exit with 1."""
    done = gate("healthy.pt", *(a.replace(":build", ":crashing") for a in BANK))
    assert done.exit_code == 2
    assert "cannot make samples: KeyError" in done.stderr

    def broken(*_, **__):
        raise KeyError("ours")

    monkeypatch.setattr("gandiag.gate.sampled.judged", broken)
    done = gate("healthy.pt", *BANK)
    assert done.exit_code == 2
    assert "a fault of gandiag's own" in done.stderr


def test_the_pytest_fixture_prints_the_finding(pytester, world):
    """A passing checkpoint passes and gives the result back; a collapsed one fails with evidence and mechanism."""
    for name in ("bank_model.py", "ckpt_000100.pt", "ckpt_000400.pt", "real.npz"):
        shutil.copy(world / name, pytester.path / name)
    pytester.makepyfile("""
        from bank_model import build

        OPTIONS = dict(generator=build, latent="normal:65", reference="real.npz", n=1000)

        def test_healthy(gan_check):
            assert gan_check("ckpt_000100.pt", **OPTIONS).exit_code == 0

        def test_collapsed(gan_check):
            gan_check("ckpt_000400.pt", **OPTIONS)

        def test_unreadable(gan_check):
            gan_check("nowhere.pt", **OPTIONS)
    """)
    found = pytester.runpytest_inprocess("-p", "no:randomly", "-q")
    found.assert_outcomes(passed=1, failed=2)
    found.stdout.fnmatch_lines([
        "*gandiag check failed: ckpt_000400.pt*",
        "*mode-collapse: *of the data are left out*",
        "*evidence: lost-parts = *",
        "*G is rewarded for samples*",
        "*try: *",
    ])  # fmt: skip
    found.stdout.fnmatch_lines(["*gandiag: nowhere.pt: there is no such file or folder*"])
    found.stdout.no_fnmatch_line("*Traceback*")


WORKFLOW = ROOT / "docs" / "gate-workflow.yml"


@pytest.mark.slow
def test_the_workflow_is_green_on_a_healthy_and_red_on_a_collapsed_checkpoint(world, tmp_path):
    """Its steps, run as a runner would: the action's own script with the workflow's inputs."""
    workflow = yaml.safe_load(WORKFLOW.read_text())
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = [step for step in workflow["jobs"]["gate"]["steps"] if "gandiag" in step.get("uses", "")]
    assert [step["name"] for step in steps] == ["Healthy checkpoint", "Collapsed checkpoint"]
    for step, wanted in zip(steps, (0, 1), strict=True):
        output, summary = tmp_path / f"out-{wanted}", tmp_path / f"summary-{wanted}"
        inputs = {name: given.get("default", "") for name, given in action["inputs"].items()} | step["with"]
        inputs |= {"install": "", "python": sys.executable}
        for part in action["runs"]["steps"]:
            if part.get("if") == "inputs.install != ''" and not inputs["install"]:
                continue
            names = {key: inputs[value.split("inputs.")[1].split(" ")[0]] for key, value in part["env"].items()}
            environment = {**os.environ, **names, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
            script = tmp_path / "script.sh"
            script.write_text(part["run"])
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            done = subprocess.run(shell, cwd=world, env={**environment, "OMP_NUM_THREADS": "1"}, capture_output=True,
                                  text=True, check=False, timeout=120)  # fmt: skip
            assert done.returncode == wanted, done.stderr
        assert f"exit-code={wanted}" in output.read_text()
        assert ("❌ failed" in summary.read_text()) == bool(wanted)
        assert ("::error " in done.stdout) == bool(wanted)
        for file in ("junit.xml", "gandiag.sarif", "report.html", "report.pdf"):
            assert (world / inputs["report"] / file).stat().st_size > 100


def test_the_hook_names_a_command_that_there_is():
    """pre-commit passes checkpoints to it."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "gandiag check"
    assert "pt2" in hook["files"]


@pytest.mark.slow
def test_checkpoints_are_spread_over_the_ranks_of_torchrun(world):
    """Two processes, one output, the series in order; both exit alike."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gandiag"]
    arguments = ["--samples" if argument == "--n" else argument for argument in BANK]
    done = subprocess.run([*command, "check", "ckpt_*.pt", *arguments], cwd=world, capture_output=True, text=True,
                          check=False, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("collapsed from step 300 on") == 1
    assert done.stdout.index("ckpt_000100.pt") < done.stdout.index("ckpt_000400.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_program_with_labels_must_follow_its_latents(gate, world):
    """Within a class, too; without --labels it says what it takes."""
    generator = runpy.run_path(str(world / "bank_model.py"))["conditional"]()
    with np.load(world / "real.npz") as data:
        images, labels = torch.from_numpy(data["images"]).float() / 127.5 - 1, data["labels"]
    bank = torch.stack([images[labels == digit][:174] for digit in range(10)], dim=1).reshape(1740, 1, 8, 8)
    batch = torch.export.Dim("batch", min=2)
    for name, gain, rows in (("good", 0.05, bank), ("flat", 0.0, bank[:10].repeat(174, 1, 1, 1))):
        generator.load_state_dict({"bank": rows, "gain": torch.tensor(gain)})
        example = (torch.randn(8, 65), torch.arange(8))
        program = torch.export.export(generator.eval(), example, dynamic_shapes=({0: batch}, {0: batch}))
        torch.export.save(program, world / f"labels-{name}.pt2")
    by = ["--n", "1000", "--reference", "real.npz", "--json"]
    for name, outcome in (("good", "passed"), ("flat", "failed")):
        found = json.loads(gate(f"labels-{name}.pt2", "--labels", "uniform:10", *by).output)
        assert {r["rule"]: r["outcome"] for r in found["targets"][0]["rules"]}["latents"] == outcome
    without = gate("labels-good.pt2", *by)
    assert without.exit_code == 2
    assert "--labels uniform:CLASSES asks for classes" in without.stderr


def test_a_conditional_checkpoint_is_judged_class_by_class(gate, world):
    """Classes are asked for in turn; one that stopped varying, and two that are swapped, are named."""
    with np.load(world / "real.npz") as data:
        images, labels = torch.from_numpy(data["images"]).float() / 127.5 - 1, data["labels"]
    bank = torch.stack([images[labels == digit][:174] for digit in range(10)], dim=1)  # (174, 10, 1, 8, 8)
    tight, swapped = bank.clone(), bank[:, [0, 1, 2, 3, 4, 5, 6, 8, 7, 9]]
    tight[:, 4] = bank[0, 4]
    conditional = ["--generator", "bank_model:conditional", "--latent", "normal:65", "--labels", "uniform:10"]
    by = ["--n", "3000", "--reference", "real.npz", "--modes", "digits", "--json"]
    for name, content, rule, detail in (
        ("good", bank, None, None),
        ("tight", tight, "tight-classes", ("collapsed", [4])),
        ("swapped", swapped, "ignored-classes", ("ignored", [7, 8])),
    ):
        torch.save({"bank": content.reshape(1740, 1, 8, 8), "gain": torch.tensor(0.05)}, world / f"class-{name}.pt")
        found = json.loads(gate(f"class-{name}.pt", *conditional, *by).output)
        rows = {row["rule"]: row for row in found["targets"][0]["rules"]}
        assert {"tight-classes", "ignored-classes"} <= set(rows)
        failed = {r for r in ("tight-classes", "ignored-classes") if rows[r]["outcome"] == "failed"}
        assert failed == ({rule} if rule else set())
        if detail:
            assert rows[rule]["details"][detail[0]] == detail[1]
