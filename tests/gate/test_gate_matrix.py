"""Targets by references by formats: the exit codes of real processes, and what readers of the formats make of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources

import jsonschema
import numpy as np
import pytest
from junitparser import JUnitXml
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif
from test_cli import store

from gandiag import synthetic
from gandiag.modes import preset

BANK = ["--generator", "bank_model:build", "--latent", "normal:65", "--n", "1000"]
TARGETS = {
    "weights": (["healthy.pt", *BANK], 0),
    "weights of an average": (["ema.pt", *BANK], 1),
    "safetensors": (["weights.safetensors", *BANK], 0),
    "program": (["collapsed.pt2", "--n", "1000"], 1),
    "arrays": (["good.npz"], 0),
    "arrays of few": (["bad.npz"], 1),
}
PAIRS = {  # a healthy and a failing target for each reference
    "weights": ("real samples", "classifier", "both", "function"),
    "weights of an average": ("real samples", "classifier"),
    "arrays of few": ("both", "function"),
}
REFERENCES = {
    "real samples": ["--reference", "real.npz"],
    "classifier": ["--modes", "digits"],
    "both": ["--reference", "real.npz", "--modes", "digits"],
    "function": ["--reference", "real.npz", "--modes", "bank_model:classes"],
}
SCHEMA = json.loads((resources.files("gandiag.gate") / "check.schema.json").read_text())


@pytest.fixture(scope="module")
def outcomes(world, processes):
    """All of the matrix, once."""
    cases = {}
    for target, (arguments, code) in TARGETS.items():
        for reference in PAIRS.get(target, ("both",)):
            options = [*REFERENCES[reference], "--extractor", "pixels", "--json"]
            cases[f"{target} / {reference}"] = ([*arguments, *options], code)
    rng = np.random.default_rng(0)
    points, labels = preset("ring8_pacgan").sample(4000, rng)
    np.savez(world / "ring.npz", points=points)
    np.savez(world / "lost.npz", points=points[labels != 3])
    ring = ["--reference", "ring8_pacgan", "--json"]
    cases["points / mixture"] = (["ring.npz", *ring], 0)
    cases["points without a mode / mixture"] = (["lost.npz", *ring], 1)
    cases["few / real samples"] = (["few", "--reference", "real.npz", "--json"], 3)
    cases["weights / nothing"] = (["healthy.pt", *BANK, "--json"], 3)
    cases["folder / real samples"] = (["pngs", "--reference", "real.npz", "--modes", "digits", "--json"], 0)
    cases["weights / missing"] = (["healthy.pt", *BANK, "--reference", "nowhere", "--json"], 2)
    cases["factory that fails"] = (["healthy.pt", "--generator", "bank_model:broken", "--json"], 2)
    cases["factory that leaves"] = (["healthy.pt", "--generator", "bank_model:leaving", "--json"], 2)
    cases["weights / statistics"] = (_statistics(world), 0)
    good = store(synthetic.healthy(), world / "runs-healthy")
    bad = store(synthetic.mode_collapse(at=1500), world / "runs-collapsed")
    cases["run"], cases["collapsed run"] = ([good, "--json"], 0), ([bad, "--json"], 1)
    found = processes([arguments for arguments, _ in cases.values()])
    return {name: (code, *seen) for (name, (_, code)), seen in zip(cases.items(), found, strict=True)}


def _statistics(world):
    from gandiag.quality.extractors.own import DigitsExtractor
    from gandiag.quality.sources.open import open_source

    rows = np.concatenate([
        DigitsExtractor()(batch).features.numpy() for batch in open_source(world / "real.npz").batches(500)
    ])  # fmt: skip
    np.savez(world / "real-statistics.npz", mu=rows.mean(axis=0), sigma=np.cov(rows, rowvar=False))
    by = ["--reference", "real-statistics.npz", "--extractor", "digits", "--bound", "frechet < 100000"]
    return ["healthy.pt", *BANK, *by, "--json"]


def test_every_target_by_every_reference_exits_as_it_should(outcomes):
    """0 passed, 1 failing, 2 unreadable, 3 could not decide: of real processes."""
    wrong = {name: (wanted, code, err[-300:]) for name, (wanted, code, _, err) in outcomes.items() if code != wanted}
    assert not wrong


def test_what_is_printed_follows_the_schema_that_is_shipped(outcomes):
    """Of every case that was judged, and the exit code stands in it, too."""
    seen = [(json.loads(out), code) for _, code, out, _ in outcomes.values() if out]
    assert len(seen) > 15
    for content, code in seen:
        jsonschema.validate(content, SCHEMA)
        assert content["exit_code"] == code


def test_what_cannot_be_judged_is_said_in_one_sentence(outcomes):
    """On stderr, without a traceback."""
    for name, part in (
        ("weights / missing", "there is no file or folder nowhere"),
        ("factory that fails", "RuntimeError: no such file: config.yaml"),
        ("factory that leaves", "SystemExit: 1"),
    ):
        _, _, out, err = outcomes[name]
        assert part in err
        assert "Traceback" not in out + err


def test_the_lost_class_is_named(outcomes):
    """Which mode, with the bound of its share."""
    content = json.loads(outcomes["points without a mode / mixture"][2])
    row = next(r for r in content["targets"][0]["rules"] if r["rule"] == "lost-modes")
    assert row["details"]["lost"] == [3]
    assert row["details"]["upper_shares"][0] < 0.01
    assert row["confidence"] > 0.999


def test_junit_and_sarif_are_read_by_their_readers(gate, world):
    """Failures, errors and skipped rules by the JUnit reader; SARIF by the types that its schema gives."""
    code = {"ema.pt": 1, "healthy.pt": 0, "few": 3}
    for target, wanted in code.items():
        arguments = [target, *(BANK if target.endswith(".pt") else []), "--reference", "real.npz"]
        done = gate(*arguments, "--junit", "out.xml", "--sarif", "out.sarif")
        assert done.exit_code == wanted, done.output
        suites = JUnitXml.fromfile(str(world / "out.xml"))
        assert (suites.failures > 0) == (wanted == 1)
        assert (suites.errors > 0) == (wanted == 3)
        assert suites.tests == sum(1 for suite in suites for _ in suite)
        read = Sarif.model_validate_json((world / "out.sarif").read_text())
        levels = [result.level.value for result in read.runs[0].results or []]
        assert ("error" in levels) == (wanted == 1)
        uris = {r.locations[0].physicalLocation.artifactLocation.uri for r in read.runs[0].results or []}
        assert uris <= {target}


def test_github_is_told_by_annotations_and_a_summary(gate, world, monkeypatch):
    """Escaped as workflow commands are; the summary names the picture of samples."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(world / "summary.md"))
    done = gate("ema.pt", *BANK, "--reference", "real.npz", "--format", "github", "--report", "report")
    assert done.exit_code == 1
    errors = [line for line in done.output.splitlines() if line.startswith("::error ")]
    assert any(line.startswith("::error file=ema.pt,title=mode-collapse%3A lost-parts::") for line in errors)
    assert all("%25" in line for line in errors if " %" in line.replace("%25", " %"))
    summary = (world / "summary.md").read_text()
    assert "| lost-parts | ❌ failed |" in summary
    assert "Samples: `report/ema.pt-samples.png`" in summary
    assert (world / "report" / "ema.pt-samples.png").read_bytes()[1:4] == b"PNG"
    assert "mode-collapse" in (world / "report" / "report.html").read_text()
    assert (world / "report" / "report.pdf").read_bytes()[:4] == b"%PDF"


@pytest.mark.slow
def test_the_command_itself_exits_so(world):
    """From the start of Python on."""
    command = [sys.executable, "-m", "gandiag", "check", "bad.npz", "--reference", "real.npz"]
    done = subprocess.run(command, cwd=world, capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "gandiag check failed: bad.npz" in done.stdout
