"""`python -m benchmarks.corpus`, `.bench` and `.reproduce`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_corpora import row, write_corpus
from click.testing import CliRunner

from benchmarks.bench.__main__ import main as bench
from benchmarks.bench.kinds import main as kinds
from benchmarks.corpus import CONFIGURATIONS
from benchmarks.corpus.__main__ import main as corpus
from benchmarks.remedies.__main__ import main as remedies
from benchmarks.reproduce.__main__ import main as reproduce
from gandiag import synthetic

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "corpus.json"


def invoke(command, *arguments):
    return CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


def test_the_corpus_can_be_listed_without_training(tmp_path, monkeypatch):
    """Every configuration with what it is meant to be; nothing is written."""
    monkeypatch.chdir(tmp_path)
    done = invoke(corpus, "--list")
    assert all(configuration.name in done.output for configuration in CONFIGURATIONS)
    assert not list(tmp_path.iterdir())
    refused = invoke(corpus, "--only", "ring9")
    assert refused.exit_code == 2
    assert "--only: no configuration is called 'ring9'" in refused.stderr


@pytest.mark.slow
def test_a_corpus_is_made_and_scored(tmp_path):
    """From nothing to the tables, by the two commands; a watched run comes out as committed."""
    folder = tmp_path / "corpus"
    made = invoke(corpus, "--out", folder, "--only", "dirac-minimax", "--seeds", "1", "--processes", "1")
    assert made.exit_code == 0
    assert "1 oscillation" in made.output
    (run,) = json.loads((folder / "manifest.json").read_text())["runs"]
    (expected,) = [r for r in json.loads(COMMITTED.read_text())["runs"] if r["name"] == run["name"]]
    assert run["failures"] == expected["failures"]
    assert run["figures"] == pytest.approx(expected["figures"], rel=1e-3, abs=1e-3)
    scored = invoke(bench, folder, "--markdown", tmp_path / "bench.md", "--processes", "1")
    assert scored.exit_code == 0
    assert "oscillation" in scored.output
    assert "`oscillation`" in (tmp_path / "bench.md").read_text()


@pytest.mark.parametrize("command", [bench, kinds, remedies])
def test_a_folder_that_is_no_corpus_is_refused(command, tmp_path):
    """One sentence that names it."""
    done = invoke(command, tmp_path)
    assert done.exit_code == 2
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_corpus_without_failing_runs_has_nothing_to_be_tried_on(tmp_path):
    """One sentence; nothing is trained."""
    write_corpus(tmp_path, [(row("ring8-r1-s200"), synthetic.healthy(0, 400))])
    done = invoke(remedies, tmp_path)
    assert done.exit_code == 2
    assert "no run fails among the first of these seeds and configurations" in done.stderr


def test_reproduce_refuses_what_it_does_not_know():
    """And says what it knows."""
    done = invoke(reproduce, "imagenet")
    assert done.exit_code == 2
    assert "dirac" in done.stderr
